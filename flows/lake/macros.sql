-- instant_of: a boundary as an instant; a day is midnight of the zone, an instant is itself (rule 1.2)
create macro internal.instant_of(boundary, zone) as
  case when length(boundary) = 10 then timezone(zone, try_cast(boundary as timestamp)) else try_cast(boundary as timestamptz) end;

-- day_of: the local day of an instant
create macro internal.day_of(instant, zone) as
  timezone(zone, instant)::date;

-- days_of: first and last day of a window, as people read it
create macro internal.days_of(window_start, window_end, zone) as
  internal.day_of(window_start, zone)::varchar || ' – '
  || coalesce(internal.day_of(window_end - to_microseconds(1), zone)::varchar, 'open');

-- plain: a decimal without the zeros behind it
create macro internal.plain(amount) as
  regexp_replace(amount::varchar, '\.?0+$', '');
