-- restrictions: whether accounts and projects may make anything new, and what decided it
-- reads:  current_restrictions
-- grain:  one row per account, project, cause and cost policy
select
  billing_account_id, sub_account_id, state, cause, cost_policy_id, measured, "limit", unit, changed_at
from current_restrictions
where of_account(billing_account_id)
order by billing_account_id, sub_account_id nulls first, cause, cost_policy_id
