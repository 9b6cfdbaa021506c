"""A closed month takes no entry: what is found out about it is booked in the first month that is open (B1)."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating.accounting_periods import BOOKED_BY, booked, closed_through
from rating.deltas import ledger_delta
from rating.ledger_entries import summed
from rating.payment_entries import payment_entries
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from schemas.units import Instant, Text
from tests.spec.dues.test_reversals import ACCOUNT, documents
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Closed periods: booked in the next open month (B1)"

DESIRED = """
    entry_number | ledger_account     | amount
    1            | receivable         | {whole}
    2            | revenue/Cloud      | {net}
    3            | tax_payable/DE/VAT | {tax}
"""
AMOUNTS = {
    "100": {"whole": "120.00", "net": "-100.00", "tax": "-20.00"},
    "110": {"whole": "132.00", "net": "-110.00", "tax": "-22.00"},
}
OCTOBER = {"service_period": "2026-10", "accounting_period": "2026-10", "source_id": "october", **ACME}
NOTHING_YET = LedgerEntries.empty()


def desired(hours: str) -> pl.DataFrame:
    """What the books should say about October: hours at 1.00, and 20 % of tax."""
    return summed(table(LedgerEntries, DESIRED.format(**AMOUNTS[hours]), **OCTOBER))


def closed(month: str | None) -> pl.DataFrame:
    """The last month of acme that takes no more entries."""
    return pl.DataFrame([("acme", month)], schema={"billing_account_id": Text, "closed_through": Text}, orient="row")


def months(entries: pl.DataFrame) -> set[tuple[str, str]]:
    """Of which months entries are, and where they are booked."""
    return set(entries.select("service_period", "accounting_period").iter_rows())


def test_an_open_month_books_its_own_entries() -> None:
    assert months(ledger_delta(desired("100"), NOTHING_YET, closed("2026-09"))) == {("2026-10", "2026-10")}
    assert months(ledger_delta(desired("100"), NOTHING_YET, closed(None))) == {("2026-10", "2026-10")}


def test_a_closed_month_is_booked_in_the_month_after_the_last_closed_one() -> None:
    """October is the service; the books are closed through the year's end."""
    assert months(ledger_delta(desired("100"), NOTHING_YET, closed("2026-12"))) == {("2026-10", "2027-01")}


def test_what_is_right_is_not_booked_again_when_its_month_is_closed() -> None:
    committed = ledger_delta(desired("100"), NOTHING_YET, closed(None))
    assert ledger_delta(desired("100"), committed, closed("2026-10")).is_empty()


def test_a_difference_to_a_closed_month_is_booked_in_the_open_one() -> None:
    """Ten hours more, found when October was closed: 10.00 and 2.00 of tax are November's."""
    committed = ledger_delta(desired("100"), NOTHING_YET, closed(None))
    assert_table(
        ledger_delta(desired("110"), committed, closed("2026-10")),
        LedgerEntries,
        """
        ledger_account     | amount | service_period | accounting_period
        receivable         |  12.00 | 2026-10        | 2026-11
        revenue/Cloud      | -10.00 | 2026-10        | 2026-11
        tax_payable/DE/VAT |  -2.00 | 2026-10        | 2026-11
        """,
    )


def test_what_a_closed_month_said_is_taken_back_in_the_open_one() -> None:
    committed = ledger_delta(desired("100"), NOTHING_YET, closed(None))
    assert_table(
        ledger_delta(desired("100").clear(), committed, closed("2026-10")),
        LedgerEntries,
        """
        ledger_account     |  amount | accounting_period
        receivable         | -120.00 | 2026-11
        revenue/Cloud      |  100.00 | 2026-11
        tax_payable/DE/VAT |   20.00 | 2026-11
        """,
    )


def test_each_account_closes_its_own_months() -> None:
    both = pl.concat([desired("100"), desired("100").with_columns(billing_account_id=pl.lit("globex"))])
    found = ledger_delta(both, NOTHING_YET, closed("2026-10"))
    assert dict(found.select("billing_account_id", "accounting_period").iter_rows()) == {
        "acme": "2026-11",
        "globex": "2026-10",
    }


# --- which months are closed ------------------------------------------------------------

POLICIES = table(
    BillingPolicies,
    """
    billing_account_id | policy         | value   | valid_from | valid_until
                       | closed_through | 2026-09 | 2026-10-10 | 2026-11-10
                       | closed_through | 2026-10 | 2026-11-10 |
                       | stacking       | additive| 2026-01-01 |
    acme               | closed_through | none    | 2026-12-01 |
    tokyo              | closed_through | 2026-11 | 2026-12-05 |
    """,
)
WHERE = table(
    BillingAccounts,
    """
    billing_account_id | time_zone
    acme               | UTC
    globex             | UTC
    tokyo              | Asia/Tokyo
    """,
)


def closed_at(at: str) -> dict[str, str | None]:
    asked = WHERE.select("billing_account_id", "time_zone", at=pl.lit(datetime.fromisoformat(at), dtype=Instant))
    return dict(closed_through(asked, POLICIES).select("billing_account_id", "closed_through").iter_rows())


def test_the_row_in_force_says_what_is_closed_and_the_accounts_own_goes_first() -> None:
    assert closed_at("2026-10-01T00:00Z") == {"acme": None, "globex": None, "tokyo": None}
    assert closed_at("2026-11-09T00:00Z") == {"acme": "2026-09", "globex": "2026-09", "tokyo": "2026-09"}
    assert closed_at("2026-12-02T00:00Z") == {"acme": None, "globex": "2026-10", "tokyo": "2026-10"}


def test_a_row_is_in_force_from_its_day_on_where_the_account_is() -> None:
    """The 5th of December begins in Tokyo at 15:00 UTC of the 4th."""
    assert closed_at("2026-12-04T14:59Z")["tokyo"] == "2026-10"
    assert closed_at("2026-12-04T15:00Z")["tokyo"] == "2026-11"


def test_an_operation_is_booked_by_what_was_closed_when_it_was_recorded() -> None:
    """Two payments of October the 20th, recorded before and after October was closed on the 10th of November."""
    payments = table(
        Operations,
        """
        operation_id | operation      | amount | occurred_at       | recorded_at
        early        | record_payment |     10 | 2026-10-20T09:00Z | 2026-11-09T00:00Z
        late         | record_payment |     10 | 2026-10-20T09:00Z | 2026-11-11T00:00Z
        """,
        **ACME,
    )
    asked = payments.select(*BOOKED_BY, time_zone=pl.lit("UTC"), at=pl.col("recorded_at").cast(Instant))
    by = closed_through(asked, POLICIES).select(*BOOKED_BY, "closed_through")
    found = payment_entries(payments, payments, PaymentApplications.empty(), documents(), ACCOUNT, by)
    assert set(found.select("source_id", "service_period", "accounting_period").iter_rows()) == {
        ("early", "2026-10", "2026-10"),
        ("late", "2026-10", "2026-11"),
    }


def test_what_is_booked_keeps_every_row_whose_account_says_nothing() -> None:
    rows = pl.DataFrame({"billing_account_id": ["globex"], "service_period": ["2026-10"]})
    assert booked(rows, closed("2026-10"), ["billing_account_id"])["accounting_period"].to_list() == ["2026-10"]
