-- organization_credit_is_allowed: organization credit pays for a project only where its switch, or policy without one, lets it (W4)
-- reads:  allocations, charges, grants, holds, account_periods, internal.operations, internal.billed_periods, internal.period_policies
-- by:     billing_period
-- of:     grants where kind = 'organization'
with
  paid as (
    select distinct charges.charge_id, charges.billing_account_id, charges.billing_period, charges.sub_account_id,
      charges.charge_period_start, charges.charge_period_end
    from allocations
    join grants on grants.grant_id = allocations.source_id
    join charges using (charge_id)
    where allocations.allocation_kind = 'grant' and grants.kind = 'organization' and charges.sub_account_id is not null
  ),
  switched as (   -- the latest allocation whose window holds the charge decides; one that says nothing is off
    select paid.charge_id, coalesce(allocated.use_organization_credit, false) as is_on
    from paid
    join account_periods as periods using (billing_account_id, billing_period)
    join internal.billed_periods as billed on billed.billing_period = paid.billing_period
    join internal.operations as allocated
      on allocated.billing_account_id = paid.billing_account_id and allocated.sub_account_id = paid.sub_account_id
      and allocated.operation = 'allocate_to_project' and allocated.status = 'accepted'
      and allocated.occurred_at < periods.period_end and allocated.commit_number <= billed.commit_number
      and coalesce(allocated.recorded_at <= periods.known_as_of, true)
    join grants as sources
      on sources.grant_id = allocated.grant_id and sources.window_start <= paid.charge_period_start
      and coalesce(paid.charge_period_end <= sources.window_end, true)
    qualify row_number() over (
      partition by paid.charge_id order by allocated.occurred_at desc, allocated.operation_id desc
    ) = 1
  )
select paid.*, switched.is_on, policies.value as policy
from paid
left join account_periods as periods using (billing_account_id, billing_period)
left join switched using (charge_id)
left join internal.period_policies as policies
  on policies.billing_account_id = paid.billing_account_id and policies.billing_period = paid.billing_period
  and policies.policy = 'organization_credit'
-- an issued document that should be another by now shows so by a hold and is kept (L4)
anti join holds on holds.billing_account_id = paid.billing_account_id and holds.billing_period = paid.billing_period
-- what had paid of a month that is paid stays, whatever policy or a switch that was told of late says by now (X2)
where periods.settled_amount is null and not coalesce(switched.is_on, coalesce(policies.value, 'open') = 'open')
