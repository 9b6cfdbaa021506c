-- rating_line_is_its_charges: the cost of a rating line is the sum of its charges; a cut moves no cent (P7)
-- reads:  rating_lines, charges
-- by:     billing_period
with
  cut as (
    select billing_period, rating_line_id, sum(list_cost) as list_cost
    from charges
    group by all
  )
select billing_period, rating_line_id, lines.list_cost as line_cost, cut.list_cost as charges_cost
from rating_lines as lines full join cut using (billing_period, rating_line_id)
where lines.list_cost is distinct from cut.list_cost
