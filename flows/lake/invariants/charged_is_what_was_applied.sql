-- charged_is_what_was_applied: what customers see charged to a grant is what the grant paid of charges (B3, G6)
-- reads:  allocations, grant_movements, internal.unposted_periods
-- by:     billing_period
with
  applied as (
    select billing_account_id, billing_period, source_id as grant_id, sum(amount) as amount
    from allocations where allocation_kind = 'grant' group by all
  ),
  charged as (
    select billing_account_id, billing_period, grant_id, -sum(amount) as amount
    from grant_movements where movement in ('charged', 'returned') group by all
  )
select billing_account_id, billing_period, grant_id, applied.amount as applied_amount, charged.amount as charged_amount
from applied full join charged using (billing_account_id, billing_period, grant_id)
anti join internal.unposted_periods using (billing_account_id, billing_period)
where coalesce(applied.amount, 0) <> coalesce(charged.amount, 0)
