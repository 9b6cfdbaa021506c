-- series_parts: what each file has of each series; also makes the engine read every column of the file once
-- reads:  landed (the rows of one file)
-- grain:  one row per (file_number, series, is_faulty)
select
  file_number, billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit,
  row_fault is not null as is_faulty,
  count(*) as row_count,
  sum(consumed_quantity)::decimal(38, 15) as quantity,
  min(case when charge_period_start between '1970-01-01'::timestamptz and getvariable('received_at')
    then charge_period_start end) as earliest,
  max(case when charge_period_start between '1970-01-01'::timestamptz and getvariable('received_at')
    then charge_period_start end) as latest,
  max(strlen(usage_record_id)) as longest_id,
  max(charge_period_end) as latest_end,
  max(revision) as highest_revision,
  count(tags) as tagged_count
from ({landed})
group by all
