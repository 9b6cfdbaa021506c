-- grants_stay_in_their_window: a grant pays charges of its account, project, currency and window only (G3, K5)
-- reads:  allocations, charges, grants, holds, account_periods, internal.billed_periods, internal.grant_endings, internal.period_policies
-- by:     billing_period
-- of:     allocations where allocation_kind = 'grant'
with
  applied as (
    select allocations.charge_id, grants.grant_id, charges.billing_account_id, charges.billing_period,
      charges.charge_period_start, charges.charge_period_end, grants.window_start,
      -- an issued document that should be another by now shows so by a hold and is kept (L4)
      holds.reason_code is not null as is_kept,
      coalesce(case when not is_kept then endings.window_end end, grants.window_end) as window_end,
      grants.billing_account_id <> charges.billing_account_id as is_of_another_account,
      coalesce(grants.sub_account_id <> coalesce(charges.sub_account_id, ''), false) as is_of_another_project,
      grants.billing_currency <> charges.billing_currency as is_of_another_currency
    from allocations
    join grants on grants.grant_id = allocations.source_id
    join charges using (charge_id)
    left join account_periods as known
      on known.billing_account_id = charges.billing_account_id and known.billing_period = charges.billing_period
    left join internal.billed_periods as billed on billed.billing_period = charges.billing_period
    left join internal.grant_endings as endings
      on endings.grant_id = grants.grant_id and endings.commit_number <= billed.commit_number
      and coalesce(endings.recorded_at <= known.known_as_of, true)
      and known.settled_amount is null   -- what is paid is frozen, whenever it is said that it was recorded (X2)
    left join holds
      on holds.billing_account_id = charges.billing_account_id and holds.billing_period = charges.billing_period
    where allocations.allocation_kind = 'grant'
  ),
  eligible as (   -- when the charge counts as incurred: where it lies, at the month's last instant, or at its end
    select applied.*, coalesce(policies.value, 'usage_time') as eligibility,
      periods.settled_amount is not null as is_settled,
      charge_period_start >= window_start and coalesce(charge_period_end <= window_end, true) as holds_charge,
      period_end > window_start and coalesce(period_end <= window_end, true) as holds_last_instant,
      period_end >= window_start and coalesce(period_end < window_end, true) as holds_end
    from applied
    left join account_periods as periods using (billing_account_id, billing_period)
    left join internal.period_policies as policies
      on policies.billing_account_id = applied.billing_account_id
      and policies.billing_period = applied.billing_period and policies.policy = 'eligibility'
  )
select charge_id, grant_id, billing_account_id, billing_period, charge_period_start, charge_period_end, window_start,
  window_end
from eligible
where is_of_another_account or is_of_another_project or is_of_another_currency
  or not case
    -- as policy said before it was paid (X2), or before it waited
    when is_settled or is_kept then holds_charge or holds_last_instant or holds_end
    when eligibility = 'period_end' then holds_last_instant
    when eligibility = 'invoice_time' then holds_end
    else holds_charge
  end
