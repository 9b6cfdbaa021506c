-- internal.movements: each movement of a grant with the day its customer reads, in the account's calendar
-- reads:  grant_movements, charges, internal.accounts
-- grain:  one row per movement_id
select movements.*,
  -- a charge is of the last day it covers, not of the midnight it ends at
  internal.day_of(
    case when movements.charge_id is null then movements.occurred_at
      else greatest(movements.occurred_at - to_microseconds(1), charges.charge_period_start) end,
    accounts.time_zone
  ) as day
from main.grant_movements as movements
left join main.charges as charges using (charge_id)
left join internal.accounts as accounts on accounts.billing_account_id = movements.billing_account_id
