-- active_discounts: the discounts of the bonus page, each with whether it holds now (D1, S1.20 to S1.26)
-- reads:  discounts, internal.accounts, internal.head
-- grain:  one row per discount and validity
select
  discounts.billing_account_id,
  internal.plain(discounts.value)
    || case discounts.kind when 'percent' then ' %' else coalesce(' ' || discounts.billing_currency, '') end as value,
  discounts.service, discounts.feature, discounts.valid_from, discounts.valid_until, discounts.promo_code,
  case   -- a row that names no account has no zone of its own: its days are read in UTC here
    when internal.instant_of(discounts.valid_from, coalesce(accounts.time_zone, 'UTC')) > head.known_as_of
      then 'scheduled'
    when internal.instant_of(discounts.valid_until, coalesce(accounts.time_zone, 'UTC')) <= head.known_as_of
      then 'expired'
    else 'active'
  end as status,
  discounts.discount_id
from discounts
left join internal.accounts as accounts using (billing_account_id)
cross join internal.head as head
