-- runs: the journal of commits, for people (B2)
-- reads:  internal.journal
-- grain:  one row per commit
select * exclude (periods) from internal.journal
