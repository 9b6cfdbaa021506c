-- usage_records: every hour of every series, hour by hour, as it would be landed
-- reads:  series, hours; variables series_count, period_mark, salt, first_hour, last_hour (half-open)
-- grain:  one row per usage_record_id, in time order
-- The id is the position in the world multiplied by an odd number modulo 2^32, which no other position shares, behind 31 more bits.
select
  getvariable('period_mark') || to_hex(
    (2147483648 + ((getvariable('salt') + position::ubigint) * 2246822519 >> 16) % 2147483648) * 4294967296
    + (getvariable('salt') + position::ubigint) * 2654435761 % 4294967296
  ) as usage_record_id,
  billing_account_id, sub_account_id, resource_id, sku_id, region_id,
  charge_period_start, charge_period_end,
  (base + noise * ((series.mix * hours.mix) % 1009)::integer + swing * level)::decimal(18, 6) as consumed_quantity,
  consumed_unit,
  0::integer as revision
from range(
    getvariable('first_hour') * getvariable('series_count'), getvariable('last_hour') * getvariable('series_count')
  ) as positions(position)
  join series on series.series_number = position % getvariable('series_count')
  join hours on hours.hour = position // getvariable('series_count')
where hours.hour >= series.first_hour and hours.hour < series.last_hour
