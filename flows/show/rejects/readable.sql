-- readable: what can be read of each reject that waits, and why it has no value of its own where it has none (U6)
-- reads:  waiting (rejects of interest), accounts (billing_account_id), skus (sku_id, pricing_unit),
--         conversions (from_unit, to_unit, sku_id)
-- grain:  one row per reject_id
with
  parsed as (
    select *,
      -- a line that could not be read was kept as it was; all others were kept by field
      case when json_valid(original) and not (
          list_contains(getvariable('unreadable'), reason_code)
          and coalesce(usage_record_id, billing_account_id, sku_id) is null
        ) then original end as fields
    from waiting
  ),
  fielded as (
    select * exclude (fields, original), fields is not null as is_readable,
      json_extract_string(fields, '$.sub_account_id') as sub_account_id,
      json_extract_string(fields, '$.resource_id') as resource_id,
      json_extract_string(fields, '$.region_id') as region_id,
      json_extract_string(fields, '$.consumed_unit') as consumed_unit,
      instant_of(json_extract_string(fields, '$.charge_period_start')) as starts,
      instant_of(json_extract_string(fields, '$.charge_period_end')) as ends
    from parsed
  ),
  placed as (
    select * exclude (starts, ends),
      case when starts >= '1970-01-01'::timestamptz and starts < '9000-01-01'::timestamptz then starts end
        as charge_period_start,
      -- no end, or one that cannot be, is an instant
      greatest(starts, least(coalesce(ends, starts), starts + interval 366 days)) as charge_period_end
    from fielded
  )
select *,
  case
    when reason_code = 'R_NOT_USAGE' then 'not usage'
    when not is_readable then 'not readable'
    when billing_account_id is null or billing_account_id not in (select billing_account_id from accounts)
      then 'no account'
    when sku_id is null or sku_id not in (select sku_id from skus) then 'no SKU'
    when consumed_quantity is null then 'no number'
    when charge_period_start is null then 'no time'
    when not exists (
        from skus where skus.sku_id = placed.sku_id and (
          skus.pricing_unit = placed.consumed_unit or exists (
            from conversions
            where conversions.from_unit = placed.consumed_unit and conversions.to_unit = skus.pricing_unit
              and (conversions.sku_id is null or conversions.sku_id = skus.sku_id)
          )
        )
      ) then 'no unit'
  end as without_estimate
from placed
order by reject_id
