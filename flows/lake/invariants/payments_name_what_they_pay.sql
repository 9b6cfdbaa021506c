-- payments_name_what_they_pay: a payment's part names a document with a number, and the operation it came from (I6, L3)
-- reads:  payment_applications, invoices, operations
-- of:     payment_applications
select 'payment_applications.invoice_number' as what, paid.invoice_number as id
from payment_applications as paid anti join invoices using (invoice_number)
union all
select 'payment_applications.credit_note_number', paid.credit_note_number
from payment_applications as paid
anti join invoices on invoices.invoice_number = paid.credit_note_number and invoices.document_type = '381'
where paid.credit_note_number is not null
union all
select 'payment_applications.operation_id', paid.operation_id
from payment_applications as paid
anti join operations on operations.operation_id = paid.operation_id and operations.status = 'accepted'
  and operations.operation in ('record_payment', 'reverse_payment', 'issue_invoices', 'void_invoice')
