-- stored_usage_was_accepted: no more usage is stored than files were accepted for; a revision may have replaced some (U1)
-- reads:  internal.files, landed_files
select stored.row_count as stored_count, accepted.accepted_count
from (select coalesce(sum(row_count), 0) as row_count from internal.files where table_name = 'usage_records') as stored
cross join (select coalesce(sum(accepted_count), 0) as accepted_count from landed_files) as accepted
where stored.row_count > accepted.accepted_count
