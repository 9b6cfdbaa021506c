"""Why a charge is what it is: its price, its rating line and pool, and the usage records it is made of (P8).

What a charge was made of is rated once more, by the inputs of the run that made it and for its account and SKU alone;
nothing of this is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from flows import bill_period, books
from flows.lake.journal import Commit, Lake, Snapshot
from flows.lake.named_queries import relations_in
from flows.lake.views import connect
from flows.period_inputs import period_inputs
from flows.run import Refusal
from flows.show.amounts import UNKNOWN_EXPONENT, Currency
from flows.show.questions import answers, text_of
from flows.sql import parquet
from flows.standing import says, standing
from flows.tax_dates import date_of
from rating.hashing import bucket_of, digest, hash64, key_text
from rating.money import to_money
from rating.periods import boundary_instant
from rating.pipeline import Inputs, uses_of
from rating.recurring_items import NAME
from rating.spreading import spread
from schemas.units import Hash64, Instant, Money

if TYPE_CHECKING:
    from flows.lake.journal import FileEntry

Row = Mapping[str, Any]

SEVERAL = 5
"""How many charges are named where a beginning stands for more than one."""


@dataclass(frozen=True)
class Explained:
    """A charge and what it is made of."""

    charge: Row
    price: Row | None
    tiers: Sequence[Row]
    rating_line: Row
    pool: Row | None
    sources: pl.DataFrame
    """Usage records, recurring items, an operation or a spend limit: each with its time, quantity and share."""
    currency: Currency


def explain_charge(lake: Lake, wanted: str, *, as_of: int | None = None) -> Explained:
    """Explain the charge that an id, the beginning of one, or ACCOUNT/NUMBER stands for.

    Errors   Refusal: none, or several
    Source   P8
    """
    snapshot = lake.snapshot(as_of)
    read = {
        name: relations_in(text_of("charge", name)) for name in ("charges", "rating_lines", "pools", "prices", "tiers")
    }
    only = read["charges"] | read["rating_lines"] | read["pools"]
    with connect(lake, snapshot, usage_periods=(), only=only) as connection:
        charge = _charge(connection, wanted)
        commit = run_of(lake, snapshot, charge["billing_account_id"], charge["billing_period"])
        made_by = lake.snapshot(commit.number)
        line = answers(
            connection, "charge", "rating_lines", rating_line=charge["rating_line_id"], period=charge["billing_period"]
        )
        pool = answers(connection, "charge", "pools", charge=charge["charge_id"])
    with connect(lake, made_by, usage_periods=(), only=read["prices"] | read["tiers"]) as connection:
        prices = answers(connection, "charge", "prices", price=charge["sku_price_id"])
        tiers = answers(connection, "charge", "tiers", price=charge["sku_price_id"])
    return Explained(
        charge=charge,
        price=_in_force(prices, charge),
        tiers=tiers,
        rating_line=line[0],
        pool=pool[0] if pool else None,
        sources=_sources(lake, made_by, charge),
        currency=Currency(charge["billing_currency"], _exponent(charge)),
    )


def _exponent(charge: Row) -> int:
    return UNKNOWN_EXPONENT if charge["exponent"] is None else int(charge["exponent"])


# --- which charge ------------------------------------------------------------


def _charge(connection: duckdb.DuckDBPyConnection, wanted: str) -> Row:
    account, slash, number = wanted.rpartition("/")
    is_number = bool(slash) and number.isascii() and number.isdigit() and len(number) < 18
    connection.execute("set variable number = $1::bigint", [int(number) if is_number else None])
    beginning = None if slash or not wanted else wanted
    found = answers(connection, "charge", "charges", charge=beginning, account=account if is_number else None)
    if not found:
        raise Refusal(
            f"no charge has the id {wanted!r}, an id that begins so, or that account and number, and no document that "
            "number; write ACCOUNT/NUMBER with the number behind # on a line of: billfold show invoice ACCOUNT"
        )
    if len(found) > 1:
        named = ", ".join(row["charge_id"] for row in found[:SEVERAL])
        more = f" and {len(found) - SEVERAL:,} more" if len(found) > SEVERAL else ""
        raise Refusal(f"{len(found):,} charges have an id that begins with {wanted!r}: {named}{more}; write more of it")
    return found[0]


def run_of(lake: Lake, snapshot: Snapshot, account: str, period: str, *, is_closing: bool = True) -> Commit:
    """The run that made what an account has for a period: the latest one; of an issued invoice, before it was issued.

    What was issued is changed by a backfill alone (L4).
    """
    commits = lake.commits(snapshot.number)
    number_of = {entry.path: commit.number for commit in commits for entry in commit.added}
    files = snapshot.files("invoices", billing_period=period, state="issued")
    stands = standing(snapshot, since=period).filter(billing_account_id=account, billing_period=period)
    roots = stands["root_number"].to_list()
    issued = min((number_of[entry.path] for entry in files if _holds(lake, entry, account, roots)), default=None)
    return next(commit for commit in reversed(commits) if _made(commit, period, issued, is_closing=is_closing))


def _made(commit: Commit, period: str, issued: int | None, *, is_closing: bool) -> bool:
    """Whether a commit said what the account's books are."""
    if not is_closing:
        of_period = commit.command == bill_period.COMMAND and commit.inputs["billing_period"] == period
        return of_period and not commit.inputs.get("is_closing", True)
    is_before = issued is None or commit.number < issued or commit.command != bill_period.COMMAND
    return says(commit, period) and is_before


def _holds(lake: Lake, entry: "FileEntry", account: str, numbers: Sequence[str]) -> bool:
    """Whether a file of documents holds one of an account's that has one of these numbers."""
    found = books.columns_of(lake, [entry], "invoices", ("billing_account_id", "invoice_number"))
    return found.filter(pl.col("billing_account_id") == account, pl.col("invoice_number").is_in(numbers)).height > 0


def _in_force(prices: Sequence[Row], charge: Row) -> Row | None:
    """The dated row of a price that was in force when the charge began."""
    zone = charge["time_zone"] or "UTC"
    began = [row for row in prices if boundary_instant(row["valid_from"], zone) <= charge["charge_period_start"]]
    return began[-1] if began else None


# --- what it is made of ------------------------------------------------------------


def _sources(lake: Lake, made_by: Snapshot, charge: Row) -> pl.DataFrame:
    """The rows that a charge comes from, in order of time, each with its share of it."""
    if charge["charge_category"] == "one_off":
        return _one_off(made_by, charge)
    made = made_by_run(lake, made_by.commit, charge["billing_period"])
    inputs = _only(made.inputs(charge["billing_account_id"]), charge)
    if charge["charge_category"] == "recurring":
        return _shared(_recurring(inputs, charge), charge).rename({"usage_record_id": "recurring_item_id"})
    return _shared(_records(lake, made, inputs, charge), charge)


@dataclass(frozen=True)
class Made:
    """A run that said what the books of a period are, and what it read."""

    commit: Commit
    period: str
    snapshot: Snapshot
    """What other periods, usage and operations said; of a backfill, with what it made of earlier periods itself."""
    before: Snapshot
    """What was committed of the period before it."""

    def inputs(self, account: str) -> Inputs:
        """The inputs of the run for one account."""
        digest = self.commit.inputs["reference_digest"]
        found = period_inputs(
            self.snapshot,
            [entry for entry in self.snapshot.visible.values() if entry.partition.get("reference") == digest],
            period=self.period,
            known_as_of=datetime.fromisoformat(self.commit.inputs["known_as_of"]),
            buckets=(bucket_of(account, self.snapshot.lake.buckets),),
            accounts=pl.DataFrame({"billing_account_id": [account]}),
            before=self.before,
            issue_date=date_of(self.snapshot.lake.commits(self.commit.number), self.period),
        )
        return only_account(found, account)


def made_by_run(lake: Lake, commit: Commit, period: str) -> Made:
    """A run of the journal, as it was."""
    before, after = lake.snapshot(commit.number - 1), lake.snapshot(commit.number)
    is_backfill = commit.command != bill_period.COMMAND
    reading = after if is_backfill else replace(before, visible={**before.visible, **_reference_files(commit)})
    return Made(commit, period, reading, before)


def _reference_files(commit: Commit) -> dict[str, "FileEntry"]:
    return {entry.path: entry for entry in commit.added if "reference" in entry.partition}


def only_account(inputs: Inputs, account: str) -> Inputs:
    """Of a bucket's inputs those of one account: its bill depends on no other's."""
    own = pl.col("billing_account_id") == account
    reference = dict(inputs.reference)
    for name in ("billing_accounts", "recurring_items"):
        reference[name] = reference[name].filter(own)
    frames = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    kept: dict[str, Any] = {
        name: frame.filter(own)
        for name, frame in frames.items()
        if isinstance(frame, pl.DataFrame) and "billing_account_id" in frame.columns
    }
    return replace(inputs, reference=reference, **kept)


def _only(inputs: Inputs, charge: Row) -> Inputs:
    """Of a bucket's inputs those of the charge's account and SKU: nothing else reaches its list cost (P4 to P6)."""
    own, sku = only_account(inputs, charge["billing_account_id"]), pl.col("sku_id") == charge["sku_id"]
    items = own.reference["recurring_items"].filter(sku)
    return replace(
        own, usage_series=own.usage_series.filter(sku), reference={**own.reference, "recurring_items": items}
    )


def _shared(records: pl.DataFrame, charge: Row) -> pl.DataFrame:
    """Records with their share of the charge, as people read them."""
    exponent = _exponent(charge)
    rows = spread(records, int(charge["list_cost"].scaleb(exponent)))
    return rows.with_columns(exponent=pl.lit(exponent), billing_currency=pl.lit(charge["billing_currency"])).select(
        "usage_record_id",
        "resource_id",
        "charge_period_start",
        "charge_period_end",
        "consumed_quantity",
        "consumed_unit",
        to_money("share_mu").alias("share_amount"),
        "billing_currency",
    )


def _records(lake: Lake, made: Made, inputs: Inputs, charge: Row) -> pl.DataFrame:
    """The usage records of a charge with what each weighs in it."""
    records = _stored(lake, made, inputs, charge)
    return (
        _weighed(uses_by_record(inputs, records), charge)
        .join(records, on="series_id")
        .drop("series_id", "charge_period_start", "charge_period_end")
        .rename({"own_id": "series_id", "began_at": "charge_period_start", "ended_at": "charge_period_end"})
        .join(inputs.usage_series.select("series_id", "resource_id", "consumed_unit"), on="series_id")
    )


def uses_by_record(inputs: Inputs, records: pl.DataFrame) -> pl.DataFrame:
    """What each record contributes to its charge: rated as if every record were a series of its own.

    Resources, pools and lines are known by what a series says, not by which it is; so nothing else changes.

    Reads    inputs; records: series_id (a number of its own), own_id (its series), is_earlier, start, end, quantity
    Makes    the columns of `uses_of`
    """
    series = records.select("series_id", stored_id="own_id").join(
        inputs.usage_series.rename({"series_id": "stored_id"}), on="stored_id", maintain_order="left"
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, rows in (("usage_records", ~pl.col("is_earlier")), ("earlier_records", pl.col("is_earlier"))):
            connection.register("records", records.filter(rows).select("series_id", *_TIMED).to_arrow())
            connection.execute(f"create table own_{name} as from records")
            connection.execute(f"create temp view {name} as from own_{name}")
            connection.unregister("records")
        own = series.select(inputs.usage_series.columns)
        return uses_of(replace(inputs, connection=connection, usage_series=own))


def _weighed(uses: pl.DataFrame, charge: Row) -> pl.DataFrame:
    """What each series weighs in a charge: the pieces of a record that was cut weigh together."""
    weights: dict[int, int] = {}
    of_charge = uses.filter(
        (pl.col("charge_id") == charge["charge_id"]) & (pl.col("charge_category") == charge["charge_category"])
    )
    for series, weight in of_charge.select("series_id", "weight").iter_rows():
        weights[series] = weights.get(series, 0) + int(weight)
    columns = {"series_id": list(weights), "weight": [str(weight) for weight in weights.values()]}
    return pl.DataFrame(columns, schema={"series_id": Hash64, "weight": pl.String})


def _stored(lake: Lake, made: Made, inputs: Inputs, charge: Row) -> pl.DataFrame:
    """The usage records of some series that count in the run's period, numbered in order of start and id.

    Makes    series_id: the number · own_id: the series the record is of · the record's columns, its start and end those
             it counts from and until, began_at and ended_at its own (X4) · is_earlier: it belongs to an earlier period
             and is split, so that a piece of it may lie in this one (U4)
    """
    account = charge["billing_account_id"]
    bucket = f"{bucket_of(account, lake.buckets):02}"
    own = made.snapshot.files("usage_records", billing_period=made.period, bucket=bucket)
    earlier = [
        entry
        for entry, accounts in books.usage_running_in(lake, made.snapshot, made.period, inputs.reference)
        if entry.partition["bucket"] == bucket and account in accounts["billing_account_id"]
    ]
    parts = []
    read = [*own, *earlier]
    for entry, path in zip(read, lake.checked(read), strict=True):
        parts.append(
            f"select {_counted(entry)}, usage_record_id, "
            f"consumed_quantity::decimal(38, 15) as consumed_quantity, {entry in earlier} as is_earlier "
            f"from {parquet(path)} semi join wanted using (series_id)"
        )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("listed", inputs.usage_series.select("series_id").to_arrow())
        connection.execute("create table wanted as from listed")
        asked = (
            f"from ({' union all '.join(parts)}) where not is_earlier or charge_period_end > $1 "
            "order by charge_period_start, usage_record_id"
        )
        found = connection.execute(asked, [charge["period_start"]]).pl()
    return found.with_row_index("series_id").with_columns(pl.col("series_id").cast(Hash64))


def _counted(entry: "FileEntry") -> str:
    """Whose a record of a file is, from when until when it counts, and from when until when it was (X4)."""
    counted = books.COUNTED if books.COUNTED_AT in entry.types else books.USED
    began = "charge_period_start as began_at, charge_period_end as ended_at"
    return f"{counted}, {began}".replace("series_id", "series_id as own_id", 1)


_TIMED = ("charge_period_start", "charge_period_end", "consumed_quantity")


def _recurring(inputs: Inputs, charge: Row) -> pl.DataFrame:
    """The recurring items of a charge, with what each weighs in it."""
    items = inputs.reference["recurring_items"]
    ids = [hash64(key_text(NAME, *key)) for key in items.select("recurring_item_id", "valid_from").iter_rows()]
    items = items.with_columns(pl.Series("series_id", ids, dtype=Hash64))
    weighed = _weighed(uses_of(replace(inputs, usage_series=inputs.usage_series.clear())), charge)
    return weighed.join(items, on="series_id").select(
        "series_id",
        "weight",
        "resource_id",
        usage_record_id="recurring_item_id",
        charge_period_start=pl.lit(charge["charge_period_start"], dtype=Instant),
        charge_period_end=pl.lit(charge["charge_period_end"], dtype=Instant),
        consumed_quantity="quantity",
        consumed_unit=pl.lit(charge["pricing_unit"]),
    )


def _one_off(made_by: Snapshot, charge: Row) -> pl.DataFrame:
    """The operation that added a charge, or the limit whose minimum was not reached."""
    operations = made_by.read("operations").filter(
        (pl.col("operation") == "add_charge") & (pl.col("billing_account_id") == charge["billing_account_id"])
    )
    for row in operations.iter_rows(named=True):
        if digest("one_off", row["operation_id"]) == charge["rating_line_id"]:
            return _alone(charge, operation_id=row["operation_id"], actor=row["actor"], occurred_at=row["occurred_at"])
    for row in made_by.read("spend_limits").iter_rows(named=True):
        key = ("minimum_spend", charge["billing_account_id"], row["spend_limit_id"], charge["billing_period"])
        if digest(*key) == charge["rating_line_id"]:
            return _alone(charge, spend_limit_id=row["spend_limit_id"], minimum_amount=row["amount"])
    raise Refusal(f"the books do not say what charge {charge['charge_id']} was added for; run: billfold audit")


def _alone(charge: Row, **source: Any) -> pl.DataFrame:
    """One row that is the whole charge."""
    types = {"occurred_at": Instant, "minimum_amount": Money}
    told = {name: pl.Series([value], dtype=types.get(name, pl.String)) for name, value in source.items()}
    return pl.DataFrame(told).with_columns(
        charge_period_start=pl.lit(charge["charge_period_start"], dtype=Instant),
        share_amount=pl.lit(charge["list_cost"], dtype=Money),
        billing_currency=pl.lit(charge["billing_currency"]),
    )
