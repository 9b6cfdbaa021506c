-- added_charges_are_billed: each charge that was added is one charge of its period and amount, or its account is on hold (1.3, L3)
-- reads:  internal.operations, internal.files, charges, holds
-- by:     billing_period
-- of:     internal.operations where operation = 'add_charge'
with
  billed as (
    select billing_period, max(commit_number) as commit_number
    from internal.files where table_name = 'account_periods' and row_count > 0
    group by billing_period
  ),
  due as (   -- one that was added after the period was last billed waits for the next run
    select operation_id, billing_account_id, billing_period, amount,
      md5('one_off' || chr(31) || operation_id) as rating_line_id
    from internal.operations as added
    join billed using (billing_period)
    where added.operation = 'add_charge' and added.status = 'accepted' and added.commit_number < billed.commit_number
  )
select due.operation_id, billing_account_id, billing_period, due.amount, charges.list_cost as charged_amount
from due
left join charges using (billing_account_id, billing_period, rating_line_id)
anti join holds using (billing_account_id, billing_period)
where due.amount is distinct from charges.list_cost
