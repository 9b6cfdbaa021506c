-- internal.period_policies: the value of each policy that invariants ask for, for an account at the last instant of a period, as the run that billed it knew it
-- reads:  account_periods, internal.billing_policies, internal.billed_periods, internal.journal, internal.candidate
-- grain:  one row per (billing_account_id, billing_period, policy)
with
  known as (   -- a policy that was changed since waits for the period's next run
    select billed.billing_period, coalesce(runs.reference_digest, candidate.reference_digest) as reference_digest
    from internal.billed_periods as billed
    left join internal.journal as runs using (commit_number)
    cross join internal.candidate as candidate
  ),
  zones as (select distinct time_zone from main.account_periods),
  dated as (   -- there are few zones and many accounts
    select policies.*, zones.time_zone,
      internal.instant_of(policies.valid_from, zones.time_zone) as starts,
      internal.instant_of(policies.valid_until, zones.time_zone) as ends
    from internal.billing_policies as policies cross join zones
    where policies.policy in ('eligibility', 'organization_credit', 'payable_increment', 'rounding_tax', 'tax_rounding')
  ),
  asked as (
    select periods.billing_account_id, periods.billing_period, periods.time_zone, periods.period_end,
      known.reference_digest
    from main.account_periods as periods join known using (billing_period)
  ),
  said as (   -- two joins: one with an `or` would compare every account with every row
    select asked.*, dated.policy, dated.value, dated.valid_from, dated.starts, dated.ends, false as is_own
    from asked join dated using (reference_digest, time_zone) where dated.billing_account_id is null
    union all
    select asked.*, dated.policy, dated.value, dated.valid_from, dated.starts, dated.ends, true
    from asked join dated using (reference_digest, time_zone, billing_account_id)
  )
select billing_account_id, billing_period, policy,
  arg_max(value, (is_own, valid_from)) as value   -- an account's own row goes before the default, then the latest
from said
where starts < period_end and coalesce(ends >= period_end, true)
group by all
