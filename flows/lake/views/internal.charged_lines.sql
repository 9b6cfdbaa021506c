-- internal.charged_lines: what drafts and issued documents together say of each charge; what was voided says nothing (L4, T4)
-- reads:  invoice_lines, internal.chains
-- grain:  one row per (billing_account_id, billing_period, charge_id, tax_code)
with
  counted as (
    select invoice_id,
      count(*) over same_month = 1 as is_single,
      bool_or(document_state = 'issued') over same_month as is_issued
    from internal.chains
    where not is_voided
    window same_month as (partition by billing_account_id, billing_period)
  ),
  shown as (
    select billing_account_id, billing_period, charge_id, tax_code, list_cost, discount_amount, cap_amount,
      grant_amount, line_amount, tax_amount, credit_amount, is_issued, is_single
    from main.invoice_lines join counted using (invoice_id)
  )
from shown where is_single   -- nearly all: nothing to add up
union all
select billing_account_id, billing_period, charge_id, tax_code,
  sum(list_cost)::decimal(38,4), sum(discount_amount)::decimal(38,4), sum(cap_amount)::decimal(38,4),
  sum(grant_amount)::decimal(38,4), sum(line_amount)::decimal(38,4), sum(tax_amount)::decimal(38,4),
  sum(credit_amount)::decimal(38,4), is_issued, is_single
from shown where not is_single
group by all
