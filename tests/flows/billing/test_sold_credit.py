"""Credit that pays before tax, sold: its invoice, its tax and its number in the commit that accepts the purchase (G2).

`seoul` buys 100,000 KRW for 100,000 at a VAT of 10 % on 5 October. The won has no minor unit, a request costs 1 won.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.backfill import backfill
from flows.due import issue_due
from flows.explain_invoice import explain_invoice
from flows.lake.audit import audit_of
from flows.replay import replay
from flows.run import Refusal
from flows.show.invoice import read_document
from flows.show.page import invoice_page
from tests.flows.billing.months import Month

REFERENCE = {
    "sellers": """
seller_id,legal_name,address,tax_ids,jurisdiction,accounting_year_start,invoice_number_pattern,credit_note_number_pattern,valid_from
han,Han Cloud,"Mapo 1, Seoul","[""1208147521""]",KR,01-01,INV-{year}-{sequence:05},CN-{year}-{sequence:05},2026-01-01
""",
    "billing_accounts": """
billing_account_id,seller_id,legal_name,address,billing_currency,time_zone,jurisdiction,tax_status,payment_terms_days,is_main_in_domain,credit_limit,valid_from
busan,han,Busan Co.,"Haeundae 3, Busan",KRW,Asia/Seoul,KR,business,14,false,,2026-01-01
seoul,han,Seoul Co.,"Jongno 2, Seoul",KRW,Asia/Seoul,KR,business,14,false,110000,2026-01-01
""",
    "skus": """
sku_id,service,service_category,feature,pricing_unit,meter,tax_category,description,valid_from
api,API,Web,API,request,sum,standard,Request,2026-01-01
""",
    "sku_prices": """
sku_price_id,sku_id,billing_currency,price_model,list_unit_price,valid_from
api-krw,api,KRW,unit,1,2026-01-01
""",
    "grant_kinds": """
kind,rank,tax_position,transferable,validity,exclude,terminal_status,visible_months,once_per_domain,valid_from
free,10,before,true,,[],recovered,3,false,2026-01-01
paid,20,before,false,P5Y,[],refunded,3,false,2026-01-01
account,30,after,false,P5Y,[],refunded,3,false,2026-01-01
""",
    "tax_rates": """
seller_jurisdiction,account_jurisdiction,tax_status,tax_category,component,rate,code,valid_from
KR,KR,business,standard,VAT,0.10,S,2026-01-01
""",
    "discounts": """
discount_id,kind,value,valid_from,valid_until
""",
}  # fmt: skip

BOUGHT = {
    "operation_id": "bought",
    "operation": "purchase_credit",
    "occurred_at": "2026-10-05T03:00:00Z",
    "billing_account_id": "seoul",
    "kind": "paid",
    "name": "Prepaid credit",
    "amount": "100000",
    "price_paid": "100000",
    "tax_category": "standard",
}
AT_ONCE = datetime(2026, 10, 5, 4, tzinfo=UTC)
SALE = "INV-2026-00001"


class Won(Month):
    """The world of this page on a lake."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for table, text in REFERENCE.items():
            (self.reference_folder / f"{table}.csv").write_text(text.lstrip(), encoding="utf-8")

    def buy(self, *operations: dict[str, Any], received_at: datetime = AT_ONCE, **other: Any) -> Any:
        return self.operate(*(operations or ({**BOUGHT, **other},)), received_at=received_at)

    def use(self, period: str, quantity: int, account: str = "seoul") -> None:
        """So many requests on the 20th of a month, and the month billed."""
        day = f"{period}-20T0"
        row = f"{account}-{period},{account},,gate,api,,{day}0:00:00Z,{day}1:00:00Z,{quantity},request"
        received = datetime.fromisoformat(f"{period}-28T00:00:00+00:00")
        self.ingest(self.usage(f"{account}-{period}.csv", row), received_at=received)

    def breaches(self) -> list[str]:
        return [str(breach) for breach in audit_of(self.lake)]

    def balances(self) -> dict[str, Decimal]:
        return dict(self.ask("select grant_id, balance from grant_balances order by all"))  # type: ignore[arg-type]

    def booked(self, period: str) -> dict[str, Decimal]:
        """What the ledger says of a month, by account."""
        asked = f"""
            select split_part(ledger_account, '/', 1) as ledger_account, sum(amount) from ledger_entries
            where service_period = '{period}' group by all having sum(amount) <> 0 order by all
        """
        return dict(self.ask(asked))  # type: ignore[arg-type]


@pytest.fixture
def won(tmp_path: Path) -> Won:
    return Won(tmp_path)


AMOUNTS = "total_without_tax, total_tax, total_with_tax, paid_amount, amount_due"


def test_a_purchase_is_invoiced_with_tax_in_the_commit_that_accepts_it(won: Won) -> None:
    """100,000 and 10 % of it: 110,000, paid."""
    run = won.buy()
    assert run.exit_code == 0
    assert run.report["issued"] == 1
    assert len(won.lake.commits()) == 2  # the lake's first, and this
    found = won.ask(
        f"select invoice_number, document_type, billing_period, issue_date, due_date, sold_by, {AMOUNTS} from invoices"
    )
    day = date(2026, 10, 5)
    assert found == [(SALE, "380", "2026-10", day, day, "bought", 100_000, 10_000, 110_000, 110_000, 0)]
    lines = "select description, quantity, unit_price, line_amount, tax_amount, tax_category, tax_code, charge_id"
    assert won.ask(f"{lines} from invoice_lines") == [
        ("Prepaid credit", 1, 100_000, 100_000, 10_000, "standard", "S", None)
    ]
    tax = "select code, component, rate, taxable_amount, tax_amount from tax_breakdown"
    assert won.ask(tax) == [("S", "VAT", Decimal("0.1"), 100_000, 10_000)]
    assert won.breaches() == []


def test_what_it_pays_is_taxed_no_more(won: Won) -> None:
    """October: 60,000 of 100,000, nothing taxable, nothing due. November: 40,000 are left for 70,000, so 30,000 are
    taxable: 3,000 of tax, 33,000 due. December has nothing to spend: 10,000 and 1,000.

    VAT over the months: 10 % of the 100,000 sold and of what was used beyond them, 0 + 30,000 + 10,000: 14,000.
    """
    won.buy()
    wanted = {
        "2026-10": (60_000, 0, 0, 0),
        "2026-11": (40_000, 30_000, 3_000, 33_000),
        "2026-12": (0, 10_000, 1_000, 11_000),
    }
    for period, quantity in (("2026-10", 60_000), ("2026-11", 70_000), ("2026-12", 10_000)):
        won.use(period, quantity)
        won.bill(period=period)
        asked = "select grant_amount, total_without_tax, total_tax, amount_due from invoices"
        assert won.ask(f"{asked} where billing_period = '{period}' and sold_by is null") == [wanted[period]]
        assert won.breaches() == []
    assert won.ask("select sum(total_tax) from invoices") == [(14_000,)]
    assert won.balances() == {"bought": 0}


def test_billing_again_posts_nothing_and_every_run_comes_out_the_same_again(won: Won) -> None:
    won.use("2026-10", 60_000)
    won.buy()
    won.bill(period="2026-10")
    won.issue(period="2026-10")
    head = won.lake.head().number
    assert won.buy().status == "nothing to do"
    assert won.bill(period="2026-10").status == "nothing to do"
    assert won.lake.head().number == head
    replayed = [one for one in won.lake.commits() if one.command in ("operations", "bill")]
    assert [replay(won.lake, str(one.number)).faults for one in replayed] == [()] * 3


def test_the_ledger_has_the_price_and_the_tax_as_cash_and_owes_both(won: Won) -> None:
    """90,000 paid for 100,000, and 9,000 of tax: 99,000 came in."""
    won.buy(price_paid="90000")
    assert won.booked("2026-10") == {
        "cash": 99_000,
        "discounts_given": 10_000,
        "grant_liability": -100_000,
        "tax_payable": -9_000,
    }
    assert won.breaches() == []


def test_sales_of_one_commit_are_numbered_by_account_then_time_then_operation(won: Won) -> None:
    others = [
        {**BOUGHT, "operation_id": "late", "occurred_at": "2026-10-05T03:30:00Z"},
        {**BOUGHT, "operation_id": "also"},
        {**BOUGHT, "operation_id": "zz", "billing_account_id": "busan", "occurred_at": "2026-10-05T03:59:00Z"},
    ]
    won.buy(BOUGHT, *others)
    found = won.ask("select invoice_number, sold_by from invoices order by 1")
    names = ("zz", "also", "bought", "late")
    assert found == [(f"INV-2026-0000{place}", name) for place, name in enumerate(names, start=1)]
    assert won.breaches() == []


def test_sales_and_months_count_in_one_series(won: Won) -> None:
    """A sale, the invoice of October, another sale: 1, 2, 3."""
    won.use("2026-10", 160_000)
    won.buy()
    won.bill(period="2026-10")
    won.issue(period="2026-10")
    won.buy(operation_id="more", occurred_at="2026-11-05T03:00:00Z", received_at=datetime(2026, 11, 5, 4, tzinfo=UTC))
    found = won.ask("select sequence, invoice_number, sold_by from invoices order by 1")
    assert found == [(1, SALE, "bought"), (2, "INV-2026-00002", None), (3, "INV-2026-00003", "more")]
    assert won.breaches() == []


@pytest.mark.parametrize(
    ("table", "was", "becomes", "code", "about"),
    [
        ("sellers", "CN-{year}-{sequence:05},2026-01-01", "CN-{year}-{sequence:05},2026-11-01", "O_NO_SELLER", "han"),
        ("tax_rates", "0.10,S,2026-01-01", "0.10,S,2026-10-06", "O_NO_TAX_RATE", "standard, KR to KR, business"),
        ("sellers", '"[""1208147521""]"', "[]", "O_MANDATORY_FIELD", "BT-31"),
    ],
)
def test_a_sale_that_cannot_be_invoiced_is_refused_and_changes_nothing(
    won: Won, table: str, was: str, becomes: str, code: str, about: str
) -> None:
    path = won.reference_folder / f"{table}.csv"
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))
    won.buy()
    (found,) = won.ask("select status, reason_code, reason from operations")
    assert found[:2] == ("rejected", code)
    assert about in found[2]
    assert won.ask("select count(*) from invoices") == [(0,)]
    assert won.ask("select count(*) from grants") == [(0,)]


def test_the_rates_are_those_of_the_day_where_the_account_is(won: Won) -> None:
    """20:00 UTC on 4 October is the 5th in Seoul, where 5 % begin on that day."""
    path = won.reference_folder / "tax_rates.csv"
    head, row = path.read_text().splitlines()
    path.write_text(
        f"{head},valid_until\n{row},2026-10-04\n{row.replace('0.10', '0.05').replace('2026-01-01', '2026-10-05')},\n"
    )
    won.buy(occurred_at="2026-10-04T20:00:00Z")
    assert won.ask("select issue_date, total_tax from invoices") == [(date(2026, 10, 5), 5_000)]


def test_a_month_to_date_of_the_month_of_a_sale_still_counts_against_the_credit_limit(won: Won) -> None:
    """Of a limit of 110,000 the 50,000 beyond the credit use 55,000 with tax; what was sold uses nothing."""
    won.use("2026-10", 150_000)
    won.buy()
    won.bill(period="2026-10", until=datetime(2026, 10, 25, tzinfo=UTC))
    found = won.ask(
        "select used_credit_limit, available_credit from credit_limit_overview where billing_account_id = 'seoul'"
    )
    assert found == [(55_000, 55_000)]
    assert won.breaches() == []


def test_a_sale_is_neither_voided_nor_paid_again(won: Won) -> None:
    won.buy()
    named = {"billing_account_id": "seoul", "invoice_number": SALE, "occurred_at": "2026-10-06T00:00:00Z"}
    void = {"operation_id": "void", "operation": "void_invoice", **named}
    pay = {"operation_id": "pay", "operation": "record_payment", "amount": "1", **named}
    won.operate(void, pay, received_at=datetime(2026, 10, 6, tzinfo=UTC))
    found = won.ask("select operation_id, reason_code, reason from operations where status = 'rejected' order by 1")
    assert [row[:2] for row in found] == [("pay", "O_SOLD_CREDIT"), ("void", "O_SOLD_CREDIT")]
    assert all(row[2].endswith(SALE) for row in found)


def test_voiding_the_invoice_of_the_month_leaves_the_sale_as_it_is(won: Won) -> None:
    """October's invoice took all 100,000; void, they are there again, and the sale stands."""
    won.use("2026-10", 160_000)
    won.buy()
    won.bill(period="2026-10")
    won.issue(period="2026-10")
    named = {"billing_account_id": "seoul", "invoice_number": "INV-2026-00002", "occurred_at": "2026-11-04T00:00:00Z"}
    won.operate({"operation_id": "void", "operation": "void_invoice", **named})
    assert won.balances() == {"bought": 100_000}
    assert won.ask("select payment_state, open_amount from internal.documents where sold_by is not null") == [
        ("paid", 0)
    ]
    assert won.breaches() == []
    won.bill(period="2026-10")
    assert won.ask("select amount_due from invoices where document_state = 'draft'") == [(66_000,)]
    assert won.breaches() == []


# --- given back ------------------------------------------------------------

REFUND = {
    "operation_id": "back",
    "operation": "refund_credit",
    "occurred_at": "2026-11-10T00:00:00Z",
    "billing_account_id": "seoul",
    "grant_id": "bought",
}


def refunded(won: Won, **other: Any) -> Won:
    """60,000 used in October, and the rest given back in November, which is billed; October is issued."""
    won.buy(**other)
    won.use("2026-10", 60_000)
    won.bill(period="2026-10")
    won.issue(period="2026-10")
    won.operate(REFUND, received_at=datetime(2026, 11, 10, 1, tzinfo=UTC))
    won.use("2026-11", 1_000)
    won.bill(period="2026-11")
    return won


NOTES = """
    select invoice_number, document_type, preceding_invoice_number, billing_period, total_without_tax, total_tax,
        amount_due
"""


def notes(won: Won) -> list[tuple[Any, ...]]:
    return won.ask(f"{NOTES} from invoices where sold_by is not null order by issue_date, document_type, sequence")


def test_a_refund_gives_back_price_and_tax_by_a_credit_note_that_the_issue_of_its_month_numbers(won: Won) -> None:
    """40,000 of 100,000 are left; 90,000 were paid: 36,000 go back, and 3,600 of the 9,000 of tax. November's 1,000
    of 20 November come after the refund: 1,000 and 100 of tax are due.
    """
    refunded(won, price_paid="90000")
    sale = (SALE, "380", None, "2026-10", 90_000, 9_000, 0)
    assert notes(won) == [sale]
    won.issue(date(2026, 12, 3), period="2026-11")
    assert notes(won) == [sale, ("CN-2026-00001", "381", SALE, "2026-11", -36_000, -3_600, 0)]
    assert won.ask("select amount_due from invoices where billing_period = '2026-11' and sold_by is null") == [(1_100,)]
    assert won.booked("2026-11") == {
        "cash": -39_600,
        "discounts_given": -4_000,
        "grant_liability": 40_000,
        "receivable": 1_100,
        "revenue": -1_000,
        "tax_payable": 3_500,
    }
    assert won.breaches() == []
    head = won.lake.head().number
    assert replay(won.lake, str(head)).faults == ()


DUE = datetime(2026, 12, 2, 15, tzinfo=UTC)
"""The third of December begins in Seoul: November's two days of grace are over."""


def issue_what_is_due(won: Won, at: datetime = DUE) -> str:
    return issue_due(won.lake, won.reference(), at=at, actor="operator", received_at=at).status


def test_a_schedule_issues_the_credit_note_of_a_month_that_has_nothing_else(won: Won) -> None:
    """All but October's 60,000 goes back in November, in which nothing was used: 40,000 and 4,000 of tax."""
    won.buy()
    won.use("2026-10", 60_000)
    won.bill(period="2026-10")
    won.issue(period="2026-10")
    won.operate(REFUND, received_at=datetime(2026, 11, 10, 1, tzinfo=UTC))
    won.bill(period="2026-11")
    assert issue_what_is_due(won, DUE - timedelta(microseconds=1)) == "nothing to do"
    assert issue_what_is_due(won) == "committed"
    assert notes(won)[1:] == [("CN-2026-00001", "381", SALE, "2026-11", -40_000, -4_000, 0)]
    assert issue_what_is_due(won) == "nothing to do"
    assert won.breaches() == []


def test_a_schedule_issues_a_month_and_what_it_refunds_at_once(won: Won) -> None:
    refunded(won)
    assert issue_what_is_due(won) == "committed"
    asked = "select count(*) from operations where operation = 'issue_invoices' and billing_period = '2026-11'"
    assert won.ask(asked) == [(1,)]
    assert won.ask("select count(*) from invoices where billing_period = '2026-11' and document_state = 'issued'") == [
        (2,)
    ]


def test_the_lines_of_a_refund_say_how_much_of_the_credit_went_back(won: Won) -> None:
    refunded(won).issue(date(2026, 12, 3), period="2026-11")
    asked = "select description, quantity, unit_price, line_amount, tax_amount from invoice_lines join invoices"
    assert won.ask(f"{asked} using (invoice_id) where document_type = '381'") == [
        ("Prepaid credit", -1, 40_000, -40_000, -4_000)
    ]


def test_the_tax_of_a_refund_is_what_the_tax_of_the_rest_lacks(won: Won) -> None:
    """15 for 15 with 2 of tax (1.5, half away). 4 are used, 11 go back. The tax of the 4 that stay sold is 0 (0.4), so
    all 2 go back, where 10 % of 11 would be 1.
    """
    won.buy(amount="15", price_paid="15")
    won.use("2026-10", 4)
    won.bill(period="2026-10")
    won.operate(REFUND, received_at=datetime(2026, 11, 10, 1, tzinfo=UTC))
    won.use("2026-11", 1)
    won.bill(period="2026-11")
    won.issue(date(2026, 12, 3), period="2026-11")
    assert [row[4:6] for row in notes(won)] == [(15, 2), (-11, -2)]
    assert won.breaches() == []


def test_late_usage_takes_a_refund_back_by_an_invoice_of_the_sale(won: Won) -> None:
    """10,000 more were used in October, when the credit was there: it pays them, so 10,000 of the 40,000 that went
    back are taken back, with 1,000 of tax; the next issue of November says so.
    """
    refunded(won).issue(date(2026, 12, 3), period="2026-11")
    row = "late,seoul,,gate,api,,2026-10-21T00:00:00Z,2026-10-21T01:00:00Z,10000,request"
    won.ingest(won.usage("late.csv", row), received_at=datetime(2026, 12, 4, tzinfo=UTC))
    at = datetime(2026, 12, 5, tzinfo=UTC)
    backfill(won.lake, won.reference(), received_at=at, issue_date=date(2026, 12, 5))
    assert [row[1:6] for row in notes(won)] == [
        ("380", None, "2026-10", 100_000, 10_000),
        ("381", SALE, "2026-11", -40_000, -4_000),
        ("380", SALE, "2026-11", 10_000, 1_000),
    ]
    assert won.breaches() == []
    head = won.lake.head().number
    assert backfill(won.lake, won.reference(), received_at=at, issue_date=date(2026, 12, 5)).status == "nothing to do"
    assert won.lake.head().number == head


def test_the_next_issue_of_any_month_takes_back_what_a_month_refunds_no_more(won: Won) -> None:
    """10,000 of the 40,000 that went back in November are October's after all; October is issued again, which never
    refunded anything: 10,000 and 1,000 of tax are taken back, and nothing is left for November to say.
    """
    refunded(won).issue(date(2026, 12, 3), period="2026-11")
    row = "late,seoul,,gate,api,,2026-10-21T00:00:00Z,2026-10-21T01:00:00Z,10000,request"
    won.ingest(won.usage("late.csv", row), received_at=datetime(2026, 12, 4, tzinfo=UTC))
    backfill(won.lake, won.reference(), received_at=datetime(2026, 12, 5, tzinfo=UTC))
    won.issue(date(2026, 12, 6), period="2026-10")
    assert [row[1:6] for row in notes(won)][2:] == [("380", SALE, "2026-11", 10_000, 1_000)]
    assert won.breaches() == []
    with pytest.raises(Refusal, match="O_ALREADY_ISSUED"):
        won.issue(date(2026, 12, 6), period="2026-11")


def test_a_month_with_nothing_but_a_refund_is_issued_for_its_credit_note(won: Won) -> None:
    won.buy()
    won.operate({**REFUND, "occurred_at": "2026-10-20T00:00:00Z"}, received_at=datetime(2026, 10, 21, tzinfo=UTC))
    won.use("2026-10", 1_000, account="busan")
    won.bill(period="2026-10")
    run = won.issue(period="2026-10", billing_account_id="seoul")
    assert run.report["issued"] == 1
    assert [row[1:6] for row in notes(won)] == [
        ("380", None, "2026-10", 100_000, 10_000),
        ("381", SALE, "2026-10", -100_000, -10_000),
    ]
    assert won.breaches() == []
    with pytest.raises(Refusal, match="O_NOTHING_TO_ISSUE"):
        won.issue(period="2026-10", billing_account_id="seoul")


# --- as people see it ------------------------------------------------------------


def page(won: Won, wanted: str) -> str:
    screen = Console(file=StringIO(), width=120)
    for part in invoice_page(read_document(won.lake, wanted)):
        screen.print(part)
    return screen.file.getvalue()  # type: ignore[attr-defined]


def test_the_page_of_a_sale_says_what_was_bought_its_tax_and_that_it_is_paid(won: Won) -> None:
    won.buy()
    text = page(won, SALE)
    for words in ("Invoice INV-2026-00001", "Prepaid credit", "Credit of", "bought", "Paid with the purchase", "paid"):
        assert words in text
    shown = [line.split() for line in text.splitlines()]
    for wanted in (("BT-109", "100,000"), ("BT-110", "10,000"), ("BT-112", "110,000"), ("BT-115", "KRW", "0")):
        assert any(tuple(words[-len(wanted) :]) == wanted for words in shown), (wanted, text)
    assert "#None" not in text


def test_an_account_stands_for_the_invoice_of_a_month_before_a_later_sale(won: Won) -> None:
    won.use("2026-10", 1_000)
    won.bill(period="2026-10")
    won.buy(occurred_at="2026-11-02T00:00:00Z", received_at=datetime(2026, 11, 2, 1, tzinfo=UTC))
    assert read_document(won.lake, "seoul").head["billing_period"] == "2026-10"
    with pytest.raises(Refusal, match="INV-2026-00001 is of sold credit"):
        explain_invoice(won.lake, SALE)
