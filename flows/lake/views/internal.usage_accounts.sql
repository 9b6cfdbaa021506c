-- internal.usage_accounts: which accounts have usage in which period, and since which commit
-- reads:  internal.usage_totals, usage_series
-- grain:  one row per (billing_period, billing_account_id)
select totals.billing_period, series.billing_account_id, min(totals.commit_number) as commit_number
from internal.usage_totals as totals
join main.usage_series as series using (series_id)
group by all
