-- rejects: why rows were set aside, what they would be worth at list price, and the drafts they would touch
-- reads:  readable_rejects, reject_values
-- grain:  one row per reason_code and currency, the most frequent reason first; `rejected-rows` lists each row
-- wide:   without_estimate_count, draft_count, for_example, file_count, file_name, row_number
with
  rows as (
    select reason_code, billing_currency, count(*) as row_count, count(distinct file_name) as file_count,
      arg_min(reason, (file_name, row_number)) as for_example,
      min((file_name, row_number))[1] as file_name, min((file_name, row_number))[2] as row_number,
      coalesce(list_sort(list(distinct billing_account_id || ' ' || billing_period) filter (
        billing_currency is not null and billing_period is not null and without_estimate is distinct from 'not usage'
      )), []) as drafts
    from readable_rejects
    where of_account(billing_account_id) and of_period(billing_period)
    group by all
  ),
  causes as (
    select reason_code, billing_currency, without_estimate, sum(row_count)::bigint as row_count
    from reject_values
    where without_estimate is not null and of_account(billing_account_id) and of_period(billing_period)
    group by all
  ),
  missing as (
    select reason_code, billing_currency, sum(row_count)::bigint as row_count,
      string_agg(without_estimate || ': ' || row_count, ', ' order by row_count desc, without_estimate) as causes
    from causes group by all
  ),
  worth as (
    select reason_code, billing_currency, sum(estimated_list_cost)::decimal(38, 4) as estimated_list_cost
    from reject_values
    where of_account(billing_account_id) and of_period(billing_period)
    group by all
  )
select
  rows.reason_code, rows.row_count, worth.estimated_list_cost, rows.billing_currency,
  coalesce(missing.row_count, 0) as without_estimate_count, missing.causes as without_estimate,
  len(rows.drafts) as draft_count, rows.drafts, rows.for_example, rows.file_count, rows.file_name, rows.row_number
from rows
left join worth on worth.reason_code = rows.reason_code
  and worth.billing_currency is not distinct from rows.billing_currency
left join missing on missing.reason_code = rows.reason_code
  and missing.billing_currency is not distinct from rows.billing_currency
order by sum(rows.row_count) over (partition by rows.reason_code) desc, rows.reason_code, rows.billing_currency nulls last
