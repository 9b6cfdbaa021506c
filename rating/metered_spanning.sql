-- metered_spanning: the records of split series that cross a boundary (U4)
-- reads:  spanning_candidates (series_id, charge_period_start, charge_period_end, consumed_quantity)
--         moments (series_id, moment): where records are cut
-- grain:  one row per series_id, start, end and quantity; equal records are counted
select
  u.series_id,
  u.charge_period_start,
  u.charge_period_end,
  u.consumed_quantity::decimal(38, 15)                                      as consumed_quantity,
  count(*)                                                                  as copies
from spanning_candidates u
semi join moments m
    on  m.series_id = u.series_id
    and u.charge_period_start < m.moment
    and u.charge_period_end > m.moment
group by all
