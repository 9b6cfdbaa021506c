"""Each thing that can be wrong: one cell, row or file is spoiled, and exactly that is found."""

from pathlib import Path

import polars as pl
import pytest

from flows.reference import Fault, ReferenceFaults, load_reference
from flows.reference.policies import POLICIES
from tests.flows.reference.world import (
    SOUND,
    as_csv,
    faults_of,
    places,
    rows_of,
    spoiled,
    with_rows,
    with_table,
    write,
)


def only(folder: Path) -> Fault:
    """The one fault of a folder."""
    faults = faults_of(folder)
    assert len(faults) == 1, "\n".join(map(str, faults))
    return faults[0]


def test_the_sound_folder_has_no_fault(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, SOUND)) == ()


# Cells: (table, row, column, text, what is wanted)
CELLS = [
    # numbers
    ("sku_prices", 2, "list_unit_price", "1,5", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", " 1", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "+1", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "1e3", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", ".5", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "5.", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "1 000", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "€1", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "NaN", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "١٢", "a number such as 12.5"),
    ("sku_prices", 2, "list_unit_price", "0.1234567890123", "at most 12 digits after the point"),
    ("sku_prices", 2, "list_unit_price", "100000000000000", "a number below 10^14"),
    ("price_tiers", 2, "flat_fee", "1.50001", "at most 4 digits after the point"),
    ("sku_prices", 2, "per_quantity", "0.0000000000000001", "at most 15 digits after the point"),
    ("billing_accounts", 2, "payment_terms_days", "14.5", "a whole number"),
    ("billing_accounts", 2, "payment_terms_days", "99999999999999999999", "a number below 10^18"),
    ("billing_accounts", 2, "payment_terms_days", "-1", "at least 0"),
    ("sku_prices", 2, "per_quantity", "0", "above 0"),
    ("billing_accounts", 3, "credit_limit", "-5", "at least 0"),
    ("promo_codes", 2, "value", "0", "above 0"),
    # flags, texts, lists
    ("skus", 2, "allows_corrections", "yes", "true or false"),
    ("skus", 2, "description", "a\tb", "text without control characters"),
    ("skus", 2, "description", "a\nb", "text without control characters"),
    ("discounts", 2, "discount_id", "x" * 513, "at most 512 characters"),
    ("discounts", 2, "discount_id", "spring\u202e", "printable characters"),
    ("skus", 2, "tags", "os_image", "a JSON list of texts"),
    ("skus", 2, "tags", '["a", 1]', "a JSON list of texts"),
    ("skus", 2, "tags", '["a", null]', "a JSON list of texts"),
    ("skus", 2, "tags", '{"a": "b"}', "a JSON list of texts"),
    ("promo_codes", 2, "include", '["Cloud"]', 'a JSON list of "dimension:value"'),
    ("promo_codes", 2, "exclude", '["colour:red"]', 'a JSON list of "dimension:value"'),
    ("promo_codes", 2, "exclude", '["charge:yearly"]', 'a JSON list of "dimension:value"'),
    # required
    ("skus", 2, "service", "", "a value"),
    ("skus", 2, "valid_from", "", "a value"),
    ("price_tiers", 2, "unit_price", "", "a value"),
    # enumerations
    ("skus", 2, "meter", "summ", "one of sum, count, time_weighted, max, last, unique"),
    ("sku_prices", 2, "price_model", "tiered", "one of unit, graduated, volume, package, flat, percentage"),
    ("sku_prices", 4, "tier_scope", "project", "one of account, sub_account, resource"),
    ("billing_accounts", 4, "tax_status", "private", "one of business, consumer, exempt, reverse_charge, export"),
    ("discounts", 2, "kind", "percentage", "one of percent, fixed"),
    ("principals", 3, "role", "manager", "one of staff, support, organization_owner, billing_manager, member, analyst"),
    ("tax_rates", 4, "code", "VATEX", "one of S, Z, E, AE, K, G, O, L, M"),
    # dates
    ("skus", 2, "valid_from", "1.1.2025", "a day such as 2026-10-01"),
    ("skus", 2, "valid_from", "2025-02-29", "a day such as 2026-10-01"),
    ("skus", 2, "valid_from", "2025-1-1", "a day such as 2026-10-01"),
    ("skus", 2, "valid_from", "2025-01-01T00:00:00", "an instant with its offset"),
    ("skus", 2, "valid_from", "2025-01-01 00:00:00Z", "an instant with its offset"),
    ("skus", 2, "valid_from", "2025-01-01T00:00:00.0000001Z", "an instant with its offset"),
    ("skus", 2, "valid_from", "2025-01-01T24:30:00Z", "an instant with its offset"),
    ("sku_prices", 2, "valid_until", "9999-12-31", "or nothing when it has no end"),
    # windows
    ("sku_prices", 3, "valid_until", "2025-06-30", "an end after the start"),
    ("sku_prices", 3, "valid_until", "2026-01-01T05:00:00Z", "a window whose length needs no time zone"),
    # small languages
    ("billing_accounts", 4, "time_zone", "Asia/Tokio", "a name of the IANA time zone database"),
    ("billing_accounts", 4, "time_zone", "+09:00", "a name of the IANA time zone database"),
    ("sellers", 2, "accounting_year_start", "02-29", "a month and a day such as 01-01"),
    ("sellers", 2, "accounting_year_start", "13-01", "a month and a day such as 01-01"),
    ("sellers", 2, "invoice_number_pattern", "INV-{year}", "one {sequence}"),
    ("sellers", 2, "invoice_number_pattern", "INV-{sequence}", "a pattern with {year}"),
    ("sellers", 2, "invoice_number_pattern", "INVOICE-{year}-{sequence:06}", "at most 16 characters when filled"),
    ("sellers", 2, "invoice_number_pattern", "{year}-{month}-{sequence}", "a pattern with {year}"),
    ("sellers", 2, "credit_note_number_pattern", "INV-{year}-{sequence:06}", "another pattern than that of invoices"),
    ("promo_codes", 2, "duration", "3 months", "an ISO 8601 duration"),
    ("promo_codes", 2, "window_start", "today", "next_invoice, acceptance, or a range"),
    ("promo_codes", 3, "window_start", "2026-12-31/2026-10-01", "next_invoice, acceptance, or a range"),
    ("promo_codes", 3, "duration", "P3M", "nothing, as window_start is a fixed range"),
    # policies
    ("billing_policies", 3, "policy", "rounding", "one of bound_payable_above,"),
    ("billing_policies", 3, "value", "ignore", "one of hold, skip"),
    # cells that must agree
    ("sku_prices", 2, "list_unit_price", "", "a price, as price_model is unit"),
    ("discounts", 2, "value", "100.01", "a percentage from 0 to 100"),
    ("discounts", 2, "value", "-1", "at least 0"),
    ("discounts", 2, "billing_currency", "EUR", "nothing, as kind is percent"),
    ("discounts", 2, "promo_code", "HELLO", "a code whose benefit is a discount"),
    ("tax_rates", 3, "rate", "19", "a fraction from 0 to 1"),
    ("tax_rates", 3, "rate", "-0.19", "at least 0"),
    ("tax_rates", 3, "rate", "0", "a rate above 0, as its code is S"),
    ("tax_rates", 4, "rate", "0.19", "0, as its code taxes nothing"),
    ("tax_rates", 4, "exemption_reason", "", "a reason, as no tax is due under this code"),
    ("promo_codes", 2, "kind", "", "a kind of grant"),
    ("promo_codes", 2, "billing_currency", "", "a currency, as the benefit is a grant"),
    ("billing_accounts", 4, "parent_account_id", "bolt", "another account"),
    # keys of other tables
    ("billing_accounts", 4, "seller_id", "nort", "a seller_id of sellers.csv (did you mean north?)"),
    (
        "billing_accounts",
        4,
        "parent_account_id",
        "acne",
        "a billing_account_id of billing_accounts.csv (did you mean acme?)",
    ),
    (
        "sub_accounts",
        3,
        "billing_account_id",
        "bold",
        "a billing_account_id of billing_accounts.csv (did you mean bolt?)",
    ),
    ("sku_prices", 2, "sku_id", "vm-smal", "a sku_id of skus.csv (did you mean vm-small?)"),
    ("sku_prices", 3, "billing_account_id", "x", "a billing_account_id of billing_accounts.csv"),
    ("sku_prices", 2, "billing_currency", "EURO", "a billing_currency of currencies.csv (did you mean EUR?)"),
    ("discounts", 2, "sku_id", "gpu", "a sku_id of skus.csv"),
    ("discounts", 3, "sub_account_id", "webshop", "a sub_account_id of sub_accounts.csv"),
    ("discounts", 2, "promo_code", "HELO", "a promo_code of promo_codes.csv (did you mean HELLO?)"),
    ("promo_codes", 2, "kind", "gift", "a kind of grant_kinds.csv"),
    ("promo_codes", 2, "accounts", '["acme", "nobody"]', "a billing_account_id of billing_accounts.csv"),
    (
        "billing_policies",
        3,
        "billing_account_id",
        "acm",
        "a billing_account_id of billing_accounts.csv (did you mean acme?)",
    ),
    ("principals", 3, "billing_account_id", "acm", "a billing_account_id of billing_accounts.csv (did you mean acme?)"),
    # money and its currency
    ("billing_accounts", 3, "credit_limit", "1000.001", "at most 2 digits after the point"),
    ("billing_accounts", 4, "credit_limit", "500.5", "at most 0 digits after the point"),
    ("price_tiers", 2, "flat_fee", "1.501", "at most 2 digits after the point"),
    ("promo_codes", 2, "value", "50.005", "at most 2 digits after the point"),
    ("sku_prices", 3, "billing_currency", "USD", "the currency its account is billed in"),
]


FIXED = {"kind": "fixed", "value": "20", "billing_currency": "EUR"}


def test_a_fixed_discount_is_an_amount_and_its_currency(tmp_path: Path) -> None:
    assert faults_of(spoiled(tmp_path, "discounts", 2, **FIXED)) == ()
    assert faults_of(spoiled(tmp_path, "discounts", 3, **FIXED | {"value": "1000.50"})) == ()


@pytest.mark.parametrize(
    ("row", "cells", "column", "wanted"),
    [
        (2, {"billing_currency": ""}, "billing_currency", "a currency, as kind is fixed"),
        (2, {"value": "20.005"}, "value", "at most 2 digits after the point"),
        (3, {"value": "20.5", "billing_currency": "JPY"}, "value", "at most 0 digits after the point"),
        (2, {"billing_currency": "JPY"}, "billing_currency", "the currency its account is billed in"),
        (2, {"billing_currency": "EURO"}, "billing_currency", "a billing_currency of currencies.csv"),
    ],
)
def test_a_fixed_discount_is_in_the_digits_and_the_currency_of_its_account(
    tmp_path: Path, row: int, cells: dict[str, str], column: str, wanted: str
) -> None:
    faults = faults_of(spoiled(tmp_path, "discounts", row, **FIXED | cells))
    assert ("discounts.csv", row, column) in places(faults)
    assert any(wanted in fault.wanted for fault in faults if fault.column == column), "\n".join(map(str, faults))


def test_a_fixed_discount_by_code_is_in_the_currency_of_the_code(tmp_path: Path) -> None:
    code = "TWENTY | discount | | 20 | EUR | acceptance | P3M | | | 2026-01-01"
    with_rows(tmp_path, "promo_codes", code)
    header, *_ = SOUND["discounts"].strip().splitlines()

    def found(currency: str) -> tuple[Fault, ...]:
        row = f"by-code | fixed | 20 | {currency} | | | | TWENTY | 1 | 2026-01-01 | "
        (tmp_path / "discounts.csv").write_text(as_csv(rows_of(header + "\n" + row)))
        return faults_of(tmp_path)

    assert found("EUR") == ()
    assert [(fault.column, fault.wanted) for fault in found("JPY")] == [
        ("billing_currency", "the currency of its code")
    ]


@pytest.mark.parametrize(("table", "row", "column", "text", "wanted"), CELLS)
def test_a_spoiled_cell_is_found_where_it_is(
    tmp_path: Path, table: str, row: int, column: str, text: str, wanted: str
) -> None:
    fault = only(spoiled(tmp_path, table, row, **{column: text}))
    assert places((fault,)) == [(f"{table}.csv", row, "valid_until" if "window whose" in wanted else column)]
    assert wanted in fault.wanted
    assert fault.what_to_do


def test_a_fault_says_what_was_found(tmp_path: Path) -> None:
    fault = only(spoiled(tmp_path, "skus", 2, meter="summ"))
    assert str(fault) == (
        "skus.csv, row 2, meter: found 'summ', wanted one of sum, count, time_weighted, max, last, unique; "
        "use one of these words"
    )


CUBE = "cube | north | Cube | Markt | cube.x | "
SOUTH = 'south | South GmbH | Hafen 2 | ["DE2"] | DE | 01-01'

# Several cells, or rows more than there should be: (table, added rows, row and column of the fault, what is found)
ROWS = [
    (
        "sub_accounts",
        ["website | bolt | Website | 2026-03-31 | 2026-04-30"],
        (4, "valid_from"),
        "2026-03-31 within 2025-01-01 until 2026-04-01 in row 2",
    ),
    (
        "sub_accounts",
        ["website | bolt | Website | 2026-04-01T03:00:00Z | 2026-04-30"],
        (4, "valid_from"),
        "2026-04-01T03:00:00.000000Z after 2025-01-01 until 2026-04-01 in row 2",
    ),
    (
        "skus",
        ["vm-small | Small VM | Cloud | | hour | sum | standard | false | | 2026-01-01"],
        (4, "valid_from"),
        "2026-01-01 within 2025-01-01 until ever in row 2, sku_id 'vm-small'",
    ),
    (
        "billing_policies",
        ["acme | unpriced_usage | hold | 2026-02-01 | "],
        (4, "valid_from"),
        "2026-02-01 within 2026-01-01 until ever in row 3",
    ),
    (
        "tax_rates",
        ["DE | JP | | export | standard | VAT | 0 | G | Export | 2026-01-01 | "],
        (5, "valid_from"),
        "2026-01-01 within 2020-01-01 until ever in row 4",
    ),
    (
        "principals",
        ["ada | billing_manager | acme | | 2026-06-01"],
        (4, "valid_from"),
        "2026-06-01 within 2026-01-01 until ever in row 3",
    ),
    (
        "sku_prices",
        ["vm-list | vm-small | | | EUR | unit | 0.2 | | 2027-01-01 | "],
        (5, "sku_price_id"),
        "sku_price_id 'vm-list' again, as in row 2",
    ),
    (
        "discounts",
        ["spring | percent | 5 | | acme | | | | 1 | 2027-03-01 | "],
        (4, "discount_id"),
        "discount_id 'spring' again, as in row 2",
    ),
    (
        "price_tiers",
        ["storage-tiers | 100.0 | 0.30 | "],
        (4, "up_to"),
        "sku_price_id 'storage-tiers', up_to 100 again, as in row 2",
    ),
    (
        "price_tiers",
        ["storage-tiers | | 0.30 | "],
        (4, "up_to"),
        "sku_price_id 'storage-tiers', up_to nothing again, as in row 3",
    ),
    ("price_tiers", ["vm-list | | 0.30 | "], (4, "sku_price_id"), "a tier of vm-list, whose price_model is unit"),
    ("price_tiers", ["nothing | | 0.30 | "], (4, "sku_price_id"), "'nothing'"),
    (
        "sku_prices",
        ["new | storage | | | EUR | graduated | | | 2026-01-01 | "],
        (5, "price_model"),
        "graduated without tiers",
    ),
    (
        "billing_accounts",
        ["cube | north | Cube | Markt | acme.x | | EUR | Europe/Berlin | DE | business | 14 | true | | 2025-06-01 | "],
        (5, "is_main_in_domain"),
        "a second main account of acme.x, beside 'acme' in row 2",
    ),
    (
        "billing_accounts",
        [
            f"{CUBE} | EUR | Europe/Berlin | DE | business | 14 | false | | 2025-06-01 | 2026-10-31",
            f"{CUBE} | USD | Europe/Berlin | DE | business | 14 | false | | 2026-11-01 | ",
        ],
        (6, "billing_currency"),
        "'USD'",
    ),
    (
        "sellers",
        [SOUTH + " | INV-{year}-{sequence:05} | SC-{year}-{sequence:06} | 2020-01-01"],
        (3, "invoice_number_pattern"),
        "INV-{year}-{sequence:05}",
    ),
    (
        "sellers",
        [SOUTH + " | SI-{year}-{sequence:06} | INV-{year}-{sequence:06} | 2020-01-01"],
        (3, "credit_note_number_pattern"),
        "INV-{year}-{sequence:06}",
    ),
]


def test_a_later_row_of_a_seller_keeps_its_patterns(tmp_path: Path) -> None:
    """What no other seller may fill it goes on to fill under another name."""
    header, first = (line.strip() for line in SOUND["sellers"].strip().splitlines())
    rows = (header + " | valid_until", first + " | 2025-12-31", first.replace("2020-01-01", "2026-01-01") + " | ")
    assert faults_of(with_table(tmp_path, "sellers", "\n".join(rows))) == ()


@pytest.mark.parametrize(("table", "rows", "place", "found"), ROWS)
def test_a_row_too_many_is_found(
    tmp_path: Path, table: str, rows: list[str], place: tuple[int, str], found: str
) -> None:
    faults = faults_of(with_rows(tmp_path, table, *rows))
    assert ((f"{table}.csv", *place), True) in [
        ((fault.file, fault.row, fault.column), found in fault.found) for fault in faults
    ], "\n".join(map(str, faults))


def test_two_overlapping_prices_are_no_fault_as_the_latest_goes_first(tmp_path: Path) -> None:
    assert (
        faults_of(with_rows(tmp_path, "sku_prices", "vm-new | vm-small | | | EUR | unit | 0.2 | | 2025-06-01 | ")) == ()
    )


@pytest.mark.parametrize(
    ("table", "row", "valid_until"),
    [("billing_accounts", 2, "2025-12-30"), ("tax_rates", 2, "2020-12-30")],
)
def test_a_hole_between_the_rows_of_a_key_is_found(tmp_path: Path, table: str, row: int, valid_until: str) -> None:
    fault = only(spoiled(tmp_path, table, row, valid_until=valid_until))
    assert (fault.file, fault.row, fault.column) == (f"{table}.csv", row + 1, "valid_from")
    assert fault.wanted.startswith("a row that holds from ")


def test_a_hole_between_the_accounts_of_a_project_is_none(tmp_path: Path) -> None:
    assert faults_of(spoiled(tmp_path, "sub_accounts", 2, valid_until="2025-03-31")) == ()


def test_a_row_without_a_place_in_time_makes_no_hole(tmp_path: Path) -> None:
    folder = with_rows(
        tmp_path, "tax_rates", "DE | DE | | business | standard | VAT | 0.2 | S | | 2031-01-01 | 2031-12-31"
    )
    text = (folder / "tax_rates.csv").read_text().replace("2021-01-01,\n", "2021-13-01,2030-12-31\n")
    (folder / "tax_rates.csv").write_text(text)
    assert places(faults_of(folder)) == [("tax_rates.csv", 3, "valid_from")]


def test_the_last_tier_must_be_open(tmp_path: Path) -> None:
    fault = only(spoiled(tmp_path, "price_tiers", 3, up_to="200"))
    assert (fault.row, fault.column, fault.found) == (3, "up_to", "200 in the last tier of storage-tiers")


def test_accounts_in_a_circle_of_parents_are_found(tmp_path: Path) -> None:
    faults = faults_of(spoiled(tmp_path, "billing_accounts", 3, parent_account_id="bolt"))
    assert [(fault.row, fault.column) for fault in faults] == [(3, "parent_account_id"), (4, "parent_account_id")]


def test_an_amount_is_held_against_the_digits_its_currency_has_while_it_holds(tmp_path: Path) -> None:
    own = "billing_currency|exponent|valid_from|valid_until\n EUR|3|2020-01-01|2025-12-31\n EUR|2|2026-01-01|"
    write(tmp_path, {**SOUND, "currencies": own})
    folder = write(
        tmp_path,
        {"billing_accounts": SOUND["billing_accounts"].replace("1000.00 ", "1000.123").replace("2000.50", "2000.123")},
    )
    fault = only(folder)
    assert (fault.row, fault.column, fault.found) == (3, "credit_limit", "2000.123 EUR")


@pytest.mark.parametrize(
    ("policy", "value", "is_known"),
    [
        ("grant_order", "+expires_at,-coverage, occurred_at,grant_id", True),
        ("grant_order", "expires_at,expires_at", False),
        ("grant_order", "expiry", False),
        ("grant_order", "--priority", False),
        ("credit_warning", "0.9", True),
        ("credit_warning", "80 %", False),
        ("credit_hysteresis", "1.5", False),
        ("earliest_open_period", "2026-01", True),
        ("earliest_open_period", "2026-13", False),
        ("rounding_charges", "down", True),
        ("rounding_charges", "truncate", False),
    ],
)
def test_a_policy_takes_its_own_values_only(tmp_path: Path, policy: str, value: str, is_known: bool) -> None:
    faults = faults_of(spoiled(tmp_path, "billing_policies", 3, policy=policy, value=value))
    assert [fault.wanted for fault in faults] == ([] if is_known else [POLICIES[policy].wanted])


# Files


def test_a_table_in_both_formats_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, SOUND)
    pl.DataFrame({"sku_id": ["x"]}).write_parquet(folder / "principals.parquet")
    fault = only(folder)
    assert fault.found == "principals.csv and principals.parquet"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sku_price.csv", "did you mean sku_prices?"),
        ("skus.xlsx", "did you mean skus?"),
        ("billing_acounts.parquet", "did you mean billing_accounts?"),
        ("notes.txt", "<table>.csv or <table>.parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_nearest_name(tmp_path: Path, name: str, near: str) -> None:
    folder = write(tmp_path, SOUND)
    (folder / name).write_text("")
    fault = only(folder)
    assert (fault.file, fault.row) == (name, None)
    assert near in fault.wanted


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "no such folder" in [fault.found for fault in faults_of(tmp_path / "nowhere")]


@pytest.mark.parametrize(
    ("content", "row", "found"),
    [
        (b"", None, "no header"),
        (b"\n", None, "no header"),
        (b"principal_id;role;valid_from\n", 1, "'principal_id;role;valid_from'"),
        (b"principal_id,role,\nroot,staff,2020-01-01\n", 1, "column 3 without a name"),
        (b"principal_id,role,role,valid_from\n", 1, "the column twice"),
        (b"principal_id,role,valid_from\nroot,staff\n", 2, "2 cells"),
        (b"principal_id,role,valid_from\n\nroot,staff,2020-01-01,\n", 3, "4 cells"),
        (b'principal_id,role,valid_from\n"root,staff,2020-01-01\n', None, "unexpected end of data"),
        (b"principal_id,role,valid_from\nr\xf6\xf6t,staff,2020-01-01\n", None, "byte 0xf6 in line 2"),
    ],
)
def test_a_csv_file_that_cannot_be_taken_apart_is_said(
    tmp_path: Path, content: bytes, row: int | None, found: str
) -> None:
    folder = write(tmp_path, SOUND)
    (folder / "principals.csv").write_bytes(content)
    fault = only(folder)
    assert (fault.file, fault.row, fault.found) == ("principals.csv", row, found)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path, SOUND)
    (folder / "principals.csv").write_bytes(b"\xef\xbb\xbfprincipal_id,role,valid_from\r\nroot,staff,2020-01-01\r\n")
    assert load_reference(folder)["principals"]["principal_id"].to_list() == ["root"]


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("list_unit_price", pl.Series([0.1]), "a decimal, an integer or text"),
        ("valid_from", pl.Series(["2026-01-01T00:00:00"]).str.to_datetime(), "a timestamp with a time zone"),
        ("sku_id", pl.Series([b"x"]), "text, a number, a flag, a day, an instant or a list of texts"),
    ],
)
def test_a_parquet_column_of_a_type_that_guesses_is_refused(
    tmp_path: Path, column: str, values: pl.Series, wanted: str
) -> None:
    folder = write(
        tmp_path, {name: table for name, table in SOUND.items() if name not in ("sku_prices", "price_tiers")}
    )
    sound = {"sku_price_id": "p", "sku_id": "vm-small", "billing_currency": "EUR", "price_model": "unit"}
    row = pl.DataFrame({**sound, "list_unit_price": "1", "valid_from": "2026-01-01"})
    row.with_columns(values.alias(column)).write_parquet(folder / "sku_prices.parquet")
    fault = only(folder)
    assert (fault.file, fault.column, fault.wanted) == ("sku_prices.parquet", column, wanted)


def test_a_broken_parquet_file_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path, SOUND)
    (folder / "principals.csv").unlink()
    (folder / "principals.parquet").write_bytes(b"PAR1 but not really")
    fault = only(folder)
    assert (fault.file, fault.wanted) == ("principals.parquet", "a Parquet file")


def test_a_missing_column_is_said_once_and_not_for_each_row(tmp_path: Path) -> None:
    folder = write(tmp_path, SOUND)
    lines = (folder / "principals.csv").read_text().replace("role,", "", 1)
    (folder / "principals.csv").write_text(lines.replace("staff,", "").replace("billing_manager,", ""))
    fault = only(folder)
    assert (fault.row, fault.column, fault.found) == (None, "role", "no such column")


def test_an_unknown_column_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    fault = only(spoiled(tmp_path, "skus", 2, servise_category="Compute"))
    assert (fault.row, fault.column) == (None, "servise_category")
    assert "did you mean service_category?" in fault.wanted


# What recurs, and what is spent at most and at least

RECURRING = "recurring_item_id | billing_account_id | sub_account_id | sku_id | quantity | valid_from | valid_until\n"
LIMITS = (
    "spend_limit_id | kind | billing_account_id | sku_price_id | amount | billing_currency | true_up_sku_id "
    "| valid_from | valid_until\n"
)


@pytest.mark.parametrize(
    ("row", "column", "wanted"),
    [
        ("r | acme | website | gpu      | 1  | 2026-01-01 | ", "sku_id", "a sku_id of skus.csv"),
        ("r | acne | website | vm-small | 1  | 2026-01-01 | ", "billing_account_id", "did you mean acme?"),
        ("r | acme | webside | vm-small | 1  | 2026-01-01 | ", "sub_account_id", "did you mean website?"),
        ("r | acme | website | vm-small | 0  | 2026-01-01 | ", "quantity", "above 0"),
        ("r | acme | website | vm-small | -1 | 2026-01-01 | ", "quantity", "above 0"),
    ],
)
def test_a_recurring_item_names_what_there_is_and_a_quantity_above_zero(
    tmp_path: Path, row: str, column: str, wanted: str
) -> None:
    fault = only(with_table(tmp_path, "recurring_items", RECURRING + row))
    assert (fault.file, fault.row, fault.column) == ("recurring_items.csv", 2, column)
    assert wanted in fault.wanted


def test_a_recurring_item_of_another_accounts_project_is_found(tmp_path: Path) -> None:
    projects = SOUND["sub_accounts"].rstrip() + "\n app | bolt | App | 2025-01-01 |"
    folder = write(tmp_path, {**SOUND, "sub_accounts": projects})
    fault = only(write(folder, {"recurring_items": RECURRING + "r | acme | app | vm-small | 1 | 2026-01-01 | "}))
    assert (fault.row, fault.column, fault.found) == (2, "sub_account_id", "'app' for acme")


def test_the_rows_of_a_recurring_item_follow_one_another(tmp_path: Path) -> None:
    rows = ("r | acme | | vm-small | 1 | 2026-01-01 | 2026-03-31", "r | acme | | vm-small | 2 | 2026-04-01 | ")
    assert faults_of(with_table(tmp_path / "sound", "recurring_items", RECURRING + "\n".join(rows))) == ()
    overlapping = rows[0].replace("03-31", "04-01")
    fault = only(with_table(tmp_path / "spoiled", "recurring_items", RECURRING + f"{overlapping}\n{rows[1]}"))
    assert (fault.row, fault.column) == (3, "valid_from")


@pytest.mark.parametrize(
    ("row", "column", "wanted"),
    [
        ("s | maximum_spend | | | 100 | EUR | | 2026-01-01 | ", "billing_account_id", "an account or a price"),
        ("s | minimum_spend | acme | | 100 | EUR | | 2026-01-01 | ", "true_up_sku_id", "a SKU for the true-up charge"),
        ("s | maximum_spend | acme | | 100 | EUR | vm-small | 2026-01-01 | ", "true_up_sku_id", "nothing, as kind is"),
        ("s | minimum_spend | acme | | 100 | EUR | gpu | 2026-01-01 | ", "true_up_sku_id", "a sku_id of skus.csv"),
        ("s | maximum_spend | acne | | 100 | EUR | | 2026-01-01 | ", "billing_account_id", "did you mean acme?"),
        ("s | maximum_spend | | vm-lost | 100 | EUR | | 2026-01-01 | ", "sku_price_id", "did you mean vm-list?"),
        ("s | maximum_spend | acme | | 100 | JPY | | 2026-01-01 | ", "billing_currency", "its account is billed in"),
        (
            "s | maximum_spend | | vm-list | 100 | JPY | | 2026-01-01 | ",
            "billing_currency",
            "the currency of its price",
        ),
        ("s | maximum_spend | acme | | -1 | EUR | | 2026-01-01 | ", "amount", "at least 0"),
        ("s | maximum_spend | acme | | 0.001 | EUR | | 2026-01-01 | ", "amount", "at most 2 digits"),
        ("s | maximum | acme | | 1 | EUR | | 2026-01-01 | ", "kind", "one of maximum_spend, minimum_spend"),
    ],
)
def test_a_spend_limit_says_of_whom_how_much_and_how_a_minimum_is_charged(
    tmp_path: Path, row: str, column: str, wanted: str
) -> None:
    fault = only(with_table(tmp_path, "spend_limits", LIMITS + row))
    assert (fault.file, fault.row, fault.column) == ("spend_limits.csv", 2, column)
    assert wanted in fault.wanted


def test_a_spend_limit_has_one_row(tmp_path: Path) -> None:
    rows = (
        "s | maximum_spend | acme | | 1 | EUR | | 2026-01-01 | 2026-03-31",
        "s | maximum_spend | acme | | 2 | EUR | | 2026-04-01 | ",
    )
    fault = only(with_table(tmp_path, "spend_limits", LIMITS + "\n".join(rows)))
    assert (fault.row, fault.column, fault.found) == (3, "spend_limit_id", "spend_limit_id 's' again, as in row 2")


def test_what_recurs_and_what_is_limited_loads(tmp_path: Path) -> None:
    folder = with_table(tmp_path, "recurring_items", RECURRING + "r | acme | website | vm-small | 0.5 | 2026-01-01 | ")
    limits = (
        "cap   | maximum_spend | acme |         | 100 | EUR |          | 2026-01-01 | ",
        "list  | maximum_spend |      | vm-list | 50  | EUR |          | 2026-01-01 | 2026-12-31",
        "least | minimum_spend | bolt |         | 500 | JPY | vm-small | 2026-01-01 | ",
    )
    assert faults_of(write(folder, {"spend_limits": LIMITS + "\n".join(limits)})) == ()


WATCHED = (
    "cost_policy_id | billing_account_id | sub_account_id | measure | sku_id | limit | cost_position | period | action "
    "| valid_from | valid_until\n"
)


@pytest.mark.parametrize(
    ("row", "column", "wanted"),
    [
        ("c | acne | | cost | | 1 | | month | notify | 2026-01-01 | ", "billing_account_id", "did you mean acme?"),
        (
            "c | acme | webside | cost | | 1 | | month | notify | 2026-01-01 | ",
            "sub_account_id",
            "did you mean website?",
        ),
        ("c | acme | | cost | gpu | 1 | | month | notify | 2026-01-01 | ", "sku_id", "a sku_id of skus.csv"),
        ("c | acme | | quantity | | 1 | | month | notify | 2026-01-01 | ", "sku_id", "a SKU, as measure is quantity"),
        (
            "c | acme | | quantity | vm-small | 1 | after_grants | month | notify | 2026-01-01 | ",
            "cost_position",
            "before_grants or nothing",
        ),
        ("c | acme | | usage | | 1 | | month | notify | 2026-01-01 | ", "measure", "one of cost, quantity"),
        ("c | acme | | cost | | 0 | | month | notify | 2026-01-01 | ", "limit", "above 0"),
        ("c | acme | | cost | | 0.001 | | month | notify | 2026-01-01 | ", "limit", "at most 2 digits"),
        ("c | bolt | | cost | | 0.5 | | month | notify | 2026-01-01 | ", "limit", "at most 0 digits"),
        ("c | acme | | cost | | 1 | | year | notify | 2026-01-01 | ", "period", "one of month, total"),
        ("c | acme | | cost | | 1 | | month | stop | 2026-01-01 | ", "action", "one of notify, restrict_new"),
    ],
)
def test_a_cost_policy_says_what_it_measures_and_a_limit_above_zero(
    tmp_path: Path, row: str, column: str, wanted: str
) -> None:
    fault = only(with_table(tmp_path, "cost_policies", WATCHED + row))
    assert (fault.file, fault.row, fault.column) == ("cost_policies.csv", 2, column)
    assert wanted in fault.wanted


def test_a_cost_policy_of_another_accounts_project_is_found(tmp_path: Path) -> None:
    projects = SOUND["sub_accounts"].rstrip() + "\n app | bolt | App | 2025-01-01 |"
    folder = write(tmp_path, {**SOUND, "sub_accounts": projects})
    row = "c | acme | app | cost | | 1 | | month | notify | 2026-01-01 | "
    fault = only(write(folder, {"cost_policies": WATCHED + row}))
    assert (fault.row, fault.column, fault.found) == (2, "sub_account_id", "'app' for acme")


def test_the_rows_of_a_cost_policy_follow_one_another(tmp_path: Path) -> None:
    rows = (
        "c | acme | | cost | | 100 | | month | notify | 2026-01-01 | 2026-03-31",
        "c | acme | | cost | | 200 | | month | notify | 2026-05-01 | ",
        "h | bolt | | quantity | vm-small | 0.000000000000001 | | total | restrict_new | 2026-01-01 | ",
        "s | acme | website | cost | vm-small | 0.01 | after_grants | total | terminate_request | 2026-01-01 | ",
    )
    assert faults_of(with_table(tmp_path / "sound", "cost_policies", WATCHED + "\n".join(rows))) == ()
    overlapping = rows[0].replace("03-31", "05-01")
    fault = only(with_table(tmp_path / "spoiled", "cost_policies", WATCHED + f"{overlapping}\n{rows[1]}"))
    assert (fault.row, fault.column) == (3, "valid_from")


@pytest.mark.parametrize(
    ("cells", "column", "wanted"),
    [
        ({"quantity_rounding": "up", "quantity_rounding_scope": "record"}, "quantity_increment", "an increment"),
        ({"quantity_rounding": "up", "quantity_increment": "1"}, "quantity_rounding_scope", "record or period"),
        ({"quantity_increment": "1"}, "quantity_rounding", "up, nearest or down"),
        ({"quantity_rounding_scope": "record"}, "quantity_rounding", "up, nearest or down"),
    ],
)
def test_rounding_a_quantity_takes_a_mode_an_increment_and_a_scope(
    tmp_path: Path, cells: dict[str, str], column: str, wanted: str
) -> None:
    fault = only(spoiled(tmp_path, "skus", 2, **cells))
    assert (fault.row, fault.column) == (2, column)
    assert wanted in fault.wanted


# What billfold does not do (section 14), and what this version does not do yet


@pytest.mark.parametrize(
    ("table", "column", "reason"),
    [
        ("sku_prices", "tax_inclusive", "no tax-inclusive prices"),
        ("skus", "in_advance", "does not bill in advance"),
        ("tax_rates", "compound", "no compound taxes"),
        ("promo_codes", "rollover", "grant twelve dated ones"),
        ("price_tiers", "package_size", "mixed block sizes"),
        ("billing_accounts", "exchange_rate", "converts no currency"),
    ],
)
def test_what_billfold_never_does_is_refused_by_name(tmp_path: Path, table: str, column: str, reason: str) -> None:
    fault = only(spoiled(tmp_path, table, 2, **{column: "true"}))
    assert fault.column == column
    assert reason in fault.what_to_do


def test_exchange_rates_are_refused_by_name(tmp_path: Path) -> None:
    fault = only(with_table(tmp_path, "exchange_rates", "from | to | rate\n EUR | USD | 1.1"))
    assert (fault.file, "converts no currency" in fault.what_to_do) == ("exchange_rates.csv", True)


# Together


def test_all_faults_of_all_files_come_at_once_in_order(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", SOUND)
    for table, row, column, text in [
        ("skus", 2, "meter", "summ"),
        ("skus", 3, "service", ""),
        ("sku_prices", 2, "list_unit_price", "1,5"),
        ("sku_prices", 3, "sku_id", "gpu"),
        ("tax_rates", 3, "rate", "19"),
        ("billing_accounts", 3, "credit_limit", "0.001"),
    ]:
        written = spoiled(tmp_path / "other", table, row, **{column: text}) / f"{table}.csv"
        lines, others = (folder / written.name).read_text().splitlines(), written.read_text().splitlines()
        lines[row - 1] = others[row - 1]
        (folder / written.name).write_text("\n".join(lines))
    (folder / "sku.csv").write_text("")
    with pytest.raises(ReferenceFaults) as found:
        load_reference(folder)
    assert places(found.value.faults) == [
        ("billing_accounts.csv", 3, "credit_limit"),
        ("sku.csv", None, None),
        ("sku_prices.csv", 2, "list_unit_price"),
        ("sku_prices.csv", 3, "sku_id"),
        ("skus.csv", 2, "meter"),
        ("skus.csv", 3, "service"),
        ("tax_rates.csv", 3, "rate"),
    ]
    assert str(found.value).startswith("7 faults in the reference folder; nothing was read from it:\n")


def test_a_price_table_of_100_000_rows_is_read_whole_and_its_two_faults_found(tmp_path: Path) -> None:
    header = "sku_price_id,sku_id,region_id,billing_currency,price_model,list_unit_price,valid_from,valid_until"
    rows = [f"p{at},vm-small,r{at % 7},EUR,unit,0.{at + 1:06},2026-{at % 12 + 1:02}-01," for at in range(100_000)]
    rows[50_000] = rows[50_000].replace("EUR", "ERU")
    rows[99_999] = rows[99_999].replace("0.100000", "0,1,00")
    folder = write(
        tmp_path, {name: table for name, table in SOUND.items() if name not in ("sku_prices", "price_tiers")}
    )
    (folder / "sku_prices.csv").write_text("\n".join([header, *rows]))
    assert places(faults_of(folder)) == [
        ("sku_prices.csv", 50_002, "billing_currency"),
        ("sku_prices.csv", 100_001, None),
    ]


def test_one_kind_of_fault_in_every_row_is_told_ten_times_and_counted(tmp_path: Path) -> None:
    rows = [f"d{at} | percent | 5 | | | | | | 1 | 1.1.26 | " for at in range(30)]
    with pytest.raises(ReferenceFaults) as found:
        load_reference(with_rows(tmp_path, "discounts", *rows))
    assert len(found.value.faults) == 30
    assert len(str(found.value).splitlines()) == 12
    assert "discounts.csv, valid_from: 20 more that wanted a day such as 2026-10-01" in str(found.value)
