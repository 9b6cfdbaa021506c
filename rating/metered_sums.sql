-- metered_sums: what each series used, in one pass over all usage (P1)
-- reads:  metered_records (series_id, charge_period_start, consumed_quantity)
-- grain:  one row per series_id; the row of a series with stretches, details or another meter is not used
-- `count(case …)` is a quarter cheaper here than `count(*) filter (…)`
select
  series_id,
  sum(consumed_quantity)::decimal(38, 15)                                   as consumed_quantity,
  count(*)                                                                  as record_count,
  min(charge_period_start)                                                  as first_record_at,
  count(case when consumed_quantity > 0 then 1 end)                         as positive_count,
  min(case when consumed_quantity > 0 then charge_period_start end)         as first_positive_at
from metered_records
group by series_id
