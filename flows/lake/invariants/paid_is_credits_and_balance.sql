-- paid_is_credits_and_balance: what a document says is paid is its credits and what the account balance and credit notes paid at issue; of sold credit, all of it (I6, G2, BT-113)
-- reads:  invoices, payment_applications
with
  from_balance as (
    select invoice_number, billing_account_id, sum(amount) as amount
    from payment_applications where is_at_issue group by all
  )
select invoice_id, invoice_number, credit_amount, from_balance.amount as balance_amount, paid_amount
from invoices left join from_balance using (invoice_number, billing_account_id)
where paid_amount <> case when sold_by is null then credit_amount + coalesce(from_balance.amount, 0) else total_with_tax end
