-- holds: accounts that are not billed, or not as they should be today, and why
-- reads:  holds
-- grain:  one row per (billing_account_id, billing_period, reason_code)
select billing_account_id, billing_period, reason_code, any_value(reason) as reason
from holds
group by all
