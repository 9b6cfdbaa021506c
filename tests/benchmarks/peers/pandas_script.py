"""A month rated with pandas, as an analyst would write it: read, group, merge, multiply, round.

`python -m tests.benchmarks.peers.pandas_script WORLD ROUNDS`; reads only pandas and pyarrow, and nothing of billfold.
"""

import sys
from pathlib import Path

import pandas as pd

from tests.benchmarks.peers.clock import told

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


def main(world: Path, rounds: int) -> None:
    """Rate it so many times, and print what that took."""
    told(f"pandas {pd.__version__}", rounds, lambda: rate(world), lambda totals: totals.map("{:.2f}".format).to_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
