-- internal.grant_draws: what each billed period did to a grant, and the commit that said so last (K8)
-- reads:  internal.grant_movements, internal.journal, invoices
-- grain:  one row per (grant_id, billing_account_id, billing_period)
with
  drawn as (
    select grant_id, billing_account_id, billing_period,
      sum(amount)::decimal(38,4) as amount,
      max(commit_number) as written_at
    from internal.grant_movements
    where movement not in ('credited', 'transfer_accumulation', 'transfer_deduction', 'allocated')
    group by all
  ),
  bills as (   -- a run that says what the one before it said keeps its files
    select billing_period, max(commit_number) as billed_at
    from internal.journal where command = 'bill' group by all
  ),
  issued as (
    select distinct billing_account_id, billing_period from main.invoices where document_state = 'issued'
  )
select drawn.grant_id, drawn.billing_account_id, drawn.billing_period, drawn.amount,
  greatest(drawn.written_at, coalesce(bills.billed_at, 0)) as commit_number,
  issued.billing_period is not null as is_issued
from drawn
left join bills using (billing_period)
left join issued using (billing_account_id, billing_period)
