-- expense_numbers_name_one_charge: an expense number names one charge of its account, for ever (P7, S1.12)
-- reads:  expense_numbers
select billing_account_id, expense_number, count(*) as times
from expense_numbers group by billing_account_id, expense_number having count(*) > 1
