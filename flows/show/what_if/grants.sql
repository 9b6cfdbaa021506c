-- grants: what became of each grant
-- reads:  internal.grant_states
-- grain:  one row per grant_id
select
  grant_id, billing_account_id, kind, name, billing_currency,
  granted_amount, used_amount, expired_amount, minimum_consumption_amount, balance
from internal.grant_states
