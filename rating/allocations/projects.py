"""Projects and their organization's credit: when a project may spend it beyond what it was allocated (W4)."""

import polars as pl

from rating.allocations.discounts import within_window

SEGMENT = ["billing_account_id", "sub_account_id", "charge_period_start", "charge_period_end"]


def stopped(charges: pl.DataFrame, allocations: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The charges of projects that grants of kind `organization` may not pay.

    Of the allocations to a project whose window holds the charge, the latest decides by its switch; one that says
    nothing leaves it off. A project without such an allocation is governed by policy `organization_credit`. Charges
    without a project are nobody's to stop.

    Reads    charges      charge_id, billing_account_id, sub_account_id, charge_period_start, charge_period_end
             allocations  PROJECT_ALLOCATIONS of the pipeline, those known
             accounts     account periods with policy organization_credit
    Makes    charge_id
    Source   W4, G3
    """
    has_switch = pl.col("billing_account_id").is_in(allocations["billing_account_id"].implode())
    terms = accounts.select("billing_account_id", "period_end", "organization_credit").filter(
        has_switch | (pl.col("organization_credit") != "open")
    )
    of_projects = charges.filter(pl.col("sub_account_id").is_not_null())
    segments = of_projects.join(terms, on="billing_account_id", how="semi").select(SEGMENT).unique()
    switches = (
        segments.join(allocations, on=["billing_account_id", "sub_account_id"])
        .join(terms, on="billing_account_id")
        # a switch that is set counts for the periods that end after it
        .filter(within_window() & (pl.col("occurred_at") < pl.col("period_end")))
        .sort(*SEGMENT, "occurred_at", "operation_id")
        .unique(SEGMENT, keep="last", maintain_order=True)
        .select(*SEGMENT, is_on=pl.col("use_organization_credit").fill_null(False))
    )
    is_open = pl.coalesce("is_on", pl.col("organization_credit") == "open")
    closed = segments.join(terms, on="billing_account_id").join(switches, on=SEGMENT, how="left").filter(~is_open)
    return charges.join(closed, on=SEGMENT, how="semi", maintain_order="left").select("charge_id")
