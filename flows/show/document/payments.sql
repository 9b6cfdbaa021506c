-- payments: what was paid on a document since it was issued
-- reads:  payment_applications, operations
-- grain:  one row per operation
select operations.occurred_at, operations.payment_kind, applications.amount, applications.operation_id
from payment_applications as applications
left join operations using (operation_id)
where applications.invoice_number = getvariable('invoice_number')
  and applications.billing_account_id = getvariable('account')
order by operations.occurred_at, applications.operation_id
