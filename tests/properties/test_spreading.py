"""Every charge of every world is made of records, and rating record by record finds what each of them weighs (P8)."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from fractions import Fraction
from random import Random

import polars as pl

from flows.explain import uses_by_record
from rating.pipeline import Inputs, rate_period, uses_of
from tests.pipeline import asked, parts_of
from tests.together import put_together
from tests.worlds import PERIODS, a_world

Weights = dict[tuple[str, int], Fraction]
"""What a series weighs in a charge, as a part of the whole."""


AT_ONCE = 60
TIMES = max(1, int(os.environ.get("BILLFOLD_EXAMPLES", "0")) // AT_ONCE)
"""Worlds are drawn and rated so many together (`tests.together`); BILLFOLD_EXAMPLES=3000 has so many, drawn anew."""


def test_every_charge_but_one_offs_is_made_of_records_whose_weights_are_those_of_their_series() -> None:
    for _ in range(TIMES):
        seed = secrets.randbits(64) if "BILLFOLD_EXAMPLES" in os.environ else 0
        print(f"drawn with Random({seed})")
        random = Random(seed)
        period = random.choice(PERIODS)
        for parts in put_together([parts_of(a_world(random, period=period)) for _ in range(AT_ONCE)]):
            asked(parts, refuse_other_weights)


def refuse_other_weights(inputs: Inputs) -> None:
    outputs = rate_period(inputs)
    by_series = weights(uses_of(inputs), {})
    charged = outputs.charges.filter(pl.col("charge_category") != "one_off")["charge_id"]
    assert {charge for charge, _ in by_series} >= set(charged)
    records = numbered(inputs)
    series = dict(records.select("series_id", "own_id").iter_rows())
    assert weights(uses_by_record(inputs, records), series) == by_series


def numbered(inputs: Inputs) -> pl.DataFrame:
    """The records of a world, each a series of its own."""
    rows = inputs.connection.sql(
        "select *, false as is_earlier from usage_records "
        "union all by name select *, true as is_earlier from earlier_records "
        "order by charge_period_start, series_id, consumed_quantity"
    ).pl()
    rows = rows.rename({"series_id": "own_id"}).with_row_index("series_id")
    return rows.with_columns(pl.col("series_id").cast(pl.UInt64), pl.col("consumed_quantity").cast(pl.Decimal(38, 15)))


def weights(uses: pl.DataFrame, series_of: dict[int, int]) -> Weights:
    """Parts of each charge by series; `series_of` says whose series a record's is. A recurring item has its own."""
    found: dict[tuple[str, int], int] = defaultdict(int)
    wholes: dict[str, int] = defaultdict(int)
    for charge, series, weight in uses.select("charge_id", "series_id", "weight").iter_rows():
        found[charge, series_of.get(series, series)] += int(weight)
        wholes[charge] += int(weight)
    return {key: Fraction(weight, wholes[key[0]] or 1) for key, weight in found.items()}
