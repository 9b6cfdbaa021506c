"""Lists: for people, for spreadsheets, for programs."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows.lake.journal import Lake
from flows.show.console import print_whole
from flows.show.listing import as_csv, as_table, ask, known_currencies, listings, opened, records
from schemas import VIEWS
from tests.flows.cli.worked import billfold, line_with


@pytest.fixture(scope="module")
def connection(books: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(Lake.open(books), whole=True) as connection:
        yield connection


@pytest.mark.parametrize("name", sorted(listings()))
def test_every_list_can_be_shown_three_ways(connection: duckdb.DuckDBPyConnection, name: str):
    rows = ask(connection, listings()[name])
    currencies = known_currencies(connection)
    assert as_table(rows, currencies).row_count == rows.height
    assert len(list(csv.reader(io.StringIO(as_csv(rows, currencies))))) == rows.height + 1
    assert json.loads(json.dumps(list(records(rows, currencies)))) == list(records(rows, currencies))


def test_a_list_is_a_command_that_prints_a_table_csv_or_json(books: Path):
    page = billfold("show", "runs", "--lake", books)
    rows = json.loads(billfold("show", "runs", "--lake", books, "--json").out)
    cells = list(csv.reader(io.StringIO(billfold("show", "runs", "--lake", books, "--csv").out)))
    assert len(rows) == len(cells) - 1 == 5
    assert line_with(page.out, ["bill", "2026-10"])
    assert billfold("show", "holds", "--lake", books).out == "none\n"


def test_lists_say_what_they_are_and_what_they_read():
    for listing in listings().values():
        assert listing.sentence
        assert "\n-- reads: " in listing.text
        assert "\n-- grain: " in listing.text
        assert "\norder by " in listing.text


@pytest.mark.parametrize(
    ("name", "view", "column"),
    [("discounts", "active_discounts", "status"), ("bonuses", "bonus_credits", "movement")],
)
def test_the_statuses_that_a_list_can_be_asked_for_are_those_of_its_view(name: str, view: str, column: str):
    said = f"one of {', '.join(listings()[name].statuses)}"
    assert said in VIEWS[view].descriptions()[column]["checks"]


def test_s1_8_a_bonus_that_came_has_a_plus_and_one_that_went_a_minus(books: Path):
    page = billfold("show", "bonuses", "--account", "acme", "--lake", books).out
    assert line_with(page, ["+40.00", "Credited"])
    assert line_with(page, ["-40.00", "Charged for expense ID 1"])


@pytest.mark.parametrize(
    ("asked", "sums"),
    [
        (["--sum", "40"], ["-40.00", "40.00"]),
        (["--sum", "-40"], ["-40.00"]),
        (["--sum=-40.0"], ["-40.00"]),
        (["--sum", "+40.0000"], ["40.00"]),
        (["--sum", "39.9999"], []),
        (["--status", "charged"], ["-40.00"]),
        (["--to", "2026-09-30"], []),
    ],
)
def test_s1_14_s1_15_bonuses_are_searched_by_sum_date_and_status(books: Path, asked: list[str], sums: list[str]):
    rows = json.loads(billfold("show", "bonuses", *asked, "--lake", books, "--json").out)
    assert sorted(row["sum"] for row in rows) == sums


def test_the_days_that_are_asked_for_are_both_in_it(books: Path):
    def days(*asked: str) -> list[str]:
        rows = json.loads(billfold("show", "credit-history", *asked, "--lake", books, "--json").out)
        return sorted({row["date"] for row in rows})

    first, *_, last = every = days()
    assert days("--from", first, "--to", last) == every
    assert days("--to", first) == [first]
    assert days("--from", last) == [last]


@pytest.mark.parametrize(
    "asked",
    [
        ["bonuses", "--sum", "1.23456"],
        ["bonuses", "--sum", "1e3"],
        ["bonuses", "--from", "2026-10"],
        ["bonuses", "--status", "active"],
        ["grants", "--sum", "40"],
        ["grants", "--from", "2026-10-01"],
        ["grants", "--to", "2026-10-01"],
    ],
)
def test_what_a_list_cannot_be_asked_is_a_usage_error(books: Path, asked: list[str]):
    assert billfold("show", *asked, "--lake", books).code == 2


def test_free_and_paid_credits_can_be_asked_for_by_each_status_they_can_have():
    free, paid = listings()["free-credits"].statuses, listings()["paid-credits"].statuses
    assert set(free) ^ set(paid) == {"recovered", "refunded"}
    assert f"one of {', '.join((*free, 'refunded'))}" in str(VIEWS["free_credits"].descriptions()["status"])


def test_the_history_of_credits_says_which_credit(books: Path):
    page = billfold("show", "credit-history", "--account", "acme", "--lake", books).out
    assert line_with(page, ["Welcome bonus", "Accumulation", "40.00"])
    assert line_with(page, ["Welcome bonus", "Use", "-40.00"])


@pytest.mark.parametrize("width", [20, 80, 100, 200])
def test_no_column_is_left_out_and_no_heading_cut_however_narrow_the_page(
    connection: duckdb.DuckDBPyConnection, width: int
):
    """A heading is folded at its words where there is no room; the page is wider where that is not enough."""
    table = as_table(ask(connection, listings()["invoices"]), known_currencies(connection))
    out = io.StringIO()
    print_whole(Console(file=out, width=width), table)
    words = out.getvalue().split()
    for heading in ("account", "buyer", "total", "with", "tax", "open", "amount", "mumbai", "1,50,249.03"):
        assert heading in words


def test_a_list_can_be_asked_of_one_account(books: Path):
    rows = json.loads(billfold("show", "invoices", "--account", "bolt", "--lake", books, "--json").out)
    assert [(row["billing_account_id"], row["amount_due"], row["state"]) for row in rows] == [
        ("bolt", "122.00", "issued")
    ]


def test_a_list_can_be_asked_of_a_month(books: Path):
    assert billfold("show", "invoices", "--period", "2026-09", "--lake", books).out == "none\n"


def test_amounts_are_grouped_for_people_and_plain_for_spreadsheets(books: Path):
    page = billfold("show", "invoices", "--lake", books)
    assert line_with(page.out, ["N-2026-000003", "1,50,249.03"])
    assert "150249.03" in billfold("show", "invoices", "--lake", books, "--csv").out


def test_a_name_that_begins_like_a_formula_is_text_in_a_spreadsheet(books: Path):
    rows = list(csv.DictReader(io.StringIO(billfold("show", "invoices", "--lake", books, "--csv").out)))
    names = {row["billing_account_id"]: row["buyer_legal_name"] for row in rows}
    assert names["mumbai"] == '\'=HYPERLINK("x")'
    assert names["acme"] == "Acme Ltd"


def test_an_amount_below_zero_stays_a_number_in_a_spreadsheet(books: Path):
    rows = list(csv.DictReader(io.StringIO(billfold("show", "bonuses", "--lake", books, "--csv").out)))
    assert sorted(row["sum"] for row in rows) == ["-40.00", "40.00"]


def test_a_long_list_says_how_many_rows_it_left_out(books: Path):
    said = billfold("show", "invoices", "--limit", 1, "--lake", books)
    assert "3 more rows" in said.out


def test_no_amount_is_cut_where_a_page_is_too_narrow(books: Path):
    page = billfold("show", "invoices", "--wide", "--lake", books).out
    assert line_with(page, ["1,50,249.03", "N-2026-000003", "2026-11-17"])


def test_an_account_has_its_credit_limit_and_its_invoices_on_one_page(books: Path):
    said = billfold("show", "account", "acme", "--lake", books)
    assert said.code == 0, said.both
    assert line_with(said.out, ["114.00", "EUR", "ok"])
    assert line_with(said.out, ["Welcome", "40.00", "0.00", "used_up"])
    assert line_with(said.out, ["-40.00", "Charged for expense ID"])
    assert line_with(said.out, ["N-2026-000001", "114.00"])
    record = json.loads(billfold("show", "account", "acme", "--lake", books, "--json").out)
    assert record["credit_limit"][0]["used_credit_limit"] == "114.00"


def test_an_account_that_the_books_do_not_know_is_refused(books: Path):
    assert billfold("show", "account", "nobody", "--lake", books).code == 1
    assert billfold("show", "holds", "--account", "nobody", "--lake", books).code == 1
    assert billfold("show", "holds", "--account", "acme", "--lake", books).out == "none\n"


def test_the_books_can_be_asked_as_of_an_earlier_commit(books: Path):
    rows = json.loads(billfold("show", "invoices", "--as-of", 3, "--lake", books, "--json").out)
    assert {row["state"] for row in rows} == {"draft"}
    assert billfold("show", "invoices", "--as-of", 1, "--lake", books).out == "none\n"


def test_sql_answers_one_question(books: Path):
    query = "select billing_account_id, amount_due, billing_currency from invoices order by 1"
    rows = json.loads(billfold("sql", query, "--lake", books, "--json").out)
    assert [row["amount_due"] for row in rows] == ["114.00", "122.00", "150249.03", "1235379"]
    assert line_with(billfold("sql", query, "--lake", books).out, ["seoul", "1,235,379"])


NESTED = """
    select 'EUR' as billing_currency,
        {
            'day': date '2026-10-01',
            'at': timestamptz '2026-10-01 12:00:00Z',
            'hour': time '10:30:00',
            'cost': 12.5::decimal(38, 4),
            'quantity': 0.250::decimal(38, 15),
            'lasts': interval 1 month
        } as one,
        [date '2026-10-01', null] as days,
        map {date '2026-10-01': 3.10::decimal(38, 4)} as by_day
"""


def test_what_lies_in_lists_maps_and_structs_is_said_as_it_is_in_a_column(books: Path):
    """Amounts in the currency's digits, quantities without zeros, days and times as ISO 8601 has them."""
    one = {
        "day": "2026-10-01",
        "at": "2026-10-01T12:00:00Z",
        "hour": "10:30:00",
        "cost": "12.50",
        "quantity": "0.25",
        "lasts": "1 month",
    }
    wanted = {"one": one, "days": ["2026-10-01", None], "by_day": {"2026-10-01": "3.10"}}
    (row,) = json.loads(billfold("sql", NESTED, "--json", "--lake", books).out)
    assert row == {"billing_currency": "EUR"} | wanted
    (cells,) = csv.DictReader(io.StringIO(billfold("sql", NESTED, "--csv", "--lake", books).out))
    assert {name: json.loads(cells[name]) for name in wanted} == wanted
    page = billfold("sql", NESTED, "--lake", books).out
    assert '"cost": "12.50"' in page
    assert "2026-10-01, null" in page


def test_numbers_that_json_does_not_have_are_texts(books: Path):
    query = "select 'nan'::double as a, ['inf'::double, '-inf'::float] as b, '-inf'::double as c, 0.5::double as d"
    said = billfold("sql", query, "--json", "--lake", books).out
    (row,) = json.loads(said, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert row == {"a": "NaN", "b": ["Infinity", "-Infinity"], "c": "-Infinity", "d": 0.5}
    assert billfold("sql", query, "--csv", "--lake", books).out.splitlines()[1].endswith(",-Infinity,0.5")


def test_a_cell_of_csv_that_is_a_number_stands_as_it_is_and_a_formula_does_not(books: Path):
    numbers = ["-1", "+1", "-12.50", "-.5", "-1e-05", "-1E5", "-inf", "+Infinity", "-nan"]
    formulas = ["=1", "+1+1", "-1-1", "-inf()", "-e1", "-1e", "--1", "-", "+A1", "@SUM(1)"]
    query = " union all ".join(f"select {n} as n, '{cell}' as cell" for n, cell in enumerate(numbers + formulas))
    said = billfold("sql", f"from ({query}) order by n", "--csv", "--lake", books).out
    cells = [row["cell"] for row in csv.DictReader(io.StringIO(said))]
    assert cells == [*numbers, *(f"'{one}" for one in formulas)]


def test_a_question_for_what_is_not_there_says_where_to_look(books: Path):
    assert "billfold views" in billfold("sql", "from invoces", "--lake", books).err


def test_the_status_of_a_copy_says_that_its_database_shows_the_original(books: Path, tmp_path: Path):
    shutil.copytree(books, tmp_path / "copy")
    where = ("--lake", tmp_path / "copy", "--reference", books.parent / "reference")
    warning = f"billing.duckdb shows the files of {books}; make it anew: billfold views"
    assert warning in billfold("status", *where).out
    assert billfold("views", *where).code == 0
    assert "billing.duckdb" not in billfold("status", *where).out
    assert "billing.duckdb" not in billfold("status", "--lake", books, *where[2:]).out


def test_views_lists_what_can_be_asked(books: Path):
    said = billfold("views", "--lake", books)
    assert line_with(said.out, ["credit_limit_overview", "view"])
    assert line_with(said.out, ["invoices", "table"])
    assert "billing.duckdb" in said.out
    assert "internal." not in said.out


def test_audit_says_how_much_it_asked(books: Path):
    record = json.loads(billfold("audit", "--json", "--lake", books).out)
    assert record["breaches"] == []
    assert record["invariants"] > 20
