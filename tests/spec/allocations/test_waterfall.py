"""All "who pays for what, in order" is one primitive: dues in the order they are paid in, payers with a balance in the
order they pay in, account by account, and which may pay which. Amounts are in mu.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.allocations import waterfall as module
from rating.allocations.eligibility import NO_PROJECT, Dues, Eligibility, Payers
from rating.allocations.waterfall import waterfall
from rating.money import OutOfBoundsError

title = "The waterfall: dues and balances in, applications out (G4 to G6)"

Row = tuple[int, int, int]
"""Account, amount, and the name that a due bears or a payer is bound to (NO_PROJECT: to none)."""


def rules(dues: list[Row], payers: list[Row]) -> Eligibility:
    def columns(rows: list[Row]) -> list[np.ndarray]:
        return [np.array([row[place] for row in rows], dtype=np.int64) for place in range(3)]

    return Eligibility(Dues.plain(*columns(dues)), Payers.plain(*columns(payers)))


def paid(dues: list[Row], payers: list[Row]) -> list[tuple[int, int, int]]:
    """(due, payer, amount), by their places."""
    found = waterfall(rules(dues, payers))
    return sorted(zip(found.due.tolist(), found.payer.tolist(), found.amount_mu.tolist(), strict=True))


def test_a_payer_pays_in_order_until_it_is_used_up() -> None:
    """70 meet 50 and 40: 50 and 20."""
    assert paid([(0, 50, 0), (0, 40, 0)], [(0, 70, NO_PROJECT)]) == [(0, 0, 50), (1, 0, 20)]


def test_the_next_payer_finds_what_is_left() -> None:
    """The first pays 30 of 50, the second the other 20 and then 15 of 40."""
    found = paid([(0, 50, 0), (0, 40, 0)], [(0, 30, NO_PROJECT), (0, 35, NO_PROJECT)])
    assert found == [(0, 0, 30), (0, 1, 20), (1, 1, 15)]


def test_a_payer_skips_what_it_may_not_pay() -> None:
    assert paid([(0, 50, 0), (0, 40, 1)], [(0, 70, 1)]) == [(1, 0, 40)]


def test_accounts_do_not_see_each_other() -> None:
    """Two accounts with 45 each: what one has left pays nothing of the other."""
    found = paid([(0, 50, 0), (1, 40, 0)], [(0, 45, NO_PROJECT), (1, 45, NO_PROJECT)])
    assert found == [(0, 0, 45), (1, 1, 40)]


def test_nothing_due_or_no_payer_is_no_application() -> None:
    assert paid([], [(0, 70, NO_PROJECT)]) == []
    assert paid([(0, 50, 0)], []) == []
    assert paid([(0, 50, 0)], [(1, 70, NO_PROJECT)]) == []


def test_a_sum_that_could_wrap_is_an_error_never_an_amount() -> None:
    """Two dues of 2^61 sum to 2^62, which is where the check stands; 64 bits would hold one bit more."""
    with pytest.raises(OutOfBoundsError, match="minor units"):
        paid([(0, 2**61, 0), (0, 2**61, 0)], [(0, 1, NO_PROJECT)])


def test_the_sums_of_many_accounts_may_pass_64_bits_together() -> None:
    """Five accounts owe 2^61 each, more than 2^63 together; each pays of its own what it has."""
    dues = [(account, 2**61, 0) for account in range(5)]
    payers = [(account, 1 + account, NO_PROJECT) for account in range(5)]
    assert paid(dues, payers) == [(account, account, 1 + account) for account in range(5)]


def one_by_one(dues: list[Row], payers: list[Row]) -> list[tuple[int, int, int]]:
    """The rule as it is said: each payer in turn, each due in turn."""
    rests, found = [amount for _, amount, _ in dues], []
    for payer, (account, balance, bound) in enumerate(payers):
        left = balance
        for due, (owner, _, name) in enumerate(dues):
            amount = min(left, rests[due]) if owner == account and bound in (NO_PROJECT, name) else 0
            if amount:
                found.append((due, payer, amount))
                rests[due] -= amount
                left -= amount
    return sorted(found)


names = st.integers(0, 3)
rows_of_dues = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60), names), max_size=30).map(sorted)
rows_of_payers = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 90), st.one_of(st.just(NO_PROJECT), names)), max_size=40
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@given(rows_of_dues, rows_of_payers)
@settings(max_examples=200, deadline=None)
def test_the_loop_over_ranks_pays_what_one_by_one_pays(dues: list[Row], payers: list[Row]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WALKED", 10**12)
        assert paid(dues, payers) == one_by_one(dues, payers)


@given(rows_of_dues, rows_of_payers)
@settings(max_examples=200, deadline=None)
def test_the_walk_pays_what_one_by_one_pays(dues: list[Row], payers: list[Row]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEP", 10**12)
        assert paid(dues, payers) == one_by_one(dues, payers)


def test_an_account_with_many_payers_is_walked_and_the_others_are_not() -> None:
    """100,000 accounts with 10 dues and 5 payers loop; one with 100,000 dues and 1,000 payers walks.

    In nanoseconds: 5 steps of 60,000 and 5,000,000 dues of 25 are 0.13 s, against 1.5 s for 1,500,000 of 1,000; the
    one account would loop for 1,000 × 100,000 × 25 ns, 2.5 s, and walks in 0.1 s.
    """
    dues, payers = np.full(100_001, 10), np.full(100_001, 5)
    dues[77], payers[77] = 100_000, 1_000
    walked = module._walked(dues, payers)
    assert np.flatnonzero(walked).tolist() == [77]
