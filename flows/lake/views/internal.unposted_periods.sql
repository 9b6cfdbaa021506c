-- internal.unposted_periods: periods of which an account has seen the month to date only: nothing of them is in the ledger
-- reads:  invoices
-- grain:  one row per (billing_account_id, billing_period)
select billing_account_id, billing_period
from main.invoices where sold_by is null
group by all
having bool_and(document_state = 'month_to_date')
