-- free_credits: the page of free credits; one without a balance stays for the months its kind says (K6, S3.13 to S3.18)
-- reads:  internal.visible_grants
-- grain:  one row per grant of a free kind that is still to be seen
select
  billing_account_id, grant_id, name,
  internal.days_of(window_start, window_end, time_zone) as usage_period,
  granted_amount as accumulated_amount,
  (granted_amount - balance)::decimal(38,4) as used_amount,
  balance as remaining_amount,
  -- a service by its name alone, any other term as it is written
  [case when starts_with(term, 'service:') then term[9:] else term end for term in include] as services,
  include, status, billing_currency
from internal.visible_grants
where terminal_status = 'recovered'
