-- organization-credits: credit that staff gave to organizations, and what they gave on
-- reads:  organization_credits
-- grain:  one row per grant of kind organization
-- wide:   grant_id, window_start, window_end, include, logic, monthly_value, floor_amount
select * from organization_credits
where of_account(billing_account_id)
order by billing_account_id, grant_id
