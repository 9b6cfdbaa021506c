-- unpriced-usage: accepted usage that has no price, and so is not charged
-- reads:  unpriced_usage
-- grain:  as the view
select * from unpriced_usage
where of_account(billing_account_id) and of_period(billing_period)
order by all
