-- series_parts: what a file has of each series
-- reads:  {landed}, the rows of one file
-- grain:  one row per series of the file; rows that could not be read have none
select
  {number}::integer as file_number, *
from (
  select
    billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit, {is_faulty} as is_faulty,
    count(*) as row_count,
    sum(consumed_quantity)::decimal(38, 15) as quantity,
    min(charge_period_start) as earliest,
    max(charge_period_start) as latest,
    {highest_revision} as highest_revision,
    {tagged_count} as tagged_count
  from ({landed})
  group by {keys}
)
