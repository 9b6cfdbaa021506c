"""What a sound folder becomes: values, defaults, order, one digest."""

import random
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import rating.policies
import schemas
from flows.reference import default_reference_folder, load_reference, reference_page, write_default_reference
from flows.reference.policies import POLICIES
from flows.reference.reading import FORMATS
from flows.reference.tables import LINKS, MONEY, TABLES
from tests.flows.reference.world import (
    SOUND,
    as_csv,
    as_parquet,
    faults_of,
    loaded,
    rows_of,
    spoiled,
    with_table,
    write,
)


def test_every_reference_table_is_there_and_is_what_its_schema_says(tmp_path: Path) -> None:
    reference = loaded(tmp_path)
    assert set(reference.tables) == set(schemas.REFERENCE) == set(TABLES)
    for name, table in reference.tables.items():
        assert schemas.TABLES[name].check(table).schema == pl.Schema(schemas.TABLES[name].columns())


def test_rules_name_only_columns_that_exist() -> None:
    for name, rules in TABLES.items():
        named = {*rules.key, *rules.forms, *(check.column for check in rules.checks)}
        assert named <= set(schemas.TABLES[name].columns()), name
    for link in LINKS:
        assert link.column in schemas.TABLES[link.table].columns()
        assert link.to_column in schemas.TABLES[link.to_table].columns()
    assert all(column in schemas.TABLES[name].columns() for name, column, _ in MONEY)


def test_a_blank_cell_and_a_missing_column_take_the_default(tmp_path: Path) -> None:
    reference = loaded(tmp_path)
    storage = reference["skus"].row(by_predicate=pl.col("sku_id") == "storage", named=True)
    assert (storage["meter"], storage["allows_corrections"], storage["tags"]) == ("sum", False, ["os_image"])
    price = reference["sku_prices"].row(by_predicate=pl.col("sku_price_id") == "vm-list", named=True)
    assert (price["per_quantity"], price["free_quantity"], price["tier_scope"]) == (Decimal(1), Decimal(0), "account")
    assert reference["price_tiers"]["flat_fee"].to_list() == [Decimal("1.5"), Decimal(0)]
    code = reference["promo_codes"].row(by_predicate=pl.col("promo_code") == "HELLO", named=True)
    assert (code["window_start"], code["per_account_limit"], code["exclude"]) == ("next_invoice", 1, [])


def test_an_inclusive_end_day_becomes_the_next_day(tmp_path: Path) -> None:
    reference = loaded(tmp_path)
    assert reference["billing_accounts"]["valid_until"].to_list() == ["2026-01-01", None, None]
    code = reference["promo_codes"].row(by_predicate=pl.col("promo_code") == "AUTUMN", named=True)
    assert code["window_start"] == "2026-10-01/2027-01-01"


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00.000000Z"),
        ("2027-01-01T01:30+01:00", "2027-01-01T00:30:00.000000Z"),
        ("2027-01-01T00:00:00.123456000Z", "2027-01-01T00:00:00.123456Z"),
        ("2028-02-29", "2028-03-01"),
    ],
)
def test_an_end_instant_stays_and_is_written_in_utc(tmp_path: Path, written: str, held: str) -> None:
    folder = spoiled(tmp_path, "sku_prices", 2, valid_until=written)
    prices = load_reference(folder)["sku_prices"]
    assert prices.row(by_predicate=pl.col("sku_price_id") == "vm-list", named=True)["valid_until"] == held


def test_an_id_is_kept_byte_for_byte(tmp_path: Path) -> None:
    folder = spoiled(tmp_path, "discounts", 3, discount_id="007 ü ")
    assert "007 ü " in load_reference(folder)["discounts"]["discount_id"].to_list()


def test_a_quoted_address_may_have_lines(tmp_path: Path) -> None:
    folder = spoiled(tmp_path, "sellers", 2, address="Hafen 1\n20095 Hamburg")
    assert load_reference(folder)["sellers"]["address"].to_list() == ["Hafen 1\n20095 Hamburg"]


def test_rows_come_in_the_order_of_their_key(tmp_path: Path) -> None:
    reference = loaded(tmp_path)
    assert reference["skus"]["sku_id"].to_list() == ["storage", "vm-small"]
    assert reference["price_tiers"]["up_to"].to_list() == [Decimal(100), None]


# The digest


def test_the_digest_does_not_depend_on_the_format(tmp_path: Path) -> None:
    csv = loaded(tmp_path / "csv")
    parquet = load_reference(as_parquet(tmp_path / "parquet", tmp_path / "csv"))
    assert parquet.digest == csv.digest
    assert all(parquet[name].equals(csv[name]) for name in TABLES)


def test_text_columns_in_parquet_read_like_csv(tmp_path: Path) -> None:
    csv = loaded(tmp_path / "csv")
    folder = tmp_path / "parquet"
    folder.mkdir()
    for path in (tmp_path / "csv").glob("*.csv"):
        pl.read_csv(path, infer_schema=False).write_parquet(folder / f"{path.stem}.parquet")
    assert load_reference(folder).digest == csv.digest


def test_the_digest_does_not_depend_on_the_order_of_rows_and_columns(tmp_path: Path) -> None:
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    chance = random.Random(7)
    for name, table in SOUND.items():
        header, *rows = rows_of(table)
        chance.shuffle(rows)
        order = chance.sample(range(len(header)), len(header))
        mixed = [[row[at] for at in order] for row in (header, *rows)]
        (shuffled / f"{name}.csv").write_text(as_csv(mixed), encoding="utf-8")
    assert load_reference(shuffled).digest == loaded(tmp_path / "plain").digest


@pytest.mark.parametrize(
    ("table", "row", "cells"),
    [
        ("skus", 3, {"meter": "sum", "allows_corrections": "FALSE"}),
        ("sku_prices", 2, {"per_quantity": "1.000", "free_quantity": "0", "tier_scope": "account"}),
        ("sku_prices", 2, {"list_unit_price": "0.1250"}),
        ("price_tiers", 3, {"flat_fee": "0"}),
        ("promo_codes", 2, {"window_start": "next_invoice", "per_account_limit": "1", "exclude": "[]"}),
        ("promo_codes", 2, {"include": '[ "service:Cloud" ]'}),
        ("sub_accounts", 3, {"valid_until": ""}),
        ("sku_prices", 3, {"valid_until": "2026-12-31"}),
    ],
)
def test_the_digest_does_not_depend_on_spelling_or_on_defaults_written_out(
    tmp_path: Path, table: str, row: int, cells: dict[str, str]
) -> None:
    assert (
        load_reference(spoiled(tmp_path / "spelled", table, row, **cells)).digest == loaded(tmp_path / "plain").digest
    )


def test_the_digest_does_not_depend_on_tables_that_say_what_the_default_says(tmp_path: Path) -> None:
    folder = write(tmp_path / "spelled", SOUND)
    (folder / "currencies.csv").write_text((default_reference_folder() / "currencies.csv").read_text())
    (folder / "recurring_items.csv").write_text(
        "recurring_item_id,billing_account_id,sku_id,quantity,valid_from\n,,,,\n"  # a row of commas says nothing
    )
    (folder / "README.md").write_text("For people.")
    assert load_reference(folder).digest == loaded(tmp_path / "plain").digest


@pytest.mark.parametrize(
    ("table", "row", "cells"),
    [
        ("sku_prices", 2, {"list_unit_price": "0.126"}),
        ("skus", 2, {"description": "Small vm"}),
        ("skus", 3, {"tags": '["os_image", "x"]'}),
        ("sku_prices", 3, {"valid_until": "2026-12-30"}),
        ("sku_prices", 2, {"region_id": "eu-1"}),
    ],
)
def test_the_digest_changes_with_what_is_said(tmp_path: Path, table: str, row: int, cells: dict[str, str]) -> None:
    assert load_reference(spoiled(tmp_path / "other", table, row, **cells)).digest != loaded(tmp_path / "plain").digest


# What is shipped


def test_the_shipped_folder_loads_and_is_what_an_empty_one_gives(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert load_reference(empty).digest == load_reference(default_reference_folder()).digest


def test_init_writes_the_shipped_tables_and_leaves_what_is_there(tmp_path: Path) -> None:
    own = with_table(tmp_path, "principals", "principal_id | role | valid_from\n root | staff | 2020-01-01")
    before = (own / "principals.csv").read_text()
    written = write_default_reference(own)
    assert [path.name for path in written] == ["currencies.csv", "grant_kinds.csv", "unit_conversions.csv"]
    assert (own / "principals.csv").read_text() == before
    assert write_default_reference(own) == []
    assert faults_of(own) == ()


def test_the_shipped_currencies_have_their_exponents() -> None:
    table = load_reference(default_reference_folder())["currencies"]
    exponents = dict(table.select("billing_currency", "exponent").iter_rows())
    assert {code: exponents[code] for code in ("EUR", "USD", "JPY", "KRW", "KWD", "BHD", "CLF")} == {
        "EUR": 2,
        "USD": 2,
        "JPY": 0,
        "KRW": 0,
        "KWD": 3,
        "BHD": 3,
        "CLF": 4,
    }
    assert len(exponents) == 165


def test_the_shipped_kinds_are_those_of_the_rule_book() -> None:
    kinds = load_reference(default_reference_folder())["grant_kinds"]
    ranks = dict(kinds.select("kind", "rank").iter_rows())
    assert ranks == {"bonus": 10, "free": 10, "promo": 10, "welcome": 10, "organization": 20, "project": 20, "paid": 30}
    assert kinds.filter(tax_position="after")["kind"].to_list() == ["paid"]
    assert kinds.filter(pl.col("exclude").list.contains("tag:marketplace"))["kind"].to_list() == ["free", "welcome"]
    assert kinds.filter("once_per_domain")["kind"].to_list() == ["welcome"]
    assert kinds.row(by_predicate=pl.col("kind") == "paid", named=True)["validity"] == "P5Y"


def test_the_shipped_policies_are_the_defaults_of_the_known_ones() -> None:
    rows = load_reference(default_reference_folder())["billing_policies"]
    assert dict(rows.select("policy", "value").iter_rows()) == {name: known.default for name, known in POLICIES.items()}


def test_rating_and_the_shipped_table_have_the_same_defaults() -> None:
    assert rating.policies.DEFAULTS.items() <= {name: known.default for name, known in POLICIES.items()}.items()


def test_a_policy_of_ones_own_holds_while_it_is_valid_and_the_shipped_one_around_it(tmp_path: Path) -> None:
    rows = loaded(tmp_path)["billing_policies"].filter(policy="rounding_tax")
    assert rows.select("value", "valid_from", "valid_until").rows() == [
        ("half_away", "2000-01-01", "2026-01-01"),
        ("half_even", "2026-01-01", "2026-07-01"),
        ("half_away", "2026-07-01", None),
    ]


def test_a_currency_of_ones_own_goes_before_the_shipped_one(tmp_path: Path) -> None:
    own = "billing_currency | exponent | valid_from\n HUF | 0 | 2000-01-01\n XTS | 2 | 2020-01-01"
    table = load_reference(with_table(tmp_path, "currencies", own))["currencies"]
    assert table.filter(billing_currency="HUF")["exponent"].to_list() == [0]
    assert {"EUR", "XTS"} <= set(table["billing_currency"])


# The printed page


def test_the_page_names_every_table_column_and_policy() -> None:
    page = reference_page()
    for name in TABLES:
        assert f"## {name}\n" in page
        assert all(f"`{column}`" in page for column in schemas.TABLES[name].columns())
    assert all(f"| `{policy}` |" in page for policy in POLICIES)


def test_the_folder_readme_speaks_of_the_formats() -> None:
    readme = (default_reference_folder().parent / "README.md").read_text()
    assert all(suffix.removeprefix(".") in readme.lower() for suffix in FORMATS)
