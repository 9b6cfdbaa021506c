-- metered_records_apart: what series used, the records told apart by quantity or start (P1)
-- reads:  metered_records (series_id, charge_period_start, charge_period_end, consumed_quantity)
--         apart  (series_id, meter, by_value, by_instant): the series to meter so
--         breaks (series_id, stretch, starts, ends): only of series with more than one stretch
-- grain:  one row per (series_id, stretch, value, at)
with placed as (
  select
    u.series_id,
    coalesce(b.stretch, 0)::bigint                                          as stretch,
    case when a.by_value then u.consumed_quantity end::decimal(38, 15)      as value,
    case when a.by_instant then u.charge_period_start end                   as "at",
    a.meter,
    u.charge_period_start,
    u.charge_period_end,
    u.consumed_quantity,
    floor(u.consumed_quantity)::hugeint                                     as whole,
    ((u.consumed_quantity::decimal(38, 15) - floor(u.consumed_quantity))::decimal(19, 15)
      * 1000000000000000::decimal(16, 0))::hugeint                          as rest,
    (epoch_us(u.charge_period_end) - epoch_us(u.charge_period_start))::hugeint as microseconds
  from metered_records u
  join apart a
      on  a.series_id = u.series_id
  left join breaks b
      on  b.series_id = u.series_id
      and u.charge_period_start >= b.starts
      and u.charge_period_start <  b.ends
)
select
  series_id,
  stretch,
  value,
  "at",
  sum(consumed_quantity)::decimal(38, 15)                                   as consumed_quantity,
  count(*)                                                                  as record_count,
  min(charge_period_start)                                                  as first_record_at,
  count(*) filter (where consumed_quantity > 0)                             as positive_count,
  -- by time an instant weighs nothing
  min(charge_period_start) filter (where consumed_quantity > 0 and not (meter = 'time_weighted' and microseconds = 0))
                                                                            as first_positive_at,
  max({'quantity': consumed_quantity::decimal(38, 15), 'at': -epoch_us(charge_period_start)})
    filter (where meter = 'max')                                            as peak,
  max({'starts': charge_period_start, 'ends': charge_period_end, 'quantity': consumed_quantity::decimal(38, 15)})
    filter (where meter = 'last')                                           as last_record,
  -- a sum of HUGEINT wraps unseen, a sum of decimals does not
  sum(case when meter = 'time_weighted' then (whole * microseconds)::decimal(38, 0) end)
                                                                            as time_whole,
  sum(case when meter = 'time_weighted' then (rest * microseconds)::decimal(38, 0) end)
                                                                            as time_rest
from placed
group by series_id, stretch, value, "at"
