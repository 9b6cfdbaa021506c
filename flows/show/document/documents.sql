-- documents: those that a number, an id or an account stands for, the one that was most likely meant first
-- reads:  invoices, internal.invoices, internal.documents, internal.accounts, account_periods, sellers
-- grain:  one row per (invoice_id, document_state)
with
  latest_sellers as (   -- for drafts, which do not yet name theirs
    select * from sellers qualify row_number() over (partition by seller_id order by valid_from desc) = 1
  )
select
  invoices.* exclude (seller_legal_name, seller_address, seller_tax_ids, buyer_legal_name, buyer_address),
  coalesce(invoices.seller_legal_name, latest_sellers.legal_name) as seller_legal_name,
  coalesce(invoices.seller_address, latest_sellers.address) as seller_address,
  coalesce(invoices.seller_tax_ids, latest_sellers.tax_ids) as seller_tax_ids,
  coalesce(invoices.buyer_legal_name, accounts.legal_name) as buyer_legal_name,
  coalesce(invoices.buyer_address, accounts.address) as buyer_address,
  coalesce(periods.time_zone, accounts.time_zone, 'UTC') as time_zone,
  periods.exponent,
  documents.applied_amount, documents.open_amount, documents.payment_state, documents.root_number, documents.is_voided,
  written.commit_number
from invoices
join internal.documents as documents using (invoice_id, document_state)
join internal.invoices as written using (invoice_id, document_state)
left join account_periods as periods
  on periods.billing_account_id = invoices.billing_account_id and periods.billing_period = invoices.billing_period
left join internal.accounts as accounts on accounts.billing_account_id = invoices.billing_account_id
left join latest_sellers on latest_sellers.seller_id = invoices.seller_id
where getvariable('wanted') in (invoices.invoice_number, invoices.invoice_id, invoices.billing_account_id)
  and (getvariable('period') is null or invoices.billing_period = getvariable('period'))
order by
  -- the invoice of a period that stands, then what corrects it, then what was voided; sold credit comes last
  invoices.sold_by is not null, invoices.billing_period desc, documents.is_voided, invoices.document_state <> 'issued',
  invoices.preceding_invoice_number is not null, invoices.document_type, invoices.invoice_number,
  invoices.document_state, invoices.invoice_id
