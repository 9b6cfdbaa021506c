"""What an issued period did to grants stays; what changed since is added (L4, B3, K3)."""

from __future__ import annotations

import polars as pl

from rating.further_movements import further_movements
from schemas.grant_movements import GrantMovements
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Movements after issue: added, never replaced (B3, K3)"


def movements(rows: str) -> pl.DataFrame:
    return table(GrantMovements, f"grant_id | movement | charge_id | amount\n{rows}", billing_period="2026-10", **ACME)


def test_what_a_charge_no_longer_needs_is_returned() -> None:
    """40.00 were charged, 25.00 should have been: 15.00 come back."""
    found = further_movements(movements("g | charged | c | -40.00"), movements("g | charged | c | -25.00"))
    assert_table(
        found, GrantMovements, "grant_id | movement | charge_id | amount\ng        | returned | c         | 15.00"
    )


def test_what_was_returned_before_counts() -> None:
    """Charged 40.00 and returned 15.00 are 25.00; 30.00 should be charged, so 5.00 more are."""
    committed = movements("g | charged | c | -40.00\ng | returned | c | 15.00")
    found = further_movements(committed, movements("g | charged | c | -30.00"))
    assert_table(
        found, GrantMovements, "grant_id | movement | charge_id | amount\ng        | charged  | c         | -5.00"
    )


def test_an_expiry_is_taken_back_under_its_own_word() -> None:
    """60.00 had expired; late usage claims 20.00 of it: 20.00 of the expiry come back, 20.00 are charged."""
    found = further_movements(
        movements("g | expired | | -60.00"), movements("g | expired | | -40.00\ng | charged | late | -20.00")
    )
    assert_table(
        found,
        GrantMovements,
        """
        grant_id | movement | charge_id | amount
        g        | charged  | late      | -20.00
        g        | expired  |           |  20.00
        """,
    )


def test_what_a_grant_that_is_gone_paid_is_returned_whole() -> None:
    found = further_movements(movements("g | charged | c | -40.00"), GrantMovements.empty())
    assert_table(
        found, GrantMovements, "grant_id | movement | charge_id | amount\ng        | returned | c         | 40.00"
    )


def test_nothing_is_added_where_nothing_changed_whatever_the_rows_are_called() -> None:
    same = movements("g | charged | c | -40.00\ng | expired | | -60.00")
    assert further_movements(same, same.reverse()).is_empty()


def test_each_further_row_has_an_id_of_its_own() -> None:
    """The third row of one charge is not called like the second."""
    first = movements("g | charged | c | -40.00")
    second = further_movements(first, movements("g | charged | c | -25.00"))
    third = further_movements(pl.concat([first, second]), movements("g | charged | c | -10.00"))
    assert pl.concat([first, second, third])["movement_id"].n_unique() == 3
    assert third["amount"].to_list() == [15]


def test_what_comes_back_does_so_when_it_was_taken() -> None:
    """A charge that lasted to the 31st paid 4.00; cut on the 20th by then, it paid 1.00 more. Of 5.00 the charge needs
    0.50 now: the 1.00 come back on the 20th and 3.50 on the 31st, so no balance in between is lower than it was.
    """
    committed = table(
        GrantMovements,
        """
        grant_id | movement | charge_id | amount | occurred_at
        g        | charged  | c         |  -4.00 | 2026-10-31T23:00Z
        g        | charged  | c         |  -1.00 | 2026-10-20T22:00Z
        """,
        billing_period="2026-10",
        **ACME,
    )
    found = further_movements(committed, movements("g | charged | c | -0.50"))
    assert_table(
        found,
        GrantMovements,
        """
        movement | amount | occurred_at
        returned |   1.00 | 2026-10-20T22:00Z
        returned |   3.50 | 2026-10-31T23:00Z
        """,
    )
    assert found["movement_id"].n_unique() == 2
