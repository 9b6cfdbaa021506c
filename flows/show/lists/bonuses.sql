-- bonuses: each time a bonus came or went
-- reads:  bonus_credits
-- grain:  one row per movement of a before-tax grant
-- wide:   name
select
  billing_account_id, date, sum, billing_currency, expiration, description, name
from bonus_credits
where of_account(billing_account_id)
order by billing_account_id, date, description, name, sum
