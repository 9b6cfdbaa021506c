-- tax_is_rounded_once: per invoice with its corrections, code, rate and component, tax = taxable × rate, rounded once (T3, T4)
-- reads:  internal.charged_taxes, tax_shares, account_periods, holds, internal.period_policies
-- by:     billing_period
with
  policies as (
    select billing_account_id, billing_period,
      coalesce(max(value) filter (policy = 'rounding_tax'), 'half_away') as mode,
      coalesce(max(value) filter (policy = 'tax_rounding'), 'per_category') as grain
    from internal.period_policies where policy in ('rounding_tax', 'tax_rounding')
    group by all
  ),
  taxed as (
    select billing_account_id as taxed_id, billing_account_id, billing_period, code, rate, component,
      'per_category' as grain, taxable_amount, tax_amount
    from internal.charged_taxes
    union all
    select charge_id, billing_account_id, billing_period, code, rate, component, 'per_line',
      taxable_amount, tax_amount
    from tax_shares
  ),
  compared as (   -- exact: the product keeps the decimals of both factors; a decimal's % would be a DOUBLE, so whole ticks
    select taxed.*, coalesce(policies.mode, 'half_away') as mode,
      taxed.taxable_amount * taxed.rate as exact_tax,
      (taxed.tax_amount * 10000)::hugeint as tax_ticks,
      case periods.exponent when 0 then 10000 when 1 then 1000 when 2 then 100 when 3 then 10 else 1 end as unit_ticks,
      (unit_ticks * 0.0001::decimal(5,4))::decimal(38,16) as minor_unit
    from taxed
    join account_periods as periods using (billing_account_id, billing_period)
    left join policies using (billing_account_id, billing_period)
    -- an issued document that should be another by now, or cannot be worked out, shows so by a hold and is kept (L4)
    anti join holds using (billing_account_id, billing_period)
    where taxed.grain = coalesce(policies.grain, 'per_category')
  )
select taxed_id, billing_period, code, rate, component, mode, taxable_amount, exact_tax, tax_amount
from compared
where tax_ticks % unit_ticks <> 0
  or case
    when mode = 'half_away' then not (
      2 * (abs(tax_amount) - abs(exact_tax)) <= minor_unit and 2 * (abs(exact_tax) - abs(tax_amount)) < minor_unit
      and sign(tax_amount) * sign(exact_tax) >= 0)
    when mode = 'half_even' then 2 * abs(tax_amount - exact_tax) > minor_unit
      or (2 * abs(tax_amount - exact_tax) = minor_unit and tax_ticks % (2 * unit_ticks) <> 0)
    else abs(tax_amount - exact_tax) >= minor_unit
  end
