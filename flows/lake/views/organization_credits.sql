-- organization_credits: credit that staff gave to organizations, what a month takes of it, and what they gave on (S2.5, W1 to W3)
-- reads:  internal.grant_states, internal.grant_endings, currencies
-- grain:  one row per grant of kind organization
with
  exponents as (
    select billing_currency, exponent from main.currencies
    qualify row_number() over (partition by billing_currency order by valid_from desc) = 1
  )
select
  credits.billing_account_id, credits.grant_id, name, include, granted_amount, used_amount, allocated_amount,
  minimum_consumption_amount, balance, logic, monthly_value,
  case   -- of the month that the head is in; once a month is billed, that is the next one
    when timezone(time_zone, greatest(window_start, occurred_at)) < date_trunc('month', timezone(time_zone, known_as_of)) + interval 1 month
      and coalesce(
        timezone(time_zone, coalesce(endings.window_end, credits.window_end))
          > greatest(date_trunc('month', timezone(time_zone, known_as_of)), timezone(time_zone, window_start)), true)
    then internal.floor_of(credits, exponents.exponent, time_zone, known_as_of)
    else 0
  end::decimal(38,4) as floor_amount,
  window_start, credits.window_end, status, credits.billing_currency
from internal.grant_states as credits
left join internal.grant_endings as endings using (grant_id)
left join exponents using (billing_currency)
where kind = 'organization' and sub_account_id is null
