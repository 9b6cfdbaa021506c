-- taxes: what the tax breakdowns of documents come to, by account, period, code, rate and component
-- reads:  tax_breakdown
-- grain:  one row per (billing_account_id, billing_period, seller_jurisdiction, code, component, rate, billing_currency)
select
  billing_account_id, billing_period, seller_jurisdiction, code, component, rate, billing_currency,
  sum(taxable_amount) as taxable_amount,
  sum(tax_amount) as tax_amount
from tax_breakdown
group by all
