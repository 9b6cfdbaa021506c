-- tiers: the tables of prices that lines of a document were rated by
-- reads:  invoice_lines, charges, price_tiers
-- grain:  one row per sku_price_id and tier
select distinct tiers.sku_price_id, tiers.up_to, tiers.unit_price, tiers.flat_fee
from invoice_lines as lines
join charges using (charge_id)
join price_tiers as tiers using (sku_price_id)
where lines.invoice_id = getvariable('invoice_id')
order by tiers.sku_price_id, tiers.up_to nulls last
