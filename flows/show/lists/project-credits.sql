-- project-credits: credit that is bound to a project, and whether the project may spend beyond it
-- reads:  project_credits
-- grain:  one row per grant that is bound to a project
-- wide:   grant_id, window_start, window_end, include
select * from project_credits
where of_account(billing_account_id)
order by billing_account_id, grant_id
