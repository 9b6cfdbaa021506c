-- one_invoice_per_account_and_period: an account has one invoice per period and currency that stands, and every document one id (I1)
-- reads:  invoices, internal.chains
select billing_account_id, billing_period, billing_currency, null as invoice_id, count(*) as documents
from internal.chains
where preceding_invoice_number is null and not is_voided
group by all
having count(*) > 1
union all   -- at most one correction waits to be issued
select billing_account_id, billing_period, billing_currency, null, count(*)
from internal.chains
where preceding_invoice_number is not null and document_state = 'draft'
group by all
having count(*) > 1
union all
select min(billing_account_id), min(billing_period), min(billing_currency), invoice_id, count(*)
from invoices
group by invoice_id
having count(*) > 1
