-- series: the hourly series of the world, each drawn from the hash of its account and place
-- reads:  accounts (one row per account), slots (one row per chance to draw a SKU), showcase_series, moving_projects;
--         variables seed, slot_count, regions, showcase_hours, middle, shortest (hours of a series), longer (how many have one more)
-- grain:  one row per (account, project, resource, SKU, region, unit) and stretch of hours [first_hour, last_hour)
create table series as
with
  drawn as (   -- 64 bits of chance for each series; disjoint parts of them decide different things
    select accounts.*, ordinal, first_series + ordinal as place,
      md5_number_lower(getvariable('seed') || ':series:' || billing_account_id || ':' || ordinal) as draw,
      md5(getvariable('seed') || ':resource:' || billing_account_id || ':' || ordinal) as resource_draw
    from accounts, unnest(range(series_count)) as ordinals(ordinal)
  ),
  placed as (
    select
      1 as part, place, account_number, billing_account_id, opens, closes, is_cut,
      case when (draw >> 58) % 16 > 0 then project_prefix || (1 + (draw >> 44) % project_count) end as sub_account_id,
      resource_prefix || '-' || resource_draw[:10] as resource_id,
      slots.sku_id,
      case   -- three in four at home; what is sold everywhere names no region
        when not slots.is_regional and resource_prefix is null then null
        when (draw >> 40) % 4 < 3 then home_region
        else getvariable('regions')[(1 + (draw >> 36) % len(getvariable('regions')))::bigint]
      end as region_id,
      slots.unit as consumed_unit,
      least + step * ((draw >> 24) % choices)::integer as base,
      variation, daily,
      getvariable('shortest') + (place < getvariable('longer'))::integer as hour_count,
      draw >> 8 as start_draw, (draw >> 54) % 5 as age,
      draw % 1073741789 as mix
    from drawn join slots on slot = (draw >> 12) % getvariable('slot_count')
  ),
  dated as (
    select * exclude (opens, closes, is_cut, hour_count, start_draw, age, variation, daily),
      (base * variation)::decimal(18, 6) as noise, (base * daily)::decimal(18, 6) as swing,
      case   -- two in five were there before the month, two in five still are after it; where the month is cut, all in the middle
        when is_cut then greatest(opens, least(closes - hour_count, getvariable('middle') - hour_count // 2))
        when age < 2 then opens
        when age < 4 then closes - hour_count
        else opens + start_draw % (closes - opens - hour_count + 1)
      end::integer as first_hour,
      first_hour + hour_count as last_hour
    from placed
  ),
  shown as (
    select 0 as part, place, 1 as account_number, billing_account_id, sub_account_id, resource_id, sku_id, region_id, unit,
      base, md5_number_lower(getvariable('seed') || ':showcase:' || place) % 1073741789 as mix,
      noise, swing, opens as first_hour, opens + getvariable('showcase_hours')::integer as last_hour
    from showcase_series
      join (select distinct sku_id, unit from slots) using (sku_id)
      join (select billing_account_id, opens::integer as opens from accounts) using (billing_account_id)
  ),
  stretches as (   -- a project that moves inside the month is used by one account before and by another after
    select dated.*, 0 as stretch, first_hour as stretch_start,
      least(last_hour, coalesce(moves_hour, last_hour)) as stretch_end, billing_account_id as user_id
    from dated left join moving_projects using (sub_account_id)
    union all
    select dated.*, 1, greatest(first_hour, moves_hour), last_hour, receiver_id
    from dated join moving_projects using (sub_account_id)
    union all
    select *, 0, first_hour, last_hour, billing_account_id from shown
  )
select
  (row_number() over (order by part, place, stretch) - 1) as series_number,
  user_id as billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit,
  base::decimal(18, 6) as base, noise, swing, mix::bigint as mix, stretch_start as first_hour, stretch_end as last_hour
from stretches
where stretch_start < stretch_end
order by series_number
