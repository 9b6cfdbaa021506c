-- allocations: by what each line is lowered or paid, with the name people know it by
-- reads:  invoice_lines, allocations, grants, discounts
-- grain:  one row per line_number and source
with
  latest_discounts as (
    select discount_id, kind, value, promo_code from discounts
    qualify row_number() over (partition by discount_id order by valid_from desc) = 1
  )
select
  lines.line_number, allocations.allocation_kind, allocations.tax_position, allocations.source_id, allocations.amount,
  grants.name, grants.kind, grants.promo_code as grant_promo_code,
  latest_discounts.kind as discount_kind, latest_discounts.value as discount_value, latest_discounts.promo_code
from invoice_lines as lines
join allocations using (charge_id)
left join grants on allocations.allocation_kind = 'grant' and grants.grant_id = allocations.source_id
left join latest_discounts
  on allocations.allocation_kind = 'discount' and latest_discounts.discount_id = allocations.source_id
where lines.invoice_id = getvariable('invoice_id')
order by
  lines.line_number, allocations.allocation_kind, allocations.tax_position desc, allocations.allocation_order,
  allocations.source_id
