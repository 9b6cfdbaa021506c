"""What of a month is out of proportion: books drawn by hand, each month a few documents.

July, August and September come to 40.00, 60.00 and 80.00 EUR: the median is 60.00, three times that 180.00, a quarter
of it 15.00.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.bounds import corrections_out_of_bounds, out_of_bounds
from flows.lake.journal import Lake
from flows.reference.policies import POLICIES
from tests.flows.lake.books import Rows, frame

Documents = dict[str, list[tuple[str, str]]]
"""Of each month the totals with tax, each with its currency."""

BEFORE: Documents = {
    "2026-07": [("40.00", "EUR")],
    "2026-08": [("60.00", "EUR")],
    "2026-09": [("30.00", "EUR"), ("50.00", "EUR")],
}
SHIPPED = {name: policy.default for name, policy in POLICIES.items() if name.startswith("bound_")}
ONE = {"bound_payable_documents": "1"}


def lake_of(
    folder: Path,
    documents: Documents,
    credit: str = "0",
    good: int = 0,
    rejects: Rows | None = None,
    state: str = "issued",
    **policies: str,
) -> Lake:
    """A lake whose one commit bills these months; of October's documents credit pays so much, and good rows landed."""
    lake = Lake.create(folder / "lake", buckets=1)
    added = [
        lake.write_table(name, rows, run_id="r1", partition={"billing_period": period, **more})
        for period, drawn in documents.items()
        for name, rows, more in (
            ("account_periods", frame("account_periods", [{"billing_period": period}]), {}),
            ("invoices", invoices(period, drawn, credit if period == "2026-10" else "0"), {"state": state}),
        )
    ]
    said = [
        {"billing_account_id": None, "policy": name, "value": value, "valid_from": "2000-01-01"}
        for name, value in (SHIPPED | ONE | policies).items()
    ]
    added.append(lake.write_table("billing_policies", frame("billing_policies", said), run_id="r1", partition=D1))
    if good:
        usage = frame("stored_usage", [{"usage_record_id": f"u{n}"} for n in range(good)])
        part = {"billing_period": "2026-10", "bucket": "00"}
        added.append(lake.write_table("stored_usage", usage, run_id="r1", partition=part))
    if rejects:
        added.append(lake.write_table("rejects", frame("rejects", rejects), run_id="r1"))
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={"reference_digest": "d1"}, added=added)
    return lake


D1 = {"reference": "d1"}


def invoices(period: str, drawn: list[tuple[str, str]], credit: str) -> Any:
    return frame(
        "invoices",
        [
            {
                "invoice_id": f"{period}-{number}",
                "billing_period": period,
                "billing_account_id": f"a{number}",
                "billing_currency": currency,
                "total_with_tax": total,
                "credit_amount": credit,
            }
            for number, (total, currency) in enumerate(drawn)
        ],
    )


def found(lake: Lake) -> list[tuple[str, str]]:
    """Figures of October that are out of bounds, and on which side."""
    return [(one["figure"], one["is"]) for one in out_of_bounds(lake.snapshot(), "2026-10")]


ABOVE = [("total_with_tax", "above"), ("payable_amount", "above")]
BELOW = [("total_with_tax", "below"), ("payable_amount", "below")]


@pytest.mark.parametrize(("total", "is_out"), [("180.00", []), ("180.01", ABOVE), ("15.00", []), ("14.99", BELOW)])
def test_a_month_may_reach_a_bound_and_not_go_beyond_it(
    tmp_path: Path, total: str, is_out: list[tuple[str, str]]
) -> None:
    assert found(lake_of(tmp_path, BEFORE | {"2026-10": [(total, "EUR")]})) == is_out


def test_a_month_of_no_documents_is_below_its_bound(tmp_path: Path) -> None:
    assert found(lake_of(tmp_path, BEFORE | {"2026-10": []})) == BELOW


def test_the_median_of_an_even_number_of_months_is_halfway(tmp_path: Path) -> None:
    """Of 40.00, 60.00, 80.00 and 100.00 it is 70.00, three times that 210.00."""
    months = {"2026-06": [("100.00", "EUR")]} | BEFORE
    assert found(lake_of(tmp_path / "at", months | {"2026-10": [("210.00", "EUR")]})) == []
    assert found(lake_of(tmp_path / "over", months | {"2026-10": [("210.01", "EUR")]})) == ABOVE


def test_credit_that_pays_a_bill_away_is_seen_in_what_is_payable(tmp_path: Path) -> None:
    """60.00 as ever, of which credit pays 45.01: 14.99 are left."""
    lake = lake_of(tmp_path, BEFORE | {"2026-10": [("60.00", "EUR")]}, credit="45.01")
    assert found(lake) == [("payable_amount", "below")]
    (finding,) = out_of_bounds(lake.snapshot(), "2026-10")
    assert Decimal(finding["value"]) == Decimal("14.99")


def test_what_is_told_are_figure_bound_months_and_the_accounts_that_changed_most(tmp_path: Path) -> None:
    """September's two accounts had 30.00 and 50.00; October's three have 250.00, 50.00 and 60.00: 360.00."""
    lake = lake_of(tmp_path, BEFORE | {"2026-10": [("250.00", "EUR"), ("50.00", "EUR"), ("60.00", "EUR")]})
    assert out_of_bounds(lake.snapshot(), "2026-10")[0] == {
        "figure": "total_with_tax",
        "billing_currency": "EUR",
        "value": "360.0000",
        "is": "above",
        "times": "3",
        "limit": "180.0000",
        "median": "60.0000",
        "before": [
            {"billing_period": "2026-07", "value": "40.0000"},
            {"billing_period": "2026-08", "value": "60.0000"},
            {"billing_period": "2026-09", "value": "80.0000"},
        ],
        "accounts": [
            {"billing_account_id": "a0", "before": "30.0000", "value": "250.0000"},
            {"billing_account_id": "a2", "before": "0.0000", "value": "60.0000"},
            {"billing_account_id": "a1", "before": "50.0000", "value": "50.0000"},
        ],
    }


def test_each_currency_is_compared_with_itself(tmp_path: Path) -> None:
    """50.00 USD a month became 200.00, four times as much; the euros are as they were."""
    months = {period: [*drawn, ("50.00", "USD")] for period, drawn in BEFORE.items()}
    lake = lake_of(tmp_path, months | {"2026-10": [("60.00", "EUR"), ("200.00", "USD")]})
    findings = out_of_bounds(lake.snapshot(), "2026-10")
    assert [(one["figure"], one["billing_currency"]) for one in findings] == [
        ("total_with_tax", "USD"),
        ("payable_amount", "USD"),
    ]


def test_a_currency_is_missed_once(tmp_path: Path) -> None:
    """Gone in October, dollars are missed; gone in September already, they are not."""
    dollars = {period: [*drawn, ("50.00", "USD")] for period, drawn in BEFORE.items()}
    october = {"2026-10": [("60.00", "EUR")]}
    assert found(lake_of(tmp_path / "first", dollars | october)) == BELOW
    gone = {"2026-06": dollars["2026-07"]} | dollars | {"2026-09": BEFORE["2026-09"]}
    assert found(lake_of(tmp_path / "second", gone | october)) == []


def test_two_months_are_no_measure_of_a_third(tmp_path: Path) -> None:
    months = {period: drawn for period, drawn in BEFORE.items() if period > "2026-07"}
    assert found(lake_of(tmp_path, months | {"2026-10": [("9999.00", "EUR")]})) == []


@pytest.mark.parametrize(
    ("policies", "is_out"),
    [
        ({"bound_payable_above": "none"}, []),
        ({"bound_payable_above": "10"}, []),
        ({"bound_payable_above": "9.9"}, ABOVE),
        ({"bound_payable_documents": "2"}, []),  # one document is the median of one, one and two
        ({"bound_payable_months": "1"}, []),  # 600.00 are seven and a half times September
        ({"bound_payable_months": "1", "bound_payable_above": "7.4"}, ABOVE),
    ],
)
def test_a_bound_is_what_its_policy_says_and_none_is_no_bound(
    tmp_path: Path, policies: dict[str, str], is_out: list[tuple[str, str]]
) -> None:
    """600.00 are ten times the median of three months."""
    policies = {"bound_payable_above": "8", **policies}
    assert found(lake_of(tmp_path, BEFORE | {"2026-10": [("600.00", "EUR")]}, **policies)) == is_out


def test_tables_without_a_bound_know_none(tmp_path: Path) -> None:
    """Reference tables of a time before there were any."""
    lake = lake_of(tmp_path, BEFORE | {"2026-10": [("9999.00", "EUR")]})
    without = [one for one in lake.snapshot().visible.values() if one.table == "billing_policies"]
    candidate = lake.snapshot().with_changes([], [one.path for one in without])
    assert out_of_bounds(candidate, "2026-10") == []


def test_credit_that_was_sold_is_no_charge_of_its_month(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, BEFORE | {"2026-10": [("60.00", "EUR")]})
    sold = invoices("2026-10", [("9999.00", "EUR")], "0")
    entry = lake.write_table("invoices", sold, run_id="r2", partition={"billing_period": "2026-10", "state": "sold"})
    assert out_of_bounds(lake.snapshot().with_changes([entry]), "2026-10") == []


# --- rows set aside ---

FEW = {"bound_rejects_rows": "10"}


def set_aside(count: int, **said: str | None) -> Rows:
    return [{"reject_id": f"x{n}", "billing_period": "2026-10", "delivery_id": "r1", **said} for n in range(count)]


@pytest.mark.parametrize(
    ("good", "bad", "is_out"),
    [(8, 2, False), (8, 3, True), (6, 3, False)],  # 2 of 10 are the bound of 0.2; 9 rows are too few to ask
)
def test_too_large_a_share_of_a_months_rows_waits(tmp_path: Path, good: int, bad: int, is_out: bool) -> None:
    lake = lake_of(tmp_path, {"2026-10": []}, good=good, rejects=set_aside(bad), **FEW)
    assert [one["figure"] for one in out_of_bounds(lake.snapshot(), "2026-10")] == ["rejects"] * is_out


@pytest.mark.parametrize(
    ("said", "is_out"),
    [
        ({"status": "relanded"}, False),
        ({"billing_period": "2026-09"}, False),
        ({"billing_period": None}, True),  # of a delivery that brought usage of the month
        ({"billing_period": None, "delivery_id": "r0"}, False),
    ],
)
def test_only_rows_of_the_month_that_still_wait_count(
    tmp_path: Path, said: dict[str, str | None], is_out: bool
) -> None:
    lake = lake_of(tmp_path, {"2026-10": []}, good=8, rejects=set_aside(3, **said), **FEW)
    assert [one["value"] for one in out_of_bounds(lake.snapshot(), "2026-10")] == ["3"] * is_out


def test_no_bound_of_rejects_is_no_bound(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"2026-10": []}, good=1, rejects=set_aside(20), bound_rejects="none", **FEW)
    assert found(lake) == []


@pytest.mark.parametrize(
    ("policy", "value", "is_sound"),
    [
        ("bound_payable_above", "none", True),
        ("bound_payable_above", "1.5", True),
        ("bound_payable_above", "0.9", False),
        ("bound_payable_below", "1.1", False),
        ("bound_payable_months", "none", False),
        ("bound_payable_months", "0", False),
        ("bound_rejects", "0", True),
        ("bound_rejects", "-1", False),
    ],
)
def test_a_bound_takes_a_number_that_makes_sense_or_none(policy: str, value: str, is_sound: bool) -> None:
    assert POLICIES[policy].accepts(value) is is_sound


# --- what a backfill corrects ---


def corrected(folder: Path, was: Documents, becomes: Documents, **policies: str) -> list[tuple[str, str, Decimal]]:
    """Month, side and limit of what is out of bounds of these months, where they were others before."""
    before, after = (
        lake_of(folder / name, drawn, **policies).snapshot() for name, drawn in (("before", was), ("after", becomes))
    )
    return [
        (one["billing_period"], one["is"], Decimal(one["limit"]))
        for one in corrections_out_of_bounds(after, before, becomes)
        if one["figure"] == "total_with_tax"
    ]


def october(total: str) -> Documents:
    return BEFORE | {"2026-10": [(total, "EUR")]}


@pytest.mark.parametrize(
    ("was", "becomes", "found"),
    [
        ("50.00", "180.00", []),  # 3 times the median 60.00 of the months before
        ("50.00", "180.01", [("2026-10", "above", Decimal(180))]),
        ("200.00", "600.00", []),  # 3 times what it was
        ("200.00", "600.01", [("2026-10", "above", Decimal(600))]),
        ("200.00", "15.00", []),  # a quarter of the median
        ("200.00", "14.99", [("2026-10", "below", Decimal(15))]),
        ("8.00", "2.00", []),  # a quarter of what it was
        ("8.00", "1.99", [("2026-10", "below", Decimal(2))]),
        ("600.00", "601.00", []),  # it stood out before
        ("0.00", "1.00", []),
    ],
)
def test_a_month_that_is_corrected_may_be_as_far_from_what_it_was_as_from_the_months_before(
    tmp_path: Path, was: str, becomes: str, found: list[tuple[str, str, Decimal]]
) -> None:
    assert corrected(tmp_path, october(was), october(becomes)) == found


def test_months_that_are_corrected_are_compared_with_those_before_as_they_are_committed(tmp_path: Path) -> None:
    """Ten times each, so that the median is too: each is above 3 times what it was, and October 3 times 60.00."""
    was = october("60.00")
    tenfold = {period: [(f"{Decimal(total) * 10}", code) for total, code in drawn] for period, drawn in was.items()}
    assert corrected(tmp_path, was, tenfold) == [
        ("2026-07", "above", Decimal(120)),
        ("2026-08", "above", Decimal(180)),
        ("2026-09", "above", Decimal(240)),
        ("2026-10", "above", Decimal(180)),
    ]


def test_a_month_of_few_documents_is_no_measure_of_its_correction(tmp_path: Path) -> None:
    first = {"2026-07": [("40.00", "EUR")]}
    assert corrected(tmp_path, first, {"2026-07": [("400.00", "EUR")]}, bound_payable_documents="2") == []


def test_where_no_bound_is_said_no_correction_is_held(tmp_path: Path) -> None:
    no_bounds = {"bound_payable_above": "none", "bound_payable_below": "none"}
    assert corrected(tmp_path, BEFORE, {"2026-07": [("4000.00", "EUR")]}, **no_bounds) == []
