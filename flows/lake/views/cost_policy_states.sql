-- cost_policy_states: how far each cost policy is from its limit: the policy as it is now, and what was measured last (W5)
-- reads:  internal.accounts, cost_policies, cost_policy_measures, cost_policy_events, skus
-- grain:  one row per (cost_policy_id, billing_account_id)
with
  dated as (
    select watching.*, accounts.billing_currency, accounts.known_as_of,
      internal.instant_of(watching.valid_from, accounts.time_zone) as policy_starts,
      internal.instant_of(watching.valid_until, accounts.time_zone) as policy_ends
    from cost_policies as watching join internal.accounts as accounts using (billing_account_id)
  ),
  policies as (   -- one that is over, or begins later, is still shown
    select * from dated
    qualify row_number() over (
      partition by cost_policy_id, billing_account_id
      order by policy_starts < known_as_of desc, coalesce(policy_ends <= known_as_of, false), policy_starts desc
    ) = 1
  ),
  last_measures as (
    select * from cost_policy_measures
    qualify row_number() over (partition by cost_policy_id, billing_account_id order by billing_period desc) = 1
  ),
  last_events as (
    select * from cost_policy_events
    qualify row_number() over (
      partition by cost_policy_id, billing_account_id order by billing_period desc, known_as_of desc
    ) = 1
  ),
  units as (
    select sku_id, arg_max(pricing_unit, valid_from) as pricing_unit from skus group by sku_id
  )
select
  policies.cost_policy_id, policies.billing_account_id, policies.sub_account_id, policies.measure, policies.sku_id,
  policies.cost_position, policies.period, policies.action, last_measures.billing_period, last_measures.measured,
  policies."limit",
  case policies.measure when 'cost' then policies.billing_currency else units.pricing_unit end as unit,
  internal.percent_of(last_measures.measured, policies."limit") as reached_percent,
  last_events.billing_period as last_event_period, last_events.known_as_of as last_event_at,
  last_measures.known_as_of
from policies
left join last_measures using (cost_policy_id, billing_account_id)
left join last_events using (cost_policy_id, billing_account_id)
left join units on units.sku_id = policies.sku_id
