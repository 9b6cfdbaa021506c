"""The worked example of the rule book's section 5, and accounts in currencies that are written otherwise."""

# ruff: noqa: E501 - a table is read across, not folded

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows import cli
from tests.flows.reference.world import as_csv, rows_of

RECEIVED = "2026-11-02T12:00:00Z"

REFERENCE = {
    "sellers": """
        seller_id | legal_name | address         | tax_ids         | jurisdiction | accounting_year_start | invoice_number_pattern  | credit_note_number_pattern | valid_from
        north     | North GmbH | Hafen 1, Berlin | ["DE123456789"] | DE           | 01-01                 | N-{year}-{sequence:06}  | NC-{year}-{sequence:06}    | 2020-01-01
    """,
    "billing_accounts": """
        billing_account_id | seller_id | legal_name          | address         | billing_currency | time_zone     | jurisdiction | tax_status | payment_terms_days | is_main_in_domain | valid_from
        acme               | north     | Acme Ltd            | Markt 2, Berlin | EUR              | Europe/Berlin | DE           | business   | 14                 | false             | 2025-01-01
        bolt               | north     | Bolt [bold]AG[/]    | Markt 3, Berlin | EUR              | Europe/Berlin | DE           | business   | 14                 | false             | 2025-01-01
        mumbai             | north     | =HYPERLINK("x")     | Fort, Mumbai    | INR              | Asia/Kolkata  | IN           | export     | 14                 | false             | 2025-01-01
        seoul              | north     | Seoul Co.           | Jung-gu, Seoul  | KRW              | Asia/Seoul    | KR           | export     | 14                 | false             | 2025-01-01
    """,
    "skus": """
        sku_id | description   | service | pricing_unit | tax_category | valid_from
        vm     | Machine hours | Cloud   | hour         | standard     | 2025-01-01
        disk   | Disk space    | Cloud   | GB           | standard     | 2025-01-01
        mails  | Mails sent    | Mail    | mail         | standard     | 2025-01-01
    """,
    "sku_prices": """
        sku_price_id | sku_id | billing_currency | price_model | list_unit_price | per_quantity | valid_from
        vm-eur       | vm     | EUR              | unit        | 1               | 1            | 2025-01-01
        disk-eur     | disk   | EUR              | unit        | 500             | 1000         | 2025-01-01
        vm-inr       | vm     | INR              | unit        | 150249.03       | 1            | 2025-01-01
        vm-krw       | vm     | KRW              | unit        | 1500.4          | 1            | 2025-01-01
        mails-krw    | mails  | KRW              | graduated   |                 | 1            | 2025-01-01
    """,
    "price_tiers": """
        sku_price_id | up_to | unit_price
        mails-krw    | 1000  | 0.5
        mails-krw    | 5000  | 0.25
        mails-krw    |       | 0.125
    """,
    "discounts": """
        discount_id | kind    | value | billing_account_id | priority | valid_from
        ten-acme    | percent | 10    | acme               | 1        | 2026-01-01
        ten-bolt    | percent | 10    | bolt               | 1        | 2026-01-01
    """,
    "tax_rates": """
        seller_jurisdiction | account_jurisdiction | tax_status | tax_category | component | rate | code | exemption_reason         | valid_from
        DE                  | DE                   | business   | standard     | VAT       | 0.20 | S    |                          | 2020-01-01
        DE                  | IN                   | export     | standard     | VAT       | 0    | G    | Export outside the Union | 2020-01-01
        DE                  | KR                   | export     | standard     | VAT       | 0    | G    | Export outside the Union | 2020-01-01
    """,
}

USAGE = """
    usage_record_id | billing_account_id | sku_id | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
    a1              | acme               | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | hour
    a2              | acme               | disk   | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | GB
    b1              | bolt               | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | hour
    b2              | bolt               | disk   | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | GB
    m1              | mumbai             | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1                 | hour
    s1              | seoul              | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 823               | hour
    s2              | seoul              | mails  | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1200              | mail
"""

GRANTS = [
    {"operation_id": "op-1", "billing_account_id": "acme", "kind": "bonus", "name": "Welcome bonus"},
    {"operation_id": "op-2", "billing_account_id": "bolt", "kind": "paid", "name": "Prepaid credit"},
]
GRANTED = {
    "operation": "grant_credit",
    "actor": "operator",
    "occurred_at": "2026-10-01T08:00:00Z",
    "amount": "40.00",
    "billing_currency": "EUR",
    "window_start": "2026-10-01",
}


@dataclass(frozen=True)
class Said:
    """What a command gave: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        """Whatever was printed."""
        return self.out + self.err


def billfold(*arguments: object) -> Said:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


def write_reference(folder: Path, **changed: str) -> Path:
    """The reference tables, some written otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in {**REFERENCE, **changed}.items():
        (folder / f"{name}.csv").write_text(as_csv(rows_of(table)), encoding="utf-8")
    return folder


def write_world(folder: Path) -> Path:
    """Reference tables, usage and operations; gives the place for the lake."""
    write_reference(folder / "reference")
    (folder / "usage").mkdir()
    (folder / "usage" / "october.csv").write_text(as_csv(rows_of(USAGE)), encoding="utf-8")
    lines = [json.dumps({**GRANTED, **grant}) for grant in GRANTS]
    (folder / "operations.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "lake"


def bill_all(folder: Path) -> Path:
    """The month, billed: drafts, nothing issued yet."""
    lake = write_world(folder)
    for command in (
        ["init", lake],
        ["ingest", folder / "usage", "--lake", lake, "--received-at", RECEIVED],
        ["operations", folder / "operations.jsonl", "--lake", lake, "--received-at", RECEIVED],
        ["bill", "--period", "2026-10", "--lake", lake],
    ):
        said = billfold(*command)
        assert said.code == 0, said.both
    return lake


def issue_all(lake: Path) -> Said:
    """Issue what was billed."""
    return billfold(
        "issue", "--period", "2026-10", "--issue-date", "2026-11-03", "--lake", lake, "--received-at", RECEIVED
    )


def line_with(page: str, words: Sequence[str]) -> str:
    """The first line of a page that has all these words."""
    found = [line for line in page.splitlines() if all(word in line for word in words)]
    assert found, f"no line with {words} in:\n{page}"
    return found[0]
