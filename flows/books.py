"""What the lake already says, as rating wants to be told it. Aggregates are asked of DuckDB; nothing large is held."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.landing.storage import spanning_rows
from flows.shared_engine import asking
from flows.sql import parquet
from rating import metering
from rating.account_periods import account_periods
from rating.hashing import bucket_of
from rating.operations import ACCEPTED, added_charges, endings, project_allocations, promo_discounts
from rating.pipeline import EARLIER_COSTS
from rating.rejects import OF_ISSUED
from rating.sql import keep
from schemas import REFERENCE, TABLES

MADE_BY_BILLING = {"made_by": "billing"}
MADE_BY_OPERATIONS = {"made_by": "operations"}
"""Partitions of grant_movements: what a period did to grants is replaced with it, what operations did never is."""

USED = "series_id, charge_period_start, charge_period_end"
COUNTED_AT = "counted_at"
COUNTED = (
    f"series_id, coalesce({COUNTED_AT}, charge_period_start) as charge_period_start, "
    f"coalesce({COUNTED_AT} + (charge_period_end - charge_period_start), charge_period_end) as charge_period_end"
)
"""The same of a file with usage that came after its period was issued: it counts from another instant, as long (X4)."""
NO_USAGE = (
    "select null::ubigint as series_id, null::timestamptz as charge_period_start, "
    "null::timestamptz as charge_period_end, null::decimal(38, 15) as consumed_quantity where false"
)
NARROW_DIGITS = 18
AFTER_ALL = datetime(9999, 1, 1, tzinfo=UTC)


def accounts_in(reference: pl.DataFrame, buckets: Collection[int], of: int) -> pl.DataFrame:
    """The billing accounts whose usage lies in these buckets."""
    ids = reference["billing_account_id"].unique()
    inside = [account for account in ids if bucket_of(account, of) in buckets]
    return pl.DataFrame({"billing_account_id": inside}, schema={"billing_account_id": pl.String})


def grants_with_recording(snapshot: Snapshot) -> pl.DataFrame:
    """Every grant, and when the operation it came from was recorded."""
    recorded = snapshot.read("operations").select("operation_id", "recorded_at")
    return snapshot.read("grants").join(recorded, on="operation_id", how="left", maintain_order="left")


def accepted_promo_discounts(snapshot: Snapshot, promo_codes: pl.DataFrame) -> pl.DataFrame:
    """The windows that accepted codes opened for discounts."""
    return promo_discounts(snapshot.read("operations").filter(pl.col("status") == ACCEPTED), promo_codes)


def grants_ended(snapshot: Snapshot) -> pl.DataFrame:
    """The grants that were recovered or refunded, and when (K5)."""
    return endings(snapshot.read("operations"))


def allocated_to_projects(snapshot: Snapshot) -> pl.DataFrame:
    """What was allocated to projects, each time with its switch (W3, W4)."""
    return project_allocations(snapshot.read("operations"), snapshot.read("grants"))


def charges_added(snapshot: Snapshot, billing_period: str | None = None) -> pl.DataFrame:
    """The accepted operations that add a charge, to a period or to any."""
    added = added_charges(snapshot.read("operations"))
    return added if billing_period is None else added.filter(pl.col("billing_period") == billing_period)


def reference_tables(lake: Lake, entries: Collection[FileEntry]) -> dict[str, pl.DataFrame]:
    """Reference tables as a run stored them."""
    tables = {name: TABLES[name].empty() for name in REFERENCE}
    for entry, path in zip(entries, lake.checked(entries), strict=True):
        tables[entry.table] = pl.read_parquet(path, glob=False, hive_partitioning=False)
    return tables


def usage_connection(
    lake: Lake, entries: Collection[FileEntry], threads: int, series: pl.DataFrame | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with the relation `usage_records` over exactly these files, or over what they hold of some series.

    Where some files hold narrow quantities and others wide ones, it is also there in two halves.
    """
    connection = _of_its_own(threads) if series is None else asking()
    narrow, wide = _usage_by_width(lake, entries)
    if series is not None:
        keep(connection, "asked_series", series.select("series_id"))
        narrow, wide = (
            [f"from ({part}) semi join asked_series using (series_id)" for part in half] for half in (narrow, wide)
        )
    halves = {metering.NARROW: narrow, metering.WIDE: wide}
    if all(halves.values()):
        for view, parts in halves.items():
            connection.execute(f"create temp view {view} as {' union all '.join(parts)}")
        widened = f"select {USED}, consumed_quantity::decimal(38, 15) as consumed_quantity from {metering.NARROW}"
        connection.execute(f"create temp view usage_records as {widened} union all from {metering.WIDE}")
    else:
        connection.execute(f"create temp view usage_records as {' union all '.join([*narrow, *wide]) or NO_USAGE}")
    return connection


def _of_its_own(threads: int) -> duckdb.DuckDBPyConnection:
    """An engine whose memory goes with it."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("set timezone = 'UTC'")
    return connection


def usage_running_in(
    lake: Lake, snapshot: Snapshot, billing_period: str, reference: Mapping[str, pl.DataFrame]
) -> list[tuple[FileEntry, pl.DataFrame]]:
    """The files of earlier periods of which pieces may lie in this one, each with the accounts that split records.

    Whether a record is split is said by the policy of the period it begins in, which billed the rest of it (U4).

    Makes    file, billing_account_id; nothing where no policy splits or no record of the lake spans periods
    """
    policies = reference["billing_policies"].filter(pl.col("policy") == "spanning_records")
    if "split" not in policies["value"]:
        return []
    spanning = spanning_rows(lake.commits(snapshot.number))
    files = [
        entry
        for entry in snapshot.files("usage_records")
        if entry.partition["billing_period"] < billing_period and entry.path in spanning
    ]
    splitting = {one: _splitting(reference, one) for one in {entry.partition["billing_period"] for entry in files}}
    return [(entry, accounts) for entry in files if (accounts := splitting[entry.partition["billing_period"]]).height]


def _splitting(reference: Mapping[str, pl.DataFrame], billing_period: str) -> pl.DataFrame:
    """The accounts whose spanning records were split in a period that is over."""
    accounts = accounts_of(reference, billing_period, AFTER_ALL)
    return accounts.filter(pl.col("spanning_records") == "split").select("billing_account_id")


def accounts_of(reference: Mapping[str, pl.DataFrame], billing_period: str, known_as_of: datetime) -> pl.DataFrame:
    """The accounts that exist in a period, with what their bill depends on, by the reference tables."""
    tables = (reference[name] for name in ("billing_accounts", "sellers", "currencies", "billing_policies"))
    return account_periods(*tables, billing_period=billing_period, known_as_of=known_as_of)


def add_earlier_records(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    running_in: Collection[tuple[FileEntry, pl.DataFrame]],
    series: pl.DataFrame,
) -> None:
    """Give the connection the relation `earlier_records`, where there are files of earlier periods to look at."""
    parts = []
    lake.checked([entry for entry, _ in running_in])
    for number, (entry, accounts) in enumerate(running_in):
        table = f"splitting_{number}"
        keep(connection, table, series.join(accounts, on="billing_account_id", how="semi").select("series_id"))
        rows = _usage(lake, [entry], "decimal(38, 15)")
        parts.append(f"from ({rows}) semi join {table} using (series_id)")
    if parts:
        connection.execute(f"create temp view {metering.EARLIER} as {' union all '.join(parts)}")


def _usage_by_width(lake: Lake, entries: Collection[FileEntry]) -> tuple[list[str], list[str]]:
    """Queries over the files whose quantities fit one narrow decimal type, and over all others as Quantity.

    Files of several types are read by themselves: one list would be cast to the first's.
    """
    by_type: dict[str, list[FileEntry]] = {}
    lake.checked(entries)
    for entry in sorted(entries, key=lambda entry: entry.path):
        by_type.setdefault(entry.types["consumed_quantity"], []).append(entry)
    scales = {stored: _narrow_scale(stored) for stored in by_type}
    scale = max((one for one in scales.values() if one is not None), default=0)
    most = 10 ** (NARROW_DIGITS - scale)
    narrow, wide = [], []
    for stored, files in sorted(by_type.items()):
        if scales[stored] == scale:
            narrow.append(_usage(lake, files, stored))
            continue
        fitting = [one for one in files if scales[stored] is not None and _largest_quantity(lake.path(one)) < most]
        rest = [one for one in files if one not in fitting]
        narrow += [_usage(lake, fitting, f"decimal({NARROW_DIGITS}, {scale})")] if fitting else []
        wide += [_usage(lake, rest, "decimal(38, 15)")] if rest else []
    return narrow, wide


def _narrow_scale(stored: str) -> int | None:
    """The decimals of a narrow type; None for a wide one.

    >>> _narrow_scale("DECIMAL(18,6)"), _narrow_scale("DECIMAL(38,15)")
    (6, None)
    """
    digits, scale = stored.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return int(scale) if int(digits) <= NARROW_DIGITS else None


def _largest_quantity(path: Path) -> Decimal:
    """The largest quantity of a file, whatever its sign, by what the file says of itself."""
    file = pq.read_metadata(path)
    place = file.schema.names.index("consumed_quantity")
    said = [file.row_group(group).column(place).statistics for group in range(file.num_row_groups)]
    bounds = [bound for one in said if one is not None and one.has_min_max for bound in (one.min, one.max)]
    if len(bounds) < 2 * len(said):
        return Decimal("infinity")
    return max((abs(Decimal(str(bound))) for bound in bounds), default=Decimal(0))


def _usage(lake: Lake, entries: Collection[FileEntry], stored: str) -> str:
    """A query over files of usage, each record from when it counts (X4)."""
    plain = [entry for entry in entries if COUNTED_AT not in entry.types]
    waited = [entry for entry in entries if COUNTED_AT in entry.types]
    parts = [(files, used) for files, used in ((plain, USED), (waited, COUNTED)) if files]
    return " union all ".join(
        f"select {used}, consumed_quantity::{stored} as consumed_quantity from {parquet(*lake.paths(files))}"
        for files, used in parts
    )


def taken_elsewhere(
    lake: Lake,
    snapshot: Snapshot,
    billing_period: str,
    known_as_of: datetime,
    paid: pl.DataFrame,
    reserved: pl.DataFrame,
    as_later: Snapshot | None = None,
) -> pl.DataFrame:
    """What earlier periods, and operations recorded by then, did to each grant: grant_id, movement, amount (K1, K8).

    A later period gives way, as it is billed on what this one leaves; not where its invoice is paid: then it keeps what
    its charges were paid with (X2).

    Reads    paid: billing_account_id, billing_period of invoices with nothing left due
             reserved: the same of periods that stay as they are whatever happens: all they took is kept
             as_later: where later periods are read, if not in the snapshot
    """
    columns = TABLES["grant_movements"].columns()
    types = {name: columns[name] for name in ("grant_id", "movement", "amount")}
    files = snapshot.files("grant_movements", **MADE_BY_BILLING)
    earlier = [entry for entry in files if entry.partition["billing_period"] < billing_period]
    is_wanted = paid.height + reserved.height > 0
    files = (as_later or snapshot).files("grant_movements", **MADE_BY_BILLING) if is_wanted else []
    later = [entry for entry in files if entry.partition["billing_period"] > billing_period]
    by_earlier = _asked(lake, earlier, f"{_TAKEN} from files {_BY_GRANT}", types)
    by_later = _asked(lake, later, f"{_TAKEN} from files {_KEPT} {_BY_GRANT}", types, paid=paid, reserved=reserved)
    known = snapshot.read("operations").filter(pl.col("recorded_at") <= known_as_of)
    by_operations = (
        snapshot.read("grant_movements", **MADE_BY_OPERATIONS)
        .join(known, on="operation_id", how="semi")
        .select("grant_id", "movement", "amount")
    )
    return (
        pl.concat([by_earlier, by_later, by_operations])
        .group_by("grant_id", "movement")
        .agg(pl.col("amount").sum())
        .sort("grant_id", "movement")
    )


_TAKEN = "select grant_id, movement, sum(amount)::decimal(38, 4) as amount"
_BY_GRANT = "group by all order by all"
_KEPT = """
where (billing_account_id, billing_period) in (from reserved)
  or (movement in ('charged', 'returned') and (billing_account_id, billing_period) in (from paid))
"""


def draws(lake: Lake, snapshot: Snapshot) -> dict[str, dict[str, Decimal]]:
    """What each billed period did to each grant: grant_id, billing_period, sum of its movements (O3, K8)."""
    columns = TABLES["grant_movements"].columns()
    sums = _asked(
        lake,
        snapshot.files("grant_movements", **MADE_BY_BILLING),
        "select grant_id, billing_period, sum(amount)::decimal(38, 4) as amount from files group by all order by all",
        {name: columns[name] for name in ("grant_id", "billing_period", "amount")},
    )
    found: dict[str, dict[str, Decimal]] = {}
    for grant_id, billing_period, amount in sums.iter_rows():
        found.setdefault(grant_id, {})[billing_period] = amount
    return found


def earlier_costs(lake: Lake, snapshot: Snapshot, billing_period: str, cost_policies: pl.DataFrame) -> pl.DataFrame:
    """What accounts cost and used in the periods before one, where a cost policy measures them all together (W5).

    Makes    EARLIER_COSTS of the pipeline, one row per account, project and SKU; nothing for other accounts
    """
    watched = cost_policies.filter(pl.col("period") == "total").select("billing_account_id").unique()
    charges, allocations = (
        [entry for entry in snapshot.files(name) if entry.partition["billing_period"] < billing_period]
        for name in ("charges", "allocations")
    )
    if watched.is_empty() or not charges:
        return pl.DataFrame(schema=EARLIER_COSTS)
    with asking() as connection:
        keep(connection, "watched", watched)
        keep(connection, "no_allocations", TABLES["allocations"].empty())
        connection.execute(f"create temp view charges as {_files(lake, charges)}")
        connection.execute(f"create temp view allocations as {_files(lake, allocations) or 'from no_allocations'}")
        return connection.sql(_EARLIER_COSTS).pl().cast(EARLIER_COSTS)  # type: ignore[arg-type]


_EARLIER_COSTS = """
with
  taken as (   -- what pays after tax lowers no cost
    select charge_id,
      coalesce(sum(amount) filter (allocation_kind <> 'grant'), 0) as cut_amount,
      coalesce(sum(amount) filter (allocation_kind = 'grant'), 0) as grant_amount
    from allocations semi join watched using (billing_account_id)
    where tax_position = 'before'
    group by charge_id
  )
select billing_account_id, sub_account_id, sku_id,
  sum(list_cost - coalesce(cut_amount, 0))::decimal(38, 4) as cost_before_grants,
  sum(list_cost - coalesce(cut_amount, 0) - coalesce(grant_amount, 0))::decimal(38, 4) as cost_after_grants,
  coalesce(sum(pricing_quantity), 0)::decimal(38, 15) as pricing_quantity
from charges semi join watched using (billing_account_id)
left join taken using (charge_id)
group by all
order by all
"""


def known_expense_numbers(lake: Lake, snapshot: Snapshot, billing_period: str) -> pl.DataFrame:
    """The numbers the period's charges have, and of every account the last one given."""
    columns = TABLES["expense_numbers"].columns()
    here = snapshot.read("expense_numbers", billing_period=billing_period)
    last = _asked(
        lake,
        snapshot.files("expense_numbers"),
        "select arg_max(charge_id, expense_number) as charge_id, billing_account_id, "
        "max(expense_number) as expense_number from files group by billing_account_id",
        columns,
    )
    return pl.concat([here, last]).unique("charge_id").sort("billing_account_id", "expense_number")


def held_before(snapshot: Snapshot, billing_period: str) -> pl.DataFrame:
    """Accounts that an earlier period holds: billing_account_id (K3)."""
    holds = snapshot.read("holds").filter(
        (pl.col("billing_period") < billing_period) & ~pl.col("reason_code").is_in(OF_ISSUED)
    )
    return holds.select("billing_account_id").unique().sort("billing_account_id")


def first_billed(lake: Lake, snapshot: Snapshot) -> pl.DataFrame:
    """The first period each account was billed for: billing_account_id, first_period."""
    return _asked(
        lake,
        snapshot.files("account_periods"),
        "select billing_account_id, min(billing_period) as first_period from files group by all order by all",
        {"billing_account_id": pl.String(), "first_period": pl.String()},
    )


def billed_periods(snapshot: Snapshot) -> set[str]:
    """The periods that have been billed as closed."""
    return {entry.partition["billing_period"] for entry in snapshot.files("account_periods")}


def begun_periods(snapshot: Snapshot) -> set[str]:
    """The billed periods from the first on in which any account was there: before it nothing was left to the next."""
    there = (entry.partition["billing_period"] for entry in snapshot.files("account_periods") if entry.rows)
    first = min(there, default=None)
    return set() if first is None else {period for period in billed_periods(snapshot) if period >= first}


def usage_periods(snapshot: Snapshot) -> set[str]:
    """The periods that have usage."""
    return {entry.partition["billing_period"] for entry in snapshot.files("usage_records") if entry.rows}


def used_periods(snapshot: Snapshot) -> set[str]:
    """The periods that have usage, or charges that were added: what there is to bill."""
    return usage_periods(snapshot) | set(charges_added(snapshot)["billing_period"])


def latest_recording(snapshot: Snapshot) -> datetime | None:
    """The latest `recorded_at` committed (L1)."""
    found = snapshot.read("operations")["recorded_at"].max()
    return found if isinstance(found, datetime) else None


def columns_of(lake: Lake, entries: Collection[FileEntry], table: str, names: Collection[str]) -> pl.DataFrame:
    """Some columns of a table's files; a file that was written before a column was there has its nulls."""
    columns = TABLES[table].columns()
    wanted = {name: columns[name] for name in names}
    parts = [pl.DataFrame(schema=wanted)]
    for entry, path in zip(entries, lake.checked(entries), strict=True):
        found = pl.read_parquet(
            path,
            columns=[name for name in names if name in entry.types],
            glob=False,
            hive_partitioning=False,
        )
        missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in wanted.items() if name not in found.columns]
        parts.append(found.with_columns(missing).select(names).cast(wanted))  # type: ignore[arg-type]
    return pl.concat(parts)


def _asked(
    lake: Lake, entries: Collection[FileEntry], sql: str, schema: dict[str, pl.DataType], **frames: pl.DataFrame
) -> pl.DataFrame:
    if not entries:
        return pl.DataFrame(schema=schema)
    with asking() as connection:
        connection.execute(f"create temp view files as {_files(lake, entries)}")
        for name, frame in frames.items():
            keep(connection, name, frame)
        return connection.sql(sql).pl().cast(schema)  # type: ignore[arg-type]


def _files(lake: Lake, entries: Collection[FileEntry]) -> str:
    return f"from {parquet(*lake.paths(entries))}" if entries else ""
