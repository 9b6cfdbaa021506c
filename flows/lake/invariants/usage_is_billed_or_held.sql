-- usage_is_billed_or_held: every account with usage in a billed period was billed, has an invoice, or a stated hold (L3, P4)
-- reads:  internal.usage_accounts, internal.files, account_periods, invoices, holds
with
  billed as (
    select billing_period, max(commit_number) as commit_number
    from internal.files where table_name = 'account_periods' and row_count > 0
    group by billing_period
  ),
  due as (   -- usage that arrived after the period was last billed waits for the next run
    select used.billing_account_id, used.billing_period
    from internal.usage_accounts as used
    join billed on billed.billing_period = used.billing_period and used.commit_number < billed.commit_number
  )
select *
from due
anti join account_periods using (billing_account_id, billing_period)
anti join (from invoices where sold_by is null) as documents using (billing_account_id, billing_period)
anti join holds using (billing_account_id, billing_period)
