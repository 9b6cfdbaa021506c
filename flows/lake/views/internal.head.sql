-- internal.head: the commit that is read, and the date up to which it counts inputs (L1); the clock is not asked
-- reads:  internal.journal, landed_files, operations
-- grain:  one row
select
  (select max(commit_number) from internal.journal) as commit_number,
  coalesce(
    (select max(known_as_of) from internal.journal),
    -- nothing was billed yet: what was received last
    greatest((select max(received_at) from main.landed_files), (select max(recorded_at) from main.operations))
  ) as known_as_of
