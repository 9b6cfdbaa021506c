-- internal.period_policies: the value of each policy for an account at the last instant of a period, as the run that billed it knew it
-- reads:  account_periods, internal.billing_policies, internal.billed_periods, internal.journal, internal.candidate
-- grain:  one row per (billing_account_id, billing_period, policy)
with
  known as (   -- a policy that was changed since waits for the period's next run
    select billed.billing_period, coalesce(runs.reference_digest, candidate.reference_digest) as reference_digest
    from internal.billed_periods as billed
    left join internal.journal as runs using (commit_number)
    cross join internal.candidate as candidate
  )
select periods.billing_account_id, periods.billing_period, policies.policy, policies.value
from main.account_periods as periods
join known using (billing_period)
join internal.billing_policies as policies
  on policies.reference_digest = known.reference_digest
  and (policies.billing_account_id is null or policies.billing_account_id = periods.billing_account_id)
where internal.instant_of(policies.valid_from, periods.time_zone) < periods.period_end
  and coalesce(internal.instant_of(policies.valid_until, periods.time_zone) >= periods.period_end, true)
qualify row_number() over (
  partition by periods.billing_account_id, periods.billing_period, policies.policy
  order by policies.billing_account_id is null, policies.valid_from desc
) = 1
