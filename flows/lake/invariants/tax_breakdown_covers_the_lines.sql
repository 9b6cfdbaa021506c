-- tax_breakdown_covers_the_lines: each component's base is the lines of its category and code, no more and no less (T1, T2)
-- reads:  tax_breakdown, invoice_lines
with
  bases as (
    select invoice_id, tax_category, code, component, sum(taxable_amount) as taxable_amount
    from tax_breakdown group by all
  ),
  lines as (
    select invoice_id, tax_category, tax_code as code, sum(line_amount) as line_amount
    from invoice_lines group by all
  )
select invoice_id, tax_category, code, bases.component, bases.taxable_amount, lines.line_amount
from bases full join lines using (invoice_id, tax_category, code)
where bases.taxable_amount is distinct from lines.line_amount
