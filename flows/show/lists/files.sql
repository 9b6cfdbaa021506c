-- files: every file that came in, and what became of its rows
-- reads:  landed_files
-- grain:  one row per file of a delivery
-- wide:   received_at, reason_code, format, file_digest
select
  received_at, file_name, format, fate, landed_count, accepted_count, duplicate_count, superseded_count,
  rejected_count, reason_code, reason, file_digest
from landed_files
order by received_at, delivery_id, file_name, file_digest
