-- usage_has_a_series: every usage record belongs to one known series, and no two series share a hash (architecture, Series)
-- reads:  internal.usage_totals, usage_series
select 'usage of a series that is not known' as fault, totals.series_id, sum(totals.record_count) as row_count
from internal.usage_totals as totals anti join usage_series using (series_id)
group by all
union all
select 'series listed more than once', series_id, count(*) from usage_series group by series_id having count(*) > 1
