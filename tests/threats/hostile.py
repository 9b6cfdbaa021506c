"""A month whose every name is hostile: formulas, markup, ways out of a folder, very long ids.

Names come from customers, resellers and files; none of them is ours. An hour costs 0.50, the tax is 20 %.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from tests.flows.billing.months import Month

FORMULA = "=cmd|' /C calc'!A1"
SCRIPT = "<script>alert(1)</script>"
OUT = "../../../../tmp/billfold-was-here"
LINK = "[x](javascript:alert(1))"
LONG = "n" * 512
TABLE = "a|b`c*d_e"
TURNED = "\u202egnp.exe"
WIDE = "\uff1dSUM(1)"

TURNING = "turning"
"""The account whose name is TURNED, which no id may be."""

ACCOUNTS = (FORMULA, "+1+1", "-2+3", "@SUM(1)", SCRIPT, OUT, LINK, LONG, TABLE, TURNING, WIDE, "sub/dir\\back", "acme")
"""Ids of accounts; each is a name, a project, a resource and a record's id, too."""

CSV_FILE = "=evil <b>name|.csv"


def hostile(folder: Path) -> Month:
    """The month, landed: usage of every account, one row of each that is refused, and a grant for each."""
    month = Month(folder, buckets=2)
    reference = month.reference_folder
    (reference / "billing_accounts.csv").write_text(_csv(_accounts()), encoding="utf-8")
    skus = (reference / "skus.csv").read_text().replace("Small virtual machine", SCRIPT)
    (reference / "skus.csv").write_text(skus, encoding="utf-8")
    owners = [["ada", "organization_owner", account, "2026-01-01"] for account in ACCOUNTS]
    staff = ["operator", "staff", "", "2026-01-01"]
    header = ["principal_id", "role", "billing_account_id", "valid_from"]
    (reference / "principals.csv").write_text(_csv([header, staff, *owners]), encoding="utf-8")
    (folder / CSV_FILE).write_text(_csv(_usage()), encoding="utf-8")
    month.ingest(folder / CSV_FILE)
    month.operate(*(_grant(number, account) for number, account in enumerate(ACCOUNTS)))
    return month


def _accounts() -> list[list[str]]:
    header = ["billing_account_id", "seller_id", "legal_name", "address", "billing_currency", "time_zone"]
    header += ["jurisdiction", "tax_status", "payment_terms_days", "is_main_in_domain", "credit_limit", "valid_from"]
    terms = ["EUR", "Europe/Berlin", "DE", "business", "14", "false", "500", "2026-01-01"]
    return [header, *([account, "north", name_of(account), name_of(account), *terms] for account in ACCOUNTS)]


def name_of(account: str) -> str:
    return TURNED if account == TURNING else account


def _usage() -> list[list[str]]:
    header = ["usage_record_id", "billing_account_id", "resource_id", "sku_id", "region_id"]
    header += ["charge_period_start", "charge_period_end", "consumed_quantity", "consumed_unit"]
    when = ["2026-10-05T00:00:00Z", "2026-10-05T01:00:00Z", "100", "hour"]
    good = [[account, account, account, "vm-small", account, *when] for account in ACCOUNTS]
    bad = [[f"{account[:500]}-bad", account, account, account, account, *when] for account in ACCOUNTS]
    return [header, *good, *bad, [TURNED, TURNING, TURNED, "vm-small", TURNED, *when]]


def _grant(number: int, account: str) -> dict[str, str]:
    return {
        "operation_id": f"{account[:500]}-{number}",
        "operation": "grant_credit",
        "billing_account_id": account,
        "kind": "bonus",
        "name": name_of(account),
        "amount": "1.00",
        "occurred_at": "2026-10-01T08:00:00Z",
        "window_start": "2026-10-01",
    }


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def texts(value: object) -> list[str]:
    """Every text of a JSON value."""
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in texts(part)]
    if isinstance(value, list):
        return [one for part in value for one in texts(part)]
    return [value] if isinstance(value, str) else []
