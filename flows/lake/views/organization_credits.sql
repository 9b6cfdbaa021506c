-- organization_credits: credit that staff gave to organizations, and what they gave on (S2.5, W1 to W3)
-- reads:  internal.grant_states
-- grain:  one row per grant of kind organization
select
  billing_account_id, grant_id, name, include, granted_amount, used_amount, allocated_amount,
  minimum_consumption_amount, balance, logic, monthly_value, window_start, window_end, status, billing_currency
from internal.grant_states
where kind = 'organization' and sub_account_id is null
