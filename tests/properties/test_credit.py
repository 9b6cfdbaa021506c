"""What is true of credit in every bill (section 13): nothing pays what it may not, nothing is negative, every cent is
in one place; more of it is never worth less, what is added and taken back was never there, a cut moves nothing.

Worlds are drawn first. The oracle bills many of them one by one, which costs milliseconds; the pipeline bills fewer,
all at once (`tests.together`). What a property is judged by is read from the world, never from rating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pprint import pformat
from random import Random
from typing import Any

import pytest

from rating.allocations import waterfall
from tests import oracle
from tests.bills import Bill, by_oracle, by_pipeline, charge_of, line_of, sums
from tests.mixed_worlds import first_instant, mixed_worlds, money
from tests.pipeline import parts_of
from tests.together import rate_together
from tests.worlds import Row, World, own_projects, row


@dataclass(frozen=True)
class Drawn:
    """Worlds, billed, and who bills others of them."""

    billed: Callable[[list[World]], list[Bill]]
    bills: list[Bill]

    def and_changed(self, change: Callable[[World, Random], World], share: int = 1) -> Iterator[tuple[Bill, Bill]]:
        """One in so many worlds as it is, and as it is changed."""
        chosen = self.bills[::share]
        changed = [change(bill.world, Random(place)) for place, bill in enumerate(chosen)]
        return zip(chosen, self.billed(changed), strict=True)


BILLED: dict[str, tuple[Callable[[list[World]], list[Bill]], int]] = {
    "oracle": (lambda some: [by_oracle(world) for world in some], 100),
    "pipeline": (by_pipeline, 30),
}
"""Who bills, and how many worlds."""


@pytest.fixture(scope="module", params=sorted(BILLED))
def drawn(request: pytest.FixtureRequest) -> Drawn:
    billed, count = BILLED[request.param]
    return Drawn(billed, billed(mixed_worlds(count, "2026-03")))


@pytest.fixture
def bills(drawn: Drawn) -> list[Bill]:
    return drawn.bills


def told(bill: Bill, *what: Any) -> str:
    return pformat((*what, bill.world), width=120)


# --- who paid -----------------------------------------------------------------------------------------------


def payments(bill: Bill) -> Iterator[tuple[Row, Row, Row]]:
    """Every application with its charge and its grant; charges of one key and end are alike in all that is asked."""
    charges = {charge_of(one): one for one in bill.tables["charges"]}
    for one in bill.tables["allocations"]:
        if one["allocation_kind"] == "grant":
            yield one, charges[charge_of(one)], bill.grants[one["source_id"]]


def test_no_grant_pays_outside_its_account_project_window_scope_or_switch(bills: list[Bill]) -> None:
    """G1, G3, G6, W4, said again row by row."""
    seen = 0
    for bill in bills:
        for payment, charge, grant in payments(bill):
            account = bill.terms(charge["billing_account_id"])
            assert account is not None
            seen += 1
            assert payment["amount"] > 0
            assert payment["tax_position"] == grant["tax_position"]
            assert grant["billing_account_id"] == charge["billing_account_id"]
            assert grant["sub_account_id"] in (None, charge["sub_account_id"])
            assert is_in_time(grant, charge, account), told(bill, grant, charge)
            assert is_in_scope(grant, charge, bill.world), told(bill, grant, charge)
            assert grant["kind"] != "organization" or is_open(bill, charge, account), told(bill, grant, charge)
    assert seen > len(bills)


def is_in_time(grant: Row, charge: Row, account: oracle.Terms) -> bool:
    start, end = grant["window_start"], grant["window_end"]
    policy = account.policies.get("eligibility", "usage_time")
    if policy == "usage_time":
        return bool(start <= charge["charge_period_start"] and (end is None or charge["charge_period_end"] <= end))
    asked = account.end - timedelta(microseconds=1)
    if policy == "invoice_time":
        asked = min(account.end, account.known_as_of)
    return bool(start <= asked and (end is None or asked < end))


def is_in_scope(grant: Row, charge: Row, world: World) -> bool:
    """Some entry of each dimension that is named, and none that is excluded."""
    has = entries_of(charge, world)
    dimensions = {entry.partition(":")[0] for entry in grant["include"]}
    included = {entry.partition(":")[0] for entry in grant["include"] if entry in has}
    return dimensions == included and not has & set(grant["exclude"])


def entries_of(charge: Row, world: World) -> set[str]:
    """All that a charge could be named by; one without SKU is of service and feature `other` (reading 40)."""
    skus = {one["sku_id"]: one for one in world["skus"]}
    other = {"service": "other", "service_category": "other", "feature": "other", "tags": []}
    sku = skus.get(charge["sku_id"], other)
    named = {
        "service": sku["service"],
        "service_category": sku["service_category"],
        "feature": sku["feature"],
        "sku": charge["sku_id"],
        "region": charge["region_id"],
        "project": charge["sub_account_id"],
        "resource": charge["resource_id"],
        "charge": charge["charge_category"],
    }
    of_tags = {f"tag:{tag}" for tag in sku["tags"] or []}
    return of_tags | {f"{dimension}:{value}" for dimension, value in named.items() if value is not None}


def is_open(bill: Bill, charge: Row, account: oracle.Terms) -> bool:
    """W4: by the latest allocation to the project whose window holds the charge, else by policy."""
    project, since, until = (charge[name] for name in ("sub_account_id", "charge_period_start", "charge_period_end"))
    if project is None:
        return True
    accepted = {name for name, one in bill.state.decisions.items() if one["status"] == "accepted"}
    switches = []
    for one in bill.world["operations"]:
        if one["operation"] != "allocate_to_project" or one["operation_id"] not in accepted:
            continue
        source = next(grant for grant in bill.state.grants if grant["grant_id"] == one["grant_id"])
        start, end = source["window_start"], source["window_end"]
        holds = start <= since and (end is None or until <= end)
        is_known = one["recorded_at"] <= account.known_as_of and one["occurred_at"] < account.end
        if holds and is_known and (one["billing_account_id"], one["sub_account_id"]) == (account.account_id, project):
            switches.append((one["occurred_at"], one["operation_id"], bool(one["use_organization_credit"])))
    if switches:
        return max(switches)[2]
    return account.policies.get("organization_credit", "open") == "open"


def test_the_loop_over_ranks_and_the_walk_pay_the_same_in_drawn_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    """STEP and WALKED choose a technique, no amount depends on them (L2)."""
    parts = [parts_of(world) for world in mixed_worlds(40, "2026-11")]
    found = {}
    for name in ("STEP", "WALKED"):
        with monkeypatch.context() as patch:
            patch.setattr(waterfall, name, 10**12)
            found[name] = rate_together(parts)
    assert sum(len(books["charged"]) for books in found["STEP"]) > len(parts)
    for walked, looped in zip(found["STEP"], found["WALKED"], strict=True):
        for table in walked.keys() | looped.keys():
            assert sorted(map(repr, walked[table])) == sorted(map(repr, looped[table])), table


# --- nothing is negative, every cent is in one place --------------------------------------------------------------


def test_no_grant_gives_more_than_it_has_left(bills: list[Bill]) -> None:
    """K1: what a period takes is at most what was left; after the end of the window exactly that (K3, K5)."""
    for bill in bills:
        draws = [*bill.tables["charged"], *bill.tables["ended"]]
        assert all(one["amount"] < 0 for one in draws)
        taken = sums(draws, lambda one: one["grant_id"], "amount")
        for name, amount in taken.items():
            assert -amount <= max(bill.opening(name), Decimal(0)), told(bill, name)
        for one in bill.tables["ended"]:
            if one["movement"] != "minimum_consumption":
                assert -taken[one["grant_id"]] == bill.opening(one["grant_id"]), told(bill, one)


def test_floors_take_what_is_free_and_only_of_a_month_that_is_over(bills: list[Bill]) -> None:
    """W2: never in a draft of the month to date, never of an account on hold, never beyond the balance."""
    seen = 0
    for bill in bills:
        paid = sums(bill.tables["charged"], lambda one: one["grant_id"], "amount")
        for one in bill.tables["ended"]:
            grant = bill.grants[one["grant_id"]]
            account = bill.terms(grant["billing_account_id"])
            assert account is not None
            assert account.end <= bill.world["known_as_of"], told(bill, one)
            assert not bill.is_held(account.account_id), told(bill, one)
            if one["movement"] != "minimum_consumption":
                continue
            seen += 1
            used = -paid.get(grant["grant_id"], Decimal(0))
            assert grant["logic"] in ("fixed", "linear")
            assert 0 < -one["amount"] <= bill.opening(grant["grant_id"]) - used, told(bill, one)
            if grant["logic"] == "fixed":
                assert used - one["amount"] <= grant["monthly_value"], told(bill, one)
    assert seen


def test_nothing_is_due_below_zero_but_for_charges_below_zero(bills: list[Bill]) -> None:
    """G7: a document is below zero only by its charges, and credit never lowers it further."""
    for bill in bills:
        for one in bill.tables["invoices"]:
            assert one["amount_due"] >= min(one["total_with_tax"], 0), told(bill, one)
            assert one["credit_amount"] >= 0
            assert one["grant_amount"] >= 0
            assert (one["document_type"] == "381") == (one["total_with_tax"] < 0)
            assert one["amount_due"] >= 0 or one["document_type"] == "381"
            if all(charge["list_cost"] >= 0 for charge in bill.of(one["billing_account_id"], "charges")):
                groups = bill.of(one["billing_account_id"], "tax_breakdown")
                assert all(group["taxable_amount"] >= 0 for group in groups), told(bill, groups)
                assert all(group["tax_amount"] >= 0 for group in groups), told(bill, groups)


def test_no_bonus_takes_a_tax_category_below_what_it_was(bills: list[Bill]) -> None:
    """G6, G7: negative charges lower their tax category first; a bonus pays what is left of it above zero."""
    for bill in bills:
        named = {one["sku_id"]: one["tax_category"] for one in bill.world["skus"]}
        added = [one for one in bill.world["operations"] if one["operation"] == "add_charge"]
        by_hand = {one["billing_account_id"] for one in added if one["tax_category"] is not None}
        before = [one for one in bill.tables["allocations"] if one["tax_position"] == "before"]
        paid = [one for one in before if one["allocation_kind"] == "grant"]
        taken = [one for one in before if one["allocation_kind"] != "grant"]

        def category(one: Row, named: dict[str, str] = named) -> tuple[str, str]:
            return one["billing_account_id"], named.get(one["sku_id"], "")

        cost, less = sums(bill.tables["charges"], category, "list_cost"), sums(taken, category, "amount")
        for key, amount in sums(paid, category, "amount").items():
            if key[0] not in by_hand:
                assert amount <= max(cost.get(key, Decimal(0)) - less.get(key, Decimal(0)), Decimal(0)), told(bill, key)


def test_every_cent_is_in_one_place(bills: list[Bill]) -> None:
    """List - discounts - caps - bonuses = taxable, + tax = total, - credit = due; what grants paid is what moved."""
    for bill in bills:
        for one in bill.tables["invoices"]:
            account = one["billing_account_id"]
            parts = sums(bill.of(account, "allocations"), kind_of, "amount")
            groups, shares = bill.of(account, "tax_breakdown"), bill.of(account, "tax_shares")
            assert one["list_cost"] == total(bill.of(account, "charges"), "list_cost")
            assert one["discount_amount"] == parts.get(("discount", "before"), 0)
            assert one["grant_amount"] == parts.get(("grant", "before"), 0)
            assert one["credit_amount"] == one["paid_amount"] == parts.get(("grant", "after"), 0)
            taken = one["discount_amount"] + parts.get(("cap", "before"), Decimal(0)) + one["grant_amount"]
            assert one["total_without_tax"] == one["list_cost"] - taken
            assert one["total_tax"] == total(groups, "tax_amount") == total(shares, "tax_amount")
            assert one["total_with_tax"] == one["total_without_tax"] + one["total_tax"]
            assert one["amount_due"] == one["total_with_tax"] - one["credit_amount"]
            assert_taxed(bill, account)
        assert {one["billing_account_id"] for one in bill.tables["charges"]} == {
            one["billing_account_id"] for one in bill.tables["invoices"]
        }
        paid = [one for one in bill.tables["allocations"] if one["allocation_kind"] == "grant"]
        by_grant = sums(paid, lambda one: (charge_of(one), one["source_id"]), "amount")
        moved = sums(bill.tables["charged"], lambda one: (charge_of(one), one["grant_id"]), "amount")
        assert by_grant == {key: -amount for key, amount in moved.items()}, told(bill)


def kind_of(one: Row) -> tuple[str, str]:
    return one["allocation_kind"], one["tax_position"]


def total(rows: list[Row], amount: str) -> Decimal:
    return sum((one[amount] for one in rows), Decimal(0))


def assert_taxed(bill: Bill, account: str) -> None:
    """T2, T3: each group's taxable amount is that of the charges that have a share of its tax, which is their sum.

    Charges that are alike in their key may be of several groups; where there are such only the tax is looked at.
    """
    charges = bill.of(account, "charges")
    shares = bill.of(account, "tax_shares")
    assert sums(shares, group_of, "tax_amount") == sums(bill.of(account, "tax_breakdown"), group_of, "tax_amount")
    if len({charge_of(one) for one in charges}) < len(charges):
        return
    before = [one for one in bill.of(account, "allocations") if one["tax_position"] == "before"]
    taken = sums(before, charge_of, "amount")
    taxable = {charge_of(one): one["list_cost"] - taken.get(charge_of(one), Decimal(0)) for one in charges}
    of_groups = sums([{**one, "taxable": taxable[charge_of(one)]} for one in shares], group_of, "taxable")
    assert of_groups == sums(bill.of(account, "tax_breakdown"), group_of, "taxable_amount"), told(bill, account)
    assert {charge_of(one) for one in shares} == set(taxable)


def group_of(one: Row) -> tuple[Any, ...]:
    return one["code"], one["rate"], one["component"]


# --- more of it is never worth less -------------------------------------------------------------------------


def with_more_bonus(world: World, random: Random) -> World:
    """More of a grant, one mu or many times as much; or one grant more, which cuts nothing."""
    given = [one for one in world["operations"] if one["operation"] == "grant_credit" and (one["amount"] or 0) > 0]
    if not given or random.randrange(3) == 0:
        return and_then(world, another_grant(world, random))
    one = random.choice(given)
    more = one["amount"] * random.choice((2, 3, 101))
    if random.randrange(2):  # one mu
        more = one["amount"] + Decimal(1).scaleb(one["amount"].as_tuple().exponent)
    return {
        **world,
        "operations": [{**other, "amount": more} if other is one else other for other in world["operations"]],
    }


def another_grant(world: World, random: Random) -> Row:
    """Of some kind and scope, for one of the accounts, accepted in any world."""
    account = random.choice(world["billing_accounts"])
    return operation(
        world,
        "grant_credit",
        operation_id="own-more",
        billing_account_id=account["billing_account_id"],
        kind=random.choice(("bonus", "bonus", "organization", "voucher")),
        amount=money(random, account, 1, 3, 50, 2001),
        window_start="2020-01-01",
        include=random.choice((None, None, ["service:Cloud"])),
    )


def test_more_bonus_never_raises_what_an_account_owes(drawn: Drawn) -> None:
    """Section 13: up to one mu per tax category where grants pay in proportion, or after tax for a part of the bill.

    Worlds in which more of a grant lets an operation be accepted that was too much are not looked at.
    """
    lowered = compared = 0
    for less, more in drawn.and_changed(with_more_bonus):
        decided = {name: one for name, one in more.state.decisions.items() if name != "own-more"}
        if decided != less.state.decisions:
            continue
        for account in less.accounts:
            compared += 1
            before, after = less.due(account), more.due(account)
            assert after <= before + tolerance(more, account), told(more, account, before, after)
            lowered += after < before
    assert compared > len(drawn.bills)
    assert lowered


def tolerance(bill: Bill, account: str) -> Decimal:
    """One mu for each of the account's tax groups, where that is allowed at all."""
    terms = bill.terms(account)
    own = [one for one in bill.grants.values() if one["billing_account_id"] == account]
    of_a_part = any(one["tax_position"] == "after" and not pays_all(bill, one) for one in own)
    if terms is None or not (of_a_part or terms.policies.get("charge_order") == "proportional"):
        return Decimal(0)
    return oracle.money(len(bill.of(account, "tax_breakdown")), terms.exponent)


def pays_all(bill: Bill, grant: Row) -> bool:
    """Whether a grant pays every charge of its account, whatever the policies."""
    terms = bill.terms(grant["billing_account_id"])
    assert terms is not None
    start, end = grant["window_start"], grant["window_end"]
    in_time = start <= terms.start and (end is None or end > terms.end)
    scoped = grant["include"] or grant["exclude"] or grant["sub_account_id"] or grant["kind"] == "organization"
    return in_time and not scoped


# --- what is added and taken back ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reversal:
    """A world, and the same with something added and taken back."""

    without: World
    with_both: World
    stands_for: dict[str, str | None] = field(default_factory=dict)
    """Grants of the second that stand for one of the first, or for none."""


LONG_BEFORE = timedelta(days=700)


def operation(world: World, name: str, **columns: Any) -> Row:
    """An operation long before the month, by staff; of one instant they come in the order of their ids."""
    return row("operations", **{"operation": name, "occurred_at": first_instant(world) - LONG_BEFORE, **columns})


def and_then(world: World, *operations: Row) -> World:
    return {**world, "operations": [*world["operations"], *operations]}


def recovered(world: World, random: Random) -> Reversal:
    """A grant of any scope, recovered before its window begins: in the month, before or after it."""
    account = random.choice(world["billing_accounts"])
    owner = account["billing_account_id"]
    granted = operation(
        world,
        "grant_credit",
        operation_id="own-1",
        billing_account_id=owner,
        kind="bonus",
        amount=money(random, account, 1, 77, 100_000),
        window_start=world["billing_period"] + random.choice(("-01", "-08", "-15", "-28")),
        window_end=random.choice((None, "2031-01-01")),
        include=random.choice((None, ["service:Cloud"])),
    )
    ended = operation(world, "recover_credit", operation_id="own-2", billing_account_id=owner, grant_id="own-1")
    return Reversal(world, and_then(world, granted, ended), {"own-1": None})


def sent_back(world: World, random: Random) -> Reversal:
    """A grant that no other ties with, sent to another account of its domain and back again.

    All of it; or a part, where grants do not pay in proportion: two parts of one round twice.
    """
    account = random.choice(world["billing_accounts"])
    owner = account["billing_account_id"]
    other = {**account, "billing_account_id": "other", "is_main_in_domain": False}
    world = {**world, "billing_accounts": [*world["billing_accounts"], other]}
    amount = money(random, account, 10, 77, 100_000)
    part = random.choice((amount, money(random, account, 1, 7, 10)))
    if any(one["value"] == "proportional" for one in world["billing_policies"]):
        part = amount
    granted = operation(
        world,
        "grant_credit",
        operation_id="own-1",
        billing_account_id=owner,
        kind="bonus",
        amount=amount,
        priority=random.choice((-1, 7)),
        window_start="2020-01-01",
        window_end="2032-01-01",
        include=[f"service:{name}" for name in ("Cloud", "CDN", "1", "2", "3", "4", "5")],
    )
    sent: dict[str, Any] = {"amount": part, "billing_account_id": owner, "grant_id": "own-1", "to_account": "other"}
    back = {**sent, "billing_account_id": "other", "grant_id": "own-2", "to_account": owner}
    world = and_then(world, granted)
    both = and_then(
        world,
        operation(world, "transfer_credit", operation_id="own-2", **sent),
        operation(world, "transfer_credit", operation_id="own-3", **back),
    )
    return Reversal(world, both, {"own-3": "own-1"})


def switched_back(world: World, random: Random) -> Reversal:
    """Nothing allocated to a project, its switch turned; and nothing again, the switch as it was before."""
    account = random.choice(world["billing_accounts"])
    owner = account["billing_account_id"]
    project = row("sub_accounts", sub_account_id=f"{owner}-own", billing_account_id=owner)
    world = {**world, "sub_accounts": [*world["sub_accounts"], project]}
    granted = operation(
        world,
        "grant_credit",
        operation_id="own-1",
        billing_account_id=owner,
        kind="organization",
        amount=money(random, account, 1, 77, 100_000),
        window_start="2020-01-01",
    )
    of_project: dict[str, Any] = {
        "billing_account_id": owner,
        "grant_id": "own-1",
        "sub_account_id": random.choice(own_projects(world["sub_accounts"], account)),
        "amount": Decimal(0),
    }
    is_on = random.choice((True, False))
    before, turned, again = (
        operation(
            world, "allocate_to_project", operation_id=f"own-{place}", use_organization_credit=switch, **of_project
        )
        for place, switch in ((2, is_on), (3, not is_on), (4, is_on))
    )
    world = and_then(world, granted, before)
    return Reversal(world, and_then(world, turned, again))


def charged_back(world: World, random: Random) -> Reversal:
    """A charge added by hand to a project of its own, and the same below zero; no discount or cap reaches it."""
    account = random.choice(world["billing_accounts"])
    owner = account["billing_account_id"]
    project = row("sub_accounts", sub_account_id=f"{owner}-own", billing_account_id=owner)
    world = {
        **world,
        "sub_accounts": [*world["sub_accounts"], project],
        "discounts": [one for one in world["discounts"] if one["service"] or one["feature"] or one["sku_id"]],
        "spend_limits": [],
    }
    amount = money(random, account, 1, 77, 100, 5000)
    there, back = (
        operation(
            world,
            "add_charge",
            operation_id=name,
            billing_account_id=owner,
            sub_account_id=f"{owner}-own",
            amount=signed,
            billing_period=world["billing_period"],
            tax_category="standard",
            text="Setup",
        )
        for name, signed in (("own-1", amount), ("own-2", -amount))
    )
    return Reversal(world, and_then(world, there, back))


def used_back(world: World, random: Random) -> Reversal:
    """All usage of some SKUs, and the same below zero at the same instants.

    Of SKUs whose quantity is a sum, not rounded and not free; the other ways to meter have no opposite. A minimum that
    names only a price is for each account with a charge at it, if of nothing (P10): there is none here.
    """
    free = {one["sku_id"] for one in world["sku_prices"] if one["free_quantity"]}
    plain = [one["sku_id"] for one in world["skus"] if (one["meter"], one["quantity_rounding"]) == ("sum", None)]
    chosen = [name for name in plain if name not in free and random.randrange(4)]
    skus = [one | {"allows_corrections": True} if one["sku_id"] in chosen else one for one in world["skus"]]
    used = [one for one in world["usage_records"] if one["sku_id"] in chosen]
    others = [one for one in world["usage_records"] if one["sku_id"] not in chosen]
    back = [
        one | {"usage_record_id": f"own-{one['usage_record_id']}", "consumed_quantity": -one["consumed_quantity"]}
        for one in used
    ]
    limits = [one for one in world["spend_limits"] if one["billing_account_id"] or one["kind"] != "minimum_spend"]
    world = {**world, "skus": skus, "spend_limits": limits}
    return Reversal({**world, "usage_records": others}, {**world, "usage_records": [*others, *used, *back]})


REVERSALS: dict[str, Callable[[World, Random], Reversal]] = {
    "a grant and its recovery before it begins": recovered,
    "a transfer there and back": sent_back,
    "nothing allocated, the switch there and back": switched_back,
    "a charge and its opposite": charged_back,
    "usage and its full reversal": used_back,
}


@pytest.mark.parametrize("what", sorted(REVERSALS))
def test_what_is_added_and_taken_back_was_never_there(drawn: Drawn, what: str) -> None:
    """Every balance and total is as it was.

    A charge and its opposite take part in the sharing of their group's tax, so a charge beside them may bear a mu more
    of it, and a grant that pays after tax a mu more or less, as section 13 says of them.
    """
    worlds = [bill.world for bill in drawn.bills[:: 3 if drawn.billed is by_pipeline else 2]]
    found = [REVERSALS[what](world, Random(place)) for place, world in enumerate(worlds)]
    bills = drawn.billed([world for one in found for world in (one.without, one.with_both)])
    compared = 0
    for reversal, without, with_both in zip(found, bills[::2], bills[1::2], strict=True):
        own = [one for name, one in with_both.state.decisions.items() if name.startswith("own-")]
        assert {one["status"] for one in own} <= {"accepted"}, told(with_both, own)
        for account in without.accounts:
            if without.is_held(account) or with_both.is_held(account):
                continue  # what is held is not billed, and tells what its charges would come to
            compared += 1
            before, after = standing(without, account, {}), standing(with_both, account, reversal.stands_for)
            if what == "a charge and its opposite":
                assert [before[name] for name in ("tax", "taxable")] == [after[name] for name in ("tax", "taxable")]
                exponent = without.terms(account).exponent  # type: ignore[union-attr]
                allowed = max(1, len(before["tax"])) * Decimal(1).scaleb(-exponent)
                assert farthest(before, after) <= allowed, told(with_both, account, before, after)
            else:
                assert before == after, told(with_both, account, before, after)
    assert compared > len(found) / 2


def farthest(before: dict[str, Any], after: dict[str, Any]) -> Decimal:
    """By how much any figure differs."""
    keys = [(name, key) for name in before for key in before[name].keys() | after[name].keys()]
    return max((abs(before[name].get(key, 0) - after[name].get(key, 0)) for name, key in keys), default=Decimal(0))


def standing(bill: Bill, account: str, stands_for: dict[str, str | None]) -> dict[str, Any]:
    """Totals, tax by group, what each grant lost and what it has left: whatever is zero left out."""

    def grant(one: Row) -> str | None:
        return stands_for.get(one["grant_id"], one["grant_id"])

    own = {name: one for name, one in bill.grants.items() if one["billing_account_id"] == account}
    moves = [one for table in ("charged", "ended") for one in bill.tables[table] if one["grant_id"] in own]
    holds = [{"grant_id": name, "amount": max(bill.opening(name), Decimal(0))} for name in own]
    breakdown = bill.of(account, "tax_breakdown")
    totals = [value for one in bill.of(account, "invoices") for value in one.items() if isinstance(value[1], Decimal)]
    found = {
        "totals": {name: amount for name, amount in totals if amount != 0},
        "tax": sums(breakdown, group_of, "tax_amount"),
        "taxable": sums(breakdown, group_of, "taxable_amount"),
        "lost": sums(moves, grant, "amount"),
        "left": sums([*holds, *moves], grant, "amount"),
    }
    return {name: {key: amount for key, amount in rows.items() if key is not None} for name, rows in found.items()}


# --- a cut moves nothing ------------------------------------------------------------------------------------------


def eleventh(world: World) -> str:
    return f"{world['billing_period']}-11"


def with_worthless_discount(world: World, random: Random) -> World:
    nothing = row("discounts", discount_id="own", value=Decimal(0), valid_from=eleventh(world), priority=1000)
    return {**world, "discounts": [*world["discounts"], nothing]}


def with_spent_grants(world: World, random: Random) -> World:
    """Of a project of each account, where it has one."""
    taken = []
    granted = []
    for account in world["billing_accounts"]:
        owner = account["billing_account_id"]
        common: Row = {"billing_account_id": owner, "billing_currency": account["billing_currency"]}
        spent = {**common, "operation_id": f"own-{owner}", "kind": "bonus", "amount": Decimal(1)}
        projects = own_projects(world["sub_accounts"], account)
        spent |= {"window_start": eleventh(world), "sub_account_id": random.choice(projects or [None])}
        granted.append(operation(world, "grant_credit", **spent))
        names = {"movement_id": f"own-{owner}", "grant_id": f"own-{owner}"}
        taken.append(row("grant_movements", **common, **names, billing_period="2020-02", amount=Decimal(-1)))
    return {**and_then(world, *granted), "grant_movements": [*world["grant_movements"], *taken]}


def with_same_rates(world: World, random: Random) -> World:
    """Each tax rate in two rows that say the same."""
    rates, day = [], eleventh(world)
    for one in world["tax_rates"]:
        is_cut = one["valid_from"] < day and (one["valid_until"] is None or day < one["valid_until"])
        rates += [{**one, "valid_until": day}, {**one, "valid_from": day}] if is_cut else [one]
    return {**world, "tax_rates": rates}


def with_unreaching_grants(world: World, random: Random) -> World:
    """Of a service that nothing is of: these do not even cut."""
    common: Row = {"kind": "bonus", "amount": Decimal(1), "include": ["service:nowhere"]}
    granted = [
        operation(
            world,
            "grant_credit",
            operation_id=f"own-{one['billing_account_id']}",
            billing_account_id=one["billing_account_id"],
            window_start=eleventh(world),
            **common,
        )
        for one in world["billing_accounts"]
    ]
    return and_then(world, *granted)


CUTS: dict[str, Callable[[World, Random], World]] = {
    "a discount of nothing": with_worthless_discount,
    "a spent grant of a project": with_spent_grants,
    "a tax rate that stays the same": with_same_rates,
    "a grant that reaches nothing": with_unreaching_grants,
}


@pytest.mark.parametrize("what", sorted(CUTS))
def test_a_cut_moves_no_cent_between_lines(drawn: Drawn, what: str) -> None:
    """P7, M1, D4: list costs and discounts stay line by line, and of lines that are not cut charge by charge.

    Tax does where no grant had to choose between charges, and where it is rounded once: `per_line` rounds per charge.
    What is limited charge by charge, an additive discount, stays in the lines that are not cut.
    """
    moved = taxed = 0
    for before, after in drawn.and_changed(CUTS[what], share=2):
        for account in before.accounts:
            terms = before.terms(account)
            assert terms is not None
            moved += len(before.of(account, "charges")) != len(after.of(account, "charges"))
            is_additive = terms.policies.get("stacking") == "additive"
            if is_additive and before.world["spend_limits"]:
                continue
            assert before.of(account, "holds") == after.of(account, "holds")
            both = [rows_of_lines(bill, account) for bill in (before, after)]
            is_cut = {line for line in both[0]["charges"] if both[0]["charges"][line] != both[1]["charges"].get(line)}
            assert set(both[1]["charges"]) == set(both[0]["charges"])
            for table in ("list_cost", "discount"):
                for line in both[0][table].keys() | both[1][table].keys():
                    found, wanted = (one[table].get(line, {}) for one in both)
                    if line not in is_cut:
                        assert found == wanted, told(after, account, table, line)
                    elif table == "list_cost" or not is_additive:
                        assert sum(found.values()) == sum(wanted.values()), told(after, account, table, line)
            if not is_additive and is_taxed_once(before, account):
                taxed += 1
                shares = [sums(bill.of(account, "tax_shares"), line_of, "tax_amount") for bill in (before, after)]
                assert shares[0] == shares[1], told(after, account)
    assert bool(moved) == (what != "a grant that reaches nothing") or what == "a tax rate that stays the same"
    assert taxed


def rows_of_lines(bill: Bill, account: str) -> dict[str, dict[Any, Any]]:
    """Per rating line its charges, and per charge list cost and discounts."""
    charges = bill.of(account, "charges")
    discounts = [one for one in bill.of(account, "allocations") if one["allocation_kind"] == "discount"]
    found: dict[str, dict[Any, Any]] = {"charges": {}, "list_cost": {}, "discount": {}}
    for one in charges:
        found["charges"].setdefault(line_of(one), set()).add((one["charge_period_start"], one["charge_period_end"]))
    for charge, amount in sums(charges, charge_of, "list_cost").items():
        found["list_cost"].setdefault(charge[:-1], {})[charge] = amount
    for (charge, source), amount in sums(discounts, lambda one: (charge_of(one), one["source_id"]), "amount").items():
        found["discount"].setdefault((charge[:-1]), {})[charge, source] = amount
    return found


def is_taxed_once(bill: Bill, account: str) -> bool:
    """Whether a group's tax is rounded once, and no limit and no balance that ran out chose between charges."""
    terms = bill.terms(account)
    assert terms is not None
    before = [one for one in bill.of(account, "allocations") if one["tax_position"] == "before"]
    paid = sums([one for one in before if one["allocation_kind"] == "grant"], lambda one: one["source_id"], "amount")
    chose = any(one["allocation_kind"] == "cap" for one in before)
    chose |= any(amount >= bill.opening(name) for name, amount in paid.items())
    chose |= bool(paid) and any(one["list_cost"] < 0 for one in bill.of(account, "charges"))
    return not chose and terms.policies.get("tax_rounding") != "per_line"
