-- before: what an invoice and its earlier corrections had said of the charges of a document, when that was made
-- reads:  internal.invoices, invoice_lines
-- grain:  one row per charge_id and tax_code
with
  earlier as (
    select documents.invoice_id, documents.commit_number
    from internal.invoices as documents
    where documents.document_state = 'issued' and documents.billing_account_id = getvariable('account')
      and coalesce(documents.preceding_invoice_number, documents.invoice_number) = getvariable('root')
      and documents.commit_number < getvariable('made_at')::bigint
  )
select charge_id, tax_code, arg_max(unit_price, commit_number) as unit_price,
  sum(quantity)::decimal(38,15) as quantity, sum(list_cost)::decimal(38,4) as list_cost,
  sum(line_amount)::decimal(38,4) as line_amount, max(commit_number) as commit_number
from invoice_lines join earlier using (invoice_id)
group by all
