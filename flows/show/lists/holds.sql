-- holds: accounts that are not billed for now, and why
-- reads:  holds
-- grain:  one row per billing period, account and reason
select
  billing_period, billing_account_id, reason_code, reason, other_charges_amount, billing_currency
from holds
where of_account(billing_account_id) and of_period(billing_period)
order by billing_period, billing_account_id, reason_code, reason
