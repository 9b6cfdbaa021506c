-- due_is_total_less_paid: due = total with tax − paid + rounding, never below zero on an invoice (I3, I7)
-- reads:  invoices
select invoice_id, document_state, document_type, total_with_tax, credit_amount, paid_amount, rounding_amount, amount_due
from invoices
where amount_due <> total_with_tax - paid_amount + rounding_amount
  or (document_type = '380' and (amount_due < 0 or credit_amount < 0))
