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
  )
select accounts.billing_account_id, dated.policy,
  arg_max(dated.value, (dated.billing_account_id is not null, dated.valid_from)) as value
from internal.accounts as accounts
join dated on dated.time_zone = accounts.time_zone
  and (dated.billing_account_id is null or dated.billing_account_id = accounts.billing_account_id)
group by all
