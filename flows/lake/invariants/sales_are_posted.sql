-- sales_are_posted: the tax of sold credit, less that of refunds, is what the ledger owes of it; cash paid all of it (G2, K5, B1)
-- reads:  invoices, tax_breakdown, ledger_entries
-- of:     invoices where sold_by is not null
with
  sales as (select invoice_id from invoices where sold_by is not null),
  owed as (
    select invoice_id, billing_account_id, 'tax_payable/' || seller_jurisdiction || '/' || component as ledger_account,
      -sum(tax_amount) as amount
    from tax_breakdown semi join sales using (invoice_id)
    where tax_amount <> 0
    group by all
    union all
    select invoice_id, billing_account_id, 'cash', sum(tax_amount)
    from tax_breakdown semi join sales using (invoice_id)
    group by all
    having sum(tax_amount) <> 0
  ),
  booked as (
    select source_id as invoice_id, billing_account_id, ledger_account, sum(amount) as amount
    from ledger_entries
    where source_table in ('invoices', 'tax_breakdown') and source_id in (from sales)
    group by all
  )
select invoice_id, billing_account_id, ledger_account, owed.amount as tax_amount, booked.amount as booked_amount
from owed full join booked using (invoice_id, billing_account_id, ledger_account)
where coalesce(owed.amount, 0) <> coalesce(booked.amount, 0)
