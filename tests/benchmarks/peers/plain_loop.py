"""A month rated by a plain loop: one record at a time, in `Decimal`, as anybody would write it first.

`python plain_loop.py WORLD ROUNDS`; reads only the standard library and pyarrow, and nothing of billfold.
"""

import csv
import json
import sys
import time
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

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


def peak_megabytes() -> float:
    """The most memory this process had; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1_000 for line in lines if line.startswith("VmHWM:"))


def main(world: Path, rounds: int) -> None:
    """Rate it so many times, and print seconds, peak and totals."""
    seconds = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        totals = rate(world)
        seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    said = {
        "version": f"Python {sys.version.split()[0]}, pyarrow {pa.__version__}",
        "seconds": seconds,
        "peak_megabytes": peak_megabytes(),
    }
    print(json.dumps({**said, "totals": {account: str(total) for account, total in totals.items()}}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
