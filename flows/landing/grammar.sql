-- The grammar of untrusted text: what a number, an instant and a set of tags look like, and what they stand for.
-- A macro `x_of` gives null for a text that is none; the `is_` and `_fault` macros say why.

create macro is_number(t) as regexp_full_match(t, '-?[0-9]+(\.[0-9]+)?');

create macro is_not_finite(t) as regexp_full_match(t, '(?i)[+-]?(nan|inf|infinity)');

create macro is_too_precise(t) as length(rtrim(split_part(t, '.', 2), '0')) > 15;

create macro in_range(q) as case when q > -100000000000000 and q < 100000000000000 then q end;

create macro quantity_of(t) as
  in_range(case when regexp_full_match(t, '-?[0-9]+(\.[0-9]{1,15}0*)?') then try_cast(t as decimal(38, 15)) end);

create macro revision_of(t) as
  case when t is null then 0 when regexp_full_match(t, '[0-9]{1,19}') then try_cast(t as bigint) end;

-- the common spelling first; whole minutes and zeros behind the microseconds take the slower branches
create macro instant_of(t) as case
  when regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)')
    then try_cast(t as timestamptz)
  when regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)')
    then try_cast(regexp_replace(t, '^(.{16})', '\1:00') as timestamptz)
  when regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}0{1,3}(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)')
    then try_cast(regexp_replace(t, '(\.\d{6})0+', '\1') as timestamptz)
  end;

create macro is_naive(t) as
  regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?');

create macro naive_of(t) as
  case when is_naive(t) then try_cast(regexp_replace(t, '^(.{16})$', '\1:00') as timestamp) end;

create macro whole_microseconds(t) as regexp_replace(t, '(\.\d{6})\d{1,3}', '\1');

-- what a Parquet column of instants may hold beside instants: dates no calendar has
create macro in_calendar(moment) as
  case when moment >= '0001-01-01'::timestamptz and moment < '9999-12-31'::timestamptz then moment end;

-- a float as the shortest decimal that gives it, where 20 decimals hold that one
create macro shortest_decimal(f) as case
  when not contains(lower(f::varchar), 'e') then f::varchar
  when abs(f) >= 1e15 then coalesce(try_cast(f as decimal(38, 0))::varchar, f::varchar)
  when try_cast(try_cast(f::varchar as decimal(38, 20))::double as double) = f
    then rtrim(try_cast(f::varchar as decimal(38, 20))::varchar, '0') || '0'
  else f::varchar end;

create macro tags_fault(t) as case
  when not json_valid(t) then 'R_MALFORMED_JSON'
  when json_type(t) = 'NULL' then null
  when json_type(t) <> 'OBJECT' then 'R_JSON_TYPE'
  when len(json_keys(t)) <> len(list_distinct(json_keys(t))) then 'R_JSON_DUP_KEY'
  when len(list_filter(map_values(try_cast(t::json as map(varchar, json))),
      lambda v: coalesce(json_type(v), 'NULL') not in ('VARCHAR', 'BOOLEAN', 'UBIGINT', 'BIGINT', 'NULL'))) > 0
    then 'R_JSON_TYPE'
  end;

create macro sorted_tags(m) as
  case when len(map_keys(m)) > 0 then map_from_entries(list_sort(map_entries(m))) end;

create macro tags_of(t) as
  case when t is not null and tags_fault(t) is null then sorted_tags(try_cast(t::json as map(varchar, varchar))) end;

-- an instant, and a decimal, as the text a person would write
create macro instant_text(moment) as strftime(moment::timestamp, '%Y-%m-%dT%H:%M:%S.%fZ');

create macro plain_text(q) as regexp_replace(regexp_replace(q::varchar, '(\.[0-9]*?)0+$', '\1'), '\.$', '');

-- an exact product with numerator / denominator as text; where 15 decimals do not hold it, with the digits that say so
create macro scaled_units(t) as replace(try_cast(t as decimal(38, 15))::varchar, '.', '')::hugeint;

create macro fixed_text(n) as
  (case when n < 0 then '-' else '' end) || (abs(n) // 1000000000000000)::varchar || '.'
  || lpad((abs(n) % 1000000000000000)::varchar, 15, '0');

create macro product_text(n, denominator) as
  case when n % denominator = 0 then fixed_text(n // denominator)
  else (case when n < 0 and n // denominator = 0 then '-' else '' end) || fixed_text(n // denominator)
    || lpad((abs(n % denominator) * 1000000000::hugeint // denominator)::varchar, 9, '0') end;

create macro scaled(t, numerator, denominator) as
  case when quantity_of(t) is null then t else product_text(scaled_units(t) * numerator::hugeint, denominator::hugeint) end;
