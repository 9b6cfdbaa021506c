-- accounts: what the documents of each account and period come to, drafts and corrections together with what they correct
-- reads:  invoices
-- grain:  one row per (billing_account_id, billing_period, billing_currency)
select
  billing_account_id, billing_period, billing_currency,
  sum(list_cost) as list_cost,
  sum(discount_amount) as discount_amount,
  sum(cap_amount) as cap_amount,
  sum(grant_amount) as grant_amount,
  sum(total_tax) as total_tax,
  sum(total_with_tax) as total_with_tax,
  sum(credit_amount) as credit_amount,
  sum(amount_due) as amount_due
from invoices
group by all
