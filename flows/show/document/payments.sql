-- payments: what paid a document, at its issue or since, and what took it back; of a credit note, what it paid
-- reads:  payment_applications, operations
-- grain:  one row per payment, reversal or credit note, and document
select
  operations.occurred_at,
  case
    when applications.credit_note_number is not null then 'credit_note'
    when operations.operation = 'reverse_payment' then 'reversed'
    else coalesce(operations.payment_kind, 'money')
  end as payment_kind,
  case when applications.credit_note_number = getvariable('invoice_number') then -applications.amount
    else applications.amount end as amount,
  applications.operation_id, applications.invoice_number, applications.credit_note_number, applications.is_at_issue
from payment_applications as applications
left join operations using (operation_id)
where getvariable('invoice_number') in (applications.invoice_number, applications.credit_note_number)
  and applications.billing_account_id = getvariable('account')
order by operations.occurred_at, applications.operation_id, applications.credit_note_number, applications.invoice_number
