"""What documents lack that they must have to be issued (I2), told before anybody tries."""

from datetime import datetime

import polars as pl

from flows import books
from flows.lake.journal import Snapshot
from flows.reference import Reference
from rating.dates import in_force, instants
from rating.issuing import MANDATORY, missing_fields
from schemas.units import Count, Instant, Text

LACKING = {"field": Text, "drafts": Count, "accounts": Text}
FIRST = 3
"""How many accounts are named."""


def lacking(snapshot: Snapshot, period: str | None = None) -> pl.DataFrame:
    """What the drafts of a month, or of all, lack: LACKING, the field of most drafts first.

    A month to date counts as a draft: it will be one.
    """
    wanted = {"state": ["draft", "month_to_date"]} | ({} if period is None else {"billing_period": [period]})
    names = ("billing_account_id", *MANDATORY)
    drafts = books.columns_of(snapshot.lake, snapshot.files("invoices", **wanted), "invoices", names)
    named = pl.col("billing_account_id").unique().sort()
    more = named.len().cast(Count) - FIRST
    and_more = pl.when(more > 0).then(pl.format(", and {} more", more)).otherwise(pl.lit(""))
    return (
        missing_fields(drafts)
        .group_by("field")
        .agg(drafts=pl.len(), accounts=named.head(FIRST).str.join(", ") + and_more)
        .sort(pl.col("drafts"), "field", descending=[True, False])
        .cast(LACKING)  # type: ignore[arg-type]
    )


def sellers_without_tax_number(reference: Reference, at: datetime) -> list[str]:
    """Sellers none of whose documents could be issued at an instant: they have no tax number (BT-31)."""
    dated = instants(reference["sellers"].with_columns(time_zone=pl.lit("UTC"), at=pl.lit(at, dtype=Instant)))
    found = dated.filter(in_force("at") & (pl.col("tax_ids").list.len() == 0))
    return sorted(found["seller_id"].unique())
