-- internal.grant_draws: what each billed period did to a grant, and the commit that said so last (K8)
-- reads:  internal.grant_movements, internal.billed_periods, internal.chains
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
  issued as (   -- one that was voided is a draft again
    select distinct billing_account_id, billing_period
    from internal.chains where document_state = 'issued' and not is_voided
  )
select drawn.grant_id, drawn.billing_account_id, drawn.billing_period, drawn.amount,
  coalesce(billed.commit_number, drawn.written_at) as commit_number,
  issued.billing_period is not null as is_issued
from drawn
left join internal.billed_periods as billed using (billing_period)
left join issued using (billing_account_id, billing_period)
