"""A draft was made with the rates of its tax date, or of the last instant of its period; the rate rises on 5 November.
It is out of date for an issue date when a rate begins or ends between the two.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rating.tax_dates import rates_change
from schemas.account_periods import AccountPeriods
from schemas.tax_rates import TaxRates
from tests.tables import table

title = "Tax: drafts whose rates are others on the day they are issued (T1, policy tax_point)"

RATES = """
    seller_jurisdiction | account_jurisdiction | account_region | tax_status | rate | valid_from | valid_until
    DE                  | DE                   |                | business   | 0.2  | 2026-01-01 | 2026-11-05
    DE                  | DE                   |                | business   | 0.25 | 2026-11-05 |
"""


def changed(on: date, tax_date: str = "", rates: str = RATES, policy: str = "issue", region: str = "") -> list[str]:
    """The accounts of which a draft made for a tax date has other rates on an issue date."""
    accounts = table(
        AccountPeriods,
        f"""
        billing_account_id | region   | tax_status | time_zone | period_end        | tax_date
        acme               | {region} | business   | UTC       | 2026-11-01T00:00Z | {tax_date}
        """,
    ).with_columns(
        seller_jurisdiction=pl.lit("DE"),
        jurisdiction=pl.lit("DE"),
        tax_point=pl.lit(policy),
        last_instant=pl.col("period_end") - pl.duration(microseconds=1),
    )
    return rates_change(accounts, table(TaxRates, rates), on)["billing_account_id"].to_list()


@pytest.mark.parametrize(("day", "others"), [(1, []), (4, []), (5, ["acme"]), (30, ["acme"])])
def test_without_a_tax_date_it_is_out_of_date_from_the_day_a_rate_changes(day: int, others: list[str]) -> None:
    assert changed(date(2026, 11, day)) == others


@pytest.mark.parametrize(("day", "others"), [(4, ["acme"]), (5, []), (30, [])])
def test_with_a_tax_date_it_is_out_of_date_before_it_too(day: int, others: list[str]) -> None:
    assert changed(date(2026, 11, day), tax_date="2026-11-05") == others


def test_a_rate_that_only_ends_makes_it_out_of_date() -> None:
    ends = "account_jurisdiction | rate | valid_from | valid_until\nDE | 0.2 | 2026-01-01 | 2026-11-05"
    assert changed(date(2026, 11, 5), rates=ends) == ["acme"]


@pytest.mark.parametrize(
    "cells",
    [
        ("FR", "DE", "", "business"),
        ("DE", "FR", "", "business"),
        ("DE", "DE", "BY", "business"),
        ("DE", "DE", "", "consumer"),
    ],
)
def test_rates_of_others_do_not_count(cells: tuple[str, ...]) -> None:
    row = " | ".join((*cells, "0.25", "2026-11-05", ""))
    assert changed(date(2026, 11, 6), rates="\n".join([RATES.strip().splitlines()[0], row])) == []


def test_rates_of_its_region_count() -> None:
    row = "DE | DE | BY | business | 0.25 | 2026-11-05 |"
    rates = "\n".join([RATES.strip().splitlines()[0], row])
    assert changed(date(2026, 11, 6), rates=rates, region="BY") == ["acme"]


def test_by_period_end_no_draft_waits_for_an_issue_date() -> None:
    assert changed(date(2026, 11, 6), policy="period_end") == []
