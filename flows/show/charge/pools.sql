-- pools: what counts together with a charge towards tiers, blocks and what is free (P6); nothing where all count alone
-- reads:  charges, rating_lines, sku_prices
-- grain:  at most one row
with
  prices as (
    select sku_price_id, tier_scope, region_id, free_quantity > 0 as has_free,
      price_model not in ('unit', 'percentage') as is_pooled
    from sku_prices
    qualify row_number() over (partition by sku_price_id order by valid_from desc) = 1
  ),
  own as (
    select charges.*, prices.* exclude (sku_price_id) replace (prices.region_id as region_id)
    from charges join prices using (sku_price_id)
    where charges.charge_id = getvariable('charge')
  ),
  lines as (
    select lines.*, prices.tier_scope, prices.region_id as price_region_id, prices.has_free, prices.is_pooled
    from rating_lines as lines join prices using (sku_price_id)
  )
select
  own.tier_scope, own.billing_account_id, own.sku_id, own.region_id as region_id,
  case when own.tier_scope = 'sub_account' then own.sub_account_id end as sub_account_id,
  count(lines.rating_line_id) as rating_line_count, sum(lines.pricing_quantity) as pricing_quantity,
  any_value(own.pricing_unit) as pricing_unit, sum(lines.list_cost) as list_cost
from own
join lines
  on lines.billing_account_id = own.billing_account_id and lines.billing_period = own.billing_period
  and lines.sku_id = own.sku_id and lines.tier_scope = own.tier_scope
  and lines.price_region_id is not distinct from own.region_id
  and (own.tier_scope = 'account' or lines.sub_account_id is not distinct from own.sub_account_id)
  -- models of one pool, and whatever shares a free quantity
  and ((own.is_pooled and lines.is_pooled) or own.has_free or lines.has_free)
where (own.is_pooled or own.has_free) and own.tier_scope <> 'resource'
group by own.tier_scope, own.billing_account_id, own.sku_id, own.region_id, own.sub_account_id
