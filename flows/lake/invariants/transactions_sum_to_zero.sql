-- transactions_sum_to_zero: debits and credits of a transaction are equal, per currency (B1)
-- reads:  ledger_entries
select transaction_id, billing_currency, sum(amount) as amount
from ledger_entries
group by all
having sum(amount) <> 0
