"""A month rated by a plain loop: one record at a time, in `Decimal`, as anybody would write it first.

`python -m tests.benchmarks.peers.plain_loop WORLD ROUNDS`; reads the standard library and pyarrow, nothing of billfold.
"""

import csv
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.peers.clock import told

CENT = Decimal("0.01")
LINE = ("billing_account_id", "sub_account_id", "sku_id", "region_id")


def rate(world: Path) -> dict[str, Decimal]:
    """List cost of each account: quantities summed to lines, each line priced and rounded once, half away from zero."""
    with (world / "reference" / "sku_prices.csv").open(encoding="utf-8", newline="") as file:
        prices = {row["sku_id"]: row for row in csv.DictReader(file)}
    quantities: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for path in sorted((world / "usage").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(columns=[*LINE, "consumed_quantity"]):
            for record in batch.to_pylist():
                quantities[tuple(record[name] for name in LINE)] += record["consumed_quantity"]
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for (account, _, sku, _), quantity in quantities.items():
        price = prices[sku]
        cost = quantity * Decimal(price["list_unit_price"]) / Decimal(price["per_quantity"])
        totals[account] += cost.quantize(CENT, ROUND_HALF_UP)
    return totals


def main(world: Path, rounds: int) -> None:
    """Rate it so many times, and print what that took."""
    version = f"Python {sys.version.split()[0]}, pyarrow {pa.__version__}"
    told(version, rounds, lambda: rate(world), lambda totals: totals)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
