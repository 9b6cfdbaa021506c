-- trial_balance_is_zero: the whole ledger sums to zero, per currency (B1)
-- reads:  trial_balance
select billing_currency, sum(balance) as balance
from trial_balance
group by all
having sum(balance) <> 0
