-- due_is_total_less_paid: due = total with tax − paid + rounding; what is below zero before rounding is a credit note (I3, I7, X1)
-- reads:  invoices
-- by:     billing_period
select invoice_id, document_state, document_type, total_with_tax, credit_amount, paid_amount, rounding_amount, amount_due
from invoices
where amount_due <> total_with_tax - paid_amount + rounding_amount
  or (document_type = '380' and amount_due < 0)
  -- a correction takes back what credit has paid too
  or (preceding_invoice_number is null and credit_amount < 0)
  or (not coalesce(is_void, false) and (document_type = '381') <> (total_with_tax - credit_amount < 0))
