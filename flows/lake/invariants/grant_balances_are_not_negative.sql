-- grant_balances_are_not_negative: nothing takes from a grant what is not there: no operation, no period (K1, K8)
-- reads:  internal.grant_movements, internal.grant_draws
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
  earlier as (
    select draws.grant_id, draws.billing_period, sum(before.amount) as amount
    from internal.grant_draws as draws
    join internal.grant_draws as before
      on before.grant_id = draws.grant_id and before.billing_period < draws.billing_period
    group by all
  )
select grant_id, billing_account_id, null as billing_period, sum(amount) as balance
from for_good
group by all
having sum(amount) < 0
union all
select draws.grant_id, draws.billing_account_id, draws.billing_period,
  coalesce(known.amount, 0) + coalesce(earlier.amount, 0) + draws.amount
from internal.grant_draws as draws
left join known using (grant_id, billing_period)
left join earlier using (grant_id, billing_period)
where not draws.is_issued and draws.amount < 0
  and -draws.amount > greatest(coalesce(known.amount, 0) + coalesce(earlier.amount, 0), 0)
