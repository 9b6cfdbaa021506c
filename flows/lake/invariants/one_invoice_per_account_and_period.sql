-- one_invoice_per_account_and_period: an account has one invoice per period and currency, and every document one id (I1)
-- reads:  invoices
select billing_account_id, billing_period, billing_currency, null as invoice_id, count(*) as documents
from invoices
where document_type = '380' and preceding_invoice_number is null and document_state <> 'month_to_date'
group by all
having count(*) > 1
union all
select min(billing_account_id), min(billing_period), min(billing_currency), invoice_id, count(*)
from invoices
group by invoice_id
having count(*) > 1
