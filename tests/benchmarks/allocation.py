"""`python -m tests.benchmarks.allocation [--charges 1000000]`: who pays for what, measured alone.

Many small accounts with a few grants each, a third of them for one service only, against a plain Polars loop over the
ranks of the grants; one account with very many charges and grants; and a million shares by largest remainder.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from statistics import median

import flows  # noqa: F401 - first, as on the command line: it says how Polars keeps memory

# isort: split
import numpy as np
import polars as pl

from rating.allocations.grants import meet, spend
from rating.allocations.waterfall import Applications, waterfall
from rating.money import share
from schemas.units import Instant
from tests.benchmarks.kept import RESULTS, Run, a_run, written
from tests.benchmarks.measure import Measured, table, timed
from tests.benchmarks.processes import own_peak

PLAIN, WATERFALL, FRAMES = "plain Polars loop", "waterfall", "frames to frames"
SHARE = "share by largest remainder"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SERVICES = [f"service-{number:02}" for number in range(20)]
GRANTS_OF_ONE, CHARGES_OF_ONE, CHARGES = (1_000, 10_000), 100_000, 1_000_000


@dataclass(frozen=True)
class World:
    """Charges and grants of some accounts, as they stand before grants pay: drawn from a fixed seed."""

    charges_per_account: int
    accounts: int
    grants_per_account: int

    @cached_property
    def charges(self) -> pl.DataFrame:
        """Account by account, in charge order; with what an account's policies say."""
        rng, count = np.random.default_rng(7), self.charges_per_account * self.accounts
        number = np.repeat(np.arange(self.accounts), self.charges_per_account)
        service = rng.integers(0, len(SERVICES), count)
        frame = pl.DataFrame(
            {
                "number": number,
                "charge_order": np.tile(np.arange(1, self.charges_per_account + 1), self.accounts),
                "service": pl.Series(SERVICES, dtype=pl.String).gather(service),
                "class_id": service.astype(np.uint32),
                "net_mu": rng.integers(1, 100_000, count),
                "place": np.arange(count),
            }
        )
        text = {"grant_order": _GRANT_ORDER, "charge_order_policy": "oldest_first", "eligibility": "usage_time"}
        text |= {"charge_category": "usage", "rounding_charges": "half_away"}
        nothing = ["service_category", "feature", "sku_id", "region_id", "sub_account_id", "resource_id"]
        return frame.with_columns(
            *(pl.lit(value).alias(name) for name, value in text.items()),
            *(pl.lit(None, dtype=pl.String).alias(name) for name in nothing),
            pl.lit([], dtype=pl.List(pl.String)).alias("sku_tags"),
            billing_account_id=pl.format("account-{}", pl.col("number").cast(pl.String).str.zfill(8)),
            charge_id=pl.format("{}-of-a-charge-with-a-hash", pl.col("place").cast(pl.String).str.zfill(9)),
            charge_period_start=pl.lit(START, dtype=Instant),
            charge_period_end=pl.lit(END, dtype=Instant),
            last_instant=pl.lit(END - timedelta(microseconds=1), dtype=Instant),
            cutoff=pl.lit(END, dtype=Instant),
            line_id="place",
            line_order="place",
        ).drop("place")

    @cached_property
    def grants(self) -> pl.DataFrame:
        """Every third for one service; windows of which one in ten ends before the month does."""
        rng, count = np.random.default_rng(8), self.grants_per_account * self.accounts
        number = np.repeat(np.arange(self.accounts), self.grants_per_account)
        place = np.arange(count)
        service = pl.Series(SERVICES, dtype=pl.String).gather(rng.integers(0, len(SERVICES), count))
        one = pl.concat_list(pl.concat_str(pl.lit("service:"), pl.lit(service)))
        due = self.charges_per_account * 50_000 // self.grants_per_account
        return pl.DataFrame({"number": number, "place": place, "days": rng.integers(0, 10, count)}).select(
            billing_account_id=pl.format("account-{}", pl.col("number").cast(pl.String).str.zfill(8)),
            grant_id=pl.format("grant-{}", pl.col("place").cast(pl.String).str.zfill(9)),
            kind=pl.lit("bonus"),
            rank=pl.lit(10, dtype=pl.Int64),
            tax_position=pl.lit("before"),
            sub_account_id=pl.lit(None, dtype=pl.String),
            window_start=pl.lit(START, dtype=Instant),
            window_end=pl.when(pl.col("days") == 0)
            .then(pl.lit(END - timedelta(days=1), dtype=Instant))
            .otherwise(pl.lit(END, dtype=Instant) + pl.duration(days=pl.col("days"))),
            include=pl.when(pl.col("place") % 3 == 0).then(one).otherwise(pl.lit([], dtype=pl.List(pl.String))),
            exclude=pl.lit([], dtype=pl.List(pl.String)),
            priority=pl.lit(0, dtype=pl.Int64),
            occurred_at=pl.lit(START, dtype=Instant),
            balance_mu=pl.Series(rng.integers(1, max(2, due), count)),
        )

    @cached_property
    def balances(self) -> pl.DataFrame:
        """What each grant holds."""
        return self.grants.select("grant_id", "balance_mu")

    @cached_property
    def ranked(self) -> pl.DataFrame:
        """The grants with their place within the account, and their one service."""
        met = meet(self.charges, self.charges["net_mu"], self.grants, None)
        assert met is not None
        return met.grants.with_columns(only_service=pl.col("include").list.first().str.strip_prefix("service:"))

    @cached_property
    def met(self):  # type: ignore[no-untyped-def]
        """Charges and grants as the waterfall takes them."""
        return meet(self.charges, self.charges["net_mu"], self.grants, None)

    def plain(self) -> pl.DataFrame:
        """What anybody would write: a loop over ranks, each a join, a running sum and a minimum."""
        rests = self.charges.select(
            "charge_id", "number", "service", "charge_period_start", "charge_period_end", rest_mu="net_mu"
        )
        grants = self.ranked.rename({"account": "number"}).select(
            "number", "grant_id", "grant_place", "balance_mu", "window_start", "window_end", "only_service"
        )
        found = []
        for rank in range(1, self.grants_per_account + 1):
            rows = rests.join(grants.filter(pl.col("grant_place") == rank), on="number", maintain_order="left")
            open_to = (
                (pl.col("window_start") <= pl.col("charge_period_start"))
                & (pl.col("charge_period_end") <= pl.col("window_end"))
                & (pl.col("only_service").is_null() | (pl.col("only_service") == pl.col("service")))
            )
            rows = rows.with_columns(due_mu=pl.when(open_to).then("rest_mu").otherwise(0))
            before = pl.col("due_mu").cum_sum().over("number") - pl.col("due_mu")
            left = (pl.col("balance_mu") - before).clip(lower_bound=0)
            rows = rows.with_columns(paid_mu=pl.min_horizontal("due_mu", left))
            rests = rests.with_columns(rest_mu=pl.col("rest_mu") - rows["paid_mu"])
            found.append(rows.filter(pl.col("paid_mu") > 0).select("charge_id", "grant_id", amount_mu="paid_mu"))
        return pl.concat(found)

    def pay(self) -> Applications:
        """The waterfall alone."""
        return waterfall(self.met.rules)

    def spend(self) -> pl.DataFrame:
        """The whole stage: order of grants, scopes, waterfall, rows with ids."""
        grants = self.grants.drop("balance_mu")
        return spend(self.charges, self.charges["net_mu"], grants, self.balances, "before")


_GRANT_ORDER = "kind_rank,priority,expires_at,coverage,occurred_at,grant_id"


def shared(charges: int) -> Callable[[], pl.Series]:
    """An amount for every ten charges, shared over them by their weights."""
    rng = np.random.default_rng(9)
    frame = pl.DataFrame(
        {
            "group": np.repeat(np.arange(charges // 10), 10),
            "total": np.repeat(rng.integers(1, 10_000_000, charges // 10), 10),
            "weight": rng.integers(1, 10_000_000, charges),
        }
    )
    return partial(share, frame, "total", "weight", "group")


@dataclass(frozen=True)
class Work:
    """One line of the table."""

    name: str
    rows: int
    run: Callable[[], object]
    against: str


def works(charges: int, charges_of_one: int, grants_of_one: Sequence[int]) -> list[Work]:
    """The table's lines; the plain loop is what the first three are measured against."""
    many = World(10, charges // 10, 5)
    found = [
        Work(PLAIN, charges, many.plain, PLAIN),
        Work(WATERFALL, charges, many.pay, PLAIN),
        Work(FRAMES, charges, many.spend, PLAIN),
    ]
    for grants in grants_of_one:
        one = World(charges_of_one, 1, grants)
        name = f"one account, {grants:,} grants"
        found.append(Work(name, charges_of_one, one.pay, f"one account, {grants_of_one[0]:,} grants"))
    return [*found, Work(SHARE, charges, shared(charges), PLAIN)]


def checked(world: World) -> int:
    """The waterfall and the plain loop apply the same: how many applications there are."""
    found, plain = world.spend().sort("charge_id", "grant_id"), world.plain().sort("charge_id", "grant_id")
    if not found.select("charge_id", "grant_id", "amount_mu").equals(plain):
        raise ValueError("the waterfall and the plain loop apply different amounts")
    return plain.height


def measure(lines: Sequence[Work], rounds: int) -> list[Measured]:
    """Every work once to warm up, then in turn; medians of wall and CPU seconds."""
    times: dict[str, list[tuple[float, float]]] = {work.name: [] for work in lines}
    for turn in range(rounds + 1):
        for work in lines:
            seconds = timed(work.run)
            times[work.name] += [seconds] if turn or not rounds else []
    wall = {name: median(one for one, _ in some) for name, some in times.items()}
    cpu = {name: median(one for _, one in some) for name, some in times.items()}
    return [
        Measured(
            work.name,
            work.rows,
            wall[work.name],
            cpu[work.name],
            wall[work.name] / wall[PLAIN],
            work.against,
            wall[work.name] / wall[work.against],
            cpu[work.name] / cpu[work.against],
            0,
        )
        for work in lines
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.allocation", description=__doc__)
    parser.add_argument("--charges", type=int, default=CHARGES, help="charges in all; ten per account, five grants")
    parser.add_argument(
        "--charges-of-one", type=int, default=CHARGES_OF_ONE, help="charges of the account that has many"
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each work after one to warm up")
    parser.add_argument(
        "--results", type=Path, default=RESULTS / "allocation.json", help="where the table goes as JSON"
    )
    parser.add_argument("--keep", action="store_true", help="put it into reference.json too")
    given = parser.parse_args(arguments)
    written([measured_run(given.charges, given.charges_of_one, given.rounds)], given.results, is_kept=given.keep)
    print(given.results)


def measured_run(charges: int = CHARGES, charges_of_one: int = CHARGES_OF_ONE, rounds: int = 5) -> Run:
    """Measure and print."""
    applications = checked(World(10, charges // 10, 5))
    lines = measure(works(charges, charges_of_one, GRANTS_OF_ONE), rounds)
    said = f"{charges:,} charges, {applications:,} applications, the same in both ways; median of {rounds or 'one'}"
    print(f"{said}; peak {own_peak():,.0f} MB\n\n{table(lines)}\n")
    facts = {"rows": charges, "applications": applications, "rounds": rounds, "peak_megabytes": own_peak()}
    return a_run("allocation", [asdict(line) for line in lines], **facts)


if __name__ == "__main__":
    main()
