-- usage_conserved: of each file, rows landed = accepted + duplicate + superseded + rejected, in number and quantity (U1)
-- reads:  landed_files
select delivery_id, file_name, landed_count, landed_quantity,
  accepted_count + duplicate_count + superseded_count + rejected_count as named_count,
  coalesce(accepted_quantity, 0) + coalesce(duplicate_quantity, 0) + coalesce(superseded_quantity, 0)
    + coalesce(rejected_quantity, 0) as named_quantity
from landed_files
where landed_count <> accepted_count + duplicate_count + superseded_count + rejected_count
  or coalesce(landed_quantity, 0) <> coalesce(accepted_quantity, 0) + coalesce(duplicate_quantity, 0)
    + coalesce(superseded_quantity, 0) + coalesce(rejected_quantity, 0)
