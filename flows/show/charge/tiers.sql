-- tiers: the tiers of a charge's price
-- reads:  price_tiers
-- grain:  one row per tier
select up_to, unit_price, flat_fee from price_tiers
where sku_price_id = getvariable('price')
order by up_to nulls last
