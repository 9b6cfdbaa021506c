-- organization-credits: credit that staff gave to organizations, what a month takes of it, and what they gave on
-- reads:  organization_credits, internal.accounts
-- grain:  one row per grant of kind organization
-- wide:   grant_id, include, usable, monthly_value, window_start, window_end
select
  credits.billing_account_id, credits.name, credits.include, credits.logic, credits.monthly_value, credits.floor_amount,
  credits.granted_amount, credits.used_amount, credits.allocated_amount, credits.minimum_consumption_amount,
  credits.balance, credits.status, credits.billing_currency,
  internal.days_of(credits.window_start, credits.window_end, accounts.time_zone) as usable,
  credits.grant_id, credits.window_start, credits.window_end
from organization_credits as credits
left join internal.accounts as accounts using (billing_account_id)
where of_account(credits.billing_account_id)
order by credits.billing_account_id, credits.window_start, credits.grant_id
