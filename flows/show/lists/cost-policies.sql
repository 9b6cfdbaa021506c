-- cost-policies: what each cost policy watches, how much of its limit is reached, and when it last was
-- reads:  cost_policy_states
-- grain:  one row per cost policy and account
-- wide:   known_as_of, last_event_at
select
  cost_policy_id, billing_account_id, sub_account_id, measure, sku_id, cost_position, period, billing_period,
  measured, "limit", unit, reached_percent, action, last_event_period, last_event_at, known_as_of
from cost_policy_states
where of_account(billing_account_id)
order by billing_account_id, cost_policy_id
