-- promo_codes_available: the codes an account sees, and what it may do with each (K7, S0.9, S0.10)
-- reads:  promo_codes, internal.accounts, operations
-- grain:  one row per (billing_account_id, promo_code, valid_from)
with
  accepted as (
    select operations.billing_account_id, operations.promo_code, count(*) as times
    from operations
    where operations.operation = 'accept_promo_code' and operations.status = 'accepted'
    group by all
  ),
  accepted_in_all as (
    select promo_code, sum(times) as times from accepted group by all
  ),
  offered as (   -- a code for some accounts is not compared with all of them
    select promo_code, valid_from, unnest(list_distinct(accounts)) as billing_account_id from promo_codes
    union all
    select codes.promo_code, codes.valid_from, accounts.billing_account_id
    from promo_codes as codes cross join internal.accounts as accounts
    where coalesce(len(codes.accounts), 0) = 0
  )
select
  accounts.billing_account_id, codes.promo_code, codes.benefit, codes.value, codes.billing_currency,
  codes.valid_from, internal.written_end(codes.valid_until) as valid_until,
  case   -- what an account took it keeps, whatever became of the code
    when coalesce(accepted.times, 0) >= codes.per_account_limit then 'accepted'
    when internal.instant_of(codes.valid_until, accounts.time_zone) <= accounts.known_as_of
      then case when accepted.times > 0 then 'accepted' else 'expired' end
    when accepted_in_all.times >= codes.total_limit
      then case when accepted.times > 0 then 'accepted' else 'used_up' end
    else 'available'
  end as state
from offered
join promo_codes as codes using (promo_code, valid_from)
join internal.accounts as accounts using (billing_account_id)
left join accepted
  on accepted.billing_account_id = accounts.billing_account_id and accepted.promo_code = codes.promo_code
left join accepted_in_all on accepted_in_all.promo_code = codes.promo_code
where internal.instant_of(codes.valid_from, accounts.time_zone) <= accounts.known_as_of
  and coalesce(codes.billing_currency, accounts.billing_currency) = accounts.billing_currency
