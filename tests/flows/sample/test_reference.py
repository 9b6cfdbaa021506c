"""The reference tables and operations of a sample world are what billfold reads and a demonstration shows."""

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows.reference import load_reference
from flows.sample import SampleWorld, sample
from flows.sample.catalogue import CURRENCY_FACTORS
from rating.rejects import OPERATION_REASONS
from schemas.operations import Operations


@pytest.mark.parametrize(("accounts", "rows"), [(2, 1_000), (90, 12_000), (700, 20_000)])
def test_the_reference_folder_loads_without_a_fault(folder: Path, accounts: int, rows: int):
    reference = load_reference(sample(folder, accounts=accounts, rows=rows, clean=True).reference_folder)
    assert reference["billing_accounts"].height == accounts


def test_a_world_with_bad_rows_has_one_customer_more_who_left(world: SampleWorld):
    accounts = load_reference(world.reference_folder)["billing_accounts"]
    left = accounts.filter(pl.col("valid_until").is_not_null())
    assert left.select("billing_account_id", "valid_until").rows() == [("acct-0091", "2026-10-01")]


def test_every_sku_has_a_price_in_every_currency(world: SampleWorld):
    reference = load_reference(world.reference_folder)
    book = reference["sku_prices"].filter(pl.col("billing_account_id").is_null() & pl.col("region_id").is_null())
    assert book.group_by("sku_id", "billing_currency").len()["len"].to_list() == [1] * (
        reference["skus"].height * len(CURRENCY_FACTORS)
    )


def test_a_world_of_two_hundred_accounts_sells_four_hundred_skus(folder: Path):
    skus = load_reference(sample(folder, rows=1_000).reference_folder)["skus"]
    assert skus.height == 400
    assert skus["service"].n_unique() >= 10
    assert set(skus["tags"].explode().drop_nulls()) == {"marketplace", "os_image"}
    assert set(skus["meter"]) == {"sum"}


def test_meters_are_one_choice_of_a_table(folder: Path):
    skus = sample(folder, rows=1_000, meters="all").reference_folder / "skus.csv"
    assert set(pl.read_csv(skus)["meter"]) == {"sum", "time_weighted", "max", "last", "count", "unique"}
    assert load_reference(skus.parent)["skus"]["meter"].n_unique() == 6


def test_every_market_has_its_currency_its_zone_and_a_tax_rate(world: SampleWorld):
    reference = load_reference(world.reference_folder)
    accounts = reference["billing_accounts"].join(
        reference["sellers"].select("seller_id", seller_jurisdiction="jurisdiction"), on="seller_id"
    )
    assert set(accounts["billing_currency"]) == {"EUR", "USD", "KRW", "KWD", "INR"}
    assert set(accounts["time_zone"]) == {
        "Europe/Berlin",
        "Europe/Luxembourg",
        "America/New_York",
        "Asia/Kuwait",
        "Asia/Seoul",
        "Asia/Kolkata",
    }
    key = ["seller_jurisdiction", "jurisdiction", "tax_status"]
    rates = reference["tax_rates"].rename({"account_jurisdiction": "jurisdiction"})
    assert accounts.join(rates, on=key, how="anti").is_empty()
    assert {"VAT", "CGST", "SGST", "IGST"} == set(rates["component"])


def test_one_account_in_twenty_has_a_boundary_inside_the_month(folder: Path):
    world = sample(folder, accounts=200, rows=20_000, clean=True)
    reference = load_reference(world.reference_folder)
    inside = (pl.col("valid_from") > "2026-10-01") & (pl.col("valid_from") < "2026-11-01")
    cut = {
        table: reference[table].filter(inside)["billing_account_id"].n_unique()
        for table in ("sku_prices", "discounts", "sub_accounts")
    }
    assert cut == {"sku_prices": 3, "discounts": 3, "sub_accounts": 2}
    granted = [row for row in operations(world) if row.get("name") == "Half a month's bonus"]
    assert len(granted) == 2  # 3 + 3 + 2 + 2 = 10 of 200


# --- operations ----------------------------------------------------------------------------------------------------


def operations(world: SampleWorld) -> list[dict]:
    return [json.loads(line) for line in world.operations_file.read_text().splitlines()]


def test_an_operation_has_no_field_that_operations_do_not_have(world: SampleWorld):
    assert {name for row in operations(world) for name in row} <= set(Operations.columns())


def test_operations_have_ids_of_their_own_and_name_accounts_of_the_world(world: SampleWorld):
    rows = operations(world)
    assert len({row["operation_id"] for row in rows}) == len(rows)
    known = set(load_reference(world.reference_folder)["billing_accounts"]["billing_account_id"])
    assert {row["billing_account_id"] for row in rows} - known == {"acct-unknown"}


def test_credit_is_granted_before_and_after_tax_in_the_digits_of_the_currency(world: SampleWorld):
    exponents = {"EUR": 2, "USD": 2, "KRW": 0, "KWD": 3, "INR": 2}
    refused = {operation_id for operation_id, _ in world.refused}
    granted = [row for row in operations(world) if "amount" in row and row["operation_id"] not in refused]
    assert {row["kind"] for row in granted} == {"free", "bonus", "paid", "welcome"}
    for row in granted:
        amount = Decimal(row["amount"])
        assert amount > 0
        assert amount == amount.quantize(Decimal(1).scaleb(-exponents[row["billing_currency"]]))


def test_some_operations_are_meant_to_be_refused_each_with_a_known_code(world: SampleWorld):
    codes = {code for _, code in world.refused}
    assert codes <= set(OPERATION_REASONS)
    assert {"O_FORBIDDEN", "O_PRECISE", "O_PROMO_ALREADY_ACCEPTED", "O_PROMO_NOT_ALLOWED", "O_PROMO_NOT_VALID"} <= codes


def test_a_clean_world_has_nothing_to_refuse(folder: Path):
    world = sample(folder, accounts=20, rows=1_000, clean=True)
    assert (world.refused, world.expected) == ((), ())


def test_the_showcase_has_projects_a_discount_a_bonus_for_one_service_and_prepaid_credit(world: SampleWorld):
    reference = load_reference(world.reference_folder)
    own = pl.col("billing_account_id") == world.showcase_account_id
    account = reference["billing_accounts"].row(by_predicate=own, named=True)
    assert (account["legal_name"], account["tax_status"]) == ("Halden Robotics GmbH", "business")
    assert reference["sub_accounts"].filter(own)["name"].to_list() == ["production", "staging", "research"]
    assert reference["discounts"].filter(own)["promo_code"].to_list() == ["AUTUMN10"]
    first = [row for row in operations(world) if row["billing_account_id"] == world.showcase_account_id][:3]
    assert [(row["operation"], row.get("kind"), row.get("include")) for row in first] == [
        ("grant_credit", "bonus", ["service:AI Models"]),
        ("grant_credit", "paid", None),
        ("accept_promo_code", None, None),
    ]
