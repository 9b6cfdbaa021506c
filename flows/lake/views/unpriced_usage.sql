-- unpriced_usage: accepted usage for which no price held at its start (P4)
-- reads:  internal.files, internal.usage, usage_series, internal.accounts, sku_prices
-- grain:  one row per (billing_period, billing_account_id, sub_account_id, sku_id, region_id, consumed_unit)
with
  span as (   -- a day more on either side than any zone needs
    select
      timezone('UTC', (min(billing_period) || '-01')::timestamp - to_days(2)) as starts,
      timezone('UTC', (max(billing_period) || '-01')::timestamp + to_months(1) + to_days(2)) as ends
    from internal.files where table_name = 'usage_records'
  ),
  priced_times as (   -- when each series has a price in its account's currency, of its own or of the price book
    select series.series_id,
      internal.instant_of(prices.valid_from, accounts.time_zone) as starts,
      coalesce(internal.instant_of(prices.valid_until, accounts.time_zone), 'infinity'::timestamptz) as ends
    from usage_series as series
    join internal.accounts as accounts using (billing_account_id)
    join sku_prices as prices
      on prices.sku_id = series.sku_id
      and prices.billing_currency = accounts.billing_currency
      and coalesce(prices.billing_account_id, series.billing_account_id) = series.billing_account_id
      and (prices.region_id is null or prices.region_id = series.region_id)
  ),
  suspected as (   -- most series have a price all the time: their usage is not read
    select series_id from usage_series
    where series_id not in (
      select priced_times.series_id from priced_times, span
      where priced_times.starts <= span.starts and priced_times.ends >= span.ends
    )
  ),
  unpriced as (
    select usage.billing_period, usage.series_id,
      sum(usage.consumed_quantity) as consumed_quantity, count(*) as record_count,
      min(usage.charge_period_start) as first_start
    from internal.usage as usage
    semi join suspected on suspected.series_id = usage.series_id
    anti join priced_times
      on priced_times.series_id = usage.series_id
      and usage.charge_period_start >= priced_times.starts
      and usage.charge_period_start < priced_times.ends
    group by all
  )
select
  unpriced.billing_period, series.billing_account_id, series.sub_account_id, series.sku_id, series.region_id,
  series.consumed_unit,
  sum(unpriced.consumed_quantity)::decimal(38,15) as consumed_quantity,
  sum(unpriced.record_count)::bigint as record_count,
  min(unpriced.first_start) as first_start
from unpriced
join usage_series as series using (series_id)
group by all
