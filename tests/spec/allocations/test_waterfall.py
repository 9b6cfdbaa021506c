"""All "who pays for what, in order" is one primitive: dues in the order they are paid in, payers with a rank and a
balance, and which may pay which. Amounts are in mu.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.allocations.waterfall import waterfall
from rating.money import OutOfBoundsError

title = "The waterfall: dues and balances in, applications out (G4 to G6)"


def dues(**amounts: int) -> pl.DataFrame:
    return pl.DataFrame({"due_id": list(amounts), "due_mu": pl.Series(list(amounts.values()), dtype=pl.Int64)})


def payers(*rows: tuple[str, int, int]) -> pl.DataFrame:
    columns = {"payer_id": pl.String, "rank": pl.Int64, "balance_mu": pl.Int64}
    return pl.DataFrame(rows, columns, orient="row").with_columns(is_proportional=pl.lit(False))


def may_pay(**of: list[str]) -> pl.DataFrame:
    pairs = [(due, payer) for payer, several in of.items() for due in several]
    return pl.DataFrame(pairs, {"due_id": pl.String, "payer_id": pl.String}, orient="row")


def test_a_payer_pays_in_order_until_it_is_used_up() -> None:
    """70 meet 50 and 40: 50 and 20."""
    found = waterfall(dues(first=50, second=40), payers(("bonus", 1, 70)), may_pay(bonus=["first", "second"]))
    assert found.rows() == [("first", "bonus", 1, 50), ("second", "bonus", 1, 20)]


def test_the_next_payer_finds_what_is_left() -> None:
    """The first pays 30 of 50, the second the other 20 and then 15 of 40."""
    found = waterfall(
        dues(first=50, second=40),
        payers(("later", 2, 35), ("sooner", 1, 30)),
        may_pay(sooner=["first", "second"], later=["first", "second"]),
    )
    assert found.rows() == [("first", "sooner", 1, 30), ("first", "later", 2, 20), ("second", "later", 2, 15)]


def test_a_payer_skips_what_it_may_not_pay() -> None:
    found = waterfall(dues(first=50, second=40), payers(("bonus", 1, 70)), may_pay(bonus=["second"]))
    assert found.rows() == [("second", "bonus", 1, 40)]


def test_payers_of_one_rank_pay_their_own_dues_at_once() -> None:
    """Two accounts, one step: neither sees the other's dues."""
    found = waterfall(dues(acme=50, globex=40), payers(("a", 1, 45), ("b", 1, 45)), may_pay(a=["acme"], b=["globex"]))
    assert sorted(found.rows()) == [("acme", "a", 1, 45), ("globex", "b", 1, 40)]


def test_nothing_due_or_no_payer_is_no_application() -> None:
    assert waterfall(dues(first=0), payers(("bonus", 1, 70)), may_pay(bonus=["first"])).is_empty()
    assert waterfall(dues(first=50), payers(), may_pay()).is_empty()


def test_a_sum_that_could_wrap_is_an_error_never_an_amount() -> None:
    """Two dues of 2^61 sum to 2^62, which is where the check stands; 64 bits would hold one bit more."""
    with pytest.raises(OutOfBoundsError, match="bill fewer accounts"):
        waterfall(dues(first=2**61, second=2**61), payers(("bonus", 1, 1)), may_pay(bonus=["first", "second"]))
