-- credit_history: what raised and lowered each credit, in the customer's words (B3, S3.19, S3.22)
-- reads:  internal.movements, internal.grant_states
-- grain:  one row per movement of a grant
select
  movements.billing_account_id, movements.grant_id, grants.name,
  movements.day as date,
  case movements.movement
    when 'credited' then 'Accumulation'
    when 'charged' then 'Use'
    when 'returned' then 'Return'
    when 'allocated' then 'Allocation'
    when 'transfer_accumulation' then 'Transfer Accumulation'
    when 'transfer_deduction' then 'Transfer Deduction'
    when 'minimum_consumption' then 'Minimum Consumption'
    else upper(movements.movement[1]) || movements.movement[2:]
  end as type,
  movements.amount,
  case when movements.movement like 'transfer_%' then counterparts.billing_account_id end as target_account_id,
  movements.service, movements.expense_number, movements.billing_period, movements.billing_currency
from internal.movements as movements
join internal.grant_states as grants using (grant_id)
left join internal.grant_states as counterparts on counterparts.grant_id = movements.counter_grant_id
