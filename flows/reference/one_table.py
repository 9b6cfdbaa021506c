"""One table on its own: cells to values, then rows, keys and windows. Every fault is noted, none stops the next."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

import schemas
from flows.printable import NOT_PRINTABLE
from flows.reference import boundaries, tables
from flows.reference.faults import ROW, Fault, faults_where, quoted, sentence_list
from flows.reference.forms import Form
from flows.reference.never import NEVER
from flows.reference.policies import POLICIES
from flows.reference.reading import Sheet, nearest
from flows.reference.tables import RowCheck, Rules

WHOLE_DIGITS = 14  # amounts, quantities and prices lie below 10^14, so that no sum can wrap
COUNT_DIGITS = 18  # whole numbers fit 64 bits
ID_LENGTH = 512

NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class CheckedTable:
    """A table of values and row numbers; of the columns in `unsure` a cell is missing, so absence proves nothing."""

    name: str
    file: str
    rows: pl.DataFrame
    unsure: frozenset[str] = frozenset()


def check_table(sheet: Sheet) -> tuple[CheckedTable, list[Fault]]:
    """A sheet as values, and everything that is wrong with it by itself.

    Reads    sheet: text cells
    Makes    the schema's columns, defaults filled, a bad cell null; and the faults
    Source   rule 1.2; the grammar of reliability.md
    """
    rules = tables.TABLES[sheet.table]
    faults = _column_faults(sheet)
    rows, unread, cell_faults = _values(sheet, rules)
    faults += cell_faults
    bad = {column: frozenset(found) for column, found in unread.items()}
    for check in (*_schema_checks(sheet.table), *rules.checks):
        faults += _row_faults(sheet.file, rows, check, bad.get(check.column, frozenset()))
    faults += _policy_faults(sheet, rows)
    faults += _key_faults(sheet.file, rows, rules, bad)
    absent = {column for column in schemas.TABLES[sheet.table].columns() if column not in sheet.cells.columns}
    return CheckedTable(sheet.table, sheet.file, rows, frozenset(absent | set(bad))), faults


def required_columns(table: str) -> list[str]:
    """The columns a file has to have: those that may neither be null nor have a default."""
    schema = schemas.TABLES[table]
    return [name for name in schema.columns() if name not in schema.nullable() and name not in default_texts(table)]


def default_texts(table: str) -> dict[str, str]:
    """The text that stands for a blank cell, per column that has one."""
    schema = schemas.TABLES[table]
    said = {name: one["default"] for name, one in schema.descriptions().items() if one["default"] is not None}
    lists = {name: "[]" for name, dtype in schema.columns().items() if isinstance(dtype, pl.List)}
    return lists | said


def empty_table(table: str) -> CheckedTable:
    """What a folder says about a table that it does not have."""
    rows = schemas.TABLES[table].empty().with_columns(pl.lit(0, pl.Int64).alias(ROW))
    return CheckedTable(table, f"{table}.csv", rows)


# Columns


def _column_faults(sheet: Sheet) -> list[Fault]:
    wanted = list(schemas.TABLES[sheet.table].columns())
    held = [name for name in sheet.cells.columns if name != ROW]
    missing = [name for name in required_columns(sheet.table) if name not in held]
    faults = [
        Fault(sheet.file, None, name, "no such column", f"the column {name}", "add it; it has no default")
        for name in missing
    ]
    return faults + [_unknown_column(sheet, name, wanted) for name in held if name not in wanted]


def _unknown_column(sheet: Sheet, name: str, wanted: list[str]) -> Fault:
    if name in NEVER:
        return Fault(sheet.file, None, name, "this column", "no such column", f"{NEVER[name]}; remove the column")
    near = "one of the table's columns" + nearest(name, wanted)
    return Fault(sheet.file, None, name, "an unknown column", near, "rename or remove it")


# Cells


def _values(sheet: Sheet, rules: Rules) -> tuple[pl.DataFrame, dict[str, set[int]], list[Fault]]:
    """Every column of the schema as values; the rows whose cell is no value, per column; their faults."""
    schema = schemas.TABLES[sheet.table]
    defaults = default_texts(sheet.table)
    required = set(required_columns(sheet.table))
    forms = {**tables.COMMON_FORMS, **rules.forms}
    columns: list[pl.Series] = []
    unread: dict[str, set[int]] = {}
    faults: list[Fault] = []
    for name, dtype in schema.columns().items():
        if name not in sheet.cells.columns:
            texts = pl.DataFrame({ROW: sheet.cells[ROW], name: pl.Series([None] * sheet.cells.height, dtype=pl.String)})
        else:
            texts = sheet.cells.select(ROW, name)
            if name in required:
                faults += faults_where(
                    sheet.file, texts, pl.col(name).is_null(), column=name, wanted="a value", what_to_do="fill the cell"
                )
        texts = texts.with_columns(pl.col(name).fill_null(pl.lit(defaults.get(name), pl.String)))
        values, found = _column(sheet.file, texts, name, dtype, forms.get(name))
        columns.append(values)
        faults += found
        held_null = {fault.row for fault in found if fault.row is not None}
        if name in required:
            held_null |= set(texts.filter(pl.col(name).is_null())[ROW].to_list())
        if held_null:
            unread[name] = held_null
    return pl.DataFrame([*columns, sheet.cells[ROW]]), unread, faults


def _column(
    file: str, texts: pl.DataFrame, name: str, dtype: pl.DataType, form: Form | None
) -> tuple[pl.Series, list[Fault]]:
    """One column of texts as values of its type; a text that is none becomes null and a fault."""
    if isinstance(dtype, pl.List):
        return _listed(file, texts, name, form or tables.TEXTS)
    if form is not None:
        return _formed(file, texts, name, form)
    if isinstance(dtype, pl.Decimal):
        return _checked(file, texts, name, _number_checks(name, dtype.scale), _exact(name).cast(dtype, strict=False))
    if dtype == pl.Int64:
        value = pl.col(name).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        return _checked(file, texts, name, _count_checks(name), value)
    if dtype == pl.Boolean:
        flags = pl.col(name).str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
        check = RowCheck(name, pl.col(name).is_not_null() & flags.is_null(), "true or false", "write one of the two")
        return _checked(file, texts, name, [check], flags)
    return _checked(file, texts, name, _text_checks(name), pl.col(name))


def _checked(
    file: str, texts: pl.DataFrame, name: str, checks: Sequence[RowCheck], value: pl.Expr
) -> tuple[pl.Series, list[Fault]]:
    """The value of each cell that meets all checks, null for the others; the first check a cell fails is its fault."""
    good = pl.lit(True)
    fails: list[pl.Expr] = []
    for check in checks:
        is_fault = check.is_fault.fill_null(False)
        fails.append(good & is_fault)
        good = good & ~is_fault
    value = pl.when(good).then(value).otherwise(None).alias(name)
    tested = texts.select(value, *(fail.alias(f"({at})") for at, fail in enumerate(fails)))
    faults: list[Fault] = []
    for at, check in enumerate(checks):
        if tested[f"({at})"].any():
            faults += faults_where(
                file,
                texts,
                fails[at],
                column=name,
                wanted=check.wanted,
                what_to_do=check.what_to_do,
                found=_shortened(name),
            )
    return tested[name], faults


def _shortened(name: str) -> pl.Expr:
    text = pl.col(name).str.replace_all(r"\p{Cc}", "�")
    return quoted(pl.when(text.str.len_chars() > 80).then(text.str.slice(0, 80) + "…").otherwise(text))


def _exact(name: str) -> pl.Expr:
    """A number without the zeros at its end, so that `1.50000` fits wherever `1.5` does."""
    has_point = pl.col(name).str.contains(".", literal=True)
    return pl.when(has_point).then(pl.col(name).str.strip_chars_end("0").str.strip_chars_end(".")).otherwise(name)


def _number_checks(name: str, scale: int) -> list[RowCheck]:
    fraction = _exact(name).str.extract(r"\.([0-9]+)$").str.len_bytes().fill_null(0)
    whole = pl.col(name).str.extract(r"^-?0*([0-9]*)").str.len_bytes()
    return [
        RowCheck(
            name, ~pl.col(name).str.contains(NUMBER), "a number such as 12.5", "write digits and a point, nothing else"
        ),
        RowCheck(name, fraction > scale, f"at most {scale} digits after the point", "round it where it comes from"),
        RowCheck(name, whole > WHOLE_DIGITS, f"a number below 10^{WHOLE_DIGITS}", "correct the number"),
    ]


def _count_checks(name: str) -> list[RowCheck]:
    is_whole = pl.col(name).str.contains(r"^-?[0-9]+(\.0+)?$")
    whole = pl.col(name).str.extract(r"^-?0*([0-9]*)").str.len_bytes()
    return [
        RowCheck(name, ~is_whole, "a whole number", "write digits, nothing else"),
        RowCheck(name, whole > COUNT_DIGITS, f"a number below 10^{COUNT_DIGITS}", "correct the number"),
    ]


def _text_checks(name: str) -> list[RowCheck]:
    text = pl.col(name)
    lines = text.str.replace_all("\n", "") if name == "address" else text
    checks = [
        RowCheck(name, lines.str.contains(r"\p{Cc}"), "text without control characters", "remove them from the cell")
    ]
    if name.endswith("_id"):
        hidden = text.str.contains(NOT_PRINTABLE)
        checks.append(RowCheck(name, hidden, "printable characters", "remove what does not show, or turns the text"))
        long = text.str.len_chars() > ID_LENGTH
        checks.append(RowCheck(name, long, f"at most {ID_LENGTH} characters", "use a shorter id"))
    return checks


def _formed(file: str, texts: pl.DataFrame, name: str, form: Form) -> tuple[pl.Series, list[Fault]]:
    """A column in a small language, read once per distinct text."""
    known = _read_each(texts[name], form.read)
    value = pl.col(name).replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)
    check = RowCheck(name, pl.col(name).is_not_null() & value.is_null(), form.wanted, form.what_to_do)
    return _checked(file, texts, name, [check], value)


def _listed(file: str, texts: pl.DataFrame, name: str, form: Form) -> tuple[pl.Series, list[Fault]]:
    """A column of JSON lists as nested values."""
    written, faults = _formed(file, texts, name, form)
    known = _read_each(written, json.loads)
    values = [None if text is None else known[text] for text in written]
    return pl.Series(name, values, dtype=pl.List(pl.String)), faults


def _read_each(texts: pl.Series, read: Callable[[str], Any]) -> dict[str, Any]:
    return {text: read(text) for text in texts.unique().drop_nulls().to_list()}


# Rows


def _row_faults(file: str, rows: pl.DataFrame, check: RowCheck, bad: frozenset[int]) -> list[Fault]:
    held = rows.filter(~pl.col(ROW).is_in(list(bad))) if bad else rows
    return faults_where(
        file,
        held,
        check.is_fault,
        column=check.column,
        wanted=check.wanted,
        what_to_do=check.what_to_do,
        found=_plain(check.column, rows.schema[check.column]),
    )


def _plain(column: str, dtype: pl.DataType) -> pl.Expr:
    """A value as its writer would write it: no zeros at the end of a decimal."""
    if isinstance(dtype, pl.Decimal):
        text = pl.col(column).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
        return text.fill_null("nothing")
    return quoted(pl.col(column))


def _schema_checks(table: str) -> Iterator[RowCheck]:
    """The enumerations and bounds of the schema."""
    columns: Mapping[str, Any] = schemas.TABLES[table].to_schema().columns
    for name, column in columns.items():
        for check in column.checks:
            said = dict(check.statistics or {})
            value = pl.col(name)
            if check.name == "isin":
                words = list(said["allowed_values"])
                yield RowCheck(name, ~value.is_in(words), sentence_list(words), "use one of these words")
            elif check.name == "greater_than_or_equal_to":
                yield RowCheck(name, value < said["min_value"], f"at least {said['min_value']}", "correct the number")
            elif check.name == "greater_than":
                yield RowCheck(name, value <= said["min_value"], f"above {said['min_value']}", "correct the number")
            elif check.name == "less_than_or_equal_to":
                yield RowCheck(name, value > said["max_value"], f"at most {said['max_value']}", "correct the number")


def _policy_faults(sheet: Sheet, rows: pl.DataFrame) -> list[Fault]:
    """A policy that does not exist, or a value it does not take."""
    if sheet.table != "billing_policies":
        return []
    faults: list[Fault] = []
    said = rows.select(ROW, "policy", "value", "billing_account_id").drop_nulls([ROW, "policy", "value"])
    for row, policy, value, account in said.iter_rows():
        known = POLICIES.get(policy)
        if known is None:
            wanted = sentence_list(POLICIES) + nearest(policy, list(POLICIES))
            faults.append(Fault(sheet.file, row, "policy", f"'{policy}'", wanted, "correct the name"))
        elif not known.accepts(value):
            faults.append(
                Fault(sheet.file, row, "value", f"'{value}' for {policy}", known.wanted, "use a value of this policy")
            )
        elif known.is_for_all and account is not None:
            wanted = f"nothing, as {policy} is asked of a whole run"
            faults.append(Fault(sheet.file, row, "billing_account_id", f"'{account}'", wanted, "leave it empty"))
    return faults


# Keys and windows


def _key_faults(file: str, rows: pl.DataFrame, rules: Rules, bad: Mapping[str, frozenset[int]]) -> list[Fault]:
    """Rows with one key: never where the table is not dated, one after the other where it is."""
    without = {row for column in (*rules.key, "valid_from", "valid_until") for row in bad.get(column, ())}
    is_whole = ~pl.col(ROW).is_in(list(without))
    if "valid_from" not in rows.columns:
        return _duplicate_faults(file, rows.filter(is_whole), rules.key)
    reversed_rows, faults = _window_faults(file, rows.filter(is_whole))
    if not rules.is_dated:
        return faults + _duplicate_faults(file, rows.filter(is_whole), rules.key)
    unplaced = without | reversed_rows
    # a key with a row that has no place in time is left alone: what looks like a hole may be that row's
    doubtful = rows.filter(pl.col(ROW).is_in(list(unplaced))).select(rules.key)
    placed = rows.join(doubtful, on=list(rules.key), how="anti", nulls_equal=True)
    return faults + _sequence_faults(file, placed, rules)


def _duplicate_faults(file: str, rows: pl.DataFrame, key: tuple[str, ...]) -> list[Fault]:
    repeated = rows.with_columns(
        pl.col(ROW).min().over(list(key)).alias("(first)"), pl.len().over(list(key)).alias("(count)")
    ).filter((pl.col("(count)") > 1) & (pl.col(ROW) > pl.col("(first)")))
    shown = _key_text(key, rows)
    found = pl.format("{} again, as in row {}", shown, pl.col("(first)"))
    return faults_where(
        file,
        repeated,
        pl.lit(True),
        column=key[-1] if len(key) == 2 else key[0],
        wanted="one row per " + ", ".join(key),
        what_to_do="remove one of the rows, or give it a key of its own",
        found=found,
    )


def _key_text(key: tuple[str, ...], rows: pl.DataFrame) -> pl.Expr:
    parts = [pl.format(f"{column} {{}}", _plain(column, rows.schema[column])) for column in key]
    return pl.concat_str(parts, separator=", ")


def _window_faults(file: str, rows: pl.DataFrame) -> tuple[set[int], list[Fault]]:
    """Rows whose window ends before it starts or is empty, or of which that depends on a time zone."""
    faults: list[Fault] = []
    pairs = rows.select("valid_from", "valid_until").drop_nulls().unique()
    for start, end in pairs.sort("valid_from", "valid_until").iter_rows():
        first, last = boundaries.moment(start), boundaries.moment(end)
        if boundaries.is_unsure(first, last):
            wanted, what_to_do = (
                "a window whose length needs no time zone",
                "write both ends as days or both as instants",
            )
        elif first.microseconds >= last.microseconds:
            wanted, what_to_do = "an end after the start", "swap or correct the two"
        else:
            continue
        held = rows.filter((pl.col("valid_from") == start) & (pl.col("valid_until") == end))
        found = f"{start} until {end} (excluded)"
        faults += [Fault(file, row, "valid_until", found, wanted, what_to_do) for row in held[ROW]]
    return {fault.row for fault in faults if fault.row is not None}, faults


@dataclass(frozen=True)
class _Window:
    row: int
    start: str
    end: str | None

    @property
    def starts(self) -> boundaries.Moment:
        return boundaries.moment(self.start)

    @property
    def ends(self) -> boundaries.Moment:
        return boundaries.end_moment(self.end)


def _sequence_faults(file: str, rows: pl.DataFrame, rules: Rules) -> list[Fault]:
    """Overlaps, and where the table must be without holes: gaps."""
    faults: list[Fault] = []
    ordered = rows.select(*rules.key, ROW, "valid_from", "valid_until").sort(*rules.key, ROW)
    width = len(rules.key)
    for key, group in groupby(ordered.iter_rows(), key=lambda row: row[:width]):
        windows = [_Window(*row[width:]) for row in group]
        if len(windows) > 1:
            named = ", ".join(
                f"{column} '{value}'" for column, value in zip(rules.key, key, strict=True) if value is not None
            )
            faults += _follow(file, named or "the default", windows, rules.is_gapless)
    return faults


def _follow(file: str, named: str, windows: list[_Window], is_gapless: bool) -> Iterator[Fault]:
    """What is wrong with the rows of one key, walked in time."""
    first, *rest = sorted(windows, key=lambda window: (window.starts.microseconds, window.row))
    reach = first
    for window in rest:
        before = f"{reach.start} until {reach.end or 'ever'} in row {reach.row}"
        if window.start == reach.end:
            pass
        elif boundaries.is_unsure(window.starts, reach.ends):
            found = f"{window.start} after {before}, {named}"
            what_to_do = "write both boundaries as days or both as instants"
            yield Fault(file, window.row, "valid_from", found, "an order that needs no time zone", what_to_do)
        elif window.starts.microseconds < reach.ends.microseconds:
            found = f"{window.start} within {before}, {named}"
            what_to_do = "end the earlier row on the day before, or remove one"
            yield Fault(file, window.row, "valid_from", found, "one row at a time", what_to_do)
        elif is_gapless:
            found = f"{window.start} after {before}, {named}"
            what_to_do = "move one of the two, or add the row between them"
            yield Fault(file, window.row, "valid_from", found, f"a row that holds from {reach.end}", what_to_do)
        if window.ends.microseconds > reach.ends.microseconds:
            reach = window
