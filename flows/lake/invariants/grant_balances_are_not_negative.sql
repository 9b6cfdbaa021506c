-- grant_balances_are_not_negative: credited + received + returned − all that went is at least zero (K1)
-- reads:  grant_movements
select grant_id, billing_account_id, sum(amount) as balance
from grant_movements
group by all
having sum(amount) < 0
