"""A grant says what it may pay for with an include and an exclude list of `dimension:value`. Values of one dimension
are alternatives, dimensions of the include list must all match, the exclude list bites on any match. A charge that
lacks an attribute matches neither list there.

Every line below is 10.00 and the bonus is large enough for all it reaches; `grant_amount` shows what it reached.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_policies import BillingPolicies
from schemas.invoice_lines import InvoiceLines
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "Scopes: what a grant may pay for (G1)"

TEN_HOURS_OF_EACH = table(
    UsageRecords,
    """
    sku_id   | sub_account_id | region_id | resource_id | consumed_quantity
    vm-large | website        | eu-1      | vm-1        |                10
    vm-small | app            | us-1      | vm-2        |                10
    image    | website        | us-1      |             |                10
    database |                |           |             |                10
    """,
)


def lines(operations: pl.DataFrame, **policies: str) -> pl.DataFrame:
    rows = "".join(f"\n{policy} | {value}" for policy, value in policies.items())
    return bill(
        usage_records=TEN_HOURS_OF_EACH,
        operations=operations,
        billing_policies=table(BillingPolicies, f"policy | value{rows}"),
    ).invoice_lines


def test_a_grant_without_lists_pays_for_everything() -> None:
    assert_table(
        lines(table(Operations, "amount\n1000", **BONUS)),
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |        10.00
        image    |        10.00
        database |        10.00
        """,
    )


def test_values_of_one_dimension_are_alternatives() -> None:
    found = lines(
        table(
            Operations,
            """
            amount | include
            1000   | ["sku:vm-large", "sku:database"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |            0
        image    |            0
        database |        10.00
        """,
    )


def test_dimensions_of_the_include_list_must_all_match() -> None:
    """The service and, of two regions, one: not the database, which has neither."""
    found = lines(
        table(
            Operations,
            """
            amount | include
            1000   | ["service:Cloud", "region:us-1", "region:us-2"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |            0
        vm-small |        10.00
        image    |        10.00
        database |            0
        """,
    )


def test_the_exclude_list_bites_on_any_match() -> None:
    """Not the feature of two lines, nor the tag of the third."""
    found = lines(
        table(
            Operations,
            """
            amount | exclude
            1000   | ["feature:Virtual machines", "tag:os_image"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |            0
        vm-small |            0
        image    |            0
        database |        10.00
        """,
    )


def test_exclude_wins_over_include() -> None:
    found = lines(
        table(
            Operations,
            """
            amount | include           | exclude
            1000   | ["service:Cloud"] | ["project:app"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |            0
        image    |        10.00
        database |            0
        """,
    )


def test_a_charge_without_the_attribute_matches_neither_list() -> None:
    """The database has no region: an include list of regions does not reach it, an exclude list does not stop it."""
    only_eu = table(
        Operations,
        """
        amount | include
        1000   | ["region:eu-1"]
        """,
        **BONUS,
    )
    all_but_eu = table(
        Operations,
        """
        amount | exclude
        1000   | ["region:eu-1"]
        """,
        **BONUS,
    )
    assert_table(
        lines(only_eu),
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |            0
        image    |            0
        database |            0
        """,
    )
    assert_table(
        lines(all_but_eu),
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |            0
        vm-small |        10.00
        image    |        10.00
        database |        10.00
        """,
    )


def test_a_tag_is_one_of_the_sku() -> None:
    found = lines(
        table(
            Operations,
            """
            amount | include
            1000   | ["tag:os_image"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |            0
        vm-small |            0
        image    |        10.00
        database |            0
        """,
    )


def test_a_resource_is_known_only_where_lines_are_by_resource() -> None:
    """Lines by SKU have no resource, so the list matches nothing there."""
    for_vm_2 = table(
        Operations,
        """
        amount | include
        1000   | ["resource:vm-2"]
        """,
        **BONUS,
    )
    assert lines(for_vm_2)["grant_amount"].sum() == 0
    assert_table(
        lines(for_vm_2, line_grain="resource"),
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |            0
        vm-small |        10.00
        image    |            0
        database |            0
        """,
    )


def test_usage_is_usage_and_nothing_else() -> None:
    of_usage = table(
        Operations,
        """
        amount | include
        1000   | ["charge:usage"]
        """,
        **BONUS,
    )
    of_recurring = table(
        Operations,
        """
        amount | include
        1000   | ["charge:recurring"]
        """,
        **BONUS,
    )
    assert str(lines(of_usage)["grant_amount"].sum()) == "40.0000"
    assert str(lines(of_recurring)["grant_amount"].sum()) == "0.0000"


def test_a_kind_brings_its_own_exclude_list() -> None:
    """A free credit never pays for what is tagged `os_image` (G2), whatever it includes."""
    found = lines(
        table(
            Operations,
            """
            kind | amount | include
            free | 1000   | ["service:Cloud"]
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |        10.00
        image    |            0
        database |            0
        """,
    )


def test_a_grant_of_a_project_pays_for_that_project_alone() -> None:
    found = lines(
        table(
            Operations,
            """
            amount | sub_account_id
            1000   | website
            """,
            **BONUS,
        )
    )
    assert_table(
        found,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        10.00
        vm-small |            0
        image    |        10.00
        database |            0
        """,
    )
