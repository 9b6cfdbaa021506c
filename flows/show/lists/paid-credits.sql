-- paid-credits: credit that was bought, with what is left of it
-- reads:  paid_credits
-- grain:  one row per grant of a paid kind that is still to be seen
-- wide:   grant_id, usage_period
-- status: scheduled, available, used_up, expired, refunded
select
  billing_account_id, name, purchase_date, purchase_amount, used_amount, remaining_amount, billing_currency,
  usage_period, status, grant_id
from paid_credits
where of_account(billing_account_id)
  and of_status(status)
order by billing_account_id, purchase_date, grant_id
