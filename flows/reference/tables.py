"""What each reference table wants beyond its schema: its dates, its small languages, and which cells must agree.

Types, nulls, defaults, enumerations and bounds are the schema's (`schemas/<table>.py`) and are read from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from flows.reference import boundaries, forms
from flows.reference.faults import sentence_list
from flows.reference.forms import Form
from rating.price_models import PRICE_MODELS

BEFORE_TIME = "a day such as 2026-10-01, or an instant with its offset such as 2026-10-01T00:00:00Z"


@dataclass(frozen=True)
class RowCheck:
    """A condition of one row that is a fault."""

    column: str
    is_fault: pl.Expr
    wanted: str
    what_to_do: str


def _model_checks() -> Iterator[RowCheck]:
    """What a price must and must not say, by its model (P3)."""
    words = sentence_list(PRICE_MODELS)
    yield RowCheck("price_model", ~pl.col("price_model").is_in(list(PRICE_MODELS)), words, "use one of these words")
    columns = dict.fromkeys(column for model in PRICE_MODELS.values() for column in (*model.needs, *model.may_have))
    for name, model in PRICE_MODELS.items():
        is_model = pl.col("price_model") == name
        for column in columns:
            value = pl.col(column)
            is_said = value != 1 if column == "per_quantity" else value.is_not_null()
            if column in model.needs:
                wanted = f"{_WANTED.get(column, 'a value')}, as price_model is {name}"
                yield RowCheck(column, is_model & value.is_null(), wanted, _WRITE.get(column, "write it"))
            elif column not in model.may_have:
                what_to_do = "write 1" if column == "per_quantity" else "leave it empty, or use another model"
                yield RowCheck(column, is_model & is_said, f"nothing, as price_model is {name}", what_to_do)


_WANTED = {"list_unit_price": "a price", "package_size": "a size"}
_WRITE = {"list_unit_price": "write the price", "package_size": "write how many units a block holds"}


@dataclass(frozen=True)
class Link:
    """A column whose values are keys of another table."""

    table: str
    column: str
    to_table: str
    to_column: str


@dataclass(frozen=True)
class Rules:
    """One reference table: what it is for, and what its rows must keep."""

    purpose: str
    key: tuple[str, ...]
    is_dated: bool = False  # rows of one key follow one another in time; an overlap is a fault
    is_gapless: bool = False  # and leave no hole between the first and the last
    forms: Mapping[str, Form] = field(default_factory=dict)
    checks: tuple[RowCheck, ...] = ()


COMMON_FORMS: Mapping[str, Form] = {
    "valid_from": Form(boundaries.start, BEFORE_TIME, "write the date as year-month-day"),
    "valid_until": Form(
        boundaries.end, BEFORE_TIME + ", or nothing when it has no end", "write the date as year-month-day"
    ),
}

SCOPES = Form(
    forms.text_list(forms.scope),
    'a JSON list of "dimension:value", dimension ' + forms.DIMENSIONS[0] + ", " + ", ".join(forms.DIMENSIONS[1:]),
    'write for example ["service:Cloud"]; charge takes ' + ", ".join(forms.CHARGES),
)
TEXTS = Form(
    forms.text_list(), 'a JSON list of texts, such as ["a", "b"]', "write the list in brackets, texts in quotes"
)
PATTERN = Form(
    forms.number_pattern,
    f"a pattern with {{year}} and one {{sequence}}, at most {forms.NUMBER_LENGTH} characters when filled",
    "write for example INV-{year}-{sequence:06}",
)
DURATION = Form(forms.duration, "an ISO 8601 duration in years, months, weeks or days", "write for example P5Y or P3M")
CURRENCY = Form(forms.currency_code, "three capital letters", "write the ISO 4217 code")

TAX_CODES = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M")  # EN 16931, BT-151

_kind = pl.col("kind")
_rounds = pl.col("quantity_rounding").is_not_null()
_benefit = pl.col("benefit")
_is_zero_rated = pl.col("code").is_in(["Z", "E", "AE", "K", "G", "O"])
_needs_reason = pl.col("code").is_in(["E", "AE", "K", "G", "O"])

TABLES: Mapping[str, Rules] = {
    "sellers": Rules(
        "who sells and invoices",
        key=("seller_id",),
        is_dated=True,
        is_gapless=True,
        forms={
            "accounting_year_start": Form(
                forms.month_and_day, "a month and a day such as 01-01", "write the day every year has"
            ),
            "invoice_number_pattern": PATTERN,
            "credit_note_number_pattern": PATTERN,
        },
        checks=(
            RowCheck(
                "credit_note_number_pattern",
                pl.col("credit_note_number_pattern") == pl.col("invoice_number_pattern"),
                "another pattern than that of invoices",
                "give credit notes a prefix of their own, or two documents get one number",
            ),
        ),
    ),
    "billing_accounts": Rules(
        "who is billed: address, currency, time zone, taxation, terms, credit limit",
        key=("billing_account_id",),
        is_dated=True,
        is_gapless=True,
        forms={
            "time_zone": Form(
                forms.time_zone, "a name of the IANA time zone database", "write for example Europe/Berlin"
            )
        },
        checks=(
            RowCheck(
                "parent_account_id",
                pl.col("parent_account_id") == pl.col("billing_account_id"),
                "another account",
                "leave it empty when the account has no parent",
            ),
        ),
    ),
    "sub_accounts": Rules("projects: which account each belongs to, and when", key=("sub_account_id",), is_dated=True),
    "skus": Rules(
        "what is sold: service, unit, meter, tax category",
        key=("sku_id",),
        is_dated=True,
        is_gapless=True,
        checks=(
            RowCheck(
                "quantity_increment",
                _rounds & pl.col("quantity_increment").is_null(),
                "an increment, as quantity_rounding is set",
                "write what the quantity is rounded to a multiple of",
            ),
            RowCheck(
                "quantity_rounding_scope",
                _rounds & pl.col("quantity_rounding_scope").is_null(),
                "record or period, as quantity_rounding is set",
                "write what is rounded: each record, or the period's total",
            ),
            RowCheck(
                "quantity_rounding",
                ~_rounds
                & (pl.col("quantity_increment").is_not_null() | pl.col("quantity_rounding_scope").is_not_null()),
                "up, nearest or down, as there is an increment or a scope",
                "write how to round, or leave all three empty",
            ),
        ),
    ),
    "unit_conversions": Rules(
        "exact factors from the unit used to the unit priced: to = from × numerator ÷ denominator",
        key=("from_unit", "to_unit", "sku_id"),
        is_dated=True,
        checks=(
            RowCheck(
                "to_unit",
                pl.col("to_unit") == pl.col("from_unit"),
                "another unit",
                "remove the row: a unit needs no factor to itself",
            ),
        ),
    ),
    "sku_prices": Rules(
        "price books and contracts; of several that fit, the account's goes first, then the region's, the latest (P4)",
        key=("sku_price_id",),
        checks=(
            *_model_checks(),
            RowCheck(
                "maximum",
                pl.col("maximum") < pl.col("minimum"),
                "at least the minimum",
                "correct one of the two",
            ),
        ),
    ),
    "price_tiers": Rules(
        "the tiers of a price: each up to a quantity, inclusive, the last one open", key=("sku_price_id", "up_to")
    ),
    "recurring_items": Rules("what is charged each period without usage", key=("recurring_item_id",), is_dated=True),
    "spend_limits": Rules(
        "the most or the least an account or a price costs in a period",
        key=("spend_limit_id",),
        checks=(
            RowCheck(
                "true_up_sku_id",
                (pl.col("kind") == "minimum_spend") & pl.col("true_up_sku_id").is_null(),
                "a SKU for the true-up charge",
                "name the SKU that the missing amount is charged as",
            ),
            RowCheck(
                "true_up_sku_id",
                (pl.col("kind") == "maximum_spend") & pl.col("true_up_sku_id").is_not_null(),
                "nothing, as kind is maximum_spend",
                "leave it empty, or write minimum_spend",
            ),
            RowCheck(
                "billing_account_id",
                pl.col("billing_account_id").is_null() & pl.col("sku_price_id").is_null(),
                "an account or a price",
                "name the account, or the price the limit is for",
            ),
        ),
    ),
    "discounts": Rules(
        "what is taken off charges, of whom, for what and until when",
        key=("discount_id",),
        checks=(
            RowCheck(
                "value",
                (_kind == "percent") & (pl.col("value") > 100),
                "a percentage from 0 to 100",
                "write 10 for 10 %",
            ),
            RowCheck(
                "billing_currency",
                (_kind == "fixed") & pl.col("billing_currency").is_null(),
                "a currency, as kind is fixed",
                "write the currency of the amount",
            ),
            RowCheck(
                "billing_currency",
                (_kind == "percent") & pl.col("billing_currency").is_not_null(),
                "nothing, as kind is percent",
                "leave it empty, or write fixed",
            ),
        ),
    ),
    "grant_kinds": Rules(
        "the kinds of value a customer may spend, in order of rank",
        key=("kind",),
        is_dated=True,
        is_gapless=True,
        forms={"validity": DURATION, "exclude": SCOPES},
        checks=(
            RowCheck(
                "transferable",
                pl.col("transferable") & (pl.col("terminal_status") == "refunded"),
                "false for a paid kind",
                "paid credit is never transferred (G2)",
            ),
        ),
    ),
    "promo_codes": Rules(
        "codes that give a grant or a discount to who accepts them",
        key=("promo_code",),
        forms={
            "window_start": Form(
                forms.promo_window,
                "next_invoice, acceptance, or a range such as 2026-10-01/2026-12-31",
                "correct the word or the range",
            ),
            "duration": DURATION,
            "include": SCOPES,
            "exclude": SCOPES,
        },
        checks=(
            RowCheck("kind", (_benefit == "grant") & _kind.is_null(), "a kind of grant", "name a kind of grant_kinds"),
            RowCheck(
                "billing_currency",
                (_benefit == "grant") & pl.col("billing_currency").is_null(),
                "a currency, as the benefit is a grant",
                "write the currency of the value",
            ),
            RowCheck(
                "value",
                (_benefit == "discount") & pl.col("billing_currency").is_null() & (pl.col("value") > 100),
                "a percentage up to 100",
                "write 10 for 10 %",
            ),
            RowCheck(
                "duration",
                pl.col("window_start").str.contains("/", literal=True) & pl.col("duration").is_not_null(),
                "nothing, as window_start is a fixed range",
                "give a range or a duration",
            ),
        ),
    ),
    "tax_rates": Rules(
        "rates by seller, buyer, status, category and component",
        key=(
            "seller_jurisdiction",
            "account_jurisdiction",
            "account_region",
            "tax_status",
            "tax_category",
            "component",
        ),
        is_dated=True,
        is_gapless=True,
        checks=(
            RowCheck("rate", pl.col("rate") > 1, "a fraction from 0 to 1", "write 0.2 for 20 %"),
            RowCheck("code", ~pl.col("code").is_in(TAX_CODES), sentence_list(TAX_CODES), "use a code of EN 16931"),
            RowCheck(
                "rate",
                _is_zero_rated & (pl.col("rate") > 0) & (pl.col("rate") <= 1),
                "0, as its code taxes nothing (EN 16931)",
                "write 0, or the code S",
            ),
            RowCheck(
                "rate",
                (pl.col("code") == "S") & (pl.col("rate") == 0),
                "a rate above 0, as its code is S (EN 16931)",
                "write the rate, or one of the codes Z, E, AE, K, G, O",
            ),
            RowCheck(
                "exemption_reason",
                _needs_reason & pl.col("exemption_reason").is_null(),
                "a reason, as no tax is due under this code (EN 16931)",
                "write why, for example 'Reverse charge'",
            ),
        ),
    ),
    "currencies": Rules(
        "how many digits each currency has after the point",
        key=("billing_currency",),
        is_dated=True,
        is_gapless=True,
        forms={"billing_currency": CURRENCY},
    ),
    "billing_policies": Rules(
        "rules that are data, for everyone or for one account", key=("billing_account_id", "policy"), is_dated=True
    ),
    "cost_policies": Rules(
        "what happens when an account, a project or a SKU of it costs or uses too much",
        key=("cost_policy_id",),
        is_dated=True,
        checks=(
            RowCheck(
                "sku_id",
                (pl.col("measure") == "quantity") & pl.col("sku_id").is_null(),
                "a SKU, as measure is quantity",
                "name the SKU whose quantity is measured; several have no common unit",
            ),
            RowCheck(
                "cost_position",
                (pl.col("measure") == "quantity") & (pl.col("cost_position") != "before_grants"),
                "before_grants or nothing, as measure is quantity",
                "leave it empty: grants lower no quantity",
            ),
        ),
    ),
    "principals": Rules(
        "who may do what; the roles' rights are in the manual",
        key=("principal_id", "role", "billing_account_id", "sub_account_id"),
        is_dated=True,
    ),
}

LINKS: tuple[Link, ...] = (
    Link("billing_accounts", "seller_id", "sellers", "seller_id"),
    Link("billing_accounts", "parent_account_id", "billing_accounts", "billing_account_id"),
    Link("billing_accounts", "billing_currency", "currencies", "billing_currency"),
    Link("sub_accounts", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("unit_conversions", "sku_id", "skus", "sku_id"),
    Link("sku_prices", "sku_id", "skus", "sku_id"),
    Link("sku_prices", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("sku_prices", "billing_currency", "currencies", "billing_currency"),
    Link("price_tiers", "sku_price_id", "sku_prices", "sku_price_id"),
    Link("recurring_items", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("recurring_items", "sub_account_id", "sub_accounts", "sub_account_id"),
    Link("recurring_items", "sku_id", "skus", "sku_id"),
    Link("spend_limits", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("spend_limits", "sku_price_id", "sku_prices", "sku_price_id"),
    Link("spend_limits", "true_up_sku_id", "skus", "sku_id"),
    Link("spend_limits", "billing_currency", "currencies", "billing_currency"),
    Link("discounts", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("discounts", "sub_account_id", "sub_accounts", "sub_account_id"),
    Link("discounts", "sku_id", "skus", "sku_id"),
    Link("discounts", "promo_code", "promo_codes", "promo_code"),
    Link("discounts", "billing_currency", "currencies", "billing_currency"),
    Link("promo_codes", "kind", "grant_kinds", "kind"),
    Link("promo_codes", "billing_currency", "currencies", "billing_currency"),
    Link("promo_codes", "accounts", "billing_accounts", "billing_account_id"),
    Link("billing_policies", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("cost_policies", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("cost_policies", "sub_account_id", "sub_accounts", "sub_account_id"),
    Link("cost_policies", "sku_id", "skus", "sku_id"),
    Link("principals", "billing_account_id", "billing_accounts", "billing_account_id"),
    Link("principals", "sub_account_id", "sub_accounts", "sub_account_id"),
)

# Columns that hold money, and for which rows; the table itself, the price of a tier or the account names the currency.
MONEY: tuple[tuple[str, str, pl.Expr], ...] = (
    ("billing_accounts", "credit_limit", pl.lit(True)),
    ("sku_prices", "fixed_fee", pl.lit(True)),
    ("sku_prices", "minimum", pl.lit(True)),
    ("sku_prices", "maximum", pl.lit(True)),
    ("price_tiers", "flat_fee", pl.lit(True)),
    ("spend_limits", "amount", pl.lit(True)),
    ("cost_policies", "limit", pl.col("measure") == "cost"),
    ("discounts", "value", pl.col("kind") == "fixed"),
    ("promo_codes", "value", pl.col("billing_currency").is_not_null()),
)

TIERED = tuple(name for name, model in PRICE_MODELS.items() if model.has_tiers)
