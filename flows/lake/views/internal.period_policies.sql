-- internal.period_policies: the value of each policy for an account at the last instant of a billed period
-- reads:  account_periods, billing_policies
-- grain:  one row per (billing_account_id, billing_period, policy)
select periods.billing_account_id, periods.billing_period, policies.policy, policies.value
from main.account_periods as periods
join main.billing_policies as policies
  on policies.billing_account_id is null or policies.billing_account_id = periods.billing_account_id
where internal.instant_of(policies.valid_from, periods.time_zone) < periods.period_end
  and coalesce(internal.instant_of(policies.valid_until, periods.time_zone) >= periods.period_end, true)
qualify row_number() over (
  partition by periods.billing_account_id, periods.billing_period, policies.policy
  order by policies.billing_account_id is null, policies.valid_from desc
) = 1
