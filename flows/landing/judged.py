"""What is wrong with a landed row by itself, and with its series: one list of codes, each with its condition.

The conditions read the columns of `landed` (see `landed.py`) and never meet an exception: a text that stands for no
value is null.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.landing.landed import KEYS
from flows.sql import ident, literal
from rating.rejects import ROW_REASONS

LONGEST_RECORD = 366 * 24 * 3600 * 10**6  # microseconds

_NO_QUANTITY = "consumed_quantity is null and quantity_text is not null"
_NO_START = "charge_period_start is null and start_text is not null"
_NO_END = "charge_period_end is null and end_text is not null"
_TAGS = "case when tags is null and tags_text is not null then tags_fault(tags_text) end"

OWN_FAULTS: Mapping[str, str] = {
    "R_MISSING_FIELD": "usage_record_id is null or (charge_period_start is null and start_text is null) or "
    "(charge_period_end is null and end_text is null) or (consumed_quantity is null and quantity_text is null)",
    "R_BAD_ID": "has_control(usage_record_id)",
    "R_FIELD_TOO_LONG": "length(usage_record_id) > 512",
    "R_BAD_NUMBER": f"({_NO_QUANTITY} and not is_number(quantity_text) and not is_not_finite(quantity_text)) "
    "or revision is null",
    "R_NOT_FINITE": f"{_NO_QUANTITY} and is_not_finite(quantity_text)",
    "R_QUANTITY_TOO_PRECISE": f"{_NO_QUANTITY} and is_number(quantity_text) and is_too_precise(quantity_text)",
    "R_QUANTITY_OUT_OF_RANGE": f"{_NO_QUANTITY} and is_number(quantity_text) and not is_too_precise(quantity_text)",
    "R_BAD_TIMESTAMP": f"({_NO_START} and not is_naive(start_text)) or ({_NO_END} and not is_naive(end_text))",
    "R_NAIVE_TIMESTAMP": f"({_NO_START} and is_naive(start_text)) or ({_NO_END} and is_naive(end_text))",
    "R_TIME_REVERSED": "charge_period_end < charge_period_start",
    "R_DURATION_TOO_LONG": f"epoch_us(charge_period_end) - epoch_us(charge_period_start) > {LONGEST_RECORD}",
    "R_FUTURE": "charge_period_start > getvariable('received_at')",
    "R_TOO_OLD": "charge_period_start < '1970-01-01'::timestamptz",
    "R_MALFORMED_JSON": f"{_TAGS} = 'R_MALFORMED_JSON'",
    "R_JSON_TYPE": f"{_TAGS} = 'R_JSON_TYPE'",
    "R_JSON_DUP_KEY": f"{_TAGS} = 'R_JSON_DUP_KEY'",
}
"""What a row is rejected for by itself."""

SERIES_FAULTS: Mapping[str, str] = {"R_NEGATIVE_QUANTITY": "consumed_quantity < 0 and not placed.allows_corrections"}
"""What a row is rejected for beside its series; the codes of the series itself come with it."""

HASHED_JOIN = "placed.key_hash = judged.key_hash"
EXACT_JOIN = " and ".join(f"placed.{name} is not distinct from judged.{name}" for name in KEYS)
IN_STRETCH = "judged.charge_period_start >= placed.from_at and judged.charge_period_start < placed.until_at"
HAS_PLACE_IN_TIME = (
    "coalesce(judged.charge_period_start between '1970-01-01'::timestamptz and getvariable('received_at'), false)"
)
_NO_TIME = "'-infinity'::timestamptz"
_PLACE_IN_TIME = f"case when {HAS_PLACE_IN_TIME} then judged.charge_period_start else {_NO_TIME} end"
IN_STRETCH_OR_NONE = (
    f"{_PLACE_IN_TIME} >= coalesce(placed.from_at, {_NO_TIME}) "
    f"and {_PLACE_IN_TIME} < coalesce(placed.until_at, '1970-01-01'::timestamptz)"
)
"""A row without a usable start is judged by what never changes: whether account, project and SKU are known at all.

Two comparisons, each of a side by itself: any other condition of a left join compares every row with every other.
"""

_SHOWN = 60


def keyed(landed: str) -> str:
    """Rows with the hash that finds their series."""
    return f"select *, hash({', '.join(KEYS)}) as key_hash from ({landed})"


def judged(landed: str) -> str:
    """Rows with the hash that finds their series, and a flag per own fault."""
    flags = ", ".join(f"coalesce({condition}, false) as {ident(code)}" for code, condition in OWN_FAULTS.items())
    return f"select *, {flags} from ({keyed(landed)})"


_PLAIN = (
    "row_fault is null",
    "strlen(usage_record_id) > 0 and (strlen(usage_record_id) <= 512 or length(usage_record_id) <= 512)",
    "charge_period_start >= '1970-01-01'::timestamptz and charge_period_start <= getvariable('received_at')",
    "charge_period_end >= charge_period_start",
    f"epoch_us(charge_period_end) - epoch_us(charge_period_start) <= {LONGEST_RECORD}",
    "consumed_quantity is not null and (consumed_quantity >= 0 or placed.allows_corrections)",
    "revision is not null",
    "(tags_text is null or tags is not null or tags_fault(tags_text) is null)",
)
"""That nothing is wrong with a row, said in a few comparisons: every row is asked this, only bad ones why.

It is the negation of all faults; a row that is neither plain nor has a fault is found before anything is committed.
"""


def is_plain(*, trusts_ids: bool = False) -> str:
    """Nothing is wrong with the row; the letters of its id may be left to who reads all ids anyway."""
    letters = [] if trusts_ids else ["not has_control(usage_record_id)"]
    return " and ".join([*_PLAIN, *letters])


def codes() -> str:
    """Every reason that applies to a row, in the order of the list of reasons."""
    cases = [f"case when {condition} then {literal(code)} end" for code in ROW_REASONS if (condition := _applies(code))]
    found = f"list_filter([{', '.join(cases)}], lambda code: code is not null)"
    return f"case when judged.row_fault is not null then [judged.row_fault] else {found} end"


def _applies(code: str) -> str:
    own = [f"judged.{ident(code)}"] if code in OWN_FAULTS else []
    beside = [f"({SERIES_FAULTS[code]})"] if code in SERIES_FAULTS else []
    return " or ".join([*own, *beside, f"list_contains(placed.codes, {literal(code)})"])


def _field(name: str, text: str | None = None) -> str:
    shown = f"left({text or name}, {_SHOWN})"
    return f"{literal(name + ' ')} || coalesce('''' || {shown} || '''', 'nothing')"


def _where(condition: str, name: str, text: str | None = None) -> str:
    return f"case when {condition} then {_field(name, text)} end"


def _listed(*parts: str) -> str:
    return f"concat_ws(' and ', {', '.join(parts)})"


_START, _END = (
    "coalesce(start_text, instant_text(charge_period_start))",
    "coalesce(end_text, instant_text(charge_period_end))",
)
_QUANTITY = "coalesce(quantity_text, plain_text(consumed_quantity))"
_TIMES = _listed(_field("charge_period_start", _START), _field("charge_period_end", _END))
_IDS = ("usage_record_id", *KEYS)

FOUND: Mapping[str, str] = {
    "R_MISSING_FIELD": "'no ' || "
    + _listed(
        *(
            f"case when {name} is null then {literal(name)} end"
            for name in ("usage_record_id", "billing_account_id", "sku_id")
        ),
        *(
            f"case when {value} is null and {text} is null then {literal(value)} end"
            for value, text in (
                ("charge_period_start", "start_text"),
                ("charge_period_end", "end_text"),
                ("consumed_quantity", "quantity_text"),
            )
        ),
        "case when consumed_unit is null then 'consumed_unit' end",
    ),
    "R_BAD_ID": _listed(*(_where(f"has_control({name})", name) for name in _IDS)),
    "R_BAD_ENCODING": f"left(raw, {_SHOWN})",
    "R_FIELD_TOO_LONG": _listed(
        *(f"case when length({name}) > 512 then {literal(name)} || ' of ' || length({name}) end" for name in _IDS)
    ),
    "R_UNKNOWN_ACCOUNT": _field("billing_account_id"),
    "R_ACCOUNT_CLOSED": _listed(_field("billing_account_id"), _field("charge_period_start", _START)),
    "R_UNKNOWN_PROJECT": _listed(_field("sub_account_id"), _field("charge_period_start", _START)),
    "R_PROJECT_MISMATCH": _listed(
        _field("sub_account_id"), _field("billing_account_id"), _field("charge_period_start", _START)
    ),
    "R_UNKNOWN_SKU": _listed(_field("sku_id"), _field("charge_period_start", _START)),
    "R_UNIT_MISMATCH": _listed(_field("consumed_unit"), "'for ' || " + _field("sku_id"))
    + " || ', wanted ' || coalesce('''' || pricing_unit || '''', 'its pricing unit')",
    "R_BAD_NUMBER": _listed(
        _where(f"{_NO_QUANTITY} and not is_number(quantity_text)", "consumed_quantity", "quantity_text"),
        _where("revision is null", "revision", "revision_text"),
    ),
    "R_NOT_FINITE": _field("consumed_quantity", _QUANTITY),
    "R_NEGATIVE_QUANTITY": _listed(_field("consumed_quantity", _QUANTITY), "'of ' || " + _field("sku_id")),
    "R_QUANTITY_TOO_PRECISE": _field("consumed_quantity", _QUANTITY),
    "R_QUANTITY_OUT_OF_RANGE": _field("consumed_quantity", _QUANTITY),
    "R_BAD_TIMESTAMP": _TIMES,
    "R_NAIVE_TIMESTAMP": _TIMES,
    "R_TIME_REVERSED": _TIMES,
    "R_DURATION_TOO_LONG": _TIMES,
    "R_FUTURE": _field("charge_period_start", _START),
    "R_TOO_OLD": _field("charge_period_start", _START)
    + " || case when is_issued then ', in ' || billing_period || ', whose invoice is issued, and policy late_usage is "
    "reject; void the invoice, then ingest with --retry-rejects' else '' end",
    "R_DUPLICATE_CONFLICT": _listed(_field("usage_record_id"), "'revision ' || revision"),
    "R_COLUMN_COUNT": f"left(raw, {_SHOWN})",
    "R_MALFORMED_JSON": f"left(coalesce(raw, tags_text), {_SHOWN})",
    "R_JSON_TYPE": f"left(coalesce(raw, tags_text), {_SHOWN})",
    "R_JSON_DUP_KEY": f"left(coalesce(raw, tags_text), {_SHOWN})",
    "R_NOT_USAGE": _field("usage_record_id"),
}
"""What was found, for the sentence of each reason."""


def sentence(column: str) -> str:
    """SQL for what is said to people about a row rejected for the reasons in a column."""
    cases = " ".join(
        f"when {literal(code)} then {literal(ROW_REASONS[code].sentence)} "
        f"|| coalesce(': found ' || nullif({found}, ''), '')"
        for code, found in FOUND.items()
    )
    # one reason after another, without a list function: each CASE reads the row's own columns
    said = ", ".join(f"case {column}[{place}] {cases} end" for place in range(1, MOST_SAID + 1))
    return f"concat_ws('; ', {said})"


MOST_SAID = 3
"""A row may have more reasons than anybody reads; all are in `reason_codes`."""
