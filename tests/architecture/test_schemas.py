"""The vocabulary is complete, described, spelled once, and says what is wrong with a frame."""

import ast
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from schemas import HANDED_ON, INPUTS, INTERMEDIATE, OUTPUTS, REFERENCE, TABLES, VIEWS, Table, TableError
from schemas.charges import Charges
from schemas.sku_prices import SkuPrices
from schemas.unit_conversions import UnitConversions
from schemas.units import Money, NotOfTypeError, Quantity, TextList, parse
from tests.tables import assert_table, table

ROOT = Path(__file__).resolve().parents[2]
EVERY = TABLES | VIEWS | HANDED_ON


def _words(text: str) -> list[str]:
    return text.split()


TABLE_NAMES = _words("""
    usage_records stored_usage usage_series landed_files rejects operations
    sellers billing_accounts sub_accounts skus unit_conversions sku_prices price_tiers recurring_items spend_limits
    discounts grant_kinds promo_codes tax_rates currencies billing_policies cost_policies principals
    account_periods rating_lines charges expense_numbers grants allocations tax_breakdown tax_shares
    grant_movements holds unpriced_usage cost_policy_measures
    invoices invoice_lines ledger_entries payment_applications account_restrictions cost_policy_events
""")
VIEW_NAMES = _words("""
    runs grant_balances bonus_credits active_discounts credit_limit_overview credit_overview promo_codes_available
    organization_credits project_credits project_costs free_credits paid_credits credit_history trial_balance
    usage_by_month cost_policy_states current_restrictions
""")
HANDED_ON_NAMES = ["metered_usage"]
READ_BY_PEOPLE = _words("""
    credit_limit_overview promo_codes_available bonus_credits active_discounts organization_credits project_credits
    free_credits paid_credits credit_history invoices invoice_lines grant_balances account_restrictions
    cost_policy_events ledger_entries trial_balance rejects operations runs
""")
NOT_TABLES = {"__init__", "table", "units", "columns"}

# What the rule book says must not be guessed (1.2): columns, and which of them may be null.
COLUMNS_OF_THE_RULE_BOOK = {
    "sku_prices": """sku_price_id sku_id region_id? billing_account_id? billing_currency price_model list_unit_price?
        per_quantity package_size? fixed_fee? minimum? maximum? tier_scope free_quantity valid_from valid_until?""",
    "price_tiers": "sku_price_id up_to? unit_price flat_fee",
    "unit_conversions": "from_unit to_unit sku_id? numerator denominator valid_from valid_until?",
    "discounts": """discount_id kind value billing_currency? billing_account_id? sub_account_id? service? feature?
        sku_id? promo_code? priority valid_from valid_until?""",
    "grant_kinds": """kind rank tax_position transferable validity? exclude terminal_status visible_months
        once_per_domain valid_from valid_until?""",
    "promo_codes": """promo_code benefit kind? value billing_currency? window_start duration? include? exclude?
        accounts? total_limit? per_account_limit valid_from valid_until?""",
    "tax_rates": """seller_jurisdiction account_jurisdiction account_region? tax_status tax_category component rate code
        exemption_reason? valid_from valid_until?""",
    "currencies": "billing_currency exponent valid_from valid_until?",
    "billing_policies": "billing_account_id? policy value valid_from valid_until?",
    "principals": "principal_id role billing_account_id? sub_account_id? valid_from valid_until?",
}


def test_every_table_and_view_has_a_class():
    assert sorted(TABLES) == sorted(TABLE_NAMES)
    assert sorted(VIEWS) == sorted(VIEW_NAMES)
    assert sorted(HANDED_ON) == HANDED_ON_NAMES


def test_everything_people_read_is_in_the_dictionary():
    assert [name for name in READ_BY_PEOPLE if name not in EVERY] == []


def test_every_table_stands_in_one_group():
    groups = Counter(name for group in (INPUTS, REFERENCE, INTERMEDIATE, HANDED_ON, OUTPUTS, VIEWS) for name in group)
    assert groups == Counter(list(EVERY))


def test_a_file_is_named_as_its_table_and_holds_no_other():
    files = {path.stem for path in (ROOT / "schemas").glob("*.py")} - NOT_TABLES
    views = {path.stem for path in (ROOT / "schemas" / "views").glob("*.py")} - NOT_TABLES
    assert (files, views) == ({*TABLES, *HANDED_ON}, set(VIEWS))
    for name, schema in EVERY.items():
        assert schema.__module__.rpartition(".")[2] == name == schema.table_name()


@pytest.mark.parametrize("name", COLUMNS_OF_THE_RULE_BOOK)
def test_a_table_has_just_the_columns_the_rule_book_names(name: str):
    schema = TABLES[name]
    found = [column + "?" * (column in schema.nullable()) for column in schema.columns()]
    assert found == COLUMNS_OF_THE_RULE_BOOK[name].split()


@pytest.mark.parametrize("name", EVERY)
def test_every_column_says_what_it_is_by_whose_definition_with_an_example(name: str):
    schema = EVERY[name]
    silent = [
        f"{column}: no {word}"
        for column, said in schema.descriptions().items()
        for word in ("description", "source", "example")
        if not said[word]
    ]
    assert silent == []
    assert schema.__doc__.startswith("One row per ")


@pytest.mark.parametrize("name", EVERY)
def test_every_measured_column_has_a_unit(name: str):
    schema = EVERY[name]
    measured = [column for column, kind in schema.type_names().items() if kind in ("Quantity", "Price")]
    assert [column for column in measured if not schema.descriptions()[column]["unit"]] == []


@pytest.mark.parametrize("name", EVERY)
def test_money_whose_unit_is_the_currency_of_its_row_stands_in_a_row_with_a_currency(name: str):
    schema = EVERY[name]
    units = {said["unit"] for said in schema.descriptions().values()}
    assert "billing_currency" not in units or "billing_currency" in schema.columns() or name == "sku_prices"


@pytest.mark.parametrize("name", EVERY)
def test_the_examples_are_a_row_of_the_table(name: str):
    schema = EVERY[name]
    examples = schema.check(schema.examples())
    assert examples.height == 1
    assert sum(examples.null_count().row(0)) == 0
    assert schema.check(schema.empty()).height == 0


@pytest.mark.parametrize("name", EVERY)
def test_a_default_is_a_value_of_its_column(name: str):
    schema = EVERY[name]
    for column, value in schema.defaults().items():
        assert pl.Series([value], dtype=schema.columns()[column]).to_list() == [value]


@pytest.mark.parametrize("name", EVERY)
def test_a_key_is_made_of_columns_of_the_table(name: str):
    assert set(EVERY[name].key()) <= set(EVERY[name].columns())


def test_no_two_tables_describe_one_column_in_the_same_words():
    described = Counter(
        (statement.target.id, text)
        for path in (ROOT / "schemas").rglob("*.py")
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        for text in _own_words(statement.value)
    )
    # Two pages show a day, a price or a limit that the same words describe but another rule defines; the names of their
    # columns are no words of ours.
    assert [f"{name}: {text}" for (name, text), times in described.items() if times > 1 and name not in BY_OTHERS] == []


BY_OTHERS = {
    "legal_name",  # BT-27 of a seller, BT-44 of a buyer
    "address",  # BG-5 of a seller, BG-8 of a buyer
    "usage_period",  # S3.15 of free, S3.27 of paid credit
    "remaining_amount",  # S3.17 of free, S3.28 of paid credit
    "priority",  # D3 of a discount, G4 of a grant
    "balance",  # K1 of a grant, of an organization's and of a project's credit
    "amount",  # each table's own
    "value",  # each table's own
    "logic",  # checked in grants; as it was written in operations
}


def _own_words(value: ast.expr | None) -> list[str]:
    """The description in a call of `column` itself; a call of `columns.…` shares its words."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "column"):
        return []
    return [one.value for one in value.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]


# Where a precision, a scale or a time unit may be spelled beside schemas/units.py, and why.
SPELLED_ELSEWHERE = {
    "flows/sample/usage.py": "writes a delivery as another system would, in decimals as narrow as that system keeps",
    "rating/money.py": "digits without their point, on the way to a Quantity",
}


def test_types_are_spelled_once():
    spelling = re.compile(r"\bpl\.(Decimal|Datetime)\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("schemas", "rating", "flows")
        for path in (ROOT / folder).rglob("*.py")
        if spelling.search(_code_only(path.read_text(encoding="utf-8")))
    }
    assert found - {"schemas/units.py"} == set(SPELLED_ELSEWHERE)


def _code_only(source: str) -> str:
    """The source without comments and docstrings; a doctest may spell a type to show one that is not ours."""
    module = ast.parse(source)
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(module)


# What check says


def _said(schema: type[Table], frame: pl.DataFrame) -> str:
    with pytest.raises(TableError) as raised:
        schema.check(frame)
    return str(raised.value)


CHARGES = table(
    Charges,
    """
    charge_id | list_cost
    c1        |     10.00
    c2        |     11.00
    """,
)


def test_a_frame_that_is_the_table_comes_back_as_it_is():
    assert Charges.check(CHARGES) is CHARGES


def test_a_missing_column_is_named():
    assert _said(Charges, CHARGES.drop("service")) == "charges.service is missing"


def test_a_column_too_many_is_named():
    assert _said(Charges, CHARGES.with_columns(colour=1)) == "charges.colour is no column of this table"


def test_another_order_is_told_with_what_to_do():
    assert _said(Charges, CHARGES.select(reversed(CHARGES.columns))).endswith("use conform")


def test_another_type_is_told_with_the_one_wanted():
    narrower = CHARGES.with_columns(pl.col("list_cost").cast(pl.Decimal(18, 4)))
    assert _said(Charges, narrower) == (
        "charges.list_cost is Decimal(precision=18, scale=4); wanted Decimal(precision=38, scale=4)"
    )


def test_a_null_where_none_may_be_names_the_row():
    holed = CHARGES.with_columns(service=pl.when(charge_id="c1").then("service"))
    assert _said(Charges, holed) == "charges.service is null in 1 row: charge_id='c2', service=None"


def test_a_value_outside_its_enumeration_names_the_row_and_the_choices():
    odd = CHARGES.with_columns(charge_category=pl.lit("gift"))
    assert _said(Charges, odd) == (
        "charges.charge_category is not one of usage, recurring, one_off in 2 rows: "
        "charge_id='c1', charge_category='gift'; charge_id='c2', charge_category='gift'"
    )


def test_a_value_below_its_bound_names_the_row():
    prices = SkuPrices.examples().with_columns(free_quantity=pl.lit(Decimal("-1"), Quantity))
    assert "sku_prices.free_quantity is not at least 0 in 1 row" in _said(SkuPrices, prices)


def test_every_fault_is_told_at_once():
    odd = CHARGES.with_columns(charge_category=pl.lit("gift"), billing_period=pl.lit("2026-13"), charge_id=pl.lit("c1"))
    faults = _said(Charges, odd).splitlines()
    assert [fault.split()[0] for fault in faults] == ["charges.billing_period", "charges.charge_category", "charges:"]


def test_a_repeated_key_names_the_rows():
    assert _said(Charges, pl.concat([CHARGES, CHARGES[:1]])) == (
        "charges: key (charge_id) is not unique in 2 rows: charge_id='c1'; charge_id='c1'"
    )


def test_two_nulls_in_a_key_are_the_same():
    anywhere = UnitConversions.examples().with_columns(sku_id=pl.lit(None, pl.String))
    assert "is not unique in 2 rows" in _said(UnitConversions, pl.concat([anywhere, anywhere]))


def test_only_the_first_rows_of_many_are_shown():
    many = pl.concat([CHARGES[:1]] * 100)
    assert _said(Charges, many).count("charge_id='c1'") == 3


# What conform does


def test_conform_orders_the_columns_and_fills_absent_nullable_ones_with_typed_nulls():
    shuffled = CHARGES.drop("region_id").select(pl.lit(1).alias("other"), *reversed(CHARGES.drop("region_id").columns))
    assert Charges.conform(shuffled).equals(CHARGES)
    assert Charges.conform(shuffled.lazy()).collect().equals(CHARGES)


def test_conform_fills_no_column_that_may_not_be_null():
    with pytest.raises(TableError, match=r"charges: no column service; the frame has charge_id"):
        Charges.conform(CHARGES.drop("service"))


def test_conform_keeps_a_wrong_type_for_check_to_find():
    wrong = Charges.conform(CHARGES.with_columns(charge_order=pl.lit("1")))
    assert _said(Charges, wrong) == "charges.charge_order is String; wanted Int64"


# What a text stands for


def test_a_decimal_of_38_digits_is_read_exactly():
    text = "12345678901234567890123.123456789012345"
    assert str(pl.Series([parse(text, Quantity)], dtype=Quantity)[0]) == text


@pytest.mark.parametrize(
    ("text", "dtype", "why"),
    [
        ("0.00001", Money, "more than 4 decimals"),
        ("1" + "0" * 34, Money, "more than 34 digits before the point"),
        ("NaN", Money, "not a finite number"),
        ("ten", Money, "cannot be read"),
        ("service:Cloud", TextList, "cannot be read"),
    ],
)
def test_a_text_that_is_no_value_of_its_type_is_told(text: str, dtype: pl.DataType, why: str):
    with pytest.raises(NotOfTypeError, match=why):
        parse(text, dtype)


# What tests write their tables with


def test_an_unmentioned_column_is_its_default_or_null_or_its_example():
    prices = table(
        SkuPrices,
        """
        sku_price_id | list_unit_price
        vm-1         |            2.50
        vm-2         |
        """,
        billing_account_id="acme",
    )
    assert_table(
        prices,
        SkuPrices,
        """
        sku_price_id | list_unit_price | billing_account_id | per_quantity | maximum | sku_id
        vm-2         |                 | acme               |            1 |         | vm-small
        vm-1         |             2.5 | acme               |            1 |         | vm-small
        """,
    )


def test_an_unmentioned_key_is_numbered():
    charges = table(Charges, "list_cost\n1\n2")
    assert charges["charge_id"].to_list() == ["charge-1", "charge-1.2"]


def test_a_table_that_differs_is_shown_row_by_row():
    with pytest.raises(AssertionError) as raised:
        assert_table(
            CHARGES,
            Charges,
            """
            charge_id | list_cost | region_id
            c1        |     10.00 |
            c2        |     11.01 | eu-1
            """,
        )
    assert str(raised.value).splitlines() == [
        "charges differs (- wanted, not found; + found, not wanted)",
        "  charge_id | list_cost | region_id",
        "+ c2        | 11        |",
        "- c2        | 11.01     | eu-1",
    ]


def test_a_row_that_is_there_once_too_often_is_a_difference():
    with pytest.raises(AssertionError, match=r"\+ 10"):
        assert_table(pl.concat([CHARGES[:1]] * 2), Charges, "list_cost\n10")


def test_a_misspelled_column_is_no_column():
    with pytest.raises(AssertionError, match="charges has no column list_costs"):
        table(Charges, "list_costs\n10")
