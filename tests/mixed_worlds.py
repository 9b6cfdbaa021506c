"""Drawn worlds with more credit in them: what `a_world` draws, and usage, grants, what is done with grants, fixed
discounts and policies on top, so that most accounts have something to pay and several grants to pay it with.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from tests import oracle
from tests.worlds import CURRENCIES, POLICIES, Row, World, a_world, own_projects, row

SCOPES: tuple[list[str] | None, ...] = (None, None, None, ["service:Cloud"], ["service:CDN", "region:eu"], ["tag:gpu"])
KINDS = ("bonus", "bonus", "bonus", "organization", "organization", "voucher", "voucher", "free", "paid")
CHOSEN = ("charge_order", "stacking", "tax_point", "eligibility", "organization_credit", "grant_order", "tax_rounding")


def mixed_worlds(count: int, period: str | None = None) -> list[World]:
    """So many: the same in each run of the suite, others with BILLFOLD_EXAMPLES.

    Those of one billing period, if it is named, are billed together in few billings (`tests.together`).
    """
    seed = secrets.randbits(64) if "BILLFOLD_EXAMPLES" in os.environ else 0
    print(f"drawn with Random({seed})")
    random = Random(seed)
    return [with_credit(a_world(random, period=period), Random(place)) for place in range(count)]


def with_credit(world: World, random: Random) -> World:
    """The world with credit mixed in."""
    kinds = ("bonus", "organization", "voucher", "free")
    made = {**world, **{name: list(rows) for name, rows in world.items() if isinstance(rows, list)}}
    made["grant_kinds"] = [
        one | {"transferable": True} if one["kind"] in kinds else one for one in world["grant_kinds"]
    ]
    made["billing_accounts"] = [one | {"domain": "one.example"} for one in world["billing_accounts"]]
    for policy in random.sample(CHOSEN, 3):
        rest = [one for one in made["billing_policies"] if one["policy"] != policy]
        made["billing_policies"] = [
            *rest,
            row("billing_policies", policy=policy, value=random.choice(POLICIES[policy])),
        ]
    for account in made["billing_accounts"]:
        projects = own_projects(world["sub_accounts"], account)
        made["usage_records"] += _usage(world, random, account, projects)
        made["discounts"] += _discounts(world, random, account)
        granted = _grants(world, random, account, projects)
        made["operations"] += granted + _outflows(made, random, account, projects, granted)
        made["operations"] += [
            _added_charge(world, random, account, place) for place in range(random.choice((0, 1, 2)))
        ]
        made["cost_policies"].append(_watch(random, account))
        made["earlier_costs"] = made.get("earlier_costs", []) + _earlier_costs(world, random, account, projects)
    return made


def first_instant(world: World) -> datetime:
    return datetime.fromisoformat(world["billing_period"] + "-01").replace(tzinfo=UTC)


def money(random: Random, account: Row, *amounts: int) -> Decimal:
    return oracle.money(random.choice(amounts), CURRENCIES[account["billing_currency"]])


def _usage(world: World, random: Random, account: Row, projects: Sequence[str]) -> list[Row]:
    records = []
    for place in range(random.choice((1, 3, 6))):
        sku = random.choice(world["skus"])
        sign = -1 if sku["allows_corrections"] and random.randrange(5) == 0 else 1
        records.append(
            row(
                "usage_records",
                usage_record_id=f"mix-{account['billing_account_id']}-{place}",
                billing_account_id=account["billing_account_id"],
                sub_account_id=random.choice((None, *projects)),
                resource_id=random.choice((None, "r-1")),
                sku_id=sku["sku_id"],
                region_id=random.choice((None, "eu")),
                charge_period_start=first_instant(world) + timedelta(hours=random.choice((12, 200, 400, 600))),
                consumed_quantity=sign * Decimal(random.choice(("1", "3", "10", "33.3", "250"))),
                consumed_unit=sku["pricing_unit"],
            )
        )
    return records


def _window(world: World, random: Random) -> Row:
    period, far = world["billing_period"], "2031-01-01"
    start = random.choice(("2020-01-01", f"{period}-01", f"{period}-01", f"{period}-08", f"{period}-15"))
    end = random.choice((far, far, oracle.next_period(period) + "-01", f"{period}-25", f"{period}-20"))
    return {"window_start": start, "window_end": end}


def _discounts(world: World, random: Random, account: Row) -> list[Row]:
    """A fixed one, of all charges or of a service."""
    if random.randrange(2):
        return []
    window = _window(world, random)
    return [
        row(
            "discounts",
            discount_id=f"mix-{account['billing_account_id']}",
            kind="fixed",
            value=money(random, account, 1, 7, 50, 500),
            billing_currency=account["billing_currency"],
            billing_account_id=account["billing_account_id"],
            service=random.choice((None, "Cloud")),
            priority=random.choice((1, 100, 200)),
            valid_from=window["window_start"],
            valid_until=window["window_end"],
        )
    ]


def _grants(world: World, random: Random, account: Row, projects: Sequence[str]) -> list[Row]:
    operations = []
    for place in range(random.choice((1, 2, 4, 7))):
        kind, amount = random.choice(KINDS), money(random, account, 1, 7, 50, 50, 500, 500, 20_000, 100_000)
        logic = random.choice((None, None, "fixed", "linear"))
        bought = {"operation": "purchase_credit", "price_paid": amount}
        operations.append(
            row(
                "operations",
                operation_id=f"mix-{account['billing_account_id']}-{place}",
                billing_account_id=account["billing_account_id"],
                occurred_at=first_instant(world) - timedelta(days=random.choice((30, 30, 400, -9))),
                kind=kind,
                amount=amount,
                include=random.choice(SCOPES),
                exclude=random.choice((None, None, None, ["region:eu"])),
                sub_account_id=random.choice((None, None, None, *projects)),
                priority=random.choice((None, 0, 1)),
                logic=logic,
                monthly_value=money(random, account, 1) if logic == "fixed" else None,
                **_window(world, random),
                **(bought if kind == "paid" else {}),
            )
        )
    return operations


def _outflows(world: World, random: Random, account: Row, projects: Sequence[str], granted: Sequence[Row]) -> list[Row]:
    """To projects with a switch, to other accounts, and what is taken back; some of them are refused."""
    owner, currency = account["billing_account_id"], account["billing_currency"]
    same = [one["billing_account_id"] for one in world["billing_accounts"] if one["billing_currency"] == currency]
    others = [one for one in same if one != owner]
    operations = []
    for place, grant in enumerate(granted):
        common: Row = {"operation_id": f"mix-{owner}-{place}-out", "billing_account_id": owner}
        common |= {"grant_id": grant["operation_id"]}
        common["occurred_at"] = grant["occurred_at"] + timedelta(days=random.choice((0, 5, 40)), hours=1)
        part = oracle.money(random.choice((1, 5, 50)), CURRENCIES[currency])
        if grant["kind"] == "organization" and projects and random.randrange(4):
            switch = random.choice((True, False, None))
            common |= {"sub_account_id": random.choice(projects), "use_organization_credit": switch}
            amount = random.choice((Decimal(0), part))
            operations.append(row("operations", operation="allocate_to_project", amount=amount, **common))
        elif grant["kind"] != "paid" and others and random.randrange(3) == 0:
            to_account = random.choice(others)
            operations.append(
                row("operations", operation="transfer_credit", to_account=to_account, amount=part, **common)
            )
        elif random.randrange(5) == 0:
            name = "refund_credit" if grant["kind"] == "paid" else "recover_credit"
            operations.append(row("operations", operation=name, **common))
    return operations


def _added_charge(world: World, random: Random, account: Row, place: int) -> Row:
    sku, sign = random.choice(world["skus"]), random.choice((1, 1, -1))
    return row(
        "operations",
        operation="add_charge",
        operation_id=f"mix-{account['billing_account_id']}-{place}-add",
        billing_account_id=account["billing_account_id"],
        occurred_at=first_instant(world) + timedelta(days=place),
        billing_period=world["billing_period"],
        sku_id=sku["sku_id"],
        amount=sign * money(random, account, 1, 50, 500)
        if sku["allows_corrections"]
        else money(random, account, 7, 50),
        text="Setup",
    )


def _watch(random: Random, account: Row) -> Row:
    """A limit on all months so far, some of them before this."""
    return row(
        "cost_policies",
        cost_policy_id=f"mix-{account['billing_account_id']}",
        billing_account_id=account["billing_account_id"],
        limit=money(random, account, 10, 500, 5000),
        cost_position=random.choice(("before_grants", "after_grants")),
        period="total",
    )


def _earlier_costs(world: World, random: Random, account: Row, projects: Sequence[str]) -> list[Row]:
    return [
        {
            "billing_account_id": account["billing_account_id"],
            "sub_account_id": project,
            "sku_id": sku["sku_id"],
            "cost_before_grants": money(random, account, 0, 7, 50),
            "cost_after_grants": money(random, account, 0, 5),
            "pricing_quantity": Decimal(random.choice(("0", "1", "2.5"))),
        }
        for sku in world["skus"]
        for project in (None, *projects)
    ]
