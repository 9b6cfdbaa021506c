-- internal.credit_figures: what each account may owe, what it owes by now, and the shares at which its state changes (I5)
-- reads:  internal.accounts, internal.policies, internal.documents, operations
-- grain:  one row per billing_account_id
with
  latest as (   -- what was set since the last bill counts too
    select accounts.billing_account_id, greatest(accounts.known_as_of, recordings.recorded_at) as known_as_of
    from internal.accounts as accounts
    cross join (select max(recorded_at) as recorded_at from main.operations) as recordings
  ),
  limits_set as (   -- the last one that was accepted; an amount that is left out lifts the limit
    select operations.billing_account_id, operations.amount::decimal(38,4) as amount
    from main.operations join latest using (billing_account_id)
    where operations.operation = 'set_credit_limit' and operations.status = 'accepted'
      and operations.occurred_at <= latest.known_as_of
    qualify row_number() over (
      partition by operations.billing_account_id
      order by operations.occurred_at desc, operations.operation_id desc
    ) = 1
  ),
  billed as (
    select billing_account_id, billing_period, billing_currency,
      bool_or(document_state <> 'month_to_date') as is_closed
    from internal.documents where sold_by is null   -- credit that was sold says nothing of its month
    group by all
  ),
  used as (   -- once a month has its draft or its invoice, what was shown during the month no longer counts
    select documents.billing_account_id, documents.billing_currency,
      coalesce(sum(open_amount) filter (document_state = 'issued'), 0)::decimal(38,4) as unpaid_issued_amount,
      coalesce(sum(open_amount) filter (
        document_state = 'draft' or (document_state = 'month_to_date' and not billed.is_closed)
      ), 0)::decimal(38,4) as unbilled_amount
    from internal.documents as documents
    join billed using (billing_account_id, billing_period, billing_currency)
    where documents.sold_by is null
    group by all
  ),
  policies as (
    select billing_account_id,
      max(value) filter (policy = 'credit_warning')::decimal(9,6) as warning,
      max(value) filter (policy = 'credit_restricted')::decimal(9,6) as restricted,
      max(value) filter (policy = 'credit_hysteresis')::decimal(9,6) as hysteresis
    from internal.policies
    where policy in ('credit_warning', 'credit_restricted', 'credit_hysteresis')
    group by all
  )
select
  accounts.billing_account_id, accounts.billing_currency,
  (case when limits_set.billing_account_id is null then accounts.credit_limit else limits_set.amount end)::decimal(38,4)
    as total_amount,
  coalesce(used.unpaid_issued_amount, 0)::decimal(38,4) as unpaid_issued_amount,
  coalesce(used.unbilled_amount, 0)::decimal(38,4) as unbilled_amount,
  (coalesce(used.unpaid_issued_amount, 0) + coalesce(used.unbilled_amount, 0))::decimal(38,4) as used_amount,
  coalesce(policies.warning, 0.8)::decimal(9,6) as warning,
  coalesce(policies.restricted, 1.0)::decimal(9,6) as restricted,
  coalesce(policies.hysteresis, 0.05)::decimal(9,6) as hysteresis,
  latest.known_as_of
from internal.accounts as accounts
join latest using (billing_account_id)
left join limits_set using (billing_account_id)
left join used using (billing_account_id, billing_currency)
left join policies using (billing_account_id)
