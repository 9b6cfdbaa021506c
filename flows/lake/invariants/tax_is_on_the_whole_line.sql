-- tax_is_on_the_whole_line: every component of a line's tax has the whole line as its base, under the line's code (T1, T2)
-- reads:  internal.closed_lines, tax_shares
select lines.invoice_id, lines.line_number, lines.charge_id, lines.line_amount, lines.tax_code,
  shares.component, shares.taxable_amount, shares.code
from internal.closed_lines as lines left join tax_shares as shares using (charge_id)
where shares.taxable_amount is distinct from lines.line_amount
  or shares.code is distinct from lines.tax_code
