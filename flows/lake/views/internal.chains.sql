-- internal.chains: drafts and issued documents of periods, each with the invoice that it belongs to: itself or the one it corrects (L4, I4)
-- reads:  invoices
-- grain:  one row per invoice_id
with
  closed as (   -- a month to date corrects nothing; what sold credit is invoiced by is no period's (G2)
    select invoice_id, invoice_number, document_type, document_state, billing_account_id, billing_period,
      billing_currency, preceding_invoice_number, rounding_amount, coalesce(is_void, false) as is_void,
      coalesce(preceding_invoice_number, invoice_number) as root_number   -- a draft that corrects nothing has none
    from main.invoices where document_state <> 'month_to_date' and sold_by is null
  )
select *,
  root_number is not null and bool_or(is_void and document_state = 'issued') over (
    partition by billing_account_id, billing_period, root_number
  ) as is_voided
from closed
