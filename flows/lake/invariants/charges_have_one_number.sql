-- charges_have_one_number: each charge of a document has an expense number, and no other (P7, S1.12)
-- reads:  expense_numbers, charges, holds
-- by:     billing_period
select 'two numbers' as fault, min(billing_account_id) as billing_account_id, charge_id, count(*) as times
from expense_numbers group by charge_id having count(*) > 1
union all
select 'no number', charges.billing_account_id, charges.charge_id, 0
from charges anti join expense_numbers using (charge_id)
anti join holds using (billing_account_id, billing_period)   -- parked: its charges have no document yet
