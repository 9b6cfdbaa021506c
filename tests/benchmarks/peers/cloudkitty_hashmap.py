"""A month rated by CloudKitty's hashmap module: each record a point, its price looked up by its SKU.

`python -m tests.benchmarks.peers.cloudkitty_hashmap WORLD ROUNDS`; reads cloudkitty and pyarrow, nothing of billfold.

What is run is `cloudkitty.rating.hash.HashMap`: its rules from a database in memory (one service per service of the
price list, one field `sku_id`, a flat mapping for each SKU), then `process` over one frame of points per hour, all
accounts in it. What is not: collectors, storage, message bus, API, locks, and what an installation does beside for each
account and hour (the rules read anew, the frame copied). The points are made before the clock starts.
"""

import csv
import sys
from collections import defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
from cloudkitty.dataframe import DataFrame, DataPoint
from cloudkitty.rating.hash import HashMap
from cloudkitty.rating.hash.db import api
from cloudkitty.rating.hash.db.sqlalchemy import models
from oslo_config import cfg

from tests.benchmarks.peers.clock import told

CENT = Decimal("0.01")
LINE = ("billing_account_id", "sub_account_id", "sku_id", "region_id")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rules(world: Path) -> dict[str, str]:
    """Write the price list into a database in memory; gives the service of each SKU."""
    cfg.CONF([], project="cloudkitty", default_config_files=[])
    cfg.CONF.set_override("connection", "sqlite://", group="database")
    services = {row["sku_id"]: row["service"] for row in rows_of(world / "reference" / "skus.csv")}
    from cloudkitty import db

    with db.session_for_write() as session:
        models.Base.metadata.create_all(session.get_bind())
    hashmap = api.get_instance()
    fields = {}
    for service in sorted(set(services.values())):
        fields[service] = hashmap.create_field(hashmap.create_service(service).service_id, "sku_id").field_id
    for price in rows_of(world / "reference" / "sku_prices.csv"):
        cost = Decimal(price["list_unit_price"]) / Decimal(price["per_quantity"])
        hashmap.create_mapping(
            cost, "flat", price["sku_id"], field_id=fields[services[price["sku_id"]]], created_by="operator"
        )
    return services


def frames(world: Path, services: dict[str, str]) -> list[DataFrame]:
    """The records as points, a frame for each hour."""
    hours: dict[datetime, DataFrame] = {}
    for path in sorted((world / "usage").glob("*.parquet")):
        for record in pq.read_table(path).to_pylist():
            start, end = record["charge_period_start"], record["charge_period_end"]
            frame = hours.setdefault(start, DataFrame(start, end))
            known = {name: record[name] for name in LINE if name != "sku_id"}
            point = DataPoint(
                record["consumed_unit"], record["consumed_quantity"], 0, known, {"sku_id": record["sku_id"]}
            )
            frame.add_point(point, services[record["sku_id"]])
    return list(hours.values())


def totals_of(rated: list[DataFrame]) -> dict[str, Decimal]:
    """List cost of each account: the prices of its points summed to lines, each line rounded once."""
    lines: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for frame in rated:
        for _, point in frame.iterpoints():
            lines[tuple(point.desc[name] for name in LINE)] += point.price
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for (account, *_), cost in lines.items():
        totals[account] += cost.quantize(CENT, ROUND_HALF_UP)
    return totals


def main(world: Path, rounds: int) -> None:
    """Rate it so many times, and print what that took."""
    hours = frames(world, rules(world))

    def rated() -> list[DataFrame]:
        module = HashMap()
        return [module.process(frame) for frame in hours]

    told(f"cloudkitty {version('cloudkitty')}", rounds, rated, totals_of)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
