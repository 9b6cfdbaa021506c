-- rounding_is_on_documents: what the ledger says rounding brought is what drafts and documents show (I7, BT-114, B1)
-- reads:  ledger_entries, invoices
with
  booked as (
    select billing_account_id, billing_currency, -sum(amount) as amount
    from ledger_entries where ledger_account = 'rounding' group by all
  ),
  shown as (
    select billing_account_id, billing_currency, sum(rounding_amount) as amount
    from invoices where document_state <> 'month_to_date' group by all
  )
select billing_account_id, billing_currency, booked.amount as booked_amount, shown.amount as shown_amount
from booked full join shown using (billing_account_id, billing_currency)
where coalesce(booked.amount, 0) <> coalesce(shown.amount, 0)
