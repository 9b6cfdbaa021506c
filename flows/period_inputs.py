"""What the bill of a period depends on, read from the lake for some of its accounts (L1, L2)."""

from collections.abc import Collection
from datetime import date, datetime
from os import cpu_count

import polars as pl

from flows import books
from flows.lake.journal import FileEntry, Snapshot
from flows.standing import binding, committed, issue_dates
from rating.chains import PAID
from rating.hashing import bucket_of
from rating.pipeline import Inputs
from schemas.units import Day

NO_PERIOD = pl.DataFrame(schema={"billing_account_id": pl.String, "billing_period": pl.String})


def period_inputs(
    snapshot: Snapshot,
    reference_files: Collection[FileEntry],
    *,
    period: str,
    known_as_of: datetime,
    buckets: Collection[int],
    accounts: pl.DataFrame | None = None,
    before: Snapshot | None = None,
    reserved: pl.DataFrame = NO_PERIOD,
    as_later: Snapshot | None = None,
    issue_date: date | None = None,
    stands: pl.DataFrame | None = None,
) -> Inputs:
    """The inputs of a period for the accounts of some buckets, or for those of them that are named.

    Reads    snapshot: usage, operations, what earlier periods did
             before: what is committed of the period, where a backfill has not committed what it made of earlier ones
             accounts: billing_account_id
             reserved: later periods that keep all they took of grants (billing_account_id, billing_period)
             as_later: where later periods are read that keep what they took, if not in the snapshot
             issue_date: of documents that have none yet, as far as it is known
             stands: `binding` of this period and later ones, where it is known
    """
    lake = snapshot.lake
    reference = books.reference_tables(lake, reference_files)
    own = books.accounts_in(reference["billing_accounts"], buckets, lake.buckets)
    if accounts is not None:
        own = own.join(accounts, on="billing_account_id", how="semi")
    reference["billing_accounts"] = reference["billing_accounts"].join(own, on="billing_account_id", how="semi")
    names = [f"{bucket:02}" for bucket in buckets]

    def in_buckets(rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of accounts whose usage lies in the buckets, known or not, or of those that are named."""
        here = books.accounts_in(rows, buckets, lake.buckets) if accounts is None else own
        return rows.join(here, on="billing_account_id", how="semi", maintain_order="left")

    series = in_buckets(snapshot.read("usage_series", bucket=names))
    usage = snapshot.files("usage_records", billing_period=period, bucket=names)
    few = None if accounts is None else series
    connection = books.usage_connection(lake, usage, threads=cpu_count() or 1, series=few)
    running_in = books.usage_running_in(lake, snapshot, period, reference)
    here = [(entry, splitting) for entry, splitting in running_in if entry.partition["bucket"] in names]
    books.add_earlier_records(connection, lake, here, series)
    if stands is None:
        stands = binding(before or snapshot, reference["billing_policies"], since=period, accounts=own)
    else:
        stands = stands.filter(pl.col("billing_period") >= period).join(own, on="billing_account_id", how="semi")
    paid = stands.filter(standing=PAID).select("billing_account_id", "billing_period")
    return Inputs(
        billing_period=period,
        known_as_of=known_as_of,
        connection=connection,
        usage_series=series,
        reference=reference,
        grants=in_buckets(books.grants_with_recording(snapshot)),
        promo_discounts=books.accepted_promo_discounts(snapshot, reference["promo_codes"]),
        grant_movements=books.taken_elsewhere(lake, snapshot, period, known_as_of, paid, reserved, as_later),
        expense_numbers=in_buckets(books.known_expense_numbers(lake, snapshot, period)),
        held_before=books.held_before(snapshot, period),
        added_charges=in_buckets(books.charges_added(snapshot, period)),
        earlier_costs=books.earlier_costs(
            lake, snapshot, period, reference["cost_policies"].join(own, on="billing_account_id", how="semi")
        ),
        endings=books.grants_ended(snapshot),
        project_allocations=in_buckets(books.allocated_to_projects(snapshot)),
        issue_dates=_issue_dates(issue_dates(before or snapshot, period, stands), own, issue_date),
        committed=committed(before or snapshot, period, stands, reference["tax_rates"]),
    )


def _issue_dates(issued: pl.DataFrame, accounts: pl.DataFrame, others: date | None) -> pl.DataFrame:
    """When each account's document is issued: as it was, else on the day that is known for all others (T1)."""
    if others is None:
        return issued
    rest = accounts.join(issued, on="billing_account_id", how="anti")
    return pl.concat([issued, rest.with_columns(issue_date=pl.lit(others, dtype=Day))])


def buckets_of(accounts: pl.DataFrame, of: int) -> list[int]:
    """The buckets that accounts lie in, in order."""
    return sorted({bucket_of(account, of) for account in accounts["billing_account_id"]})
