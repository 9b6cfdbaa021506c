"""One small world with one of everything, in files, and the flows that bill it.

Every meter and price model; five currencies of 0, 2 and 3 digits and five time zones; percentages, an amount off and a
promo code; credit before tax, after it, sold with tax, with floors, of an organization and of a project; limits, a
recurring item, a cost policy; a price and a project's owner that change inside the month; bad rows, duplicates,
conflicts and revisions. October is billed and issued; then payments, late usage, a bonus from the past and a mended
price come in, and November, which is billed; October is corrected, and the corrections are issued.
"""

# ruff: noqa: E501 - a table is read across, not folded

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from flows.backfill import backfill
from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import load_reference
from tests.flows.reference.world import as_csv, rows_of

Row = dict[str, Any]

EUROPEAN = tuple(f"käufer-{place:02}" for place in range(1, 9))
"""Accounts that differ in their ids alone, so in their buckets."""

REFERENCE = {
    "sellers": """
        seller_id | legal_name  | address           | tax_ids         | jurisdiction | accounting_year_start | invoice_number_pattern | credit_note_number_pattern | valid_from
        north     | Nørd Cloud  | Hafen 1, Köln     | ["DE123456789"] | DE           | 01-01                 | N-{year}-{sequence:06} | NC-{year}-{sequence:06}    | 2020-01-01
        south     | South Cloud | Fort 1, Bengaluru | ["29AAAPL1234"] | IN           | 04-01                 | S{year}-{sequence:06}  | SC{year}-{sequence:06}     | 2020-01-01
    """,
    "billing_accounts": """
        billing_account_id | seller_id | legal_name | address  | billing_currency | time_zone        | jurisdiction | region | tax_status | payment_terms_days | is_main_in_domain | credit_limit | valid_from
        acme               | north     | Acme Ltd   | Markt 2  | EUR              | Europe/Berlin    | DE           |        | business   | 14                 | true              | 500          | 2025-01-01
        acme-labs          | north     | Acme Labs  | Markt 2  | EUR              | America/New_York | DE           |        | consumer   | 30                 | false             |              | 2025-01-01
        mumbai             | south     | Mumbai Ltd | Fort 2   | INR              | Asia/Kolkata     | IN           | IN-KA  | business   | 14                 | false             |              | 2025-01-01
        seoul              | north     | 서울 Co.   | Jung-gu  | KRW              | Asia/Seoul       | KR           |        | export     | 14                 | false             |              | 2025-01-01
        manama             | north     | Manama WLL | Adliya 3 | BHD              | Asia/Kuwait      | BH           |        | export     | 14                 | false             |              | 2025-01-01
        parked             | north     | Parked Inc | Markt 9  | USD              | UTC              | DE           |        | business   | 14                 | false             |              | 2025-01-01
    """,
    "sub_accounts": """
        sub_account_id | billing_account_id | name    | valid_from | valid_until
        web            | acme               | Website | 2025-01-01 | 2026-10-15
        web            | acme-labs          | Website | 2026-10-16 |
        app            | acme               | App     | 2025-01-01 |
    """,
    "skus": """
        sku_id | description   | service | service_category | feature | pricing_unit | meter         | quantity_rounding | quantity_increment | quantity_rounding_scope | tax_category | allows_corrections | tags         | valid_from
        vm     | Machine hours | Cloud   | Compute          | VM      | hour         | sum           |                   |                    |                         | standard     | true               |              | 2025-01-01
        disk   | Disk space    | Cloud   | Storage          | Disk    | GB           | time_weighted |                   |                    |                         | standard     | false              |              | 2025-01-01
        calls  | API calls     | API     | AI               |         | request      | count         |                   |                    |                         | reduced      | false              |              | 2025-01-01
        peak   | Peak traffic  | CDN     | Network          |         | GB           | max           | up                | 1                  | period                  | standard     | false              |              | 2025-01-01
        seats  | Seats         | Office  | Office           |         | seat         | last          |                   |                    |                         | reduced      | false              | ["os_image"] | 2025-01-01
        users  | Users         | Office  | Office           |         | user         | unique        |                   |                    |                         | zero         | false              |              | 2025-01-01
        fees   | Card fees     | Pay     | Payment          |         | hour         | sum           | nearest           | 0.5                | record                  | standard     | false              |              | 2025-01-01
        gap    | Commitment    | Cloud   | Compute          |         | hour         | sum           |                   |                    |                         | standard     | false              |              | 2025-01-01
        spare  | Without price | Cloud   | Compute          |         | hour         | sum           |                   |                    |                         | standard     | false              |              | 2025-01-01
    """,
    "sku_prices": """
        sku_price_id | sku_id | billing_account_id | billing_currency | price_model | list_unit_price | per_quantity | package_size | fixed_fee | minimum | maximum | free_quantity | valid_from | valid_until
    """,
    "price_tiers": """
        sku_price_id | up_to | unit_price | flat_fee
    """,
    "recurring_items": """
        recurring_item_id | billing_account_id | sub_account_id | sku_id | quantity | proration | valid_from | valid_until
        support           | acme               |                | gap    | 3        |           | 2026-01-01 |
        half-a-month      | käufer-01          |                | gap    | 2        | day       | 2026-01-01 | 2026-10-15
    """,
    "spend_limits": """
        spend_limit_id | kind          | billing_account_id | amount | billing_currency | true_up_sku_id | valid_from
        at-most        | maximum_spend | käufer-02          | 15.00  | EUR              |                | 2026-01-01
        at-least       | minimum_spend | käufer-03          | 400.00 | EUR              | gap            | 2026-01-01
    """,
    "cost_policies": """
        cost_policy_id | billing_account_id | measure | limit | cost_position | period | action       | valid_from
        watch          | käufer-04          | cost    | 5.00  | before_grants | month  | restrict_new | 2026-01-01
    """,
    "discounts": """
        discount_id | kind    | value           | billing_currency | billing_account_id | sub_account_id | service | promo_code | priority | valid_from | valid_until
        autumn      | percent | 10              |                  |                    |                | Cloud   |            | 2        | 2026-10-01 | 2026-11-30
        third       | percent | 33.333333333333 |                  | acme               |                |         |            | 1        | 2026-10-11 |
        five        | fixed   | 5.01            | EUR              | käufer-05          |                |         |            | 1        | 2026-01-01 |
        hello       | percent | 7               |                  |                    |                |         | HELLO      | 3        | 2026-01-01 |
    """,
    "promo_codes": """
        promo_code | benefit  | kind  | value | billing_currency | window_start | duration | per_account_limit | valid_from
        HELLO      | discount |       | 7     |                  | acceptance   | P1M      | 1                 | 2026-01-01
        GIFT       | grant    | promo | 3.33  | EUR              | next_invoice | P3M      | 1                 | 2026-01-01
    """,
    "grant_kinds": """
        kind         | rank | tax_position | transferable | validity | exclude          | terminal_status | visible_months | once_per_domain | valid_from
        bonus        | 10   | before       | true         |          | []               | recovered       | 3              | false           | 2000-01-01
        promo        | 10   | before       | false        |          | ["tag:os_image"] | recovered       | 3              | false           | 2000-01-01
        prepaid      | 15   | before       | false        | P5Y      | []               | refunded        | 3              | false           | 2000-01-01
        organization | 20   | before       | false        |          | []               | recovered       | 3              | false           | 2000-01-01
        project      | 20   | before       | false        |          | []               | recovered       | 3              | false           | 2000-01-01
        paid         | 30   | after        | false        | P5Y      | []               | refunded        | 3              | false           | 2000-01-01
    """,
    "tax_rates": """
        seller_jurisdiction | account_jurisdiction | account_region | tax_status | tax_category | component | rate  | code | exemption_reason | valid_from
        DE                  | DE                   |                | business   | standard     | VAT       | 0.19  | S    |                  | 2020-01-01
        DE                  | DE                   |                | business   | reduced      | VAT       | 0.07  | S    |                  | 2020-01-01
        DE                  | DE                   |                | business   | zero         | VAT       | 0     | Z    |                  | 2020-01-01
        DE                  | DE                   |                | consumer   | standard     | VAT       | 0.19  | S    |                  | 2020-01-01
        DE                  | DE                   |                | consumer   | reduced      | VAT       | 0.07  | S    |                  | 2020-01-01
        DE                  | DE                   |                | consumer   | zero         | VAT       | 0     | Z    |                  | 2020-01-01
        IN                  | IN                   | IN-KA          | business   | standard     | CGST      | 0.09  | S    |                  | 2020-01-01
        IN                  | IN                   | IN-KA          | business   | standard     | SGST      | 0.09  | S    |                  | 2020-01-01
        IN                  | IN                   | IN-KA          | business   | reduced      | CGST      | 0.025 | S    |                  | 2020-01-01
        IN                  | IN                   | IN-KA          | business   | reduced      | SGST      | 0.025 | S    |                  | 2020-01-01
        IN                  | IN                   | IN-KA          | business   | zero         | IGST      | 0     | Z    |                  | 2020-01-01
        DE                  | KR                   |                | export     | standard     | VAT       | 0     | G    | Export           | 2020-01-01
        DE                  | KR                   |                | export     | reduced      | VAT       | 0     | G    | Export           | 2020-01-01
        DE                  | KR                   |                | export     | zero         | VAT       | 0     | G    | Export           | 2020-01-01
        DE                  | BH                   |                | export     | standard     | VAT       | 0     | G    | Export           | 2020-01-01
        DE                  | BH                   |                | export     | reduced      | VAT       | 0     | G    | Export           | 2020-01-01
        DE                  | BH                   |                | export     | zero         | VAT       | 0     | G    | Export           | 2020-01-01
    """,
    "billing_policies": """
        billing_account_id | policy        | value         | valid_from
        käufer-06          | charge_order  | proportional  | 2026-01-01
        käufer-07          | tax_rounding  | per_line      | 2026-01-01
        käufer-08          | stacking      | additive      | 2026-01-01
        acme-labs          | charge_order  | largest_first | 2026-01-01
        mumbai             | rounding_tax  | half_even     | 2026-01-01
        käufer-01          | proration     | day           | 2026-01-01
        manama             | unpriced_usage | skip         | 2026-01-01
    """,
}
FACTORS = {"EUR": Decimal(1), "INR": Decimal(90), "KRW": Decimal(1500), "BHD": Decimal("0.4")}
TEXTS = (
    *("usage_record_id", "billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id"),
    *("consumed_quantity", "consumed_unit"),
)
UNITS = {"vm": "hour", "disk": "GB", "calls": "request", "peak": "GB", "seats": "seat", "users": "user", "fees": "hour"}


def prices(mended: bool) -> tuple[list[list[str]], list[list[str]]]:
    """Prices in each currency, a model each; the machine's rises inside October, and was mended from the 11th on."""
    lines, tiers = rows_of(REFERENCE["sku_prices"]), rows_of(REFERENCE["price_tiers"])

    def price(name: str, sku: str, currency: str, model: str, each: str, **more: str) -> None:
        row = {"sku_price_id": name, "sku_id": sku, "billing_currency": currency, "price_model": model, **more}
        row = {"list_unit_price": each, "valid_from": "2025-01-01", **row}
        lines.append([row.get(column, "") for column in lines[0]])

    for currency, factor in FACTORS.items():
        end = "2026-10-10" if mended else "2026-10-15"
        price(f"vm-{currency}", "vm", currency, "unit", f"{factor * Decimal('0.05'):f}", valid_until=end)
        since = "2026-10-11" if mended else "2026-10-16"
        price(f"vm-{currency}-new", "vm", currency, "unit", f"{factor * Decimal('0.0625'):f}", valid_from=since)
        price(f"disk-{currency}", "disk", currency, "graduated", "")
        price(f"calls-{currency}", "calls", currency, "package", f"{factor * Decimal('2'):f}", package_size="3")
        price(f"peak-{currency}", "peak", currency, "volume", "")
        price(f"seats-{currency}", "seats", currency, "flat", f"{factor * Decimal('9.99'):f}")
        price(f"users-{currency}", "users", currency, "unit", f"{factor * Decimal('1.337'):f}", free_quantity="1")
        price(f"gap-{currency}", "gap", currency, "unit", f"{factor * Decimal('0.5'):f}")
        fees = {"fixed_fee": f"{factor:f}" if currency != "BHD" else "0.100"}
        price(f"fees-{currency}", "fees", currency, "percentage", "0.029", **fees)
        for name in (f"disk-{currency}", f"peak-{currency}"):
            tiers += [
                [name, "5", f"{factor * Decimal('0.111'):f}", "0"],
                [name, "", f"{factor * Decimal('0.1'):f}", "0"],
            ]
    price("vm-acme", "vm", "EUR", "unit", "0.047", billing_account_id="acme", valid_from="2026-10-21")
    return lines, tiers


@dataclass(frozen=True)
class Files:
    """A world in a folder."""

    folder: Path

    def bill(self, root: Path, *, buckets: int = 16, groups: int | None = None) -> Lake:
        """A new lake in which all of it has happened."""
        lake = Lake.create(root, buckets=buckets)
        first, mended = (load_reference(self.folder / name) for name in ("reference", "mended"))
        landed, corrected = (datetime(2026, month, 2, 6, tzinfo=UTC) for month in (11, 12))
        ingest_usage(lake, first, self.parts("october"), received_at=landed)
        land_operations(lake, first, self.parts("operations-october"), received_at=landed)
        bill_period(lake, first, period="2026-10", groups=groups)
        issued = {"issue_date": date(2026, 11, 3), "actor": "operator", "received_at": landed}
        issue_invoices(lake, first, period="2026-10", **issued)
        ingest_usage(lake, mended, self.parts("november"), received_at=corrected)
        land_operations(lake, mended, self.parts("operations-november"), received_at=corrected)
        bill_period(lake, mended, period="2026-11", groups=groups)
        backfill(lake, mended, received_at=corrected, issue_date=corrected.date())
        return lake

    def parts(self, name: str) -> list[Path]:
        return sorted((self.folder / name).iterdir())


# --- usage ------------------------------------------------------------------------------------------------------------


def usage(month: int, count: int, seed: int) -> list[Row]:
    """Good records of a month: some of a project, some in other units, some with tags, a few of the same instant."""
    random = Random(seed)
    accounts = ["acme", "acme", "acme-labs", "mumbai", "seoul", "manama", *EUROPEAN]
    start = datetime(2026, month, 2, tzinfo=UTC)
    found = []
    for place in range(count):
        account, sku = random.choice(accounts), random.choice(list(UNITS))
        begins = start + timedelta(hours=random.randrange(26 * 24))
        project = random.choice((None, "app")) if account == "acme" else None
        if account in ("acme", "acme-labs") and random.randrange(3) == 0:
            project = "web" if (account == "acme") == (begins < datetime(2026, 10, 15, 12, tzinfo=UTC)) else None
        if month == 11 and account == "acme" and project == "web":
            project = None
        minutes = sku == "vm" and random.randrange(4) == 0
        found.append(
            {
                "usage_record_id": f"u-{month}-{place:04}",
                "billing_account_id": account,
                "sub_account_id": project,
                "resource_id": random.choice((None, "r-1", "r-2", "r-3")),
                "sku_id": sku,
                "region_id": random.choice((None, "eu-1")),
                "charge_period_start": begins,
                "charge_period_end": begins + timedelta(hours=random.choice((1, 1, 6, 24))),
                "consumed_quantity": random.choice(("1", "2.5", "0.333333333333", "12.000000000001", "7", "30")),
                "consumed_unit": "minute" if minutes else UNITS[sku],
                "revision": 0,
                "tags": random.choice((None, None, {"team": "a"}, {"team": "ü"})),
            }
        )
    return found


def odd(good: Sequence[Row]) -> list[Row]:
    """Rows that are no plain good ones: repeated, in conflict, replaced, taken back, or wrong."""
    first, second, third, fourth, machine = *good[:4], next(row for row in good if row["sku_id"] == "vm")

    def of(row: Row, name: str, **changed: Any) -> Row:
        return {**row, "usage_record_id": f"odd-{name}", **changed}

    return [
        first,
        second,
        {**third, "revision": 1, "consumed_quantity": "3"},
        {**third, "revision": 2, "consumed_quantity": "4"},
        of(fourth, "conflict"),
        of(fourth, "conflict", consumed_quantity="99"),
        of(machine, "back", consumed_quantity="-0.5"),
        of(first, "unpriced", billing_account_id="manama", sub_account_id=None, **hour("spare")),
        of(first, "parked", billing_account_id="parked", sub_account_id=None, **hour("vm")),
        of(first, "no-account", billing_account_id="nobody"),
        of(first, "no-sku", sku_id="nothing"),
        of(first, "no-unit", consumed_unit="parsec"),
        of(first, "reversed", charge_period_end=first["charge_period_start"] - timedelta(hours=1)),
    ]


def hour(sku: str) -> Row:
    """A whole hour of a SKU."""
    return {"sku_id": sku, "consumed_unit": "hour", "consumed_quantity": "1"}


def write_usage(folder: Path, files: dict[str, Sequence[Row]]) -> None:
    """Files of usage in the format of their names."""
    folder.mkdir(parents=True)
    for name, rows in files.items():
        texts = [{column: _text(value) for column, value in row.items()} for row in rows]
        if name.endswith(".parquet"):
            _parquet(rows).write_parquet(folder / name)
        elif name.endswith(".csv"):
            cells = [[("" if value is None else value) for value in row.values()] for row in texts]
            (folder / name).write_text(as_csv([list(texts[0]), *cells]), encoding="utf-8")
        else:
            lines = [{**text, "tags": row["tags"]} for text, row in zip(texts, rows, strict=True)]
            content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
            (folder / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)


def _parquet(rows: Sequence[Row]) -> pl.DataFrame:
    tags = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns["tags"] = [
        None if found is None else [{"key": key, "value": value} for key, value in found.items()]
        for found in columns["tags"]
    ]
    texts = dict.fromkeys((name for name in TEXTS if name in columns), pl.String)
    frame = pl.DataFrame(columns, schema_overrides={"tags": tags, **texts}, strict=False)
    instants = pl.col("charge_period_start", "charge_period_end").cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(instants, pl.col("consumed_quantity").cast(pl.Decimal(38, 15)))


# --- operations -------------------------------------------------------------------------------------------------------

OCTOBER = {"actor": "operator", "occurred_at": "2026-10-05T08:00:00Z"}
WINDOW = {"window_start": "2026-10-01", "window_end": "2026-12-31"}


def grant(name: str, account: str, kind: str, amount: str, **more: Any) -> Row:
    named = {"operation_id": name, "billing_account_id": account, "kind": kind, "name": name, "amount": amount}
    return {**OCTOBER, "operation": "grant_credit", **named, **WINDOW, **more}


def october() -> list[Row]:
    """Credit of every sort, promo codes, a charge, and what is refused."""
    european = {"window_start": "2026-10-16"}
    return [
        grant("bonus-acme", "acme", "bonus", "11.11", include=["service:Cloud"]),
        grant("half-month", "käufer-02", "bonus", "1.00", **european),
        grant("science", "acme", "organization", "60.00", logic="fixed", monthly_value="5.00"),
        grant("sky", "käufer-06", "organization", "12.34", logic="linear"),
        grant("bonus-seoul", "seoul", "bonus", "1000"),
        grant("bonus-manama", "manama", "bonus", "1.234", priority=1),
        *(grant(f"bonus-{one}", one, "bonus", f"{place}.01") for place, one in enumerate(EUROPEAN[3:], start=1)),
        grant("paid-mumbai", "mumbai", "paid", "300.00", operation="purchase_credit", price_paid="300.00"),
        grant("paid-acme", "acme", "paid", "5.00", operation="purchase_credit", price_paid="5.00"),
        {**grant("prepaid-labs", "acme-labs", "prepaid", "50.00", tax_category="standard"), "operation": "purchase_credit", "price_paid": "40.00"},
        {**OCTOBER, "operation_id": "hello", "operation": "accept_promo_code", "billing_account_id": "acme-labs", "promo_code": "HELLO"},
        {**OCTOBER, "operation_id": "gift", "operation": "accept_promo_code", "billing_account_id": "käufer-07", "promo_code": "GIFT"},
        {**OCTOBER, "operation_id": "gift-again", "operation": "accept_promo_code", "billing_account_id": "käufer-07", "promo_code": "GIFT"},
        {**OCTOBER, "operation_id": "to-app", "operation": "allocate_to_project", "billing_account_id": "acme", "grant_id": "science", "sub_account_id": "app", "amount": "10.00", "use_organization_credit": True, "occurred_at": "2026-10-06T08:00:00Z"},
        {**OCTOBER, "operation_id": "setup", "operation": "add_charge", "billing_account_id": "käufer-08", "amount": "12.50", "billing_period": "2026-10", "sku_id": "gap", "text": "Set-up"},
        grant("by-nobody", "acme", "bonus", "5.00", actor="nobody"),
        grant("too-precise", "seoul", "bonus", "0.5"),
    ]  # fmt: skip


def november() -> list[Row]:
    """Payments, a reversal, a bonus from the past, credit that ends."""
    at = {"actor": "operator", "occurred_at": "2026-11-20T08:00:00Z"}
    named = ("operation_id", "operation", "billing_account_id")
    return [
        {**at, **dict(zip(named, ("pay-acme", "record_payment", "acme"), strict=True)), "amount": "7.77"},
        {**at, **dict(zip(named, ("pay-all", "record_payment", "käufer-01"), strict=True)), "amount": "1000.00"},
        {**at, **dict(zip(named, ("write-off", "record_payment", "käufer-02"), strict=True)), "amount": "1.00", "payment_kind": "write_off"},
        {**at, **dict(zip(named, ("back", "reverse_payment", "acme"), strict=True)), "reverses_operation_id": "pay-acme", "occurred_at": "2026-11-21T08:00:00Z"},
        {**grant("late-bonus", "käufer-01", "bonus", "2.50"), "recorded_at": "2026-11-20T08:00:00Z"},
        {**at, **dict(zip(named, ("take-back", "recover_credit", "seoul"), strict=True)), "grant_id": "bonus-seoul"},
    ]  # fmt: skip


def write_operations(folder: Path, files: dict[str, Sequence[Row]]) -> None:
    folder.mkdir(parents=True)
    for name, rows in files.items():
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (folder / name).write_text(lines, encoding="utf-8")


# --- the whole --------------------------------------------------------------------------------------------------------


def reference_rows(mended: bool) -> dict[str, list[list[str]]]:
    """Every reference table as rows, header first."""
    tables = {name: rows_of(text) for name, text in REFERENCE.items()}
    tables["sku_prices"], tables["price_tiers"] = prices(mended)
    header, *accounts = tables["billing_accounts"]
    model = dict(zip(header, accounts[0], strict=True)) | {"is_main_in_domain": "false", "credit_limit": ""}
    more = [{**model, "billing_account_id": one, "legal_name": f"{one} GmbH"} for one in EUROPEAN]
    tables["billing_accounts"] = [header, *accounts, *([row[name] for name in header] for row in more)]
    return tables


def write_reference(folder: Path, tables: dict[str, list[list[str]]]) -> None:
    folder.mkdir(parents=True)
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_text(as_csv(rows), encoding="utf-8")


def october_usage() -> list[Row]:
    good = usage(10, 160, 1)
    return [*good, *odd(good)]


def november_usage() -> list[Row]:
    """November's records, late ones of October, and a revision of a record of October that is billed."""
    late = [{**row, "usage_record_id": f"late-{row['usage_record_id']}"} for row in usage(10, 24, 2)]
    revised = [{**row, "revision": 1, "consumed_quantity": "5"} for row in usage(10, 160, 1)[20:23]]
    return [*usage(11, 80, 3), *late, *revised]


def write_world(folder: Path) -> Files:
    """The world as it is usually written."""
    write_reference(folder / "reference", reference_rows(mended=False))
    write_reference(folder / "mended", reference_rows(mended=True))
    rows = october_usage()
    write_usage(folder / "october", {"a.parquet": rows[:60], "b.csv": rows[60:110], "c.jsonl.gz": rows[110:]})
    rows = november_usage()
    write_usage(folder / "november", {"a.csv": rows[:40], "b.parquet": rows[40:]})
    write_operations(folder / "operations-october", {"a.jsonl": october()})
    write_operations(folder / "operations-november", {"a.jsonl": november()})
    return Files(folder)
