-- cost_policy_events_are_of_reached_limits: an event is said once, of a limit that was reached as its run measured it (W5)
-- reads:  internal.cost_policy_events, internal.cost_policy_measures
select 'event' as what, events.cost_policy_id, events.billing_account_id, events.sub_account_id, events.billing_period,
  events.measured, events."limit", measures.measured as measured_by_its_run
from internal.cost_policy_events as events
left join internal.cost_policy_measures as measures
  using (cost_policy_id, billing_account_id, billing_period, commit_number)
where events.measured < events."limit"
  or events.measured <> measures.measured
  or events."limit" <> measures."limit"
  or not measures.is_crossing
union all
select 'said again', cost_policy_id, billing_account_id, sub_account_id, billing_period,
  max(measured), max("limit"), null
from internal.cost_policy_events
group by all having count(*) > 1
union all
select 'not said', measures.cost_policy_id, measures.billing_account_id, measures.sub_account_id, measures.billing_period,
  null, measures."limit", measures.measured
from internal.cost_policy_measures as measures
anti join internal.cost_policy_events as events
  on events.cost_policy_id = measures.cost_policy_id and events.billing_account_id = measures.billing_account_id
  and events.billing_period = measures.billing_period
  and events.sub_account_id is not distinct from measures.sub_account_id
where measures.is_crossing
