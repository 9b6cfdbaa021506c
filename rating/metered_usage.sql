-- metered_usage: what each series used in each of its stretches (P1 `sum`)
-- reads:  usage_records (series_id, charge_period_start, consumed_quantity), from the caller's connection
--         breaks        (series_id, stretch, starts, ends): only of series with more than one stretch
--         cutoffs       (series_id, cutoff): only of series whose usage counts up to an instant inside the period
-- grain:  one row per (series_id, stretch)
select
    u.series_id,
    coalesce(b.stretch, 0)::bigint                as stretch,
    sum(u.consumed_quantity)::decimal(38, 15)     as consumed_quantity,
    count(*)                                      as record_count,
    min(u.charge_period_start)                    as first_record_at
from usage_records u
left join breaks b
    on  b.series_id = u.series_id
    and u.charge_period_start >= b.starts
    and u.charge_period_start <  b.ends
left join cutoffs c
    on  c.series_id = u.series_id
where c.cutoff is null or u.charge_period_start < c.cutoff
group by all
