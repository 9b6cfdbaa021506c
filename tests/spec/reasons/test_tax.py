"""What a bonus saves in tax: the same rates on the same charges, as if no grant had paid before tax.

Every SKU costs 1.00 an hour, so that hours read as euros; 20 % on standard, 10 % on reduced.
"""

from __future__ import annotations

import polars as pl

from rating.allocations.reasons import untouched_tax
from rating.outputs import Rated
from rating.pipeline import Inputs
from schemas.billing_policies import BillingPolicies
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS
from tests.spec.reasons.told import assert_reasons, month
from tests.tables import table

title = "Reasons: what the tax would be without credit before it (G8, T2)"


def told(**tables: pl.DataFrame) -> pl.DataFrame:
    def ask(made: Rated, _: Inputs) -> pl.DataFrame:
        found = untouched_tax(made.items, made.tax_shares)
        return made.tax_groups.join(found, on=["billing_account_id", "code", "rate", "component"]).sort("rate")

    return month(ask, **tables)


def test_each_group_says_what_its_tax_would_be_without_the_bonus() -> None:
    """40 pay 20 of training and 20 of 100: 16.00 of tax instead of 20.00, none instead of 2.00."""
    found = told(
        usage_records=table(UsageRecords, "sku_id | consumed_quantity\nvm-large | 100\ntraining | 20"),
        operations=table(
            Operations,
            """
            operation_id | amount | include
            training     |     20 | ["sku:training"]
            machines     |     20 | ["sku:vm-large"]
            """,
            **BONUS,
        ),
    )
    assert_reasons(
        found.with_columns(pl.col("rate").cast(pl.Float64)),
        """
        rate | taxable | tax   | net    | untouched
        0.1  | 0.00    | 0.00  | 20.00  | 2.00
        0.2  | 80.00   | 16.00 | 100.00 | 20.00
        """,
    )


def test_it_is_rounded_as_the_tax_is() -> None:
    """20 % of 0.03 three times: 0.01 each charge by charge, 0.018 together."""
    used = table(
        UsageRecords,
        """
        sku_id   | consumed_quantity
        vm-large | 0.03
        vm-small | 0.03
        database | 0.03
        """,
    )
    policy = "policy | value\ntax_rounding | {}"
    each = told(usage_records=used, billing_policies=table(BillingPolicies, policy.format("per_line")))
    once = told(usage_records=used, billing_policies=table(BillingPolicies, policy.format("per_category")))
    assert (each["untouched_mu"].to_list(), once["untouched_mu"].to_list()) == ([3], [2])
