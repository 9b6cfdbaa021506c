"""Files of operations: every line is accepted or rejected by name, and kept (O1)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flows.operations import land_operations
from flows.run import Refusal
from tests.flows.billing.months import RECEIVED, Month

GRANT = '"operation": "grant_credit", "actor": "operator", "occurred_at": "2026-10-01T08:00:00Z", "kind": "bonus"'


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path)


def land(month: Month, name: str, text: str):
    path = month.folder / name
    path.write_text(text, encoding="utf-8")
    return land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)


def reasons(month: Month) -> dict[str, str | None]:
    return dict(month.ask("select operation_id, reason_code from operations"))  # type: ignore[arg-type]


def test_csv_and_json_lines_say_the_same(month: Month) -> None:
    """A quoted cell may hold a comma and a line break; an inclusive end day is the next day's start."""
    run = land(
        month,
        "grants.csv",
        "operation_id,operation,actor,occurred_at,billing_account_id,kind,name,amount,window_start,window_end,include\n"
        'g1,grant_credit,operator,2026-10-01T08:00:00Z,acme,bonus,"Launch, and\nmore",40.00,2026-10-01,2026-12-31,'
        '"[""service:compute""]"\n',
    )
    assert run.exit_code == 0
    found = month.ask("select name, amount, window_end::varchar, include from grants")
    assert found == [("Launch, and\nmore", Decimal(40), "2026-12-31 23:00:00+00", ["service:compute"])]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('"amount": "40.001"', "O_PRECISE"),
        ('"amount": "0"', "O_AMOUNT"),
        ('"amount": "-3"', "O_AMOUNT"),
        ('"amount": "1e3"', "O_BAD_FIELD"),
        ('"amount": "NaN"', "O_BAD_FIELD"),
        ('"amount": "40", "billing_currency": "USD"', "O_CURRENCY"),
        ('"amount": "40", "include": ["colour:red"]', "O_SCOPE"),
        ('"amount": "40", "window_start": "2026-10-05", "window_end": "2026-10-01"', "O_WINDOW"),
        ('"amount": "40", "window_start": "05.10.2026"', "O_BAD_FIELD"),
        ('"amount": "40", "sub_account_id": "nowhere"', "O_UNKNOWN_PROJECT"),
        ('"amount": "40", "logic": "linear"', "O_UNSUPPORTED"),
        ('"amount": "40", "colour": "red"', "O_BAD_FIELD"),
        ('"text": "no amount"', "O_MISSING_FIELD"),
    ],
)
def test_a_refused_grant_is_a_row_with_its_reason_and_changes_nothing(month: Month, fields: str, reason: str) -> None:
    run = land(month, "one.jsonl", f'{{"operation_id": "g1", "billing_account_id": "acme", {GRANT}, {fields}}}\n')
    assert run.exit_code == 3
    assert reasons(month) == {"g1": reason}
    assert month.ask("select count(*) from grants") == [(0,)]
    assert month.ask("select count(*) from ledger_entries") == [(0,)]


def test_a_line_that_cannot_be_read_is_kept_as_it_stood(month: Month) -> None:
    land(month, "one.jsonl", '{"operation_id": \n')
    found = month.ask("select status, reason_code, original from operations")
    assert found == [("rejected", "O_BAD_FIELD", '{"operation_id": ')]


def test_the_same_id_again_is_a_no_op_and_what_was_decided_stays(month: Month) -> None:
    line = f'{{"operation_id": "g1", "billing_account_id": "acme", {GRANT}, "amount": "40"}}\n'
    assert land(month, "first.jsonl", line).status == "committed"
    assert land(month, "second.jsonl", line).status == "nothing to do"
    assert month.ask("select sum(amount) from grants") == [(Decimal(40),)]


def test_a_csv_file_whose_quotes_do_not_close_is_refused_whole(month: Month) -> None:
    head = month.lake.head()
    with pytest.raises(Refusal, match="close the quotes"):
        land(month, "grants.csv", 'operation_id,operation\ng1,"grant_credit\n')
    assert month.lake.head() == head


def test_a_credit_limit_that_is_set_replaces_the_one_of_the_account(month: Month) -> None:
    month.whole()
    month.operate(
        {
            "operation_id": "limit",
            "operation": "set_credit_limit",
            "occurred_at": "2026-10-15T08:00:00Z",
            "billing_account_id": "acme",
            "amount": "120.00",
        }
    )
    found = month.ask(
        "select total_credit_limit, used_credit_limit, available_credit, state from credit_limit_overview "
        "where billing_account_id = 'acme'"
    )
    # 114 of 120 is 95 %: past 80 %, short of 100 %
    assert found == [(Decimal(120), Decimal(114), Decimal(6), "warning")]
