-- tax_shares_are_the_tax: the shares of charges add up to the breakdown, and a line shows its shares (T3)
-- reads:  tax_shares, tax_breakdown, internal.closed_lines
with
  shares as (
    select billing_account_id, billing_period, code, rate, component,
      sum(taxable_amount) as taxable_amount, sum(tax_amount) as tax_amount
    from tax_shares group by all
  ),
  breakdown as (
    select billing_account_id, billing_period, code, rate, component,
      sum(taxable_amount) as taxable_amount, sum(tax_amount) as tax_amount
    from tax_breakdown group by all
  ),
  by_charge as (select charge_id, sum(tax_amount) as tax_amount from tax_shares group by charge_id)
select billing_account_id, billing_period, code || ' ' || component || ' ' || internal.plain(rate) as what,
  shares.taxable_amount as shared_base, breakdown.taxable_amount as base,
  shares.tax_amount as shared_tax, breakdown.tax_amount as tax
from shares full join breakdown using (billing_account_id, billing_period, code, rate, component)
where shares.tax_amount is distinct from breakdown.tax_amount
  or shares.taxable_amount is distinct from breakdown.taxable_amount
union all
select lines.billing_account_id, lines.billing_period, 'line of charge ' || lines.charge_id,
  null, lines.line_amount, by_charge.tax_amount, lines.tax_amount
from internal.closed_lines as lines left join by_charge using (charge_id)
where lines.tax_amount <> coalesce(by_charge.tax_amount, 0)
