-- free-credits: credit that was given, with what is left of it
-- reads:  free_credits
-- grain:  one row per grant of a free kind that is still to be seen
-- wide:   grant_id, include
-- status: scheduled, available, used_up, expired, recovered
select
  billing_account_id, name, usage_period, accumulated_amount, used_amount, remaining_amount, billing_currency, services,
  include, status, grant_id
from free_credits
where of_account(billing_account_id)
  and of_status(status)
order by billing_account_id, usage_period, grant_id
