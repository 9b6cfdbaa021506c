-- ledger: every entry of the ledger, debit positive
-- reads:  ledger_entries
-- grain:  one row per entry
-- wide:   source_table, source_id, transaction_id, entry_number, transaction_kind
select
  transaction_kind, ledger_account, billing_account_id, amount, billing_currency, service_period, accounting_period,
  source_table, source_id, transaction_id, entry_number
from ledger_entries
where of_account(billing_account_id) and of_period(service_period)
order by accounting_period, transaction_id, entry_number
