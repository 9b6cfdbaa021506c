-- internal.charged_taxes: the tax of drafts and issued documents together; what was voided has none (T4)
-- reads:  tax_breakdown, invoices, internal.chains
-- grain:  one row per (billing_account_id, billing_period, code, rate, component)
with
  left_out as (
    select invoice_id from main.invoices where document_state = 'month_to_date' or sold_by is not null
    union all
    select invoice_id from internal.chains where is_voided
  )
select billing_account_id, billing_period, code, rate, component,
  sum(taxable_amount)::decimal(38,4) as taxable_amount, sum(tax_amount)::decimal(38,4) as tax_amount
from main.tax_breakdown anti join left_out using (invoice_id)
group by all
