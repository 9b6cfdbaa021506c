-- expense_numbers_name_one_charge: an expense number names one charge of its account, for ever, and each charge has one (P7, S1.12)
-- reads:  expense_numbers, charges, holds
select 'number given twice' as fault, billing_account_id, expense_number::varchar as id, count(*) as times
from expense_numbers group by billing_account_id, expense_number having count(*) > 1
union all
select 'charge with two numbers', min(billing_account_id), charge_id, count(*)
from expense_numbers group by charge_id having count(*) > 1
union all
select 'charge without a number', charges.billing_account_id, charges.charge_id, 0
from charges anti join expense_numbers using (charge_id)
anti join holds using (billing_account_id, billing_period)   -- parked: its charges have no document yet
