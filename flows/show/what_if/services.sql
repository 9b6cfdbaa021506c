-- services: what the lines of documents come to, by account, period and service
-- reads:  invoice_lines
-- grain:  one row per (billing_account_id, billing_period, service, billing_currency)
select
  billing_account_id, billing_period, service, billing_currency,
  sum(list_cost) as list_cost,
  sum(discount_amount) as discount_amount,
  sum(cap_amount) as cap_amount,
  sum(grant_amount) as grant_amount,
  sum(line_amount) as line_amount,
  sum(tax_amount) as tax_amount,
  sum(credit_amount) as credit_amount
from invoice_lines
group by all
