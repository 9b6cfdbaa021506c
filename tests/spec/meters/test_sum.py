"""What is consumed adds up: over records and resources. A SKU that names no meter has this one."""

from __future__ import annotations

from schemas.rating_lines import RatingLines
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter sum: everything used (P1)"


def test_all_records_add_up() -> None:
    """1.5, 0 and 2.25 hours, and 15 minutes: 4."""
    billed = bill(
        skus=table(Skus, "sku_id\nvm-small"),
        usage_records=table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity | consumed_unit
            vm-1        | 2026-10-03T00:00Z   |               1.5 | hour
            vm-2        | 2026-10-03T00:00Z   |                 0 | hour
            vm-1        | 2026-10-31T23:59Z   |              2.25 | hour
            vm-1        | 2026-10-31T23:59Z   |                15 | minute
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        4                |            4 |      4.00
        """,
    )
