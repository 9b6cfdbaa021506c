"""The month an entry is booked in: that of the service, or the first one still open where that is closed (B1)."""

import polars as pl

from rating.dates import in_force, instants
from rating.periods import next_period
from schemas.units import Text

POLICY = "closed_through"
NONE = "none"
BOOKED_BY = ["billing_account_id", "operation_id"]
"""Of what operations do: whose policy says, as of whose recording, which months are closed."""
NOTHING_CLOSED = pl.DataFrame(schema={"billing_account_id": Text, "operation_id": Text, POLICY: Text})
_ACCOUNT = ["billing_account_id", "time_zone", "at"]


def closed_through(accounts: pl.DataFrame, billing_policies: pl.DataFrame) -> pl.DataFrame:
    """The last month that takes no more entries, of each account, as its policy says at an instant.

    A row that names the account goes before one that does not; of several in force the latest.

    Reads    accounts          billing_account_id, time_zone, at [Instant], and more; any number of rows per account
             billing_policies  BillingPolicies, dated
    Makes    accounts with closed_through [Text]; null where no month is closed
    Source   B1, policy `closed_through`
    """
    rows = billing_policies.filter(pl.col("policy") == POLICY)
    asked = accounts.select(_ACCOUNT).unique()
    own = asked.join(rows.drop_nulls("billing_account_id"), on="billing_account_id")
    general = asked.join(rows.filter(pl.col("billing_account_id").is_null()).drop("billing_account_id"), how="cross")
    said = pl.concat([_of_rank(own, 0), _of_rank(general, 1)]).sort("rank", "starts", descending=[False, True])
    month = pl.when(pl.col("value") != NONE).then("value")
    found = said.unique(_ACCOUNT, keep="first", maintain_order=True).select(*_ACCOUNT, month.alias(POLICY))
    return accounts.join(found, on=_ACCOUNT, how="left", maintain_order="left")


def _of_rank(rows: pl.DataFrame, rank: int) -> pl.DataFrame:
    """The rows in force, to be chosen among."""
    return instants(rows).filter(in_force("at")).select(*_ACCOUNT, "value", "starts", rank=pl.lit(rank, dtype=pl.Int64))


def booked(rows: pl.DataFrame, closed: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Rows with the month they are booked in.

    Reads    rows    service_period, and the columns `on`
             closed  the columns `on`, each combination once, and closed_through [Text]
    Makes    rows with accounting_period: the service period, or the month after the closed ones
    Source   B1

    >>> rows = pl.DataFrame({"billing_account_id": ["acme"] * 2, "service_period": ["2026-12", "2027-01"]})
    >>> closed = pl.DataFrame({"billing_account_id": ["acme"], "closed_through": ["2026-12"]})
    >>> booked(rows, closed, ["billing_account_id"])["accounting_period"].to_list()
    ['2027-01', '2027-01']
    """
    months = closed[POLICY].drop_nulls().unique()
    following = {month: next_period(month) for month in months}
    opens = closed.select(
        *on, POLICY, opens=pl.col(POLICY).replace_strict(following, default=None, return_dtype=pl.String)
    )
    month = pl.when(pl.col("service_period") <= pl.col(POLICY)).then("opens").otherwise("service_period")
    found = rows.join(opens, on=on, how="left", nulls_equal=True, maintain_order="left")
    return found.with_columns(accounting_period=month).drop(POLICY, "opens")
