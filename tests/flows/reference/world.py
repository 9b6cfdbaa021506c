"""A small sound reference folder, and ways to spoil or rewrite it."""

# ruff: noqa: E501 - a table is read across, not folded

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

import schemas
from flows.reference import Fault, Reference, ReferenceFaults, load_reference
from schemas.units import parse

SOUND: Mapping[str, str] = {
    "sellers": """
        seller_id | legal_name | address | tax_ids         | jurisdiction | accounting_year_start | invoice_number_pattern  | credit_note_number_pattern | valid_from
        north     | North GmbH | Hafen 1 | ["DE123456789"] | DE           | 01-01                 | INV-{year}-{sequence:06} | CN-{year}-{sequence:06}    | 2020-01-01
    """,
    "billing_accounts": """
        billing_account_id | seller_id | legal_name | address | domain | parent_account_id | billing_currency | time_zone     | jurisdiction | tax_status | payment_terms_days | is_main_in_domain | credit_limit | valid_from | valid_until
        acme               | north     | Acme Ltd   | Markt 2 | acme.x |                   | EUR              | Europe/Berlin | DE           | business   | 14                 | true              | 1000.00      | 2025-01-01 | 2025-12-31
        acme               | north     | Acme AG    | Markt 2 | acme.x |                   | EUR              | Europe/Berlin | DE           | business   | 30                 | true              | 2000.50      | 2026-01-01 |
        bolt               | north     | Bolt KK    | Minato  | acme.x | acme              | JPY              | Asia/Tokyo    | JP           | export     | 14                 | false             | 500          | 2025-01-01 |
    """,
    "sub_accounts": """
        sub_account_id | billing_account_id | name    | valid_from | valid_until
        website        | acme               | Website | 2025-01-01 | 2026-03-31
        website        | bolt               | Website | 2026-06-01 |
    """,
    "skus": """
        sku_id   | description | service | feature | pricing_unit | meter | tax_category | allows_corrections | tags         | valid_from
        vm-small | Small VM    | Cloud   | Compute | hour         | sum   | standard     | false              |              | 2025-01-01
        storage  | Storage     | Cloud   |         | GB           |       | standard     |                    | ["os_image"] | 2025-01-01
    """,
    "sku_prices": """
        sku_price_id  | sku_id   | region_id | billing_account_id | billing_currency | price_model | list_unit_price | per_quantity | valid_from | valid_until
        vm-list       | vm-small |           |                    | EUR              | unit        | 0.125           |              | 2025-01-01 |
        vm-contract   | vm-small | eu-1      | acme               | EUR              | unit        | 0.10            | 1            | 2026-01-01 | 2026-12-31
        storage-tiers | storage  |           |                    | EUR              | graduated   |                 | 1            | 2025-01-01 |
    """,
    "price_tiers": """
        sku_price_id  | up_to | unit_price | flat_fee
        storage-tiers | 100   | 0.50       | 1.50
        storage-tiers |       | 0.40       |
    """,
    "discounts": """
        discount_id | kind    | value | billing_currency | billing_account_id | sub_account_id | sku_id | promo_code | priority | valid_from | valid_until
        spring      | percent | 10    |                  | acme               |                |        |            | 1        | 2026-03-01 | 2026-05-31
        website     | percent | 5     |                  |                    | website        |        |            | 2        | 2026-03-01 |
    """,
    "promo_codes": """
        promo_code | benefit | kind  | value | billing_currency | window_start          | duration | include           | accounts | valid_from
        HELLO      | grant   | promo | 50.00 | EUR              |                       | P3M      | ["service:Cloud"] | ["acme"] | 2026-01-01
        AUTUMN     | grant   | promo | 20    | EUR              | 2026-10-01/2026-12-31 |          |                   |          | 2026-01-01
    """,
    "tax_rates": """
        seller_jurisdiction | account_jurisdiction | account_region | tax_status | tax_category | component | rate | code | exemption_reason | valid_from | valid_until
        DE                  | DE                   |                | business   | standard     | VAT       | 0.16 | S    |                  | 2020-07-01 | 2020-12-31
        DE                  | DE                   |                | business   | standard     | VAT       | 0.19 | S    |                  | 2021-01-01 |
        DE                  | JP                   |                | export     | standard     | VAT       | 0    | G    | Export           | 2020-01-01 |
    """,
    "billing_policies": """
        billing_account_id | policy         | value     | valid_from | valid_until
                           | rounding_tax   | half_even | 2026-01-01 | 2026-06-30
        acme               | unpriced_usage | skip      | 2026-01-01 |
    """,
    "principals": """
        principal_id | role            | billing_account_id | sub_account_id | valid_from
        operator     | staff           |                    |                | 2000-01-01
        ada          | billing_manager | acme               |                | 2026-01-01
    """,
}


def rows_of(table: str) -> list[list[str]]:
    """Header and rows of a table written with bars."""
    return [[cell.strip() for cell in line.split("|")] for line in table.strip("\n").splitlines() if line.strip()]


def write(folder: Path, tables: Mapping[str, str]) -> Path:
    """A folder of CSV files from tables written with bars."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(as_csv(rows_of(table)), encoding="utf-8")
    return folder


def as_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def spoiled(folder: Path, table: str, row: int, **cells: str) -> Path:
    """The sound folder with some cells of one row (as a spreadsheet counts it) replaced; a new column is added."""
    header, *rows = rows_of(SOUND[table])
    for column in cells:
        if column not in header:
            header.append(column)
            rows = [[*cells_before, ""] for cells_before in rows]
    for column, text in cells.items():
        rows[row - 2][header.index(column)] = text
    write(folder, SOUND)
    (folder / f"{table}.csv").write_text(as_csv([header, *rows]), encoding="utf-8")
    return folder


def with_rows(folder: Path, table: str, *rows: str) -> Path:
    """The sound folder with rows added to one table."""
    return write(folder, {**SOUND, table: SOUND[table].rstrip() + "\n" + "\n".join(rows)})


def with_table(folder: Path, table: str, written: str) -> Path:
    """The sound folder with one more table."""
    return write(folder, {**SOUND, table: written})


def faults_of(folder: Path) -> tuple[Fault, ...]:
    """Everything that is wrong with a folder; nothing if it loads."""
    try:
        load_reference(folder)
    except ReferenceFaults as found:
        return found.faults
    return ()


def places(faults: tuple[Fault, ...]) -> list[tuple[str, int | None, str | None]]:
    """Where the faults are."""
    return [(fault.file, fault.row, fault.column) for fault in faults]


def as_parquet(folder: Path, source: Path) -> Path:
    """The CSV files of a folder as Parquet with real types: decimals, days, flags, nested lists."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.csv"):
        header, *rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
        types = schemas.TABLES[path.stem].columns()
        columns = [_typed(name, [row[at] or None for row in rows], types[name]) for at, name in enumerate(header)]
        pl.DataFrame(columns).write_parquet(folder / f"{path.stem}.parquet")
    return folder


def _typed(name: str, texts: list[str | None], dtype: pl.DataType) -> pl.Series:
    if name in ("valid_from", "valid_until"):
        return pl.Series(name, [None if text is None else date.fromisoformat(text) for text in texts], dtype=pl.Date)
    if isinstance(dtype, pl.List):
        return pl.Series(name, [None if text is None else json.loads(text) for text in texts], dtype=dtype)
    return pl.Series(name, [None if text is None else parse(text, dtype) for text in texts], dtype=dtype)


def loaded(folder: Path) -> Reference:
    """The sound folder, loaded."""
    return load_reference(write(folder, SOUND))
