"""Many charges on one account, and a long price table: the money by a closed formula, the times printed.

`BILLFOLD_CHARGES=1000000 pytest -s tests/spec/extremes/test_scale.py` is the long mode.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from unittest.mock import patch

import duckdb
import polars as pl

from flows.reference import load_reference
from rating.outputs import Outputs
from rating.pipeline import Inputs, rate_period
from schemas import REFERENCE, TABLES
from schemas.units import Hash64
from tests.flows.reference.world import SOUND, write
from tests.pipeline import rate_world
from tests.worlds import frames, make_world

CHARGES = int(os.environ.get("BILLFOLD_CHARGES", "50000"))
SKUS, REGIONS, ACCOUNTS = 990, 100, 1000
START = datetime(2026, 10, 1, tzinfo=UTC)


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    print(f"\n{what}: {time.perf_counter() - wall:.2f} s, {time.process_time() - processor:.2f} s of processor time")


def cents(exact: Decimal) -> Decimal:
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def billed(reference: dict[str, pl.DataFrame], usage: pl.DataFrame) -> Outputs:
    """One record an hour long for each row of usage, which is a series and its `hours`."""
    kept: list[Inputs] = []
    with patch("tests.pipeline.rate_period", kept.append):  # what an empty world gives beside usage and reference
        rate_world(make_world())
    series = usage.with_columns(
        pl.int_range(pl.len(), dtype=Hash64).alias("series_id"),
        pl.lit(None, dtype=pl.String).alias("sub_account_id"),
        pl.lit("hour").alias("consumed_unit"),
    )
    records = series.select(
        "series_id",
        pl.lit(START).alias("charge_period_start"),
        pl.lit(START + timedelta(hours=1)).alias("charge_period_end"),
        pl.col("hours").cast(pl.Decimal(38, 15)).alias("consumed_quantity"),
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("records", records.to_arrow())
        connection.execute("create table usage_records as from records")
        connection.execute("create table earlier_records as from records limit 0")
        inputs = replace(
            kept[0],
            connection=connection,
            usage_series=TABLES["usage_series"].conform(series),
            reference={name: reference.get(name, table.empty()) for name, table in REFERENCE.items()},
        )
        with timed(f"rating {usage.height:,} series"):
            return rate_period(inputs)


def test_many_charges_on_one_account() -> None:
    """Resource k uses k mod 97 + 1 hours at 0.335: each a line of its own, rounded by itself. 20 % tax on the sum."""
    tables = frames(
        make_world(
            sku_prices=[{"list_unit_price": Decimal("0.335")}],
            billing_policies=[{"policy": "line_grain", "value": "resource"}],
        )
    )
    numbers = pl.select(number=pl.int_range(CHARGES)).select(
        pl.lit("acme").alias("billing_account_id"),
        pl.concat_str(pl.lit("vm-"), "number").alias("resource_id"),
        pl.lit("vm").alias("sku_id"),
        pl.lit(None, dtype=pl.String).alias("region_id"),
        hours=pl.col("number") % 97 + 1,
    )
    found = billed(tables, numbers)
    rounds, rest = divmod(CHARGES, 97)
    list_cost = sum(
        (cents(Decimal("0.335") * hours) * (rounds + (hours <= rest)) for hours in range(1, 98)), start=Decimal(0)
    )
    tax = cents(list_cost * Decimal("0.2"))
    (invoice,) = found.invoices.to_dicts()
    assert (invoice["list_cost"], invoice["total_tax"], invoice["amount_due"]) == (list_cost, tax, list_cost + tax)
    assert found.charges.height == CHARGES
    assert found.charges["charge_order"].to_list()[-1] == CHARGES
    assert found.ledger["amount"].sum() == 0


def prices() -> Iterator[list[str]]:
    """Each SKU in each region at so many thousandths as its numbers sum to; for each account a contract for SKU 0."""
    yield ["sku_price_id", "sku_id", "region_id", "billing_account_id", "billing_currency", "price_model",
           "list_unit_price", "valid_from"]  # fmt: skip
    for sku in range(SKUS):
        for region in range(REGIONS):
            price = f"{Decimal(sku + region) / 1000}"
            yield [f"p-{sku}-{region}", f"sku-{sku}", f"region-{region}", "", "EUR", "unit", price, "2026-01-01"]
    for account in range(ACCOUNTS):
        price = f"{Decimal(account) / 1000}"
        yield [f"contract-{account}", "sku-0", "", f"account-{account}", "EUR", "unit", price, "2026-01-01"]


def world(folder: Path) -> Path:
    """The folder of a thousand accounts, 990 SKUs and a hundred thousand prices."""
    accounts = "\n".join(
        f"account-{number} | north | Account {number} | Weg 1 | EUR | UTC | DE | business | 14 | false | 2026-01-01"
        for number in range(ACCOUNTS)
    )
    skus = "\n".join(
        f"sku-{number} | SKU {number} | Cloud | hour | sum | standard | 2026-01-01" for number in range(SKUS)
    )
    write(
        folder,
        {
            "sellers": SOUND["sellers"],
            "billing_accounts": f"""
                billing_account_id | seller_id | legal_name | address | billing_currency | time_zone | jurisdiction | tax_status | payment_terms_days | is_main_in_domain | valid_from
                {accounts}
            """,  # noqa: E501 - a table is read across
            "skus": f"""
                sku_id | description | service | pricing_unit | meter | tax_category | valid_from
                {skus}
            """,
            "tax_rates": """
                seller_jurisdiction | account_jurisdiction | tax_status | tax_category | component | rate | code | valid_from
                DE                  | DE                   | business   | standard     | VAT       | 0.19 | S    | 2020-01-01
            """,  # noqa: E501
        },
    )
    with (folder / "sku_prices.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(prices())
    return folder


def test_a_hundred_thousand_prices_and_a_thousand_contracts(tmp_path: Path) -> None:
    """Account a uses a thousand hours of each of ten SKUs in region a mod 100, and of SKU 0 at its own contract: of
    SKU s in region r they cost s + r, at the contract a.
    """
    folder = world(tmp_path / "reference")
    with timed(f"loading {SKUS * REGIONS + ACCOUNTS:,} prices"):
        tables = load_reference(folder).tables
    uses = [
        (f"account-{account}", f"sku-{sku}", f"region-{account % REGIONS}", 1000)
        for account in range(ACCOUNTS)
        for sku in (0, *own_skus(account))
    ]
    usage = pl.DataFrame(uses, schema=["billing_account_id", "sku_id", "region_id", "hours"], orient="row")
    found = billed(dict(tables), usage.with_columns(resource_id=pl.lit(None, dtype=pl.String)))
    assert found.holds.is_empty()
    wanted = {
        f"account-{account}": account + sum(sku + account % REGIONS for sku in own_skus(account))
        for account in range(ACCOUNTS)
    }
    assert dict(found.invoices.select("billing_account_id", "list_cost").iter_rows()) == {
        account: Decimal(cost) for account, cost in wanted.items()
    }
    contracts = found.rating_lines.filter(sku_id="sku-0")
    assert contracts["sku_price_id"].str.starts_with("contract-").all()
    assert contracts.height == ACCOUNTS


def own_skus(account: int) -> list[int]:
    """Ten SKUs of an account, never SKU 0."""
    return [1 + (account + step) % (SKUS - 1) for step in range(10)]
