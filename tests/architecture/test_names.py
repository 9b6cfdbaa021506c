"""Names end as they should: one ending, one meaning; one name, one type; plural tables; no word that says nothing."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from schemas import HANDED_ON, TABLES, VIEWS

ROOT = Path(__file__).resolve().parents[2]
EVERY = TABLES | VIEWS | HANDED_ON

# What a column may be by the end of its name.
ENDINGS = {
    "_id": {"Text", "Hash64"},
    "_ids": {"TextList"},
    "_at": {"Instant"},
    "_on": {"Day"},
    "_date": {"Day"},
    "_start": {"Instant", "Boundary", "Text"},
    "_end": {"Instant", "Boundary"},
    "_from": {"Boundary"},
    "_until": {"Boundary"},
    "_quantity": {"Quantity"},
    "_unit": {"Text"},
    "_price": {"Price"},
    "_cost": {"Money"},
    "_amount": {"Money"},
    "_fee": {"Money"},
    "_rate": {"Rate"},
    "_code": {"Text"},
    "_codes": {"TextList"},
    "_count": {"Count"},
    "_number": {"Count", "Text"},
    "_order": {"Count"},
    "_digest": {"Text"},
}
# Which types need their ending, so that the name alone says what the value is.
ENDING_OF = {
    "Instant": ("_at", "_start", "_end", "_as_of"),
    "Flag": ("is_", "allows_", "use_", "once_", "transferable"),
    "Quantity": ("quantity", "_increment", "_size", "up_to", "limit", "measured"),
    "Rate": ("rate",),
}
# Names that hold another type somewhere, and why.
SAME_NAME_OTHER_TYPE = {
    "amount": "an operation keeps the amount as it was written, unrounded; spend limits, grants and entries hold money",
    "monthly_value": "an operation keeps it as it was written, unrounded",
    "price_paid": "an operation keeps it as it was written, unrounded",
    "window_start": "written as a boundary, or in promo codes as a word; an instant once it is joined to an account",
    "window_end": "written as a boundary; an instant once it is joined to an account",
    "value": "a percentage or amount; the value of a policy, and of a discount as customers read it, is text",
    "tags": "labels of a resource have values; marks of a SKU have none",
}
# Tables that are no plural, and why the word is right.
NOT_PLURAL = {
    "stored_usage": "usage is counted by quantity",
    "metered_usage": "usage is counted by quantity",
    "unpriced_usage": "usage is counted by quantity",
    "tax_breakdown": "EN 16931 BG-23 is called VAT breakdown",
    "credit_limit_overview": "the name of the page",
    "credit_overview": "the name of the page",
    "credit_history": "the name of the page",
    "promo_codes_available": "promo codes, those that are available",
    "trial_balance": "the accounting term",
    "usage_by_month": "usage is counted by quantity",
}
SHORT_NAMES = {
    "metered_usage.value": "the quantity that tells records apart",
    "metered_usage.at": "the instant that tells records apart",
}
EMPTY_WORDS = {"data", "info", "process", "handle", "utils", "util", "misc", "stuff"}


def test_a_column_is_of_the_type_its_ending_says():
    wrong = [
        f"{table}.{column} is {kind}"
        for table, schema in EVERY.items()
        for column, kind in schema.type_names().items()
        for ending, kinds in ENDINGS.items()
        if column.endswith(ending) and kind not in kinds
    ]
    assert wrong == []


def test_the_name_of_an_instant_a_flag_a_quantity_and_a_rate_says_so():
    wrong = [
        f"{table}.{column} is {kind}"
        for table, schema in EVERY.items()
        for column, kind in schema.type_names().items()
        if kind in ENDING_OF and not column.endswith(ENDING_OF[kind]) and not column.startswith(ENDING_OF[kind])
        if f"{table}.{column}" not in SHORT_NAMES
    ]
    assert wrong == []


def test_one_name_is_one_type_in_every_table():
    kinds: dict[str, set[str]] = defaultdict(set)
    for schema in EVERY.values():
        for column, kind in schema.type_names().items():
            kinds[column].add(kind)
    assert {column for column, found in kinds.items() if len(found) > 1} == set(SAME_NAME_OTHER_TYPE)


def test_a_table_is_a_plural_noun():
    assert {name for name in EVERY if not name.endswith("s")} == set(NOT_PLURAL)


def test_a_start_has_its_end_and_a_validity_its_other_side():
    halves = [("_start", "_end"), ("_from", "_until")]
    alone = [
        f"{table}.{column}"
        for table, schema in EVERY.items()
        for column in schema.columns()
        for first, second in halves
        if column.endswith(first) and column.removesuffix(first) + second not in schema.columns()
    ]
    assert sorted(alone) == [
        "promo_codes.window_start",  # a rule for when the benefit starts; duration says how long it lasts
        "sellers.accounting_year_start",  # every year ends where the next starts
    ]


@pytest.mark.parametrize("folder", ["schemas", "rating", "flows"])
def test_no_name_is_a_word_that_says_nothing(folder: str):
    named = [
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in _names(path)
        if EMPTY_WORDS & set(name.lower().strip("_").split("_"))
    ]
    assert named == []


def _names(path: Path) -> list[str]:
    """The module, its functions and classes."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    made = [node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [path.stem, *made]


def test_a_column_is_spelled_in_whole_lower_case_words():
    odd = [column for schema in EVERY.values() for column in schema.columns() if column != column.lower()]
    short = {"qty", "amt", "acct", "num", "cnt", "desc", "ts", "dt", "curr", "cfg", "ref", "inv", "pct"}
    clipped = [column for schema in EVERY.values() for column in schema.columns() if short & set(column.split("_"))]
    assert odd + clipped == []
