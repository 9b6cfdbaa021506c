-- invoices: documents, the latest period first, and what each leaves to pay
-- reads:  invoices, internal.documents
-- grain:  one row per (invoice_id, document_state)
-- wide:   invoice_id, issue_date, total_with_tax
select
  invoices.billing_period, invoices.invoice_number, invoices.billing_account_id, invoices.buyer_legal_name,
  documents.payment_state as state,
  invoices.preceding_invoice_number as corrects,
  invoices.issue_date, invoices.due_date, invoices.total_with_tax, invoices.amount_due, documents.open_amount,
  invoices.billing_currency, invoices.invoice_id
from invoices
join internal.documents as documents using (invoice_id, document_state)
where of_account(invoices.billing_account_id) and of_period(invoices.billing_period)
order by invoices.billing_period desc, invoices.billing_account_id, invoices.document_state, invoices.invoice_id
