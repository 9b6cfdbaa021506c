-- receivable_is_what_is_open: an account's receivable is what its drafts and issued documents leave to pay (B1, I5)
-- reads:  ledger_entries, internal.documents
with
  booked as (
    select billing_account_id, billing_currency, sum(amount) as amount
    from ledger_entries where ledger_account = 'receivable' group by all
  ),
  open as (
    select billing_account_id, billing_currency, sum(open_amount) as amount
    from internal.documents where document_state <> 'month_to_date' group by all
  )
select billing_account_id, billing_currency, booked.amount as receivable, open.amount as open_amount
from booked full join open using (billing_account_id, billing_currency)
where coalesce(booked.amount, 0) <> coalesce(open.amount, 0)
