"""The usage of a sample world: every row counted, every kind of bad row in the stated number."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows.sample import SampleWorld, sample, showcase
from flows.sample.bad_rows import EACH
from flows.sample.calendar import Month
from flows.sample.usage import plan
from rating.periods import period_bounds


def parquet(world: SampleWorld) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in world.usage_files if path.suffix == ".parquet"])


def csv_rows(world: SampleWorld) -> list[list[str]]:
    (path,) = [path for path in world.usage_files if path.suffix == ".csv"]
    with path.open(newline="") as stream:
        return list(csv.reader(stream))[1:]


def json_lines(world: SampleWorld) -> list[str]:
    (path,) = [path for path in world.usage_files if path.suffix == ".gz"]
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.parametrize(
    ("accounts", "rows"), [(2, 1_000), (20, 3_001), (200, 4_321), (3, 5_000), (30, 60_007)], ids=lambda size: f"{size}"
)
def test_a_clean_world_has_exactly_the_rows_it_was_asked_for(folder: Path, accounts: int, rows: int):
    world = sample(folder, accounts=accounts, rows=rows, clean=True)
    everything = [
        *parquet(world)["usage_record_id"],
        *(row[0] for row in csv_rows(world)),
        *(json.loads(line)["usage_record_id"] for line in json_lines(world)),
    ]
    assert (len(everything), len(set(everything)), world.landed) == (rows, rows, rows)


def test_a_month_of_28_days_is_filled_and_not_left(folder: Path):
    world = sample(folder, accounts=30, rows=30_000, period="2026-02", clean=True)
    seoul_begins, new_york_ends = datetime(2026, 1, 31, 15, tzinfo=UTC), datetime(2026, 3, 1, 5, tzinfo=UTC)
    usage = parquet(world)
    first, last = usage.select(pl.col("charge_period_start").min(), pl.col("charge_period_end").max()).row(0)
    assert seoul_begins <= first < seoul_begins + timedelta(hours=24)
    assert new_york_ends - timedelta(hours=24) < last <= new_york_ends
    assert len(world.usage_files) == 9  # seven times four days, a CSV, a JSON Lines file


def test_a_record_is_an_hour_of_a_project_a_resource_and_a_sku(folder: Path):
    usage = parquet(sample(folder, accounts=20, rows=9_000, clean=True))
    lengths = (usage["charge_period_end"] - usage["charge_period_start"]).unique().to_list()
    assert lengths == [timedelta(hours=1)]
    assert usage["consumed_quantity"].min() >= 0
    assert usage.schema["consumed_quantity"] == pl.Decimal(18, 6)
    assert usage.schema["charge_period_start"] == pl.Datetime("us", "UTC")


def test_every_record_is_in_the_month_of_its_accounts_own_time_zone(folder: Path):
    world = sample(folder, accounts=100, rows=60_000, clean=True)
    accounts = pl.read_csv(world.reference_folder / "billing_accounts.csv").select("billing_account_id", "time_zone")
    usage = parquet(world).join(accounts, on="billing_account_id")
    for (zone,), records in usage.group_by("time_zone"):
        start, end = period_bounds("2026-10", str(zone))
        assert records["charge_period_start"].min() - start < timedelta(hours=1)
        assert records["charge_period_start"].min() >= start
        assert records["charge_period_start"].max() < end
    assert (
        usage.filter(time_zone="Europe/Berlin")["charge_period_start"].n_unique() == 745
    )  # the hour of the clock change


@pytest.mark.parametrize(("accounts", "rows"), [(2, 1_000), (20, 9_000), (90, 60_000), (500, 70_000)])
def test_parquet_is_in_time_order(folder: Path, accounts: int, rows: int):
    starts = parquet(sample(folder, accounts=accounts, rows=rows, clean=True))["charge_period_start"]
    assert starts.is_sorted()


def test_an_hour_of_a_series_is_recorded_once(folder: Path):
    usage = parquet(sample(folder, accounts=20, rows=9_000, clean=True)).filter(pl.col("resource_id").is_not_null())
    series = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "charge_period_start"]
    assert usage.select(series).is_duplicated().sum() == 0


def test_accounts_are_of_very_different_sizes(folder: Path):
    usage = parquet(sample(folder, accounts=50, rows=40_000, clean=True))
    sizes = usage.filter(pl.col("billing_account_id") != "acct-0001").group_by("billing_account_id").len()["len"]
    assert sizes.max() > 8 * sizes.min()


def test_the_project_that_moves_is_used_by_one_account_before_and_by_another_after(world: SampleWorld, folder: Path):
    projects = pl.read_csv(world.reference_folder / "sub_accounts.csv").filter(pl.col("sub_account_id").is_duplicated())
    assert projects.rows() == [
        ("proj-0067-1", "acct-0067", "production", "2025-01-01", "2026-10-16T00:00:00Z"),
        ("proj-0067-1", "acct-0070", "production", "2026-10-16T00:00:00Z", None),
    ]
    used = parquet(sample(folder, accounts=90, rows=90_000)).filter(pl.col("sub_account_id") == "proj-0067-1")
    moved = datetime(2026, 10, 16, tzinfo=UTC)
    assert set(used.filter(pl.col("charge_period_start") < moved)["billing_account_id"]) == {"acct-0067"}
    assert set(used.filter(pl.col("charge_period_start") >= moved)["billing_account_id"]) == {"acct-0070"}


# --- bad rows -----------------------------------------------------------------------------------------------------


def test_a_world_that_is_not_clean_has_the_clean_rows_and_the_stated_number_more(world: SampleWorld):
    counted = parquet(world).height + len(csv_rows(world)) + len(json_lines(world))
    assert counted == world.landed == 12_000 + sum(world.outcomes.values())


def test_every_kind_comes_in_the_same_small_number(world: SampleWorld):
    outcomes = dict(world.outcomes)
    assert (outcomes.pop("duplicate"), outcomes.pop("superseded"), outcomes.pop("R_DUPLICATE_CONFLICT")) == (6, 6, 6)
    assert set(outcomes.values()) == {EACH}


def test_the_bad_rows_of_parquet_are_there(world: SampleWorld):
    usage = parquet(world).with_columns(length=pl.col("charge_period_end") - pl.col("charge_period_start"))
    known = {
        column: pl.read_csv(world.reference_folder / f"{table}.csv")[column].implode()
        for table, column in {
            "billing_accounts": "billing_account_id",
            "sub_accounts": "sub_account_id",
            "skus": "sku_id",
        }.items()
    }
    unknown_account = ~pl.col("billing_account_id").is_in(known["billing_account_id"])
    unknown_sku = ~pl.col("sku_id").is_in(known["sku_id"])
    counts = {
        "R_MISSING_FIELD": pl.col("sku_id").is_null(),
        "R_BAD_ID": pl.col("usage_record_id").str.contains("\t"),
        "R_UNKNOWN_ACCOUNT": unknown_account & ~unknown_sku,
        "R_ACCOUNT_CLOSED": pl.col("billing_account_id") == "acct-0091",
        "R_UNKNOWN_PROJECT": ~pl.col("sub_account_id").is_in(known["sub_account_id"]),
        "R_PROJECT_MISMATCH": (pl.col("sub_account_id") == "proj-0001-1")
        & (pl.col("billing_account_id") != "acct-0001"),
        "R_UNKNOWN_SKU": unknown_sku & ~unknown_account,
        "R_MULTIPLE": unknown_sku & unknown_account,
        "R_UNIT_MISMATCH": pl.col("consumed_unit") == "parsec",
        "R_NEGATIVE_QUANTITY": pl.col("consumed_quantity") < 0,
        "R_TIME_REVERSED": pl.col("length") < timedelta(0),
        "R_DURATION_TOO_LONG": pl.col("length") > timedelta(days=366),
        "R_FUTURE": pl.col("charge_period_start") > world.received_at,
    }
    found = usage.select(condition.sum().alias(code) for code, condition in counts.items()).row(0, named=True)
    assert found == {code: world.outcomes[code] for code in counts}


def test_one_id_has_two_contents_or_two_revisions_or_is_a_plain_duplicate(world: SampleWorld):
    usage = parquet(world)
    again = usage.group_by("usage_record_id").agg(
        pl.len(),
        pl.col("consumed_quantity").n_unique().alias("contents"),
        pl.col("revision").n_unique().alias("revisions"),
    )
    kinds = Counter(again.filter(pl.col("len") > 1).drop("usage_record_id").rows())
    assert kinds == {(2, 2, 1): EACH, (2, 2, 2): EACH, (2, 1, 1): EACH}  # conflict, superseded, duplicate


def test_the_bad_rows_of_csv_are_there(world: SampleWorld):
    rows = csv_rows(world)
    quantities = Counter(row[8] for row in rows)
    assert [quantities[text] for text in ("1,5", "NaN", "0.1234567890123456", "9" * 16)] == [EACH] * 4
    assert sum(row[6].startswith("2026-13") for row in rows) == EACH
    assert sum(not row[6].endswith("Z") for row in rows) == EACH
    assert sum(len(row[3]) > 512 for row in rows) == EACH
    assert sum(len(row) == 12 for row in rows) == EACH
    in_parquet = set(parquet(world)["usage_record_id"])
    assert sum(row[0] in in_parquet for row in rows) == EACH  # delivered before


def test_the_bad_lines_of_json_are_there(world: SampleWorld):
    lines = json_lines(world)
    broken = [line for line in lines if not line.endswith("}")]
    assert len(broken) == EACH
    assert sum(line.count('"sku_id"') == 2 for line in lines) == EACH
    read = [json.loads(line) for line in lines if line.endswith("}")]
    assert sum(row["consumed_quantity"] is True for row in read) == EACH
    assert sum(row["revision"] == 1 for row in read) == EACH


def test_the_readme_states_the_same_numbers(world: SampleWorld):
    page = (world.folder / "README.md").read_text()
    rejected = sum(count for outcome, count in world.outcomes.items() if outcome.startswith("R_"))
    assert f"landed {world.landed:,} = accepted 12,000 + duplicate 6 + superseded 6 + rejected {rejected}" in page
    for each in world.expected:
        assert f"| {each.file} | {each.outcome} | {each.count} |" in page


def test_a_later_and_shorter_month_has_more_series_of_the_same_customers():
    """600,000 rows: 744 hours hold what February does in 672, less what the time zones take of either."""
    first = plan(Month("2026-01"), 90, 600_000, 1)
    later = plan(Month("2026-02"), 90, 600_000, 1, first=first)
    assert later.accounts == first.accounts
    assert sum(later.series_counts) == later.series > first.series == sum(first.series_counts)
    assert later.showcase_hours * len(showcase.SERIES) + later.series * later.shortest + later.longer == 600_000
