-- bonuses: each time a bonus came or went
-- reads:  bonus_credits
-- grain:  one row per movement of a before-tax grant that was not bought
-- wide:   name, billing_period, movement, grant_id
-- status: credited, charged, returned, expired, transfer_accumulation, transfer_deduction, allocated, minimum_consumption, recovered, refunded
select
  billing_account_id, date, sum, billing_currency, expiration, description, name, billing_period, movement, grant_id
from bonus_credits
where of_account(billing_account_id)
  and of_period(billing_period)
  and of_status(movement)
  and of_day(date)
  and of_sum(sum)
order by billing_account_id, date, sum < 0, expense_number, name, sum, grant_id
