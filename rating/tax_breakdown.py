"""Tax: computed once from what precedes it, per document, category code, rate and component (T1, T2, T3)."""

import polars as pl

from rating.dates import day_starts, in_force, instants
from rating.money import PRICE_ONE, largest_remainder, rounded, scaled, split_lines
from schemas.units import Day

ACCOUNT_MATCH = ["seller_jurisdiction", "jurisdiction", "tax_status"]
GROUP = ["billing_account_id", "code", "rate", "component"]
RATED_BY = ["billing_account_id", "tax_category", "rates_at"]
"""What a charge's rates are found by; `rates_at` is the instant whose rates count (`RATES_AT`)."""

RATES_AT = pl.when(pl.col("tax_point") == "usage").then("charge_period_start").otherwise("tax_point_at")
"""Policy `tax_point`: a charge has the rates of its start, or of the one instant of its document (T1)."""

_IS_OF_REGION = pl.col("account_region").is_null() | (pl.col("account_region") == pl.col("region"))


def with_tax_points(accounts: pl.DataFrame, issue_dates: pl.DataFrame) -> pl.DataFrame:
    """Account periods with the instant whose rates their document has: the last of the period, or the start of its
    issue date where policy `tax_point` is `issue`.

    Until a document is issued its tax is provisional: that of the last instant of the period.

    Reads    account periods with policies; issue_dates  billing_account_id, issue_date, at most one of an account
    Makes    the account periods, tax_point_at, and tax_date: the issue date, where it is known and counts
    Source   T1
    """
    if issue_dates.is_empty():
        return accounts.with_columns(tax_point_at="last_instant", tax_date=pl.lit(None, dtype=Day))
    dated = accounts.join(
        issue_dates.select("billing_account_id", "issue_date"),
        on="billing_account_id",
        how="left",
        maintain_order="left",
        validate="1:1",
    )
    is_issued = (pl.col("tax_point") == "issue") & pl.col("issued_at").is_not_null()
    points = dated.with_columns(issued_at=day_starts(dated, "issue_date")).select(
        tax_point_at=pl.when(is_issued).then("issued_at").otherwise("last_instant"),
        tax_date=pl.when(is_issued).then("issue_date"),
    )
    return accounts.hstack(points)


def rates(charges: pl.DataFrame, tax_rates: pl.DataFrame, own: pl.DataFrame | None = None) -> pl.DataFrame:
    """Every component that applies to each account's tax categories; rows that name the region put the others aside.

    Reads    charges with `rates_at`, the account's jurisdictions, region, tax status and time zone; TaxRates
             own      billing_account_id and TaxRates: an account that is listed has these and no others (T4)
    Makes    billing_account_id, tax_category, rates_at, component, rate, code, exemption_reason
    Source   T1, T4, policy `tax_point`
    """
    keys = charges.select(*RATED_BY, *ACCOUNT_MATCH, "region", "time_zone").unique()
    rows = _rates_of(keys, tax_rates, own, [*ACCOUNT_MATCH, "tax_category"])
    found = instants(rows).filter(in_force("rates_at") & _IS_OF_REGION)
    names_region = pl.col("account_region").is_not_null()
    any_names_region = names_region.any().over(RATED_BY)
    return found.filter(names_region | ~any_names_region).select(
        *RATED_BY, "component", "rate", "code", "exemption_reason"
    )


def _rates_of(rows: pl.DataFrame, tax_rates: pl.DataFrame, own: pl.DataFrame | None, match: list[str]) -> pl.DataFrame:
    """Rows with each rate of their account that matches: its own where it has some, else those of all."""
    general = tax_rates.rename({"account_jurisdiction": "jurisdiction"})
    if own is None or own.is_empty():
        return rows.join(general, on=match)
    named = own.rename({"account_jurisdiction": "jurisdiction"})
    others = rows.join(named, on="billing_account_id", how="anti").join(general, on=match)
    return pl.concat([others, rows.join(named, on=["billing_account_id", *match]).select(others.columns)])


def rate_boundaries(accounts: pl.DataFrame, tax_rates: pl.DataFrame, own: pl.DataFrame | None = None) -> pl.DataFrame:
    """The windows of the rates that accounts may be taxed at: where one begins or ends, lines are cut.

    Reads    account periods with the seller's jurisdiction and policies; TaxRates; own: as `rates`
    Makes    billing_account_id, project_id (null), window_start, window_end, include, exclude (empty): windows as
             those of grants, for all charges of accounts whose policy `tax_point` is `usage`
    Source   T1, T4, P7
    """
    by_usage = accounts.filter(pl.col("tax_point") == "usage")
    found = _rates_of(by_usage, tax_rates, own, ACCOUNT_MATCH).filter(_IS_OF_REGION)
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return (
        instants(found)
        .select(
            "billing_account_id",
            project_id=pl.lit(None, dtype=pl.String),
            window_start="starts",
            window_end="ends",
            include=nothing,
            exclude=nothing,
        )
        .unique(["billing_account_id", "window_start", "window_end"])
    )


def tax(charges: pl.DataFrame, rates: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tax each group of a document once, and share it over the charges it came from.

    The exact share of a rating line is its taxable amount × the rate; within a line the share follows the taxable
    amount. With `per_line` each charge is rounded by itself and the group is their sum.

    Reads    charges  in charge_order: taxable_mu, line_id, tax_category, rates_at, rounding_tax, tax_rounding
             rates    from `rates`
    Makes    groups   billing_account_id, code, rate, component, exemption_reason, taxable_mu, tax_mu
             shares   charge_id, billing_account_id, code, rate, component, taxable_mu, tax_mu
    Source   T2, T3, M1
    """
    rows = (
        charges.select(
            "charge_id",
            *RATED_BY,
            "line_id",
            "line_order",
            "charge_order",
            "taxable_mu",
            "rounding_tax",
            "tax_rounding",
        )
        .join(rates, on=RATED_BY)
        .with_columns(_rate=scaled("rate"), _one=pl.lit(PRICE_ONE, dtype=pl.Int64))
        .sort(*GROUP, "line_order", "charge_order")
    )
    sums = rows.group_by(GROUP, maintain_order=True).agg(
        pl.col("taxable_mu").sum(),
        pl.col("exemption_reason", "_rate", "_one", "rounding_tax", "tax_rounding").first(),
    )
    sums = sums.with_row_index("group_id").with_columns(
        tax_mu=rounded(sums, ["taxable_mu", "_rate"], ["_one"], "rounding_tax")["rounded_mu"]
    )
    rows = rows.join(sums.select(*GROUP, "group_id", group_mu="tax_mu"), on=GROUP, maintain_order="left")
    rows = rows.with_columns(
        _each=rounded(rows, ["taxable_mu", "_rate"], ["_one"], "rounding_tax")["rounded_mu"], _shared=_shared(rows)
    )
    shares = rows.with_columns(tax_mu=pl.when(pl.col("tax_rounding") == "per_line").then("_each").otherwise("_shared"))
    totals = shares.group_by("group_id").agg(pl.col("tax_mu").sum())
    groups = sums.drop("tax_mu").join(totals, on="group_id", maintain_order="left")
    return (
        groups.select(*GROUP, "exemption_reason", "taxable_mu", "tax_mu"),
        shares.select("charge_id", *GROUP, "taxable_mu", "tax_mu"),
    )


def _shared(rows: pl.DataFrame) -> pl.Series:
    """The group's tax over its lines by largest remainder, then within each line by the value up to each charge."""
    mirrored = pl.when(pl.col("group_mu") < 0).then(-1).otherwise(1).cast(pl.Int128)
    lines = rows.group_by("group_id", "line_id", maintain_order=True).agg(
        pl.col("taxable_mu").sum(), pl.col("_rate", "_one", "group_mu").first()
    )
    lines = lines.with_columns(
        exact=pl.col("taxable_mu").cast(pl.Int128) * pl.col("_rate") * mirrored, one=pl.col("_one").cast(pl.Int128)
    )
    lines = lines.with_columns(line_mu=largest_remainder(lines, "exact", "one", "group_mu", "group_id"))
    lines = lines.with_row_index("group_line_id")
    split = rows.join(
        lines.select("group_id", "line_id", "line_mu", "group_line_id"),
        on=["group_id", "line_id"],
        maintain_order="left",
    )
    return split_lines(split, "line_mu", "taxable_mu", "group_line_id", "rounding_tax")
