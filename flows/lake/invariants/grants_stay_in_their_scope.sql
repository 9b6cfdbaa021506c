-- grants_stay_in_their_scope: a grant pays only what its include list matches and its exclude list does not (G1)
-- reads:  allocations, charges, grants
-- by:     billing_period
-- of:     allocations where allocation_kind = 'grant'
with
  described as (
    select charges.*,
      list_filter([
        'service:' || service, 'service_category:' || service_category, 'feature:' || feature, 'sku:' || sku_id,
        'region:' || region_id, 'project:' || sub_account_id, 'resource:' || resource_id, 'charge:' || charge_category
      ], lambda one: one is not null) || [('tag:' || tag) for tag in sku_tags] as attributes
    from charges
  ),
  applied as (
    select charge_id, grants.grant_id, attributes, grants.include, grants.exclude,
      [entry for entry in grants.include if list_contains(attributes, entry)] as included
    from allocations
    join grants on grants.grant_id = allocations.source_id
    join described using (charge_id)
    where allocations.allocation_kind = 'grant'
  )
select charge_id, grant_id, include, exclude, attributes
from applied
where list_has_any(attributes, exclude)
  -- each dimension that the include list names has to match
  or len(list_distinct([split_part(entry, ':', 1) for entry in include]))
     <> len(list_distinct([split_part(entry, ':', 1) for entry in included]))
