-- internal.visible_grants: grants with a balance, and those that lost it less than the kind's visible months ago (K6)
-- reads:  internal.grant_states, grant_kinds
-- grain:  one row per grant_id
with
  kinds as (
    select kind, visible_months from main.grant_kinds
    qualify row_number() over (partition by kind order by valid_from desc) = 1
  )
select grants.*
from internal.grant_states as grants
left join kinds using (kind)
where grants.balance <> 0
  or grants.emptied_at is null
  -- months are counted on the account's own calendar
  or timezone(grants.time_zone, grants.known_as_of)
     < timezone(grants.time_zone, grants.emptied_at) + to_months(coalesce(kinds.visible_months, 3)::integer)
