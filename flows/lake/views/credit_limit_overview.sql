-- credit_limit_overview: total less used is available, as of the head (I5, S0.2 to S0.8)
-- reads:  internal.credit_figures, account_restrictions
-- grain:  one row per billing_account_id
with
  last_states as (
    select billing_account_id, state as state_before
    from account_restrictions
    where cause = 'credit_limit'
    qualify row_number() over (partition by billing_account_id order by changed_at desc) = 1
  )
select
  billing_account_id, billing_currency,
  total_amount as total_credit_limit,
  used_amount as used_credit_limit,
  (total_amount - used_amount)::decimal(38,4) as available_credit,
  unpaid_issued_amount, unbilled_amount,
  internal.credit_state(
    used_amount, total_amount, warning, restricted, hysteresis, coalesce(state_before, 'ok')
  ) as state,
  known_as_of
from internal.credit_figures
left join last_states using (billing_account_id)
