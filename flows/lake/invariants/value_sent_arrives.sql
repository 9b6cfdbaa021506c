-- value_sent_arrives: what left a grant came onto one other, as much, at once, on terms that stay (K4, W3)
-- reads:  grant_movements, grants
with
  sent as (
    select * from grant_movements where movement in ('transfer_deduction', 'allocated')
  ),
  arrived as (
    select moved.*, grants.from_grant_id
    from grant_movements as moved join grants using (grant_id)
    where moved.movement in ('transfer_accumulation', 'credited') and grants.from_grant_id is not null
  ),
  terms_differ as (
    select made.grant_id
    from grants as made join grants as source on source.grant_id = made.from_grant_id
    where made.billing_currency <> source.billing_currency or made.tax_position <> source.tax_position
      or made.terminal_status <> source.terminal_status or made.window_start <> source.window_start
      or made.window_end is distinct from source.window_end
      or made.include <> source.include or made.exclude <> source.exclude or made.priority <> source.priority
      -- to another account as it was, or to a project of the same
      or case when made.billing_account_id = source.billing_account_id
        then made.sub_account_id is null or made.kind <> 'project' or source.kind <> 'organization'
        else made.sub_account_id is not null or made.kind <> source.kind end
  )
select coalesce(sent.operation_id, arrived.operation_id) as operation_id, sent.grant_id as from_grant_id,
  arrived.grant_id, sent.amount as sent_amount, arrived.amount as arrived_amount
from sent
full join arrived on arrived.operation_id = sent.operation_id and arrived.from_grant_id = sent.grant_id
where sent.operation_id is null or arrived.operation_id is null
  or sent.amount + arrived.amount <> 0
  or sent.counter_grant_id <> arrived.grant_id or coalesce(arrived.counter_grant_id, '') <> sent.grant_id
  or (sent.movement = 'allocated') <> (arrived.movement = 'credited')
  or arrived.grant_id in (select grant_id from terms_differ)
