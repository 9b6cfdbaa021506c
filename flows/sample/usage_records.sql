-- usage_records: what every series uses in one hour of the month, as it would be landed
-- reads:  series; its arguments are the hour's number, start, end, chance and load; variables series_count, period_mark, salt
-- grain:  one row per usage_record_id, in the order of the series
-- The id is the position in the world multiplied by an odd number modulo 2^32, which no other position shares, behind 31 more bits.
-- An hour at a time, with nothing joined, because no join keeps an order and no sort keeps memory small.
create macro usage_records(hour, starts, ends, chance, load) as table
select
  getvariable('period_mark') || to_hex(
    (2147483648 + (position * 2246822519 >> 16) % 2147483648) * 4294967296 + position * 2654435761 % 4294967296
  ) as usage_record_id,
  billing_account_id, sub_account_id, resource_id, sku_id, region_id,
  starts as charge_period_start,
  ends as charge_period_end,
  (base + noise * ((mix * chance) % 1009)::integer + swing * load)::decimal(18, 6) as consumed_quantity,
  consumed_unit,
  0::integer as revision
from (
  select *, (getvariable('salt') + hour * getvariable('series_count') + series_number)::ubigint as position from series
)
where hour >= first_hour and hour < last_hour and series_number between getvariable('first_series') and getvariable('last_series')
