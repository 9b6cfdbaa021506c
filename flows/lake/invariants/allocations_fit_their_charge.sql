-- allocations_fit_their_charge: what comes off a charge before tax never exceeds it, nor what pays it after tax the rest (G6, D3, P10)
-- reads:  charges, allocations, tax_shares
-- by:     billing_period
-- of:     allocations
with
  taken as (
    select charge_id,
      coalesce(sum(amount) filter (tax_position = 'before'), 0) as before_tax,
      coalesce(sum(amount) filter (tax_position = 'after'), 0) as after_tax,
      coalesce(min(amount) filter (allocation_kind in ('cap', 'grant')), 1) as least_taken
    from allocations group by charge_id
  ),
  taxed as (select charge_id, sum(tax_amount) as tax_amount from tax_shares group by charge_id)
select charges.charge_id, charges.billing_account_id, charges.list_cost, taken.before_tax, taxed.tax_amount,
  taken.after_tax
from charges
join taken using (charge_id)
left join taxed using (charge_id)
where taken.least_taken <= 0
  or (charges.list_cost >= 0 and (taken.before_tax < 0 or taken.before_tax > charges.list_cost))
  or (charges.list_cost < 0 and (taken.before_tax > 0 or taken.before_tax < charges.list_cost))
  or taken.after_tax > greatest(charges.list_cost - taken.before_tax + coalesce(taxed.tax_amount, 0), 0)
