-- paid-credits: credit that was bought, with what is left of it
-- reads:  paid_credits
-- grain:  one row per grant of a paid kind that is still to be seen
-- wide:   grant_id, usage_period
select * from paid_credits
where of_account(billing_account_id)
order by billing_account_id, grant_id
