-- internal.documents: what each document leaves to pay after what was paid since its issue; a credit note takes off (I1, I5, I6)
-- reads:  invoices, payment_applications, internal.chains
-- grain:  one row per (invoice_id, document_state)
with
  paid as (   -- what was paid at issue is in the document's own paid amount
    select invoice_number, billing_account_id,
      sum(amount) filter (is_at_issue) as at_issue_amount,
      sum(amount) filter (not is_at_issue) as since_amount
    from main.payment_applications
    group by all
  ),
  used as (   -- what a credit note paid of later invoices
    select credit_note_number as invoice_number, billing_account_id, sum(amount) as amount
    from main.payment_applications
    where credit_note_number is not null
    group by all
  ),
  amounts as (
    select
      invoices.invoice_id, invoices.document_state, invoices.document_type, invoices.invoice_number,
      invoices.billing_account_id, invoices.billing_period, invoices.billing_currency, invoices.amount_due,
      invoices.sold_by,
      case when invoices.sold_by is null then chains.root_number
        else coalesce(invoices.preceding_invoice_number, invoices.invoice_number) end as root_number,
      coalesce(invoices.is_void, false) as is_void, coalesce(chains.is_voided, false) as is_voided,
      coalesce(paid.at_issue_amount, 0)::decimal(38,4) as at_issue_amount,
      (coalesce(paid.since_amount, 0) - coalesce(used.amount, 0))::decimal(38,4) as applied_amount,
      (invoices.amount_due - coalesce(paid.since_amount, 0) + coalesce(used.amount, 0))::decimal(38,4) as open_amount
    from main.invoices
    left join (select invoice_id, document_state, root_number, is_voided from internal.chains) as chains
      using (invoice_id, document_state)
    left join paid using (invoice_number, billing_account_id)
    left join used using (invoice_number, billing_account_id)
  )
select *,
  case
    when document_state <> 'issued' then replace(document_state, '_', ' ')
    when is_voided and not is_void then 'voided'
    when open_amount = 0 then 'paid'
    when at_issue_amount + applied_amount <> 0 then 'partly paid'   -- by money, or of a credit note: used
    else 'issued'
  end as payment_state
from amounts
