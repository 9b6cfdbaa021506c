-- line_is_charge_less_cuts: what an invoice and its corrections show is the charge, what lowered it, and what is taxed (T2, I3, L4)
-- reads:  invoice_lines, internal.charged_lines, charges, allocations
-- by:     billing_period
with
  taken as (
    select charge_id,
      coalesce(sum(amount) filter (allocation_kind = 'discount'), 0) as discount_amount,
      coalesce(sum(amount) filter (allocation_kind = 'cap'), 0) as cap_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant' and tax_position = 'before'), 0) as grant_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant' and tax_position = 'after'), 0) as credit_amount
    from allocations group by charge_id
  ),
  shown as (   -- one row per charge: of a corrected invoice, one may have been taxed under two codes
    select billing_account_id, billing_period, charge_id, is_issued,
      list_cost, discount_amount, cap_amount, grant_amount, credit_amount
    from internal.charged_lines where is_single
    union all
    select billing_account_id, billing_period, charge_id, is_issued,
      sum(list_cost), sum(discount_amount), sum(cap_amount), sum(grant_amount), sum(credit_amount)
    from internal.charged_lines where not is_single
    group by all
  ),
  differing as (   -- which lines have charges and which charges lines is asked by no_orphan_ids
    select shown.*, charges.list_cost as charge_list_cost,
      coalesce(taken.discount_amount, 0) as discounts_allocated, coalesce(taken.cap_amount, 0) as caps_allocated,
      coalesce(taken.grant_amount, 0) as grants_allocated, coalesce(taken.credit_amount, 0) as credits_allocated
    from shown join charges using (charge_id) left join taken using (charge_id)
    where shown.list_cost <> charges.list_cost or shown.discount_amount <> coalesce(taken.discount_amount, 0)
      or shown.cap_amount <> coalesce(taken.cap_amount, 0) or shown.grant_amount <> coalesce(taken.grant_amount, 0)
      or shown.credit_amount <> coalesce(taken.credit_amount, 0)
  )
select billing_account_id, billing_period, charge_id, list_cost, charge_list_cost, discount_amount,
  discounts_allocated, cap_amount, caps_allocated, grant_amount, grants_allocated, credit_amount, credits_allocated,
  null as line_amount
from differing
where list_cost <> charge_list_cost or discount_amount <> discounts_allocated or cap_amount <> caps_allocated
  or not is_issued
union all   -- grants may have moved from charge to charge of an issued invoice; together they paid what it says (X1)
select billing_account_id, billing_period, 'all charges', null, null, null, null, null, null,
  sum(grant_amount), sum(grants_allocated), sum(credit_amount), sum(credits_allocated), null
from differing
where is_issued
group by all
having sum(grant_amount) <> sum(grants_allocated) or sum(credit_amount) <> sum(credits_allocated)
union all
select billing_account_id, billing_period, charge_id, list_cost, null, discount_amount, null, cap_amount, null,
  grant_amount, null, credit_amount, null, line_amount
from invoice_lines
where line_amount <> list_cost - discount_amount - cap_amount - grant_amount
