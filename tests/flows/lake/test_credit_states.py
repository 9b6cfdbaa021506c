"""The state of a credit limit is worked out twice: by the rule that says it and by the query that checks it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import polars as pl

from flows.lake.journal import Lake
from flows.lake.views import connect
from rating.credit_limits import FIGURES, states
from schemas.units import parse

TOTALS = ("0", "0.007", "7", "100", "99999999999999.99", None)
USED = ("-5", "0", "0.005", "0.006", "5.25", "5.6", "7", "74.99", "75", "79.99", "80", "94.99", "95", "99.99", "100",
        "74999999999999.99", "79999999999999.99", "80000000000000", "99999999999999.99")  # fmt: skip
SHARES = (("0.8", "1", "0.05"), ("0", "0", "0"), ("1.2", "1", "0.5"), ("0.0001", "100", "1"), ("0.3333", "0.6667", "0"))
"""As people set them, and as badly as they may: never, always, warned after restricted, left below nothing."""


def test_the_view_and_the_rule_agree_at_every_threshold_and_what_is_said_stays(tmp_path: Path) -> None:
    rows = [
        ("acme", "EUR", total, used, *shares, "2026-10-20T00:00:00Z", before)
        for total, used, shares, before in product(TOTALS, USED, SHARES, ("ok", "warning", "restricted"))
    ]
    types = {**FIGURES, "state_before": pl.String}
    parsed = [
        [None if value is None else parse(value, dtype) for value, dtype in zip(row, types.values(), strict=True)]
        for row in rows
    ]
    ruled = states(pl.DataFrame(parsed, schema=types, orient="row"))
    again = states(ruled.drop("state_before").rename({"state": "state_before"}))
    assert again["state"].to_list() == ruled["state"].to_list()
    with connect(Lake.create(tmp_path / "lake")) as connection:
        connection.register("ruled", ruled.cast({"warning": pl.Decimal(9, 6), "restricted": pl.Decimal(9, 6),
                                                 "hysteresis": pl.Decimal(9, 6)}))  # fmt: skip
        differing = connection.sql("""
            select total_amount, used_amount, warning, restricted, hysteresis, state_before, state
            from ruled
            where state <> internal.credit_state(
              used_amount, total_amount, warning, restricted, hysteresis, state_before
            )
        """).fetchall()
    assert differing == []
    assert set(ruled["state"]) == {"ok", "warning", "restricted"}
