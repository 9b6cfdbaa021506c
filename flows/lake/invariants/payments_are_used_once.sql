-- payments_are_used_once: a payment pays at most what it is, a reversed one nothing, a reversal what its payment had paid (I6)
-- reads:  operations, payment_applications
-- of:     operations where operation = 'record_payment'
with
  payments as (
    select paid.operation_id, paid.amount, reversals.operation_id as reversal_id
    from operations as paid
    left join operations as reversals
      on reversals.reverses_operation_id = paid.operation_id
      and reversals.operation = 'reverse_payment' and reversals.status = 'accepted'
    where paid.operation = 'record_payment' and paid.status = 'accepted'
  ),
  sides as (   -- a key for either: a condition with `in` compares every payment with every part of one
    select payments.*, operation_id as side_id from payments
    union all
    select payments.*, reversal_id from payments where reversal_id is not null
  ),
  applied as (   -- of each payment and document, with what its reversal took back
    select sides.operation_id, sides.amount, sides.reversal_id, applications.invoice_number,
      sum(applications.amount) as applied_amount
    from sides join payment_applications as applications on applications.operation_id = sides.side_id
    where applications.credit_note_number is null
    group by all
  )
select operation_id, amount, reversal_id, sum(applied_amount) as applied_amount
from applied
group by all
having min(applied_amount) < 0 or sum(applied_amount) > amount
  or (reversal_id is not null and max(applied_amount) <> 0)
union all
select operation_id, any_value(amount), string_agg(reversal_id, ', ' order by reversal_id), null
from payments
group by operation_id
having count(*) > 1
