-- active_discounts: the discounts of the bonus page, each with whether it holds now (D1, S1.20 to S1.26)
-- reads:  discounts, operations, internal.accounts, internal.head
-- grain:  one row per discount and validity; of a promo code, per acceptance by an account, with what it opened of it
with
  accepted as (
    select operations.billing_account_id, operations.promo_code,
      try_cast(operations.window_start as timestamptz) as opens, try_cast(operations.window_end as timestamptz) as closes
    from operations
    where operations.operation = 'accept_promo_code' and operations.status = 'accepted'
  ),
  reaching as (
    select
      discounts.* replace (coalesce(discounts.billing_account_id, accepted.billing_account_id) as billing_account_id),
      accepted.opens, accepted.closes
    from discounts
    left join accepted
      on accepted.promo_code = discounts.promo_code
      and accepted.billing_account_id = coalesce(discounts.billing_account_id, accepted.billing_account_id)
    where discounts.promo_code is null or accepted.promo_code is not null
  ),
  dated as (
    select reaching.*,
      coalesce(accounts.time_zone, 'UTC') as zone,   -- a row that names no account has no zone of its own
      internal.instant_of(reaching.valid_from, zone) as starts,
      internal.instant_of(reaching.valid_until, zone) as ends
    from reaching
    left join internal.accounts as accounts using (billing_account_id)
    -- an amount is for accounts of its currency (D2)
    where coalesce(reaching.billing_currency = accounts.billing_currency, true)
  ),
  cut as (   -- least and greatest pass over what is null: an end that is open, a window that nothing cuts
    select dated.*, greatest(starts, opens) as holds_from, least(ends, closes) as holds_until from dated
  )
select
  cut.billing_account_id,
  internal.plain(cut.value)
    || case cut.kind when 'percent' then ' %' else coalesce(' ' || cut.billing_currency, '') end as value,
  cut.service, cut.feature,
  case when cut.opens > cut.starts then internal.boundary_of(cut.holds_from, cut.zone) else cut.valid_from end
    as valid_from,
  internal.written_end(
    case when cut.closes < coalesce(cut.ends, 'infinity') then internal.boundary_of(cut.closes, cut.zone)
    else cut.valid_until end
  ) as valid_until,
  cut.promo_code,
  case
    when cut.holds_from > head.known_as_of then 'scheduled'
    when cut.holds_until <= head.known_as_of then 'expired'
    else 'active'
  end as status,
  cut.billing_currency, cut.discount_id
from cut
cross join internal.head as head
where cut.holds_until is null or cut.holds_from < cut.holds_until
