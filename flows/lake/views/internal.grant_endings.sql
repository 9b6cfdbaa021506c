-- internal.grant_endings: where recovering or refunding a grant has ended its window, and the commit that says so (K5)
-- reads:  internal.operations, grants
-- grain:  one row per grant_id
select
  ended.grant_id,
  greatest(grants.window_start, ended.occurred_at) as window_end,   -- one that has not begun never does
  case ended.operation when 'recover_credit' then 'recovered' else 'refunded' end as ending,
  ended.operation_id, ended.recorded_at, ended.commit_number
from internal.operations as ended
join main.grants as grants using (grant_id)
where ended.operation in ('recover_credit', 'refund_credit') and ended.status = 'accepted'
  and coalesce(ended.occurred_at < grants.window_end, true)
