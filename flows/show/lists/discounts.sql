-- discounts: percentages off: for whom, for what, until when
-- reads:  active_discounts
-- grain:  one row per discount and validity
-- wide:   discount_id
select
  billing_account_id, value, service, feature, valid_from, valid_until, promo_code, status, discount_id
from active_discounts
where billing_account_id is null or of_account(billing_account_id)
order by billing_account_id nulls first, valid_from, discount_id
