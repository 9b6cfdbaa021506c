-- sales_are_invoiced: each purchase of before-tax credit has one invoice, of its price, paid (G2)
-- reads:  operations, grants, invoices
with
  bought as (
    select operations.operation_id, operations.billing_account_id, grants.price_paid
    from operations join grants using (operation_id)
    where operations.operation = 'purchase_credit' and operations.status = 'accepted'
      and grants.tax_position = 'before'
  ),
  sales as (
    select sold_by as operation_id, invoices.billing_account_id, count(*) as documents,
      sum(total_without_tax) as total_without_tax, sum(amount_due) as amount_due,
      bool_and(document_state = 'issued' and document_type = '380') as is_invoice
    from invoices where sold_by is not null and preceding_invoice_number is null
    group by all
  )
select operation_id, billing_account_id, coalesce(documents, 0) as documents, price_paid, total_without_tax, amount_due
from bought full join sales using (operation_id, billing_account_id)
where price_paid is null or coalesce(documents, 0) <> 1 or total_without_tax <> price_paid or amount_due <> 0
  or not is_invoice
