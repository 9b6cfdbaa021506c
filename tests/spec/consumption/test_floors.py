"""What is drawn at the end of a month is what its floor lacks of what was used, as far as the grant still has it. What
project grants paid counts as use of the grant they were allocated from.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.grant_kinds import GrantKinds
from schemas.grant_movements import GrantMovements
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL, bill
from tests.tables import assert_table, table

title = "Floors: what is drawn beyond use (W2)"

FIXED = table(
    Operations,
    """
    operation_id | amount | logic | monthly_value | window_start
    org          |    100 | fixed |            30 | 2026-09-01
    """,
    **ACME,
    kind="organization",
    occurred_at="2026-09-01T00:00:00Z",
)


def used(hours: int) -> pl.DataFrame:
    return table(UsageRecords, f"consumed_quantity\n{hours}")


def earlier(amount: str, movement: str = "charged") -> pl.DataFrame:
    return table(
        GrantMovements, f"grant_id | billing_period | movement | amount\norg | 2026-09 | {movement} | -{amount}"
    )


def drawn(**tables: pl.DataFrame) -> list[str]:
    movements = bill(**{"operations": FIXED, **tables}).grant_movements.filter(movement="minimum_consumption")
    return [str(-amount) for amount in movements["amount"]]


@pytest.mark.parametrize(("hours", "found"), [(0, ["30.0000"]), (25, ["5.0000"]), (29, ["1.0000"]), (30, []), (45, [])])
def test_a_month_draws_what_its_floor_lacks_of_use(hours: int, found: list[str]) -> None:
    """30.00 less 25.00 are 5.00; whoever uses 30.00 or more has used the floor up."""
    assert drawn(usage_records=used(hours)) == found


def test_the_draw_lowers_no_invoice() -> None:
    """25.00 of usage are paid by the credit; the 5.00 of its floor are on no document."""
    billed = bill(operations=FIXED, usage_records=used(25))
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement            | amount
        charged             | -25.00
        minimum_consumption |  -5.00
        """,
    )
    assert str(billed.invoices["grant_amount"].item()) == "25.0000"
    assert str(billed.allocations["amount"].sum()) == "25.0000"


@pytest.mark.parametrize(("taken", "hours", "found"), [("80", 0, ["20.0000"]), ("80", 15, ["5.0000"]), ("80", 20, [])])
def test_a_floor_above_what_is_left_takes_what_is_left(taken: str, hours: int, found: list[str]) -> None:
    """100.00 − 80.00 are 20.00. With 15.00 used the floor lacks 15.00 and 5.00 are left; with 20.00 nothing is."""
    assert drawn(usage_records=used(hours), grant_movements=earlier(taken)) == found


def test_what_earlier_floors_took_is_not_free() -> None:
    """100.00 − 3 × 30.00 are 10.00."""
    assert drawn(grant_movements=earlier("90", "minimum_consumption")) == ["10.0000"]


def test_each_credit_has_a_floor_of_its_own() -> None:
    """12.00 are used of the first: it lacks 18.00. The second lacks all of its 7.00."""
    both = table(
        Operations,
        """
        operation_id | amount | logic | monthly_value
        first        |    100 | fixed |            30
        second       |     50 | fixed |             7
        """,
        **ACME,
        kind="organization",
        window_start="2026-09-01",
        occurred_at="2026-09-01T00:00:00Z",
    )
    assert_table(
        bill(operations=both, usage_records=used(12)).grant_movements,
        GrantMovements,
        """
        grant_id | movement            | amount
        first    | charged             | -12.00
        first    | minimum_consumption | -18.00
        second   | minimum_consumption |  -7.00
        """,
    )


def test_a_month_to_date_draws_nothing() -> None:
    assert bill(operations=FIXED, known_as_of="2026-10-20T00:00:00Z").grant_movements.is_empty()


def test_a_month_without_charges_is_still_billed_and_draws() -> None:
    billed = bill(operations=FIXED)
    assert billed.invoices.is_empty()
    assert str(billed.grant_movements["amount"].item()) == "-30.0000"


def test_an_account_on_hold_draws_nothing() -> None:
    unpriced = table(UsageRecords, "sku_id | consumed_quantity\ndatabase | 5")
    billed = bill(operations=FIXED, usage_records=unpriced, sku_prices=table(SkuPrices, "list_unit_price\n1"))
    assert billed.holds.height == 1
    assert billed.grant_movements.is_empty()


# --- what projects use ---

KINDS = pl.concat([USUAL["grant_kinds"], table(GrantKinds, "kind | rank\nproject | 20", transferable="false")])
ALLOCATED = pl.concat(
    [
        FIXED,
        table(
            Operations,
            """
            operation_id | operation           | grant_id | amount | sub_account_id
            part         | allocate_to_project | org      |     60 | website
            """,
            **ACME,
            occurred_at="2026-09-02T00:00:00Z",
        ),
    ]
)


def of_projects(text: str) -> pl.DataFrame:
    return table(UsageRecords, text)


def test_what_a_project_paid_counts_as_use_of_the_organizations_credit() -> None:
    """The project's own grant pays 18.00, the organization's 5.00: the floor of 30.00 lacks 7.00."""
    usage = of_projects("sub_account_id | consumed_quantity\nwebsite | 18\n | 5")
    billed = bill(operations=ALLOCATED, grant_kinds=KINDS, usage_records=usage)
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        grant_id | movement            | amount
        org      | charged             |  -5.00
        org      | minimum_consumption |  -7.00
        part     | charged             | -18.00
        """,
    )


def test_what_a_project_paid_can_use_up_the_floor_alone() -> None:
    usage = of_projects("sub_account_id | consumed_quantity\nwebsite | 31")
    assert drawn(operations=ALLOCATED, grant_kinds=KINDS, usage_records=usage) == []


def test_a_floor_takes_nothing_of_what_a_project_has() -> None:
    """The organization has 100.00 − 60.00 − 25.00 = 15.00 left, the project 60.00 that are not its to draw."""
    billed = bill(operations=ALLOCATED, grant_kinds=KINDS, grant_movements=earlier("25"))
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        grant_id | movement            | amount
        org      | minimum_consumption | -15.00
        """,
    )


# --- the ledger ---


def ledger(operations: pl.DataFrame) -> pl.DataFrame:
    return bill(operations=operations, first_billed={"acme": "2026-09"}).ledger


def test_a_free_credit_that_was_drawn_returns_to_what_was_set_aside_for_it() -> None:
    assert_table(
        ledger(FIXED),
        LedgerEntries,
        """
        transaction_kind | ledger_account                   | amount
        grant_ended      | grant_liability/organization/org |  30.00
        grant_ended      | bonus_commitment                 | -30.00
        """,
    )


def test_a_paid_credit_that_was_drawn_is_income() -> None:
    paid = table(
        Operations,
        """
        operation_id | operation       | amount | price_paid | logic | monthly_value | window_start
        bought       | purchase_credit |    100 |         80 | fixed |            30 | 2026-09-01
        """,
        **ACME,
        occurred_at="2026-09-01T00:00:00Z",
    )
    assert_table(
        ledger(paid),
        LedgerEntries,
        """
        transaction_kind | ledger_account              | amount
        grant_ended      | grant_liability/paid/bought |  30.00
        grant_ended      | breakage_income             | -30.00
        """,
    )
