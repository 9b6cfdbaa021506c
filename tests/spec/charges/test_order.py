"""Charges stand by the start of their segment, then service, SKU, project, region, resource; what has none stands last.
This is the order of invoice lines, of expense numbers and, unless a policy says otherwise, of payment by grants.
"""

from __future__ import annotations

from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Charges: in the order everyone reads them in (G5)"


def test_charges_stand_by_service_sku_project_region_and_resource_nulls_last() -> None:
    billed = bill(
        billing_policies=table(
            BillingPolicies,
            """
            policy     | value
            line_grain | resource
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | sub_account_id | region_id | resource_id | consumed_quantity
            vm-small |                |           |             |                 1
            vm-small | website        | us-1      | vm-1        |                 1
            vm-small | website        | eu-1      | vm-2        |                 1
            vm-small | website        | eu-1      | vm-1        |                 1
            vm-small | app            |           |             |                 1
            database | website        | us-1      |             |                 1
            image    |                |           |             |                 1
            """,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_order | service  | sku_id   | sub_account_id | region_id | resource_id
        1            | Cloud    | image    |                |           |
        2            | Cloud    | vm-small | app            |           |
        3            | Cloud    | vm-small | website        | eu-1      | vm-1
        4            | Cloud    | vm-small | website        | eu-1      | vm-2
        5            | Cloud    | vm-small | website        | us-1      | vm-1
        6            | Cloud    | vm-small |                |           |
        7            | Database | database | website        | us-1      |
        """,
    )


def test_an_earlier_segment_stands_before_a_service_that_comes_first() -> None:
    """The bonus cuts both lines on the 15th: first both first halves, then both second ones."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | charge_period_start | consumed_quantity
            vm-small | 2026-10-05T00:00Z   |                 1
            vm-small | 2026-10-20T00:00Z   |                 1
            database | 2026-10-05T00:00Z   |                 1
            database | 2026-10-20T00:00Z   |                 1
            """,
        ),
        operations=table(
            Operations,
            """
            kind  | amount | window_start
            bonus |      5 | 2026-10-15
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_order | service  | charge_period_start
        1            | Cloud    | 2026-10-01T00:00Z
        2            | Database | 2026-10-01T00:00Z
        3            | Cloud    | 2026-10-15T00:00Z
        4            | Database | 2026-10-15T00:00Z
        """,
    )


def test_each_account_counts_its_own_charges() -> None:
    billed = bill(
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | sku_id
            acme               | database
            acme               | vm-small
            globex             | database
            """,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        billing_account_id | charge_order | sku_id
        acme               |            1 | vm-small
        acme               |            2 | database
        globex             |            1 | database
        """,
    )


def test_the_id_of_a_charge_is_made_of_its_key_and_not_of_its_amount() -> None:
    """Twice the usage, other records: the same charge. Another project: another."""
    one = bill(usage_records=table(UsageRecords, "consumed_quantity\n1"))
    two = bill(
        usage_records=table(
            UsageRecords,
            """
            usage_record_id | charge_period_start | consumed_quantity
            other           | 2026-10-20T00:00Z   |                 2
            """,
        )
    )
    elsewhere = bill(
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            app            |                 1
            """,
        )
    )
    assert one.charges["charge_id"].to_list() == two.charges["charge_id"].to_list()
    assert one.charges["charge_id"].to_list() != elsewhere.charges["charge_id"].to_list()
    assert one.rating_lines["rating_line_id"].to_list() == two.rating_lines["rating_line_id"].to_list()
