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

-- written_end: a boundary where something ends, as people write it: the last day that it holds, or the instant (rule 1.2)
create macro internal.written_end(boundary) as
  case when length(boundary) = 10 then (try_cast(boundary as date) - 1)::varchar else boundary end;

-- boundary_of: an instant as a boundary of the zone: the day that begins then, or the instant
create macro internal.boundary_of(instant, zone) as
  case
    when timezone(zone, instant)::time = time '00:00:00' then internal.day_of(instant, zone)::varchar
    else strftime(timezone('UTC', instant), '%Y-%m-%dT%H:%M:%S.%fZ')
  end;

-- plain: a decimal without the zeros behind it
create macro internal.plain(amount) as
  regexp_replace(amount::varchar, '\.?0+$', '');

-- months_between: how many months of the zone's calendar begin between two instants
create macro internal.months_between(earlier, later, zone) as
  date_diff('month', timezone(zone, earlier), timezone(zone, later));

-- even_part: one of the even parts of an amount, floored to the minor unit; the last takes the rest, places count from 0 (W1)
create macro internal.even_part(amount, parts, place, unit_ticks) as
  case
    when place not between 0 and parts - 1 then 0
    -- whole ticks of 0.0001: `//` on decimals would be a DOUBLE
    when place < parts - 1
      then (amount * 10000)::bigint // (parts * unit_ticks) * unit_ticks * 0.0001::decimal(5,4)
    else amount
      - (parts - 1) * ((amount * 10000)::bigint // (parts * unit_ticks) * unit_ticks * 0.0001::decimal(5,4))
  end::decimal(38,4);

-- floor_of: the least that the month of an instant takes of a grant, by its logic; not whether it is due (W1)
create macro internal.floor_of(granted, exponent, zone, instant) as
  case granted.logic
    when 'fixed' then granted.monthly_value
    when 'linear' then internal.even_part(
      granted.amount,
      greatest(internal.months_between(granted.window_start, granted.window_end, zone), 1),
      internal.months_between(granted.window_start, instant, zone),
      case exponent when 0 then 10000 when 1 then 1000 when 2 then 100 when 3 then 10 else 1 end
    )
    else 0
  end::decimal(38,4);

-- credit_state: how near what is used is to its limit; a state is entered at its share of it and left a little below (I5)
create macro internal.credit_state(used_amount, total_amount, warning, restricted, hysteresis, state_before) as
  case
    when total_amount is null then 'ok'
    when used_amount >= total_amount * restricted then 'restricted'
    when state_before = 'restricted' and used_amount >= total_amount * (restricted - hysteresis) then 'restricted'
    when used_amount >= total_amount * warning then 'warning'
    when state_before in ('warning', 'restricted') and used_amount >= total_amount * (warning - hysteresis) then 'warning'
    else 'ok'
  end;

-- percent_of: a quantity in percent of another, cut to a whole number; exact, so 100 is reached when it is
create macro internal.percent_of(part, whole) as
  ((100::hugeint * replace(part::decimal(38,15)::varchar, '.', '')::hugeint)
    // replace(whole::decimal(38,15)::varchar, '.', '')::hugeint)::bigint;
