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
where case when movement in ('credited', 'transfer_accumulation', 'returned') then amount < 0 else amount > 0 end
