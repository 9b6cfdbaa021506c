"""Before a commit, what looks at each billing period by itself is asked only of periods whose files come or go.

Each fault that is planted for such an invariant is found that way too: the books of the worked example lie in a lake by
period, another month beside them, and the candidate replaces the files of the rows that are wrong.
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flows import before_commit
from flows.lake import audit
from flows.lake.journal import FileEntry, Lake
from flows.lake.named_queries import queries, read_by
from flows.lake.views import connect
from rating.policies import DEFAULTS
from schemas import TABLES
from tests.flows.lake.books import Rows, World, frame, partition
from tests.flows.lake.test_audit import BOOKS, PLANTED

BY_PERIOD = {query.name: query for query in queries("invariants") if query.is_by_period}
OF_A_PERIOD = {
    *("allocations", "charges", "grant_movements", "invoice_lines", "invoices", "rating_lines", "tax_breakdown"),
    "tax_shares",
}
OF_NO_PERIOD = {"grants", "internal.operations", "payment_applications"}
SAID_BY_RUNS = {"internal.journal", "internal.candidate", "internal.files", "internal.billing_policies"}
OTHER = "2027-05"


def stored(lake: Lake, run_id: str, table: str, drawn: Rows) -> list[FileEntry]:
    """Files of a table, one for each billing period where a commit keeps it so."""
    if table not in OF_A_PERIOD:
        return [lake.write_table(table, frame(table, drawn), run_id=run_id, partition=partition(table, drawn[0]))]
    parts = frame(table, drawn).partition_by("billing_period", as_dict=True)
    return [
        lake.write_table(table, rows, run_id=run_id, partition={"billing_period": str(period)})
        for (period,), rows in parts.items()
    ]


def another_month(world: World) -> World:
    """The same books once more in another month: the rows of a period alone, by other ids."""
    ids = {"charge_id", "rating_line_id", "invoice_id", "movement_id", "invoice_number", "preceding_invoice_number"}
    return {
        table: [
            {name: f"other-{value}" if name in ids and value else value for name, value in row.items()}
            | ({"billing_period": OTHER} if "billing_period" in TABLES[table].columns() else {})
            for row in drawn
        ]
        for table, drawn in world.items()
        if table in OF_A_PERIOD - {"grant_movements"}
    }


def of_two_months(folder: Path, other: World, command: str, inputs: Mapping[str, Any]) -> Lake:
    """A lake with the books of the worked example and of another month, by billing period, in one commit."""
    made = Lake.create(folder / "lake", buckets=1)
    files = [one for table, drawn in BOOKS.items() if drawn for one in stored(made, "r1", table, drawn)]
    files += [one for table, drawn in other.items() for one in stored(made, "r1", table, drawn)]
    made.commit(made.head(), run_id="r1", command=command, inputs=dict(inputs), added=files)
    return made


def with_a_fault_elsewhere(folder: Path, command: str, inputs: Mapping[str, Any]) -> Lake:
    """One of which a line of the other month says 1.00 too much."""
    wrong = another_month(BOOKS)
    wrong["rating_lines"][0]["list_cost"] = "101.00"
    return of_two_months(folder, wrong, command, inputs)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The books of the worked example and of another month, by billing period."""
    inputs = {"billing_period": "2026-10", "known_as_of": "2026-11-01T00:00:00Z", "reference_digest": "d1"}
    return of_two_months(tmp_path_factory.mktemp("books"), another_month(BOOKS), "bill", inputs)


def found_before_commit(lake: Lake, run_id: str, world: World, was: World) -> dict[str, audit.Breach]:
    """The breaches of a commit that turns tables of the first month into others, each by the name of its invariant."""
    other = [table for table in {*world, *was} if world.get(table) != was.get(table)]
    snapshot = lake.snapshot()
    removed = [e.path for t in other for e in snapshot.files(t) if e.partition.get("billing_period") != OTHER]
    added = [one for table in other if world.get(table) for one in stored(lake, run_id, table, world[table])]
    _, breaches = before_commit.checked(snapshot.with_changes(added, removed), run_id, usage_periods=["2026-10"])
    return {breach.name: breach for breach in breaches}


FAULTS = [(name, fault) for name, fault in PLANTED if name in BY_PERIOD]


@pytest.mark.parametrize("name", sorted(BY_PERIOD))
def test_a_fault_is_found_where_only_the_periods_that_files_come_to_are_asked(
    lake: Lake, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MUCH", 0)
    monkeypatch.setattr(before_commit, "asked_of", lambda _: [BY_PERIOD[name]])
    faults = [fault for one, fault in FAULTS if one == name]
    assert faults
    for number, fault in enumerate(faults):
        world = deepcopy(BOOKS)
        fault(world)
        assert set(found_before_commit(lake, f"{name}-{number}", world, BOOKS)) == {name}


def test_a_period_that_keeps_its_files_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the other month says 1.00 too much, as nobody's commit could have left it; only a whole audit looks."""
    monkeypatch.setattr(audit, "MUCH", 0)
    lake = with_a_fault_elsewhere(tmp_path, "bill", {"billing_period": "2026-10"})
    world = deepcopy(BOOKS)
    world["rating_lines"][0]["list_cost"] = "102.00"
    found = found_before_commit(lake, "r2", world, BOOKS)["rating_line_is_its_charges"]
    assert [row["billing_period"] for row in found.examples] == ["2026-10"]
    (whole,) = (one for one in audit.audit_of(lake) if one.name == "rating_line_is_its_charges")
    assert [row["billing_period"] for row in whole.examples] == [OTHER]


def test_where_files_of_no_period_change_all_periods_are_asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant that pays less than it did is asked of the charges of every month."""
    monkeypatch.setattr(audit, "MUCH", 0)
    snapshot = lake.snapshot()
    (grants,) = snapshot.files("grants")
    world = deepcopy(BOOKS)
    world["grants"][0]["include"] = '["sku:elsewhere"]'
    candidate = snapshot.with_changes(stored(lake, "other-grants", "grants", world["grants"]), [grants.path])
    asked, changed = list(BY_PERIOD.values()), audit.changed_files(candidate)
    apart = {
        query.name for query in audit.asked_apart(asked, candidate, changed, audit.periods_asked(candidate, changed))
    }
    assert set(BY_PERIOD) - apart == {name for name, query in BY_PERIOD.items() if "grants" in read_by(query.reads)}
    assert "grants_stay_in_their_scope" not in apart


@pytest.mark.parametrize("name", sorted(BY_PERIOD))
def test_what_is_asked_by_period_reads_nothing_else_that_changes_without_a_file(name: str) -> None:
    """A run may say something else of a month none of whose files is another: such months are asked after it, too."""
    views = {query.name for query in queries("views")}
    stored_so = OF_A_PERIOD | {"account_periods", "expense_numbers", "holds", "internal.invoices"}
    assert read_by(BY_PERIOD[name].reads) - views <= stored_so | OF_NO_PERIOD | SAID_BY_RUNS


def test_a_period_that_the_last_run_named_is_asked_though_it_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill says of each month that nothing waits any more, which counts from its commit on."""
    monkeypatch.setattr(audit, "MUCH", 0)
    lake = with_a_fault_elsewhere(tmp_path, "backfill", {"periods": ["2026-10", OTHER]})
    lake.commit(lake.head(), run_id="r2", command="operations", inputs={}, added=[])
    world = deepcopy(BOOKS)
    world["rating_lines"][0]["list_cost"] = "102.00"
    found = found_before_commit(lake, "r3", world, BOOKS)["rating_line_is_its_charges"]
    assert OTHER in [row["billing_period"] for row in found.examples]


def test_a_table_whose_file_is_gone_is_a_changed_one(lake: Lake) -> None:
    """Also where nothing comes in its place, and nothing else changes."""
    snapshot = lake.snapshot()
    gone = snapshot.files("allocations")
    candidate = snapshot.with_changes([], [entry.path for entry in gone])
    assert audit.changed_files(candidate) == gone
    _, breaches = before_commit.checked(candidate, "r3", usage_periods=["2026-10"])
    assert "line_is_charge_less_cuts" in {breach.name for breach in breaches}


def test_other_reference_tables_are_a_change_without_a_file(tmp_path: Path) -> None:
    """A run may use tables again that an earlier one stored."""
    lake = Lake.create(tmp_path / "lake", buckets=1)
    accounts = frame("billing_accounts", BOOKS["billing_accounts"])
    for digest, rows in (("d1", accounts), ("d2", accounts.head(0)), ("d3", accounts)):
        files = [lake.write_table("billing_accounts", rows, run_id=digest, partition={"reference": digest})]
        lake.commit(lake.head(), run_id=digest, command="bill", inputs={"reference_digest": digest}, added=files)
    again = lake.snapshot().with_changes([], reference_digest="d2")
    assert [entry.partition["reference"] for entry in audit.changed_files(again)] == ["d3", "d2"]
    assert audit.changed_files(lake.snapshot()) == []
    assert audit.changed_files(lake.snapshot().with_changes([], reference_digest="d1")) == []  # they say the same


def test_every_policy_that_an_invariant_asks_for_is_one_that_is_looked_up() -> None:
    """One that is not would count as its default in every period."""
    (looked_up,) = (query.text for query in queries("views") if query.name == "internal.period_policies")
    askers = [query for query in queries("invariants") if "internal.period_policies" in query.reads]
    asked = {name for query in askers for name in DEFAULTS if f"'{name}'" in query.text}
    assert asked == {name for name in DEFAULTS if f"'{name}'" in looked_up}
    assert asked >= {"eligibility", "payable_increment"}


def test_narrow_tables_have_what_is_asked_for(lake: Lake) -> None:
    """Of a table that is held, the columns that no question names are left out; the rest is as it was."""
    asked = [query for query in queries("invariants") if query.name == "rating_line_is_its_charges"]
    with connect(lake, only=["charges"], in_memory=audit.SMALL, asked=asked) as narrow:
        columns = narrow.sql("from charges").columns
        assert {"billing_period", "rating_line_id", "list_cost"} <= set(columns)
        assert "service" not in columns
        with connect(lake, only=["charges"]) as wide:
            told = f"select {', '.join(columns)} from charges order by all"
            assert narrow.sql(told).fetchall() == wide.sql(told).fetchall()
