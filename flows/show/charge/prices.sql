-- prices: the dated rows of a charge's price
-- reads:  sku_prices
-- grain:  one row per valid_from
select
  sku_price_id, price_model, billing_account_id, region_id, list_unit_price, per_quantity, package_size, fixed_fee,
  minimum, maximum, tier_scope, free_quantity, valid_from, valid_until
from sku_prices
where sku_price_id = getvariable('price')
order by valid_from
