-- voided_invoices_are_nothing: a void invoice, its corrections and their full credit note come to nothing, and nothing is open (I4)
-- reads:  invoices, invoice_lines, internal.chains, internal.documents
-- by:     billing_period
-- of:     internal.chains where is_voided
with
  voided as (select invoice_id, root_number from internal.chains where is_voided),
  totals as (
    select voided.root_number, 'totals' as what,
      sum(abs(open_amount)) as open_amount, sum(total_without_tax) as total_without_tax, sum(total_tax) as total_tax,
      sum(total_with_tax) as total_with_tax, sum(credit_amount) as credit_amount,
      sum(rounding_amount) as rounding_amount
    from voided join invoices using (invoice_id) join internal.documents as documents using (invoice_id, document_state)
    group by all
  ),
  lines as (
    select voided.root_number, 'charge ' || charge_id as what,
      sum(list_cost) as list_cost, sum(discount_amount) + sum(cap_amount) as cut_amount,
      sum(line_amount) as line_amount, sum(tax_amount) as tax_amount, sum(credit_amount) as credit_amount
    from voided join invoice_lines using (invoice_id)
    group by all
  )
select root_number, what, open_amount, total_without_tax as without_tax, total_tax as tax, credit_amount, rounding_amount
from totals
where open_amount <> 0 or total_without_tax <> 0 or total_tax <> 0 or total_with_tax <> 0 or credit_amount <> 0
  or rounding_amount <> 0
union all
select root_number, what, null, line_amount, tax_amount, credit_amount, null
from lines
where list_cost <> 0 or cut_amount <> 0 or line_amount <> 0 or tax_amount <> 0 or credit_amount <> 0
