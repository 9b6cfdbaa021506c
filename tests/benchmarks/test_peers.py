"""What others make of a month is held against billfold's charges, to the cent."""

import csv
import sys
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks.peers.__main__ import BILLFOLD, PEERS, WITH_INGEST, Peer, Rated, compared, measured_run
from tests.benchmarks.peers.flat import flat_world
from tests.benchmarks.works import Bench

PANDAS, LOOP, HASHMAP = PEERS


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return flat_world(tmp_path_factory.mktemp("peers"), 3_000, 9)


def here(peer: Peer) -> Peer:
    """The peer under this interpreter."""
    return replace(peer, packages=())


def test_a_plain_loop_comes_to_what_billfold_charges(tmp_path: Path):
    run = measured_run(tmp_path, 3_000, 0, [LOOP], accounts=9)
    lines = {line["work"]: line for line in run["works"]}
    assert list(lines) == [BILLFOLD, WITH_INGEST, LOOP.name]
    for line in lines.values():
        assert (line["rows"], line["accounts"], line["accounts_apart"], line["apart"]) == (3_000, 9, 0, "0.00")
        assert line["total"] == lines[BILLFOLD]["total"]
        assert min(line["seconds_per_million"], line["ratio"], line["cpu_ratio"], line["peak_megabytes"]) > 0
    assert Decimal(lines[LOOP.name]["total"]) > 1_000


def test_pandas_comes_to_what_a_plain_loop_comes_to(bench: Bench):
    """At this size floats round as decimals do; where they do not, the table of a run says in how many accounts."""
    if find_spec("pandas") is None:
        pytest.skip("pandas is not installed here; `make bench-peers` runs it in an environment of its own")
    world = bench.folder / "world"
    found, exact = (here(peer).rated(Path(sys.executable), world, 0) for peer in (PANDAS, LOOP))
    assert found.totals == exact.totals


def test_the_world_of_the_peers_has_one_price_for_each_sku_in_one_currency(bench: Bench):
    with (bench.folder / "world" / "reference" / "sku_prices.csv").open(encoding="utf-8", newline="") as file:
        prices = list(csv.DictReader(file))
    assert len({price["sku_id"] for price in prices}) == len(prices) == bench.reference["skus"].height
    assert {(price["billing_currency"], price["price_model"], price["region_id"]) for price in prices} == {
        ("EUR", "unit", "")
    }
    (egress,) = (price for price in prices if price["sku_id"] == "net-egress")
    assert egress["list_unit_price"] == "0.048"  # the last of its four tiers
    assert {path.suffix for path in bench.usage_files} == {".parquet"}


def test_a_total_that_is_a_cent_off_is_counted_and_added_up_regardless_of_sign():
    """b is a cent too high, c a cent too low, d is not known to billfold at all: 0.01 + 0.01 + 2.00."""
    own = Rated([(2.0, 4.0)], {"a": Decimal("1.00"), "b": Decimal("1.00"), "c": Decimal("1.00")}, 1)
    found = {"a": Decimal("1.00"), "b": Decimal("1.01"), "c": Decimal("0.99"), "d": Decimal("2.00")}
    line = compared("peer", Rated([(1.0, 1.0), (3.0, 3.0), (9.0, 9.0)], found, 1), own, 2_000_000)
    assert (line.accounts, line.accounts_apart, line.total, line.apart) == (3, 3, "5.00", "2.02")
    assert (line.wall_seconds, line.seconds_per_million, line.ratio, line.cpu_ratio) == (3.0, 1.5, 1.5, 0.75)
