"""Three accounts billed for three months: what is changed afterwards, to see whom it touches.

acme (Berlin, EUR) uses virtual machines in two projects and has a support plan; beta (London's winter, EUR) uses disks,
counted in MB, and has accepted a code; gamma (Kolkata, USD) uses both, and its records are split between months.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import Reference, load_reference
from flows.touched import touched

RECEIVED = datetime(2026, 12, 2, 6, tzinfo=UTC)
KNOWN = datetime(2027, 2, 1, tzinfo=UTC)
PERIODS = ("2026-09", "2026-10", "2026-11")
ACME, BETA, GAMMA = "acme", "beta", "gamma"

TABLES: Mapping[str, str] = {
    "sellers": """
seller_id,legal_name,address,tax_ids,jurisdiction,accounting_year_start,invoice_number_pattern,credit_note_number_pattern,valid_from
north,North Cloud GmbH,Hafen 1,"[""DE123456789""]",DE,01-01,INV-{year}-{sequence:05},CN-{year}-{sequence:05},2026-01-01
""",
    "billing_accounts": """
billing_account_id,seller_id,legal_name,address,billing_currency,time_zone,jurisdiction,tax_status,payment_terms_days,is_main_in_domain,domain,credit_limit,valid_from
acme,north,Acme GmbH,Markt 2,EUR,Europe/Berlin,DE,business,14,true,acme.example,500,2026-01-01
beta,north,Beta Ltd,High Street 3,EUR,UTC,DE,business,14,false,acme.example,500,2026-01-01
gamma,north,Gamma Pvt,MG Road 4,USD,Asia/Kolkata,IN,export,14,false,,500,2026-01-01
""",
    "sub_accounts": """
sub_account_id,billing_account_id,name,valid_from
web,acme,Website,2026-01-01
lab,acme,Laboratory,2026-01-01
""",
    "skus": """
sku_id,description,service,service_category,feature,pricing_unit,meter,tax_category,allows_corrections,valid_from
vm,Virtual machine,compute,Compute,vm,hour,sum,standard,false,2026-01-01
disk,Disk,storage,Storage,disk,GB,sum,standard,false,2026-01-01
support,Support plan,support,Other,plan,month,sum,standard,false,2026-01-01
least,Minimum,commitment,Other,least,month,sum,standard,false,2026-01-01
""",
    "unit_conversions": """
from_unit,to_unit,sku_id,numerator,denominator,valid_from
MB,GB,,1,1000,2026-01-01
minute,hour,vm,1,60,2026-01-01
""",
    "sku_prices": """
sku_price_id,sku_id,region_id,billing_account_id,billing_currency,price_model,list_unit_price,valid_from,valid_until
vm-eur,vm,,,EUR,unit,0.50,2026-01-01,
vm-acme,vm,,acme,EUR,unit,0.45,2026-10-11,2026-10-20
vm-usd,vm,,,USD,unit,0.60,2026-01-01,
disk-eur,disk,,,EUR,graduated,,2026-01-01,
disk-usd,disk,,,USD,unit,0.12,2026-01-01,
support-eur,support,,,EUR,unit,9.00,2026-01-01,
""",
    "price_tiers": """
sku_price_id,up_to,unit_price,flat_fee
disk-eur,100,0.10,0
disk-eur,,0.08,0
""",
    "recurring_items": """
recurring_item_id,billing_account_id,sub_account_id,resource_id,sku_id,region_id,quantity,proration,valid_from,valid_until
plan-acme,acme,,,support,,1,day,2026-01-01,
""",
    "spend_limits": """
spend_limit_id,kind,billing_account_id,sku_price_id,amount,billing_currency,true_up_sku_id,valid_from,valid_until
cap-beta,maximum_spend,beta,,30,EUR,,2026-01-01,
least-gamma,minimum_spend,gamma,,50,USD,least,2026-11-01,
""",
    "discounts": """
discount_id,kind,value,billing_currency,billing_account_id,sub_account_id,service,feature,sku_id,promo_code,priority,valid_from,valid_until
autumn,percent,10,,,,,,,,10,2026-10-01,2026-10-31
storage,percent,5,,,,storage,,,,20,2026-01-01,
web,fixed,1,EUR,,web,,,,,30,2026-01-01,
saver,percent,20,,,,,,,SAVE,40,2026-01-01,
""",
    "promo_codes": """
promo_code,benefit,kind,value,billing_currency,window_start,duration,accounts,total_limit,per_account_limit,valid_from,valid_until
SAVE,discount,,20,,2026-10-01/2026-12-01,,,,1,2026-01-01,
""",
    "grant_kinds": """
kind,rank,tax_position,transferable,validity,exclude,terminal_status,visible_months,once_per_domain,valid_from
bonus,10,before,true,,[],recovered,3,false,2026-01-01
organization,20,after,false,,[],recovered,3,false,2026-01-01
project,15,after,false,,[],recovered,3,false,2026-01-01
paid,30,after,false,P5Y,[],refunded,3,false,2026-01-01
""",
    "tax_rates": """
seller_jurisdiction,account_jurisdiction,account_region,tax_status,tax_category,component,rate,code,exemption_reason,valid_from,valid_until
DE,DE,,business,standard,VAT,0.20,S,,2026-01-01,
DE,IN,,export,standard,VAT,0,G,Export,2026-01-01,
""",
    "billing_policies": """
billing_account_id,policy,value,valid_from,valid_until
gamma,spanning_records,split,2026-01-01,
""",
    "cost_policies": """
cost_policy_id,billing_account_id,sub_account_id,measure,sku_id,limit,cost_position,period,action,valid_from,valid_until
watch-beta,beta,,cost,,1000,before_grants,month,notify,2026-01-01,
""",
}  # fmt: skip

USAGE_HEADER = (
    "usage_record_id,billing_account_id,sub_account_id,resource_id,sku_id,region_id,charge_period_start,"
    "charge_period_end,consumed_quantity,consumed_unit,revision"
)


def record(record_id: str, account: str, sku: str, day: str, quantity: str = "10", **changed: str) -> str:
    """A usage record of an hour as a line of CSV."""
    units = {"vm": "hour", "disk": "MB" if account == BETA else "GB"}
    row = {
        "usage_record_id": record_id,
        "billing_account_id": account,
        "sub_account_id": "",
        "resource_id": "r",
        "sku_id": sku,
        "region_id": "eu",
        "charge_period_start": f"{day}T10:00:00Z",
        "charge_period_end": f"{day}T11:00:00Z",
        "consumed_quantity": quantity,
        "consumed_unit": units[sku],
        "revision": "0",
    } | changed
    return ",".join(row[name] for name in USAGE_HEADER.split(","))


def usage() -> list[str]:
    """The usage of the three months."""
    rows = []
    for period in PERIODS:
        rows += [
            record(f"acme-web-{period}", ACME, "vm", f"{period}-05", "40", sub_account_id="web"),
            record(f"acme-lab-{period}", ACME, "vm", f"{period}-15", "40", sub_account_id="lab"),
            record(f"beta-disk-{period}", BETA, "disk", f"{period}-10", "120000"),
            record(f"gamma-vm-{period}", GAMMA, "vm", f"{period}-12", "30"),
            record(f"gamma-disk-{period}", GAMMA, "disk", f"{period}-20", "50"),
        ]
    return rows


GRANTS = (
    {
        "operation_id": "bonus-acme",
        "operation": "grant_credit",
        "billing_account_id": ACME,
        "kind": "bonus",
        "amount": "40",
        "window_start": "2026-10-01",
        "window_end": "2026-12-31",
    },
    {
        "operation_id": "organization-acme",
        "operation": "grant_credit",
        "billing_account_id": ACME,
        "kind": "organization",
        "amount": "100",
        "window_start": "2026-10-01",
        "window_end": "2026-11-30",
    },
    {
        "operation_id": "code-beta",
        "operation": "accept_promo_code",
        "billing_account_id": BETA,
        "promo_code": "SAVE",
    },
)


class Billed:
    """A lake with three billed months, and the folder of its reference tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake.open(folder / "lake")

    @property
    def reference_folder(self) -> Path:
        return self.folder / "reference"

    def reference(self) -> Reference:
        return load_reference(self.reference_folder)

    def touched(self) -> set[tuple[str, str, str]]:
        """Account, period and reason of all that is touched."""
        found = touched(self.lake.snapshot(), self.reference(), KNOWN)
        assert found.columns == ["billing_account_id", "billing_period", "why"]
        assert found.equals(found.unique().sort("billing_period", "billing_account_id", "why"))
        return set(found.iter_rows())

    def say(self, table: str, before: str, after: str) -> None:
        """Change a reference table; what was there must be there."""
        path = self.reference_folder / f"{table}.csv"
        text = path.read_text()
        assert before in text, f"{table} does not say {before}"
        path.write_text(text.replace(before, after))

    def add(self, table: str, *lines: str) -> None:
        """Append rows to a reference table."""
        with (self.reference_folder / f"{table}.csv").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def ingest(self, *rows: str, name: str = "late.csv", received_at: datetime = RECEIVED) -> Any:
        path = self.folder / name
        path.write_text("\n".join([USAGE_HEADER, *rows]) + "\n")
        return ingest_usage(self.lake, self.reference(), [path], received_at=received_at)

    def operate(self, *operations: Mapping[str, Any], received_at: datetime = RECEIVED) -> Any:
        path = self.folder / "operations.jsonl"
        said = [{"actor": "operator", "occurred_at": "2026-10-01T08:00:00Z", **one} for one in operations]
        path.write_text("".join(f"{json.dumps(one)}\n" for one in said))
        run = land_operations(self.lake, self.reference(), [path], received_at=received_at)
        return dict(run.tables["operations"].select("operation_id", "status").iter_rows())

    def bill(self, period: str) -> Any:
        return bill_period(self.lake, self.reference(), period=period)

    def issue(self, period: str, account: str | None = None) -> Any:
        return issue_invoices(
            self.lake,
            self.reference(),
            period=period,
            issue_date=date(2026, 12, 3),
            actor="operator",
            received_at=RECEIVED,
            billing_account_id=account,
        )


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="touched-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "reference").mkdir()
    for table, text in TABLES.items():
        (folder / "reference" / f"{table}.csv").write_text(text.lstrip("\n"))
    Lake.create(folder / "lake", buckets=2)
    world = Billed(folder)
    world.ingest(*usage())
    decided = world.operate(*GRANTS)
    assert set(decided.values()) == {"accepted"}, decided
    for period in PERIODS:
        world.bill(period)
    return folder


def billed(folder: Path) -> Billed:
    """The three billed months in a folder of one's own; they are billed once per process."""
    shutil.copytree(_template(), folder, dirs_exist_ok=True)
    return Billed(folder)


def accounts_of(found: set[tuple[str, str, str]], why: str) -> Sequence[tuple[str, str]]:
    """Account and period of what is touched for a reason."""
    return sorted((account, period) for account, period, reason in found if reason == why)
