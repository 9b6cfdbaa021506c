-- tax: what was taxed at which rate, component by component; of a month-to-date draft by category alone
-- reads:  tax_breakdown, invoice_lines
-- grain:  one row per code, component and rate
with
  of_document as (
    select code, component, rate, exemption_reason, taxable_amount, tax_amount
    from tax_breakdown
    where invoice_id = getvariable('invoice_id')
  ),
  of_lines as (   -- a month-to-date draft keeps its lines and no breakdown
    select
      tax_code as code, null::varchar as component, null::decimal(38,12) as rate, null::varchar as exemption_reason,
      sum(line_amount)::decimal(38,4) as taxable_amount, sum(tax_amount)::decimal(38,4) as tax_amount
    from invoice_lines
    where invoice_id = getvariable('invoice_id') and not exists (from of_document)
    group by tax_code
  )
from of_document union all from of_lines
order by code, rate desc, component
