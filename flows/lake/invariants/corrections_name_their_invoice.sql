-- corrections_name_their_invoice: what corrects a document names an issued invoice of its account, period and currency (L4, X1, I4)
-- reads:  internal.chains
-- of:     internal.chains where preceding_invoice_number is not null or is_void
select documents.invoice_id, documents.document_state, documents.preceding_invoice_number,
  roots.document_state as root_state, roots.preceding_invoice_number as root_names,
  roots.billing_account_id, roots.billing_period
from internal.chains as documents
left join internal.chains as roots
  on roots.invoice_number = documents.preceding_invoice_number and roots.document_state = 'issued'
  and roots.billing_account_id = documents.billing_account_id
  and roots.billing_period = documents.billing_period and roots.billing_currency = documents.billing_currency
where documents.preceding_invoice_number is not null
  and (roots.invoice_id is null
    or roots.preceding_invoice_number is not null   -- all corrections name the invoice, never one another
    or (roots.is_voided and documents.document_state = 'draft'))
union all   -- a whole chain is taken back once, by a credit note
select any_value(invoice_id), any_value(document_state), root_number, null, null, billing_account_id, billing_period
from internal.chains
where is_void
group by root_number, billing_account_id, billing_period
having count(*) > 1 or bool_or(document_type <> '381' or preceding_invoice_number is null)
