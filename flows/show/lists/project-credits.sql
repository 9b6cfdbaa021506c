-- project-credits: credit that is bound to a project, and whether the project may spend beyond it
-- reads:  project_credits
-- grain:  one row per grant that is bound to a project
-- wide:   grant_id, organization_grant_id
select
  billing_account_id, sub_account_id, allocated_amount, used_amount, balance, use_organization_credit, status,
  billing_currency, organization_grant_id, grant_id
from project_credits
where of_account(billing_account_id)
order by billing_account_id, sub_account_id, grant_id
