-- cut_records: the records of the series of which some are cut, with the pieces in place of those (U4)
-- reads:  usage_records (series_id, charge_period_start, charge_period_end, consumed_quantity)
--         spanning (series_id, charge_period_start, charge_period_end): the records that are cut
--         pieces (series_id, charge_period_start, charge_period_end, consumed_quantity)
create or replace temp view cut_records as
select u.series_id, u.charge_period_start, u.charge_period_end, u.consumed_quantity::decimal(38, 15) as consumed_quantity
from usage_records u
anti join spanning s
    on  s.series_id = u.series_id
    and s.charge_period_start = u.charge_period_start
    and s.charge_period_end = u.charge_period_end
union all
select series_id, charge_period_start, charge_period_end, consumed_quantity
from pieces
