"""What a real delivery has beside good rows: a few that must be rejected, come twice, or are replaced by a later one.

Each kind is made from a good record of the world with a new id and one thing wrong, so that a reject names that alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl

EACH = 3
"""How many of each kind."""

Record = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What a bad row needs to know of the world it is bad in."""

    closed_account_id: str
    foreign_project_id: str


@dataclass(frozen=True)
class Kind:
    """One thing that goes wrong, and what it looks like: columns with another value than the good record's."""

    outcome: str  # a reason code, or duplicate or superseded
    meaning: str
    change: Callable[[Record, World], Record]
    rows_each: int = 1


IN_PARQUET: tuple[Kind, ...] = (
    Kind("R_MISSING_FIELD", "no SKU", lambda _, __: {"sku_id": None}),
    Kind(
        "R_BAD_ID", "a control character in the id", lambda row, _: {"usage_record_id": row["usage_record_id"] + "\t"}
    ),
    Kind("R_UNKNOWN_ACCOUNT", "an account nobody has", lambda _, __: {"billing_account_id": "acct-unknown"}),
    Kind(
        "R_ACCOUNT_CLOSED",
        "an account that left the month before",
        lambda _, world: {"billing_account_id": world.closed_account_id},
    ),
    Kind("R_UNKNOWN_PROJECT", "a project nobody has", lambda _, __: {"sub_account_id": "proj-unknown"}),
    Kind(
        "R_PROJECT_MISMATCH", "another account's project", lambda _, world: {"sub_account_id": world.foreign_project_id}
    ),
    Kind("R_UNKNOWN_SKU", "a SKU that is not sold", lambda _, __: {"sku_id": "vm-unknown"}),
    Kind("R_UNIT_MISMATCH", "a unit the SKU is not priced in", lambda _, __: {"consumed_unit": "parsec"}),
    Kind("R_NEGATIVE_QUANTITY", "less than nothing", lambda _, __: {"consumed_quantity": Decimal("-1.5")}),
    Kind(
        "R_TIME_REVERSED",
        "the end before the start",
        lambda row, _: {"charge_period_end": row["charge_period_start"] - timedelta(hours=1)},
    ),
    Kind(
        "R_DURATION_TOO_LONG",
        "a record of two years",
        lambda row, _: {"charge_period_end": row["charge_period_start"] + timedelta(days=731)},
    ),
    Kind(
        "R_FUTURE",
        "a start ten years ahead",
        lambda row, _: {
            "charge_period_start": row["charge_period_start"] + timedelta(days=3653),
            "charge_period_end": row["charge_period_end"] + timedelta(days=3653),
        },
    ),
    Kind(
        "R_MULTIPLE",
        "neither the account nor the SKU is known",
        lambda _, __: {"billing_account_id": "acct-unknown", "sku_id": "vm-unknown"},
    ),
)
"""What a typed file can carry."""

IN_CSV: tuple[Kind, ...] = (
    Kind("R_BAD_NUMBER", "a decimal comma", lambda _, __: {"consumed_quantity": "1,5"}),
    Kind("R_NOT_FINITE", "not a number at all", lambda _, __: {"consumed_quantity": "NaN"}),
    Kind("R_QUANTITY_TOO_PRECISE", "sixteen decimals", lambda _, __: {"consumed_quantity": "0.1234567890123456"}),
    Kind("R_QUANTITY_OUT_OF_RANGE", "a quantity beyond measure", lambda _, __: {"consumed_quantity": "9" * 16}),
    Kind("R_BAD_TIMESTAMP", "a thirteenth month", lambda _, __: {"charge_period_start": "2026-13-01T00:00:00Z"}),
    Kind(
        "R_NAIVE_TIMESTAMP",
        "a time without a zone",
        lambda row, _: {"charge_period_start": row["charge_period_start"].removesuffix("Z")},
    ),
    Kind("R_FIELD_TOO_LONG", "a resource of 600 characters", lambda _, __: {"resource_id": "vm-" + "x" * 597}),
)
"""What a text can carry too."""

COLUMN_COUNT = Kind("R_COLUMN_COUNT", "a field too many", lambda _, __: {})

IN_JSON: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "R_MALFORMED_JSON": ("a line that breaks off", lambda line: line[: len(line) // 2]),
    "R_JSON_TYPE": (
        "a flag where the quantity belongs",
        lambda line: re.sub('"consumed_quantity": [^,]+', '"consumed_quantity": true', line),
    ),
    "R_JSON_DUP_KEY": ("the same field twice", lambda line: line[:-1] + ', "sku_id": "vm-g3-large"}'),
}
"""What only a line of JSON can carry, made from the line of a good record."""

DUPLICATES = Kind("duplicate", "a record that was delivered before", lambda _, __: {})
CONFLICTS = Kind("R_DUPLICATE_CONFLICT", "one id, two quantities: neither side can be believed", lambda _, __: {}, 2)
REVISIONS = Kind("superseded", "a record that a later revision in the delivery replaces", lambda _, __: {})


@dataclass(frozen=True)
class Expected:
    """What ingest should say about rows of one file, beside the good ones."""

    file: str
    outcome: str
    meaning: str
    count: int


def changed(good: Sequence[Record], kinds: Sequence[Kind], world: World) -> Iterator[Record]:
    """Bad records of each kind, each made from the next good one, with ids of their own and of no project."""
    for place, kind in enumerate(kind for kind in kinds for _ in range(EACH)):
        record = good[place % len(good)]
        record = {**record, "usage_record_id": f"{record['usage_record_id']}-bad-{place:02}", "sub_account_id": None}
        yield {**record, **kind.change(record, world)}


def conflicts(good: Sequence[Record]) -> Iterator[Record]:
    """Pairs with one id and two quantities, none of which can be believed (U2)."""
    for place, record in enumerate(good[:EACH]):
        record = {**record, "usage_record_id": f"{record['usage_record_id']}-twice-{place:02}"}
        yield record
        yield {**record, "consumed_quantity": record["consumed_quantity"] + 1}


def revisions(good: Sequence[Record]) -> Iterator[Record]:
    """Later words on good records: revision 1 replaces revision 0."""
    for record in good[:EACH]:
        yield {**record, "revision": 1, "consumed_quantity": record["consumed_quantity"] * 2}


def in_parquet(good: pl.DataFrame, world: World) -> pl.DataFrame:
    """The rows that end the last Parquet file: bad ones, conflicts, later revisions, and records that came before."""
    records = good.to_dicts()
    extra = [*changed(records, IN_PARQUET, world), *conflicts(records), *revisions(records), *records[EACH : 2 * EACH]]
    return pl.DataFrame(extra, schema=good.schema, strict=True)


def in_csv(good: Sequence[Record], world: World) -> list[list[str]]:
    """The rows that end the CSV file, in texts: bad ones and those with a field too many."""
    bad = [list(record.values()) for record in changed(good, IN_CSV, world)]
    for place, record in enumerate(good[:EACH]):
        bad.append([*{**record, "usage_record_id": f"{record['usage_record_id']}-long-{place:02}"}.values(), "?"])
    return bad


def in_json(lines: Sequence[str]) -> list[str]:
    """The lines that end the JSON Lines file: bad ones, made from good ones with ids of their own."""
    bad = []
    for kind, (_, change) in IN_JSON.items():
        for place, line in enumerate(lines[:EACH]):
            bad.append(change(re.sub('("usage_record_id": "[^"]+)', rf"\1-{kind.lower()}-{place}", line)))
    return bad


def expected(parquet: str, csv: str, json_lines: str) -> list[Expected]:
    """What ingest should report for the three files that hold more than good rows."""
    texts = [Kind(code, meaning, lambda _, __: {}) for code, (meaning, _) in IN_JSON.items()]
    by_file = {
        parquet: (*IN_PARQUET, CONFLICTS, DUPLICATES, REVISIONS),
        csv: (*IN_CSV, COLUMN_COUNT, DUPLICATES),
        json_lines: (*texts, REVISIONS),
    }
    return [
        Expected(file, kind.outcome, kind.meaning, EACH * kind.rows_each)
        for file, kinds in by_file.items()
        for kind in kinds
    ]
