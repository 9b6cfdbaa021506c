"""The oracle's books over time: examples worked by hand.

The account is `acme`: EUR, UTC, 20 % VAT, and `vm` costs 1.00 an hour. October 2026 has 100 hours unless a test says
otherwise: 100.00 and 20.00 of tax. It is billed on 3 November and issued on the 4th; November on 3 and 4 December.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle_books import follow
from tests.worlds import Row, World, make_world, row

D = Decimal
Tables = dict[str, list[Row]]


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


OCTOBER_5 = at(10, 5)


def used(quantity: str, on: datetime = OCTOBER_5, name: str = "u1", **columns: Any) -> Row:
    return row("usage_records", usage_record_id=name, consumed_quantity=D(quantity), charge_period_start=on, **columns)


def land(when: datetime, *operations: Row, usage: tuple[Row, ...] = (), **reference: list[Row]) -> Row:
    made = [row("operations", **{"occurred_at": when, "recorded_at": when, **one}) for one in operations]
    return {"step": "land", "at": when, "reference": reference, "usage_records": list(usage), "operations": made}


def billed(month: int, *usage: Row, operations: tuple[Row, ...] = ()) -> list[Row]:
    """A month's usage lands, is billed and issued in the next."""
    period = f"2026-{month:02}"
    return [
        land(at(month + 1, 2), *operations, usage=usage),
        {"step": "bill", "billing_period": period, "known_as_of": at(month + 1, 3)},
        issue(period, at(month + 1, 4)),
    ]


def issue(period: str, when: datetime) -> Row:
    step = {"step": "issue", "billing_period": period, "documents": "all", "billing_account_id": None}
    return {**step, "at": when, "issue_date": when.date()}


def october(*operations: Row) -> list[Row]:
    return billed(10, used("100"), operations=operations)


def backfill(when: datetime) -> Row:
    return {"step": "backfill", "at": when, "issue_date": when.date()}


def bonus(amount: str, name: str = "g1", start: str | None = "2026-10-01", **columns: Any) -> Row:
    return {"operation_id": name, "kind": "bonus", "amount": D(amount), "window_start": start, **columns}


def pays(amount: str, name: str = "p1", **columns: Any) -> Row:
    return {"operation_id": name, "operation": "record_payment", "amount": D(amount), **columns}


def voids(name: str = "v1", number: str = "acme/2026-10/0") -> Row:
    return {"operation_id": name, "operation": "void_invoice", "invoice_number": number}


def priced(amount: str) -> list[Row]:
    return [row("sku_prices", list_unit_price=D(amount))]


def after(*steps: Row | list[Row], **tables: Any) -> Tables:
    """The books after all of these steps."""
    flat = [one for step in steps for one in (step if isinstance(step, list) else [step])]
    return follow(chronicle(flat, **tables))[-1]


def chronicle(steps: list[Row], **tables: Any) -> World:
    return {**make_world(**{"usage_records": [], **tables}), "steps": steps}


def documents(books: Tables) -> list[tuple[str, int, str, Decimal, Decimal, Decimal]]:
    """Month, K, type, total without tax, tax, what is left to pay."""
    columns = ("billing_period", "document", "document_type", "total_without_tax", "total_tax", "open_amount")
    return [tuple(one[name] for name in columns) for one in books["invoices"]]


def standing(books: Tables, period: str = "2026-10") -> tuple[str, Decimal]:
    (one,) = [one for one in books["standings"] if one["billing_period"] == period]
    return one["standing"], one["open_amount"]


def balances(books: Tables) -> dict[str, Decimal]:
    return {one["grant_id"]: one["balance"] for one in books["grant_balances"]}


def decisions(books: Tables) -> dict[str, str | None]:
    return {one["operation_id"]: one["reason_code"] for one in books["operations"]}


# ------------------------------------------------------------------------------------------------------------- X1, X2


def test_x2_a_late_bonus_lowers_an_issued_invoice_with_its_tax():
    """50.00 of 100.00: a credit note of 50.00 and 10.00, which pays its own invoice: 120.00 less 60.00 are open."""
    books = after(october(), land(at(11, 10), bonus("50")), backfill(at(11, 11)))
    assert documents(books) == [
        ("2026-10", 0, "380", D(100), D(20), D(60)),
        ("2026-10", 1, "381", D(-50), D(-10), D(0)),
    ]
    assert (standing(books), balances(books)) == (("issued", D(60)), {"g1": D(0)})
    (line,) = [line for line in books["invoice_lines"] if line["document"] == 1]
    assert (line["list_cost"], line["grant_amount"], line["line_amount"], line["tax_amount"]) == (0, 50, -50, -10)


def test_x2_a_paid_period_is_frozen_and_the_bonus_pays_the_next():
    """October's 120.00 are paid. The bonus of 50 pays 40 of November's 40 hours."""
    paid = [*october(), land(at(11, 9), pays("120")), land(at(11, 10), bonus("50")), backfill(at(11, 11))]
    assert len(after(paid)["invoices"]) == 1
    assert balances(after(paid)) == {"g1": D(50)}
    books = after(paid, billed(11, used("40", at(11, 5), "u2")))
    assert documents(books)[1] == ("2026-11", 0, "380", D(0), D(0), D(0))
    assert balances(books) == {"g1": D(10)}


def test_x2_a_reversed_payment_lets_the_bonus_in_again():
    reversal = {"operation_id": "r1", "operation": "reverse_payment", "reverses_operation_id": "p1"}
    frozen = [*october(), land(at(11, 9), pays("120")), land(at(11, 10), bonus("50")), backfill(at(11, 11))]
    books = after(frozen, land(at(11, 12), reversal), backfill(at(11, 13)))
    assert documents(books)[1] == ("2026-10", 1, "381", D(-50), D(-10), D(0))


def test_x2_a_partly_paid_period_never_comes_to_less_than_was_paid():
    """100.00 of 120.00 are paid. 83.33 and 16.67 of tax are 100.00, so 16.67 of the bonus are used; one mu more would
    leave 83.32 and 16.66. The credit note is 16.67 and 3.33, and the invoice is paid by it."""
    books = after(october(), land(at(11, 9), pays("100")), land(at(11, 10), bonus("50")), backfill(at(11, 11)))
    assert documents(books)[1] == ("2026-10", 1, "381", D("-16.67"), D("-3.33"), D(0))
    assert (standing(books), balances(books)) == (("paid", D(0)), {"g1": D("33.33")})


CARRIED = [{"policy": "paid_charges", "value": "carry_forward"}]
REVERSAL = {"operation_id": "r1", "operation": "reverse_payment", "reverses_operation_id": "p1"}
LATE_BONUS = land(at(11, 10), bonus("50", window_end="2026-11-01"))


def test_x2_carried_forward_a_bonus_pays_charges_that_are_paid_and_its_credit_note_pays_the_next_invoice():
    """October's 120.00 are paid. 50.00 and 10.00 of tax go back: 60.00 open, and of November's 120.00 60.00 are due."""
    paid = [*october(), land(at(11, 9), pays("120")), LATE_BONUS, backfill(at(11, 11)), backfill(at(11, 12))]
    books = after(paid, billing_policies=CARRIED)
    assert documents(books)[1:] == [("2026-10", 1, "381", D(-50), D(-10), D(-60))]
    assert (standing(books), balances(books)) == (("paid", D(-60)), {"g1": D(0)})
    books = after(paid, billed(11, used("100", at(11, 5), "u2")), billing_policies=CARRIED)
    assert documents(books)[1:] == [
        ("2026-10", 1, "381", D(-50), D(-10), D(0)),
        ("2026-11", 0, "380", D(100), D(20), D(60)),
    ]
    assert (standing(books), standing(books, "2026-11")) == (("paid", D(0)), ("partly_paid", D(60)))


def test_x2_carried_forward_a_partly_paid_period_gives_back_what_was_paid_too_much():
    """100.00 of 120.00 are paid. The credit note of 60.00 pays the 20.00 that are open, and 40.00 of it are left."""
    books = after(october(), land(at(11, 9), pays("100")), LATE_BONUS, backfill(at(11, 11)), billing_policies=CARRIED)
    assert documents(books) == [
        ("2026-10", 0, "380", D(100), D(20), D(0)),
        ("2026-10", 1, "381", D(-50), D(-10), D(-40)),
    ]
    assert (standing(books), balances(books)) == (("paid", D(-40)), {"g1": D(0)})


def test_x2_what_was_carried_forward_goes_back_when_the_bonus_is_taken_back():
    """The bonus is recovered as of the month's start: 60.00 are invoiced again, which the open credit note pays."""
    recovery = {"operation_id": "e1", "operation": "recover_credit", "grant_id": "g1", "occurred_at": at(10, 1)}
    given = land(at(11, 10), bonus("50", window_end="2026-11-01", occurred_at=at(9, 20)))
    paid = [*october(), land(at(11, 9), pays("120")), given, backfill(at(11, 11))]
    books = after(paid, land(at(11, 12), recovery), backfill(at(11, 13)), billing_policies=CARRIED)
    assert documents(books)[1:] == [
        ("2026-10", 1, "381", D(-50), D(-10), D(0)),
        ("2026-10", 2, "380", D(50), D(10), D(0)),
    ]
    assert (standing(books), balances(books)) == (("paid", D(0)), {"g1": D(0)})


def test_x2_what_was_carried_forward_is_due_less_when_the_payment_is_reversed():
    """Nothing else changes: 120.00 are due again, and the credit note of 60.00 is open."""
    paid = [*october(), land(at(11, 9), pays("120")), LATE_BONUS, backfill(at(11, 11))]
    books = after(paid, land(at(11, 12), REVERSAL), backfill(at(11, 13)), billing_policies=CARRIED)
    assert documents(books) == [
        ("2026-10", 0, "380", D(100), D(20), D(120)),
        ("2026-10", 1, "381", D(-50), D(-10), D(-60)),
    ]
    assert (standing(books), balances(books)) == (("issued", D(60)), {"g1": D(0)})


def test_x2_what_is_carried_forward_is_said_by_the_last_instant_of_the_month_that_is_corrected():
    """The policy holds from November on, so October stays as it is, and the bonus expires with November."""
    later = [{**one, "valid_from": "2026-11-01"} for one in CARRIED]
    paid = [*october(), land(at(11, 9), pays("120")), LATE_BONUS, backfill(at(11, 11))]
    books = after(paid, billing_policies=later)
    assert (len(books["invoices"]), balances(books)) == (1, {"g1": D(50)})
    books = after(paid, billed(11, used("40", at(11, 5), "u2")), billing_policies=later)
    assert (documents(books)[1][3:], balances(books)) == ((D(40), D(8), D(48)), {"g1": D(0)})


def a_correction_waits() -> list[Row]:
    """October is paid; 10 hours more are 12.00 that wait; the payment is reversed, made again; all is issued."""
    waits = {**backfill(at(11, 11)), "issue_date": None}
    usage = land(at(11, 10), usage=(used("10", at(10, 6), "u2"),))
    steps = [*october(), land(at(11, 9), pays("120")), usage, waits, land(at(11, 12), REVERSAL)]
    return [*steps, {**waits, "at": at(11, 13)}, land(at(11, 14), pays("120", "p2")), backfill(at(11, 15))]


def test_x2_a_correction_that_waits_leaves_a_period_paid_that_was_paid_before_it():
    """10 hours more wait as 12.00 while the payment is reversed and made again. Found paid, October is frozen: the
    12.00 are issued, and the later bonus keeps its 50."""
    steps = a_correction_waits()
    assert documents(after(steps))[1:] == [("2026-10", 1, "380", D(10), D(2), D(12))]
    assert standing(after(steps)) == ("paid", D(12))
    books = after(steps, land(at(11, 16), bonus("50")), backfill(at(11, 17)))
    assert (standing(books), balances(books)) == (("paid", D(12)), {"g1": D(50)})


def test_x2_what_is_undone_is_the_last_application_first_and_after_tax_ones_before_all():
    """The bonus leaves 50.00 and 10.00, the voucher 40.00 of these. 50.00 were paid: 10.00 of the voucher stay."""
    voucher = {**bonus("20", "g2"), "kind": "voucher"}
    books = after(october(), land(at(11, 9), pays("50")), land(at(11, 10), bonus("50"), voucher), backfill(at(11, 11)))
    assert balances(books) == {"g1": D(0), "g2": D(10)}
    assert standing(books) == ("paid", D(0))


def test_x2_under_keep_a_late_bonus_pays_after_tax():
    """50.00 of 120.00, no tax given back."""
    keep = [{"policy": "retroactive_bonus_tax", "value": "keep"}]
    books = after(october(), land(at(11, 10), bonus("50")), backfill(at(11, 11)), billing_policies=keep)
    note = books["invoices"][1]
    assert (note["total_with_tax"], note["credit_amount"], note["document_type"]) == (0, 50, "381")
    assert standing(books) == ("issued", D(70))


def test_x2_under_keep_a_bonus_of_before_the_issue_stays_before_tax():
    """The first 30 lowered the tax: 70.00 and 14.00. The late 50 pay of these 84.00."""
    keep = [{"policy": "retroactive_bonus_tax", "value": "keep"}]
    late = land(at(11, 10), bonus("50", "g2"))
    books = after(october(bonus("30")), late, backfill(at(11, 11)), billing_policies=keep)
    assert standing(books) == ("issued", D(34))


def test_x1_no_document_if_only_grants_moved():
    """60 of g1 were spent. It is recovered as of the month's start, and g2 of 60 comes in its place."""
    recovery = {"operation_id": "e1", "operation": "recover_credit", "grant_id": "g1", "occurred_at": at(10, 1)}
    late = land(at(11, 10), recovery, bonus("60", "g2", window_end="2026-12-01"))
    books = after(october(bonus("60", occurred_at=at(9, 20))), late, backfill(at(11, 11)))
    assert documents(books) == [("2026-10", 0, "380", D(40), D(8), D(48))]
    assert [(one["source_id"], one["amount"]) for one in books["allocations"]] == [("g2", D(60))]
    assert [(one["grant_id"], one["movement"], one["amount"]) for one in books["grant_movements"]] == [
        ("g2", "charged", D(-60)),
        ("g1", "recovered", D(-60)),
    ]


def test_k8_earlier_months_go_first_and_later_ones_that_are_not_paid_give_way():
    """The bonus of 100 paid November. 60 hours more in October take it first: November has 40 left."""
    bonus_of_two = bonus("100", window_end="2026-12-01")
    start = [*billed(10, used("0")), *billed(11, used("100", at(11, 5), "u2"), operations=(bonus_of_two,))]
    late = land(at(12, 10), usage=(used("60", at(10, 6), "u3"),))
    books = after(start, late, backfill(at(12, 11)))
    assert [one for one in documents(books) if one[1] == 0] == [
        ("2026-10", 0, "380", D(0), D(0), D(0)),
        ("2026-11", 0, "380", D(0), D(0), D(0)),
    ]
    # nothing was due of either, so both are paid: October gains 60, and only what November leaves could pay them
    assert documents(books)[2:] == [("2026-10", 1, "380", D(60), D(12), D(72))]


def test_k8_an_issued_month_gives_way():
    """As above, but 120 hours in November leave 20.00 and 4.00 due: it is issued, not paid. October takes 60 of the
    bonus, November has 40: 60.00 and 12.00 more for November."""
    start = [
        *billed(10, used("10")),
        *billed(11, used("120", at(11, 5), "u2"), operations=(bonus("100", window_end="2026-12-01"),)),
    ]
    assert documents(after(start))[1] == ("2026-11", 0, "380", D(20), D(4), D(24))
    late = land(at(12, 10), usage=(used("50", at(10, 6), "u3"),))
    books = after(start, late, backfill(at(12, 11)))
    # October: 60.00 less 60 of the bonus, 10.00 and 2.00 given back; November: 120.00 less 40
    assert documents(books)[2:] == [
        ("2026-10", 1, "381", D(-10), D(-2), D(0)),
        ("2026-11", 1, "380", D(60), D(12), D(72)),
    ]


# ------------------------------------------------------------------------------------------------------------- X4, T4


def test_x4_late_usage_of_an_issued_month_is_a_supplementary_invoice():
    books = after(october(), land(at(11, 10), usage=(used("10", at(10, 6), "u2"),)), backfill(at(11, 11)))
    assert documents(books)[1] == ("2026-10", 1, "380", D(10), D(2), D(12))


def test_x4_in_a_paid_month_a_grant_of_then_pays_what_was_gained_and_a_later_one_does_not():
    """g1 of 130 paid 100.00, so nothing was due. 40 hours more: g1 has 30 for them, g2 came later: 10.00 and 2.00."""
    late = land(at(11, 10), bonus("50", "g2"), usage=(used("40", at(10, 6), "u2"),))
    books = after(october(bonus("130")), late, backfill(at(11, 11)))
    assert documents(books)[1] == ("2026-10", 1, "380", D(10), D(2), D(12))
    assert balances(books) == {"g1": D(0), "g2": D(50)}


def test_x4_less_usage_of_a_paid_month_returns_what_was_paid_last():
    """The record was 40 hours: of g1's 60 applied 40 stay, 20 go back; 120.00 - 72.00 = 48.00 were due and paid."""
    revised = land(at(11, 10), usage=(used("40", revision=1),))
    books = after(october(bonus("60")), land(at(11, 9), pays("48")), revised, backfill(at(11, 11)))
    assert documents(books)[1] == ("2026-10", 1, "381", D(-40), D(-8), D(-48))
    assert (standing(books), balances(books)) == (("paid", D(-48)), {"g1": D(20)})


def test_t4_a_correction_has_the_rates_of_the_invoice():
    """From 20 to 10 % afterwards; 10 hours more are 10.00 and 2.00."""
    mended = land(at(11, 10), usage=(used("10", at(10, 6), "u2"),), tax_rates=[row("tax_rates", rate=D("0.1"))])
    assert documents(after(october(), mended, backfill(at(11, 11))))[1] == ("2026-10", 1, "380", D(10), D(2), D(12))


def test_t4_the_tax_of_invoice_and_corrections_is_that_of_the_whole():
    """0.02 hours are 0.02 and 0.00 of tax; once more, 0.04 and 0.01: the correction has 0.02 and 0.01."""
    more = land(at(11, 10), usage=(used("0.02", at(10, 6), "u2"),))
    books = after(billed(10, used("0.02")), more, backfill(at(11, 11)))
    assert [one[3:5] for one in documents(books)] == [(D("0.02"), D(0)), (D("0.02"), D("0.01"))]


# ------------------------------------------------------------------------------------------------------------- I4, I6


def test_i6_what_a_credit_note_leaves_over_pays_the_next_invoice_at_issue():
    """The price was 0.50: of October's 120.00, which were paid, 60.00 are too much. November's 40 hours are 24.00."""
    halved = land(at(11, 10), sku_prices=priced("0.5"))
    books = after(october(), land(at(11, 9), pays("120")), halved, backfill(at(11, 11)))
    assert documents(books)[1] == ("2026-10", 1, "381", D(-50), D(-10), D(-60))
    books = after(
        *(october(), land(at(11, 9), pays("120")), halved, backfill(at(11, 11))),
        billed(11, used("40", at(11, 5), "u2")),
    )
    assert [one[5] for one in documents(books)] == [D(0), D(-36), D(0)]
    assert books["invoices"][2]["paid_amount"] == 24


def test_i6_a_payment_pays_what_is_due_first_and_what_is_over_stays():
    books = after(october(), billed(11, used("10", at(11, 5), "u2")), land(at(12, 9), pays("125")))
    assert [one[5] for one in documents(books)] == [D(0), D(7)]
    named = pays("125", invoice_number="acme/2026-11/0")
    books = after(october(), billed(11, used("10", at(11, 5), "u2")), land(at(12, 9), named))
    assert [one[5] for one in documents(books)] == [D(120), D(0)]
    assert books["account_balances"] == [{"billing_account_id": "acme", "amount": D(113)}]


def test_i4_a_voided_chain_is_credited_whole_and_its_grants_are_free():
    """120.00 and a correction of -60.00: -60.00 in all. The bonus has its 50 back."""
    steps = [*october(), land(at(11, 10), bonus("50")), backfill(at(11, 11)), land(at(11, 12), voids())]
    books = after(steps)
    assert documents(books)[2] == ("2026-10", 2, "381", D(-50), D(-10), D(0))
    assert [one[5] for one in documents(books)] == [D(0), D(0), D(0)]
    assert (standing(books), balances(books)) == (("none", D(0)), {"g1": D(50)})
    assert [one["reason_code"] for one in books["holds"]] == ["H_VOIDED"]
    again = issue("2026-10", at(11, 14))
    books = after(steps, {"step": "bill", "billing_period": "2026-10", "known_as_of": at(11, 13)}, again)
    assert documents(books)[3] == ("2026-10", 3, "380", D(50), D(10), D(60))
    assert books["holds"] == []


def test_i4_what_cannot_be_voided():
    steps = [*october(), land(at(11, 10), bonus("50")), backfill(at(11, 11))]
    wrong = [voids("v1", "acme/2026-10/1"), voids("v2", "acme/2026-09/0")]
    assert decisions(after(steps, land(at(11, 12), *wrong))) == {"v1": "O_UNKNOWN_INVOICE", "v2": "O_UNKNOWN_INVOICE"}
    paid = land(at(11, 12), pays("10"), {**voids("v3"), "occurred_at": at(11, 12) + timedelta(hours=1)})
    assert decisions(after(steps, paid)) == {"p1": None, "v3": "O_INVOICE_PAID"}
    twice = land(at(11, 12), voids("v4"), voids("v5"))
    assert decisions(after(steps, twice)) == {"v4": None, "v5": "O_ALREADY_VOIDED"}


def test_p4_an_account_whose_invoice_stands_keeps_its_state_when_it_would_be_held():
    """Afterwards the price begins on the 10th: the hours of the 5th have none. The invoice stays, the hold is shown."""
    gone = land(at(11, 10), bonus("50"), sku_prices=[row("sku_prices", valid_from="2026-10-10")])
    books = after(october(), gone, backfill(at(11, 11)))
    assert documents(books) == [("2026-10", 0, "380", D(100), D(20), D(120))]
    assert [one["reason_code"] for one in books["holds"]] == ["R_NO_PRICE"]
    assert [one["list_cost"] for one in books["charges"]] == [100]


def test_x2_a_paid_period_stays_frozen_when_late_usage_adds_to_it_until_a_payment_is_reversed():
    """120.00 are paid; 10 hours more are 12.00 open. The bonus of 50 waits, also at the next backfill. Reversed, the
    132.00 are not paid at all: 50.00 and 10.00 of tax less."""
    late = land(at(11, 10), bonus("50"), usage=(used("10", at(10, 6), "u2"),))
    steps = [*october(), land(at(11, 9), pays("120")), late, backfill(at(11, 11)), backfill(at(11, 12))]
    assert documents(after(steps))[1:] == [("2026-10", 1, "380", D(10), D(2), D(12))]
    assert standing(after(steps)) == ("paid", D(12))
    reversal = {"operation_id": "r1", "operation": "reverse_payment", "reverses_operation_id": "p1"}
    books = after(steps, land(at(11, 13), reversal), backfill(at(11, 14)))
    assert documents(books)[2] == ("2026-10", 2, "381", D(-50), D(-10), D(0))
    assert standing(books) == ("issued", D(72))


# ------------------------------------------------------------------------------------------------------------ G2, K5

PREPAID = {"kind": "prepaid", "terminal_status": "refunded", "tax_position": "before"}


def sold(amount: str = "100", price: str = "80", **columns: Any) -> Row:
    made = {"operation_id": "g1", "operation": "purchase_credit", "kind": "prepaid", "tax_category": "standard"}
    return {**made, "amount": D(amount), "price_paid": D(price), "occurred_at": at(10, 5), **columns}


def sales(books: Tables) -> list[tuple[Any, ...]]:
    """Month, type, total without tax, tax, paid, due; each of the one sale."""
    columns = ("billing_period", "document_type", "total_without_tax", "total_tax", "paid_amount", "amount_due")
    return [tuple(one[name] for name in columns) for one in books["sales"]]


SALE = ("2026-10", "380", D(80), D(16), D(96), D(0))


def test_g2_credit_that_pays_before_tax_is_invoiced_with_tax_when_it_is_sold():
    """80.00 and 16.00 of tax for 100.00. October's 100 hours are paid by it: no tax of them, nothing due."""
    books = after(october(sold()), grant_kinds=[PREPAID])
    assert sales(books) == [SALE]
    assert documents(books) == [("2026-10", 0, "380", D(0), D(0), D(0))]
    assert balances(books) == {"g1": D(0)}


def test_k5_a_refund_gives_back_price_and_tax_when_its_month_is_issued():
    """60 of 100 are used. On 10 November the other 40 go back: 32.00 of the price, and of 16.00 of tax what the
    20 % of the 48.00 that are left do not have: 16.00 - 9.60 = 6.40. Billed, it is not documented; issued, it is.
    """
    start = billed(10, used("60"), operations=(sold(),))
    back = {"operation_id": "r1", "operation": "refund_credit", "grant_id": "g1", "occurred_at": at(11, 10)}
    steps = billed(11, used("5", at(11, 20), "u2"), operations=(back,))
    assert sales(after(start, steps[:-1], grant_kinds=[PREPAID])) == [SALE]
    note = ("2026-11", "381", D(-32), D("-6.40"), D("-38.40"), D(0))
    books = after(start, steps, grant_kinds=[PREPAID])
    assert sales(books) == [SALE, note]
    late = land(at(12, 5), usage=(used("10", at(10, 7), "u3"),))
    # 10 more of October's hours: 30 go back, 24.00; of the 56.00 the tax is 11.20, so 8.00 and 1.60 are taken back
    again = after(start, steps, late, backfill(at(12, 6)), grant_kinds=[PREPAID])
    assert sales(again) == [SALE, note, ("2026-11", "380", D(8), D("1.60"), D("9.60"), D(0))]


def paid_in(increment: str) -> list[Row]:
    return [row("billing_policies", policy="payable_increment", value=increment)]


def rounded(books: Tables) -> list[tuple[Decimal, Decimal, Decimal]]:
    """What rounding brought each document, what is due of it, what is left to pay."""
    return [(one["rounding_amount"], one["amount_due"], one["open_amount"]) for one in books["invoices"]]


ODD_OCTOBER = billed(10, used("10.02"))
"""10.02 and 2.00 of tax (2.004): 12.02."""


def test_i7_what_is_due_is_rounded_to_the_increment():
    """12.02 are payable as 12.00 in coins of 0.05."""
    books = after(ODD_OCTOBER, billing_policies=paid_in("0.05"))
    assert rounded(books) == [(D("-0.02"), D(12), D(12))]


def test_x3_a_correction_is_due_by_what_makes_the_whole_payable():
    """1.04 off: 8.98 and 1.80 of tax (1.796) are 10.78, payable as 10.80. Of 12.00 that is 1.20 less, not 1.24."""
    books = after(ODD_OCTOBER, land(at(11, 10), bonus("1.04")), backfill(at(11, 11)), billing_policies=paid_in("0.05"))
    assert rounded(books) == [(D("-0.02"), D(12), D("10.80")), (D("0.04"), D("-1.20"), D(0))]


def test_i7_a_correction_of_what_nothing_rounded_is_rounded_by_itself():
    """12.02 were due exactly. 1.24 less are 1.25 in coins of 0.05."""
    coins = land(at(11, 10), bonus("1.04"), billing_policies=paid_in("0.05"))
    books = after(ODD_OCTOBER, coins, backfill(at(11, 11)))
    assert rounded(books) == [(D(0), D("12.02"), D("10.77")), (D("-0.01"), D("-1.25"), D(0))]


def test_i7_a_balance_pays_the_rounded_amount_and_what_it_leaves_is_rounded_again():
    """5.01 of 12.02 leave 7.01, payable as 7.00. 12.01 pay the 12.00 that are due, and 0.01 stays on account."""
    for money, due, left in (("5.01", ("-0.01", "7"), []), ("12.01", ("-0.02", "0"), [D("0.01")])):
        steps = billed(10, used("10.02"), operations=(pays(money),))
        books = after(steps, billing_policies=paid_in("0.05"))
        assert rounded(books) == [(D(due[0]), D(due[1]), D(due[1]))]
        assert [one["amount"] for one in books["account_balances"] if one["amount"]] == left


def test_x2_who_paid_what_the_rest_is_payable_for_has_paid_nothing_too_much():
    """60.00 of 120.00 are paid. 50.20 off: 49.80 and 9.96, payable as 60: the bonus stays, and all is paid."""
    late = land(at(11, 10), bonus("50.20"))
    books = after(october(), land(at(11, 9), pays("60")), late, backfill(at(11, 11)), billing_policies=paid_in("1"))
    assert rounded(books) == [(D(0), D(120), D(0)), (D("0.24"), D(-60), D(0))]
    assert balances(books) == {"g1": D(0)}
    assert standing(books) == ("paid", D(0))


def test_i4_what_voids_takes_back_what_rounding_brought():
    books = after(ODD_OCTOBER, land(at(11, 10), voids()), billing_policies=paid_in("0.05"))
    assert [one["rounding_amount"] for one in books["invoices"]] == [D("-0.02"), D("0.02")]
    assert [one["open_amount"] for one in books["invoices"]] == [D(0), D(0)]


def late(value: str) -> list[Row]:
    return [row("billing_policies", policy="late_usage", value=value)]


LATE_TEN = land(at(11, 10), usage=(used("10", at(10, 7), "u2"),))
NOVEMBER = billed(11, used("40", at(11, 5), "u3"))


def test_x4_late_usage_of_an_issued_month_is_rejected_where_policy_says_so():
    """Ten hours more of October are not taken; before October is issued, they are."""
    steps = [october(), LATE_TEN]
    assert after(*steps, billing_policies=late("reject"))["rejects"] == [
        {"usage_record_id": "u2", "reason_code": "R_TOO_OLD"}
    ]
    books = after(*steps, backfill(at(11, 11)), billing_policies=late("reject"))
    assert documents(books) == [("2026-10", 0, "380", D(100), D(20), D(120))]
    in_time = after(LATE_TEN, october(), billing_policies=late("reject"))
    assert documents(in_time) == [("2026-10", 0, "380", D(110), D(22), D(132))]


def test_x4_late_usage_counts_on_the_next_invoice_where_policy_says_so():
    """October's ten hours are November's first: 50 hours in all. Nothing of October is corrected."""
    books = after(october(), LATE_TEN, backfill(at(11, 11)), NOVEMBER, billing_policies=late("next_invoice"))
    assert documents(books) == [
        ("2026-10", 0, "380", D(100), D(20), D(120)),
        ("2026-11", 0, "380", D(50), D(10), D(60)),
    ]


def test_x4_a_revision_under_next_invoice_leaves_its_month_and_counts_in_the_next():
    """The 100 hours were 80: 120.00 go back by October's credit note, and the 80 are November's with its own 40."""
    revised = land(at(11, 10), usage=(used("80", revision=1),))
    books = after(october(), revised, backfill(at(11, 11)), NOVEMBER, billing_policies=late("next_invoice"))
    assert documents(books) == [
        ("2026-10", 0, "380", D(100), D(20), D(0)),
        ("2026-10", 1, "381", D(-100), D(-20), D(0)),
        ("2026-11", 0, "380", D(120), D(24), D(144)),
    ]
