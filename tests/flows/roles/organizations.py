"""Three organizations' books on one lake: `acme`, which is read, and others that must not be seen.

`acme` and `labs` are of one domain and send each other credit; everything else of the others is made of `Others`: every
name and id begins with its mark, every amount is a multiple of its measure. Two worlds that differ in `Others` alone are
the same to whoever reads `acme`. An hour costs 1.00 (acme: 0.80), the tax is 20 %, every zone is UTC.
"""

# ruff: noqa: E501 - a table is read across, not folded

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flows.export import Export, export
from flows.lake.journal import Lake
from flows.operations import land_operations
from tests.flows.billing.months import Month

MARKS = ("Zqx", "Wvk")
LANDED = datetime(2026, 11, 2, 6, tzinfo=UTC)
PAID = datetime(2026, 11, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Others:
    """What all that others own is made of."""

    mark: str = "Zqx"
    measure: str = "713.57"

    def times(self, factor: str) -> str:
        """A multiple of the measure, with two decimals, so that it can be paid."""
        return str((Decimal(self.measure) * Decimal(factor)).quantize(Decimal("0.01")))


def reference(others: Others) -> dict[str, str]:
    """The reference tables as CSV."""
    q, times = others.mark, others.times
    return {
        "billing_accounts": f"""
billing_account_id,seller_id,legal_name,address,domain,parent_account_id,is_main_in_domain,billing_currency,time_zone,jurisdiction,tax_status,payment_terms_days,credit_limit,valid_from
acme,north,Acme GmbH,"Markt 2, Köln",acme.example,{q}-holding,true,EUR,UTC,DE,business,14,900,2026-01-01
labs,north,{q} Labs GmbH,"{q} Markt 3, Köln",acme.example,acme,false,EUR,UTC,DE,business,14,{times("900")},2026-01-01
{q}-globex,north,{q} Globex GmbH,"{q} Ring 1, Bonn",{q}.example,,true,EUR,UTC,DE,business,14,{times("901")},2026-01-01
{q}-annex,north,{q} Annex GmbH,"{q} Ring 3, Bonn",{q}.example,{q}-globex,false,EUR,UTC,DE,business,14,{times("903")},2026-01-01
{q}-holding,north,{q} Holding GmbH,"{q} Ring 2, Bonn",{q}.other,,true,EUR,UTC,DE,business,14,{times("902")},2026-01-01
""",
        "sub_accounts": f"""
sub_account_id,billing_account_id,name,valid_from
website,acme,Website,2026-01-01
shop,acme,Shop,2026-01-01
{q}-bench,labs,{q} Bench,2026-01-01
{q}-rocket,{q}-globex,{q} Rocket,2026-01-01
""",
        "skus": """
sku_id,description,service,service_category,feature,pricing_unit,meter,tax_category,allows_corrections,valid_from
vm-small,Small virtual machine,compute,Compute,vm,hour,sum,standard,false,2026-01-01
mails,Mails,mail,Mail,,mail,sum,standard,false,2026-01-01
rare,What has no price for most,compute,Compute,vm,hour,sum,standard,false,2026-01-01
""",
        "grant_kinds": """
kind,rank,tax_position,transferable,validity,exclude,terminal_status,visible_months,once_per_domain,valid_from
bonus,10,before,false,,[],recovered,3,false,2026-01-01
free,10,before,true,,[],recovered,3,false,2026-01-01
promo,10,before,false,,[],recovered,3,false,2026-01-01
organization,20,before,false,,[],recovered,3,false,2026-01-01
project,20,before,false,,[],recovered,3,false,2026-01-01
paid,30,after,false,P5Y,[],refunded,3,false,2026-01-01
""",
        "sku_prices": f"""
sku_price_id,sku_id,billing_account_id,billing_currency,price_model,list_unit_price,valid_from
vm-small-eur,vm-small,,EUR,unit,1.00,2026-01-01
vm-small-acme,vm-small,acme,EUR,unit,0.80,2026-01-01
{q}-vm,vm-small,{q}-globex,EUR,unit,{times("0.01")},2026-01-01
mails-eur,mails,,EUR,graduated,,2026-01-01
{q}-mails,mails,labs,EUR,graduated,,2026-01-01
""",
        "price_tiers": f"""
sku_price_id,up_to,unit_price
mails-eur,100,0.10
mails-eur,,0.05
{q}-mails,{times("10")},{times("0.02")}
{q}-mails,,{times("0.03")}
""",
        "discounts": f"""
discount_id,kind,value,billing_currency,billing_account_id,sub_account_id,promo_code,valid_from
everyone,percent,1,,,,,2026-01-01
ten-acme,percent,10,,acme,,,2026-01-01
of-hello,percent,2,,,,OFF,2026-01-01
{q}-ours,fixed,{times("0.1")},EUR,{q}-globex,,,2026-01-01
{q}-bench,fixed,{times("0.2")},EUR,,{q}-bench,,2026-01-01
{q}-code,fixed,{times("0.3")},EUR,,,{q}-OFF,2026-01-01
""",
        "promo_codes": f"""
promo_code,benefit,kind,value,billing_currency,window_start,accounts,total_limit,per_account_limit,valid_from
HELLO,grant,promo,5,EUR,acceptance,[],9,1,2026-01-01
SHARED,grant,promo,6,EUR,acceptance,"[""acme"", ""{q}-globex""]",9,1,2026-01-01
OFF,discount,,2,,acceptance,[],,1,2026-01-01
OFTEN,grant,promo,1,EUR,acceptance,[],,99,2026-01-01
LATER,grant,promo,7,EUR,acceptance,[],9,1,2027-01-01
{q}-CODE,grant,promo,{times("1")},EUR,acceptance,"[""{q}-globex""]",9,1,2026-01-01
{q}-OFF,discount,,3,,acceptance,"[""{q}-globex""]",9,1,2026-01-01
""",
        "spend_limits": f"""
spend_limit_id,kind,billing_account_id,sku_price_id,amount,billing_currency,valid_from
cap-acme,maximum_spend,acme,,5000,EUR,2026-01-01
{q}-cap,maximum_spend,{q}-globex,,{times("5000")},EUR,2026-01-01
{q}-price,maximum_spend,,{q}-vm,{times("5001")},EUR,2026-01-01
""",
        "recurring_items": f"""
recurring_item_id,billing_account_id,sub_account_id,resource_id,sku_id,quantity,valid_from
backup-acme,acme,shop,backup,vm-small,3,2026-10-01
{q}-backup,{q}-globex,{q}-rocket,{q}-backup,vm-small,{times("3")},2026-10-01
""",
        "cost_policies": f"""
cost_policy_id,billing_account_id,sub_account_id,measure,limit,cost_position,period,action,valid_from
watch-acme,acme,,cost,10,before_grants,month,restrict_new,2026-10-01
watch-site,acme,website,cost,11,before_grants,month,notify,2026-10-01
{q}-watch,{q}-globex,,cost,{times("0.04")},before_grants,month,restrict_new,2026-10-01
""",
        "billing_policies": f"""
billing_account_id,policy,value,valid_from
acme,credit_warning,0.5,2026-01-01
{q}-globex,credit_warning,0.6,2026-01-01
""",
        "principals": f"""
principal_id,role,billing_account_id,sub_account_id,valid_from,valid_until
operator,staff,,,2026-01-01,
helper,support,,,2026-01-01,
owner,organization_owner,acme,,2026-01-01,
manager,billing_manager,acme,,2026-01-01,
both,organization_owner,acme,,2026-01-01,
both,billing_manager,acme,,2026-01-01,
member,member,acme,,2026-01-01,
analyst,analyst,acme,,2026-01-01,
auditor,analyst,,,2026-01-01,
lead,billing_manager,acme,website,2026-01-01,
spotter,analyst,acme,website,2026-01-01,
family,organization_owner,acme,,2026-01-01,
family,organization_owner,labs,,2026-01-01,
treasurer,billing_manager,acme,,2026-01-01,
treasurer,billing_manager,labs,,2026-01-01,
former,organization_owner,acme,,2026-01-01,2026-02-01
adrift,member,,,2026-01-01,
{q}-boss,organization_owner,{q}-globex,,2026-01-01,
""",
    }


def usage(others: Others) -> list[str]:
    """October's rows: those of acme, of the others, and rows that are rejected."""
    q, times = others.mark, others.times
    return [
        "usage_record_id,billing_account_id,sub_account_id,resource_id,sku_id,region_id,charge_period_start,charge_period_end,consumed_quantity,consumed_unit,tags",
        'a1,acme,,vm-1,vm-small,eu-1,2026-10-02T00:00:00Z,2026-10-06T04:00:00Z,300,hour,"{""team"": ""web""}"',
        "a2,acme,website,vm-2,vm-small,eu-1,2026-10-10T00:00:00Z,2026-10-12T02:00:00Z,50,hour,",
        "a3,acme,shop,,mails,,2026-10-11T00:00:00Z,2026-10-11T01:00:00Z,140,mail,",
        "a4,acme,,vm-1,vm-smal,eu-1,2026-10-11T00:00:00Z,2026-10-11T01:00:00Z,1,hour,",
        "a5,acme,,vm-1,vm-small,eu-1,2026-10-11T00:00:00Z,2026-10-11T01:00:00Z,1e3,hour,",
        'a7,acme,,vm-1,vm-small,eu-1,2026-10-11T00:00:00Z,2026-10-11T01:00:00Z,1,hour,"{""team"": "',
        f"{q}-a6,acme,{q}-rocket,{q}-vm,vm-small,{q}-1,2026-10-11T00:00:00Z,2026-10-11T01:00:00Z,{times('2')},hour,",
        f'{q}-l1,labs,{q}-bench,{q}-vm,vm-small,{q}-1,2026-10-03T00:00:00Z,2026-10-03T10:00:00Z,{times("1")},hour,"{{""{q}"": ""{q}""}}"',
        f"{q}-l2,labs,,{q}-vm,mails,{q}-1,2026-10-03T00:00:00Z,2026-10-03T10:00:00Z,{times('11')},mail,",
        f"{q}-g1,{q}-globex,{q}-rocket,{q}-vm,vm-small,{q}-1,2026-10-04T00:00:00Z,2026-10-04T10:00:00Z,{times('3')},hour,",
        f"{q}-g2,{q}-globex,{q}-rocket,{q}-vm,{q}-sku,{q}-1,2026-10-04T00:00:00Z,2026-10-04T10:00:00Z,{times('4')},hour,",
        f"{q}-h1,{q}-holding,,{q}-vm,rare,{q}-1,2026-10-04T00:00:00Z,2026-10-04T10:00:00Z,{times('5')},hour,",
        f"{q}-odd,{q}-globex,{q}-rocket,{times('6')}",
    ]


def given(others: Others) -> list[dict[str, Any]]:
    """What is done before October is billed."""
    q, times = others.mark, others.times
    early, window = "2026-10-01T08:00:00Z", {"window_start": "2026-10-01", "window_end": "2027-10-01"}
    later = {"window_start": "2026-11-01"}

    def grant(operation_id: str, account: str, kind: str, amount: str, **more: Any) -> dict[str, Any]:
        told = {
            "operation_id": operation_id,
            "operation": "grant_credit",
            "occurred_at": early,
            "billing_account_id": account,
        }
        return {**told, "kind": kind, "amount": amount, **window, **more}

    def done(operation_id: str, operation: str, account: str, at: str, **more: Any) -> dict[str, Any]:
        return {
            "operation_id": operation_id,
            "operation": operation,
            "billing_account_id": account,
            "occurred_at": at,
            **more,
        }

    return [
        grant("free", "acme", "free", "60", name="Start"),
        grant("organization", "acme", "organization", "100", logic="fixed", monthly_value="20"),
        grant("bonus", "acme", "bonus", "4"),
        grant("over", "acme", "bonus", "3", window_end="2026-10-03"),
        done("bought", "purchase_credit", "acme", "2026-10-02T09:00:00Z", amount="30", price_paid="24"),
        done("part", "allocate_to_project", "acme", "2026-10-06T12:00:00Z", actor="owner", grant_id="organization", amount="30", sub_account_id="website", use_organization_credit=True),
        done("out-1", "transfer_credit", "acme", "2026-10-05T12:00:00Z", grant_id="free", amount="10", to_account="labs", name="Hand"),
        done("hello", "accept_promo_code", "acme", "2026-10-05T12:00:00Z", actor="manager", promo_code="HELLO"),
        done("off", "accept_promo_code", "acme", "2026-10-05T12:00:00Z", actor="owner", promo_code="OFF"),
        done("help", "add_charge", "acme", "2026-10-07T12:00:00Z", amount="12", text="Setup help", sku_id="vm-small"),
        done("limit", "set_credit_limit", "acme", "2026-10-07T12:00:00Z", amount="800"),
        done("mine", "grant_credit", "acme", "2026-10-08T12:00:00Z", actor="owner", kind="free", amount="99"),
        grant("free-2", "acme", "free", "60", **later),
        grant("organization-2", "acme", "organization", "70", **later),
        done("bought-2", "purchase_credit", "acme", "2026-10-02T09:00:00Z", amount="20", price_paid="20", **later),
        grant(f"{q}-labs-free-2", "labs", "free", times("0.21"), name=f"{q} credit", **later),
        grant(f"{q}-labs-organization-2", "labs", "organization", times("0.22"), name=f"{q} credit", **later),
        done(f"{q}-labs-bought-2", "purchase_credit", "labs", "2026-10-02T09:00:00Z", amount=times("0.41"), price_paid=times("0.31"), name=f"{q} bought", **later),
        grant(f"{q}-free-2", f"{q}-globex", "free", times("0.51"), name=f"{q} credit", **later),
        grant(f"{q}-organization-2", f"{q}-globex", "organization", times("0.71"), name=f"{q} credit", **later),
        done(f"{q}-bought-2", "purchase_credit", f"{q}-globex", "2026-10-02T09:00:00Z", amount=times("0.81"), price_paid=times("0.61"), name=f"{q} bought", **later),
        grant(f"{q}-labs", "labs", "free", times("5"), name=f"{q} credit"),
        done("in-1", "transfer_credit", "labs", "2026-10-05T12:00:00Z", grant_id=f"{q}-labs", amount="8", to_account="acme", name="Gift"),
        grant(f"{q}-free", f"{q}-globex", "free", times("0.5"), name=f"{q} credit", include=[f"project:{q}-rocket"]),
        grant(f"{q}-org", f"{q}-globex", "organization", times("0.7"), name=f"{q} credit"),
        done(f"{q}-bought", "purchase_credit", f"{q}-globex", "2026-10-02T09:00:00Z", amount=times("0.8"), price_paid=times("0.6"), name=f"{q} bought"),
        done(f"{q}-part", "allocate_to_project", f"{q}-globex", "2026-10-06T12:00:00Z", actor=f"{q}-boss", grant_id=f"{q}-org", amount=times("0.1"), sub_account_id=f"{q}-rocket"),
        done(f"{q}-hello", "accept_promo_code", f"{q}-globex", "2026-10-05T13:00:00Z", actor=f"{q}-boss", promo_code="HELLO"),
        done(f"{q}-own", "accept_promo_code", f"{q}-globex", "2026-10-05T13:00:00Z", promo_code=f"{q}-CODE"),
        done(f"{q}-off", "accept_promo_code", f"{q}-globex", "2026-10-05T13:00:00Z", promo_code=f"{q}-OFF"),
        done(f"{q}-help", "add_charge", f"{q}-globex", "2026-10-07T12:00:00Z", amount=times("0.9"), text=f"{q} help", sku_id="vm-small"),
        done(f"{q}-try", "transfer_credit", "acme", "2026-10-09T12:00:00Z", actor=f"{q}-boss", grant_id=f"{q}-free", amount=times("0.2"), to_account=f"{q}-globex", name=f"{q} try"),
        done(f"{q}-ghost", "grant_credit", "acme", "2026-10-09T12:00:00Z", actor=f"{q}-nobody", kind="free", amount=times("0.3"), name=f"{q} ghost"),
    ]  # fmt: skip


def paid(others: Others) -> list[dict[str, Any]]:
    """What is paid once October is issued."""
    q, at = others.mark, "2026-11-10T00:00:00Z"
    return [
        {"operation_id": "pay", "operation": "record_payment", "billing_account_id": "acme", "occurred_at": at, "amount": "7"},
        {"operation_id": f"{q}-pay", "operation": "record_payment", "billing_account_id": f"{q}-globex", "occurred_at": at, "amount": others.times("0.01")},
        {"operation_id": f"{q}-pay-2", "operation": "record_payment", "billing_account_id": "labs", "occurred_at": at, "amount": others.times("0.02")},
    ]  # fmt: skip


class Organizations(Month):
    """The world of this page on a lake."""

    def __init__(self, folder: Path, others: Others | None = None) -> None:
        super().__init__(folder)
        self.others = others or Others()
        for table, text in reference(self.others).items():
            (self.reference_folder / f"{table}.csv").write_text(text.lstrip(), encoding="utf-8")

    def land(self, operations: list[dict[str, Any]], received_at: datetime) -> Any:
        """Land operations, each as who says so in it."""
        path = self.folder / f"operations-{len(self.lake.commits())}.jsonl"
        path.write_text("".join(f"{json.dumps({'actor': 'operator', **one})}\n" for one in operations))
        return land_operations(self.lake, self.reference(), [path], received_at=received_at)

    def october(self) -> Organizations:
        """Usage and operations of October, billed."""
        path = self.folder / f"{self.others.mark}-october.csv"
        path.write_text("\n".join(usage(self.others)) + "\n")
        self.ingest(path, received_at=LANDED)
        self.land(given(self.others), LANDED)
        self.bill()
        return self

    def issued(self) -> Organizations:
        """October issued."""
        self.issue(date(2026, 11, 3), received_at=LANDED)
        return self

    def paid(self) -> Organizations:
        """October paid in part."""
        assert self.land(paid(self.others), PAID).exit_code == 0
        return self

    def copied(self, folder: Path) -> Organizations:
        """The same books, to change."""
        shutil.copytree(self.folder / "world", folder / "world")
        shutil.copytree(self.folder / "lake", folder / "lake")
        return Organizations.of(folder, self.others)

    @classmethod
    def of(cls, folder: Path, others: Others) -> Organizations:
        """The books in a folder."""
        books = cls.__new__(cls)
        books.folder, books.others, books.lake = folder, others, Lake.open(folder / "lake")
        return books

    def export(self, principal: str, name: str = "", **options: Any) -> Export:
        """An export in a folder of its own."""
        return export(self.lake, principal, self.folder / "exports" / (name or principal), **options)
