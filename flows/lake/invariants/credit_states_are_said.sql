-- credit_states_are_said: what was last said of an account's credit limit is what its books come to, and no state is said twice (I5)
-- reads:  internal.credit_figures, internal.account_restrictions, internal.head, internal.files
with
  latest as (   -- the commit that is read, or the one that is about to be made
    select greatest(commit_number, (select max(commit_number) from internal.files)) as commit_number
    from internal.head
  ),
  said as (
    select *,
      lag(state, 1, 'ok') over changes as state_before,
      row_number() over (partition by billing_account_id order by changed_at desc) = 1 as is_last
    from internal.account_restrictions
    where cause = 'credit_limit'
    window changes as (partition by billing_account_id order by changed_at)
  ),
  compared as (
    select billing_account_id, said.state as said_state, said.used_amount as said_used, said.total_amount as said_total,
      figures.used_amount, figures.total_amount,
      internal.credit_state(
        figures.used_amount, figures.total_amount, warning, restricted, hysteresis, coalesce(said.state, 'ok')
      ) as state,
      -- the books may have moved since; what the latest commit said is of the books as they are
      said.commit_number = latest.commit_number and (
        said.state <> internal.credit_state(
          figures.used_amount, figures.total_amount, warning, restricted, hysteresis, said.state_before
        )
        or said.used_amount is distinct from figures.used_amount
        or said.total_amount is distinct from figures.total_amount
        or said.billing_currency <> figures.billing_currency
      ) as is_misstated,
      said.state = said.state_before as is_repeated
    from internal.credit_figures as figures
    cross join latest
    left join (from said where is_last) as said using (billing_account_id)
  )
select billing_account_id, said_state, state, said_used, used_amount, said_total, total_amount
from compared
where state <> coalesce(said_state, 'ok') or coalesce(is_misstated or is_repeated, false)
