"""A bill or a backfill that is out of proportion is held: nothing of it is visible until staff approve what was shown.

An hour costs 0.50, the tax is 20 %: 100 hours are 60.00 in each of July, August and September. The bounds are 3 times
and a quarter of that: 180.00, which are 300 hours, and 15.00, which are 25. What is out of bounds is asked in
`test_out_of_bounds.py`, of books that are drawn.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.held import BACKFILL, approval, held
from flows.lake.audit import audit, verify
from flows.lake.views import connect
from flows.replay import replay
from flows.run import Refusal, Run
from tests.flows.billing.months import Month
from tests.flows.cli.worked import billfold, line_with

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
EARLIER = ("2026-07", "2026-08", "2026-09")

PRINCIPALS = """
principal_id,role,billing_account_id,valid_from
helper,support,,2026-01-01
owner,organization_owner,acme,2026-01-01
manager,billing_manager,acme,2026-01-01
member,member,acme,2026-01-01
analyst,analyst,,2026-01-01
second,staff,,2026-01-01
gone,staff,,2025-01-01
"""


class Watched(Month):
    """Months of one account, with the bounds that `policies` says instead of those that are shipped."""

    def __init__(self, folder: Path, **policies: str) -> None:
        super().__init__(folder, buckets=1)
        (self.reference_folder / "discounts.csv").unlink()
        self.say(**{"bound_payable_documents": "1", **policies})
        operator = "operator,staff,,2026-01-01\n"
        (self.reference_folder / "principals.csv").write_text(PRINCIPALS.lstrip() + operator)

    def say(self, **policies: str) -> None:
        lines = [f",{name},{value},2000-01-01" for name, value in policies.items()]
        header = "billing_account_id,policy,value,valid_from"
        (self.reference_folder / "billing_policies.csv").write_text("\n".join([header, *lines, ""]))

    def use(self, period: str, hours: str, name: str = "u", sku: str = "vm-small", account: str = "acme") -> None:
        when = f"{period}-05T00:00:00Z,{period}-05T01:00:00Z"
        rows = [f"{name}-{period},{account},,vm-1,{sku},eu-1,{when},{hours},hour"]
        self.ingest(self.usage(f"{name}-{period}.csv", *rows), received_at=AT)

    def approved(self, which: str | None = None, actor: str = "operator", period: str = "2026-10") -> Run:
        found = approval(self.lake, self.reference(), period, which, actor, AT)
        return self.bill(period=period, approval=found)


@pytest.fixture(scope="module")
def three_months(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """July, August and September, billed; no test changes it."""
    books = Watched(tmp_path_factory.mktemp("three"))
    for period in EARLIER:
        books.use(period, "100")
        books.bill(period=period)
    books.lake.close()
    return books


@pytest.fixture
def books(tmp_path: Path, three_months: Watched) -> Watched:
    return three_months.copied(tmp_path)


@pytest.fixture(scope="module")
def one_that_waits(tmp_path_factory: pytest.TempPathFactory, three_months: Watched) -> Watched:
    """October's 1000 hours have landed and are held: 600.00, ten times the median."""
    books = three_months.copied(tmp_path_factory.mktemp("waits"))
    books.use("2026-10", "1000")
    assert books.bill().status == "held"
    books.lake.close()
    return books


@pytest.fixture
def waiting(tmp_path: Path, one_that_waits: Watched) -> Watched:
    return one_that_waits.copied(tmp_path)


def hold_of(books: Watched) -> str:
    """The id of the bill that waits."""
    (found,) = held(books.lake.commits())
    return found.run_id


def test_of_a_held_bill_nothing_is_visible_and_the_books_hold(waiting: Watched) -> None:
    head = waiting.lake.head()
    assert (head.command, head.added, head.removed) == ("hold", (), ())
    assert waiting.lake.snapshot().visible == waiting.lake.snapshot(head.number - 1).visible
    assert waiting.ask("select count(*) from invoices where billing_period = '2026-10'") == [(0,)]
    assert verify(waiting.lake) == []
    with connect(waiting.lake) as connection:
        assert audit(connection) == []
    with pytest.raises(Refusal, match="O_NOTHING_TO_ISSUE"):
        waiting.issue()


def test_the_same_inputs_are_the_same_hold_again_and_one_commit(waiting: Watched) -> None:
    hold, head = hold_of(waiting), waiting.lake.head()
    again = waiting.bill()
    assert (again.status, again.exit_code, again.commit, again.report["hold"]) == ("held", 4, None, hold)
    assert waiting.lake.head() == head


# --- approving ---


def test_what_was_held_is_committed_when_it_is_approved_and_the_journal_says_by_whom(waiting: Watched) -> None:
    books, hold = waiting, hold_of(waiting)
    run = books.approved(actor="second")
    assert (run.status, run.exit_code) == ("committed", 0)
    assert books.lake.head().inputs["approval"] == {"hold": hold, "actor": "second"}
    asked = "select command, approved_by from runs where billing_period = '2026-10' order by commit_number"
    assert books.ask(asked) == [("hold", None), ("bill", "second")]
    assert books.ask("select total_with_tax::varchar from invoices where billing_period = '2026-10'") == [("600.0000",)]
    assert books.bill().status == "nothing to do"
    assert held(books.lake.commits()) == []
    assert replay(books.lake, str(books.lake.head().number)).faults == ()
    with pytest.raises(Refusal, match="no bill of 2026-10 waits"):
        books.approved()


def test_an_approval_names_what_was_shown(waiting: Watched) -> None:
    hold = hold_of(waiting)
    for other in ("0" * 12, hold[:5], ""):
        with pytest.raises(Refusal, match=f"that is {hold[:12]}"):
            waiting.approved(other)
    assert approval(waiting.lake, waiting.reference(), "2026-10", hold[:12], "operator", AT).hold == hold


def test_an_approval_of_other_inputs_does_not_slip_through(waiting: Watched) -> None:
    """One hour more landed after what was looked at."""
    books, hold = waiting, hold_of(waiting)
    books.use("2026-10", "1", "late")
    with pytest.raises(Refusal, match="something changed since then"):
        books.approved()
    again = books.bill()
    assert again.status == "held"
    assert again.report["hold"] != hold
    with pytest.raises(Refusal, match="is not what waits"):
        books.approved(hold)
    assert books.approved(again.report["hold"]).status == "committed"


def test_an_approval_of_what_is_within_its_bounds_by_now_is_of_nothing(waiting: Watched) -> None:
    """1000 hours at a price that was mistaken; at 0.05 they are 50.00 and 10.00 of tax."""
    books = waiting
    prices = books.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("unit,0.50,", "unit,0.05,"))
    with pytest.raises(Refusal, match="something changed since then"):
        books.approved()
    assert books.bill().status == "committed"
    assert held(books.lake.commits()) == []


ROLES = {
    "staff": "second",
    "support": "helper",
    "organization_owner": "owner",
    "billing_manager": "manager",
    "member": "member",
    "analyst": "analyst",
    "none": "nobody",
}


@pytest.mark.parametrize("role", ROLES)
def test_staff_approve_and_nobody_else(three_months: Watched, role: str) -> None:
    """Where nothing waits, whoever may approve is told that, and everybody else that they may not."""
    said = "no bill of 2026-10 waits" if role == "staff" else f"{ROLES[role]} may not approve a held bill"
    with pytest.raises(Refusal, match=said):
        approval(three_months.lake, three_months.reference(), "2026-10", None, ROLES[role], AT)


def test_a_month_to_date_is_never_held(books: Watched) -> None:
    books.use("2026-10", "1000")
    assert books.bill(until=datetime(2026, 10, 20, tzinfo=UTC)).status == "committed"


# --- what people see ---


def test_the_page_says_what_is_out_of_bounds_and_how_to_go_on(waiting: Watched) -> None:
    books = waiting
    said = billfold("bill", "--period", "2026-10", *books.where)
    assert said.code == 4
    hold = held(books.lake.commits())[0].run_id[:12]
    assert "bill: held for approval; nothing is billed" in said.out
    assert "total with tax: 600.00 EUR; the bound is at most 180.00, 3 times the median 60.00 of 3 months" in said.out
    assert line_with(said.out, ["acme", "60.00", "600.00"])
    assert f"billfold bill --period 2026-10 --approve {hold} --lake {books.lake.root}" in said.out
    assert billfold("bill", "--period", "2026-10", *books.where, "--quiet").err.strip().endswith(hold)
    status = billfold("status", *books.where)
    assert f"Held for approval: 2026-10, {hold}" in status.out
    assert billfold("bill", "--period", "2026-10", *books.where, "--approve", "--as", "helper").code == 1
    assert billfold("bill", "--period", "2026-10", *books.where, "--approve", "nonsense").code == 1
    assert billfold("bill", "--period", "2026-10", "--until", "2026-10-20", *books.where, "--approve").code == 2
    assert billfold("bill", "--period", "2026-10", *books.where, "--approve", "--as", "second").code == 0
    assert "Held for approval" not in billfold("status", *books.where).out
    runs = billfold("show", "runs", *books.where).out
    assert line_with(runs, ["bill", "2026-10", "second"])


def test_a_bound_that_names_an_account_is_a_fault(books: Watched) -> None:
    from flows.reference.faults import ReferenceFaults

    path = books.reference_folder / "billing_policies.csv"
    path.write_text(path.read_text() + "acme,bound_rejects,0.5,2000-01-01\n")
    with pytest.raises(ReferenceFaults) as found:
        books.reference()
    (fault,) = found.value.faults
    assert (fault.column, fault.found) == ("billing_account_id", "'acme'")
    assert "asked of a whole run" in fault.wanted


# --- a backfill ---
#
# 1000 hours that land late in August make 1100 of it: 550.00 and 110.00 of tax, 660.00; three times what it came to so
# far, 60.00, are 180.00.


def backfilled(books: Watched, **how: Any) -> Run:
    return backfill(books.lake, books.reference(), received_at=AT, **how)


@pytest.fixture(scope="module")
def late_thousand(tmp_path_factory: pytest.TempPathFactory, three_months: Watched) -> Watched:
    """August's 1000 hours more have landed, and what they correct is held."""
    books = three_months.copied(tmp_path_factory.mktemp("late"))
    books.use("2026-08", "1000", "late")
    assert backfilled(books).status == "held"
    books.lake.close()
    return books


@pytest.fixture
def late(tmp_path: Path, late_thousand: Watched) -> Watched:
    return late_thousand.copied(tmp_path)


def test_of_a_held_backfill_nothing_is_visible_and_the_same_again_is_held_as_it_was(late: Watched) -> None:
    head, hold = late.lake.head(), hold_of(late)
    assert (head.command, head.added, head.removed) == ("hold", (), ())
    assert late.lake.snapshot().visible == late.lake.snapshot(head.number - 1).visible
    again = backfilled(late, issue_date=date(2026, 11, 3))
    assert (again.status, again.exit_code, again.commit, again.report["hold"]) == ("held", 4, None, hold)
    assert [
        (one["billing_period"], one["figure"], one["value"], one["was"]) for one in again.report["out_of_bounds"]
    ] == [
        ("2026-08", "total_with_tax", "660.0000", "60.0000"),
        ("2026-08", "payable_amount", "660.0000", "60.0000"),
    ]
    assert late.lake.head() == head
    assert verify(late.lake) == []


def test_a_held_backfill_is_committed_when_staff_approve_what_was_shown(late: Watched) -> None:
    hold = hold_of(late)
    with pytest.raises(Refusal, match="helper may not approve"):
        approval(late.lake, late.reference(), BACKFILL, None, "helper", AT)
    with pytest.raises(Refusal, match=f"that is {hold[:12]}; look at it again: billfold backfill"):
        approval(late.lake, late.reference(), BACKFILL, "0" * 12, "second", AT)
    found = approval(late.lake, late.reference(), BACKFILL, hold[:12], "second", AT)
    assert backfilled(late, approval=found).status == "committed"
    assert late.lake.head().inputs["approval"] == {"hold": hold, "actor": "second"}
    assert late.ask("select total_with_tax::varchar from invoices where billing_period = '2026-08'") == [("660.0000",)]
    assert backfilled(late).status == "nothing to do"
    assert held(late.lake.commits()) == []
    assert replay(late.lake, str(late.lake.head().number)).faults == ()


def test_an_approval_of_other_corrections_does_not_slip_through(late: Watched) -> None:
    """One hour more landed after what was looked at."""
    found = approval(late.lake, late.reference(), BACKFILL, None, "operator", AT)
    late.use("2026-08", "1", "later")
    with pytest.raises(Refusal, match="what there is to post is not what"):
        backfilled(late, approval=found)
    again = backfilled(late)
    assert (again.status, again.report["hold"] != found.hold) == ("held", True)


def test_a_price_that_was_mistaken_for_all_months_is_held_and_mended_waits_no_more(books: Watched) -> None:
    """Ten times the price: each month comes to 600.00, and so does the median of those before, as it would be."""
    prices = books.reference_folder / "sku_prices.csv"
    right = prices.read_text()
    prices.write_text(right.replace("unit,0.50,", "unit,5.00,"))
    run = backfilled(books)
    assert run.status == "held"
    assert {one["billing_period"] for one in run.report["out_of_bounds"]} == set(EARLIER)
    prices.write_text(right)
    assert (backfilled(books).status, held(books.lake.commits())) == ("nothing to do", [])
    with pytest.raises(Refusal, match="no backfill waits for approval"):
        approval(books.lake, books.reference(), BACKFILL, None, "operator", AT)


def test_a_backfill_within_its_bounds_is_not_held(books: Watched) -> None:
    """200 hours more make 300 of it: 180.00, which is the bound."""
    books.use("2026-08", "200", "late")
    assert backfilled(books).status == "committed"


def test_the_page_of_a_backfill_says_what_is_out_of_bounds_and_how_to_go_on(late: Watched) -> None:
    hold, head = hold_of(late)[:12], late.lake.head()
    beyond = "2026-08, total with tax: 660.00 EUR; the bound is at most 180.00, 3 times the 60.00 so far"
    asked = billfold("backfill", "--dry-run", *late.where)
    assert asked.code == 0
    assert "backfill would be held for approval" in asked.out
    assert beyond in asked.out
    said = billfold("backfill", *late.where)
    assert said.code == 4
    assert "backfill: held for approval; nothing is posted" in said.out
    assert beyond in said.out
    assert line_with(said.out, ["acme", "60.00", "660.00"])
    assert f"billfold backfill --approve {hold} --lake {late.lake.root}" in said.out
    assert billfold("backfill", *late.where, "--quiet").err.strip().endswith(f"backfill is held for approval: {hold}")
    assert f"Held for approval: backfill, {hold}" in billfold("status", *late.where).out
    assert billfold("backfill", *late.where, "--approve", "--dry-run").code == 2
    assert billfold("backfill", *late.where, "--approve", "--as", "helper").code == 1
    assert late.lake.head() == head
    assert billfold("backfill", *late.where, "--approve", "--as", "second").code == 0
    assert "Held for approval" not in billfold("status", *late.where).out
    assert line_with(billfold("show", "runs", *late.where).out, ["backfill", "second"])
