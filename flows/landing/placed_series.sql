-- placed_series: each series with its content hash, bucket and period, and what is wrong with it, stretch by stretch
-- reads:  series, terms, term_zones, accounts (stretches), skus, projects, conversions, boundaries, months, open_periods,
--         issued_periods (those that take no more usage, and where it counts instead, X4)

create table zoned_skus as
select skus.*, starts.time_zone, starts.moment as starts, ends.moment as ends
from skus
join boundaries as starts on starts.boundary = skus.valid_from
left join boundaries as ends on ends.boundary = skus.valid_until and ends.time_zone = starts.time_zone
semi join dated_rows as needed on needed.what = 'sku' and needed.id = skus.sku_id and needed.time_zone = starts.time_zone;

create table zoned_projects as
select projects.*, starts.time_zone, starts.moment as starts, ends.moment as ends
from projects
join boundaries as starts on starts.boundary = projects.valid_from
left join boundaries as ends on ends.boundary = projects.valid_until and ends.time_zone = starts.time_zone
semi join dated_rows as needed
  on needed.what = 'project' and needed.id = projects.sub_account_id and needed.time_zone = starts.time_zone;

create table zoned_conversions as
select conversions.*, starts.time_zone, starts.moment as starts, ends.moment as ends
from conversions
join boundaries as starts on starts.boundary = conversions.valid_from
left join boundaries as ends on ends.boundary = conversions.valid_until and ends.time_zone = starts.time_zone
semi join dated_rows as needed
  on needed.what = 'unit' and needed.id = conversions.from_unit and needed.time_zone = starts.time_zone;

create table term_spans as
with
  changes as (
    select term, starts as moment from terms join accounts using (billing_account_id)
    union select term, ends from terms join accounts using (billing_account_id)
    union select term, unnest([rows.starts, rows.ends])
      from terms join term_zones using (term)
      join zoned_skus as rows on rows.sku_id = terms.sku_id and rows.time_zone = term_zones.time_zone
    union select term, unnest([rows.starts, rows.ends])
      from terms join term_zones using (term)
      join zoned_projects as rows on rows.sub_account_id = terms.sub_account_id and rows.time_zone = term_zones.time_zone
    union select term, unnest([rows.starts, rows.ends])
      from terms join term_zones using (term)
      join zoned_conversions as rows
        on rows.from_unit = terms.consumed_unit and rows.time_zone = term_zones.time_zone
    union select term, months.starts
      from terms join term_zones using (term)
      join months on months.time_zone = term_zones.time_zone and months.starts > earliest and months.starts <= latest
  ),
  stretches as (
    select term, earliest as from_at, earliest as moment from terms where earliest is not null
    union all
    select term, changes.moment, changes.moment from terms join changes using (term)
    where changes.moment > earliest and changes.moment <= latest
  )
select term, moment, from_at,
  lead(from_at, 1, 'infinity'::timestamptz) over (partition by term order by from_at) as until_at
from stretches
union all
select term, null, null, null from terms;  -- for rows without a place in time

-- one row per term and stretch: what is in force at its beginning; where no time is known, whether it was ever
-- (an `or` in the condition of a left join would compare every row with every other)
create table term_places as
with
  located as (
    select spans.*, terms.billing_account_id, terms.sub_account_id, terms.sku_id, terms.consumed_unit,
      accounts.time_zone, coalesce(accounts.time_zone, any_zone.time_zone) as zone
    from term_spans as spans
    join terms using (term)
    left join (select term, min(time_zone) as time_zone from term_zones group by term) as any_zone using (term)
    left join accounts on accounts.billing_account_id = terms.billing_account_id
      and accounts.starts <= spans.moment and spans.moment < coalesce(accounts.ends, 'infinity'::timestamptz)
  ),
  with_sku as (
    select located.*, found.pricing_unit, found.allows_corrections, found.sku_id is not null as has_sku
    from located
    left join zoned_skus as found on found.sku_id = located.sku_id and found.time_zone = located.zone
      and found.starts <= located.moment and located.moment < coalesce(found.ends, 'infinity'::timestamptz)
  ),
  with_unit as (
    select with_sku.*, with_sku.consumed_unit = with_sku.pricing_unit or exists (
        from zoned_conversions as found
        where found.from_unit = with_sku.consumed_unit and found.to_unit = with_sku.pricing_unit
          and found.time_zone = with_sku.zone and (found.sku_id is null or found.sku_id = with_sku.sku_id)
          and found.starts <= with_sku.moment and (found.ends is null or with_sku.moment < found.ends)
      ) as has_unit
    from with_sku
  ),
  with_project as (
    select with_unit.*, owner.billing_account_id as project_account_id
    from with_unit
    left join zoned_projects as owner on owner.sub_account_id = with_unit.sub_account_id
      and owner.time_zone = with_unit.zone
      and owner.starts <= with_unit.moment and with_unit.moment < coalesce(owner.ends, 'infinity'::timestamptz)
  ),
  with_period as (
    select with_project.*, months.billing_period, months.ends as period_end
    from with_project
    left join months on months.time_zone = with_project.time_zone
      and months.starts <= with_project.moment and with_project.moment < months.ends
  ),
-- of an issued period that takes no more usage, a record counts in the next that is not issued, if all that it depends on
-- holds there too; else it corrects its own
  waiting as (
    select with_period.*, issued.billing_period is not null and issued.counts_in is null as is_issued,
      issued.counts_in, issued.counted_at, issued.counted_until,
      exists (
        from accounts as found
        where found.billing_account_id = with_period.billing_account_id and found.time_zone = with_period.time_zone
          and found.starts <= issued.counted_at and (found.ends is null or issued.counted_at < found.ends)
      ) and exists (
        from zoned_skus as found
        where found.sku_id = with_period.sku_id and found.time_zone = with_period.zone
          and found.starts <= issued.counted_at and (found.ends is null or issued.counted_at < found.ends)
          and found.pricing_unit = with_period.pricing_unit
      ) and (with_period.consumed_unit = with_period.pricing_unit or exists (
        from zoned_conversions as found
        where found.from_unit = with_period.consumed_unit and found.to_unit = with_period.pricing_unit
          and found.time_zone = with_period.zone and (found.sku_id is null or found.sku_id = with_period.sku_id)
          and found.starts <= issued.counted_at and (found.ends is null or issued.counted_at < found.ends)
      )) and (with_period.sub_account_id is null or exists (
        from zoned_projects as found
        where found.sub_account_id = with_period.sub_account_id and found.time_zone = with_period.zone
          and found.billing_account_id = with_period.billing_account_id
          and found.starts <= issued.counted_at and (found.ends is null or issued.counted_at < found.ends)
      )) as waits
    from with_period
    left join issued_periods as issued using (billing_account_id, billing_period)
  )
select waiting.* replace (
    case when waits then counts_in else waiting.billing_period end as billing_period,
    case when waits then counted_until else period_end end as period_end,
    case when waits then counted_at end as counted_at
  ),
  coalesce(open_periods.earliest_open_period > waiting.billing_period, false) as is_too_old,
  billing_account_id in (select billing_account_id from accounts) as has_account,
  sub_account_id in (select sub_account_id from projects) as ever_project,
  sku_id in (select sku_id from skus) as ever_sku
from waiting
left join open_periods using (billing_account_id, billing_period);

create table placed_series as
select
  series.key_hash, {series_id} as series_id, {bucket} as bucket,
  series.billing_account_id, series.sub_account_id, series.resource_id, series.sku_id, series.region_id,
  series.consumed_unit, places.pricing_unit,
  places.from_at, places.until_at, places.billing_period, places.period_end, places.is_issued, places.counted_at,
  -- billing period and bucket as one number: staging rows by a text would cost half as much again
  (replace(places.billing_period, '-', '')::bigint << 16) | {bucket} as slot,
  places.allows_corrections or not places.has_sku as allows_corrections,  -- of an unknown SKU only that is said
  list_filter([
    case when series.billing_account_id is null or series.sku_id is null or series.consumed_unit is null
      then 'R_MISSING_FIELD' end,
    case when coalesce(has_control(series.billing_account_id), false) or coalesce(has_control(series.sub_account_id), false)
      or coalesce(has_control(series.resource_id), false) or coalesce(has_control(series.sku_id), false)
      or coalesce(has_control(series.region_id), false) or coalesce(has_control(series.consumed_unit), false)
      then 'R_BAD_ID' end,
    case when greatest(length(series.billing_account_id), length(series.sub_account_id), length(series.resource_id),
      length(series.sku_id), length(series.region_id), length(series.consumed_unit)) > 512 then 'R_FIELD_TOO_LONG' end,
    case when series.billing_account_id is not null and not places.has_account then 'R_UNKNOWN_ACCOUNT' end,
    case when places.has_account and places.moment is not null and places.time_zone is null then 'R_ACCOUNT_CLOSED' end,
    case when series.sub_account_id is not null
      and not (places.ever_project and (places.moment is null or places.project_account_id is not null))
      then 'R_UNKNOWN_PROJECT' end,
    case when places.project_account_id <> series.billing_account_id then 'R_PROJECT_MISMATCH' end,
    case when series.sku_id is not null and not (places.ever_sku and (places.moment is null or places.has_sku))
      then 'R_UNKNOWN_SKU' end,
    case when series.consumed_unit is not null and places.has_sku and not places.has_unit then 'R_UNIT_MISMATCH' end,
    case when places.is_too_old or places.is_issued then 'R_TOO_OLD' end
  ], lambda code: code is not null) as codes
from series
join terms on terms.billing_account_id is not distinct from series.billing_account_id
  and terms.sub_account_id is not distinct from series.sub_account_id
  and terms.sku_id is not distinct from series.sku_id
  and terms.consumed_unit is not distinct from series.consumed_unit
join term_places as places using (term);
