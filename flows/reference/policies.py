"""The policies billfold knows, and the values each may take; the first of a list is the default."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

GRANT_ORDER_KEYS = ("kind_rank", "priority", "expires_at", "coverage", "occurred_at", "grant_id")


@dataclass(frozen=True)
class Policy:
    """A rule that is data: what it decides, its default, its values, and the rule that names it."""

    decides: str
    default: str
    wanted: str
    accepts: Callable[[str], bool]
    source: str
    is_for_all: bool = False
    """Whether it is asked of a whole run: a row that names an account would say nothing."""


def _words(decides: str, source: str, *values: str) -> Policy:
    return Policy(decides, values[0], "one of " + ", ".join(values), values.__contains__, source)


def _number(decides: str, source: str, default: str, largest: str) -> Policy:
    return Policy(decides, default, f"a number from 0 to {largest}", lambda text: _is_number(text, largest), source)


def _days(decides: str, source: str, default: str) -> Policy:
    return Policy(decides, default, "a whole number of days from 0 to 366", _is_days, source)


def _bound(decides: str, default: str, least: str, largest: str) -> Policy:
    """A number beyond which a run is held; `none` is no bound."""
    return Policy(
        decides,
        default,
        f"none, or a number from {least} to {largest}",
        lambda text: text == "none" or (_is_number(text, largest) and Decimal(text) >= Decimal(least)),
        "reliability, Fates",
        is_for_all=True,
    )


def _whole(decides: str, default: str, least: int, largest: int) -> Policy:
    return Policy(
        decides,
        default,
        f"a whole number from {least} to {largest}",
        lambda text: re.fullmatch(r"\d{1,9}", text, re.ASCII) is not None and least <= int(text) <= largest,
        "reliability, Fates",
        is_for_all=True,
    )


def _period(decides: str, source: str) -> Policy:
    return Policy(decides, "none", "none, or a month such as 2026-10", _is_period, source)


def _is_number(text: str, largest: str) -> bool:
    return re.fullmatch(r"\d{1,9}(\.\d{1,4})?", text, re.ASCII) is not None and Decimal(text) <= Decimal(largest)


def _is_days(text: str) -> bool:
    """A whole number of days, at most those of a leap year.

    >>> [_is_days(text) for text in ("2", "366", "367", "-1", "1.5")]
    [True, True, False, False, False]
    """
    return re.fullmatch(r"\d{1,3}", text, re.ASCII) is not None and int(text) <= 366


def _is_period(text: str) -> bool:
    return text == "none" or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text, re.ASCII) is not None


def is_grant_order(text: str) -> bool:
    """A list of known keys, each once, each with a direction or without.

    >>> is_grant_order("kind_rank,+expires_at,-coverage"), is_grant_order("kind_rank,kind_rank"), is_grant_order("age")
    (True, False, False)
    """
    keys = [re.sub(r"^[+-]", "", key.strip()) for key in text.split(",")]
    return len(keys) == len(set(keys)) and set(keys) <= set(GRANT_ORDER_KEYS)


ROUNDINGS = ("half_away", "half_even", "up", "down")

POLICIES: Mapping[str, Policy] = {
    "bound_payable_above": _bound(
        "a month is held that comes to more than so many times the median of those before, per currency",
        *("3", "1", "1000"),
    ),
    "bound_payable_below": _bound(
        "a month is held that comes to less than this share of the median of those before, per currency",
        *("0.25", "0", "1"),
    ),
    "bound_payable_documents": _whole(
        "months are compared whose median has at least so many documents in the currency", "10", 1, 1_000_000
    ),
    "bound_payable_months": _whole("of how many billed months before, at most, the median is taken", "6", 1, 36),
    "bound_rejects": _bound("a month is held of whose rows a larger share is set aside and waits", "0.2", "0", "1"),
    "bound_rejects_rows": _whole(
        "the share is asked of months of which at least so many rows have landed", "1000", 1, 1_000_000_000
    ),
    "charge_order": _words(
        "which charge a grant pays first", "G5", "oldest_first", "largest_first", "smallest_first", "proportional"
    ),
    "closed_through": _period("the last accounting period that takes no more entries", "B1"),
    "credit_hysteresis": _number(
        "how far below its threshold a credit state is left, as a fraction", "I5", "0.05", "1"
    ),
    "credit_restricted": _number("share of the credit limit at which an account is restricted", "I5", "1.00", "100"),
    "credit_warning": _number("share of the credit limit at which an account is warned", "I5", "0.80", "100"),
    "earliest_open_period": _period("the first billing period that still takes usage", "R_TOO_OLD"),
    "eligibility": _words(
        "what a grant's window must hold: the charge, the period's last instant, or its end, when it is invoiced first",
        "G3",
        "usage_time",
        "period_end",
        "invoice_time",
    ),
    "grace_days": _days("how many days after its month a draft waits before a schedule issues it", "I1", "2"),
    "grant_order": Policy(
        "which grant pays first",
        ",".join(GRANT_ORDER_KEYS),
        "a list of the keys " + ", ".join(GRANT_ORDER_KEYS) + ", each at most once, with + or - before it or nothing",
        is_grant_order,
        "G4",
    ),
    "late_usage": _words("where usage of an issued period goes", "X4", "correct", "next_invoice", "reject"),
    "line_grain": _words("what a rating line is summed to", "P5", "sku", "resource"),
    "organization_credit": _words(
        "may a project without an allocation spend its organization's credit", "W4", "open", "allocated_only"
    ),
    "paid_charges": _words(
        "what a grant that is recorded later does to charges that are paid: nothing, or it pays them like any others, "
        "and the credit note pays the next invoices",
        "X2",
        "untouched",
        "carry_forward",
    ),
    "payable_increment": _number("what the amount due is rounded to; 0 is not at all", "I7", "0", "1000000"),
    "proration": _words("how a recurring item that covers part of a period is charged", "P9", "none", "day", "second"),
    "retroactive_bonus_tax": _words("does a retroactive bonus lower tax that was billed", "X2", "reduce", "keep"),
    "rounding_charges": _words("how charges, cuts and discounts are rounded", "M2", *ROUNDINGS),
    "rounding_tax": _words("how tax is rounded", "M2", *ROUNDINGS),
    "spanning_records": _words("which period a record that spans two belongs to", "U4", "start", "split"),
    "stacking": _words(
        "how several discounts on one charge work together", "D3", "sequential", "additive", "best_only"
    ),
    "tax_point": _words("which date's tax rate counts", "T1", "period_end", "usage", "issue"),
    "tax_rounding": _words("at which grain tax is rounded", "T3", "per_category", "per_line"),
    "unpriced_usage": _words("what becomes of usage without a price", "P4", "hold", "skip"),
}
