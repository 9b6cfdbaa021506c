-- internal.latest: up to when the books know anything: the head's date, or that of what people did since (L1); the clock is not asked
-- reads:  internal.head, operations
-- grain:  one row
select greatest(known_as_of, (select max(recorded_at) from main.operations)) as known_as_of
from internal.head
