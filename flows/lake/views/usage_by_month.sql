-- usage_by_month: how much each account used of each SKU; added up by series before names are joined
-- reads:  internal.usage_totals, usage_series
-- grain:  one row per (billing_period, billing_account_id, sub_account_id, sku_id, region_id, consumed_unit)
select
  totals.billing_period, series.billing_account_id, series.sub_account_id, series.sku_id, series.region_id,
  series.consumed_unit,
  sum(totals.consumed_quantity)::decimal(38,15) as consumed_quantity,
  sum(totals.record_count)::bigint as record_count
from internal.usage_totals as totals
join usage_series as series using (series_id)
group by all
