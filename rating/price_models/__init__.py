"""Price models: one file and one line here each (P3).

A model says what quantities are charged at what prices; it neither rounds nor sums, so what it gives stays exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import polars as pl


@dataclass(frozen=True)
class PriceModel:
    """How a price is applied."""

    terms: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
    """(parts, price_tiers) -> part_id, term_quantity, term_price [integers]: the cost is the sum of their products."""

    is_pooled: bool
    """Whether quantities of several rating lines count together, over the whole period (P6)."""

    needs: tuple[str, ...] = ()
    """Columns of its row of sku_prices that must be filled; other models' columns must be empty."""

    may_have: tuple[str, ...] = ()
    """Columns that it reads where they are filled."""

    has_tiers: bool = False
    """Whether it reads price_tiers."""

    is_per_record: bool = False
    """Whether each record is priced by itself; the terms of a line's records are added before it is rounded."""

    goes_to_first: bool = False
    """Whether a pool's amount is all on the line of its first positive record, rather than split by quantity."""


def _model(name: str, **how: Any) -> tuple[str, PriceModel]:
    """The model that `price_models/<name>.py` has a function of that name for."""
    return name, PriceModel(getattr(import_module(f"{__name__}.{name}"), name), **how)


PRICE, PER, FEES = "list_unit_price", "per_quantity", ("fixed_fee", "minimum", "maximum")
PRICE_MODELS: dict[str, PriceModel] = dict(
    (
        _model("unit", is_pooled=False, needs=(PRICE,), may_have=(PER,)),
        _model("graduated", is_pooled=True, may_have=(PRICE, PER), has_tiers=True),
        _model("volume", is_pooled=True, may_have=(PRICE, PER), has_tiers=True),
        _model("package", is_pooled=True, needs=(PRICE, "package_size")),
        _model("flat", is_pooled=True, needs=(PRICE,), goes_to_first=True),
        _model("percentage", is_pooled=False, needs=(PRICE,), may_have=(PER, *FEES), is_per_record=True),
    )
)
BY_RECORD = [name for name, model in PRICE_MODELS.items() if model.is_per_record]
BY_FIRST = [name for name, model in PRICE_MODELS.items() if model.goes_to_first]
