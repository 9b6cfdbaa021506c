-- Where each series belongs: its account, project, SKU, unit and billing period, and from when until when that holds.
-- Reference rows are dated, so a series is cut at every boundary that lies inside its own time; most have none.

create temp table series as
select
  billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit,
  min(earliest) as earliest, max(latest) as latest,
  hash(billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit) as key_hash
from series_parts
where not is_faulty
group by all;

-- what the checks depend on: a fraction of the series, which differ by resource and region
create temp table terms as
select row_number() over () as term, *
from (
  select billing_account_id, sub_account_id, sku_id, consumed_unit, min(earliest) as earliest, max(latest) as latest
  from series group by all
);

-- the zones a term's account has had; one that is not known is judged as if in UTC
create temp table term_zones as
select distinct term, coalesce(time_zone, 'UTC') as time_zone
from terms left join accounts using (billing_account_id);

-- dated rows that could matter, each in the zones in which it could
create temp table dated_rows as
select distinct 'sku' as what, sku_id as id, null::varchar as detail, time_zone, valid_from, valid_until
from terms join term_zones using (term) join skus using (sku_id)
union all
select distinct 'project', sub_account_id, projects.billing_account_id, time_zone, valid_from, valid_until
from terms join term_zones using (term) join projects using (sub_account_id)
union all
select distinct 'unit', conversions.from_unit, conversions.sku_id, time_zone, valid_from, valid_until
from terms join term_zones using (term)
join conversions on conversions.from_unit = terms.consumed_unit and coalesce(conversions.sku_id = terms.sku_id, true);
