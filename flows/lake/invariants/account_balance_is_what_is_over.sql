-- account_balance_is_what_is_over: an account's balance is what its payments have left; a reversed payment has nothing (I6, B1)
-- reads:  ledger_entries, operations, payment_applications
with
  booked as (
    select billing_account_id, -sum(amount) as amount
    from ledger_entries where ledger_account = 'account_balance' group by all
  ),
  applied as (
    select operation_id, sum(amount) as amount
    from payment_applications where credit_note_number is null group by all
  ),
  over as (
    select paid.billing_account_id, sum(paid.amount - coalesce(applied.amount, 0)) as amount
    from operations as paid left join applied using (operation_id)
    where paid.operation = 'record_payment' and paid.status = 'accepted'
      and paid.operation_id not in (
        select reverses_operation_id from operations where operation = 'reverse_payment' and status = 'accepted'
      )
    group by all
  )
select billing_account_id, booked.amount as account_balance, over.amount as left_of_payments
from booked full join over using (billing_account_id)
where coalesce(booked.amount, 0) <> coalesce(over.amount, 0)
