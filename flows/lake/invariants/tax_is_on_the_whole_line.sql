-- tax_is_on_the_whole_line: every component of a charge's tax has the whole charge as its base, under the line's code (T1, T2)
-- reads:  charges, allocations, tax_shares, internal.charged_lines
-- by:     billing_period
with
  taken as (
    select charge_id, sum(amount) as amount from allocations where tax_position = 'before' group by charge_id
  ),
  based as (
    select charges.charge_id, charges.list_cost - coalesce(taken.amount, 0) as taxable_amount,
      shares.component, shares.taxable_amount as base, shares.code
    from charges left join taken using (charge_id) left join tax_shares as shares using (charge_id)
  )
select charge_id, component, taxable_amount, base, code, null as line_code
from based where base is distinct from taxable_amount
union all
select lines.charge_id, null, lines.line_amount, null, null, lines.tax_code
from internal.charged_lines as lines
anti join tax_shares as shares on shares.charge_id = lines.charge_id and shares.code = lines.tax_code
-- another code of what grants and discounts took whole is no correction: what is issued keeps the one it had (X1)
where lines.line_amount <> 0 or lines.tax_amount <> 0 or (lines.list_cost <> 0 and not lines.is_issued)
