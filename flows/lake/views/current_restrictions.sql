-- current_restrictions: what a deployment gate asks: the state of each account and project, and what put it there (I5, W5)
-- reads:  account_restrictions, cost_policy_measures, skus
-- grain:  one row per (billing_account_id, sub_account_id, cause, cost_policy_id)
with
  last_changes as (
    select * from account_restrictions
    qualify changed_at = max(changed_at) over (partition by billing_account_id, sub_account_id, cause)
  ),
  last_measures as (
    select cost_policy_id, billing_account_id, measure, sku_id, measured, "limit"
    from cost_policy_measures
    qualify row_number() over (partition by cost_policy_id, billing_account_id order by billing_period desc) = 1
  ),
  units as (
    select sku_id, arg_max(pricing_unit, valid_from) as pricing_unit from skus group by sku_id
  )
select
  changes.billing_account_id, changes.sub_account_id, changes.cause, changes.state, changes.cost_policy_id,
  coalesce(changes.used_amount, last_measures.measured)::decimal(38,15) as measured,
  coalesce(changes.total_amount, last_measures."limit")::decimal(38,15) as "limit",
  case last_measures.measure when 'quantity' then units.pricing_unit else changes.billing_currency end as unit,
  changes.changed_at
from last_changes as changes
left join last_measures using (cost_policy_id, billing_account_id)
left join units on units.sku_id = last_measures.sku_id
