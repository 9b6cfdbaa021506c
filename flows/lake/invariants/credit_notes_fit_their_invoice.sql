-- credit_notes_fit_their_invoice: of no tax category do the credit notes of an invoice take back more than was invoiced (T4, X1)
-- reads:  tax_breakdown, tax_shares, internal.chains
-- by:     billing_period
-- of:     internal.chains where root_number is not null
with
  of_chain as (
    select chains.root_number, chains.billing_account_id, chains.billing_period, chains.is_voided,
      tax.code, tax.rate, tax.component,
      sum(tax.taxable_amount) as taxable_amount, sum(tax.tax_amount) as tax_amount,
      sum(tax.taxable_amount) filter (chains.document_type = '381') as credited_amount
    from tax_breakdown as tax join internal.chains as chains using (invoice_id)
    where chains.root_number is not null
    group by all
  ),
  below_zero as (   -- a charge of less than nothing may leave its group there (G7)
    select distinct billing_account_id, billing_period, code, rate, component
    from tax_shares where taxable_amount < 0
  )
select of_chain.*
from of_chain
left join below_zero using (billing_account_id, billing_period, code, rate, component)
where case
    when is_voided then of_chain.taxable_amount <> 0 or of_chain.tax_amount <> 0
    else below_zero.billing_period is null and (of_chain.taxable_amount < 0 or of_chain.tax_amount < 0)
  end
