"""The oracle's books over time against the rule book: what is true of every generated chronicle.

Examples worked by hand are in `test_oracle_books_by_hand.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests import oracle, worlds
from tests.chronicles import LATE, SALES, chronicles, many, part_of
from tests.oracle_books import follow
from tests.worlds import Row, World

Tables = dict[str, list[Row]]
MANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OPERATIONS_ALONE = {name: LATE[name] for name in ("grant", "payment", "reversal", "outflow", "ending")}
PAYMENTS = {name: LATE[name] for name in ("usage", "revision", "grant", "price", "payment", "reversal")}
NO_MONEY = {name: LATE[name] for name in ("usage", "revision", "grant", "price", "discount", "charge")}
MONEY = ("list_cost", "discount_amount", "cap_amount", "grant_amount", "total_without_tax", "total_tax")
MONEY += ("total_with_tax", "credit_amount")


def in_any_order(rows: list[Row]) -> list[str]:
    return sorted(repr(sorted(row.items(), key=lambda item: item[0])) for row in rows)


def key(row: Row) -> tuple[str, str]:
    return row["billing_account_id"], row["billing_period"]


def steps_of(world: World) -> Iterator[tuple[Row, Tables, Tables]]:
    """Each step but the first, with the books before and after it."""
    books = follow(world)
    yield from zip(world["steps"][1:], books, books[1:], strict=False)


def backfills(world: World, *, issued: bool = False) -> Iterator[tuple[Tables, Tables]]:
    for step, before, after in steps_of(world):
        if step["step"] == "backfill" and (step["issue_date"] is not None or not issued):
            yield before, after


def held(world: World, standing: str) -> Iterator[tuple[set[tuple[str, str]], Tables, Tables]]:
    """The periods that stand so before a backfill and are bound by it, as policy carries nothing forward of them."""
    policies = world["billing_policies"]
    for step, before, after in steps_of(world):
        policies = step.get("reference", {}).get("billing_policies", policies)
        carried = {row["billing_account_id"] for row in policies if row["value"] == "carry_forward"}
        if step["step"] == "backfill":
            yield {one for one in of_standing(before, standing) if one[0] not in carried}, before, after


def sums(rows: list[Row], *columns: str) -> dict[tuple[str, str], list[Decimal]]:
    found: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(columns))
    for row in rows:
        found[key(row)] = [one + row[name] for one, name in zip(found[key(row)], columns, strict=True)]
    return found


def of_standing(books: Tables, *names: str) -> set[tuple[str, str]]:
    return {key(row) for row in books["standings"] if row["standing"] in names}


@MANY
@given(chronicles())
def test_t4_the_documents_of_a_standing_invoice_add_up_to_the_state(world: World):
    for _, books in backfills(world, issued=True):
        documents = sums(books["invoices"], "list_cost", "discount_amount", "cap_amount", "total_tax", "credit_amount")
        state = sums(books["charges"], "list_cost", "discount", "cap", "tax", "after_tax")
        taxed = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for row in books["invoice_tax"]:
            group = (*key(row), row["code"], row["rate"], row["component"])
            taxed[group] = [one + row[name] for one, name in zip(taxed[group], GROUP, strict=True)]
        said = {
            (*key(row), row["code"], row["rate"], row["component"]): [row[name] for name in GROUP]
            for row in books["tax_breakdown"]
        }
        for one in of_standing(books, "issued", "partly_paid", "paid"):
            assert documents[one] == state[one]
            assert {group: amounts for group, amounts in taxed.items() if group[:2] == one and any(amounts)} == {
                group: amounts for group, amounts in said.items() if group[:2] == one and any(amounts)
            }


GROUP = ("taxable_amount", "tax_amount")


@MANY
@given(chronicles(late={**LATE, "policy": 0}))
def test_t4_the_tax_of_a_chain_is_its_taxable_amount_by_the_rate_rounded_once(world: World):
    modes = {row["billing_account_id"]: row["value"] for row in world["billing_policies"] if row["policy"] == MODE}
    by_line = {row["billing_account_id"] for row in world["billing_policies"] if row["value"] == "per_line"}
    exponent = next(
        one["exponent"]
        for one in world["currencies"]
        if one["billing_currency"] == world["billing_accounts"][0]["billing_currency"]
    )
    for _, books in backfills(world, issued=True):
        chains: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for row in books["invoice_tax"]:
            group = (row["billing_account_id"], row["billing_period"], row["code"], row["rate"], row["component"])
            chains[group] = [one + row[name] for one, name in zip(chains[group], GROUP, strict=True)]
        for (account, _, _, rate, _), (taxable, tax) in chains.items():
            if account not in by_line:
                exact = Fraction(taxable) * Fraction(rate) * 10**exponent
                assert oracle.rounded(exact, modes.get(account, "half_away")) == Fraction(tax) * 10**exponent


MODE = "rounding_tax"


@MANY
@given(chronicles())
def test_what_is_owed_is_what_documents_say_less_the_money_that_paid_them(world: World):
    """Receivable = Σ open amounts; money = what it paid and what is on account."""
    reversed_ones, paid = set(), dict[str, Row]()
    for step, (_, books) in zip(world["steps"], enumerate(follow(world)), strict=True):
        accepted = {row["operation_id"] for row in books["operations"] if row["status"] == "accepted"}
        for operation in step.get("operations", []):
            if operation["operation_id"] in accepted and operation["operation"] == "record_payment":
                paid[operation["operation_id"]] = operation
            if operation["operation_id"] in accepted and operation["operation"] == "reverse_payment":
                reversed_ones.add(operation["reverses_operation_id"])
        for balance in books["account_balances"]:
            account = balance["billing_account_id"]
            own = [row for row in books["invoices"] if row["billing_account_id"] == account]
            money = sum(
                row["amount"]
                for name, row in paid.items()
                if row["billing_account_id"] == account and name not in reversed_ones
            )
            owed = sum(row["total_with_tax"] - row["credit_amount"] + row["rounding_amount"] for row in own)
            assert sum(row["open_amount"] for row in own) == owed - money + balance["amount"]
            standing = [row["open_amount"] for row in books["standings"] if row["billing_account_id"] == account]
            assert sum(standing) == sum(row["open_amount"] for row in own)
            assert balance["amount"] >= 0


@MANY
@given(chronicles())
def test_k1_no_grant_falls_below_zero_and_a_balance_is_its_movements(world: World):
    for step, _, books in steps_of(world):
        faces = faces_of(world)
        for row in books["grant_balances"]:
            moved = [one for one in books["grant_movements"] if one["grant_id"] == row["grant_id"]]
            spent = sum(one["amount"] for one in moved if one["movement"] not in ("transfer_accumulation", "credited"))
            assert row["balance"] == faces[row["grant_id"]] + spent
            if step["step"] == "backfill":
                assert row["balance"] >= 0


def faces_of(world: World) -> dict[str, Decimal]:
    landed = [operation for step in world["steps"] for operation in step.get("operations", [])]
    codes = {row["promo_code"]: row["value"] for row in world["promo_codes"]}
    return {one["operation_id"]: codes.get(one["promo_code"], one["amount"]) for one in landed}


@MANY
@given(chronicles(late=OPERATIONS_ALONE))
def test_x2_a_paid_period_does_not_move_for_grants(world: World):
    for paid, before, after in held(world, "paid"):
        for one in paid:
            for table in ("charges", "allocations", "tax_breakdown"):
                was, now = ([row for row in books[table] if key(row) == one] for books in (before, after))
                assert in_any_order(was) == in_any_order(now)


@MANY
@given(chronicles())
def test_x4_in_a_paid_period_grants_pay_no_more_than_what_charges_gained(world: World):
    """Before tax at most the growth of charges less discounts and caps; with after-tax ones, that and its tax."""
    for paid, before, after in held(world, "paid"):
        was, now = ({of_charge(row): row for row in books["charges"]} for books in (before, after))
        for one in paid:
            for name, row in now.items():
                if key(row) == one:
                    old = was.get(name, {**row, **dict.fromkeys(AMOUNTS, Decimal(0))})
                    gained = max(Decimal(0), net(row) - net(old))
                    assert row["before_tax"] <= old["before_tax"] + gained
                    gained = max(Decimal(0), due(row) - due(old))
                    assert row["after_tax"] <= old["after_tax"] + gained


AMOUNTS = ("list_cost", "discount", "cap", "before_tax", "tax", "after_tax")


def of_charge(row: Row) -> tuple[Any, ...]:
    return (row["billing_period"], *oracle.charge_key(row), row["source"])


def net(row: Row) -> Decimal:
    amount: Decimal = row["list_cost"] - row["discount"] - row["cap"]
    return amount


def due(row: Row) -> Decimal:
    return net(row) - row["before_tax"] + Decimal(row["tax"])


@MANY
@given(chronicles())
def test_x2_grants_leave_a_partly_paid_period_no_less_than_was_paid(world: World):
    """It may come to less for less usage or a mended price, but then no grant pays anything of it."""
    for partly_paid, before, after in held(world, "partly_paid"):
        paid = {key(row): row["paid_amount"] for row in before["standings"] if key(row) in partly_paid}
        comes_to = sums(after["charges"], "list_cost", "discount", "cap", "before_tax", "tax", "after_tax")
        spent = {key(row) for row in after["allocations"] if row["allocation_kind"] == "grant"}
        for one, amount in paid.items():
            listed, discount, cap, before_tax, tax, after_tax = comes_to[one]
            assert listed - discount - cap - before_tax + tax - after_tax >= amount or one not in spent


@MANY
@given(chronicles())
def test_l4_an_issued_document_never_changes(world: World):
    for _, before, after in steps_of(world):
        told = {(*key(row), row["document"]): row for row in after["invoices"]}
        for row in before["invoices"]:
            now = told[*key(row), row["document"]]
            assert {**row, "open_amount": None} == {**now, "open_amount": None}


@MANY
@given(chronicles())
def test_a_correction_is_a_credit_note_where_less_is_to_pay_and_at_most_one_a_run(world: World):
    for step, before, after in steps_of(world):
        new = after["invoices"][len(before["invoices"]) :]
        corrections = [row for row in new if row["preceding"] is not None and not row["is_void"]]
        assert len({key(row) for row in corrections}) == len(corrections)
        for row in corrections:
            assert (row["document_type"] == "381") == (row["total_with_tax"] < row["credit_amount"])
        if step["step"] not in ("backfill", "issue"):
            assert not corrections


@MANY
@given(chronicles())
def test_i4_a_voided_chain_says_nothing_in_all(world: World):
    """Whatever was issued before the document that voids and is of its chain adds up to its opposite."""
    for _, _, books in steps_of(world):
        for void in (row for row in books["invoices"] if row["is_void"]):
            chain = [
                row
                for row in books["invoices"]
                if key(row) == key(void) and void["preceding"] in (row["document"], row["preceding"])
            ]
            assert [sum(row[name] for row in chain) for name in MONEY] == [0] * len(MONEY)
            assert all(row["open_amount"] == 0 for row in chain)


@MANY
@given(chronicles())
def test_l1_a_second_backfill_posts_nothing(world: World):
    last = world["steps"][-1]["at"]
    again = {"step": "backfill", "at": last + timedelta(hours=1), "issue_date": last.date()}
    *_, before, after = follow({**world, "steps": [*world["steps"], again, again]})
    for table in before:
        assert in_any_order(before[table]) == in_any_order(after[table])


@MANY
@given(chronicles(months=(1,), late={}))
def test_i4_an_invoice_that_is_voided_and_billed_again_is_the_same_invoice(world: World):
    steps = [step for step in world["steps"] if step["step"] in ("land", "bill")][:2]
    at, period = steps[1]["known_as_of"], steps[1]["billing_period"]
    issued = {"step": "issue", "billing_period": period, "documents": "all", "billing_account_id": None}
    steps.append({**issued, "at": at + timedelta(hours=1), "issue_date": date(2027, 1, 1)})
    first = follow({**world, "steps": steps})[-1]
    unpaid = {key(row) for row in first["standings"] if row["standing"] != "none"}
    void = [voided(row["billing_account_id"], period, at + timedelta(hours=2)) for row in first["invoices"]]
    steps.append({"step": "land", "at": at + timedelta(hours=3), "operations": void})
    steps.append({"step": "bill", "billing_period": period, "known_as_of": at + timedelta(hours=4)})
    steps.append({**issued, "at": at + timedelta(hours=5), "issue_date": date(2027, 1, 2)})
    *_, gone, _, second = follow({**world, "steps": steps})
    assert all(one["status"] == "accepted" for one in gone["operations"])
    assert {key(row) for row in gone["holds"] if row["reason_code"] == "H_VOIDED"} == unpaid
    assert not [row for row in gone["charges"] if key(row) in unpaid]
    for table in ("charges", "allocations", "tax_breakdown", "grant_movements", "grant_balances"):
        assert in_any_order(first[table]) == in_any_order(second[table])
    again = [row for row in second["invoices"] if row["document"] == 2]
    assert [[row[name] for name in MONEY] for row in again] == [
        [row[name] for name in MONEY] for row in first["invoices"]
    ]


def voided(account: str, period: str, at: Any) -> Row:
    return worlds.row(
        "operations",
        operation_id=f"void-{account}",
        operation="void_invoice",
        billing_account_id=account,
        occurred_at=at,
        invoice_number=f"{account}/{period}/0",
    )


@MANY
@given(chronicles(late=NO_MONEY))
def test_x3_billing_and_backfilling_a_bonus_is_as_having_known_it_from_the_start(world: World):
    """Balances and totals due, where no outflow lies and no period had become paid or held by then: by the backfill
    that follows its recording, as a month billed in between that is paid keeps what it took of the bonus."""
    books, start, last = late_and_from_the_start(world)
    assume(not any(of_standing(one, "paid") for one in [*books[:last], *start[:last]]))
    refuse_another_end(start[-1], books[-1])


@MANY
@given(chronicles(late=PAYMENTS))
def test_x3_holds_whatever_was_paid_where_paid_charges_are_carried_forward(world: World):
    accounts = [row["billing_account_id"] for row in world["billing_accounts"]]
    carried = {"policy": "paid_charges", "value": "carry_forward"}
    policies = [row for row in world["billing_policies"] if row["policy"] != "paid_charges"]
    policies += [worlds.row("billing_policies", billing_account_id=one, **carried) for one in accounts]
    books, start, last = late_and_from_the_start({**world, "billing_policies": policies})
    assume(any(of_standing(one, "paid", "partly_paid") for one in books[:last]))
    refuse_another_end(start[-1], books[-1])


def late_and_from_the_start(world: World) -> tuple[list[Tables], list[Tables], int]:
    """The books where grants came late, those where they were known, and the step that has backfilled the last one."""
    books = follow(world)
    lands = [place for place, step in enumerate(world["steps"]) if step["step"] == "land"]
    late = [(place, one) for place in lands[1:] for one in world["steps"][place]["operations"] if is_grant(one)]
    assume(late)
    last = next(
        place
        for place, step in enumerate(world["steps"])
        if place > late[-1][0] and step["step"] == "backfill" and step["issue_date"] is not None
    )
    assume(not any(one["holds"] for one in books[:last]))
    assume(not any(row["value"] == "keep" for row in world["billing_policies"]))
    known = world["steps"][lands[0]]["at"]
    steps = []
    for place, step in enumerate(world["steps"]):
        if place == lands[0]:
            from_the_start = [{**one, "recorded_at": known, "received_at": known} for _, one in late]
            step = {**step, "operations": [*step["operations"], *from_the_start]}
        elif place in lands:
            step = {**step, "operations": [one for one in step["operations"] if not is_grant(one)]}
        steps.append(step)
    return books, follow({**world, "steps": steps}), last


def refuse_another_end(one: Tables, other: Tables) -> None:
    """The same balances of grants, and the same totals due."""
    assert in_any_order(one["grant_balances"]) == in_any_order(other["grant_balances"])
    due = ("total_with_tax", "credit_amount")
    assert sums(one["invoices"], *due) == sums(other["invoices"], *due)


def is_grant(operation: Row) -> bool:
    return operation["operation"] in ("grant_credit", "purchase_credit")


@settings(MANY, max_examples=5)
@given(st.integers(0, 2**32))
def test_accounts_together_are_each_as_alone(seed: int):
    whole, parts = many(6, Random(seed), months=2)
    together = follow(whole)
    for place, part in enumerate(parts):
        for alone, all_of_them in zip(follow(part), together, strict=True):
            cut = part_of(all_of_them, f"A{place:03}-")
            assert {table: in_any_order(rows) for table, rows in alone.items()} == {
                table: in_any_order(rows) for table, rows in cut.items()
            }


def test_chronicles_are_drawn_with_all_that_matters():
    """A census: what none of a hundred chronicles had would be told by no property."""
    found = set[str]()
    for seed in range(100):
        random = Random(seed)
        _, (world,) = many(1, random, months=random.choice((1, 2, 3)))
        for _, before, after in steps_of(world):
            found |= {row["standing"] for row in after["standings"]} | {row["reason_code"] for row in after["holds"]}
            new = after["invoices"][len(before["invoices"]) :]
            for row in new:
                place = "void" if row["is_void"] else "first" if row["preceding"] is None else "later"
                found.add(f"{row['document_type']} {place}")
            found |= {f"{row['reason_code']}" for row in after["operations"]}
    wanted = {
        "none",
        "issued",
        "partly_paid",
        "paid",
        "H_VOIDED",
        "R_NO_PRICE",
        "380 first",
        "381 first",
        "380 later",
        "381 later",
    }
    wanted |= {"O_NO_TAX_RATE"}
    wanted |= {"381 void", "O_INVOICE_PAID", "O_INSUFFICIENT_BALANCE"}
    assert wanted <= found, wanted - found


def test_chronicles_of_sold_credit_are_drawn_with_what_is_given_back_and_taken_back():
    found = set[str]()
    for seed in range(30):
        whole, _ = many(1, Random(seed), months=3, late=SALES)
        for row in follow(whole)[-1]["sales"]:
            found.add(f"{row['document_type']} {'refund' if row['document'] else 'sale'}")
    assert found == {"380 sale", "381 refund", "380 refund"}
