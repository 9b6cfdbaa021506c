-- grants: credit that was granted, what is left of it, and until when
-- reads:  grant_balances
-- grain:  one row per grant
-- wide:   sub_account_id, used_amount, expired_amount, window_start, grant_id
select
  billing_account_id, sub_account_id, kind, name, granted_amount, used_amount, expired_amount, balance,
  billing_currency, status, window_start, window_end, grant_id
from grant_balances
where of_account(billing_account_id)
order by billing_account_id, window_start, grant_id
