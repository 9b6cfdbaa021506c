"""Every grant of an account has one reason for every charge of the month: what it paid, or why it paid no more.

The month is October of `acme`; every SKU costs 1.00 an hour, so that hours read as euros. An outage is made good by 50
on the database, training is given away by a discount, and the website may not spend the organization's credit.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.allocations.reasons import GRANT_REASONS, grant_reasons
from rating.outputs import Rated
from rating.pipeline import Inputs
from schemas.discounts import Discounts
from schemas.grant_kinds import GrantKinds
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL
from tests.spec.reasons.told import assert_reasons, month
from tests.tables import table

title = "Reasons: why a grant paid a charge, or did not (G8)"

USED = table(
    UsageRecords,
    """
    sku_id   | sub_account_id | consumed_quantity
    image    |                |                30
    vm-large | website        |               100
    vm-small | app            |                40
    database |                |                50
    training |                |                20
    """,
)
GRANTED = table(
    Operations,
    """
    operation_id | kind         | amount | priority | sub_account_id | window_start | include        | exclude
    images       | bonus        |     30 |        1 |                | 2026-10-01   | ["sku:image"]  |
    welcome      | bonus        |     90 |        2 |                | 2026-10-01   |                | ["sku:vm-small"]
    app          | bonus        |     15 |        3 | app            | 2026-10-01   |                |
    november     | bonus        |    100 |        4 |                | 2026-11-01   |                |
    company      | organization |    500 |        5 |                | 2026-10-01   |                |
    voucher      | voucher      |    500 |        6 |                | 2026-10-01   |                |
    """,
    **ACME,
)
OUTAGE = table(
    Operations,
    """
    operation_id | operation  | amount | sku_id   | text
    outage       | add_charge |    -50 | database | outage
    """,
    **ACME,
    occurred_at="2026-10-20T00:00:00Z",
)
SWITCHED_OFF = table(
    Operations,
    """
    operation_id | operation           | grant_id | amount | sub_account_id | use_organization_credit
    switch       | allocate_to_project | company  |      0 | website        | false
    """,
    **ACME,
    occurred_at="2026-10-02T00:00:00Z",
)
GIVEN_AWAY = table(Discounts, "discount_id | value | sku_id\ngift | 100 | training")
KINDS = pl.concat([USUAL["grant_kinds"], table(GrantKinds, "kind | rank\nproject | 20", transferable="false")])


def told(late: str | None = None) -> pl.DataFrame:
    """The reasons of the month; a second voucher that was recorded later, if there is one, is `late`."""

    def ask(made: Rated, _: Inputs) -> pl.DataFrame:
        second = made.grants.filter(pl.lit(late is not None), grant_id="voucher").with_columns(
            grant_id=pl.lit("second")
        )
        grants = pl.concat([made.grants, second])
        applied = pl.concat([made.bonuses, made.credits])
        unknown = second.select("grant_id", late=pl.lit(late, dtype=pl.String))
        return grant_reasons(made.items, grants, made.opening, applied, made.stopped, unknown)

    operations = pl.concat([GRANTED, OUTAGE, SWITCHED_OFF])
    return month(ask, usage_records=USED, operations=operations, discounts=GIVEN_AWAY, grant_kinds=KINDS)


@pytest.fixture(scope="module")
def october() -> pl.DataFrame:
    return told()


def test_a_grant_with_an_include_list_pays_only_what_is_in_it(october: pl.DataFrame) -> None:
    """30 meet 30 of images."""
    assert_reasons(
        october,
        """
        charge   | reason  | amount | due
        image    | applied | 30.00  | 30.00
        vm-large | scope   | 0.00   | 100.00
        vm-small | scope   | 0.00   | 40.00
        database | scope   | 0.00   | 0.00
        training | scope   | 0.00   | 0.00
        outage   | scope   | 0.00   | 0.00
        """,
        grant_id="images",
    )


def test_a_grant_finds_what_others_left_and_pays_until_it_is_used_up(october: pl.DataFrame) -> None:
    """Images are paid already; 90 of 100 for the large machine; the outage took the database back; training is free."""
    assert_reasons(
        october,
        """
        charge   | reason      | amount | due    | paid_by
        image    | order       | 0.00   | 30.00  | images
        vm-large | exhausted   | 90.00  | 100.00 |
        vm-small | exclusion   | 0.00   | 40.00  |
        database | netted      | 0.00   | 0.00   |
        training | nothing_due | 0.00   | 0.00   |
        outage   | negative    | 0.00   | 0.00   |
        """,
        grant_id="welcome",
    )


def test_a_grant_of_a_project_pays_nothing_else(october: pl.DataFrame) -> None:
    """What is bound to a project goes first: 15 of 40."""
    assert_reasons(
        october,
        """
        charge   | reason    | amount | due
        image    | project   | 0.00   | 30.00
        vm-large | project   | 0.00   | 100.00
        vm-small | exhausted | 15.00  | 40.00
        database | project   | 0.00   | 0.00
        training | project   | 0.00   | 0.00
        outage   | project   | 0.00   | 0.00
        """,
        grant_id="app",
    )


def test_a_grant_that_begins_later_pays_nothing_yet(october: pl.DataFrame) -> None:
    assert set(october.filter(grant_id="november")["reason"]) == {"window"}


def test_the_organizations_credit_is_stopped_by_a_projects_switch(october: pl.DataFrame) -> None:
    """The app's machine had 15 of 40 paid: 25 more. The website's 10 that are left stay with it."""
    assert_reasons(
        october,
        """
        charge   | reason      | amount | before | paid_by
        image    | order       | 0.00   | 30.00  | images
        vm-large | switch      | 0.00   | 90.00  |
        vm-small | applied     | 25.00  | 15.00  |
        database | netted      | 0.00   | 0.00   |
        training | nothing_due | 0.00   | 0.00   |
        outage   | negative    | 0.00   | 0.00   |
        """,
        grant_id="company",
    )


def test_credit_after_tax_finds_what_credit_before_tax_left(october: pl.DataFrame) -> None:
    """10 of the large machine are left, with 20 % tax 12.00; nothing of what was paid before tax is due after it."""
    assert_reasons(
        october,
        """
        charge   | reason      | amount | due   | paid_by
        image    | position    | 0.00   | 0.00  | images
        vm-large | applied     | 12.00  | 12.00 |
        vm-small | position    | 0.00   | 0.00  | app, company
        database | netted      | 0.00   | 0.00  |
        training | nothing_due | 0.00   | 0.00  |
        outage   | negative    | 0.00   | 0.00  |
        """,
        grant_id="voucher",
    )


@pytest.mark.parametrize("late", ["frozen", "later"])
def test_what_was_recorded_later_changes_no_document_that_was_made_before(late: str) -> None:
    """Issued is issued; a draft is behind until the month is billed again."""
    found = told(late)
    assert set(found.filter(grant_id="second")["reason"]) == {late}
    assert found.filter(pl.col("grant_id") != "second").drop("charge_order").equals(told().drop("charge_order"))


def test_the_worked_account_shows_every_reason_but_those_of_invoices_that_stand(october: pl.DataFrame) -> None:
    assert {*october["reason"], "frozen", "later", "settled", "undone"} == set(GRANT_REASONS)
