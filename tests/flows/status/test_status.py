"""`billfold status`: where the books stand, for a person and for a program."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import Month, made_once
from tests.flows.cli.worked import billfold, line_with

SECOND, THIRD = "2026-11-02T12:00:00Z", "2026-11-03T12:00:00Z"
"""October's days of grace are the first and the second of November."""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which no Prefect server is configured."""
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October's usage and credit, landed."""
    found = Month(tmp_path)
    found.ingest()
    found.operate()
    return found


def asked(month: Month, at: str = THIRD) -> Any:
    return json.loads(billfold("status", *month.where, "--at", at, "--json").out)


def late(month: Month, sku: str) -> None:
    row = f"late-1,acme,,vm-1,{sku},eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    month.ingest(month.usage("late.csv", row))


def test_a_month_is_open_until_it_is_billed_and_listed_until_it_is_issued(month: Month):
    def months() -> list[tuple[str, int, int]]:
        return [(one["state"], one["drafts"], one["issued"]) for one in asked(month)["months"]]

    assert months() == [("open", 0, 0)]
    month.bill(until=datetime(2026, 10, 20, tzinfo=UTC))
    assert months() == [("open", 0, 0)]
    assert asked(month)["months"][0]["month_to_date"] == 2
    month.bill()
    assert months() == [("billed", 2, 0)]
    month.issue()
    assert months() == []


def test_a_draft_is_overdue_when_its_days_of_grace_are_over(month: Month):
    month.bill()
    assert asked(month, SECOND)["overdue"] == 0
    assert asked(month, THIRD)["overdue"] == 2
    page = billfold("status", *month.where, "--at", THIRD).out
    todo = "billfold issue --period 2026-10 --issue-date DATE"
    assert f"the day of 2 draft(s) of 2026-10 has come; issue them: {todo} --lake {month.lake.root}" in page
    assert line_with(page, ["2026-10", "billed", "2026-11-03"])


def test_rows_that_were_set_aside_are_counted_until_they_are_mended(month: Month):
    late(month, "nonsense")
    assert asked(month)["rejects"] == {"R_UNKNOWN_SKU": 1}
    page = billfold("status", *month.where, "--at", THIRD).out
    assert line_with(page, ["R_UNKNOWN_SKU", "1"])
    assert "billfold show rejects" in page


def test_accounts_on_hold_are_named_with_the_reason(month: Month):
    skus = month.reference_folder / "skus.csv"
    header, first = skus.read_text().splitlines()[:2]
    gpu = dict(zip(header.split(","), first.split(","), strict=True)) | {"sku_id": "gpu"}
    skus.write_text(skus.read_text() + ",".join(gpu.values()) + "\n")
    late(month, "gpu")
    month.bill()
    assert [(one["billing_account_id"], one["reason_code"]) for one in asked(month)["holds"]] == [
        ("acme", "R_NO_PRICE")
    ]
    assert line_with(billfold("status", *month.where, "--at", THIRD).out, ["acme", "R_NO_PRICE"])


def test_accounts_at_or_near_their_limit_are_named(month: Month):
    """150 less 15 of discount and 40 of bonus is 95, with tax 114: 95 % of a limit of 120."""
    path = month.reference_folder / "billing_accounts.csv"
    path.write_text(path.read_text().replace("false,500,", "false,120,", 1))
    month.bill()
    names = ("billing_account_id", "state", "measured", "limit", "unit")
    found = [tuple(one[name] for name in names) for one in asked(month)["restricted"]]
    assert found == [("acme", "warning", "114", "120", "EUR")]


def test_what_keeps_documents_from_being_issued_is_told_before_anybody_tries(month: Month):
    """The seller has no tax number: before a bill that is told of it, after it of both drafts, until it is mended."""
    path = month.reference_folder / "sellers.csv"
    sound = path.read_text()
    path.write_text(sound.replace('"[""DE123456789""]"', "[]"))
    found = asked(month)
    assert (found["sellers_without_tax_number"], found["lacking"]) == (["north"], [])
    assert "no tax number (tax_ids in sellers): north" in billfold("status", *month.where, "--at", THIRD).out
    field = "the seller's tax number (BT-31)"
    said = billfold("bill", "--period", "2026-10", *month.where).out
    assert line_with(said, [field, "2", "acme, acme-credit"])
    assert asked(month)["lacking"] == [{"field": field, "drafts": 2, "accounts": "acme, acme-credit"}]
    assert line_with(billfold("status", *month.where, "--at", THIRD).out, [field, "2", "acme, acme-credit"])
    path.write_text(sound)
    assert field not in billfold("bill", "--period", "2026-10", *month.where).out
    assert (asked(month)["sellers_without_tax_number"], asked(month)["lacking"]) == ([], [])


def test_a_correction_that_waits_is_told_with_the_command_that_issues_it(month: Month):
    from flows.backfill import backfill
    from tests.flows.billing.months import RECEIVED

    month.bill()
    month.issue()
    late(month, "vm-small")
    backfill(month.lake, month.reference(), received_at=RECEIVED)
    found = asked(month)
    assert (found["corrections"], found["overdue"]) == (1, 0)
    assert "billfold backfill --issue-date DATE" in billfold("status", *month.where, "--at", THIRD).out


def test_where_no_server_is_configured_nothing_is_said_of_one(month: Month):
    assert asked(month)["schedule"] is None
    assert "Next runs" not in billfold("status", *month.where).out


def test_a_server_that_does_not_answer_is_told_and_is_no_error(month: Month, monkeypatch: pytest.MonkeyPatch):
    Path(".prefect").mkdir()
    Path(".prefect/profiles.toml").write_text(
        'active = "billfold"\n[profiles.billfold]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    said = billfold("status", *month.where)
    assert said.code == 0
    assert "the Prefect server at http://127.0.0.1:9/api does not answer: [Errno 111] Connection refused" in said.out
    assert asked(month)["schedule"]["deployments"] == []


def test_what_came_for_a_month_since_it_was_billed_is_listed_until_it_is_in_the_books(month: Month):
    month.bill()
    assert asked(month)["changed"] == []
    late(month, "vm-small")
    assert asked(month)["changed"] == [{"billing_period": "2026-10", "accounts": 1, "why": "late usage"}]
    assert "billfold backfill --dry-run" in billfold("status", *month.where, "--at", THIRD).out
    month.bill()
    assert asked(month)["changed"] == []


def test_a_lake_in_which_nothing_has_landed_says_what_comes_next(tmp_path: Path):
    empty = Month(tmp_path / "new")
    assert "nothing has come in yet; land usage: billfold ingest FILES" in billfold("status", *empty.where).out
    billed = billfold("bill", "--period", "2026-10", *empty.where).out
    assert "no documents: 2026-10 has no usage, and nothing else is charged in it" in billed
    assert "all that is billed is issued" in billfold("status", *empty.where).out
