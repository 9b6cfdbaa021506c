-- usage_is_billed_or_held: every account with usage in a billed period has an invoice, a stated hold, or no charges (L3, P4)
-- reads:  internal.usage_accounts, internal.files, account_periods, invoices, holds, charges
with
  billed as (
    select billing_period, max(commit_number) as commit_number
    from internal.files where table_name = 'account_periods' and row_count > 0
    group by billing_period
  ),
  due as (   -- usage that arrived after the period was last billed waits for the next run
    select distinct used.billing_account_id, used.billing_period
    from internal.usage_accounts as used
    join billed on billed.billing_period = used.billing_period and used.commit_number < billed.commit_number
    union
    select distinct billing_account_id, billing_period from charges
  ),
  charged as (select distinct billing_account_id, billing_period from charges)
select due.billing_account_id, due.billing_period,
  charged.billing_period is not null as has_charges,
  periods.billing_period is not null as was_billed
from due
left join charged using (billing_account_id, billing_period)
left join account_periods as periods using (billing_account_id, billing_period)
anti join (from invoices where sold_by is null) as documents using (billing_account_id, billing_period)
anti join holds using (billing_account_id, billing_period)
where charged.billing_period is not null or periods.billing_period is null
