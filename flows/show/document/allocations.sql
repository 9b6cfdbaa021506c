-- allocations: by what each charge is lowered or paid, with the name people know it by; as of the commit that is asked
-- reads:  shown, allocations, grants, discounts
-- grain:  one row per line_number and source
with
  latest_discounts as (
    select discount_id, kind, value, promo_code from discounts
    qualify row_number() over (partition by discount_id order by valid_from desc) = 1
  )
select
  shown.line_number, allocations.allocation_kind, allocations.tax_position, allocations.source_id,
  sum(allocations.amount)::decimal(38,4) as amount,   -- once in each order it was spent in
  grants.name, grants.kind, grants.promo_code as grant_promo_code,
  latest_discounts.kind as discount_kind, latest_discounts.value as discount_value, latest_discounts.promo_code
from shown
join allocations using (charge_id)
left join grants on allocations.allocation_kind = 'grant' and grants.grant_id = allocations.source_id
left join latest_discounts
  on allocations.allocation_kind = 'discount' and latest_discounts.discount_id = allocations.source_id
group by all
order by
  shown.line_number, allocations.allocation_kind, allocations.tax_position desc, min(allocations.allocation_order),
  allocations.source_id
