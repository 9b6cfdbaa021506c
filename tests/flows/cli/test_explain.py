"""Every charge can be spread over what it was made of, to the cent (P8)."""

# ruff: noqa: E501 - a table is read across, not folded

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.worked import RECEIVED, REFERENCE, bill_all, billfold, issue_all, line_with, write_reference
from tests.flows.cli.worked import USAGE as USED
from tests.flows.reference.world import as_csv, rows_of

TABLES = {
    **REFERENCE,
    "billing_accounts": """
        billing_account_id | seller_id | legal_name | address         | billing_currency | time_zone | jurisdiction | tax_status | payment_terms_days | is_main_in_domain | valid_from
        acme               | north     | Acme Ltd   | Markt 2, Berlin | EUR              | UTC       | DE           | business   | 14                 | false             | 2025-01-01
        bolt               | north     | Bolt AG    | Markt 3, Berlin | EUR              | UTC       | DE           | business   | 14                 | false             | 2025-01-01
    """,
    "skus": """
        sku_id  | description     | service | pricing_unit | meter         | tax_category | valid_from
        traffic | Traffic         | Network | GB           | sum           | standard     | 2025-01-01
        seats   | Seats           | Desk    | seat         | max           | standard     | 2025-01-01
        calls   | Calls           | Network | call         | count         | standard     | 2025-01-01
        space   | Space           | Disk    | GB           | time_weighted | standard     | 2025-01-01
        card    | Card payments   | Shop    | EUR          | sum           | standard     | 2025-01-01
        minutes | Minutes         | Phone   | minute       | sum           | standard     | 2025-01-01
        support | Support         | Help    | month        | sum           | standard     | 2025-01-01
    """,
    "sku_prices": """
        sku_price_id | sku_id  | billing_currency | price_model | list_unit_price | per_quantity | fixed_fee | minimum | free_quantity | valid_from
        traffic-eur  | traffic | EUR              | graduated   |                 | 1            |           |         | 0             | 2025-01-01
        seats-eur    | seats   | EUR              | unit        | 3               | 1            |           |         | 0             | 2025-01-01
        calls-eur    | calls   | EUR              | unit        | 1               | 1            |           |         | 0             | 2025-01-01
        space-eur    | space   | EUR              | unit        | 31              | 1            |           |         | 0             | 2025-01-01
        card-eur     | card    | EUR              | percentage  | 0.029           | 1            | 0.30      | 0.50    | 0             | 2025-01-01
        minutes-eur  | minutes | EUR              | unit        | 0.1             | 1            |           |         | 100           | 2025-01-01
        support-eur  | support | EUR              | unit        | 50              | 1            |           |         | 0             | 2025-01-01
    """,
    "price_tiers": """
        sku_price_id | up_to | unit_price
        traffic-eur  | 10    | 1
        traffic-eur  |       | 0.5
    """,
    "discounts": """
        discount_id | kind    | value | billing_account_id | sku_id  | priority | valid_from
        half-time   | percent | 10    | acme               | traffic | 1        | 2026-10-16
    """,
    "recurring_items": """
        recurring_item_id | billing_account_id | sku_id  | quantity | valid_from
        support-acme      | acme               | support | 2        | 2026-01-01
    """,
}

USAGE = """
    usage_record_id | billing_account_id | resource_id | sku_id  | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
    traffic-1       | acme               | vm-1        | traffic | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 8                 | GB
    traffic-2       | acme               | vm-2        | traffic | 2026-10-20T00:00:00Z | 2026-10-20T01:00:00Z | 6                 | GB
    seats-1         | acme               | desk-1      | seats   | 2026-10-01T00:00:00Z | 2026-10-01T01:00:00Z | 5                 | seat
    seats-2         | acme               | desk-1      | seats   | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 8                 | seat
    seats-3         | acme               | desk-2      | seats   | 2026-10-01T00:00:00Z | 2026-10-01T01:00:00Z | 2                 | seat
    calls-1         | acme               | line        | calls   | 2026-10-03T00:00:00Z | 2026-10-03T01:00:00Z | 7                 | call
    calls-2         | acme               | line        | calls   | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 7                 | call
    calls-3         | acme               | line        | calls   | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 0                 | call
    space-1         | acme               | disk        | space   | 2026-10-01T00:00:00Z | 2026-10-02T00:00:00Z | 2                 | GB
    space-2         | acme               | disk        | space   | 2026-10-01T00:00:00Z | 2026-10-03T00:00:00Z | 2                 | GB
    space-3         | acme               | disk        | space   | 2026-10-05T00:00:00Z | 2026-10-07T00:00:00Z | 1                 | GB
    card-1          | acme               | shop        | card    | 2026-10-01T00:00:00Z | 2026-10-01T01:00:00Z | 10                | EUR
    card-2          | acme               | shop        | card    | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 5                 | EUR
    card-3          | acme               | shop        | card    | 2026-10-03T00:00:00Z | 2026-10-03T01:00:00Z | 7.77              | EUR
    minutes-1       | acme               | phone       | minutes | 2026-10-01T00:00:00Z | 2026-10-01T01:00:00Z | 60                | minute
    minutes-2       | acme               | phone       | minutes | 2026-10-02T00:00:00Z | 2026-10-02T01:00:00Z | 70                | minute
    minutes-3       | acme               | phone       | minutes | 2026-10-03T00:00:00Z | 2026-10-03T01:00:00Z | 20                | minute
    other           | bolt               | phone       | minutes | 2026-10-03T00:00:00Z | 2026-10-03T01:00:00Z | 900               | minute
"""

ADDED = {
    "operation_id": "setup-1",
    "operation": "add_charge",
    "actor": "operator",
    "occurred_at": "2026-10-07T08:00:00Z",
    "billing_account_id": "acme",
    "amount": "12.34",
    "billing_currency": "EUR",
    "tax_category": "standard",
    "text": "Setup help",
}


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a month of several meters, a recurring item and a one-off, billed."""
    folder = tmp_path_factory.mktemp("metered")
    write_reference(folder / "reference", **TABLES)
    (folder / "october.csv").write_text(as_csv(rows_of(USAGE)), encoding="utf-8")
    (folder / "operations.jsonl").write_text(json.dumps(ADDED) + "\n", encoding="utf-8")
    lake = folder / "lake"
    for command in (
        ["init", lake],
        ["ingest", folder / "october.csv", "--received-at", RECEIVED],
        ["operations", folder / "operations.jsonl", "--received-at", RECEIVED],
        ["bill", "--period", "2026-10"],
    ):
        said = billfold(*command, *([] if command[0] == "init" else ["--lake", lake]))
        assert said.code == 0, said.both
    return lake


def charges(lake: Path, **wanted: str) -> list[dict[str, Any]]:
    where = " and ".join(f"{name} = '{value}'" for name, value in wanted.items()) or "true"
    asked = f"select charge_id, list_cost from charges where {where} order by charge_period_start"
    found: list[dict[str, Any]] = json.loads(billfold("sql", asked, "--lake", lake, "--json").out)
    return found


def explained(lake: Path, charge: str) -> dict[str, Any]:
    said = billfold("explain", charge, "--lake", lake, "--json")
    assert said.code == 0, said.both
    found: dict[str, Any] = json.loads(said.out)
    return found


def shares(lake: Path, sku: str) -> list[tuple[str, str]]:
    (charge,) = charges(lake, sku_id=sku, billing_account_id="acme")
    sources = explained(lake, charge["charge_id"])["sources"]
    return [(next(iter(row.values())), row["share_amount"]) for row in sources]


def test_every_charge_is_the_sum_of_its_shares(metered: Path):
    found = charges(metered)
    assert len(found) == 10
    for charge in found:
        one = explained(metered, charge["charge_id"])
        assert one["share_amount"] == one["list_cost"], one
        assert sum(Decimal(row["share_amount"]) for row in one["sources"]) == Decimal(charge["list_cost"])


def test_a_quantity_is_spread_by_what_is_left_of_each_record(metered: Path):
    """60, 70 and 20 minutes, 100 of them free: nothing, 30 and 20 at 0.10."""
    assert shares(metered, "minutes") == [("minutes-1", "0.00"), ("minutes-2", "3.00"), ("minutes-3", "2.00")]


def test_the_value_of_a_resource_is_on_the_record_that_set_it(metered: Path):
    """Desk 1 had 5 and then 8 seats, desk 2 had 2: 8 and 2 at 3.00."""
    assert shares(metered, "seats") == [("seats-1", "0.00"), ("seats-3", "6.00"), ("seats-2", "24.00")]


def test_a_count_is_spread_over_the_records_that_count(metered: Path):
    assert shares(metered, "calls") == [("calls-2", "1.00"), ("calls-3", "0.00"), ("calls-1", "1.00")]


def test_time_counts_as_long_as_each_record_lasts(metered: Path):
    """2 GB for one of 31 days, 2 GB for two and 1 GB for two, at 31.00: 2.00, 4.00 and 2.00."""
    assert shares(metered, "space") == [("space-1", "2.00"), ("space-2", "4.00"), ("space-3", "2.00")]


def test_a_percentage_is_spread_by_what_each_record_costs(metered: Path):
    """0.59, 0.50 (the minimum) and 0.52533 are 1.61533, rounded 1.62: the cent goes to the last, 0.5268."""
    assert shares(metered, "card") == [("card-1", "0.59"), ("card-2", "0.50"), ("card-3", "0.53")]


def test_each_part_of_a_line_that_was_cut_has_its_own_records(metered: Path):
    """14 GB are 10 at 1.00 and 4 at 0.50, 12.00; up to the discount on the 16th 8 of 14, 6.86."""
    first, second = (explained(metered, row["charge_id"]) for row in charges(metered, sku_id="traffic"))
    assert [(row["usage_record_id"], row["share_amount"]) for row in first["sources"]] == [("traffic-1", "6.86")]
    assert [(row["usage_record_id"], row["share_amount"]) for row in second["sources"]] == [("traffic-2", "5.14")]
    assert first["rating_line"] == second["rating_line"]
    assert (first["rating_line"]["list_cost"], first["rating_line"]["charge_count"]) == ("12.00", 2)
    assert (first["pool"]["pricing_quantity"], first["pool"]["rating_line_count"]) == ("14", 1)
    assert [tier["unit_price"] for tier in first["tiers"]] == ["1", "0.5"]


def test_a_recurring_charge_is_its_item_and_a_one_off_its_operation(metered: Path):
    assert shares(metered, "support") == [("support-acme", "100.00")]
    (charge,) = charges(metered, charge_category="one_off")
    (source,) = explained(metered, charge["charge_id"])["sources"]
    assert (source["operation_id"], source["actor"], source["share_amount"]) == ("setup-1", "operator", "12.34")


def test_a_charge_is_known_by_its_id_the_beginning_of_it_or_its_number(metered: Path):
    (charge,) = charges(metered, sku_id="minutes", billing_account_id="bolt")
    whole = explained(metered, charge["charge_id"])
    assert explained(metered, charge["charge_id"][:12]) == explained(metered, "bolt/1") == whole
    assert whole["list_cost"] == "80.00"


def test_a_name_that_stands_for_no_charge_or_for_several_is_refused(metered: Path):
    for wanted in ("nothing", "bolt/2", "nobody/1", "bolt/x", "/"):
        said = billfold("explain", wanted, "--lake", metered)
        assert (said.code, said.out) == (1, ""), said.both
        assert "no charge" in said.err
    said = billfold("explain", "", "--lake", metered)
    assert said.code == 1
    beginnings = [row["charge_id"][0] for row in charges(metered)]
    several = next((one for one in beginnings if beginnings.count(one) > 1), None)
    if several is not None:
        assert "charges have an id that begins" in billfold("explain", several, "--lake", metered).err


def test_a_page_shows_the_price_the_line_the_pool_and_the_first_records(metered: Path):
    (charge,) = charges(metered, sku_id="minutes", billing_account_id="acme")
    page = billfold("explain", charge["charge_id"], "--limit", 2, "--lake", metered).out
    assert line_with(page, ["minutes-eur", "price book", "0.10 per minute"])
    assert "first 100 minute of each account and month free" in page
    assert line_with(page, ["rating line", "150 minute", "EUR 5.00", "1 charge"])
    assert line_with(page, ["pool", "minutes of account acme", "150 minute"])
    assert line_with(page, ["minutes-2", "2026-10-02", "70", "3.00"])
    assert "minutes-3" not in page
    assert "1 more rows" in page
    assert line_with(page, ["3 rows", "EUR 5.00"])


def test_a_spreadsheet_has_every_record(metered: Path):
    (charge,) = charges(metered, sku_id="card")
    said = billfold("explain", charge["charge_id"], "--limit", 1, "--csv", "--lake", metered).out
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [(row["usage_record_id"], row["share_amount"]) for row in rows] == [
        ("card-1", "0.59"),
        ("card-2", "0.50"),
        ("card-3", "0.53"),
    ]


def test_an_issued_charge_is_explained_by_what_it_was_made_of(tmp_path: Path):
    """Usage that landed later is not part of it, also when the month is billed again (L4)."""
    lake = bill_all(tmp_path)
    assert issue_all(lake).code == 0
    before = explained(lake, "acme/1")
    assert before["invoice_number"] == "N-2026-000001"
    late = USED.replace("a1 ", "a9 ").splitlines()
    (tmp_path / "late.csv").write_text(as_csv(rows_of("\n".join(late[:3]))), encoding="utf-8")
    for command in (["ingest", tmp_path / "late.csv", "--received-at", RECEIVED], ["bill", "--period", "2026-10"]):
        billfold(*command, "--lake", lake)
    assert explained(lake, "acme/1") == before
    assert [row["share_amount"] for row in before["sources"]] == [before["list_cost"]]


def test_a_draft_is_explained_by_what_it_was_last_made_of(tmp_path: Path):
    """The same record once more, under another id: two of 100 GB, 50.00 each."""
    lake = bill_all(tmp_path)
    assert explained(lake, "acme/1")["share_amount"] == "50.00"
    late = USED.replace("a2 ", "a9 ").splitlines()
    (tmp_path / "late.csv").write_text(as_csv(rows_of("\n".join([late[1], late[3]]))), encoding="utf-8")
    for command in (["ingest", tmp_path / "late.csv", "--received-at", RECEIVED], ["bill", "--period", "2026-10"]):
        assert billfold(*command, "--lake", lake).code == 0
    assert [row["share_amount"] for row in explained(lake, "acme/1")["sources"]] == ["50.00", "50.00"]


def test_a_record_that_is_split_has_a_share_in_each_month_it_spans(tmp_path: Path):
    """100 hours at 1.00 from 26 September, 23:00, to 1 October, 03:00 in Berlin: 97 hours and 3."""
    lake = tmp_path / "lake"
    split = "policy | value | valid_from\nspanning_records | split | 2025-01-01"
    write_reference(tmp_path / "reference", billing_policies=split)
    usage = """
        usage_record_id | billing_account_id | sku_id | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
        long            | acme               | vm     | 2026-09-26T21:00:00Z | 2026-10-01T01:00:00Z | 100               | hour
        short           | acme               | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 7                 | hour
    """
    (tmp_path / "usage.csv").write_text(as_csv(rows_of(usage)), encoding="utf-8")
    for command in (
        ["init", lake],
        ["ingest", tmp_path / "usage.csv", "--lake", lake, "--received-at", RECEIVED],
        ["bill", "--period", "2026-09", "--lake", lake],
        ["bill", "--period", "2026-10", "--lake", lake],
    ):
        said = billfold(*command)
        assert said.code == 0, said.both
    found = {
        number: [(row["usage_record_id"], row["share_amount"]) for row in explained(lake, f"acme/{number}")["sources"]]
        for number in (1, 2)
    }
    assert found == {1: [("long", "97.00")], 2: [("long", "3.00"), ("short", "7.00")]}
