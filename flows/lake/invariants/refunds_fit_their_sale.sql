-- refunds_fit_their_sale: what corrects the invoice of sold credit names it, and gives back no more than its price (K5, L4, T4)
-- reads:  invoices
-- of:     invoices where sold_by is not null
with
  sales as (
    select invoice_id, document_state, billing_account_id, sold_by, invoice_number, preceding_invoice_number,
      total_without_tax
    from invoices where sold_by is not null
  ),
  roots as (from sales where preceding_invoice_number is null)
select notes.invoice_id, notes.billing_account_id, notes.preceding_invoice_number, notes.total_without_tax
from sales as notes
left join roots on roots.invoice_number = notes.preceding_invoice_number
  and roots.billing_account_id = notes.billing_account_id and roots.sold_by = notes.sold_by
where (notes.preceding_invoice_number is not null and roots.invoice_id is null) or notes.document_state <> 'issued'
union all
select any_value(sales.invoice_id), sales.billing_account_id, null, sum(sales.total_without_tax)
from sales join roots using (sold_by, billing_account_id)
group by sales.sold_by, sales.billing_account_id
having sum(sales.total_without_tax) not between 0 and max(roots.total_without_tax)
