-- grants_are_credited_once: what came onto a grant is its face value, and each word has its sign (K1, B3)
-- reads:  grants, grant_movements
with
  credited as (
    select grant_id, sum(amount) as amount from grant_movements
    where movement in ('credited', 'transfer_accumulation') group by grant_id
  )
select grants.grant_id, grants.billing_account_id, grants.amount as face_amount, credited.amount as credited_amount
from grants left join credited using (grant_id)
where grants.amount <> coalesce(credited.amount, 0)
union all
select grant_id, billing_account_id, amount, null
from grant_movements
where case
    when movement in ('credited', 'transfer_accumulation', 'returned') then amount < 0
    when movement in ('charged', 'transfer_deduction', 'allocated') then amount > 0
  end
union all   -- what a period has ended or drawn may be corrected by a second row; never to more than it was
select grant_id, any_value(billing_account_id), sum(amount), null
from grant_movements
where movement in ('expired', 'minimum_consumption', 'recovered', 'refunded')
group by grant_id, billing_period, movement
having sum(amount) > 0
