-- numbers_are_gap_free: issued documents count 1, 2, 3 … per seller, type and accounting year; drafts have no number (I2, I1)
-- reads:  invoices
select seller_id, document_type, accounting_year, count(*) as documents, min(sequence) as first_sequence,
  max(sequence) as last_sequence, count(distinct sequence) as sequences, count(distinct invoice_number) as numbers
from invoices
where document_state = 'issued'
group by all
having accounting_year is null or count(*) <> count(sequence) or count(*) <> count(distinct sequence)
  or count(*) <> count(distinct invoice_number) or min(sequence) <> 1 or max(sequence) <> count(*)
union all
select seller_id, document_type, accounting_year, count(*), min(sequence), max(sequence), count(sequence),
  count(invoice_number)
from invoices
where document_state <> 'issued' and (invoice_number is not null or sequence is not null)
group by all
