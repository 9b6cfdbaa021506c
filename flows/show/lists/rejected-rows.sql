-- rejected-rows: every row that was set aside and waits to be mended, with its file and place
-- reads:  rejects
-- grain:  one row per reject that waits
-- wide:   sku_id, billing_account_id, billing_period, consumed_quantity
select
  reason_code, file_name, row_number, usage_record_id, billing_account_id, sku_id, billing_period, consumed_quantity,
  reason
from rejects
where status = 'waiting'
  and of_account(billing_account_id) and of_period(billing_period)
order by reason_code, file_name, row_number, reject_id
