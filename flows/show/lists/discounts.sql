-- discounts: percentages and amounts off: for whom, for what, until when
-- reads:  active_discounts, internal.accounts
-- grain:  one row per discount and validity
-- wide:   discount_id
-- status: scheduled, active, expired
select
  billing_account_id, value, service, feature, valid_from, valid_until, promo_code, status, discount_id
from active_discounts
where (billing_account_id is null or of_account(billing_account_id))
  and of_status(status)
  -- an amount is for accounts of its currency (D2)
  and (billing_currency is null
    or billing_currency in (select billing_currency from internal.accounts where of_account(billing_account_id)))
order by billing_account_id nulls first, valid_from, discount_id
