-- document_is_taxable_plus_tax: list less cuts is without tax; with its tax it is with tax; the tax is its breakdown (T2, I3)
-- reads:  invoices, tax_breakdown
-- by:     billing_period
with
  broken_down as (select invoice_id, sum(tax_amount) as tax_amount from tax_breakdown group by invoice_id)
select invoices.invoice_id, invoices.document_state, list_cost, discount_amount, cap_amount, grant_amount,
  total_without_tax, total_tax, broken_down.tax_amount as breakdown_tax, total_with_tax
from invoices left join broken_down using (invoice_id)
where total_without_tax <> list_cost - discount_amount - cap_amount - grant_amount
  or total_with_tax <> total_without_tax + total_tax
  or total_tax <> coalesce(broken_down.tax_amount, case when document_state = 'month_to_date' then total_tax else 0 end)
