-- trial_balance: the ledger added up per account of the chart (B1)
-- reads:  ledger_entries
-- grain:  one row per (ledger_account, billing_currency)
select
  ledger_account, billing_currency,
  coalesce(sum(amount) filter (amount > 0), 0)::decimal(38,4) as debit,
  coalesce(-sum(amount) filter (amount < 0), 0)::decimal(38,4) as credit,
  sum(amount)::decimal(38,4) as balance
from ledger_entries
group by all
