-- operations: what people did, and what was decided
-- reads:  operations
-- grain:  one row per operation
-- wide:   actor, invoice_number, promo_code, reason
select
  occurred_at, operation_id, operation, actor, billing_account_id, amount, billing_currency, promo_code,
  invoice_number, status, reason_code, reason
from operations
where of_account(billing_account_id) and of_period(billing_period)
order by occurred_at, operation_id
