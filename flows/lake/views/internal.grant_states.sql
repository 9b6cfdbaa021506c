-- internal.grant_states: each grant with all that raised and lowered it, and the event that took its rest (K1, K2)
-- reads:  grants, grant_movements, internal.accounts, internal.latest
-- grain:  one row per grant_id
with
  running as (   -- what came comes first: a grant may be given after the time it pays for
    select *,
      sum(amount) over (
        partition by grant_id
        order by movement not in ('credited', 'transfer_accumulation'),
          movement in ('recovered', 'refunded', 'expired'),   -- the rest goes last, whenever that was decided
          occurred_at, movement_id
        rows unbounded preceding
      ) as balance_after
    from main.grant_movements
  ),
  moved as (
    select
      grant_id,
      coalesce(sum(amount) filter (movement in ('credited', 'transfer_accumulation')), 0) as granted_amount,
      coalesce(-sum(amount) filter (movement in ('charged', 'returned')), 0) as used_amount,
      coalesce(-sum(amount) filter (movement = 'expired'), 0) as expired_amount,
      coalesce(-sum(amount) filter (movement = 'allocated'), 0) as allocated_amount,
      coalesce(-sum(amount) filter (movement = 'minimum_consumption'), 0) as minimum_consumption_amount,
      coalesce(sum(amount), 0) as balance,
      -- the event that left nothing behind; the last, should something have come back in between
      arg_max(movement, (movement in ('recovered', 'refunded', 'expired'), occurred_at, movement_id))
        filter (amount < 0 and balance_after = 0) as last_word,
      arg_max(occurred_at, (movement in ('recovered', 'refunded', 'expired'), occurred_at, movement_id))
        filter (amount < 0 and balance_after = 0) as emptied_at
    from running
    group by grant_id
  )
select
  grants.*, accounts.time_zone, latest.known_as_of,
  coalesce(granted_amount, 0)::decimal(38,4) as granted_amount,
  coalesce(used_amount, 0)::decimal(38,4) as used_amount,
  coalesce(expired_amount, 0)::decimal(38,4) as expired_amount,
  coalesce(allocated_amount, 0)::decimal(38,4) as allocated_amount,
  coalesce(minimum_consumption_amount, 0)::decimal(38,4) as minimum_consumption_amount,
  coalesce(balance, 0)::decimal(38,4) as balance,
  case when coalesce(balance, 0) = 0 then emptied_at end as emptied_at,
  case
    when coalesce(balance, 0) = 0 and last_word in ('expired', 'recovered', 'refunded') then last_word
    when coalesce(balance, 0) = 0 then 'used_up'
    when window_start > latest.known_as_of then 'scheduled'
    else 'available'   -- also past its window, until the period that ends it is billed: its charges may still come
  end as status
from main.grants
left join moved using (grant_id)
left join internal.accounts as accounts using (billing_account_id)
cross join internal.latest as latest
