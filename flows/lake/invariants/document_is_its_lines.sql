-- document_is_its_lines: every total of a document is the sum over its lines (I3, BT-106 to BT-110)
-- reads:  invoices, invoice_lines
-- by:     billing_period
with
  summed as (
    select invoice_id, sum(list_cost) as list_cost, sum(discount_amount) as discount_amount,
      sum(cap_amount) as cap_amount, sum(grant_amount) as grant_amount, sum(line_amount) as line_amount,
      sum(tax_amount) as tax_amount, sum(credit_amount) as credit_amount
    from invoice_lines group by invoice_id
  )
select invoices.invoice_id, invoices.document_state,
  invoices.list_cost, summed.list_cost as lines_list_cost,
  invoices.discount_amount, summed.discount_amount as lines_discount_amount,
  invoices.cap_amount, summed.cap_amount as lines_cap_amount,
  invoices.grant_amount, summed.grant_amount as lines_grant_amount,
  invoices.total_without_tax, summed.line_amount as lines_amount,
  invoices.total_tax, summed.tax_amount as lines_tax_amount,
  invoices.credit_amount, summed.credit_amount as lines_credit_amount
from invoices left join summed using (invoice_id)
where invoices.list_cost <> coalesce(summed.list_cost, 0)
  or invoices.discount_amount <> coalesce(summed.discount_amount, 0)
  or invoices.cap_amount <> coalesce(summed.cap_amount, 0)
  or invoices.grant_amount <> coalesce(summed.grant_amount, 0)
  or invoices.total_without_tax <> coalesce(summed.line_amount, 0)
  or invoices.total_tax <> coalesce(summed.tax_amount, 0)
  or invoices.credit_amount <> coalesce(summed.credit_amount, 0)
