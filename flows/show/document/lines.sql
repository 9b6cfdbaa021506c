-- lines: what a document charges for, with the terms of each line's price
-- reads:  invoice_lines, charges, sku_prices
-- grain:  one row per line_number
with
  prices as (
    select sku_price_id, price_model, per_quantity from sku_prices
    qualify row_number() over (partition by sku_price_id order by valid_from desc) = 1
  )
select lines.*, charges.sku_price_id, prices.price_model, prices.per_quantity
from invoice_lines as lines
left join charges using (charge_id)
left join prices using (sku_price_id)
where lines.invoice_id = getvariable('invoice_id')
order by lines.line_number
