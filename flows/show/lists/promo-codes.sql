-- promo-codes: the codes an account sees, and what it may do with each
-- reads:  promo_codes_available
-- grain:  one row per account and promo code
-- status: available, accepted, used_up, expired
select
  billing_account_id, promo_code, benefit,
  internal.plain(value) || case when benefit = 'discount' and billing_currency is null then ' %' else '' end as value,
  billing_currency, valid_from, valid_until, state
from promo_codes_available
where of_account(billing_account_id) and of_status(state)
order by billing_account_id, promo_code, valid_from
