-- accounts: who is billed, in which currency and time zone
-- reads:  internal.accounts
-- grain:  one row per account
-- wide:   parent_account_id, domain
select billing_account_id, legal_name, billing_currency, time_zone, jurisdiction, tax_status, parent_account_id, domain
from internal.accounts
where of_account(billing_account_id)
order by billing_account_id
