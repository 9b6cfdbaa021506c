"""Three months under four cost policies, by the command line: measured, said once, restricted and let go (W5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import EXAMPLE, RECEIVED, Month
from tests.flows.cli.worked import Said, billfold, line_with

POLICIES = """
cost_policy_id,billing_account_id,sub_account_id,measure,sku_id,limit,cost_position,period,action,valid_from
budget,acme,,cost,,130,before_grants,month,restrict_new,2026-01-01
hours,acme,,quantity,vm-small,250,,month,notify,2026-01-01
web,acme,website,cost,,20,after_grants,month,terminate_request,2026-01-01
year,acme,,cost,,300,before_grants,total,notify,2026-01-01
"""
NOVEMBER = (
    "n1,acme,website,vm-1,vm-small,eu-1,2026-11-03T10:00:00+01:00,2026-11-05T22:00:00+01:00,60,hour",
    "n2,acme,,vm-1,vm-small,eu-1,2026-11-10T00:00:00+01:00,2026-11-11T16:00:00+01:00,40,hour",
)
DECEMBER = ("d1,acme,,vm-1,vm-small,eu-1,2026-12-01T00:00:00+01:00,2026-12-11T20:00:00+01:00,260,hour",)
LATE = "late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"


class Watched(Month):
    """The first-invoice example under cost policies."""

    def __init__(self, folder: Path, policies: str = POLICIES) -> None:
        super().__init__(folder)
        (self.reference_folder / "cost_policies.csv").write_text(policies.lstrip())
        (self.reference_folder / "sub_accounts.csv").write_text(
            "sub_account_id,billing_account_id,name,valid_from\nwebsite,acme,Website,2026-01-01\n"
        )

    def run(self, *arguments: Any) -> Said:
        """A command on these books."""
        return billfold(*arguments, *self.where)

    def done(self, *arguments: Any) -> str:
        said = self.run(*arguments)
        assert said.code == 0, said.both
        return said.out

    def shown(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.done("show", name, "--json"))
        return found

    def events(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "select billing_period, cost_policy_id, measured::double, known_as_of::varchar from cost_policy_events "
            "order by known_as_of, cost_policy_id"
        )

    def states(self) -> list[tuple[Any, ...]]:
        """Every change of what restricts, in order."""
        return self.ask(
            "select billing_account_id, sub_account_id, cost_policy_id, state, changed_at::varchar "
            "from account_restrictions order by changed_at"
        )


BUDGET_IN_OCTOBER = ("2026-10", "budget", 135.0, "2026-10-08 00:00:00+00")
WEB = ("2026-11", "web", 30.0, "2026-11-05 00:00:00+00")
CLOSING_DECEMBER = "2026-12-31 23:00:00+00"


def test_s2_16_costs_and_usage_are_watched_over_three_months_by_the_command_line(tmp_path: Path) -> None:
    month = Watched(tmp_path)
    month.done("ingest", EXAMPLE / "usage", "--received-at", "2026-11-02T06:00:00Z")

    # up to 4 October 60 and 50 less 10 %: 99 of 130; up to the 8th 40 more: 135, and it restricts
    month.done("bill", "--period", "2026-10", "--until", "2026-10-04T00:00:00Z")
    assert (month.events(), month.states()) == ([], [])
    said = month.done("bill", "--period", "2026-10", "--until", "2026-10-08T00:00:00Z")
    assert line_with(said, ["budget", "acme", "135", "130", "restrict_new"])
    restricted = ("acme", None, "budget", "restricted", "2026-10-08 00:00:00+00")
    assert (month.events(), month.states()) == ([BUDGET_IN_OCTOBER], [restricted])

    # the month over: 135 as before, and nothing is said twice
    month.done("operations", EXAMPLE / "operations", "--received-at", "2026-11-02T06:00:00Z")
    month.done("bill", "--period", "2026-10")
    assert "nothing to do" in month.done("bill", "--period", "2026-10")
    assert (month.events(), month.states()) == ([BUDGET_IN_OCTOBER], [restricted])
    month.done("issue", "--period", "2026-10", "--issue-date", "2026-11-03", "--received-at", "2026-11-03T06:00:00Z")

    # November: up to the 5th the website costs 30, over its 20; 30 of 130 restrict nobody
    month.done("ingest", month.usage("november.csv", *NOVEMBER), "--received-at", "2026-12-01T06:00:00Z")
    month.done("bill", "--period", "2026-11", "--until", "2026-11-05T00:00:00Z")
    let_go = ("acme", None, "budget", "ok", "2026-11-05 00:00:00+00")
    assert (month.events(), month.states()) == ([BUDGET_IN_OCTOBER, WEB], [restricted, let_go])
    month.done("bill", "--period", "2026-11")
    assert (month.events(), month.states()) == ([BUDGET_IN_OCTOBER, WEB], [restricted, let_go])

    # December: 260 hours are 130, just the budget; with 135 and 50 before, 315 of the year's 300
    month.done("ingest", month.usage("december.csv", *DECEMBER), "--received-at", "2026-12-20T06:00:00Z")
    month.done("bill", "--period", "2026-12")
    assert month.events()[2:] == [
        ("2026-12", "budget", 130.0, CLOSING_DECEMBER),
        ("2026-12", "hours", 260.0, CLOSING_DECEMBER),
        ("2026-12", "year", 315.0, CLOSING_DECEMBER),
    ]
    assert month.states() == [restricted, let_go, ("acme", None, "budget", "restricted", CLOSING_DECEMBER)]
    month.done("audit")

    shown = [
        (
            row["cost_policy_id"],
            row["measured"],
            row["limit"],
            row["unit"],
            row["reached_percent"],
            row["last_event_period"],
        )
        for row in month.shown("cost-policies")
    ]
    assert shown == [
        ("budget", "130", "130", "EUR", 100, "2026-12"),
        ("hours", "260", "250", "hour", 104, "2026-12"),
        ("web", "0", "20", "EUR", 0, "2026-11"),
        ("year", "315", "300", "EUR", 105, "2026-12"),
    ]
    (now,) = month.shown("restrictions")
    assert (now["state"], now["cost_policy_id"], now["measured"], now["limit"]) == (
        "restricted",
        "budget",
        "130",
        "130",
    )


@pytest.fixture
def month(tmp_path: Path) -> Watched:
    """October, billed: 135 of a limit of 140."""
    month = Watched(tmp_path, POLICIES.replace(",130,", ",140,"))
    month.whole()
    assert month.events() == []
    return month


def measured(month: Watched) -> Decimal:
    ((found,),) = month.ask("select measured from cost_policy_measures where cost_policy_id = 'budget'")
    return found  # type: ignore[no-any-return]


def test_late_usage_takes_a_month_over_its_limit(month: Watched) -> None:
    """20 hours more are 9.00: 144. What was known is the same as before: 2 November."""
    month.ingest(month.usage("late.csv", LATE))
    month.bill()
    assert month.events() == [("2026-10", "budget", 144.0, "2026-11-02 06:00:00+00")]
    assert [state[3] for state in month.states()] == ["restricted"]


def test_an_event_stays_said_when_the_month_falls_below_its_limit_again(month: Watched) -> None:
    """A credit of 10 takes 144 back to 135: 10 less 10 %. The account is free again."""
    month.ingest(month.usage("late.csv", LATE))
    month.bill()
    month.operate(
        {
            "operation_id": "sorry",
            "operation": "add_charge",
            "occurred_at": "2026-10-25T00:00:00Z",
            "billing_account_id": "acme",
            "sku_id": "vm-small",
            "amount": "-10",
            "text": "Outage",
        }
    )
    month.bill()
    assert measured(month) == 135
    assert [event[2] for event in month.events()] == [144.0]
    assert [state[3:] for state in month.states()] == [
        ("restricted", "2026-11-02 06:00:00+00"),
        ("ok", "2026-11-02 06:00:00.000001+00"),
    ]


def test_an_issued_month_measures_what_was_issued_and_reaches_no_limit_any_more(month: Watched) -> None:
    """The books of an issued document stay as they are (L4), and so does what they come to."""
    month.issue()
    month.ingest(month.usage("late.csv", LATE))
    run = month.bill()
    assert [hold["reason_code"] for hold in run.report["holds"]] == ["H_ISSUED"]
    assert (measured(month), month.events(), month.states()) == (135, [], [])


def test_who_looks_back_changes_no_restriction(month: Watched) -> None:
    """October goes over its limit when November was shown already: said, but nothing of October restricts now."""
    month.ingest(month.usage("november.csv", *NOVEMBER), received_at=datetime(2026, 12, 1, tzinfo=UTC))
    month.bill(period="2026-11", until=datetime(2026, 11, 5, tzinfo=UTC))
    month.ingest(month.usage("late.csv", LATE))
    month.bill()
    assert [event[:3] for event in month.events()] == [("2026-10", "budget", 144.0), ("2026-11", "web", 30.0)]
    assert month.states() == []


def test_an_earlier_month_billed_again_is_measured_in_the_next_look_at_the_later_one(month: Watched) -> None:
    """Of the year 135, then 144 before November's 30; the same day shown again takes it in."""
    year = "select earlier_measured, measured from cost_policy_measures where cost_policy_id = 'year' and billing_period = '2026-11'"  # noqa: E501
    month.ingest(month.usage("november.csv", *NOVEMBER), received_at=datetime(2026, 12, 1, tzinfo=UTC))
    month.bill(period="2026-11", until=datetime(2026, 11, 5, tzinfo=UTC))
    assert month.ask(year) == [(135, 165)]
    month.ingest(month.usage("late.csv", LATE))
    month.bill()
    month.bill(period="2026-11", until=datetime(2026, 11, 5, tzinfo=UTC))
    assert month.ask(year) == [(144, 174)]


def test_s2_3_a_policy_watches_what_is_spent_or_what_credit_does_not_pay(tmp_path: Path) -> None:
    """135 are spent; the bonus of 40 pays for the rest of 95. acme-credit's 40 pay after tax and change nothing."""
    before, after = (
        f"{{}},{{}},,cost,,1000,{position}_grants,month,notify,2026-01-01" for position in ("before", "after")
    )
    lines = [before.format("spent", "acme"), after.format("unpaid", "acme"), after.format("other", "acme-credit")]
    month = Watched(tmp_path, "\n".join([POLICIES.split()[0], *lines, ""])).whole()
    found = "select cost_policy_id, measured::int, reached_percent from cost_policy_states order by 1"
    assert month.ask(found) == [("other", 135, 13), ("spent", 135, 13), ("unpaid", 95, 9)]
    assert month.ask("select distinct state from current_restrictions") == []


def test_buckets_and_groups_say_the_same(tmp_path: Path) -> None:
    found = []
    for name, options in (("one", {}), ("many", {"groups": 7})):
        (tmp_path / name).mkdir()
        month = Watched(tmp_path / name)
        month.ingest()
        month.operate(received_at=RECEIVED)
        month.bill(**options)
        found.append([month.frame(f"from {table}").rows() for table in ("cost_policy_measures", "cost_policy_events")])
        found[-1].append(month.states())
    assert found[0] == found[1]
    assert len(found[0][0]) == 4
