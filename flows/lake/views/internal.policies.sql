-- internal.policies: the value of each policy for each account now; an account's own row goes before the default
-- reads:  internal.accounts, billing_policies
-- grain:  one row per (billing_account_id, policy)
select accounts.billing_account_id, policies.policy, policies.value
from internal.accounts as accounts
join main.billing_policies as policies
  on coalesce(policies.billing_account_id, accounts.billing_account_id) = accounts.billing_account_id
where internal.instant_of(policies.valid_from, accounts.time_zone) <= accounts.known_as_of
  and coalesce(internal.instant_of(policies.valid_until, accounts.time_zone) > accounts.known_as_of, true)
qualify row_number() over (
  partition by accounts.billing_account_id, policies.policy
  order by policies.billing_account_id is null, policies.valid_from desc
) = 1
