-- metered_extremes: when a series first reached its peak, and its last record (P1 max, last)
-- reads:  metered_records (series_id, charge_period_start, charge_period_end, consumed_quantity)
--         extremes (series_id, stretch, starts, ends, peak_quantity, last_start_at): one of the latter two is null
-- grain:  one row per (series_id, stretch)
-- only the records that are an extreme are compared: comparing structs of all costs more than all the rest
select
  e.series_id,
  e.stretch,
  min(case when u.consumed_quantity = e.peak_quantity then u.charge_period_start end) as peak_at,
  max({'ends': u.charge_period_end, 'quantity': u.consumed_quantity})
    filter (where u.charge_period_start = e.last_start_at)                  as last_record
from metered_records u
join extremes e
    on  e.series_id = u.series_id
    and u.charge_period_start >= e.starts
    and u.charge_period_start <  e.ends
where u.consumed_quantity = e.peak_quantity or u.charge_period_start = e.last_start_at
group by e.series_id, e.stretch
