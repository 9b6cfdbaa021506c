"""The world that every peer can rate: one price for each SKU, one currency, Parquet files alone.

The records are those of the sample, to the row. The price list is not: hashmap has neither currencies nor tiers, so
every account pays in euros, every region and customer the same, and what has tiers costs its last.
"""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.benchmarks.works import Bench

CURRENCY = "EUR"

Row = dict[str, str]


def flat_world(folder: Path, rows: int, accounts: int) -> Bench:
    """Write it; the same rows and accounts, the same bytes."""
    bench = Bench.make(folder, rows, accounts)
    reference = folder / "world" / "reference"
    last_tiers = {row["sku_price_id"]: row["unit_price"] for row in _rows(reference / "price_tiers.csv")}
    _rewrite(reference / "billing_accounts.csv", lambda row: {**row, "billing_currency": CURRENCY, "credit_limit": ""})
    _rewrite(reference / "sku_prices.csv", lambda row: _flat(row, last_tiers))
    (reference / "price_tiers.csv").unlink()
    said = bench.operations_file.read_text(encoding="utf-8")
    in_euros = re.sub('("billing_currency": )"[A-Z]+"', rf'\1"{CURRENCY}"', said)
    bench.operations_file.write_text(in_euros, encoding="utf-8")
    _only_parquet(bench)
    return Bench.reopen(folder)


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _rewrite(path: Path, change: Callable[[Row], Row | None]) -> None:
    rows = [row for row in map(change, _rows(path)) if row]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _flat(row: Row, last_tiers: dict[str, str]) -> Row | None:
    if row["billing_currency"] != CURRENCY or row["region_id"] or row["billing_account_id"]:
        return None
    price = row["list_unit_price"] or last_tiers[row["sku_price_id"]]
    return {**row, "price_model": "unit", "list_unit_price": price}


def _only_parquet(bench: Bench) -> None:
    """The series that came as CSV and as JSON Lines, as one more Parquet file."""
    (first, *_), others = bench.parquet, [path for path in bench.usage_files if path.suffix != ".parquet"]
    usage = bench.folder / "world" / "usage"
    readers = {".csv": "read_csv(?, all_varchar = true)", ".gz": "read_json(?, columns = {columns})"}
    with duckdb.connect() as connection:
        described = connection.execute("describe from read_parquet(?)", [first]).fetchall()
        texts = "{" + ", ".join(f"{name}: 'varchar'" for name, *_ in described) + "}"
        typed = ", ".join(f"nullif({name}, '')::{kind} as {name}" for name, kind, *_ in described)
        connection.execute(f"create table records as from read_parquet({first!r}) limit 0")
        for path in others:
            reader = readers[path.suffix].replace("{columns}", texts)
            connection.execute(f"insert into records select {typed} from {reader}", [str(path)])
        target = str(usage / "others.parquet").replace("'", "''")
        connection.execute(f"copy records to '{target}' (format parquet, compression zstd)")
    for path in others:
        path.unlink()
    facts = json.loads((bench.folder / "world.json").read_text(encoding="utf-8"))
    facts["usage_files"] = [str(path) for path in sorted(usage.glob("*.parquet"))]
    (bench.folder / "world.json").write_text(json.dumps(facts), encoding="utf-8")
