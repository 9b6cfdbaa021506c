-- internal.billed_periods: the commit that says what each period's books are; what was landed after it waits for the next run
-- reads:  internal.files, internal.journal
-- grain:  one row per billing_period
with
  said as (
    select billing_period, commit_number
    from internal.files where table_name in ('account_periods', 'charges', 'allocations') and row_count > 0
    union all   -- a run that says what the one before it said keeps its files
    select billing_period, commit_number from internal.journal where command = 'bill'
  )
select billing_period, max(commit_number) as commit_number
from said
group by billing_period
