-- ledger_holds_grant_balances: what the ledger owes on each grant is what is left on it (B1, K1)
-- reads:  ledger_entries, grant_movements, grants, internal.unposted_periods
with
  owed as (
    select split_part(ledger_account, '/', 2) as kind, substr(ledger_account, len('grant_liability//') + len(kind) + 1)
        as grant_id,
      billing_currency, -sum(amount) as amount
    from ledger_entries where ledger_account like 'grant_liability/%'
    group by all
  ),
  posted as (   -- a month to date shows what would be charged; nothing of it is posted
    select grant_movements.* from grant_movements
    left join internal.unposted_periods as unposted using (billing_account_id, billing_period)
    where unposted.billing_period is null
      or movement not in ('charged', 'returned', 'expired', 'minimum_consumption')
  ),
  left_over as (
    select posted.grant_id, grants.kind, posted.billing_currency, sum(posted.amount) as amount
    from posted join grants using (grant_id) group by all
  )
select grant_id, kind, billing_currency, owed.amount as ledger_amount, left_over.amount as balance
from owed full join left_over using (grant_id, kind, billing_currency)
where coalesce(owed.amount, 0) <> coalesce(left_over.amount, 0)
