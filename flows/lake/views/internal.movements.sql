-- internal.movements: each movement of a grant, its day in the account's calendar, and the service it paid
-- reads:  grant_movements, charges, internal.accounts
-- grain:  one row per movement_id
with
  given as (
    select grant_id, min(occurred_at) as given_at
    from main.grant_movements
    where movement in ('credited', 'transfer_accumulation')
    group by all
  )
select movements.*, charges.service,
  internal.day_of(
    greatest(   -- nothing leaves a grant before the day it came, also if it pays for an earlier month
      -- a charge is of the last day it covers, and a month's floor of its last day, not of the midnight it ends at
      case when movements.movement = 'minimum_consumption' then movements.occurred_at - to_microseconds(1)
        when movements.charge_id is null then movements.occurred_at
        else greatest(movements.occurred_at - to_microseconds(1), charges.charge_period_start) end,
      given.given_at
    ),
    accounts.time_zone
  ) as day
from main.grant_movements as movements
left join given using (grant_id)
left join main.charges as charges using (charge_id)
left join internal.accounts as accounts on accounts.billing_account_id = movements.billing_account_id
