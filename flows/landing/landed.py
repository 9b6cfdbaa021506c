"""Landed rows: whatever a source gives, as rows of one shape.

Every landed row has its place (file, row, part), the six key texts, and each of the other fields twice: as the value
it stands for and as the text it came as. A value is null when the text stands for none; what is wrong with it is
`judged` later.
A Parquet file in billfold's own form is not copied: its rows are a query over the file. All others are converted once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import duckdb

from flows.landing import zones
from flows.landing.decimals import NARROW_DIGITS, largest, narrow_decimal, needed_decimals
from flows.landing.sql import query
from flows.landing.workspace import Workspace
from flows.mapping import FIELDS, NATIVE, REQUIRED, ColumnMapping, Field
from flows.sources import FileFault, source_of
from flows.sources.content import Content
from flows.sources.focus import focus, is_focus
from flows.sources.relation import FAULT, RAW, Relation, Source
from flows.sql import ident, literal, parquet

KEYS = ("billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit")
"""What makes a series, in the order of its hash."""

TEXTS = ("usage_record_id", *KEYS)
INSTANTS = {"charge_period_start": "start_text", "charge_period_end": "end_text"}
ALL_TEXTS = (*TEXTS, *INSTANTS.values(), "quantity_text", "revision_text", "tags_text", "raw")
NO_TAGS = "null::map(varchar, varchar)"
SMALL_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
WIDE_INTEGERS = ("HUGEINT", "UBIGINT", "UHUGEINT")
FLOATS = ("FLOAT", "DOUBLE")
SAMPLE_ROWS = 10_000
NAIVE = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ENTRIES = re.compile(r'STRUCT\("?key"? VARCHAR, "?value"? VARCHAR\)\[\]')


_OF_OURS = re.compile(r"-ingest/(?!in/|unpacked/)")
"""A path in the workspace that is none of the delivery's files."""

PARTS = "parts"
"""Where in the workspace lies what each file has of each series."""

NO_ROWS = (
    "select null::integer as file_number, null::bigint as row_number, null::integer as part, "
    "null::varchar as row_fault, null::varchar as raw, "
    f"{', '.join(f'null::varchar as {name}' for name in TEXTS)}, "
    "null::timestamptz as charge_period_start, null::varchar as start_text, "
    "null::timestamptz as charge_period_end, null::varchar as end_text, "
    "null::decimal(18, 0) as consumed_quantity, null::varchar as quantity_text, "
    "null::bigint as revision, null::varchar as revision_text, "
    f"{NO_TAGS} as tags, null::varchar as tags_text where false"
)
"""The shape of landed rows, without any."""


@dataclass(frozen=True)
class Landed:
    """A file whose rows are at hand: a query for them, and what they are known as."""

    number: int
    source: str
    mapping_digest: str | None
    sql: str
    has_faults: bool
    has_extras: bool
    """Whether rows may have a revision or tags."""


@dataclass(frozen=True)
class Plan:
    """How a file will be read: its format, and the mapping it is read under."""

    content: Content
    source: Source
    mapping: ColumnMapping

    @property
    def mapping_digest(self) -> str | None:
        """Digest of the mapping; a file in billfold's own form has none."""
        return None if self.mapping is NATIVE else self.mapping.digest


def plan(content: Content, mapping: ColumnMapping | None) -> Plan:
    """Know a file by its content: which source reads it, under which mapping.

    Rejects  what the source finds in the header, and F_SCHEMA_MISSING_COLUMN
    """
    source = source_of(content, mapping.format if mapping else None)
    columns = source.columns(content, mapping or NATIVE)
    chosen = mapping or (focus() if is_focus(columns) else NATIVE)
    wanted = REQUIRED if chosen is NATIVE else chosen.columns
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise FileFault("F_SCHEMA_MISSING_COLUMN", f"{source.name} without {', '.join(missing)}")
    return Plan(content, source, chosen)


def land(planned: Plan, number: int, name: str, desk: Workspace, *, is_doubtful: bool = False) -> Landed:
    """Make a file's rows at hand and write what it has of each series.

    Each way to read the file is tried in turn, for a doubtful one the last alone; what that says is the file's fault.
    Rejects  F_CORRUPT_PAGE F_MALFORMED_CSV F_EXPANSION_LIMIT F_ROW_LIMIT, and what the source finds
    """
    attempts = planned.source.attempts(planned.content, number, planned.mapping, desk)
    attempts = attempts[-1:] if is_doubtful else attempts
    for attempt in attempts:
        try:
            landed = _landed(attempt(), planned, number, name, desk)
            if landed is not None:
                _write_parts(landed, desk)
                if (rows := totals(landed, desk)[0]) > desk.limits.rows:
                    raise FileFault("F_ROW_LIMIT", f"{rows} rows")
                return landed
        except duckdb.Error as fault:
            is_too_large = is_of_memory(fault)
            if is_our_fault(fault) and not is_too_large:
                raise
            if attempt is attempts[-1]:
                code = "F_EXPANSION_LIMIT" if is_too_large else "F_CORRUPT_PAGE"
                raise FileFault(code, str(fault).splitlines()[0]) from fault
    raise FileFault("F_MALFORMED_CSV", "bytes that belong to no field")


def _write_parts(landed: Landed, desk: Workspace) -> None:
    target = desk.path(PARTS, f"{landed.number:06}.parquet")
    desk.connection.execute(f"copy ({_parts(landed)}) to {literal(str(target))} (format parquet, compression lz4_raw)")


def totals(landed: Landed, desk: Workspace) -> tuple[int, Decimal]:
    """The rows of a file, and its quantity where it parses."""
    written = parquet(desk.path(PARTS, f"{landed.number:06}.parquet"))
    row = desk.connection.sql(f"select sum(row_count)::bigint, sum(quantity) from {written}").fetchone()
    rows, quantity = row or (None, None)
    return rows or 0, quantity or Decimal(0)


def gather_parts(files: Sequence[Landed], desk: Workspace) -> None:
    """Make table `series_parts` of what each file has of each series."""
    nothing = _parts(Landed(0, "", None, NO_ROWS, has_faults=True, has_extras=True))
    desk.connection.execute(f"create table series_parts as {nothing}")
    if files:
        written = parquet(*(desk.path(PARTS, f"{one.number:06}.parquet") for one in files))
        desk.connection.execute(f"insert into series_parts from {written}")


def quantities_alike(files: Sequence[Landed], desk: Workspace) -> str:
    """The rows of all files, with one type of quantity: a narrow one if all files fit it.

    DuckDB would widen the quantities of all files to what holds every type there is, and pay for it on every row.
    """
    declared = [_declared_scale(landed, desk) for landed in files]
    needed = [
        needed_decimals(landed.sql, desk) if own is None else own for landed, own in zip(files, declared, strict=True)
    ]
    scale = max(needed, default=0)
    others = [landed for landed, own in zip(files, declared, strict=True) if own != scale]
    kind = narrow_decimal(scale, max((largest(landed.sql, desk) for landed in others), default=Decimal(0)))
    rows = [f"select * replace (consumed_quantity::{kind} as consumed_quantity) from ({one.sql})" for one in files]
    return " union all ".join(rows) or NO_ROWS


def _declared_scale(landed: Landed, desk: Workspace) -> int | None:
    """The decimals that the quantities of a file are declared with, where their type is narrow."""
    kind = str(desk.connection.sql(f"select consumed_quantity from ({landed.sql})").types[0])
    declared = _DECIMAL.fullmatch(kind)
    return int(declared[2]) if declared and int(declared[1]) == NARROW_DIGITS else None


def _parts(landed: Landed) -> str:
    """What a file has of each series; a constant in a grouping would cost as much as a key."""
    return query("series_parts").format(
        landed=landed.sql,
        number=landed.number,
        is_faulty="row_fault is not null" if landed.has_faults else "false",
        keys=", ".join([*KEYS, *["is_faulty"] * landed.has_faults]),
        highest_revision="max(revision)" if landed.has_extras else "0",
        tagged_count="count(tags)" if landed.has_extras else "0",
    )


def is_of_memory(fault: duckdb.Error) -> bool:
    """Is there too little memory for it? (What does not fit the disk either is told by the same class.)"""
    return isinstance(fault, duckdb.OutOfMemoryException) and "max_temp_directory_size" not in str(fault)


def is_our_fault(fault: duckdb.Error) -> bool:
    """Is it the machine that failed, or the program, and not the file?"""
    ours = (duckdb.OutOfMemoryException, duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)
    if isinstance(fault, duckdb.IOException):
        return "No space left" in str(fault) or bool(_OF_OURS.search(str(fault)))
    return isinstance(fault, ours)


def _landed(relation: Relation, planned: Plan, number: int, name: str, desk: Workspace) -> Landed | None:
    """The landed rows of a relation; None when the relation lost something on the way."""
    mapping = planned.mapping
    _check_folders(relation, name, desk.connection)
    known = (number, planned.source.name, planned.mapping_digest)
    if mapping is NATIVE and relation.row_number and not relation.has_faults:
        has_extras = bool({"revision", "tags"} & relation.columns.keys())
        rows = _typed_rows(relation, number)
        if not _reads_text(relation):
            return Landed(*known, rows, has_faults=False, has_extras=has_extras)
    converted = [_converted(relation, mapping, number, part, desk) for part in range(len(mapping.usage))]
    if not relation.is_whole(_sums(converted[0], relation, desk.connection)):
        return None
    rows = " union all ".join(
        _from_converted(path, number, part, desk.connection) for part, path in enumerate(converted)
    )
    return Landed(*known, rows, has_faults=True, has_extras=True)


def _reads_text(relation: Relation) -> bool:
    """Are values written as text, which is better read once than in every query?"""
    values = ("charge_period_start", "charge_period_end", "consumed_quantity", "revision", "tags")
    return any(relation.columns.get(name) in ("VARCHAR", "JSON", *WIDE_INTEGERS) for name in values)


def _check_folders(relation: Relation, name: str, connection: duckdb.DuckDBPyConnection) -> None:
    """A folder name such as `region_id=eu` gives no value, but may not contradict the column of that name.

    Rejects  F_PARTITION_CONFLICT
    """
    named = dict(part.split("=", 1) for part in PurePosixPath(name).parts[:-1] if "=" in part)
    for column in sorted(named.keys() & relation.columns.keys()):
        value = unquote(named[column])
        where = f"{ident(FAULT)} is null and " if relation.has_faults else ""
        found = connection.sql(
            f"select {ident(column)}::varchar from {relation.sql} "
            f"where {where}{ident(column)}::varchar is distinct from {literal(value)} limit 1"
        ).fetchone()
        if found:
            raise FileFault("F_PARTITION_CONFLICT", f"{column} {found[0]!r} in a folder {column}={value}")


# --- rows of a Parquet file in billfold's own form ------------------------------------------------------------------


def _typed_rows(relation: Relation, number: int) -> str:
    columns = relation.columns
    fields = [_typed_text(name, columns) for name in TEXTS]
    fields += [part for name, text in INSTANTS.items() for part in _typed_instant(name, text, columns[name])]
    fields += [*_typed_quantity(columns["consumed_quantity"]), *_typed_revision(columns), *_typed_tags(columns)]
    place = f"{number}::integer as file_number, ({relation.row_number})::bigint as row_number, 0::integer as part"
    nothing = "null::varchar as row_fault, null::varchar as raw"
    return f"select {place}, {nothing}, {', '.join(fields)} from {relation.sql}"


def _typed_text(name: str, columns: Mapping[str, str]) -> str:
    if name not in columns:
        return f"null::varchar as {name}"
    kind = columns[name]
    if kind != "VARCHAR" and kind != "UUID" and not kind.startswith("ENUM"):
        raise FileFault("F_SCHEMA_TYPE", f"{name} {kind}", "text")
    return f"nullif({ident(name)}{'' if kind == 'VARCHAR' else '::varchar'}, '') as {name}"


def _typed_instant(name: str, text: str, kind: str) -> list[str]:
    column = ident(name)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return [
            f"in_calendar({column}) as {name}",
            f"case when {column} is not null and in_calendar({column}) is null then {column}::varchar end as {text}",
        ]
    if kind in NAIVE:
        raise FileFault("F_NAIVE_TIMESTAMP", f"{name} {kind}")
    if kind != "VARCHAR":
        raise FileFault("F_SCHEMA_TYPE", f"{name} {kind}", "an instant with a zone, or text")
    return [f"instant_of(nullif({column}, '')) as {name}", f"nullif({column}, '') as {text}"]


def _typed_quantity(kind: str) -> list[str]:
    column = ident("consumed_quantity")
    decimal = _DECIMAL.fullmatch(kind)
    precision, scale = (int(decimal[1]), int(decimal[2])) if decimal else (0, 0)
    if decimal and precision <= 18 and precision - scale <= 14:
        return _quantity(column, "null::varchar")
    if kind in SMALL_INTEGERS:
        return _quantity(f"{column}::decimal(18, 0)", "null::varchar")
    if kind == "BIGINT" or (decimal and scale <= 15):
        width = "18, 0" if kind == "BIGINT" else "38, 15"
        inside = f"in_range({column})"
        return _quantity(f"{inside}::decimal({width})", f"case when {inside} is null then {column}::varchar end")
    if kind in WIDE_INTEGERS or decimal:
        return _quantity(f"quantity_of({column}::varchar)", f"{column}::varchar")
    if kind == "VARCHAR":
        return _quantity(f"quantity_of({column})", f"nullif({column}, '')")
    raise FileFault("F_SCHEMA_TYPE", f"consumed_quantity {kind}", "a decimal, a whole number, or text")


def _quantity(value: str, text: str) -> list[str]:
    return [f"{value} as consumed_quantity", f"{text} as quantity_text"]


def _typed_revision(columns: Mapping[str, str]) -> list[str]:
    kind = columns.get("revision", "")
    column = ident("revision")
    if not kind:
        return ["0::bigint as revision", "null::varchar as revision_text"]
    if kind not in (*SMALL_INTEGERS, "BIGINT", *WIDE_INTEGERS, "VARCHAR"):
        raise FileFault("F_SCHEMA_TYPE", f"revision {kind}", "a whole number, or text")
    text = f"nullif({column}::varchar, '')"
    number = f"case when {column} is null then 0 when {column} >= 0 then {column}::bigint end"  # a text costs much more
    is_plain = kind in (*SMALL_INTEGERS, "BIGINT")
    return [f"{number if is_plain else f'revision_of({text})'} as revision", f"{text} as revision_text"]


def _typed_tags(columns: Mapping[str, str]) -> list[str]:
    kind = columns.get("tags", "")
    column = ident("tags")
    if not kind:
        return [f"{NO_TAGS} as tags", "null::varchar as tags_text"]
    if kind == "MAP(VARCHAR, VARCHAR)":
        return [f"sorted_tags({column}) as tags", "null::varchar as tags_text"]
    if _ENTRIES.fullmatch(kind):
        keys = f"list_transform({column}, lambda entry: entry.key)"
        unique = f"len({keys}) = len(list_distinct({keys}))"
        return [
            f"case when {unique} then sorted_tags(map_from_entries({column})) end as tags",
            f'case when not {unique} then \'{{"":0,"":0}}\' end as tags_text',
        ]
    if kind in ("VARCHAR", "JSON"):
        text = f"nullif({column}::varchar, '')"
        return [f"tags_of({text}) as tags", f"{text} as tags_text"]
    raise FileFault("F_SCHEMA_TYPE", f"tags {kind}", "a map of texts, or JSON text")


# --- rows of all other files ----------------------------------------------------------------------------------------


def _converted(relation: Relation, mapping: ColumnMapping, number: int, part: int, desk: Workspace) -> Path:
    """Write one usage row per input row, fields as text and as value, in file order."""
    target = desk.path("converted", f"{number:06}-{part:03}.parquet")
    fields = mapping.usage[part]
    source = _numbered(relation, mapping)
    zone_text = _zone_reader(mapping, relation, desk.connection)
    texts = [f"{_text(name, fields.get(name), relation, mapping, zone_text)} as {name}" for name in FIELDS]
    kept = [
        f"{_fault(relation, mapping)} as row_fault",
        f"{ident(RAW) if relation.has_faults else 'null'}::varchar as raw",
    ]
    kept += [f"{'input_row' if mapping.needs_whole_row else 'null'}::bigint as input_row"]
    kept += [f"({sql})::bigint as {name}" for name, sql in relation.checks.items()]
    quantity = _text("consumed_quantity", fields["consumed_quantity"], relation, mapping, zone_text)
    narrow = _narrow_quantity(f"select {quantity} as text from {relation.sql} limit {SAMPLE_ROWS}", desk.connection)
    values = [narrow, *(_value(name) for name in FIELDS)]
    desk.connection.execute(
        f"copy (select {', '.join(values)}, * exclude ({', '.join(FIELDS)}) "
        f"from (select {', '.join([*texts, *kept])} from {source})"
        f"{' order by input_row' if mapping.needs_whole_row else ''}) "
        f"to {literal(str(target))} (format parquet, compression lz4_raw)"
    )
    return target


def _narrow_quantity(sample: str, connection: duckdb.DuckDBPyConnection) -> str:
    """A quantity as a narrow decimal, where it is written like those of the first rows; others are read as wide ones.

    Reading a text as a wide decimal costs as much as reading all the rest of its row. What is stored does not depend on
    this guess, as the narrowest type is found again from the values.
    """
    row = connection.sql(
        "select max(length(rtrim(split_part(text, '.', 2), '0'))), max(length(ltrim(split_part(text, '.', 1), '-'))) "
        f"from ({sample}) where is_number(text)"
    ).fetchone()
    decimals, digits = (int(one or 0) for one in row or (0, 0))
    scale = max(0, min(decimals, NARROW_DIGITS - digits, 15))
    whole = min(NARROW_DIGITS - scale, 14)
    fraction = f"[0-9]{{1,{scale}}}0*" if scale else "0+"
    return (
        rf"case when regexp_full_match(consumed_quantity, '-?[0-9]{{1,{whole}}}(\.{fraction})?') "
        f"then try_cast(consumed_quantity as decimal({NARROW_DIGITS}, {scale})) end as narrow_quantity"
    )


def _from_converted(path: Path, number: int, part: int, connection: duckdb.DuckDBPyConnection) -> str:
    source = parquet(path, options=", file_row_number = true")
    row = connection.sql(f"select count(wide_quantity) from {source}").fetchone()
    wide = "coalesce(narrow_quantity::decimal(38, 15), wide_quantity)"
    quantity = f"{wide if row and row[0] else 'narrow_quantity'} as consumed_quantity"
    values = [*TEXTS, "charge_period_start", "start_text", "charge_period_end", "end_text"]
    values += [quantity, "quantity_text", "revision", "revision_text", "tags", "tags_text"]
    return (
        f"select {number}::integer as file_number, coalesce(input_row, file_row_number + 1) as row_number, "
        f"{part}::integer as part, row_fault, raw, {', '.join(values)} from {source}"
    )


def _sums(path: Path, relation: Relation, connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    if not relation.checks:
        return {}
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in relation.checks)
    found = connection.sql(f"select count(*), {sums} from {parquet(path)}").fetchone()
    return dict(zip(("rows", *relation.checks), found or (), strict=True))


def _numbered(relation: Relation, mapping: ColumnMapping) -> str:
    """The relation, with the row's number, hash and ordinal among equal rows where an id is made of them."""
    if not mapping.needs_whole_row:
        return relation.sql
    whole = ["_line"] if "_line" in relation.columns else sorted(relation.columns)
    cells = ", ".join(f"coalesce({ident(name)}::varchar, chr(30))" for name in whole)
    number = relation.row_number or "file_row_number + 1"
    return (
        "(select *, row_number() over (partition by row_hash order by input_row) as ordinal from "
        f"(select *, md5(concat_ws(chr(31), {cells})) as row_hash, {number} as input_row "
        f"from {_with_numbers(relation)}))"
    )


def _with_numbers(relation: Relation) -> str:
    if relation.row_number:
        return relation.sql
    if relation.sql.startswith("read_parquet("):
        return f"{relation.sql[:-1]}, file_row_number = true)"
    return f"(select *, row_number() over () - 1 as file_row_number from {relation.sql})"


def _fault(relation: Relation, mapping: ColumnMapping) -> str:
    """The reason code of an input row that is no usage, or could not be read."""
    cases = [f"when {ident(FAULT)} is not null then {ident(FAULT)}"] if relation.has_faults else []
    if mapping.only:
        allowed = ", ".join(map(literal, mapping.only.values))
        text = f"coalesce({_cast(mapping.only.column, relation)}, '')"
        cases.append(f"when {text} not in ({allowed}) then 'R_NOT_USAGE'")
    return f"case {' '.join(cases)} end" if cases else "null::varchar"


def _text(
    name: str, field: Field | None, relation: Relation, mapping: ColumnMapping, zone_text: Callable[[str], str]
) -> str:
    """The text of a usage field, as the mapping makes it."""
    if field is None or any(column not in relation.columns for column in field.columns):
        return "null::varchar"
    text = _joined(name, field, relation, mapping)
    if name in INSTANTS:
        text = zone_text(f"whole_microseconds({text})" if mapping.truncate_to else text)
    if (field.numerator, field.denominator) != (1, 1):
        text = f"scaled({text}, {field.numerator}, {field.denominator})"
    return f"({text} || {literal(field.suffix)})" if field.suffix else f"({text})"


def _joined(name: str, field: Field, relation: Relation, mapping: ColumnMapping) -> str:
    if field.constant is not None:
        return literal(field.constant)
    if field.is_row_hash:
        return "(row_hash || '-' || ordinal)"
    cells = [_cell(name, column, relation, mapping) for column in field.columns]
    if field.skips_null:
        return f"nullif(concat_ws({literal(field.separator)}, {', '.join(cells)}), '')"
    return f" || {literal(field.separator)} || ".join(cells)


def _cell(name: str, column: str, relation: Relation, mapping: ColumnMapping) -> str:
    kind = relation.columns[column]
    text = ident(column)
    if kind in FLOATS:
        if mapping.floats != "shortest_decimal" or name != "consumed_quantity":
            raise FileFault("F_SCHEMA_TYPE", f"{column} {kind}", 'a decimal or text (or floats = "shortest_decimal")')
        text = f"shortest_decimal({text})"
    elif kind == "BLOB" or (
        name != "tags" and ("[" in kind or "(" in kind) and not kind.startswith(("DECIMAL", "ENUM"))
    ):
        raise FileFault("F_SCHEMA_TYPE", f"{column} {kind}", "text")
    else:
        text = _cast(column, relation)
    none = ", ".join(map(literal, ("", *mapping.null_tokens)))
    return f"case when {text} not in ({none}) then {text} end"


def _cast(column: str, relation: Relation) -> str:
    kind = relation.columns[column]
    if kind == "VARCHAR":
        return ident(column)
    if _ENTRIES.fullmatch(kind):
        return f"to_json(map_from_entries({ident(column)}))::varchar"
    is_nested = kind.startswith(("MAP", "STRUCT")) or kind.endswith("]")
    return f"to_json({ident(column)})::varchar" if is_nested else f"{ident(column)}::varchar"


def _value(name: str) -> str:
    """A field as value, and beside it as text."""
    if name in TEXTS:
        return f"nullif({name}, '') as {name}"
    if name in INSTANTS:
        return f"instant_of({name}) as {name}, {name} as {INSTANTS[name]}"
    if name == "consumed_quantity":
        wide = "case when narrow_quantity is null then quantity_of(consumed_quantity) end as wide_quantity"
        return f"{wide}, consumed_quantity as quantity_text"
    return f"{name}_of({name}) as {name}, {name} as {name}_text"


def _zone_reader(
    mapping: ColumnMapping, relation: Relation, connection: duckdb.DuckDBPyConnection
) -> Callable[[str], str]:
    """How a time without a zone is read: as it is, unless the mapping names its zone."""
    if mapping.zone is None:
        return lambda text: text
    columns = {column for fields in mapping.usage for name in INSTANTS for column in fields[name].columns}
    earliest, latest = _naive_range(columns & relation.columns.keys(), relation, connection)
    return zones.reader(mapping.zone, earliest, latest)


def _naive_range(
    columns: set[str], relation: Relation, connection: duckdb.DuckDBPyConnection
) -> tuple[datetime | None, datetime | None]:
    found: list[datetime] = []
    for column in sorted(columns):
        naive = f"naive_of({_cast(column, relation)})"
        row = connection.sql(f"select min({naive}), max({naive}) from {relation.sql}").fetchone()
        found += [at for at in row or () if at]
    return (min(found), max(found)) if found else (None, None)
