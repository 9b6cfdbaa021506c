-- line_is_charge_less_cuts: a line shows its charge, what discounts, caps and grants did to it, and what is taxed (T2, I3)
-- reads:  invoice_lines, charges, allocations
with
  taken as (
    select charge_id,
      coalesce(sum(amount) filter (allocation_kind = 'discount'), 0) as discount_amount,
      coalesce(sum(amount) filter (allocation_kind = 'cap'), 0) as cap_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant' and tax_position = 'before'), 0) as grant_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant' and tax_position = 'after'), 0) as credit_amount
    from allocations group by charge_id
  )
select lines.invoice_id, lines.line_number, lines.charge_id,
  lines.list_cost, charges.list_cost as charge_list_cost,
  lines.discount_amount, taken.discount_amount as discounts_allocated,
  lines.cap_amount, taken.cap_amount as caps_allocated,
  lines.grant_amount, taken.grant_amount as grants_allocated,
  lines.credit_amount, taken.credit_amount as credits_allocated,
  lines.line_amount
from invoice_lines as lines
join charges using (charge_id)
left join taken using (charge_id)
where lines.list_cost <> charges.list_cost
  or lines.discount_amount <> coalesce(taken.discount_amount, 0)
  or lines.cap_amount <> coalesce(taken.cap_amount, 0)
  or lines.grant_amount <> coalesce(taken.grant_amount, 0)
  or lines.credit_amount <> coalesce(taken.credit_amount, 0)
  or lines.line_amount <> lines.list_cost - lines.discount_amount - lines.cap_amount - lines.grant_amount
