-- internal.policies: the value of each policy for each account now; an account's own row goes before the default
-- reads:  internal.accounts, billing_policies
-- grain:  one row per (billing_account_id, policy)
with
  zones as (select distinct time_zone, known_as_of from internal.accounts),
  dated as (   -- there are few zones and many accounts
    select policies.*, zones.time_zone
    from main.billing_policies as policies cross join zones
    where internal.instant_of(policies.valid_from, zones.time_zone) <= zones.known_as_of
      and coalesce(internal.instant_of(policies.valid_until, zones.time_zone) > zones.known_as_of, true)
  ),
  said as (   -- two joins: one with an `or` would compare every account with every row
    select accounts.billing_account_id, dated.policy, dated.value, dated.valid_from, false as is_own
    from internal.accounts as accounts join dated using (time_zone) where dated.billing_account_id is null
    union all
    select accounts.billing_account_id, dated.policy, dated.value, dated.valid_from, true
    from internal.accounts as accounts join dated using (time_zone, billing_account_id)
  )
select billing_account_id, policy, arg_max(value, (is_own, valid_from)) as value
from said
group by all
