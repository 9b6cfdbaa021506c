-- runs: the journal: each commit, what it was asked and what it added
-- reads:  runs
-- grain:  one row per commit
select
  commit_number, command, billing_period, known_as_of, approved_by, rows_added, files_added, commit_hash[:12] as commit_hash
from runs
order by commit_number
