-- payments_fit_what_is_due: what was paid of an invoice lies between nothing and its due, what a credit note paid between nothing and it (I6)
-- reads:  internal.documents
select invoice_id, invoice_number, document_type, amount_due, at_issue_amount, applied_amount, open_amount
from internal.documents
where case
    when document_type = '380' or amount_due > 0 then open_amount < 0 or at_issue_amount + applied_amount < 0
    else at_issue_amount <> 0 or applied_amount > 0 or open_amount > 0
  end
