-- internal.billed_periods: the commit that says what each period's books are; what was landed after it waits for the next run
-- reads:  internal.files, internal.journal, internal.candidate
-- grain:  one row per billing_period
with
  said as (
    select billing_period, commit_number
    from internal.files where table_name = 'account_periods' and row_count > 0
    union all   -- a run that is about to be committed; what voids an invoice counts no inputs, and writes files anew too
    select billing_period, commit_number
    from internal.files
    where table_name in ('rating_lines', 'charges', 'allocations', 'tax_shares', 'invoices')
      and billing_period in (select billing_period from internal.files where table_name = 'account_periods')
      and commit_number > (select max(commit_number) from internal.journal)
      and (select known_as_of from internal.candidate) is not null
    union all   -- a run that says what the one before it said keeps its files
    select billing_period, commit_number from internal.journal where command = 'bill'
    union all   -- a backfill says for which periods nothing waits any more
    select unnest(periods), commit_number from internal.journal where command = 'backfill'
  )
select billing_period, max(commit_number) as commit_number
from said
where billing_period is not null
group by billing_period
