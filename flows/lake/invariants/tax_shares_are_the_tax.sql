-- tax_shares_are_the_tax: the shares of charges add up to the tax of an invoice and its corrections; lines show them (T3, T4)
-- reads:  tax_shares, internal.charged_taxes, internal.charged_lines
-- by:     billing_period
with
  shares as (
    select billing_account_id, billing_period, code, rate, component,
      sum(taxable_amount) as taxable_amount, sum(tax_amount) as tax_amount
    from tax_shares group by all
  ),
  by_charge as (
    select charge_id, code as tax_code, max(taxable_amount) as taxable_amount, sum(tax_amount) as tax_amount
    from tax_shares group by all
  ),
  differing as (
    select lines.billing_account_id, lines.billing_period, lines.charge_id, lines.tax_code, lines.is_issued,
      lines.line_amount, coalesce(by_charge.taxable_amount, 0) as base,
      lines.tax_amount, coalesce(by_charge.tax_amount, 0) as shared_tax
    from internal.charged_lines as lines left join by_charge using (charge_id, tax_code)
    where lines.tax_amount <> coalesce(by_charge.tax_amount, 0)
      or lines.line_amount <> coalesce(by_charge.taxable_amount, 0)
  )
select billing_account_id, billing_period, code || ' ' || component || ' ' || internal.plain(rate) as what,
  shares.taxable_amount as shared_base, taxes.taxable_amount as base,
  shares.tax_amount as shared_tax, taxes.tax_amount as tax
from shares
full join internal.charged_taxes as taxes using (billing_account_id, billing_period, code, rate, component)
where coalesce(shares.tax_amount, 0) <> coalesce(taxes.tax_amount, 0)
  or coalesce(shares.taxable_amount, 0) <> coalesce(taxes.taxable_amount, 0)
union all
select billing_account_id, billing_period, 'charge ' || charge_id, base, line_amount, shared_tax, tax_amount
from differing
where not is_issued
union all   -- grants may have moved from charge to charge of an issued invoice, rounding too, and tax with them (X1)
select billing_account_id, billing_period, 'lines of code ' || tax_code, sum(base), sum(line_amount), sum(shared_tax),
  sum(tax_amount)
from differing
group by all
having sum(tax_amount) <> sum(shared_tax) or sum(line_amount) <> sum(base)
