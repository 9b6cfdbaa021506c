"""Gcore: bonuses and discounts, on the books that the page of data/examples/gcore leaves.

Nova pays in USD, Pixel in EUR; VAT is 17 %. Prices: traffic 0.02 USD or 0.015 EUR per GB, machines 0.10 per hour,
volumes 0.08 USD per GB-month, a licence 20.00 USD. What Nova used (expense ID, list cost, after discounts):

    August      1 CDN 50.00             2 machines 100.00             3 volumes 20.00 − 20 % = 16.00      166.00
    September   4 CDN 40.00             5 machines 120.00 − 10 % = 108.00   6 volumes 40.00 − 10 % = 36.00   184.00
    October     7 CDN 50.00             8 licence 20.00 − 10 % = 18.00      9 machines 100.00 − 10 % = 90.00  158.00

and Pixel: September 1 CDN 5.00, 2 machines 19.50, 3 CDN 13.75; October 4 CDN 15.00 − 25 % = 11.25, 5 machines 10.00.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.explain_invoice import explain_invoice
from flows.show.account import account_record
from flows.show.listing import Only, ask, listings, opened
from flows.show.reasons_page import reasons_rows
from tests.systems.told import Told

pytestmark = pytest.mark.xdist_group("gcore")

BONUSES = "select date, sum, expiration, description from bonus_credits where billing_account_id = '{}' order by all"
DISCOUNTS = "select value, service, feature, valid_from, valid_until, promo_code from active_discounts"


def d(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)


def asked(gcore: Told, name: str, **only: Any) -> list[tuple[Any, ...]]:
    """The rows of `billfold show NAME`."""
    with opened(gcore.lake, whole=True) as connection:
        return ask(connection, listings()[name], Only(**only)).rows()


def invoice(gcore: Told, number: str) -> tuple[Any, ...]:
    """List cost, discounts, bonuses, total without tax, tax, total with tax of a document."""
    amounts = "list_cost, discount_amount, grant_amount, total_without_tax, total_tax, total_with_tax"
    (found,) = gcore.rows(f"select {amounts} from invoices where invoice_number = '{number}'")
    return found


def lines(gcore: Told, number: str) -> list[tuple[Any, ...]]:
    """Expense ID, service, list cost, discounts, bonuses and what is left of each line of a document."""
    return gcore.rows(
        "select expense_number, service, lines.list_cost, lines.discount_amount, lines.grant_amount, line_amount "
        f"from invoice_lines as lines join invoices using (invoice_id) where invoice_number = '{number}' order by 1"
    )


def paid_by(gcore: Told, grant_id: str) -> dict[int, Decimal]:
    """What a bonus paid of each expense of its account."""
    asked = (
        f"select expense_number, -amount from grant_movements where grant_id = '{grant_id}' and movement = 'charged'"
    )
    return dict(gcore.rows(asked))  # type: ignore[arg-type]


def test_the_page_says_what_its_commands_print(gcore: Told) -> None:
    assert gcore.says == gcore.page.read_text(encoding="utf-8"), "run make docs"


# --- the page ---


def test_s1_1_one_page_shows_bonus_credits_and_active_discounts(gcore: Told) -> None:
    page = account_record(gcore.lake, "nova")
    # three bonuses were credited and three paid for five expenses; two discounts are everybody's, one is Nova's
    assert len(page["bonuses"]) == 3 + 5
    assert [row["value"] for row in page["discounts"]] == ["20 %", "30 %", "10 %"]
    printed = gcore.says.partition("$ billfold show account nova\n")[2].partition("$ ")[0]
    assert printed.index("\nBonus credits\n") < printed.index("\nDiscounts\n")


# --- bonuses ---


def test_s1_2_a_bonus_pays_for_what_was_used_in_its_period_alone(gcore: Told) -> None:
    # the trial for CDN holds from 11 September: the traffic of the first ten days (expense 1, 5.00) is not paid by it,
    # though 16.25 of it are left
    assert paid_by(gcore, "cdn-trial") == {3: d("13.75")}
    assert lines(gcore, "E-2026-00003")[0] == (1, "CDN", d("5.00"), 0, 0, d("5.00"))


def test_s1_3_bonuses_are_an_account_of_their_own_apart_from_the_cash_balance(gcore: Told) -> None:
    """Pixel pays 30.00 for 28.67: 1.33 are cash that is over, and no bonus; they pay October after tax."""
    held = "select sum(-amount) from ledger_entries where billing_account_id = 'pixel' and ledger_account {}"
    before_october = max(commit.number for commit in gcore.lake.commits() if commit.command == "ingest")
    cash = gcore.rows(held.format("= 'account_balance'"), as_of=before_october)
    bonus = gcore.rows(held.format("like 'grant_liability/%'"), as_of=before_october)
    assert cash == [(d("1.33"),)]
    assert bonus == [(d("15.00"),)]  # HELLO15; the trial has ended
    assert gcore.rows("select count(*) from bonus_credits where abs(sum) = 1.33") == [(0,)]
    # 7.31 of October is 6.25 + 1.06; the cash lowers what is due, not what is taxed
    assert gcore.rows(
        "select total_without_tax, total_with_tax, paid_amount, amount_due from invoices "
        "where invoice_number = 'E-2026-00005'"
    ) == [(d("6.25"), d("7.31"), d("1.33"), d("5.98"))]


def test_s1_4_granting_a_bonus_is_for_staff_and_what_others_try_changes_nothing(gcore: Told) -> None:
    assert gcore.rows(
        "select operation_id, actor, reason_code from operations where operation = 'grant_credit' "
        "and status = 'rejected' order by 1"
    ) == [("self-service", "nova-accounting", "O_FORBIDDEN"), ("self-service-2", "nova-developer", "O_FORBIDDEN")]
    assert gcore.rows(
        "select grants.grant_id, principals.role from grants join operations using (operation_id) "
        "join principals on principal_id = actor where operation = 'grant_credit' order by 1"
    ) == [(grant_id, "staff") for grant_id in ("cdn-trial", "cloud-bonus", "loyalty-bonus", "outage-bonus")]
    assert gcore.rows("select count(*) from grants where amount = 500") == [(0,)]


def test_s1_5_one_bonus_is_one_unit_of_the_accounts_currency(gcore: Told) -> None:
    """What left the bonus account is what came off the invoices, in the currency of each."""
    left = "select billing_currency, -sum(sum) from bonus_credits where movement = 'charged' group by all order by all"
    off = "select billing_currency, sum(grant_amount) from invoice_lines group by all order by all"
    # EUR 13.75 of the trial and 15.00 of the code; USD 50.00, 60.00 and 80.00 of the loyalty bonus
    assert gcore.rows(left) == gcore.rows(off) == [("EUR", d("28.75")), ("USD", d("190.00"))]


def test_s1_6_s1_8_s1_9_the_table_has_date_signed_sum_expiration_range_and_description(gcore: Told) -> None:
    trial, code = "2026-09-11 – 2026-09-30", "2026-10-01 – 2026-12-31"
    assert gcore.rows(BONUSES.format("pixel")) == [
        (date(2026, 9, 1), d("30.00"), trial, "Credited"),
        (date(2026, 9, 30), d("-13.75"), trial, "Charged for expense ID 3"),
        (date(2026, 10, 1), d("-16.25"), trial, "Expired"),
        (date(2026, 10, 12), d("15.00"), code, "Credited"),
        (date(2026, 10, 31), d("-11.25"), code, "Charged for expense ID 4"),
        (date(2026, 10, 31), d("-3.75"), code, "Charged for expense ID 5"),
    ]
    printed = [line.split() for line in gcore.says.splitlines() if line.startswith("pixel ")]
    assert ["pixel", "2026-09-01", "+30.00", "EUR", *trial.split(), "Credited"] in printed
    assert ["pixel", "2026-10-01", "-16.25", "EUR", *trial.split(), "Expired"] in printed


def test_s1_7_the_date_is_the_day_a_bonus_was_credited_or_charged(gcore: Told) -> None:
    """Granted on 5 October for September: it was credited that day, and cannot have been charged before."""
    found = "select date, sum from bonus_credits where grant_id = '{}' order by sum desc"
    assert gcore.rows(found.format("outage-bonus")) == [
        (date(2026, 10, 5), d("50.00")),
        (date(2026, 10, 5), d("-10.00")),
        (date(2026, 10, 5), d("-40.00")),
    ]
    assert gcore.rows(found.format("cloud-bonus")) == [
        (date(2026, 10, 1), d("60.00")),
        (date(2026, 10, 31), d("-60.00")),
    ]


def test_s1_10_s1_11_the_description_is_the_status_and_credited_adds_to_the_account(gcore: Told) -> None:
    words = "select distinct movement, regexp_replace(description, '[0-9]+', 'n') from bonus_credits order by all"
    assert gcore.rows(words) == [
        ("charged", "Charged for expense ID n"),
        ("credited", "Credited"),
        ("expired", "Expired"),
    ]
    credited = "select grant_id, sum from bonus_credits where description = 'Credited' and sum > 0 order by all"
    given = "select grant_id, amount from grants order by all"
    assert gcore.rows(credited) == gcore.rows(given)
    assert len(gcore.rows(given)) == 5


def test_s1_12_charged_for_expense_id_n_names_one_expense_of_the_account(gcore: Told) -> None:
    named = """
        select bonus_credits.description, lines.description, lines.grant_amount
        from bonus_credits join invoice_lines as lines
          on lines.billing_account_id = bonus_credits.billing_account_id
          and 'Charged for expense ID ' || lines.expense_number = bonus_credits.description
        where bonus_credits.grant_id in ('outage-bonus', 'cdn-trial') and lines.grant_amount <> 0 order by all
    """
    assert gcore.rows(named) == [
        ("Charged for expense ID 3", "CDN traffic", d("13.75")),
        ("Charged for expense ID 4", "CDN traffic", d("40.00")),
        ("Charged for expense ID 5", "Virtual machine", d("10.00")),
    ]
    # nine expenses of Nova and five of Pixel, each with a number of its own
    numbers = "select billing_account_id, count(*), max(expense_number), count(distinct expense_number)"
    charges = "charges join expense_numbers using (charge_id, billing_account_id)"
    assert gcore.rows(f"{numbers} from {charges} group by all order by all") == [("nova", 9, 9, 9), ("pixel", 5, 5, 5)]


def test_s1_13_expired_is_what_was_not_used_before_the_end(gcore: Told) -> None:
    # 30.00 of the trial less 13.75 for traffic
    assert gcore.rows("select grant_id, date, sum from bonus_credits where description = 'Expired'") == [
        ("cdn-trial", date(2026, 10, 1), d("-16.25"))
    ]
    assert gcore.rows("select status, balance from grant_balances where grant_id = 'cdn-trial'") == [("expired", 0)]
    # the outage bonus ended with October too, but was used up: nothing of it expires
    assert gcore.rows("select status from grant_balances where grant_id = 'outage-bonus'") == [("used_up",)]


def test_s1_14_bonuses_can_be_searched_by_sum(gcore: Told) -> None:
    def sums(*wanted: str) -> list[Decimal]:
        return [row[2] for row in asked(gcore, "bonuses", sums=tuple(map(d, wanted)))]

    assert sums("50", "-50") == [50, -50]  # the outage bonus came, the loyalty bonus paid for CDN
    assert sums("-50") == [-50]
    assert sums("50.01", "-50.01") == []


def test_s1_15_bonuses_can_be_filtered_by_date(gcore: Told) -> None:
    def days(since: date | None, until: date | None) -> list[int]:
        return [row[1].day for row in asked(gcore, "bonuses", account="pixel", since=since, until=until)]

    assert days(date(2026, 9, 30), date(2026, 10, 12)) == [30, 1, 12]  # both ends are in it
    assert days(date(2026, 10, 13), None) == [31, 31]
    assert days(None, date(2026, 9, 29)) == [1]
    assert asked(gcore, "bonuses", account="pixel", status="expired")[0][2] == d("-16.25")


def test_s1_16_s1_17_a_bonus_limited_to_a_product_pays_for_that_product_alone(gcore: Told) -> None:
    assert gcore.rows("select grant_id, include from grants where len(include) > 0 order by 1") == [
        ("cdn-trial", ["service:CDN"]),
        ("cloud-bonus", ["service:Cloud"]),
    ]
    # of the trial 16.25 are left, and 19.50 of machines are invoiced all the same; CDN of 50.00 comes before the
    # machines, yet the Cloud bonus pays for machines
    assert lines(gcore, "E-2026-00003")[1] == (2, "Cloud", d("19.50"), 0, 0, d("19.50"))
    assert paid_by(gcore, "cloud-bonus") == {9: d("60.00")}


def test_s1_18_an_unlimited_bonus_pays_for_every_eligible_expense(gcore: Told) -> None:
    # CDN and machines; the licence of a third party is not eligible: 20.00 stay on the bonus, 18.00 are invoiced
    assert paid_by(gcore, "loyalty-bonus") == {7: d("50.00"), 9: d("30.00")}
    assert gcore.rows("select balance from grant_balances where grant_id = 'loyalty-bonus'") == [(d("20.00"),)]
    assert lines(gcore, "E-2026-00004")[1] == (8, "Cloud", d("20.00"), d("2.00"), 0, d("18.00"))


def test_s1_19_a_bonus_that_starts_in_the_past_pays_the_unpaid_charges_inside_its_period(gcore: Told) -> None:
    """It starts on 1 August; August (166.00) is paid and older, so it would have come first."""
    assert gcore.rows("select window_start::date, occurred_at::date from grants where grant_id = 'outage-bonus'") == [
        (date(2026, 8, 1), date(2026, 10, 5))
    ]
    assert gcore.rows(
        "select billing_period, sum(amount) from grant_movements where grant_id = 'outage-bonus' "
        "and movement = 'charged' group by all"
    ) == [("2026-09", d("-50.00"))]
    # CDN 40.00 first, then 10.00 of the machines; with 17 % of tax 58.50 less
    assert lines(gcore, "EC-2026-00001") == [
        (4, "CDN", 0, 0, d("40.00"), d("-40.00")),
        (5, "Cloud", 0, 0, d("10.00"), d("-10.00")),
    ]
    assert invoice(gcore, "EC-2026-00001")[3:] == (d("-50.00"), d("-8.50"), d("-58.50"))


# --- discounts ---


def test_s1_20_s1_21_s1_22_s1_25_the_active_discounts_with_value_scope_dates_and_code(gcore: Told) -> None:
    assert gcore.rows(f"{DISCOUNTS} where status = 'active' order by value") == [
        ("10 %", "Cloud", None, "2026-09-01", "2026-12-31", None),
        ("25 %", "CDN", "Traffic", "2026-10-01", "2026-12-31", "EDGE25"),
    ]
    # a code's discount is of who added the code: Nova did not, and its traffic of October stays at 50.00
    assert [row[1] for row in asked(gcore, "discounts", account="nova")] == ["20 %", "30 %", "10 %"]
    assert lines(gcore, "E-2026-00005")[0] == (4, "CDN", d("15.00"), d("3.75"), d("11.25"), 0)


def test_s1_23_the_service_scopes_a_discount_and_the_feature_narrows_it(gcore: Told) -> None:
    # August: 20 % of the feature Volumes, 4.00 of 20.00; machines are Cloud too, and not reached
    # September: 10 % of Cloud, 12.00 of 120.00 and 4.00 of 40.00; CDN is not reached
    reached = "select expense_number, discount_amount from invoice_lines where billing_account_id = 'nova' and {}"
    given = "list_cost > 0 and billing_period = '{}' order by 1"
    assert gcore.rows(reached.format(given.format("2026-08"))) == [(1, 0), (2, 0), (3, d("4.00"))]
    assert gcore.rows(reached.format(given.format("2026-09"))) == [(4, 0), (5, d("12.00")), (6, d("4.00"))]


def test_s1_24_a_discount_holds_from_its_first_to_its_last_day(gcore: Told) -> None:
    months = """
        select source_id, list(distinct billing_period order by billing_period) from allocations
        where allocation_kind = 'discount' group by all order by all
    """
    assert gcore.rows(months) == [
        ("edge25", ["2026-10"]),
        ("nova-cloud", ["2026-09", "2026-10"]),  # from 1 September: not on the 120.00 of Cloud in August
        ("summer-volumes", ["2026-08"]),  # until 31 August: not on the volumes of September
    ]


def test_s1_26_discounts_can_be_filtered_by_status(gcore: Told) -> None:
    def values(status: str) -> list[str]:
        return [row[1] for row in asked(gcore, "discounts", status=status)]

    assert values("active") == ["10 %", "25 %"]
    assert values("scheduled") == ["30 %"]  # from 27 November, and the books know 1 November
    assert values("expired") == ["20 %"]


# --- promo codes ---


def test_s1_27_a_promo_code_that_is_applied_puts_bonus_credits_into_the_table(gcore: Told) -> None:
    assert gcore.rows(
        "select date, sum, description from bonus_credits join grants using (grant_id) "
        "where promo_code = 'HELLO15' and movement = 'credited'"
    ) == [(date(2026, 10, 12), d("15.00"), "Credited")]
    # again: refused, and still one bonus
    assert gcore.rows("select operation_id, reason_code from operations where promo_code = 'HELLO15' order by 1") == [
        ("hello15", None),
        ("hello15-again", "O_PROMO_ALREADY_ACCEPTED"),
    ]


# --- on the invoice ---


def test_s1_28_s1_29_bonuses_are_debited_by_billing_itself_and_lower_what_is_payable(gcore: Told) -> None:
    assert gcore.rows("select distinct operation from operations order by 1") == [
        ("accept_promo_code",),
        ("grant_credit",),
        ("issue_invoices",),
        ("record_payment",),
    ]
    assert gcore.rows("select count(*), count(operation_id) from grant_movements where movement = 'charged'") == [
        (8, 0)
    ]
    # 158.00 and 26.86 of tax are 184.86 without bonuses; of 140.00 less they are 18.00 and 3.06
    assert gcore.rows("select amount_due from invoices where invoice_number = 'E-2026-00004'") == [(d("21.06"),)]


def test_s1_30_s1_32_s1_33_each_expense_of_the_invoice_shows_the_bonus_as_a_credit_value(gcore: Told) -> None:
    assert lines(gcore, "E-2026-00004") == [
        (7, "CDN", d("50.00"), 0, d("50.00"), 0),
        (8, "Cloud", d("20.00"), d("2.00"), 0, d("18.00")),
        (9, "Cloud", d("100.00"), d("10.00"), d("90.00"), 0),
    ]
    assert invoice(gcore, "E-2026-00004")[:4] == (d("170.00"), d("12.00"), d("140.00"), d("18.00"))
    printed = gcore.says.partition("$ billfold show invoice nova --period 2026-10\n")[2].partition("$ ")[0]
    told = [line.split() for line in printed.splitlines()]
    at = told.index(["3", "Virtual", "machine", "#9", "1,000", "hour", "0.10", "100.00", "0.00", "S"])
    assert told[at + 2 : at + 4] == [
        ["Cloud", "bonus", "(bonus", "credit)", "-60.00"],
        ["Loyalty", "bonus", "(bonus", "credit)", "-30.00"],
    ]


def test_s1_31_s1_34_a_bonus_lowers_what_is_taxed_and_the_total_falls_by_it_and_its_tax_alone(gcore: Told) -> None:
    # September before the bonus: 184.00, 17 % are 31.28, together 215.28
    assert invoice(gcore, "E-2026-00002")[3:] == (d("184.00"), d("31.28"), d("215.28"))
    # with it 134.00, 17 % are 22.78, together 156.78: 50.00 and 8.50 less
    assert gcore.rows(
        "select sum(total_without_tax), sum(total_tax), sum(total_with_tax), sum(grant_amount) from invoices "
        "where billing_account_id = 'nova' and billing_period = '2026-09'"
    ) == [(d("134.00"), d("22.78"), d("156.78"), d("50.00"))]
    # October: 158.00 less 140.00 are taxed, 17 % of 18.00 are 3.06; without bonuses they would be 26.86 of 158.00
    tax = explain_invoice(gcore.lake, "E-2026-00004").tax
    columns = ("taxable_amount", "tax_amount", "untouched_taxable_amount", "untouched_tax_amount")
    assert tax.select(columns).rows() == [(d("18.00"), d("3.06"), d("158.00"), d("26.86"))]


def test_s1_35_a_reader_sees_which_bonus_paid_for_which_charge(gcore: Told) -> None:
    """Lines 1, 2 and 3 are the expenses 7, 8 and 9; where a bonus paid nothing, it says why."""
    reasons = reasons_rows(explain_invoice(gcore.lake, "E-2026-00004"))
    bonuses = reasons.filter(reasons["allocation_kind"] == "grant")
    assert sorted(bonuses.select("source_id", "line_number", "amount", "reason").rows()) == [
        ("cloud-bonus", 1, 0, "scope"),
        ("cloud-bonus", 2, 0, "exclusion"),
        ("cloud-bonus", 3, d("60.00"), "exhausted"),
        ("loyalty-bonus", 1, d("50.00"), "applied"),
        ("loyalty-bonus", 2, 0, "exclusion"),
        ("loyalty-bonus", 3, d("30.00"), "applied"),
        ("outage-bonus", 1, 0, "exhausted"),
        ("outage-bonus", 2, 0, "exclusion"),
        ("outage-bonus", 3, 0, "exhausted"),
    ]
    # the same, told by the table of bonuses
    assert gcore.rows(
        "select expense_number, name, sum from bonus_credits where billing_account_id = 'nova' "
        "and billing_period = '2026-10' and movement = 'charged' order by all"
    ) == [(7, "Loyalty bonus", -50), (9, "Cloud bonus", -60), (9, "Loyalty bonus", -30)]


def test_s1_36_the_bonus_that_ends_first_goes_first_after_discounts_and_rounding_is_by_rule(gcore: Told) -> None:
    # G4: of 90.00 of machines, the Cloud bonus (to 31 December) pays 60.00 and the loyalty bonus (to 31 March) the rest
    assert gcore.rows(
        "select source_id, amount from allocations join expense_numbers using (charge_id, billing_account_id) "
        "where billing_account_id = 'nova' and expense_number = 9 order by allocation_kind, allocation_order"
    ) == [("nova-cloud", d("10.00")), ("cloud-bonus", d("60.00")), ("loyalty-bonus", d("30.00"))]
    # D4, G6: 10 % of 100.00, not of what bonuses left: the bonuses of 90.00 and the discount make the whole list cost
    assert d("10.00") + d("60.00") + d("30.00") == d("100.00")
    # X2: the paid August is one document, as it was issued
    august = "select invoice_number, total_with_tax from invoices where billing_period = '2026-08'"
    assert gcore.rows(august) == [("E-2026-00001", d("194.22"))]
    # P7: 1,250 GB are 18.75; 333 GB of them 4.995, half away from zero 5.00; the rest is 13.75, not 917 GB as 13.76
    cut = "select list_cost from charges where billing_account_id = 'pixel' and sku_id = 'cdn-traffic' and {}"
    assert gcore.rows(f"{cut} order by charge_period_start".format("billing_period = '2026-09'")) == [
        (d("5.00"),),
        (d("13.75"),),
    ]
    # T3: 17 % of 24.50 are 4.165, once for the document and half away from zero 4.17
    assert invoice(gcore, "E-2026-00003")[3:] == (d("24.50"), d("4.17"), d("28.67"))
