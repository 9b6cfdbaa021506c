-- credit-limit: what each account may owe (blank is unlimited), what it owes by now, and what is left
-- reads:  credit_limit_overview
-- grain:  one row per account
-- wide:   unpaid_issued_amount, unbilled_amount
select
  billing_account_id, total_credit_limit, used_credit_limit, available_credit,
  internal.percent_of(used_credit_limit, total_credit_limit) as used_percent, unpaid_issued_amount, unbilled_amount,
  billing_currency, state
from credit_limit_overview
where of_account(billing_account_id)
order by billing_account_id
