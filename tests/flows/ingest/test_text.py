"""CSV and JSON Lines: their grammar, line by line; and that the fast reader and the exact one never differ."""

import codecs
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.lake.journal import Lake
from flows.landing.landed import KEYS
from flows.landing.workspace import workspace
from flows.mapping import NATIVE
from flows.sources import FileFault
from flows.sources.content import Content
from flows.sources.csv import Csv
from flows.sources.relation import Relation
from tests.flows.ingest.world import COLUMNS, RECEIVED, as_csv, as_json_lines, ingest, rejects, stored, usage

GOOD = as_csv([usage(1), usage(2)])


def read(lake: Lake, inbox: Path, content: bytes, name: str = "usage") -> Any:
    (inbox / name).write_bytes(content)
    return ingest(lake, inbox / name)


def test_rows_with_another_number_of_fields_are_set_aside_as_they_stand(lake: Lake, inbox: Path) -> None:
    lines = GOOD.splitlines(keepends=True)
    few, many, empty_more = b"usage-8,acme\n", lines[1].rstrip(b"\n") + b",1\n", lines[2].rstrip(b"\n") + b",\n"
    result = read(lake, inbox, lines[0] + few + lines[1] + many + empty_more + lines[2])

    assert rejects(lake, "row_number, reason_code, original") == [
        (1, "R_COLUMN_COUNT", "usage-8,acme"),
        (3, "R_COLUMN_COUNT", many.decode().rstrip()),
        (4, "R_COLUMN_COUNT", empty_more.decode().rstrip()),
    ]
    assert result.accepted == 2


def test_a_row_that_is_not_utf_8_is_set_aside_and_spelled_out(lake: Lake, inbox: Path) -> None:
    read(lake, inbox, GOOD.replace(b"usage-2,acme", b"usage-2,acm\xe9"))

    assert rejects(lake, "row_number, reason_code") == [(2, "R_BAD_ENCODING")]
    assert "acm\\xe9" in rejects(lake, "original")[0]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_may_end_in_any_of_the_three_ways_and_the_last_in_none(
    lake: Lake, inbox: Path, end: bytes, last: bool
) -> None:
    content = GOOD.replace(b"\n", end)
    assert read(lake, inbox, content if last else content.removesuffix(end)).accepted == 2


def test_lines_may_end_in_different_ways_in_one_file(lake: Lake, inbox: Path) -> None:
    lines = GOOD.split(b"\n")
    assert read(lake, inbox, lines[0] + b"\r\n" + lines[1] + b"\n" + lines[2] + b"\r\n").accepted == 2


def test_a_byte_order_mark_and_empty_lines_are_no_content(lake: Lake, inbox: Path) -> None:
    lines = GOOD.splitlines(keepends=True)
    assert read(lake, inbox, codecs.BOM_UTF8 + b"\n" + lines[0] + b"\n" + lines[1] + b"\n\n" + lines[2]).accepted == 2


def test_quotes_hold_delimiters_quotes_and_line_ends(lake: Lake, inbox: Path) -> None:
    rows = [usage(1, resource_id='a "b", c'), usage(2, tags='{"note": "a\\nb"}')]
    assert read(lake, inbox, as_csv(rows)).accepted == 2
    assert stored(lake, "resource_id, tags") == [('a "b", c', None), ("vm-1", {"note": "a\nb"})]


def test_a_line_end_in_an_id_is_a_bad_id_and_not_two_rows(lake: Lake, inbox: Path) -> None:
    read(lake, inbox, as_csv([usage(1), usage("2\n3"), usage(4)]))

    assert rejects(lake, "row_number, reason_code") == [(2, "R_BAD_ID")]


def test_columns_may_stand_in_any_order_and_others_beside_them(lake: Lake, inbox: Path) -> None:
    columns = ["note", *reversed(COLUMNS)]
    assert read(lake, inbox, as_csv([{"note": "x"} | usage(1)], columns)).accepted == 1


def test_optional_columns_may_be_absent(lake: Lake, inbox: Path) -> None:
    needed = [
        column for column in COLUMNS if column not in ("sub_account_id", "resource_id", "region_id", "revision", "tags")
    ]
    row = {name: value for name, value in usage(1).items() if name in needed}
    assert read(lake, inbox, as_csv([row], needed)).accepted == 1


@pytest.mark.parametrize("tags", ["{", "x", '{"a": 1}}'])
def test_tags_that_are_no_json_are_set_aside(lake: Lake, inbox: Path, tags: str) -> None:
    read(lake, inbox, as_csv([usage(1, tags=tags)]))
    assert rejects(lake) == ["R_MALFORMED_JSON"]


def test_a_tag_that_stands_twice_is_set_aside(lake: Lake, inbox: Path) -> None:
    read(lake, inbox, as_csv([usage(1, tags='{"a": "1", "a": "2"}')]))
    assert rejects(lake) == ["R_JSON_DUP_KEY"]


LINES: dict[bytes, str | None] = {
    b'{"usage_record_id": "x"': "R_MALFORMED_JSON",
    b'"text"': "R_MALFORMED_JSON",
    b"[1]": "R_MALFORMED_JSON",
    b"{'usage_record_id': 'x'}": "R_MALFORMED_JSON",
    b'{"usage_record_id": 7}': "R_JSON_TYPE",
    b'{"usage_record_id": true}': "R_JSON_TYPE",
    b'{"consumed_quantity": [1]}': "R_JSON_TYPE",
    b'{"charge_period_start": 1700000000}': "R_JSON_TYPE",
    b'{"tags": ["web"]}': "R_JSON_TYPE",
    b'{"tags": {"a": {"b": 1}}}': "R_JSON_TYPE",
    b'{"sku_id": "vm", "sku_id": "vm"}': "R_JSON_DUP_KEY",
    b'{"tags": {"a": "1", "a": "2"}}': "R_JSON_DUP_KEY",
    b'{"sku_id": "\xff"}': "R_BAD_ENCODING",
    b'{"sku_id": "\\ud800"}': "R_BAD_ENCODING",
    b'{"other": 1}': "R_MISSING_FIELD",
    b"{" * 100_000: "R_MALFORMED_JSON",
}


def test_every_faulty_line_is_set_aside_for_its_reason(lake: Lake, inbox: Path) -> None:
    result = read(lake, inbox, as_json_lines([usage(1)]) + b"".join(line + b"\r\n" for line in LINES))

    found = {list(LINES)[row - 2]: code for row, code in rejects(lake, "row_number, reason_code")}
    assert found == LINES
    assert result.accepted == 1


def test_a_line_that_cannot_be_read_is_kept_as_it_stands(lake: Lake, inbox: Path) -> None:
    read(lake, inbox, as_json_lines([usage(1)]) + b'{"sku_id": 7 }\n')
    assert rejects(lake, "original") == ['{"sku_id": 7 }']


def test_a_json_number_keeps_the_digits_it_was_written_with(lake: Lake, inbox: Path) -> None:
    line = as_json_lines([usage(1)]).replace(b'"1.5"', b"12345678901.123456789012345")
    read(lake, inbox, line)
    assert str(stored(lake, "consumed_quantity")[0][0]) == "12345678901.123456789012345"


def test_empty_lines_and_a_byte_order_mark_are_no_rows(lake: Lake, inbox: Path) -> None:
    assert read(lake, inbox, codecs.BOM_UTF8 + b"\n" + as_json_lines([usage(1)]) + b"  \n\n").accepted == 1


# --- the fast reader and the exact one --------------------------------------------------------------------------------

cell = st.text(st.sampled_from(list('ab ,"\n\r;\t\u2028é')), max_size=4)
text_file = st.one_of(
    st.lists(
        st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", " ", "é", '""', ",\n", '",', ',"', "\t"]), max_size=30
    ).map("".join),
    st.lists(st.lists(cell, min_size=3, max_size=3), max_size=5).map(
        lambda rows: "".join(",".join('"' + one.replace('"', '""') + '"' for one in row) + "\n" for row in rows)
    ),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=text_file, end=st.sampled_from(["\n", "\r\n"]))
def test_what_the_fast_reader_accounts_for_to_the_byte_is_what_the_exact_one_reads(
    tmp_path_factory: pytest.TempPathFactory, body: str, end: str
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    path = folder / "some.csv"
    path.write_bytes(("x,y,z" + end + body).encode())
    content = Content(path, path.stat().st_size, path.read_bytes()[:100], b"")
    with workspace(Lake.create(folder / "lake"), RECEIVED) as desk:
        fast, exact = Csv().attempts(content, 0, NATIVE, desk)
        rows = _rows(fast(), desk.connection)
        if rows is not None:
            assert rows == _rows(exact(), desk.connection)


def _rows(relation: Relation, connection: Any) -> list[tuple[Any, ...]] | None:
    """The rows of a relation; None where it fails, or does not account for every byte."""
    import duckdb

    sums = "".join(f", coalesce(sum({sql}), 0)::bigint" for sql in relation.checks.values())
    fault = ", _fault" if relation.has_faults else ", null"
    try:
        found = connection.sql(f"select x, y, z{fault} from {relation.sql}").fetchall()
        counted = connection.sql(f"select count(*){sums} from {relation.sql}").fetchone()
    except (duckdb.Error, FileFault):
        return None
    is_whole = relation.is_whole(dict(zip(("rows", *relation.checks), counted, strict=True)))
    return found if is_whole else None


def test_the_fast_reader_reads_plain_files(lake: Lake, inbox: Path) -> None:
    """Else the comparison above would compare nothing."""
    (inbox / "plain.csv").write_bytes(b'x,y,z\n1,"2, ""3""",\n4,5,6\n')
    content = Content(inbox / "plain.csv", 27, b"", b"")
    with workspace(lake, RECEIVED) as desk:
        fast, exact = Csv().attempts(content, 0, NATIVE, desk)
        assert _rows(fast(), desk.connection) == _rows(exact(), desk.connection) == [
            ("1", '2, "3"', None, None), ("4", "5", "6", None),
        ]  # fmt: skip


def test_the_keys_of_a_series_are_those_of_its_hash() -> None:
    assert KEYS == ("billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit")
