-- metered_stretches: what series used in their stretches, how long, at most and until when (P1)
-- reads:  metered_records (series_id, charge_period_start, charge_period_end, consumed_quantity)
--         closer (series_id, is_timed): the series that need more than their sum
--         breaks (series_id, stretch, starts, ends): only of series with more than one stretch
-- grain:  one row per (series_id, stretch)
-- quantity × length of records: in whole seconds, and the microseconds beyond them. The product is as wide as the
-- quantity, and an overflow is an error: the caller then takes these series to metered_records_apart, which is exact
-- for any length and quantity and slower
with placed as (
  select
    u.series_id,
    coalesce(b.stretch, 0)::bigint                                          as stretch,
    c.is_timed,
    u.charge_period_start,
    epoch_us(u.charge_period_end) - epoch_us(u.charge_period_start)         as microseconds,
    u.consumed_quantity
  from metered_records u
  join closer c
      on  c.series_id = u.series_id
  left join breaks b
      on  b.series_id = u.series_id
      and u.charge_period_start >= b.starts
      and u.charge_period_start <  b.ends
)
select
  series_id,
  stretch,
  sum(consumed_quantity)::decimal(38, 15)                                   as consumed_quantity,
  count(*)                                                                  as record_count,
  min(charge_period_start)                                                  as first_record_at,
  count(case when consumed_quantity > 0 then 1 end)                         as positive_count,
  -- by time an instant weighs nothing
  min(case when consumed_quantity > 0 and not (is_timed and microseconds = 0) then charge_period_start end)
                                                                            as first_positive_at,
  max(consumed_quantity)                                                    as peak_quantity,
  max(charge_period_start)                                                  as last_start_at,
  sum(case when is_timed then consumed_quantity * (microseconds // 1000000)::integer end)
                                                                            as quantity_seconds,
  sum(case when is_timed and microseconds % 1000000 > 0
      then consumed_quantity * (microseconds % 1000000)::integer end)       as quantity_microseconds
from placed
group by series_id, stretch
