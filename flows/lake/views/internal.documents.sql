-- internal.documents: what each document leaves to pay after what was paid since its issue; a credit note takes off (I5, I6)
-- reads:  invoices, payment_applications
-- grain:  one row per (invoice_id, document_state)
with
  paid as (
    select invoice_number, billing_account_id, sum(amount)::decimal(38,4) as amount
    from main.payment_applications
    where not is_at_issue   -- those are in the document's own paid amount
    group by all
  )
select
  invoices.invoice_id, invoices.document_state, invoices.document_type, invoices.invoice_number,
  invoices.billing_account_id, invoices.billing_period, invoices.billing_currency, invoices.amount_due,
  coalesce(paid.amount, 0)::decimal(38,4) as applied_amount,
  (case when document_type = '381' then -abs(amount_due) else amount_due end
    - coalesce(paid.amount, 0))::decimal(38,4) as open_amount
from main.invoices
left join paid using (invoice_number, billing_account_id)
