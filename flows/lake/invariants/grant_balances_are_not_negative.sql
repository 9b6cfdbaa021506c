-- grant_balances_are_not_negative: nothing takes from a grant what is not there: no operation, no period (K1, K8)
-- reads:  internal.grant_movements, internal.grant_draws, grant_movements
-- of:     internal.grant_movements
with
  of_operations as (
    select grant_id, billing_account_id, billing_period, commit_number, amount
    from internal.grant_movements
    where movement in ('credited', 'transfer_accumulation', 'transfer_deduction', 'allocated')
  ),
  for_good as (   -- what operations did and issued documents took stays
    select grant_id, billing_account_id, amount from of_operations
    union all
    select grant_id, billing_account_id, amount from internal.grant_draws where is_issued
  ),
  known as (
    -- a draft gives way to operations of its period or an earlier one that came after it was made: until its period is
    -- billed again, it takes what was there when it was
    select draws.grant_id, draws.billing_period, sum(made.amount) as amount
    from internal.grant_draws as draws
    join of_operations as made
      on made.grant_id = draws.grant_id
      and (made.commit_number <= draws.commit_number or made.billing_period > draws.billing_period)
    group by all
  ),
  others as (   -- what earlier periods took, and what later ones took for good
    select draws.grant_id, draws.billing_period, sum(others.amount) as amount
    from internal.grant_draws as draws
    join internal.grant_draws as others
      on others.grant_id = draws.grant_id
      and (others.billing_period < draws.billing_period
        or (others.billing_period > draws.billing_period and others.is_issued))
    group by all
  ),
  of_time as (
    -- what came comes first, and the rest goes last, whenever that was decided; at an instant all counts together. Only
    -- where something came back can a balance be below zero in between
    select moved.grant_id, moved.billing_account_id,
      case when moved.movement in ('credited', 'transfer_accumulation') then 1
        when moved.movement in ('expired', 'recovered', 'refunded') then 3 else 2 end as place,
      moved.occurred_at, sum(moved.amount) as amount
    from grant_movements as moved
    left join internal.grant_draws as draws using (grant_id, billing_period)
    where moved.grant_id in (select grant_id from grant_movements where movement = 'returned')
      and (draws.is_issued or moved.movement in ('credited', 'transfer_accumulation', 'transfer_deduction', 'allocated'))
    group by all
  ),
  at_instants as (
    select grant_id, billing_account_id, place,
      sum(amount) over (partition by grant_id order by place, occurred_at) as balance
    from of_time
  )
select grant_id, billing_account_id, null as billing_period, sum(amount) as balance
from for_good
group by all
having sum(amount) < 0
union all
select draws.grant_id, draws.billing_account_id, draws.billing_period,
  coalesce(known.amount, 0) + coalesce(others.amount, 0) + draws.amount
from internal.grant_draws as draws
left join known using (grant_id, billing_period)
left join others using (grant_id, billing_period)
where not draws.is_issued and draws.amount < 0
  and -draws.amount > greatest(coalesce(known.amount, 0) + coalesce(others.amount, 0), 0)
union all
select grant_id, any_value(billing_account_id), 'at an instant', min(balance)
from at_instants
group by grant_id
having min(balance) < 0
