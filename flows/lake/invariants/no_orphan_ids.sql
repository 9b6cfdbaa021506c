-- no_orphan_ids: what a row names exists: documents, charges, rating lines, grants, invoice numbers (L3)
-- reads:  invoice_lines, internal.charged_lines, internal.chains, invoices, charges, rating_lines, allocations, tax_breakdown, tax_shares, grant_movements, grants, holds, account_periods
-- by:     billing_period
select 'invoice_lines.invoice_id' as what, lines.invoice_id as id
from invoice_lines as lines anti join invoices using (invoice_id)
union all
select 'invoice_lines.charge_id', lines.charge_id   -- of a charge that is gone, everything was taken back
from internal.charged_lines as lines anti join charges using (charge_id)
where lines.list_cost <> 0 or lines.discount_amount <> 0 or lines.cap_amount <> 0 or lines.grant_amount <> 0
  or lines.line_amount <> 0 or lines.tax_amount <> 0 or lines.credit_amount <> 0
union all
select 'charges.charge_id is on no line', charges.charge_id
from charges anti join internal.charged_lines as lines using (charge_id)
anti join holds using (billing_account_id, billing_period)
where list_cost <> 0   -- late usage that costs nothing is worth no document
  or (billing_account_id, billing_period) not in (
    select (billing_account_id, billing_period) from internal.chains where root_number is not null and not is_voided
  )
union all
select 'charges.rating_line_id', charges.rating_line_id
from charges anti join rating_lines using (rating_line_id, billing_period)
union all
select 'charges.sku_price_id of a ' || charge_category, charge_id
from charges   -- what was used or recurs has a SKU and a price; what was added has no price, and a SKU if it names one
where case charge_category when 'one_off' then sku_price_id is not null else sku_price_id is null or sku_id is null end
union all
select 'charges.billing_account_id', charges.billing_account_id
from charges anti join account_periods using (billing_account_id, billing_period)
union all
select 'allocations.charge_id', allocations.charge_id from allocations anti join charges using (charge_id)
union all
select 'allocations.source_id', allocations.source_id
from allocations anti join grants on grants.grant_id = allocations.source_id
where allocations.allocation_kind = 'grant'
union all
select 'tax_breakdown.invoice_id', tax.invoice_id from tax_breakdown as tax anti join invoices using (invoice_id)
union all
select 'tax_shares.charge_id', shares.charge_id from tax_shares as shares anti join charges using (charge_id)
union all
select 'grant_movements.grant_id', moved.grant_id from grant_movements as moved anti join grants using (grant_id)
union all
select 'grant_movements.charge_id', moved.charge_id   -- what a charge that is gone had taken came back
from grant_movements as moved anti join charges using (charge_id)
where moved.charge_id is not null
group by moved.grant_id, moved.charge_id
having sum(moved.amount) <> 0
union all
select 'grant_movements.counter_grant_id', moved.counter_grant_id
from grant_movements as moved anti join grants on grants.grant_id = moved.counter_grant_id
where moved.counter_grant_id is not null
union all
select 'grants.from_grant_id', made.from_grant_id
from grants as made anti join grants on grants.grant_id = made.from_grant_id
where made.from_grant_id is not null
