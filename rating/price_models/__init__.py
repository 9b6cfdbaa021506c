"""Price models: one file and one line here each (P3).

A model says what quantities are charged at what prices; it neither rounds nor sums, so what it gives stays exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from rating.price_models.graduated import graduated
from rating.price_models.unit import unit


@dataclass(frozen=True)
class PriceModel:
    """How a price is applied."""

    terms: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
    """(parts, price_tiers) -> part_id, term_quantity, term_price [integers]: the cost is the sum of their products."""

    is_pooled: bool
    """Whether quantities of several rating lines count together, over the whole period (P6)."""


PRICE_MODELS: dict[str, PriceModel] = {
    "unit": PriceModel(unit, is_pooled=False),
    "graduated": PriceModel(graduated, is_pooled=True),
}
