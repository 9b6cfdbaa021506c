-- Where each series belongs: its account, project, SKU, unit and billing period, and from when until when that holds.
-- Reference rows are dated, so a series is cut at every boundary that lies inside its own time; most have none.

create table series as
select
  billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit,
  -- what starts before 1970 or after it was received is rejected for that and has no place in time
  case when max(latest) >= '1970-01-01'::timestamptz and min(earliest) <= getvariable('received_at')
    then greatest(min(earliest), '1970-01-01'::timestamptz) end as earliest,
  least(max(latest), getvariable('received_at')) as latest,
  hash(billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit) as key_hash
from series_parts
where not is_faulty
group by all;

-- what the checks depend on: a fraction of the series, which differ by resource and region
create table terms as
select row_number() over () as term, *
from (
  select billing_account_id, sub_account_id, sku_id, consumed_unit, min(earliest) as earliest, max(latest) as latest
  from series group by all
);

-- the zones a term's account has had; one that is not known is judged as if in UTC
create table term_zones as
select distinct term, coalesce(time_zone, 'UTC') as time_zone
from terms left join accounts using (billing_account_id);

-- dated rows that could matter, each in the zones in which it could
create table dated_rows as
select distinct 'sku' as what, sku_id as id, null::varchar as detail, time_zone, valid_from, valid_until
from terms join term_zones using (term) join skus using (sku_id)
union all
select distinct 'project', sub_account_id, projects.billing_account_id, time_zone, valid_from, valid_until
from terms join term_zones using (term) join projects using (sub_account_id)
union all
select distinct 'unit', conversions.from_unit, conversions.sku_id, time_zone, valid_from, valid_until
from terms join term_zones using (term)
join conversions on conversions.from_unit = terms.consumed_unit and coalesce(conversions.sku_id = terms.sku_id, true);
