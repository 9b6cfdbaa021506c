-- lines_are_of_a_charge_or_a_sale: an invoice line is of a charge, or its invoice sells credit, and never both (G2)
-- reads:  invoices, invoice_lines
-- by:     billing_period
select lines.invoice_id, lines.line_number, lines.billing_account_id, lines.line_amount, lines.charge_id, invoices.sold_by
from invoice_lines as lines join invoices using (invoice_id)
where (lines.charge_id is null) <> (invoices.sold_by is not null)
