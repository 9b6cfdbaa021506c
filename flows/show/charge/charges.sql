-- charges: those that an id, the beginning of one, or an account and an expense number stand for
-- reads:  charges, expense_numbers, invoice_lines, invoices, account_periods
-- grain:  one row per charge_id
select
  charges.*, numbers.expense_number, periods.time_zone, periods.exponent, periods.period_start,
  (
    select arg_max(invoice_number, (preceding_invoice_number is not null, issue_date, invoice_number))
    from invoice_lines join invoices using (invoice_id)
    where invoice_lines.charge_id = charges.charge_id
  ) as invoice_number
from charges
left join expense_numbers as numbers using (charge_id)
left join account_periods as periods
  on periods.billing_account_id = charges.billing_account_id and periods.billing_period = charges.billing_period
where starts_with(charges.charge_id, getvariable('charge'))
  or (charges.billing_account_id = getvariable('account') and numbers.expense_number = getvariable('number'))
order by charges.charge_id
