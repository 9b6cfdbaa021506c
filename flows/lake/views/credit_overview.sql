-- credit_overview: the credit limit of each account beside the promo codes it sees (S0.1)
-- reads:  credit_limit_overview, promo_codes_available
-- grain:  one row per account and promo code; one row for an account that sees none
select
  limits.billing_account_id, limits.billing_currency,
  limits.total_credit_limit, limits.used_credit_limit, limits.available_credit, limits.state as credit_state,
  codes.promo_code, codes.benefit, codes.value, codes.valid_from, codes.valid_until, codes.state as promo_code_state
from credit_limit_overview as limits
left join promo_codes_available as codes using (billing_account_id)
