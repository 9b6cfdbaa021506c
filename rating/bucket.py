"""Billing some accounts as a function of Arrow and nothing else: usage in batches in, the tables of their bill out.

For engines that bring the usage themselves, as Spark or Ray: it reads and writes no file, and knows no lake. What a
bill depends on beside usage travels as `Terms`. Accounts may be dealt into calls in any way, each wholly into one: what
one is billed depends on no other, so that all calls together make the rows that one call would make.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from rating.hashing import hash64_sql
from rating.metering import EARLIER
from rating.pipeline import Inputs, rate_period
from schemas import TABLES
from schemas.usage_series import UsageSeries

SERIES = tuple(name for name in UsageSeries.columns() if name != "series_id")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    *((name, pa.string()) for name in ("billing_period", *SERIES)),
    ("charge_period_start", pa.timestamp("us", "UTC")),
    ("charge_period_end", pa.timestamp("us", "UTC")),
    ("consumed_quantity", pa.decimal128(38, 15)),
]
USAGE = pa.schema(_COLUMNS)
"""What is read of a batch of usage, by name; it may have more columns."""

OF_USAGE = ("connection", "usage_series")
OWNER = "billing_account_id"


@dataclass(frozen=True)
class Terms:
    """All that the bills of a period depend on but usage: small, and the same for every call."""

    inputs: Mapping[str, Any]

    @classmethod
    def of(cls, inputs: Inputs) -> "Terms":
        """The terms among the inputs of a period."""
        return cls({one.name: getattr(inputs, one.name) for one in fields(inputs) if one.name not in OF_USAGE})


def rate_bucket(usage: Iterable[pa.RecordBatch], terms: Terms, accounts: Collection[str] = ()) -> dict[str, pa.Table]:
    """Bill the accounts that a stream of usage is of.

    Reads    usage: USAGE, all of each account it names; each record once, accepted (U1, U2). A row of an earlier
             billing_period is a record that runs into this one, of an account that splits them (U4); one of a later
             period is left out
             terms: of at least these accounts
             accounts: billing_account_ids that are billed too, as have only recurring items or added charges
    Makes    the tables of `Outputs` by name
    Source   L2; P1 to T4 as in pipeline.py
    """
    with duckdb.connect(config={"temp_directory": ""}) as connection:
        connection.execute("set timezone = 'UTC'")
        series = _held(connection, usage, terms.inputs["billing_period"])
        own = pl.concat([series[OWNER], pl.Series(OWNER, list(accounts), dtype=pl.String)]).unique().to_frame()
        inputs = Inputs(connection=connection, usage_series=series, **_of_accounts(terms.inputs, own))
        return {name: rows.to_arrow() for name, rows in rate_period(inputs).tables().items()}


def rated(
    table: str, usage: Iterable[pa.RecordBatch], terms: Terms, accounts: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """One table of the bill as a stream of one schema (`schema_of`), which is what such an engine carries."""
    yield from rate_bucket(usage, terms, accounts)[table].cast(schema_of(table)).to_batches()


def schema_of(table: str) -> pa.Schema:
    """The columns of a table in the Arrow types that every engine knows.

    >>> schema_of("charges").field("list_cost").type
    Decimal128Type(decimal128(38, 4))
    """
    found = TABLES[table].empty().to_arrow().schema
    return pa.schema([(one.name, _plain(one.type)) for one in found])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Texts and lists with 32-bit offsets."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


def _held(connection: duckdb.DuckDBPyConnection, usage: Iterable[pa.RecordBatch], period: str) -> pl.DataFrame:
    """Keep usage in a connection as the pipeline reads it, batch by batch; gives UsageSeries."""
    names = ", ".join(SERIES)
    stored = "series_id ubigint, charge_period_start timestamptz, charge_period_end timestamptz"
    connection.execute(f"create table records ({stored}, consumed_quantity decimal(38, 15), is_earlier boolean)")
    connection.execute(f"create table series (series_id ubigint, {', '.join(f'{name} text' for name in SERIES)})")
    for batch in usage:
        connection.register("batch", pa.Table.from_batches([batch]))
        connection.execute(
            f"insert into records select {hash64_sql(*SERIES)}, charge_period_start, charge_period_end, "
            "consumed_quantity, billing_period < $1 from batch where billing_period <= $1",
            [period],
        )
        connection.execute(
            f"insert into series from (select distinct {hash64_sql(*SERIES)} as series_id, {names} from batch "
            "where billing_period <= $1) anti join series using (series_id)",
            [period],
        )
        connection.unregister("batch")
    connection.execute("create view usage_records as select * exclude (is_earlier) from records where not is_earlier")
    if connection.execute("select bool_or(is_earlier) from records").fetchall() == [(True,)]:
        connection.execute(f"create view {EARLIER} as select * exclude (is_earlier) from records where is_earlier")
    return UsageSeries.conform(connection.sql("from series order by series_id").pl())


def _of_accounts(inputs: Mapping[str, Any], own: pl.DataFrame) -> dict[str, Any]:
    """The terms of some accounts: the rows of others are left out."""

    def of_them(value: Any) -> Any:
        if isinstance(value, pl.DataFrame) and OWNER in value.columns:
            return value.join(own, on=OWNER, how="semi", maintain_order="left")
        return value

    found = {name: of_them(value) for name, value in inputs.items()}
    reference, committed = inputs["reference"], inputs["committed"]
    found["reference"] = {**reference, "billing_accounts": of_them(reference["billing_accounts"])}
    known = {one.name: of_them(getattr(committed, one.name)) for one in fields(committed)}
    return found | {"committed": replace(committed, **known)}
