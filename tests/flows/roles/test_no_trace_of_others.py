"""Nothing of others is in an export: not in a value, not in a byte, not in a sum.

Everything that others own begins with a mark or is a multiple of their measure (`organizations.py`). The files are
written without compression, so that pages, dictionaries and statistics can be read as they lie.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows import export as exporting
from flows.lake.views import connect
from tests.flows.roles.organizations import Organizations, Others
from tests.flows.roles.test_reads import OPEN, names_in, read, told

MARK = Others().mark.encode()
ELSEWHERE = Others("Wvk", "291.83")
RESTRICTED = ("owner", "manager", "both", "member", "analyst", "lead", "spotter")
OF_THE_FILE = ("reject_id", "delivery_id", "file_digest")
"""Digests of a delivered file, which may hold rows of many accounts."""


def plainly(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
    """The books, in a connection that packs nothing."""
    connection = connect(*arguments, **options)
    connection.execute("set force_compression = 'uncompressed'")
    return connection


@pytest.fixture(scope="module")
def plain(books: Organizations, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exports without compression."""
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "COMPRESSION", "uncompressed")
        patch.setattr(exporting, "connect", plainly)
        return {who: exporting.export(books.lake, who, folder / who).folder for who in ("operator", *RESTRICTED)}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Organizations:
    """The same books of acme, beside others that are called and charged otherwise."""
    return Organizations(tmp_path_factory.mktemp("elsewhere"), ELSEWHERE).october().issued().paid()


def numbers(rows: pl.DataFrame) -> set[Decimal]:
    """The amounts, quantities and prices in some rows."""
    columns = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.Decimal)]
    return {value.normalize() for name in columns for value in rows[name].drop_nulls().unique()}


def files_with_the_mark(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if MARK in path.read_bytes()}


def test_the_mark_is_found_where_it_may_be_read(plain: dict[str, Path]):
    """What the next test would find, if it were there: the mark is in nearly every file of who reads everything."""
    marked = files_with_the_mark(plain["operator"])
    assert {
        "billing.duckdb",
        "invoices.parquet",
        "usage_series.parquet",
        "rejects.parquet",
        "ledger_entries.parquet",
    } <= marked
    assert {"sku_prices.parquet", "price_tiers.parquet", "promo_codes.parquet", "principals.parquet"} <= marked
    without = names_in(plain["operator"]) - {name.removesuffix(".parquet") for name in marked}
    assert without <= OPEN | {"trial_balance", "runs", "price_tiers", "unpriced_usage"}


@pytest.mark.parametrize("who", RESTRICTED)
def test_no_byte_of_an_export_is_of_others(who: str, plain: dict[str, Path]):
    assert files_with_the_mark(plain[who]) == set()
    assert MARK not in b"".join(path.name.encode() for path in plain[who].iterdir())


@pytest.mark.parametrize("who", RESTRICTED)
def test_no_number_in_an_export_is_of_others(who: str, plain: dict[str, Path], every_row: dict[str, pl.DataFrame]):
    own, foreign = set[Decimal](), set[Decimal]()
    for name, rows in every_row.items():
        if "billing_account_id" not in rows.columns:
            own |= numbers(rows) if name in OPEN else set()
            continue
        is_foreign = pl.col("billing_account_id").fill_null("") != "acme"
        is_for_all = pl.col("billing_account_id").is_null() & ~pl.any_horizontal(pl.col(pl.String).str.contains("Zqx"))
        foreign |= numbers(rows.filter(is_foreign & ~is_for_all))
        own |= numbers(rows.filter(~is_foreign | is_for_all))
    own |= numbers(every_row["price_tiers"].filter(pl.col("sku_price_id") == "mails-eur"))
    own |= numbers(every_row["promo_codes"].filter(~pl.col("promo_code").str.contains("Zqx")))
    foreign |= numbers(every_row["price_tiers"]) | numbers(every_row["promo_codes"])
    # a limit of 900 × 713.57, usage of 3 ×, a cap of 5000 ×, a tier of 0.02 × (14.2714), a code worth 1 ×
    assert set(map(Decimal, ("642213", "2140.71", "3567850", "14.27", "713.57"))) <= foreign - own
    for name in names_in(plain[who]):
        found = numbers(read(plain[who], name))
        # a trial balance adds up what is read: its sums are judged by the next test
        assert name == "trial_balance" or found.isdisjoint(foreign - own), name


@pytest.mark.parametrize("who", RESTRICTED)
def test_others_with_other_names_and_amounts_change_no_byte(
    who: str, exported: Any, elsewhere: Organizations, tmp_path: Path
):
    """No value of theirs, and no sum, count or statistic over them, is in what is exported."""
    here, there = exported(who), exporting.export(elsewhere.lake, who, tmp_path / who).folder
    assert names_in(here) == names_in(there)
    for name in sorted(names_in(here)):
        if name == "rejects":
            assert told(read(here, name), OF_THE_FILE) == told(read(there, name), OF_THE_FILE)
        else:
            assert (here / f"{name}.parquet").read_bytes() == (there / f"{name}.parquet").read_bytes(), name


def test_they_change_what_everybody_reads_together(every_row: dict[str, pl.DataFrame], elsewhere: Organizations):
    """What the test before would find: sums over all accounts differ between the two worlds."""
    with connect(elsewhere.lake) as connection:
        for name in ("trial_balance", "ledger_entries", "landed_files"):
            assert told(connection.sql(f"from {name}").pl()) != told(every_row[name])
