-- payments_fit_what_is_due: what payments were applied to an invoice lies between nothing and its due; the rest is balance (I6)
-- reads:  internal.documents
select invoice_id, invoice_number, amount_due, applied_amount, open_amount
from internal.documents
where document_type = '380' and (open_amount < 0 or applied_amount < 0)
