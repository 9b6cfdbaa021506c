-- internal.accounts: each account as the head knows it; one that is closed, or opens later, is still shown
-- reads:  billing_accounts, internal.head
-- grain:  one row per billing_account_id
with
  dated as (
    select billing_accounts.*, head.known_as_of,
      internal.instant_of(valid_from, time_zone) as starts,
      internal.instant_of(valid_until, time_zone) as ends
    from main.billing_accounts cross join internal.head as head
  )
select * from dated
qualify row_number() over (
  partition by billing_account_id
  order by coalesce(starts <= known_as_of, false) desc, coalesce(ends <= known_as_of, false), starts desc, ends
) = 1
