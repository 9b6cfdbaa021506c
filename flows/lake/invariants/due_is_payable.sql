-- due_is_payable: what is due is a multiple of the increment the account pays in, and rounding added less than one (I7)
-- reads:  internal.invoices, internal.chains, account_periods, internal.files, internal.period_policies
-- by:     billing_period
with
  latest as (select max(commit_number) as commit_number from internal.files),
  billed_now as (
    select distinct billing_period
    from internal.files join latest using (commit_number) where table_name = 'account_periods'
  ),
  together as (   -- a correction is due by what makes the whole payable, and takes up what rounding brought before it (X3)
    select billing_account_id, billing_period, sum(rounding_amount) as rounding_amount
    from internal.chains where not is_voided
    group by all
  ),
  steps as (   -- in ten-thousandths: the least amount that is whole increments and whole minor units
    select documents.invoice_id, documents.document_state, documents.amount_due, documents.rounding_amount,
      documents.paid_amount,
      least(abs(documents.rounding_amount), abs(together.rounding_amount)) as rounded_by,   -- of what is known
      coalesce(policies.value, '0') as increment,
      (10000 // power(10, periods.exponent)::bigint)::bigint as unit,
      (coalesce(policies.value, '0')::decimal(18,4) * 10000)::bigint as step,
      case when step = 0 then unit else lcm(step, unit) end as multiple
    from internal.invoices as documents
    join account_periods as periods using (billing_account_id, billing_period)
    left join internal.period_policies as policies
      on policies.billing_account_id = documents.billing_account_id
      and policies.billing_period = documents.billing_period and policies.policy = 'payable_increment'
    left join together
      on together.billing_account_id = documents.billing_account_id
      and together.billing_period = documents.billing_period and documents.preceding_invoice_number is not null
    -- what was said before kept to the policies it was said under; what is void is taken back as it was
    where not coalesce(documents.is_void, false) and documents.sold_by is null
      and (documents.commit_number = (select commit_number from latest)
        or (documents.document_state = 'draft' and documents.billing_period in (from billed_now)))
  )
select invoice_id, document_state, increment, rounding_amount, amount_due
from steps
where (amount_due * 10000)::hugeint % multiple <> 0
  or (rounded_by * 10000)::hugeint >= multiple
  -- without an increment there is nothing to round but what a balance of smaller units left, once the currency's (M2)
  or (step = 0 and rounding_amount <> 0 and (paid_amount * 10000)::hugeint % unit = 0)
