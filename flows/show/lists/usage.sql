-- usage: how much each account used of each SKU, month by month
-- reads:  usage_by_month
-- grain:  one row per period, account, project, SKU, region and unit
select * from usage_by_month
where of_account(billing_account_id) and of_period(billing_period)
order by all
