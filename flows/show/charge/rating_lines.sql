-- rating_lines: the rating line a charge is part of
-- reads:  rating_lines, charges
-- grain:  one row
select
  lines.rating_line_id, lines.price_model, lines.pricing_quantity, lines.pricing_unit, lines.list_cost,
  lines.record_count,
  (
    select count(*) from charges
    where charges.rating_line_id = lines.rating_line_id and charges.billing_period = lines.billing_period
  ) as charge_count
from rating_lines as lines
where lines.rating_line_id = getvariable('rating_line') and lines.billing_period = getvariable('period')
