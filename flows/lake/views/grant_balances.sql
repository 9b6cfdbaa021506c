-- grant_balances: what is left on each grant (K1, K2)
-- reads:  internal.grant_states
-- grain:  one row per grant_id
select
  grant_id, billing_account_id, kind, name, sub_account_id, window_start, window_end,
  granted_amount, used_amount, expired_amount, balance, status, billing_currency
from internal.grant_states
