"""A charge is the sum of its records' shares. A record weighs what is left of it to charge; one of weight zero costs
nothing.
"""

from __future__ import annotations

import polars as pl

from rating.spreading import spread
from schemas.units import parse
from tests.tables import read

title = "A charge spread over its usage records (P8, M1)"

TYPES = {
    "series_id": pl.Int64(),
    "charge_period_start": pl.Datetime("us", "UTC"),
    "charge_period_end": pl.Datetime("us", "UTC"),
    "consumed_quantity": pl.Decimal(38, 15),
}


def shares(text: str, list_cost_mu: int) -> list[tuple[str, int]]:
    """Records as text: a day of October each, an hour long."""
    _, rows = read(text)
    records = [
        {
            "usage_record_id": row["record"],
            "series_id": int(row.get("series") or 1),
            "charge_period_start": parse(f"2026-10-{row['day']}T00:00:00Z", TYPES["charge_period_start"]),
            "charge_period_end": parse(f"2026-10-{row['day']}T01:00:00Z", TYPES["charge_period_end"]),
            "consumed_quantity": parse(row.get("quantity") or "1", TYPES["consumed_quantity"]),
            "weight": row["weight"],
        }
        for row in rows
    ]
    return (
        spread(pl.DataFrame(records, schema_overrides=TYPES), list_cost_mu).select("usage_record_id", "share_mu").rows()
    )


def test_the_missing_cents_go_to_the_largest_fractions() -> None:
    """100 over 1, 2 and 4 of 7: 14.29, 28.57 and 57.14; the cent that is missing goes to .57."""
    found = shares(
        """
        record | day | weight
        a      | 01  | 1
        b      | 02  | 2
        c      | 03  | 4
        """,
        100,
    )
    assert found == [("a", 14), ("b", 29), ("c", 57)]


def test_equal_fractions_go_by_start_then_by_id() -> None:
    found = shares(
        """
        record | day | weight
        a      | 03  | 1
        b      | 01  | 1
        c      | 01  | 1
        """,
        100,
    )
    assert found == [("b", 34), ("c", 33), ("a", 33)]


def test_a_credit_is_split_as_the_amount_without_its_sign() -> None:
    found = shares(
        """
        record | day | weight
        a      | 01  | -1
        b      | 02  | -1
        c      | 03  | -1
        """,
        -100,
    )
    assert found == [("a", -34), ("b", -33), ("c", -33)]


def test_what_is_free_costs_nothing_and_what_was_taken_back_lowers_the_charge() -> None:
    found = shares(
        """
        record | day | weight | quantity
        free   | 01  | 0      | 100
        used   | 02  | 5      | 5
        back   | 03  | -2     | -2
        """,
        300,
    )
    assert found == [("free", 0), ("used", 500), ("back", -200)]


def test_an_amount_without_weight_is_on_the_last_record() -> None:
    found = shares(
        """
        record | day | weight
        b      | 02  | 0
        a      | 01  | 0
        """,
        700,
    )
    assert found == [("a", 0), ("b", 700)]


def test_of_records_that_say_the_same_the_first_by_id_has_the_largest_weight() -> None:
    """Both peaked at 8 at once; one of them sets the value of the resource. The other resource is another series."""
    found = shares(
        """
        record | series | day | quantity | weight
        b      | 1      | 01  | 8        | 8
        a      | 1      | 01  | 8        | 0
        c      | 2      | 01  | 8        | 8
        """,
        1600,
    )
    assert found == [("a", 800), ("b", 0), ("c", 800)]


def test_weights_may_be_larger_than_any_machine_word() -> None:
    large = 10**60
    found = shares(
        f"""
        record | day | weight
        a      | 01  | {large}
        b      | 02  | {2 * large}
        """,
        100,
    )
    assert found == [("a", 33), ("b", 67)]


def test_a_charge_of_nothing_is_nothing_on_each_record() -> None:
    found = shares(
        """
        record | day | weight
        a      | 01  | 0
        b      | 02  | 0
        """,
        0,
    )
    assert found == [("a", 0), ("b", 0)]
