"""FOCUS exports: a layout, not a format.

A file without a mapping that has FOCUS columns is read by `data/mappings/focus.toml`.
"""

from collections.abc import Collection
from functools import cache

from flows.mapping import ColumnMapping, built_in

MARKS = frozenset({"BillingAccountId", "ChargeCategory", "ChargePeriodStart", "ConsumedQuantity"})
"""Columns that no other layout has together; all are mandatory in FOCUS."""


def is_focus(columns: Collection[str]) -> bool:
    """Do these columns make a FOCUS export?

    >>> is_focus(["BillingAccountId", "ChargeCategory", "ChargePeriodStart", "ConsumedQuantity", "Tags"])
    True
    """
    return set(columns) >= MARKS


@cache
def focus() -> ColumnMapping:
    """The mapping of FOCUS that billfold ships."""
    return built_in("focus")
