"""Files store quantities as narrow as they can; together they are billed as what they are, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flows import books
from rating.metering import NARROW, WIDE
from tests.flows.billing.months import PERIOD, Month

ROW = "{id},acme,,vm-1,vm-small,eu-1,2026-10-{day}T00:00:00+02:00,2026-10-{day}T01:00:00+02:00,{quantity},hour"
TYPES = "select distinct typeof(consumed_quantity) from {}"


def landed(folder: Path, *quantities: str) -> Month:
    """A month with one file of usage for each quantity."""
    month = Month(folder, buckets=1)
    for number, quantity in enumerate(quantities):
        row = ROW.format(id=f"r-{number}", day=f"{number + 2:02}", quantity=quantity)
        month.ingest(month.usage(f"{number}.csv", row))
    return month


@pytest.mark.parametrize(
    ("quantities", "narrow", "wide"),
    [
        (["1.25", "2.5"], "DECIMAL(18,2)", None),
        (["1.25", "0.123456", "7"], "DECIMAL(18,6)", None),
        (["99999999999999", "0.123456"], "DECIMAL(18,6)", "DECIMAL(38,15)"),
        (["1.25", "1234.000000000000001"], "DECIMAL(18,2)", "DECIMAL(38,15)"),
        (["1234.000000000000001"], "DECIMAL(38,15)", None),
    ],
    ids=["alike", "narrow", "too large for the decimals of another", "one wide", "all wide"],
)
def test_files_are_read_as_narrow_as_all_of_them_allow(
    tmp_path: Path, quantities: list[str], narrow: str, wide: str | None
) -> None:
    lake = landed(tmp_path, *quantities).lake
    files = lake.snapshot().files("usage_records", billing_period=PERIOD)
    with books.usage_connection(lake, files, threads=1) as connection:
        halves = {NARROW: narrow, WIDE: wide} if wide else {"usage_records": narrow}
        for relation, stored in halves.items():
            assert connection.sql(TYPES.format(relation)).fetchall() == [(stored,)]
        total = connection.sql("select sum(consumed_quantity)::decimal(38, 15) from usage_records").fetchone()
        assert total == (sum(Decimal(quantity) for quantity in quantities),)


def test_narrow_and_wide_files_are_billed_together(tmp_path: Path) -> None:
    """1.25 + 0.123456 + 1234.000000000000001."""
    month = landed(tmp_path, "1.25", "0.123456", "1234.000000000000001")
    month.bill()
    assert month.ask("select sum(pricing_quantity) from rating_lines where billing_account_id = 'acme'") == [
        (Decimal("1235.373456000000001"),)
    ]
