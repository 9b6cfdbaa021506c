"""A month rated with pandas, as an analyst would write it: read, group, merge, multiply, round.

`python pandas_script.py WORLD ROUNDS`; reads only pandas and pyarrow, and nothing of billfold.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd

LINE = ["billing_account_id", "sub_account_id", "sku_id", "region_id"]


def rate(world: Path) -> "pd.Series":
    """List cost of each account: quantities summed to lines, each line priced and rounded; all in floats."""
    prices = pd.read_csv(world / "reference" / "sku_prices.csv")[["sku_id", "list_unit_price", "per_quantity"]]
    usage = pd.read_parquet(world / "usage", columns=[*LINE, "consumed_quantity"], dtype_backend="pyarrow")
    usage["consumed_quantity"] = usage["consumed_quantity"].astype("float64")
    lines = usage.groupby(LINE, dropna=False, sort=False)["consumed_quantity"].sum().reset_index()
    lines = lines.merge(prices, on="sku_id")
    lines["list_cost"] = (lines["consumed_quantity"] * lines["list_unit_price"] / lines["per_quantity"]).round(2)
    return lines.groupby("billing_account_id")["list_cost"].sum()


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
    said = {"version": f"pandas {pd.__version__}", "seconds": seconds, "peak_megabytes": peak_megabytes()}
    print(json.dumps({**said, "totals": {account: f"{total:.2f}" for account, total in totals.items()}}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
