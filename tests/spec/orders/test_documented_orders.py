"""One month, billed by the orders that others document: who pays first, what is paid first, before tax or after. Only
rows of `grant_kinds` and `billing_policies` differ.

After the discount of 10 % the month is 54.00 of machines and 90.00 of database, both taxed at 20 %, and 36.00 of
training, taxed at 10 %. The account has 140.00 to spend: `prepaid` 30.00, which ends first; `general` 70.00; and
`cloud` 40.00, which ends last and is for service Cloud alone, so for the machines.
"""

from __future__ import annotations

import polars as pl

from rating.outputs import Outputs
from schemas.allocations import Allocations
from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.grant_kinds import GrantKinds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Orders: one month by the rows of others (G3 to G6)"

MONTH = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |                60
    database |               100
    training |                40
    """,
)
TEN_PERCENT = table(
    Discounts,
    """
    discount_id | value
    autumn      |    10
    """,
)
GRANTS = table(
    Operations,
    """
    operation_id | kind | amount | include           | priority | window_start | window_end | occurred_at
    general      | free |     70 |                   |        2 | 2026-09-01   | 2026-12-15 | 2026-09-01T09:00Z
    cloud        | free |     40 | ["service:Cloud"] |        1 | 2026-09-01   | 2027-01-01 | 2026-09-02T09:00Z
    prepaid      | paid |     30 |                   |        0 | 2026-09-01   | 2026-11-20 | 2026-09-03T09:00Z
    """,
    **ACME,
)


def billed(grant_kinds: pl.DataFrame, billing_policies: pl.DataFrame | None = None) -> Outputs:
    """The month, by these rows."""
    rows = {} if billing_policies is None else {"billing_policies": billing_policies}
    return bill(usage_records=MONTH, discounts=TEN_PERCENT, operations=GRANTS, grant_kinds=grant_kinds, **rows)


def spent(outputs: Outputs) -> pl.DataFrame:
    """What each grant paid, charge by charge."""
    return outputs.allocations.filter(pl.col("allocation_kind") == "grant")


def test_as_shipped_free_credit_lowers_the_tax_and_paid_credit_pays_the_document() -> None:
    """Free before tax, by priority: cloud 40 of the machines' 54, then general 70: the other 14 and 56 of the database.
    Left are 34 and 36, with 6.80 and 3.60 of tax: 80.40. Prepaid pays 30 of the database's 40.80.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | after
            """,
        )
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |     60.00 |            6.00 |        54.00 |        0.00 |       0.00 |          0.00
        database |    100.00 |           10.00 |        56.00 |       34.00 |       6.80 |         30.00
        training |     40.00 |            4.00 |         0.00 |       36.00 |       3.60 |          0.00
        """,
    )
    assert_table(
        spent(outputs),
        Allocations,
        """
        source_id | tax_position | amount
        cloud     | before       |  40.00
        general   | before       |  14.00
        general   | before       |  56.00
        prepaid   | after        |  30.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        70.00             |     10.40 |          80.40 |         30.00 |      50.40
        """,
    )


def test_all_credit_after_tax_leaves_the_tax_whole() -> None:
    """180 net with 10.80, 18.00 and 3.60 of tax are 212.40. Cloud pays 40 of the machines' 64.80, general the other
    24.80 and 45.20 of the database's 108.00, prepaid 30 of what is left of that: 72.40 are due.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | after
            paid |   30 | after
            """,
        )
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | line_amount | tax_amount | credit_amount
        vm-small |       54.00 |      10.80 |         64.80
        database |       90.00 |      18.00 |         75.20
        training |       36.00 |       3.60 |          0.00
        """,
    )
    assert_table(
        spent(outputs),
        Allocations,
        """
        source_id | tax_position | amount
        cloud     | after        |  40.00
        general   | after        |  24.80
        general   | after        |  45.20
        prepaid   | after        |  30.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        180.00            |     32.40 |         212.40 |        140.00 |      72.40
        """,
    )


def test_aws_spends_what_ends_soonest_on_the_largest_service_first() -> None:
    """Documented: the soonest to expire, then the least number of eligible services, then the oldest; applied to the
    largest charge first (docs.aws.amazon.com, AWS Billing, "AWS credits", steps 1 and 2).

    Prepaid ends on 20 November: 30 of the database's 90. General ends on 15 December: the other 60, and 10 of the
    machines' 54. Cloud pays the other 44 as far as it goes: 40. Left are 4 and 36, with 0.80 and 3.60 of tax.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | before
            """,
        ),
        table(
            BillingPolicies,
            """
            policy       | value
            grant_order  | expires_at,coverage,occurred_at,grant_id
            charge_order | largest_first
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount
        vm-small |        50.00 |        4.00 |       0.80
        database |        90.00 |        0.00 |       0.00
        training |         0.00 |       36.00 |       3.60
        """,
    )
    assert_table(
        spent(outputs),
        Allocations,
        """
        source_id | allocation_order | amount
        prepaid   |                1 |  30.00
        general   |                2 |  60.00
        general   |                2 |  10.00
        cloud     |                3 |  40.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | amount_due
        140.00       |             40.00 |      4.40 |      44.40
        """,
    )


def aws_pays(operations: pl.DataFrame) -> list[str]:
    """The credits that pay the month by the order of AWS, the first one first."""
    outputs = bill(
        usage_records=MONTH,
        discounts=TEN_PERCENT,
        operations=operations,
        grant_kinds=table(GrantKinds, "kind | rank | tax_position\nfree | 10 | before"),
        billing_policies=table(
            BillingPolicies, "policy | value\ngrant_order | expires_at,coverage,occurred_at,grant_id"
        ),
    )
    by_grant = spent(outputs).unique("source_id").sort("allocation_order")
    return by_grant["source_id"].to_list()


def test_aws_breaks_an_equal_end_by_the_fewer_services_and_then_by_age() -> None:
    """Three credits of 10 that end on one day: for one service, for two, for two and younger."""
    found = aws_pays(
        table(
            Operations,
            """
            operation_id | kind | amount | include                                | window_end | occurred_at
            a-younger    | free |     10 | ["service:Cloud", "service:Database"]  | 2027-01-01 | 2026-09-03T09:00Z
            b-older      | free |     10 | ["service:Cloud", "service:Database"]  | 2027-01-01 | 2026-09-02T09:00Z
            c-narrow     | free |     10 | ["service:Cloud"]                      | 2027-01-01 | 2026-09-04T09:00Z
            """,
            **ACME,
            window_start="2026-09-01",
        )
    )
    assert found == ["c-narrow", "b-older", "a-younger"]


def test_aws_spends_the_wider_credit_first_where_it_ends_sooner() -> None:
    """Documented example: one credit of 10 for two services ends in January, one of 5 for one service in December."""
    found = aws_pays(
        table(
            Operations,
            """
            operation_id | kind | amount | include                                | window_end | occurred_at
            credit-one   | free |     10 | ["service:Cloud", "service:Database"]  | 2027-01-31 | 2026-09-02T09:00Z
            credit-two   | free |      5 | ["service:Cloud"]                      | 2027-12-31 | 2026-09-02T09:00Z
            """,
            **ACME,
            window_start="2026-09-01",
        )
    )
    assert found == ["credit-one", "credit-two"]


def test_s3_7_kakaocloud_spends_free_credit_by_its_end_and_then_by_its_scope_and_paid_credit_last() -> None:
    """Documented: free credit with the earliest expiry, free credit limited to services, paid credit with the earliest
    expiry; tax is on what neither pays (S3.31).

    General ends first of the free ones: the machines' 54 and 16 of the database's 90. Cloud finds no machine unpaid and
    keeps its 40. Prepaid, though it ends before both, comes last: 30 of the database. Left are 44 and 36, with 8.80
    and 3.60 of tax.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | before
            """,
        ),
        table(
            BillingPolicies,
            """
            policy      | value
            grant_order | kind_rank,expires_at,coverage,occurred_at,grant_id
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount
        vm-small |        54.00 |        0.00 |       0.00
        database |        46.00 |       44.00 |       8.80
        training |         0.00 |       36.00 |       3.60
        """,
    )
    assert_table(
        spent(outputs),
        Allocations,
        """
        source_id | amount
        general   |  54.00
        general   |  16.00
        prepaid   |  30.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | amount_due
        100.00       |             80.00 |     12.40 |      92.40
        """,
    )


def test_konnect_spends_by_priority_whatever_the_kind() -> None:
    """Documented: the lower priority, then the earlier expiry, then a stable order (developer.konghq.com, Metering and
    Billing, "Credit consumption and expiration").

    Prepaid has priority 0: 30 of the machines' 54. Cloud has 1: the other 24, and keeps 16. General has 2: 70 of the
    database's 90. Left are 20 and 36, with 4.00 and 3.60 of tax.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | before
            """,
        ),
        table(
            BillingPolicies,
            """
            policy      | value
            grant_order | priority,expires_at,grant_id
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount
        vm-small |        54.00 |        0.00 |       0.00
        database |        70.00 |       20.00 |       4.00
        training |         0.00 |       36.00 |       3.60
        """,
    )
    assert_table(
        spent(outputs),
        Allocations,
        """
        source_id | allocation_order | amount
        prepaid   |                1 |  30.00
        cloud     |                2 |  24.00
        general   |                3 |  70.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | amount_due
        124.00       |             56.00 |      7.60 |      63.60
        """,
    )


def test_largest_first_lowers_the_largest_charge_before_any_other() -> None:
    """Cloud reaches the machines alone: 40 of 54. General then pays 70 of the database's 90. Left are 14, 20 and 36,
    with 2.80, 4.00 and 3.60 of tax: 80.40. Prepaid pays by the same sizes: the database's 24.00 and 6 of the machines'
    16.80.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | after
            """,
        ),
        table(
            BillingPolicies,
            """
            policy       | value
            charge_order | largest_first
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |        40.00 |       14.00 |       2.80 |          6.00
        database |        70.00 |       20.00 |       4.00 |         24.00
        training |         0.00 |       36.00 |       3.60 |          0.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        70.00             |     10.40 |          80.40 |         30.00 |      50.40
        """,
    )


def test_smallest_first_clears_as_many_lines_as_it_can() -> None:
    """Cloud pays 40 of the machines' 54. General pays the training's 36, the machines' 14 and 20 of the database's 90.
    Left are 70 with 14.00 of tax; prepaid pays 30 of that.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | after
            """,
        ),
        table(
            BillingPolicies,
            """
            policy       | value
            charge_order | smallest_first
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |        54.00 |        0.00 |       0.00 |          0.00
        database |        20.00 |       70.00 |      14.00 |         30.00
        training |        36.00 |        0.00 |       0.00 |          0.00
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        70.00             |     14.00 |          84.00 |         30.00 |      54.00
        """,
    )


def test_proportional_lowers_every_line_by_the_same_part() -> None:
    """Cloud pays 40 of the machines' 54. General's 70 are half of the 140 that are left: 7, 45 and 18. Taxed are the
    same 7, 45 and 18, with 1.40, 9.00 and 1.80: 82.20. Prepaid's 30 are split by 8.40, 54.00 and 19.80: exactly 3.0657,
    19.7080 and 7.2263, so 3.06, 19.70 and 7.22, and the two cents go to the database and the training.
    """
    outputs = billed(
        table(
            GrantKinds,
            """
            kind | rank | tax_position
            free |   10 | before
            paid |   30 | after
            """,
        ),
        table(
            BillingPolicies,
            """
            policy       | value
            charge_order | proportional
            """,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |        47.00 |        7.00 |       1.40 |          3.06
        database |        45.00 |       45.00 |       9.00 |         19.71
        training |        18.00 |       18.00 |       1.80 |          7.23
        """,
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        70.00             |     12.20 |          82.20 |         30.00 |      52.20
        """,
    )
