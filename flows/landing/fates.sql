-- What becomes of rows whose id was met before, in this delivery or in the lake (U1, U2).
-- reads:  suspects (clean rows of the delivery with such an id), stored (the rows of the lake with such an id, one per id)

-- of one revision of an id: how many different contents the delivery has
create table versions as
select usage_record_id, revision,
  count(distinct row(series_id, charge_period_start, charge_period_end, consumed_quantity, tags)) as contents
from suspects group by all;

create table fates as
with
  compared as (
    select suspects.*, versions.contents, stored.revision as stored_revision,
      coalesce(
        stored.series_id = suspects.series_id and stored.charge_period_start = suspects.charge_period_start
        and stored.charge_period_end = suspects.charge_period_end
        and stored.consumed_quantity = suspects.consumed_quantity
        and stored.tags is not distinct from suspects.tags, false) as is_as_stored
    from suspects
    join versions using (usage_record_id, revision)
    left join stored using (usage_record_id)
  ),
  sided as (   -- the newcomer is wrong when the other is committed, every side is when they land together
    select *,
      case
        when stored_revision = revision and is_as_stored then 'duplicate'
        when stored_revision = revision or contents > 1 then 'conflict'
      end as side
    from compared
  ),
  ranked as (
    select *,
      greatest(stored_revision, max(case when side is null then revision end) over (partition by usage_record_id))
        as latest_revision,
      row_number() over (partition by usage_record_id, revision order by place) as rank
    from sided
  )
select place, billing_period, usage_record_id, consumed_quantity, stored_revision,
  case
    when side is not null then side
    when revision < latest_revision then 'superseded'
    when rank > 1 then 'duplicate'
    else 'accepted'
  end as fate
from ranked;
