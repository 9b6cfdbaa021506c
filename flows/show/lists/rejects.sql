-- rejects: why rows were set aside, the most frequent reason first; `rejected-rows` lists each
-- reads:  rejects
-- grain:  one row per reason_code
-- wide:   file_name, row_number, file_count
select
  reason_code, count(*) as row_count, count(distinct file_name) as file_count,
  arg_min(reason, (file_name, row_number)) as for_example,
  min((file_name, row_number))[1] as file_name, min((file_name, row_number))[2] as row_number
from rejects
where status = 'waiting'
  and of_account(billing_account_id) and of_period(billing_period)
group by reason_code
order by row_count desc, reason_code
