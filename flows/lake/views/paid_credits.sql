-- paid_credits: the page of paid credits; one without a balance stays for the months its kind says (K6, S3.25 to S3.28)
-- reads:  internal.visible_grants
-- grain:  one row per grant of a paid kind that is still to be seen
select
  billing_account_id, grant_id, name,
  internal.day_of(occurred_at, time_zone) as purchase_date,
  granted_amount as purchase_amount,
  (granted_amount - balance)::decimal(38,4) as used_amount,
  balance as remaining_amount,
  internal.days_of(window_start, window_end, time_zone) as usage_period,
  status, billing_currency
from internal.visible_grants
where terminal_status = 'refunded'
