"""S0, a cloud portal: credit limit, promo codes, restriction near zero. The story is data/examples/portal/README.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flows.show.amounts import Currency
from tests.systems.told import Told

pytestmark = pytest.mark.xdist_group("portal")

HALF_OF_OCTOBER = "2026-10-16T00:00:00+05:30"
AFTER_THE_CODE = "2026-10-17T00:00:00+05:30"


def money(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


def commit_of_bill(portal: Told, until: str) -> int:
    """The commit of the bill up to an instant; of several the last."""
    sql = f"select max(commit_number) from runs where command = 'bill' and known_as_of = '{until}'::timestamptz"
    ((number,),) = portal.rows(sql)
    return int(number)


def figures(portal: Told, account: str, as_of: int | None = None) -> tuple[Any, ...]:
    """Total, used and available credit."""
    sql = (
        "select total_credit_limit, used_credit_limit, available_credit from credit_limit_overview "
        f"where billing_account_id = '{account}'"
    )
    (row,) = portal.rows(sql, as_of=as_of)
    return row


def decided(portal: Told, operation_id: str) -> tuple[Any, ...]:
    sql = f"select actor, promo_code, status, reason_code from operations where operation_id = '{operation_id}'"
    (row,) = portal.rows(sql)
    return row


def test_the_page_says_what_its_commands_print(portal: Told) -> None:
    assert portal.says == portal.page.read_text(encoding="utf-8"), "run: make docs"


def test_s0_1_one_view_of_a_company_joins_its_credit_limit_with_its_promo_codes(portal: Told) -> None:
    sql = """
        select used_credit_limit, available_credit, credit_state, promo_code, promo_code_state
        from credit_overview where billing_account_id = 'chai' order by promo_code
    """
    limit = (*money("17750.97", "150249.03"), "ok")
    assert portal.rows(sql, as_of=commit_of_bill(portal, HALF_OF_OCTOBER)) == [
        (*limit, "DIWALI500", "available"),
        (*limit, "FIRSTONE", "available"),
        (*limit, "MONSOON", "expired"),
    ]


def test_s0_2_s0_3_s0_4_168000_less_17750_97_used_leaves_150249_03(portal: Told) -> None:
    # September: 7,200 + 1,440 + 1,360 = 10,000.00, twice 9 % are 1,800.00: 11,800.00 unpaid
    # half of October: 3,600 + 720 + 723.19 = 5,043.19, twice 453.8871 -> 453.89: 5,950.97; 11,800.00 + 5,950.97
    found = figures(portal, "chai", commit_of_bill(portal, HALF_OF_OCTOBER))
    assert found == money("168000.00", "17750.97", "150249.03")
    assert found[0] - found[1] == found[2]


def test_s0_5_what_is_used_moves_with_usage_before_any_invoice(portal: Told) -> None:
    # 100 hours at 10.00 a day are 1,000.00 and 180.00 of tax; no invoice of October is there yet
    days = {"2026-10-09T00:00:00+05:30": "9440.00", "2026-10-11T00:00:00+05:30": "11800.00"}
    for until, used in days.items():
        commit = commit_of_bill(portal, until)
        assert figures(portal, "kirana", commit)[1] == Decimal(used)
        issued = "select count(*) from invoices where billing_account_id = 'kirana' and invoice_number is not null"
        assert portal.rows(issued, as_of=commit) == [(0,)]


def test_s0_6_machines_addresses_and_storage_draw_on_the_balance(portal: Told) -> None:
    sql = """
        select lines.service, lines.list_cost from invoice_lines as lines join invoices using (invoice_id)
        where invoices.billing_account_id = 'chai' and invoices.billing_period = '2026-10' order by service
    """
    found = portal.rows(sql, as_of=commit_of_bill(portal, HALF_OF_OCTOBER))
    assert found == [
        ("compute", Decimal(3600)),  # 360 h x 10.00
        ("network", Decimal(720)),  # 360 h x 2.00
        ("storage", Decimal("723.19")),  # 361.595 GB-months x 2.00
    ]


def test_s0_7_s0_8_a_warning_then_a_restriction_of_new_deployments_and_a_way_back(portal: Told) -> None:
    sql = """
        select state, used_amount, total_amount, cause from account_restrictions
        where billing_account_id = 'kirana' order by changed_at
    """
    assert portal.rows(sql) == [
        ("warning", *money("9440", "11800"), "credit_limit"),  # exactly 80 %
        ("restricted", *money("11800", "11800"), "credit_limit"),  # 100 %
        # eleven days less a code of 200.00: 10,800.00 and twice 972.00 are 12,744.00; less a payment of 10,000.00
        ("ok", *money("2744", "11800"), "credit_limit"),
    ]


def test_s0_7_what_runs_goes_on_and_is_billed_while_new_deployments_are_restricted(portal: Told) -> None:
    restricted = "select state from current_restrictions where billing_account_id = 'kirana'"
    assert portal.rows(restricted, as_of=commit_of_bill(portal, HALF_OF_OCTOBER)) == [("restricted",)]
    sql = "select sum(pricing_quantity) from charges where billing_account_id = 'kirana'"
    assert portal.rows(sql) == [(Decimal(1100),)]  # the eleventh day is in it


def test_s0_9_the_page_lists_codes_and_only_valid_ones_can_be_redeemed(portal: Told) -> None:
    sql = "select promo_code from promo_codes_available where billing_account_id = '{}' order by 1"
    assert portal.rows(sql.format("chai")) == [("DIWALI500",), ("FIRSTONE",), ("MONSOON",)]
    assert portal.rows(sql.format("tiny")) == [("DIWALI500",), ("FIRSTONE",), ("MONSOON",), ("TINYBIG",)]
    assert decided(portal, "accept-3") == ("meera", "MONSOON", "rejected", "O_PROMO_NOT_VALID")
    assert decided(portal, "accept-4") == ("meera", "TINYBIG", "rejected", "O_PROMO_NOT_ALLOWED")
    assert decided(portal, "accept-7") == ("meera", "FIRSTONE", "rejected", "O_PROMO_EXHAUSTED")
    sql = "select distinct promo_code_state from credit_overview where promo_code = '{}' order by 1"
    assert portal.rows(sql.format("MONSOON")) == [("expired",)]
    assert portal.rows(sql.format("FIRSTONE")) == [("accepted",), ("used_up",)]


def test_s0_10_accepting_a_code_credits_its_amount(portal: Told) -> None:
    assert decided(portal, "accept-1") == ("meera", "DIWALI500", "accepted", None)
    sql = """
        select date::varchar, name, type, amount from credit_history
        where billing_account_id = 'chai' and type = 'Accumulation'
    """
    assert portal.rows(sql) == [("2026-10-16", "DIWALI500", "Accumulation", Decimal(500))]


def test_s0_11_an_accepted_code_lowers_the_upcoming_invoice_and_no_past_one(portal: Told) -> None:
    sql = """
        select billing_period, total_without_tax, total_tax, amount_due from invoices
        where billing_account_id = 'chai' and document_state = 'issued' order by 1
    """
    # 7,200 + 1,440 + 723.19 = 9,363.19, less 500.00: 8,863.19; twice 797.6871 -> 797.69
    assert portal.rows(sql) == [
        ("2026-09", *money("10000", "1800", "11800")),
        ("2026-10", *money("8863.19", "1595.38", "10458.57")),
    ]


def test_s0_12_consumption_can_be_followed_over_time(portal: Told) -> None:
    bills = portal.rows(
        "select commit_number from runs where command = 'bill' and known_as_of > '2026-10-08' order by 1"
    )
    followed = [figures(portal, "kirana", number)[1] for (number,) in bills]
    # eight days, ten, eleven, eleven, and the whole month with the code in it
    assert followed == list(money("9440", "11800", "12980", "12980", "12744"))
    sql = "select billing_period, consumed_quantity from usage_by_month where billing_account_id = 'kirana'"
    assert portal.rows(sql) == [("2026-10", Decimal(1100))]


def test_s0_13_amounts_have_two_decimals_and_the_separators_of_the_currency(portal: Told) -> None:
    assert "1,68,000.00  17,750.97  1,50,249.03" in portal.says  # rupees: lakh
    assert Currency("USD").amount(Decimal(168000)) == "168,000.00"


def test_s0_14_a_code_again_changes_nothing(portal: Told) -> None:
    assert decided(portal, "accept-2") == ("meera", "DIWALI500", "rejected", "O_PROMO_ALREADY_ACCEPTED")
    sql = "select count(*), sum(granted_amount) from grant_balances where billing_account_id = 'chai'"
    assert portal.rows(sql) == [(1, Decimal(500))]


def test_s0_14_what_one_invoice_does_not_take_of_a_code_stays(portal: Told) -> None:
    # 100 h x 10.00 = 1,000.00 of 5,000.00
    sql = "select granted_amount, used_amount, balance, status from grant_balances where billing_account_id = 'tiny'"
    assert portal.rows(sql) == [(*money("5000", "1000", "4000"), "available")]
    sql = "select list_cost, total_tax, amount_due from invoices where billing_account_id = 'tiny'"
    assert portal.rows(sql) == [money("1000", "0", "0")]


def test_s0_14_a_code_raises_what_is_available_by_the_invoice_it_lowers(portal: Told) -> None:
    (accepted,) = portal.rows(
        "select max(commit_number) from runs where command = 'bill' and known_as_of < '2026-10-16'"
    )
    assert figures(portal, "chai", accepted[0] + 1)[2] == Decimal("150249.03")  # accepted, and no invoice lowered yet
    # 5,043.19 - 500.00 = 4,543.19; twice 408.8871 -> 408.89: 5,360.97 instead of 5,950.97, 590.00 less
    assert figures(portal, "chai", commit_of_bill(portal, AFTER_THE_CODE))[2] == Decimal("150839.03")


def test_s0_14_who_manages_no_bills_accepts_no_code(portal: Told) -> None:
    assert decided(portal, "accept-5") == ("ravi", "FIRSTONE", "rejected", "O_FORBIDDEN")
