-- project_costs: what each project cost in a month, and who pays: its own credit, its organization's, other credit, the invoice (W4)
-- reads:  charges, allocations, grants
-- grain:  one row per (billing_account_id, billing_period, sub_account_id, billing_currency); a null project is all without one
with
  lowered as (   -- only what lies before tax: credit after tax pays the invoice
    select
      allocations.charge_id,
      coalesce(sum(allocations.amount) filter (allocation_kind <> 'grant'), 0) as discounts,
      coalesce(sum(allocations.amount) filter (grants.sub_account_id is not null), 0) as of_project,
      coalesce(sum(allocations.amount) filter (grants.kind = 'organization' and grants.sub_account_id is null), 0)
        as of_organization,
      coalesce(sum(allocations.amount), 0) as lowered
    from allocations
    left join grants on grants.grant_id = case when allocations.allocation_kind = 'grant' then allocations.source_id end
    where allocations.tax_position = 'before'
    group by allocations.charge_id
  ),
  summed as (
    select
      charges.billing_account_id, charges.billing_period, charges.sub_account_id, charges.billing_currency,
      sum(charges.list_cost) as list_cost,
      coalesce(sum(discounts), 0) as discounts,
      coalesce(sum(of_project), 0) as of_project,
      coalesce(sum(of_organization), 0) as of_organization,
      coalesce(sum(lowered), 0) as lowered
    from charges left join lowered using (charge_id)
    group by all
  )
select
  billing_account_id, billing_period, sub_account_id,
  list_cost::decimal(38,4) as list_cost,
  discounts::decimal(38,4) as discount_amount,
  of_project::decimal(38,4) as project_credit_amount,
  of_organization::decimal(38,4) as organization_credit_amount,
  (lowered - discounts - of_project - of_organization)::decimal(38,4) as other_credit_amount,
  (list_cost - lowered)::decimal(38,4) as invoiced_amount,
  billing_currency
from summed
