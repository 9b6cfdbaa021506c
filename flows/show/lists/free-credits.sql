-- free-credits: credit that was given, with what is left of it
-- reads:  free_credits
-- grain:  one row per grant of a free kind that is still to be seen
-- wide:   grant_id, include
select * from free_credits
where of_account(billing_account_id)
order by billing_account_id, grant_id
