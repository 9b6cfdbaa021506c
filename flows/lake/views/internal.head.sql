-- internal.head: the commit that is read, and the date up to which it counts inputs (L1); the clock is not asked
-- reads:  internal.journal, internal.candidate, landed_files, operations
-- grain:  one row
select
  (select max(commit_number) from internal.journal) as commit_number,
  coalesce(
    -- a candidate counts what its run will have counted
    greatest((select max(known_as_of) from internal.journal), (select known_as_of from internal.candidate)),
    -- nothing was billed yet: what was received last
    greatest((select max(received_at) from main.landed_files), (select max(recorded_at) from main.operations))
  ) as known_as_of
