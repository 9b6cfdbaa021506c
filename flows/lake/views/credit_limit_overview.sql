-- credit_limit_overview: total less used is available, as of the head (I5, S0.2 to S0.8)
-- reads:  internal.accounts, internal.policies, internal.documents, operations, account_restrictions
-- grain:  one row per billing_account_id
with
  limits_set as (   -- the last one that was accepted; an amount that is left out lifts the limit
    select operations.billing_account_id, operations.amount::decimal(38,4) as amount
    from operations join internal.accounts as accounts using (billing_account_id)
    where operations.operation = 'set_credit_limit' and operations.status = 'accepted'
      and operations.occurred_at <= accounts.known_as_of
    qualify row_number() over (
      partition by operations.billing_account_id
      order by operations.occurred_at desc, operations.operation_id desc
    ) = 1
  ),
  billed as (
    select billing_account_id, billing_period, billing_currency,
      bool_or(document_state <> 'month_to_date') as is_closed
    from internal.documents
    group by all
  ),
  used as (   -- once a month has its draft or its invoice, what was shown during the month no longer counts
    select documents.billing_account_id, documents.billing_currency,
      coalesce(sum(open_amount) filter (document_state = 'issued'), 0) as unpaid_issued_amount,
      coalesce(sum(open_amount) filter (
        document_state = 'draft' or (document_state = 'month_to_date' and not billed.is_closed)
      ), 0) as unbilled_amount
    from internal.documents as documents
    join billed using (billing_account_id, billing_period, billing_currency)
    group by all
  ),
  policies as (
    select billing_account_id,
      max(value) filter (policy = 'credit_warning')::decimal(9,6) as warning,
      max(value) filter (policy = 'credit_restricted')::decimal(9,6) as restricted,
      max(value) filter (policy = 'credit_hysteresis')::decimal(9,6) as hysteresis
    from internal.policies
    group by all
  ),
  last_states as (
    select billing_account_id, state as state_before
    from account_restrictions
    qualify row_number() over (partition by billing_account_id order by changed_at desc) = 1
  ),
  figures as (
    select
      accounts.billing_account_id, accounts.billing_currency, accounts.known_as_of,
      case when limits_set.billing_account_id is null then accounts.credit_limit else limits_set.amount end as total,
      coalesce(used.unpaid_issued_amount, 0) as unpaid_issued_amount,
      coalesce(used.unbilled_amount, 0) as unbilled_amount,
      (coalesce(used.unpaid_issued_amount, 0) + coalesce(used.unbilled_amount, 0))::decimal(38,4) as used_amount,
      coalesce(policies.warning, 0.8) as warning,
      coalesce(policies.restricted, 1.0) as restricted,
      coalesce(policies.hysteresis, 0.05) as hysteresis,
      coalesce(last_states.state_before, 'ok') as state_before
    from internal.accounts as accounts
    left join limits_set using (billing_account_id)
    left join used using (billing_account_id, billing_currency)
    left join policies using (billing_account_id)
    left join last_states using (billing_account_id)
  )
select
  billing_account_id, billing_currency,
  total::decimal(38,4) as total_credit_limit,
  used_amount as used_credit_limit,
  (total - used_amount)::decimal(38,4) as available_credit,
  unpaid_issued_amount::decimal(38,4) as unpaid_issued_amount,
  unbilled_amount::decimal(38,4) as unbilled_amount,
  case   -- a state is entered at its threshold and left a little below it, so that a gate does not flutter
    when total is null then 'ok'
    when used_amount >= total * restricted then 'restricted'
    when state_before = 'restricted' and used_amount >= total * (restricted - hysteresis) then 'restricted'
    when used_amount >= total * warning then 'warning'
    when state_before in ('warning', 'restricted') and used_amount >= total * (warning - hysteresis) then 'warning'
    else 'ok'
  end as state,
  known_as_of
from figures
