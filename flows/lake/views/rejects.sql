-- rejects: rows that came in and are not billed, each as it stands now (U6)
-- reads:  internal.rejects
-- grain:  one row per reject_id
select * exclude (commit_number) from internal.rejects
qualify row_number() over (
  partition by reject_id
  -- landed again and refused again within one commit: it waits
  order by commit_number desc, status = 'waiting' desc
) = 1
