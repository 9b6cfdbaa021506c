-- credit-history: what raised and lowered each credit, in the customer's words
-- reads:  credit_history, grants
-- grain:  one row per movement of a grant
-- wide:   grant_id, counter_grant_id
select history.billing_account_id, grants.name, history.* exclude (billing_account_id)
from credit_history as history
join grants using (grant_id)
where of_account(history.billing_account_id)
order by all
