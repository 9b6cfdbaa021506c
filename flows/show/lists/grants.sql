-- grants: credit that was granted, what is left of it, and until when
-- reads:  internal.grant_states
-- grain:  one row per grant
-- wide:   sub_account_id, used_amount, expired_amount, grant_id
-- status: scheduled, available, used_up, expired, recovered, refunded
select
  billing_account_id, sub_account_id, kind, name, granted_amount, used_amount, expired_amount, balance,
  billing_currency, status, internal.days_of(window_start, window_end, time_zone) as usable, grant_id
from internal.grant_states
where of_account(billing_account_id) and of_status(status)
order by billing_account_id, window_start, grant_id
