-- internal.closed_lines: lines of drafts and issued documents; of a month to date only the document is kept, nothing behind it
-- reads:  invoice_lines, invoices
-- grain:  one row per (invoice_id, line_number)
select lines.*
from main.invoice_lines as lines
anti join (select invoice_id from main.invoices where document_state = 'month_to_date') using (invoice_id)
