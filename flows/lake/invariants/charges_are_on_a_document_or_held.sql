-- charges_are_on_a_document_or_held: every account with charges in a period has an invoice of it or a stated hold (L3, P4)
-- reads:  invoices, holds, charges
-- by:     billing_period
select billing_account_id, billing_period, count(*) as charges, sum(list_cost) as list_cost
from charges
anti join (from invoices where sold_by is null) as documents using (billing_account_id, billing_period)
anti join holds using (billing_account_id, billing_period)
group by all
