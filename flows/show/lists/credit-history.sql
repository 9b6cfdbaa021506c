-- credit-history: what raised and lowered each credit, in the customer's words
-- reads:  credit_history
-- grain:  one row per movement of a grant
-- wide:   grant_id, billing_period
select
  billing_account_id, name, date, type, amount, billing_currency, target_account_id, service, expense_number,
  billing_period, grant_id
from credit_history
where of_account(billing_account_id)
  and of_period(billing_period)
  and of_day(date)
order by billing_account_id, name, date, amount < 0, expense_number, type, amount, grant_id
