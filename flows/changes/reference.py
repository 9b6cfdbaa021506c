"""Reference tables that say something else of a billed period than when it was billed (X1, T4)."""

from collections.abc import Collection, Iterator
from datetime import timedelta

import polars as pl

from flows.changes.baselines import History, named, nobody
from flows.changes.intervals import DATED, EVER, FOREVER, SPAN, differences, with_tiers
from flows.changes.reach import ACCOUNT, TABLES, its_users
from flows.changes.sold import Sold, Tables
from flows.changes.usage import is_anybody, splitters
from flows.lake import tables as stored
from flows.lake.journal import Snapshot
from flows.reference import Reference
from flows.standing import standing
from flows.tax_dates import is_by_issue
from rating.chains import OWNER
from rating.price_models import BY_RECORD
from schemas import REFERENCE

LONGEST_RECORD = timedelta(days=367)
"""How much later than its period a record may end that is split (U4), with a day for any zone."""

CUT_BY = ("sku_id", "meter", "quantity_rounding_scope")
"""What of a SKU says whether a month cuts its records (U4)."""

NOT_OF_TABLES = ("H_ISSUED", "H_VOIDED")
"""Holds that no reference table ends."""


def changed_terms(history: History, reference: Reference) -> pl.DataFrame:
    """The accounts and periods that a change of the reference tables reaches.

    The tables of a baseline are known by their digest: where it is that of today nothing is read. Accounts that were on
    hold when a period was billed are named wherever any table changed, as that may be what they wait for.

    Makes    NAMED; why is the table
    """
    found = [nobody()]
    digests = {one.reference_digest for one in history.baselines} - {reference.digest}
    for digest in sorted(digests, key=str):
        periods = history.periods.filter(
            pl.col("billing_period").is_in(
                [one.billing_period for one in history.baselines if one.reference_digest == digest]
            )
        )
        found += _changed(history.snapshot, _as_stored(history.snapshot, digest), reference.tables, periods)
        found.append(_on_hold(history.snapshot, periods["billing_period"].to_list()))
    return pl.concat(found)


def _as_stored(snapshot: Snapshot, digest: str | None) -> Tables:
    """The reference tables of a digest; empty ones where nothing was billed yet."""
    lake = snapshot.lake
    found = {name: stored.read_parquet(name, []) for name in REFERENCE}
    entries = [one for one in snapshot.visible.values() if digest and one.partition.get("reference") == digest]
    for entry, path in zip(entries, lake.checked(entries), strict=True):
        found[entry.table] = stored.read_parquet(entry.table, [path])
    return found


def _changed(snapshot: Snapshot, before: Tables, after: Tables, periods: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Who is reached by each table that changed: all, by what every bill reads; drafts, by what an issued one keeps."""
    sold = Sold(snapshot, (before, after))
    was, now = ({**tables, "sku_prices": with_tiers(tables)} for tables in (before, after))
    for table, reaching in TABLES.items():
        if was[table].equals(now[table]):
            continue

        def reached(unread: tuple[str, ...], table: str = table) -> pl.DataFrame:
            rows = differences(was[table], now[table], leaving_out=unread, by_start=TABLES[table].by_start)
            return _of_periods(TABLES[table].whom(_run_on(table, rows, sold), sold), periods)

        if reaching.of_drafts is not None:
            yield named(reached((*reaching.unread, *reaching.of_drafts)), table)
        if reaching.of_drafts != ():
            yield named(_drafts(snapshot, reached(reaching.unread)), table)
    if _splits(sold):
        for table, rows in _cut_otherwise(was, now).items():
            yield named(_of_periods(its_users(_longer(rows), sold), periods), table)


def _cut_otherwise(was: Tables, now: Tables) -> dict[str, pl.DataFrame]:
    """The SKUs whose records some months cut that did not, or cut no more, by the table that says so: sku_id, SPAN."""
    skus, prices = (
        [tables[name].select(*columns, *DATED) for tables in (was, now)]
        for name, columns in (("skus", CUT_BY), ("sku_prices", ("sku_id", "price_model")))
    )
    by_record = [rows.filter(pl.col("price_model").is_in(BY_RECORD)) for rows in prices]
    return {"skus": differences(*skus), "sku_prices": differences(*by_record)}


def _of_periods(rows: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """The accounts of changed rows, in each period that a row touches: billing_account_id, billing_period."""
    touching = (pl.col("from_on") < pl.col("end_on")) & (pl.col("first_on") < pl.col("until_on"))
    spans = rows.select(ACCOUNT, *SPAN).unique()
    return spans.join(periods, how="cross").filter(touching).select(OWNER).unique()


def _run_on(table: str, rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """What counts beyond its own days, with as many as it may count for.

    What decides which period the rest of a spanning record belongs to counts for as long as records run on (U4); a tax
    rate, where anyone is taxed by issue date, for drafts of any period (T1). What a paid period has of grants or lets
    go, the periods before it may have or lose (X2, L1).
    """
    if table == "tax_rates" and any(is_by_issue(tables["billing_policies"]) for tables in sold.tables):
        return rows.with_columns(from_on=pl.lit(EVER), until_on=pl.lit(FOREVER))
    if table == "billing_accounts" and _splits(sold):
        counts = pl.lit(True)
    elif table == "billing_policies":
        counts = pl.col("policy") == "spanning_records"
        of_paid = pl.when(pl.col("policy") == "paid_charges").then(pl.lit(EVER)).otherwise("from_on")
        rows = rows.with_columns(from_on=of_paid)
    else:
        return rows
    return pl.concat([_longer(rows.filter(counts)), rows.filter(~counts)])


def _splits(sold: Sold) -> bool:
    """Whether any account may have its records split, then or now."""
    return any(is_anybody(splitters(tables["billing_policies"])) for tables in sold.tables)


def _longer(rows: pl.DataFrame) -> pl.DataFrame:
    """Changed rows with the days up to which records that begin in theirs may run on."""
    until = pl.min_horizontal(pl.col("until_on"), pl.lit(FOREVER - LONGEST_RECORD)) + LONGEST_RECORD
    return rows.with_columns(until_on=until)


def _drafts(snapshot: Snapshot, reached: pl.DataFrame) -> pl.DataFrame:
    """Those whose invoice of the period does not stand."""
    if reached.is_empty():
        return reached
    stands = standing(snapshot, since=str(reached["billing_period"].min()))
    return reached.join(stands, on=OWNER, how="anti")


def _on_hold(snapshot: Snapshot, periods: Collection[str]) -> pl.DataFrame:
    """The accounts that are on hold in these periods for what reference tables say."""
    rows = snapshot.read("holds", billing_period=periods)
    rows = rows.filter(~pl.col("reason_code").is_in(NOT_OF_TABLES))
    return named(rows.with_columns(why=pl.concat_str(pl.lit("on hold "), "reason_code")))
