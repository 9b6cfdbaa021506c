-- project_credits: credit that is bound to a project, and whether the project may spend beyond it (S2.11 to S2.15, W4)
-- reads:  internal.grant_states, operations, internal.latest
-- grain:  one row per grant that is bound to a project
with
  switches as (   -- the latest allocation decides for the project; one that says nothing leaves it off
    select operations.billing_account_id, operations.sub_account_id,
      coalesce(operations.use_organization_credit, false) as use_organization_credit
    from operations cross join internal.latest as latest
    where operations.operation = 'allocate_to_project' and operations.status = 'accepted'
      and operations.occurred_at <= latest.known_as_of
    qualify row_number() over (
      partition by operations.billing_account_id, operations.sub_account_id
      order by operations.occurred_at desc, operations.operation_id desc
    ) = 1
  )
select
  grants.billing_account_id, grants.sub_account_id, grants.grant_id,
  grants.from_grant_id as organization_grant_id,
  grants.granted_amount as allocated_amount,
  grants.used_amount, grants.balance, switches.use_organization_credit, grants.status, grants.billing_currency
from internal.grant_states as grants
left join switches using (billing_account_id, sub_account_id)
where grants.sub_account_id is not null
