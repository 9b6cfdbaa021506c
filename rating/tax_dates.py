"""Whether a document has other tax rates on the day it is issued than those it was made with (T1)."""

from datetime import date

import polars as pl

from rating.dates import day_starts, instants
from rating.tax_breakdown import ACCOUNT_MATCH
from schemas.units import Day

_IS_OF_REGION = pl.col("account_region").is_null() | (pl.col("account_region") == pl.col("region"))


def rates_change(accounts: pl.DataFrame, tax_rates: pl.DataFrame, issue_date: date) -> pl.DataFrame:
    """The accounts by `tax_point: issue` for which a rate begins or ends between their tax date and an issue date.

    Without a tax date their tax is provisional, by the last instant of the period.

    Reads    accounts  AccountPeriods with last_instant and the policy tax_point; TaxRates
    Makes    billing_account_id
    Source   T1
    """
    by_issue = accounts.filter(pl.col("tax_point") == "issue").with_columns(issue_date=pl.lit(issue_date, dtype=Day))
    dated = by_issue.with_columns(
        made_at=pl.coalesce(day_starts(by_issue, "tax_date"), pl.col("last_instant")),
        issued_at=day_starts(by_issue, "issue_date"),
    )
    general = tax_rates.rename({"account_jurisdiction": "jurisdiction"})
    rows = instants(dated.join(general, on=ACCOUNT_MATCH)).filter(_IS_OF_REGION)
    first, last = pl.min_horizontal("made_at", "issued_at"), pl.max_horizontal("made_at", "issued_at")
    lies_between = pl.any_horizontal(
        ((pl.col(boundary) > first) & (pl.col(boundary) <= last)).fill_null(value=False)
        for boundary in ("starts", "ends")
    )
    return rows.filter(lies_between).select("billing_account_id").unique().sort("billing_account_id")
