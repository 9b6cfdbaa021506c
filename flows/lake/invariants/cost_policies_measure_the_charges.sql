-- cost_policies_measure_the_charges: what a cost policy measures is what its charges come to, in its period and before (W5)
-- reads:  cost_policy_measures, charges, allocations, account_periods, invoice_lines, invoices, holds, internal.billed_periods
-- of:     cost_policy_measures
with
  watched as (select distinct billing_account_id from cost_policy_measures),
  taken as (   -- what pays after tax lowers no cost
    select charge_id,
      coalesce(sum(amount) filter (allocation_kind <> 'grant'), 0) as cut_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant'), 0) as grant_amount
    from allocations semi join watched using (billing_account_id)
    where tax_position = 'before'
    group by charge_id
  ),
  costs as (
    select billing_account_id, billing_period, sub_account_id, sku_id, true as is_closed, pricing_quantity,
      list_cost - coalesce(cut_amount, 0) as before_grants,
      list_cost - coalesce(cut_amount, 0) - coalesce(grant_amount, 0) as after_grants
    from charges semi join watched using (billing_account_id)
    left join taken using (charge_id)
    union all   -- of a month to date only the document is kept
    select lines.billing_account_id, lines.billing_period, lines.sub_account_id, lines.sku_id, false, lines.quantity,
      lines.list_cost - lines.discount_amount - lines.cap_amount, lines.line_amount
    from invoice_lines as lines semi join watched using (billing_account_id)
    semi join (select invoice_id from invoices where document_state = 'month_to_date') as shown using (invoice_id)
    anti join account_periods using (billing_account_id, billing_period)
  ),
  parts as (
    select measures.cost_policy_id, measures.billing_account_id, measures.billing_period,
      costs.billing_period = measures.billing_period as is_in_period, costs.is_closed,
      case   -- as a quantity: the type that amounts and quantities have in common drops decimals
        when measures.measure = 'quantity' then costs.pricing_quantity
        when measures.cost_position = 'after_grants' then costs.after_grants::decimal(38, 15)
        else costs.before_grants::decimal(38, 15)
      end as value
    from cost_policy_measures as measures
    join costs on costs.billing_account_id = measures.billing_account_id
      and (costs.billing_period = measures.billing_period
        or (measures.period = 'total' and costs.billing_period < measures.billing_period))
      and coalesce(costs.sub_account_id = measures.sub_account_id, measures.sub_account_id is null)
      and coalesce(costs.sku_id = measures.sku_id, measures.sku_id is null)
  ),
  sums as (
    select cost_policy_id, billing_account_id, billing_period,
      sum(value) filter (is_in_period) as in_period, sum(value) filter (not is_in_period and is_closed) as earlier
    from parts group by all
  )
select measures.cost_policy_id, measures.billing_account_id, measures.billing_period,
  measures.measured, measures.earlier_measured, sums.in_period, sums.earlier
from cost_policy_measures as measures
left join sums using (cost_policy_id, billing_account_id, billing_period)
left join account_periods as periods using (billing_account_id, billing_period)
left join internal.billed_periods as billed on billed.billing_period = measures.billing_period
where abs(measures.measured - measures.earlier_measured - coalesce(sums.in_period, 0))
    -- a charge shows its quantity to 15 decimals: of a million thirds less than 10^-9 is left out
    >= case when measures.measure = 'quantity' then 0.000000001 else 0.000000000000001 end
  -- before a month is over, an earlier one may have been billed again; so may it after, or its invoice be voided
  or (periods.billing_period is not null and measures.earlier_measured <> coalesce(sums.earlier, 0)
    and not exists (
      from internal.billed_periods as earlier
      where earlier.billing_period < measures.billing_period and earlier.commit_number > billed.commit_number)
    and not exists (
      from holds
      where holds.billing_account_id = measures.billing_account_id
        and holds.billing_period < measures.billing_period))
