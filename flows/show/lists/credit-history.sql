-- credit-history: what raised and lowered each credit, in the customer's words
-- reads:  credit_history, grants
-- grain:  one row per movement of a grant
-- wide:   grant_id, counter_grant_id
select history.*
from credit_history as history
where of_account(history.billing_account_id)
order by all
