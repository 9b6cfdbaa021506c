"""Two months under a credit limit, by the command line: it moves with usage, bills, payments and limits (I5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.lake.named_queries import queries
from tests.flows.billing.months import Month, made_once
from tests.flows.cli.worked import Said, billfold, line_with

LIMIT = "108"
"""Ten days of usage: 20 h at 0.50 are 10.00 a day, less 10 % 9.00, with 20 % tax 10.80."""


def hours(day: str, offset: str) -> str:
    return f"{day},acme,,vm-1,vm-small,eu-1,{day}T00:00:00{offset},{day}T20:00:00{offset},20,hour"


OCTOBER = [hours(f"2026-10-{day:02}", "+02:00") for day in range(1, 11)]
NOVEMBER = [hours("2026-11-01", "+01:00")]


class Limited(Month):
    """The first-invoice example with usage of its own, told and asked by the command line."""

    def run(self, *arguments: Any) -> Said:
        return billfold(*arguments, *self.where)

    def done(self, *arguments: Any) -> str:
        said = self.run(*arguments)
        assert said.code == 0, said.both
        return said.out

    def told(self, operation: str, at: str, **fields: Any) -> None:
        """An operation of acme, landed as it happens."""
        name = f"{operation}-{len(self.lake.commits())}"
        row = {"operation_id": name, "operation": operation, "actor": "operator", "occurred_at": at}
        path = self.folder / f"{name}.jsonl"
        path.write_text(json.dumps({**row, "billing_account_id": "acme", **fields}) + "\n")
        self.done("operations", path, "--received-at", at)

    def to_date(self, until: str) -> str:
        return self.done("bill", "--period", until[:7], "--until", until)

    def figures(self) -> tuple[str, ...]:
        """Total, used, available and state of acme."""
        rows = json.loads(self.done("show", "credit-limit", "--account", "acme", "--json"))
        names = ("total_credit_limit", "used_credit_limit", "available_credit", "state")
        return tuple(rows[0][name] for name in names)

    def states(self) -> list[tuple[Any, ...]]:
        """Every change of acme's state, in order."""
        return self.ask(
            "select state, used_amount::double, total_amount::double, changed_at::varchar from account_restrictions "
            "where billing_account_id = 'acme' and cause = 'credit_limit' order by changed_at"
        )

    def audited(self) -> None:
        self.done("audit")

    def agrees_at_each_commit(self) -> bool:
        """Whether what was said last is what the books come to, as of every commit."""
        (asked,) = (query.text for query in queries("invariants") if query.name == "credit_states_are_said")
        return not any(self.ask(asked, as_of=commit.number) for commit in self.lake.commits())


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Limited:
    """Ten days of October and one of November have landed, and 108.00 may be owed."""
    month = Limited(tmp_path)
    month.done("ingest", month.usage("usage.csv", *OCTOBER, *NOVEMBER), "--received-at", "2026-11-02T06:00:00Z")
    month.told("set_credit_limit", "2026-10-01T06:00:00Z", amount=LIMIT)
    return month


WARNED = ("warning", 86.4, 108.0, "2026-10-08 21:00:00+00")
RESTRICTED = ("restricted", 108.0, 108.0, "2026-10-10 21:00:00+00")


def test_s0_5_s0_7_a_month_day_by_day_then_its_bill_its_issue_and_payments(month: Limited) -> None:
    for day in (1, 4, 7):
        month.to_date(f"2026-10-{day:02}T21:00:00Z")
    # seven days: 75.60 of 108.00, 70 %
    assert (month.figures(), month.states()) == (("108.00", "75.60", "32.40", "ok"), [])
    # eight: 86.40 are exactly 80 %; nine: 97.20, no news; ten: 108.00, all of it
    for day in (8, 9):
        month.to_date(f"2026-10-{day:02}T21:00:00Z")
        assert month.states() == [WARNED]
    assert month.figures() == ("108.00", "97.20", "10.80", "warning")
    month.to_date("2026-10-10T21:00:00Z")
    assert (month.figures(), month.states()) == (("108.00", "108.00", "0.00", "restricted"), [WARNED, RESTRICTED])
    assert "nothing to do" in month.to_date("2026-10-10T21:00:00Z")

    # the month over, its draft takes the place of the month to date, and November's first 12.00 come to it: two open
    month.done("bill", "--period", "2026-10")
    assert month.figures() == ("108.00", "108.00", "0.00", "restricted")
    month.to_date("2026-11-02T21:00:00Z")
    assert month.figures() == ("108.00", "120.00", "-12.00", "restricted")
    month.done("issue", "--period", "2026-10", "--issue-date", "2026-11-03", "--received-at", "2026-11-03T06:00:00Z")
    assert month.figures() == ("108.00", "120.00", "-12.00", "restricted")
    assert month.states() == [WARNED, RESTRICTED]

    # paid down to 102.60, exactly 95 %; a cent more lets it go to a warning; to 81.00, exactly 75 %; a cent more: ok
    down = [("17.40", "102.60"), ("0.01", "102.59"), ("21.59", "81.00"), ("0.01", "80.99")]
    heard = []
    for number, (amount, used) in enumerate(down):
        month.told("record_payment", f"2026-11-1{number}T09:00:00Z", amount=amount)
        assert month.figures()[1] == used
        heard.append((used, month.figures()[3]))
    assert heard == [("102.60", "restricted"), ("102.59", "warning"), ("81.00", "warning"), ("80.99", "ok")]
    assert month.states()[2:] == [
        ("warning", 102.59, 108.0, "2026-11-11 09:00:00+00"),
        ("ok", 80.99, 108.0, "2026-11-13 09:00:00+00"),
    ]

    # the bank takes 21.59 back: 102.58, 94.98 %, are owed again
    ((paid,),) = month.ask("select operation_id from operations where amount = 21.59")
    month.told("reverse_payment", "2026-11-20T09:00:00Z", reverses_operation_id=paid)
    assert month.figures() == ("108.00", "102.58", "5.42", "warning")
    assert month.states()[4:] == [("warning", 102.58, 108.0, "2026-11-20 09:00:00+00")]
    month.audited()


def test_s0_2_a_limit_is_lowered_spent_under_a_grant_and_lifted(month: Limited) -> None:
    """Ten days are 108.00: all of 108.00, 72 % of 150.00, 98 % of 110.00."""
    month.to_date("2026-10-10T21:00:00Z")
    month.told("set_credit_limit", "2026-10-11T06:00:00Z", amount="150")
    assert month.figures() == ("150.00", "108.00", "42.00", "ok")
    month.told("set_credit_limit", "2026-10-12T06:00:00Z", amount="110")
    assert month.figures() == ("110.00", "108.00", "2.00", "warning")

    # a bonus of 30.00 lowers nothing by itself; the next bill is less by it and its tax: 60.00 and 12.00, 65 %
    month.told(
        "grant_credit", "2026-10-13T06:00:00Z", kind="bonus", name="Sorry", amount="30", window_start="2026-10-01"
    )
    assert month.figures() == ("110.00", "108.00", "2.00", "warning")
    month.to_date("2026-10-14T21:00:00Z")
    assert month.figures() == ("110.00", "72.00", "38.00", "ok")

    month.told("set_credit_limit", "2026-10-15T06:00:00Z", amount="0")
    assert month.figures() == ("0.00", "72.00", "-72.00", "restricted")
    month.told("set_credit_limit", "2026-10-16T06:00:00Z")
    assert month.figures() == (None, "72.00", None, "ok")
    assert month.states() == [
        ("restricted", 108.0, 108.0, "2026-10-10 21:00:00+00"),
        ("ok", 108.0, 150.0, "2026-10-11 06:00:00+00"),
        ("warning", 108.0, 110.0, "2026-10-12 06:00:00+00"),
        ("ok", 72.0, 110.0, "2026-10-14 21:00:00+00"),
        ("restricted", 72.0, 0.0, "2026-10-15 06:00:00+00"),
        ("ok", 72.0, None, "2026-10-16 06:00:00+00"),
    ]
    month.audited()
    assert month.agrees_at_each_commit()


def test_s0_3_s0_7_the_lists_show_what_is_left_and_what_restricts(month: Limited) -> None:
    month.to_date("2026-10-08T21:00:00Z")
    shown = month.done("show", "credit-limit")
    assert line_with(shown, ["acme", "108.00", "86.40", "21.60", "EUR", "warning"])
    gate = month.done("show", "restrictions")
    assert line_with(gate, ["acme", "warning", "credit_limit", "86.4", "108", "2026-10-08"])


def test_another_limit_in_the_reference_tables_counts_from_the_next_run_on(month: Limited) -> None:
    """acme-credit has used nothing of 500; of a limit of zero that is all of it, once usage lands."""
    accounts = month.reference_folder / "billing_accounts.csv"
    accounts.write_text(accounts.read_text().replace("false,500,", "false,0,"))
    month.done(
        "ingest", month.usage("late.csv", hours("2026-10-11", "+02:00")), "--received-at", "2026-11-03T06:00:00Z"
    )
    found = "select billing_account_id, state, total_amount::int, changed_at::varchar from account_restrictions"
    assert month.ask(found) == [("acme-credit", "restricted", 0, "2026-11-03 06:00:00+00")]
    month.audited()


def test_only_staff_sets_a_limit(month: Limited) -> None:
    """acme's own billing manager may not; the limit stays."""
    (month.reference_folder / "principals.csv").write_text(
        "principal_id,role,billing_account_id,valid_from\n"
        "operator,staff,,2020-01-01\nmanager,billing_manager,acme,2020-01-01\n"
    )
    month.operate(
        {
            "operation_id": "more",
            "operation": "set_credit_limit",
            "actor": "manager",
            "occurred_at": "2026-10-05T00:00:00Z",
            "billing_account_id": "acme",
            "amount": "1000000",
        }
    )
    assert month.ask("select reason_code from operations where operation_id = 'more'") == [("O_FORBIDDEN",)]
    assert month.figures()[0] == "108.00"


def test_a_shorter_look_at_the_month_is_what_counts_once_it_is_what_the_books_say(month: Limited) -> None:
    """Shown up to the tenth, restricted; shown again up to the fifth, 54.00 are used, and the gate follows."""
    month.to_date("2026-10-10T21:00:00Z")
    month.to_date("2026-10-05T21:00:00Z")
    assert month.figures() == ("108.00", "54.00", "54.00", "ok")
    assert [state[3] for state in month.states()] == ["2026-10-10 21:00:00+00", "2026-10-10 21:00:00.000001+00"]


def test_buckets_and_groups_say_the_same_of_the_limit(tmp_path: Path) -> None:
    found = []
    for name, options in (("one", {}), ("many", {"groups": 7})):
        (tmp_path / name).mkdir()
        month = Limited(tmp_path / name)
        month.ingest()
        month.told("set_credit_limit", "2026-10-01T06:00:00Z", amount="120")
        month.told("set_credit_limit", "2026-10-02T06:00:00Z", amount="10", billing_account_id="acme-credit")
        month.bill(**options)
        found.append(month.frame("from account_restrictions order by billing_account_id").rows())
    assert found[0] == found[1]
    # 135 and 20 % tax are 162.00: past 120.00 and past 10.00
    assert [(row[0], row[4]) for row in found[0]] == [("acme", "restricted"), ("acme-credit", "restricted")]
