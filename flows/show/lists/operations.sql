-- operations: what people did, and what was decided
-- reads:  operations
-- grain:  one row per operation
-- wide:   actor, grant_id, to_account, sub_account_id, invoice_number, reverses_operation_id, promo_code
-- status: accepted, rejected
select
  occurred_at, operation_id, operation, actor, billing_account_id, amount, billing_currency, grant_id, to_account,
  sub_account_id, promo_code, invoice_number, reverses_operation_id, status, reason_code, reason
from operations
where of_account(billing_account_id) and of_period(billing_period) and of_status(status)
order by occurred_at, operation_id
