"""Files of operations from anybody: a bad line is a row with its reason, and good ones beside it are carried out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flows.operations import land_operations
from flows.run import Refusal
from tests.flows.billing.months import RECEIVED, Month

GOOD = {
    "operation_id": "good",
    "operation": "grant_credit",
    "actor": "operator",
    "occurred_at": "2026-10-01T08:00:00Z",
    "billing_account_id": "acme",
    "kind": "bonus",
    "amount": "5.00",
    "window_start": "2026-10-01",
    "window_end": "2026-12-31",
}

HOSTILE = {
    "a year without a month before it": '"occurred_at": "0001-01-01T00:00:00+14:00"',
    "a year without a month after it": '"occurred_at": "9999-12-31T23:59:59-14:00"',
    "digits that no column holds": '"occurred_at": "2026-10-05T08:00:00.1234567Z"',
    "an instant without an offset": '"occurred_at": "2026-10-05T08:00:00"',
    "more than 64 bits": '"priority": 1000000000000000000000000000000',
    "a number of 10^9 digits": '"amount": 1e999999999',
    "a number of 10^9 decimals": '"amount": 1e-999999999',
    "separators": '"priority": "1_0"',
    "digits of another script": '"priority": "\u0663"',
    "a list without an end to its depth": f'"include": "{"[" * 100_000}"',
    "nested too deep": f'"include": {"[" * 100_000}{"]" * 100_000}',
    "an object without an end": '"a": {' * 100_000,
    "no number": '"amount": NaN',
    "half a character": '"operation_id": "\\ud800"',
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return Month(tmp_path_factory.mktemp("operations"))


def test_no_line_keeps_the_others_from_being_carried_out(month: Month) -> None:
    """A grant for each line, and one field of it that is not what it should be."""
    path = month.folder / "hostile.jsonl"
    lines = [
        json.dumps(GOOD, ensure_ascii=False),
        json.dumps(GOOD | {"operation_id": "u", "name": "a\u2028b\x85c"}, ensure_ascii=False),
    ]
    for number, field in enumerate(HOSTILE.values()):
        grant = {name: value for name, value in GOOD.items() if f'"{name}"' not in field}
        named = {"operation_id": f"h{number}"} if '"operation_id"' not in field else {}
        lines.append(f"{json.dumps(grant | named)[:-1]}, {field}}}")
    path.write_text("\n".join(lines), encoding="utf-8")
    land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)
    found = month.ask("select status, count(*), count(distinct reason_code) from operations group by all order by all")
    assert found == [("accepted", 2, 0), ("rejected", len(HOSTILE), 1)]
    assert month.ask("select distinct reason_code from operations where status = 'rejected'") == [("O_BAD_FIELD",)]


def test_a_column_that_stands_twice_refuses_the_file(month: Month) -> None:
    """Which of two amounts is meant nobody knows."""
    path = month.folder / "twice.csv"
    path.write_text(f"{','.join(GOOD)},amount\n{','.join(GOOD.values())},6.00\n")
    with pytest.raises(Refusal, match=r"two columns answer to one name; rename one: found amount"):
        land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)


@pytest.mark.parametrize(
    ("period", "code"),
    [
        ("0000-01", "O_BAD_FIELD"),
        ("9999-12", "O_BAD_FIELD"),
        ("2026-13", "O_BAD_FIELD"),
        ("1926-10", "O_UNKNOWN_ACCOUNT"),
        ("2025-12", "O_UNKNOWN_ACCOUNT"),
        ("2026-01", None),
    ],
)
def test_a_charge_of_a_month_before_its_account_is_refused(month: Month, period: str, code: str | None) -> None:
    """The account is there from 2026-01 on. Months are billed in turn: one of 1926 would have 1,200 billed first."""
    charge = {
        "operation_id": f"charge-{period}",
        "operation": "add_charge",
        "actor": "operator",
        "occurred_at": "2026-10-01T08:00:00Z",
        "billing_account_id": "acme",
        "billing_period": period,
        "sku_id": "vm-small",
        "amount": "1.00",
        "text": "Set-up",
    }
    path = month.folder / "charge.jsonl"
    path.write_text(json.dumps(charge))
    land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)
    assert month.ask(f"select reason_code from operations where operation_id = 'charge-{period}'") == [(code,)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outward", "a link that leads out of the delivery"),
        ("pipe", "not a regular file: found a pipe"),
        ("gone", "the file cannot be opened"),
        ("loop", "a link to itself"),
        ("line\nbreak", "a printable name"),
    ],
)
def test_what_is_no_plain_file_of_the_delivery_is_never_opened(
    month: Month, tmp_path: Path, name: str, said: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of another user\n")
    folder = tmp_path / "delivery"
    folder.mkdir()
    path = folder / name
    if name == "pipe":
        os.mkfifo(path)
    elif name == "line\nbreak":
        path.write_text(json.dumps(GOOD))
    else:
        path.symlink_to({"outward": secret, "gone": folder / "nowhere", "loop": path}[name])
    with pytest.raises(Refusal, match=said):
        land_operations(month.lake, month.reference(), [path], received_at=RECEIVED)
