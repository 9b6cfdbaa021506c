-- bonus_credits: each time a before-tax grant that was not bought came or went, as its customer reads it (S1.6 to S1.15)
-- reads:  internal.movements, internal.grant_states
-- grain:  one row per movement of a before-tax grant that was not bought
select
  movements.billing_account_id,
  movements.day as date,
  movements.amount as sum,
  internal.days_of(grants.window_start, grants.window_end, grants.time_zone) as expiration,
  case movements.movement
    when 'charged' then 'Charged for expense ID ' || movements.expense_number
    when 'returned' then coalesce('Returned for expense ID ' || movements.expense_number, 'Returned')
    when 'transfer_accumulation' then concat_ws(' from ', 'Transfer accumulation', counterparts.billing_account_id)
    when 'transfer_deduction' then concat_ws(' to ', 'Transfer deduction', counterparts.billing_account_id)
    when 'allocated' then concat_ws(' to project ', 'Allocated', counterparts.sub_account_id)
    when 'minimum_consumption' then 'Minimum consumption'
    else upper(movements.movement[1]) || movements.movement[2:]
  end as description,
  movements.movement, movements.expense_number, movements.billing_period,
  grants.name, movements.grant_id, movements.billing_currency
from internal.movements as movements
join internal.grant_states as grants using (grant_id)
left join internal.grant_states as counterparts on counterparts.grant_id = movements.counter_grant_id
where grants.tax_position = 'before' and grants.terminal_status <> 'refunded'   -- bought credit has its own page
