-- trial-balance: the ledger added up per account of the chart
-- reads:  trial_balance
-- grain:  one row per ledger account and currency
select * from trial_balance
order by billing_currency, ledger_account
