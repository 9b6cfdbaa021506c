-- parts_fit_their_grant: a grant made of another holds what was taken from that for it, and no grant gives more than it has (W3, K4)
-- reads:  grants, grant_movements
with
  given as (
    select grant_id, counter_grant_id, -sum(amount) as amount
    from grant_movements where movement in ('allocated', 'transfer_deduction') group by all
  ),
  given_in_all as (select grant_id, sum(amount) as amount from given group by all)
select 'holds more than it was given' as fault, parts.grant_id, parts.amount as held_amount, given.amount as given_amount
from grants as parts
left join given on given.grant_id = parts.from_grant_id and given.counter_grant_id = parts.grant_id
where parts.from_grant_id is not null and parts.amount > coalesce(given.amount, 0)
union all
select 'gave more than it had', grants.grant_id, grants.amount, given_in_all.amount
from grants join given_in_all using (grant_id)
where given_in_all.amount > grants.amount
