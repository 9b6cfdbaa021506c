-- lines_of_a_rate_are_its_base: what the lines of a tax code and rate come to is what is taxed at it (T2; EN 16931 BR-S-08)
-- reads:  invoices, invoice_lines, tax_breakdown
-- by:     billing_period
with
  documents as (   -- a month to date keeps no breakdown
    select invoice_id from invoices where document_state <> 'month_to_date'
  ),
  unsaid as (   -- of several components no line says a rate
    select distinct invoice_id, tax_code as code from invoice_lines where tax_rate is null
  ),
  said as (
    select invoice_id, tax_code as code, tax_rate as rate, sum(line_amount) as line_amount
    from invoice_lines where tax_rate is not null group by all
  )
select invoice_id, code, internal.plain(rate) as rate, line_amount, taxable_amount
from said
full join tax_breakdown using (invoice_id, code, rate)
semi join documents using (invoice_id)
anti join unsaid using (invoice_id, code)
where coalesce(line_amount, 0) <> coalesce(taxable_amount, 0)
