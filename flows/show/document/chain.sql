-- chain: the other documents of an invoice and its corrections, in the order they were issued in; a draft comes last
-- reads:  invoices, internal.invoices, internal.documents
-- grain:  one row per invoice_id
select
  invoices.invoice_id, invoices.invoice_number, invoices.document_type, invoices.document_state, invoices.issue_date,
  invoices.total_with_tax, invoices.amount_due, documents.is_void, written.commit_number
from invoices
join internal.documents as documents using (invoice_id, document_state)
join internal.invoices as written using (invoice_id, document_state)
where documents.root_number = getvariable('root') and invoices.billing_account_id = getvariable('account')
  and invoices.invoice_id <> getvariable('invoice_id')
order by invoices.document_state <> 'issued', written.commit_number, invoices.invoice_id
