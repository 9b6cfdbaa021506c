-- usage_records: accepted usage as it landed, each record with the series it belongs to
-- reads:  stored_usage, usage_series
-- grain:  one row per usage_record_id
select
  stored.usage_record_id, series.billing_account_id, series.sub_account_id, series.resource_id, series.sku_id,
  series.region_id, stored.charge_period_start, stored.charge_period_end, stored.consumed_quantity,
  series.consumed_unit, stored.revision, stored.tags
from stored_usage as stored
join usage_series as series using (series_id)
