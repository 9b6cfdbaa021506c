"""Names that are formulas, markup or ways out of a folder go through the whole program, and are obeyed by nothing."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest

from flows.export import export
from flows.ingest_usage import ingest_usage
from flows.lake.audit import verify
from flows.lake.journal import Lake
from flows.month_report import month_report
from flows.orchestrated.summaries import against_last_month, audit_summary, ingest_summary, month_summary, run_summary
from flows.run import Run
from flows.show.listing import as_csv, asked, known_currencies, listings, opened
from flows.show.reject_values import value_rejects
from tests.flows.billing.months import RECEIVED, Month
from tests.flows.cli.worked import billfold
from tests.threats.hostile import ACCOUNTS, FORMULA, LONG, OUT, SCRIPT, TURNED, TURNING, hostile, name_of, texts

SAFE_NAME = re.compile(r"[A-Za-z0-9._:+=/-]{1,200}")


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """October of hostile accounts, billed; read by every test, changed by none."""
    found = hostile(tmp_path_factory.mktemp("hostile"))
    found.billed = found.bill()  # type: ignore[attr-defined]
    return found


def test_every_name_is_billed_as_it_stands(month: Month) -> None:
    """100 hours at 0.50, 10 % off: 45.00, of which a bonus pays 1.00; with tax of 20 % on 44.00 that is 52.80."""
    rows = month.ask("select billing_account_id, buyer_legal_name, total_with_tax::varchar from invoices")
    assert sorted(rows) == sorted((account, name_of(account), "52.8000") for account in ACCOUNTS)
    assert month.ask("select reason_code, count(*) from rejects group by all order by all") == [
        ("R_BAD_ID", 1), ("R_UNKNOWN_SKU", len(ACCOUNTS)),
    ]  # fmt: skip


def test_no_cell_of_any_list_as_csv_is_a_formula(month: Month) -> None:
    seen = set()
    with opened(month.lake, None, whole=True) as connection:
        value_rejects(connection)
        currencies = known_currencies(connection)
        for listing in listings().values():
            written = as_csv(asked(connection, listing), currencies)
            for row in csv.reader(io.StringIO(written)):
                for cell in row:
                    assert not is_formula(cell), (listing.name, cell)
                    seen.add(cell)
    assert f"'{FORMULA}" in seen  # it was there, and is text


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate a cell: said here once more, and not asked of the program."""
    if not cell or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell):
        return False
    return cell[0] in "=+-@\uff1d\uff0b\uff0d\uff20" or unicodedata.category(cell[0]) == "Cc"


def test_no_heading_of_a_column_is_a_formula(month: Month) -> None:
    said = billfold("sql", 'select 1 as "=1+1", 2 as "@SUM(1)"', "--csv", "--lake", month.lake.root)
    assert next(csv.reader(io.StringIO(said.out))) == ["'=1+1", "'@SUM(1)"]


def test_no_page_for_prefect_holds_markup_or_a_link_that_is_not_ours(month: Month, tmp_path: Path) -> None:
    head = month.lake.head()
    report = month_report(month.lake, "2026-10", head)
    run: Run = month.billed  # type: ignore[attr-defined]
    again = Lake.create(tmp_path / "lake", buckets=1)
    landed = ingest_usage(again, month.reference(), [next(month.folder.glob("*.csv"))], received_at=RECEIVED)
    held = {"figure": "total_with_tax", "billing_currency": SCRIPT, "value": "1", "limit": "1", "median": "1"}
    finding = {**held, "is": "above", "times": "3", "before": [], "accounts": []}
    holds = [{"billing_account_id": name, "reason_code": name, "reason": name} for name in ACCOUNTS]
    of_run = Run(run.status, run.command, run.commit, {**run.report, "holds": holds, "out_of_bounds": [finding]})
    pages = [
        run_summary(of_run),
        month_summary(report),
        ingest_summary(landed),
        audit_summary(head, 1, list(ACCOUNTS), True, 0),
    ]
    assert "&lt;script&gt;" in "".join(pages)
    for page in pages:
        assert "<script" not in page
        assert not re.search(r"(?<!\\)\]\(", page)
        assert not any(unicodedata.category(one) == "Cc" and one != "\n" for one in page)
    assert {row["account"] for row in against_last_month(report)} <= set(ACCOUNTS)  # rows of a table: never markup


def test_nothing_a_terminal_gets_is_obeyed(month: Month) -> None:
    where = ["--lake", month.lake.root]
    for command in (["show", "invoices"], ["show", "rejected-rows"], ["show", "account", TURNING], ["show", "files"]):
        for how in ([], ["--json"]):
            said = billfold(*command, *how, *where)
            assert said.code == 0, said.err
            assert not any(is_obeyed(one) for one in said.out), command
    assert "\\u202egnp.exe" in billfold("show", "accounts", *where).out


def is_obeyed(character: str) -> bool:
    """Whether a character moves a cursor or turns a text."""
    return (character != "\n" and unicodedata.category(character) in ("Cc", "Zl", "Zp")) or character in "\u202e\u2066"


def test_json_is_the_same_text_to_a_program(month: Month) -> None:
    import json

    said = json.loads(billfold("show", "accounts", "--json", "--lake", month.lake.root).out)
    assert TURNED in texts(said)
    assert SCRIPT in texts(said)


def test_no_file_is_named_by_what_came_in(month: Month, tmp_path: Path) -> None:
    """The lake's files, and those of an export, have names of our own making; nothing is written elsewhere."""
    target = tmp_path / "deep" / "in" / "here" / "out"
    exported = export(month.lake, "ada", target)
    assert len(exported.manifest["accounts"]) == len(ACCOUNTS) if "accounts" in exported.manifest else True
    names = [path.relative_to(month.lake.root) for path in month.lake.root.rglob("*")]
    names += [path.relative_to(target) for path in target.rglob("*")]
    assert names
    for name in names:
        assert SAFE_NAME.fullmatch(name.as_posix()) or name.name.startswith("."), name
        assert "nnnnnnnn" not in name.as_posix()
        assert LONG not in name.as_posix()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["deep"]
    assert not Path("/tmp/billfold-was-here").exists()
    assert OUT in {row[0] for row in month.ask("select billing_account_id from invoices")}
    assert verify(month.lake) == []
