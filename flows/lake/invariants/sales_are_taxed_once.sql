-- sales_are_taxed_once: of sold credit and what was refunded of it, each component is taxable × rate, rounded once (G2, T3, T4)
-- reads:  invoices, tax_breakdown, currencies
-- of:     invoices where sold_by is not null
with
  exponents as (
    select billing_currency, arg_max(exponent, valid_from) as exponent from currencies group by billing_currency
  ),
  sales as (
    select invoice_id, billing_account_id, billing_currency, total_without_tax,
      coalesce(preceding_invoice_number, invoice_number) as root_number
    from invoices where sold_by is not null
  ),
  taxed as (
    select sales.root_number, sales.billing_account_id, sales.billing_currency, tax.code, tax.rate, tax.component,
      sum(sales.total_without_tax) as sold_amount, sum(tax.taxable_amount) as taxable_amount,
      sum(tax.tax_amount) as tax_amount
    from sales left join tax_breakdown as tax using (invoice_id)
    group by all
  ),
  compared as (   -- exact: whole ticks, as a decimal's % would be a DOUBLE
    select taxed.*, taxable_amount * rate as exact_tax, (tax_amount * 10000)::hugeint as tax_ticks,
      case exponent when 0 then 10000 when 1 then 1000 when 2 then 100 when 3 then 10 else 1 end as unit_ticks,
      (unit_ticks * 0.0001::decimal(5,4))::decimal(38,16) as minor_unit
    from taxed left join exponents using (billing_currency)
  )
select root_number, billing_account_id, code, rate, component, sold_amount, taxable_amount, exact_tax, tax_amount
from compared
where component is null or sold_amount <> taxable_amount
  or tax_ticks % unit_ticks <> 0 or abs(tax_amount - exact_tax) >= minor_unit
