-- invoices: documents, the latest period first, and what each leaves to pay
-- reads:  invoices, internal.documents
-- grain:  one row per (invoice_id, document_state)
-- wide:   invoice_id, issue_date, total_with_tax
select
  invoices.billing_period, invoices.invoice_number, invoices.billing_account_id, invoices.buyer_legal_name,
  case
    when documents.document_state <> 'issued' then replace(documents.document_state, '_', ' ')
    when documents.open_amount <= 0 then 'paid'
    when documents.applied_amount > 0 then 'partly paid'
    else 'issued'
  end as state,
  invoices.issue_date, invoices.due_date, invoices.total_with_tax, invoices.amount_due, documents.open_amount,
  invoices.billing_currency, invoices.invoice_id
from invoices
join internal.documents as documents using (invoice_id, document_state)
where of_account(invoices.billing_account_id) and of_period(invoices.billing_period)
order by invoices.billing_period desc, invoices.billing_account_id, invoices.document_state, invoices.invoice_id
