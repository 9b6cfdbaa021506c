"""Files of operations: every line is accepted or rejected by name, and kept (O1)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from flows.operations import land_operations
from flows.run import Refusal, Run
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
        ('"amount": "40", "logic": "linear"', "O_WINDOW"),
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


def test_the_same_id_with_other_content_is_told_and_what_was_landed_before_stays(month: Month) -> None:
    """Beside a new operation, and then alone: neither time is it decided."""
    line = f'{{"operation_id": "g1", "billing_account_id": "acme", {GRANT}, "amount": "%s"}}\n'
    land(month, "first.jsonl", line % 40)
    run = land(month, "second.jsonl", line % 50 + (line % 1).replace("g1", "g2"))
    assert (run.status, run.exit_code, run.report["conflicts"], run.report["known"]) == ("committed", 3, ["g1"], 0)
    head = month.lake.head()
    run = land(month, "third.jsonl", line % 50)
    assert (run.status, run.exit_code, run.report["conflicts"]) == ("nothing to do", 3, ["g1"])
    assert month.lake.head() == head
    assert month.ask("select sum(amount) from grants") == [(Decimal(41),)]


def test_a_file_lands_again_in_silence_whenever_and_in_whichever_form(month: Month) -> None:
    """A row that has no time counts as of when its file came, which is another time now; 40 and 40.00 are the same."""
    fields = f'"billing_account_id": "acme", {GRANT}'
    land(month, "first.jsonl", f'{{"operation_id": "g1", {fields}, "amount": 40}}\n{{"operation_id": "timeless"}}\n')
    path = month.folder / "first.jsonl"
    again = land_operations(month.lake, month.reference(), [path], received_at=RECEIVED + timedelta(days=1))
    assert (again.status, again.exit_code, again.report["conflicts"]) == ("nothing to do", 0, [])
    assert land(month, "other.jsonl", f'{{"operation_id": "g1", "amount": "40.00", {fields}}}\n').exit_code == 0


@pytest.mark.parametrize("blank", ['""', '"  "', "null"])
def test_an_operation_needs_an_id_that_is_not_blank(month: Month, blank: str) -> None:
    """It is kept under an id that is made for it."""
    run = land(month, "one.jsonl", f'{{"operation_id": {blank}, "billing_account_id": "acme", {GRANT}, "amount": 1}}\n')
    assert run.exit_code == 3
    (found,) = month.ask("select operation_id, reason_code, reason from operations")
    assert found[0].startswith("unreadable-")
    assert found[1:] == ("O_MISSING_FIELD", "a field that the operation needs is empty: one.jsonl row 1: operation_id")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "one.jsonl row 1: the line is not JSON from character 2 on"),
        (
            f'{{"operation_id": "g1", {GRANT.replace("T08:00:00Z", "T08:00:00")}, "amount": "1"}}',
            "one.jsonl row 1: occurred_at: '2026-10-01T08:00:00' cannot be read as an instant with its offset, "
            "like 2026-10-01T09:00:00Z",
        ),
        (
            f'{{"operation_id": "g1", {GRANT}, "priority": "first"}}',
            "one.jsonl row 1: priority: 'first' cannot be read as a whole number",
        ),
        (f'{{"operation_id": "g1", {GRANT}, "kind": "free"}}', "one.jsonl row 1: the line says kind twice"),
        (
            f'{{"operation_id": "g\\u0007", {GRANT}}}',
            "one.jsonl row 1: operation_id: an id is 1 to 512 printable characters",
        ),
        (
            f'{{"operation_id": "g\\u202e1", {GRANT}}}',
            "one.jsonl row 1: operation_id: an id is 1 to 512 printable characters",
        ),
        (
            f'{{"operation_id": "g\\ud800", {GRANT}}}',
            "one.jsonl row 1: operation_id: an id is 1 to 512 printable characters",
        ),
        (f'{{"operation_id": "g1", {GRANT}, "include": [1]}}', "one.jsonl row 1: include: it holds more than texts"),
        (f'{{"operation_id": "g1", {GRANT}, "text": {{"a": 1}}}}', "one.jsonl row 1: text: it holds more than texts"),
    ],
)
def test_what_cannot_be_read_is_said_in_the_words_of_who_wrote_it(month: Month, line: str, reason: str) -> None:
    land(month, "one.jsonl", f"{line}\n")
    assert month.ask("select reason from operations") == [(f"a field of the operation cannot be read: {reason}",)]


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl"])
@pytest.mark.parametrize("text", ["", "\ufeff", " \n\n"])
def test_an_empty_file_is_refused_by_name(month: Month, name: str, text: str) -> None:
    with pytest.raises(Refusal, match=rf"{name}: the file is empty; leave it out, or land the one that holds"):
        land(month, name, text)


def test_a_header_alone_is_nothing_to_do(month: Month) -> None:
    run = land(month, "header.csv", "operation_id,operation\n")
    assert (run.status, run.exit_code, run.report["why"]) == ("nothing to do", 0, "there is no operation to land")


def test_a_file_that_is_not_utf_8_is_refused_with_what_to_do(month: Month) -> None:
    path = month.folder / "utf16.jsonl"
    path.write_text("{}\n", encoding="utf-16")
    with pytest.raises(Refusal, match=r"utf16\.jsonl: the text is not UTF-8; send it as UTF-8: found byte 1"):
        land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)


def as_principal(month: Month, actor: str, text: str) -> Run:
    """Operations that a principal lands; ada owns acme, sam is staff."""
    (month.reference_folder / "principals.csv").write_text(
        "principal_id,role,billing_account_id,valid_from\n"
        "operator,staff,,2026-01-01\nsam,staff,,2026-01-01\nada,organization_owner,acme,2026-01-01\n"
    )
    path = month.folder / "by-someone.jsonl"
    path.write_text(text, encoding="utf-8")
    return land_operations(month.lake, month.reference(), [path], received_at=RECEIVED, actor=actor)


def test_only_staff_lands_what_another_did(month: Month) -> None:
    """Section 11: what ada says that the operator did is refused, and its id stays free for the operator; what she says
    herself is judged by her own role."""
    of_operator = f'{{"operation_id": "g1", "billing_account_id": "acme", {GRANT}, "amount": "40"}}\n'
    of_herself = of_operator.replace("g1", "g2").replace('"actor": "operator"', '"actor": "ada"')
    of_nobody = of_operator.replace("g1", "g3").replace('"actor": "operator", ', "")
    as_principal(month, "ada", of_operator + of_herself + of_nobody)
    kept = "select split_part(operation_id, '-', 1), actor, reason from operations order by 1"
    assert month.ask(kept) == [
        ("forbidden", "operator", "the actor's role does not allow it: g1: ada may not act as operator"),
        ("g2", "ada", "the actor's role does not allow it: ada may not grant_credit"),
        ("g3", "ada", "the actor's role does not allow it: ada may not grant_credit"),
    ]
    assert as_principal(month, "ada", of_operator).status == "nothing to do"
    assert as_principal(month, "operator", of_operator).exit_code == 0
    assert reasons(month)["g1"] is None


def test_staff_lands_what_others_did_and_a_stranger_lands_nothing(month: Month) -> None:
    line = f'{{"operation_id": "g1", "billing_account_id": "acme", {GRANT}, "amount": "40"}}\n'
    with pytest.raises(Refusal, match="ghost is not in principals; add a row, or say with --as who runs this"):
        as_principal(month, "ghost", line)
    assert month.ask("select count(*) from operations") == [(0,)]
    assert as_principal(month, "sam", line).exit_code == 0


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
