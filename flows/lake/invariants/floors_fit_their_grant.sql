-- floors_fit_their_grant: a month draws of a grant at most what its floor lacks of use, and what is free of it (W1, W2)
-- reads:  grant_movements, grants, account_periods, internal.grant_draws, internal.grant_movements
-- of:     grant_movements where movement = 'minimum_consumption'
with
  used as (   -- by the grant and by those that were allocated from it
    select grant_id, billing_period, -amount as amount
    from grant_movements where movement in ('charged', 'returned')
    union all
    select parents.grant_id, moved.billing_period, -moved.amount
    from grant_movements as moved
    join grants as children using (grant_id)
    join grants as parents
      on parents.grant_id = children.from_grant_id and parents.billing_account_id = children.billing_account_id
    where moved.movement in ('charged', 'returned')
  ),
  used_by_month as (select grant_id, billing_period, sum(amount) as amount from used group by all),
  drawn as (
    select grant_id, billing_account_id, billing_period, -sum(amount) as amount
    from grant_movements where movement = 'minimum_consumption' group by all
  ),
  free as (   -- before the draw; an operation that came after a draft was made waits for its next run (K8)
    select drawn.grant_id, drawn.billing_period, sum(moved.amount) as amount
    from drawn
    join internal.grant_draws as draws
      on draws.grant_id = drawn.grant_id and draws.billing_period = drawn.billing_period
    join internal.grant_movements as moved
      on moved.grant_id = drawn.grant_id and case
        when moved.movement in ('credited', 'transfer_accumulation') then true
        when moved.movement in ('transfer_deduction', 'allocated')
          then moved.billing_period <= drawn.billing_period and moved.commit_number <= draws.commit_number
        when moved.billing_period = drawn.billing_period then moved.movement in ('charged', 'returned')
        else moved.billing_period < drawn.billing_period end
    group by all
  ),
  floors as (
    select drawn.*, coalesce(used_by_month.amount, 0) as used_amount, free.amount as free_amount,
      internal.floor_of(grants, periods.exponent, periods.time_zone, periods.period_start) as floor_amount,
      greatest(grants.window_start, grants.occurred_at) < periods.period_end
        and coalesce(grants.window_end > periods.period_start, true) as is_due
    from drawn
    join grants using (grant_id)
    join account_periods as periods
      on periods.billing_account_id = drawn.billing_account_id and periods.billing_period = drawn.billing_period
    left join used_by_month
      on used_by_month.grant_id = drawn.grant_id and used_by_month.billing_period = drawn.billing_period
    left join free on free.grant_id = drawn.grant_id and free.billing_period = drawn.billing_period
  )
select grant_id, billing_account_id, billing_period, amount as drawn_amount, floor_amount, used_amount, free_amount
from floors
where not is_due or amount > greatest(floor_amount - used_amount, 0) or amount > free_amount
