-- project-costs: what each project cost in a month, and who pays: its own credit, its organization's, other credit, the invoice
-- reads:  project_costs
-- grain:  one row per account, period, project and currency
select * from project_costs
where of_account(billing_account_id) and of_period(billing_period)
order by billing_account_id, billing_period, sub_account_id nulls last, billing_currency
