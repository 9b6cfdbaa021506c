"""`billfold sql`: one question, about the commit's files, and nothing else."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flows.lake.audit import verify
from flows.lake.journal import Lake, LakeError
from flows.lake.one_question import QueryRefused, safe_query
from tests.flows.lake.books import frame, lake_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_of(tmp_path, {"holds": [{"billing_account_id": "acme", "other_charges_amount": "20.00"}]})


@pytest.mark.parametrize(
    "question",
    [
        "select sum(other_charges_amount) as amount from holds",
        "from (select other_charges_amount as amount from holds)",
        "with parked as (from holds) select other_charges_amount as amount from parked;",
        "-- why\n/* ; */ select other_charges_amount as amount from holds where reason <> 'copy; attach'",
    ],
)
def test_a_question_is_answered_exactly(lake: Lake, question: str) -> None:
    assert safe_query(lake, question)["amount"].to_list() == [Decimal("20.0000")]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("select date 'infinity' as end_day", "end_day holds a day before year 1 or after 9999"),
        ("select timestamptz '-infinity' as start", "start holds a day before year 1 or after 9999"),
        ("select date '9999-12-31' + interval 1 day as next_day", "next_day holds a day"),
        ("select date '290309-01-01 (BC)' as long_ago", "long_ago holds a day"),
        ("select 1 as n, [{'day': date 'infinity'}] as days", "days holds a day"),
        ("select map {'first': timestamp '-infinity'} as by_name", "by_name holds a day"),
        ("select [date 'infinity']::date[1] as one_day", "one_day holds a day"),
        ("select 100000000000000000000000000000000000000 as much", "much holds a number of more than 38 digits"),
        ("select -100000000000000000000000000000000000000 as little", "little holds a number of more than 38 digits"),
    ],
)
def test_an_answer_that_no_page_can_show_is_refused_in_a_sentence(lake: Lake, question: str, why: str) -> None:
    """Polars would end with a panic of its own, or an error about a setting of its own."""
    with pytest.raises(QueryRefused, match=why):
        safe_query(lake, question)


AS_TEXT = [
    ("interval '1 month 2 days'", "1 month 2 days"),
    ("union_value(day := date '2026-10-01')", "2026-10-01"),
    ("row(1, date '2026-10-01')", "(1, 2026-10-01)"),
    ("{'a': 1}::variant", "{'a': 1}"),
    ("'POINT(1 2)'::geometry", "POINT (1 2)"),
    ("'0101'::bit", "0101"),
    ("'\\xAAx'::blob", "\\xAAx"),
    ("'10:00:00+02'::timetz", "10:00:00+02"),
    ("time_ns '10:00:00.123456789'", "10:00:00.123456789"),
    ("timestamp_ns '2026-10-01 00:00:00.123456789'", "2026-10-01 00:00:00.123456789"),
    ("'340282366920938463463374607431768211455'::uhugeint", str(2**128 - 1)),
    ("'-1234567890123456789012345678901234567890'::bignum", "-1234567890123456789012345678901234567890"),
]
"""Values of types that no frame holds, or that it would show as something else."""


@pytest.mark.parametrize(("value", "text"), AS_TEXT)
@pytest.mark.parametrize(
    ("question", "shown"),
    [("{}", "{}"), ("[{}, null]", ["{}", None]), ("{{'a': [{}]}}", {"a": ["{}"]}), ("map {{1: {}}}", {"1": "{}"})],
)
def test_what_no_frame_holds_is_the_text_that_the_engine_writes(
    lake: Lake, value: str, text: str, question: str, shown: object
) -> None:
    answer = safe_query(lake, f"select 1 as n, {question.format(value)} as found, 'z' as found")
    assert answer["n"].to_list() == [1]
    assert answer["found"].to_list() == [filled(shown, text)]
    assert answer.to_series(2).to_list() == ["z"]


def filled(shape: object, text: str) -> object:
    """A shape of lists and structs with a text in its place."""
    if isinstance(shape, dict):
        return {name: filled(one, text) for name, one in shape.items()}
    if isinstance(shape, list):
        return [filled(one, text) for one in shape]
    return text if shape == "{}" else shape


def test_the_largest_integers_are_exact(lake: Lake) -> None:
    most = 10**38 - 1
    question = f"select {most} as most, {-most} as least, [{2**127 - 1}::hugeint] as listed"
    assert safe_query(lake, question).rows() == [(Decimal(most), Decimal(-most), [str(2**127 - 1)])]


def test_every_day_that_pages_can_show_is_shown(lake: Lake) -> None:
    question = (
        "select date '0001-01-02' as first, date '9999-12-30' as last, timestamptz '9999-12-30 12:00:00Z' as noon"
    )
    assert safe_query(lake, question).select("first", "last").rows() == [(date(1, 1, 2), date(9999, 12, 30))]


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1) to '{folder}/out.csv'",
        "copy holds from '/etc/passwd'",
        "attach '{folder}/other.duckdb'",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_text('{lake}/journal/000000000001.json')",
        "select * from read_blob('{lake}/billing.duckdb')",
        "select 1; select 2",
        "select 1; copy (select 1) to '{folder}/out.csv'",
        "pragma version",
        "/* select */ pragma database_list",
        "call pragma_version()",
        "set enable_external_access = true",
        "reset allowed_paths",
        "create table t (a int)",
        "create view holds as select 1",
        "insert into holds values (1)",
        "delete from holds",
        "drop view holds",
        "install httpfs",
        "load httpfs",
        "export database '{folder}/out'",
        "explain analyze select 1",
        "prepare p as select 1",
        "checkpoint",
        "use memory",
        "select * from query('copy (select 1) to ''{folder}/out.csv''')",
        "select * from query('select * from ena' || 'ble_logging()')",
        "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "select * from enable_logging(storage = 'file', storage_config = {{'path': '{folder}/log'}})",
        "select write_log('a line')",
        "select * from force_checkpoint()",
        "select * from enable_profiling(save_location = '{folder}/profile.txt')",
        "select * from disable_profiling()",
        "select getenv('HOME')",
        "select * from duckdb_secrets()",
        "select * from sniff_csv('/etc/passwd')",
        "select * from read_csv('http://127.0.0.1:9/x.csv')",
        "select * from sql_auto_complete('sel')",
        "with gone as (delete from holds returning *) select * from gone",
        "execute p",
        "select nothing_like_it from holds",
        "selec 1",
        "",
        "   -- nothing",
    ],
)
def test_anything_but_one_question_about_the_lake_is_refused(lake: Lake, tmp_path: Path, text: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(QueryRefused):
        safe_query(lake, text.format(folder=tmp_path, lake=lake.root))
    assert sorted(tmp_path.rglob("*")) == before
    assert verify(lake) == []


def test_a_question_sees_no_variable_of_the_program(lake: Lake) -> None:
    frame_of_the_caller = frame("holds", [{"billing_account_id": "beta"}])
    with pytest.raises(QueryRefused, match="frame_of_the_caller does not exist"):
        safe_query(lake, "select * from frame_of_the_caller")
    assert frame_of_the_caller.height == 1


def test_a_question_that_takes_too_long_is_stopped(lake: Lake) -> None:
    for endless in (
        "with recursive n as (select 1 as i union all select i + 1 from n) select max(i) from n",
        "select count(*) from range(10000000) a, range(10000000) b where a.range + b.range = -1",
    ):
        with pytest.raises(QueryRefused, match=r"no answer within 0\.3 s"):
            safe_query(lake, endless, seconds=0.3)
    assert safe_query(lake, "select count(*) as n from holds")["n"].to_list() == [1]


SMALL_MACHINE = """
import sys
from flows import cli
from flows.lake import one_question

one_question.half_of_memory = lambda: 2**30
sys.exit(cli.main())
"""


def test_a_question_that_needs_too_much_memory_ends_by_itself(lake: Lake) -> None:
    """A text of 2 GB is in no account of the engine's: it is the process that may not grow."""
    asked = "select length(repeat('x', 2000000000) || repeat('y', 2000000000)) as letters"
    said = subprocess.run(
        [sys.executable, "-c", SMALL_MACHINE, "sql", asked, "--lake", str(lake.root)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert "memory" in said.stderr.lower()


def test_a_lake_file_may_be_read_but_not_written(lake: Lake) -> None:
    path = lake.path(lake.snapshot().files("holds")[0])
    assert safe_query(lake, f"select billing_account_id from read_parquet('{path}')").height == 1
    with pytest.raises(QueryRefused):
        safe_query(lake, f"copy (select 1) to '{path}'")
    assert verify(lake) == []


def test_a_question_as_of_a_commit_sees_what_was_visible_then(lake: Lake) -> None:
    old = lake.snapshot().files("holds")[0]
    entry = lake.write_table("holds", frame("holds", [{"billing_account_id": "beta"}]), run_id="r2")
    lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[entry], removed=[old.path])
    question = "select billing_account_id as who from holds"
    assert safe_query(lake, question)["who"].to_list() == ["beta"]
    assert safe_query(lake, question, as_of=1)["who"].to_list() == ["acme"]
    assert safe_query(lake, question, as_of=0)["who"].to_list() == []
    with pytest.raises(LakeError, match="there is no commit 9"):
        safe_query(lake, question, as_of=9)


def test_a_question_as_of_a_commit_cannot_open_the_files_of_a_later_one(lake: Lake) -> None:
    path = lake.path(lake.snapshot().files("holds")[0])
    with pytest.raises(QueryRefused, match="Permission Error"):
        safe_query(lake, f"select * from read_parquet('{path}')", as_of=0)
