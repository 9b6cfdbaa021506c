"""A discount over its lines, a tax over its charges, a tier price over its projects: whatever is split goes by largest
remainder. Every exact share is floored; the missing cents go to the largest fractions, ties to the earlier line.
"""

from __future__ import annotations

import pytest

from rating.money import share, split_lines
from tests.spec.money.integers import rows

title = "Sharing: largest remainder, so that parts sum to the whole (M1)"


def test_a_euro_over_three_equal_lines_gives_the_odd_cent_to_the_first() -> None:
    """33.33 cents each: floors 33, one cent missing, all fractions equal: 34, 33, 33."""
    thirds = rows(
        """
        discount | total | weight
        spring   |   100 |      1
        spring   |   100 |      1
        spring   |   100 |      1
        """
    )
    assert share(thirds, "total", "weight", "discount").to_list() == [34, 33, 33]


def test_the_missing_cent_goes_to_the_largest_fraction() -> None:
    """16.67, 33.33 and 50: floors 16, 33, 50 make 99; the cent goes to .67: 17, 33, 50."""
    sixths = rows(
        """
        discount | total | weight
        spring   |   100 |      1
        spring   |   100 |      2
        spring   |   100 |      3
        """
    )
    assert share(sixths, "total", "weight", "discount").to_list() == [17, 33, 50]


def test_several_missing_cents_go_to_several_lines() -> None:
    """Two cents over 3 : 3 : 1 are 0.86, 0.86 and 0.29: 1, 1, 0."""
    sevenths = rows(
        """
        discount | total | weight
        spring   |     2 |      3
        spring   |     2 |      3
        spring   |     2 |      1
        """
    )
    assert share(sevenths, "total", "weight", "discount").to_list() == [1, 1, 0]


def test_a_negative_total_is_split_mirrored() -> None:
    """-1.00 over three is what 1.00 over three is, with the sign turned: -34, -33, -33."""
    thirds = rows(
        """
        discount | total | weight
        reversal |  -100 |      1
        reversal |  -100 |      1
        reversal |  -100 |      1
        """
    )
    assert share(thirds, "total", "weight", "discount").to_list() == [-34, -33, -33]


def test_a_line_of_the_other_sign_takes_a_share_of_the_other_sign() -> None:
    """5 over 3 : -1, so over 2: 7.5 and -2.5, floors 7 and -3, one missing, a tie, to the earlier: 8, -3."""
    signs = rows(
        """
        tax | total | weight
        vat |     5 |      3
        vat |     5 |     -1
        """
    )
    assert share(signs, "total", "weight", "tax").to_list() == [8, -3]


def test_negative_weights_of_a_negative_total_share_it_as_positive_ones_would() -> None:
    """-10 over -3 : -1 is -7.5 and -2.5: mirrored 7, 2 and the missing one to the earlier: -8, -2."""
    signs = rows(
        """
        tax | total | weight
        vat |   -10 |     -3
        vat |   -10 |     -1
        """
    )
    assert share(signs, "total", "weight", "tax").to_list() == [-8, -2]


def test_each_total_is_split_over_its_own_lines() -> None:
    """A cent over two lines, and 7 over one, whose rows lie between them."""
    two = rows(
        """
        discount | total | weight
        spring   |     1 |      1
        summer   |     7 |      5
        spring   |     1 |      1
        """
    )
    assert share(two, "total", "weight", "discount").to_list() == [1, 7, 0]


def test_weights_that_sum_to_zero_are_an_error_not_a_share() -> None:
    """10 over 0 and 0 has no answer; nothing over them is nothing each."""
    nothing = rows(
        """
        discount | total | weight
        spring   |    10 |      0
        spring   |    10 |      0
        """
    )
    with pytest.raises(ValueError, match="sum to zero"):
        share(nothing, "total", "weight", "discount")
    assert share(nothing.with_columns(total=0), "total", "weight", "discount").to_list() == [0, 0]


def test_weights_beyond_128_bits_share_the_same() -> None:
    """The weights of the first examples times 10^36: 34, 33, 33, and mirrored; 17, 33, 50."""
    huge = rows(
        """
        discount | total | weight
        spring   |   100 | 1000000000000000000000000000000000000
        spring   |   100 | 1000000000000000000000000000000000000
        spring   |   100 | 1000000000000000000000000000000000000
        reversal |  -100 | 1000000000000000000000000000000000000
        reversal |  -100 | 1000000000000000000000000000000000000
        reversal |  -100 | 1000000000000000000000000000000000000
        summer   |   100 | 1000000000000000000000000000000000000
        summer   |   100 | 2000000000000000000000000000000000000
        summer   |   100 | 3000000000000000000000000000000000000
        """
    )
    shares = share(huge, "total", "weight", "discount").to_list()
    assert shares == [34, 33, 33, -34, -33, -33, 17, 33, 50]


def test_within_a_line_a_charge_is_the_difference_of_two_rounded_values() -> None:
    """10 over three equal charges: up to the cuts 3.33 → 3 and 6.67 → 7, then 10: so 3, 4, 3 (P7)."""
    thirds = rows(
        """
        line | amount | weight | mode
        vm   |     10 |      1 | half_away
        vm   |     10 |      1 | half_away
        vm   |     10 |      1 | half_away
        """
    )
    assert split_lines(thirds, "amount", "weight", "line", "mode").to_list() == [3, 4, 3]


def test_a_further_cut_within_a_line_moves_no_cent_elsewhere() -> None:
    """The middle charge cut in half: up to the cuts 3, 5, 7, 10, so 3, 2, 2, 3: the outer charges stay as they were."""
    cut = rows(
        """
        line | amount | weight | mode
        vm   |     10 |      2 | half_away
        vm   |     10 |      1 | half_away
        vm   |     10 |      1 | half_away
        vm   |     10 |      2 | half_away
        """
    )
    assert split_lines(cut, "amount", "weight", "line", "mode").to_list() == [3, 2, 2, 3]


def test_the_mode_of_charges_rounds_the_value_up_to_a_cut() -> None:
    """A cent over two charges: half of it is one away from zero, none to even, one up, none down."""
    modes = rows(
        """
        line | amount | weight | mode
        away |      1 |      1 | half_away
        away |      1 |      1 | half_away
        even |      1 |      1 | half_even
        even |      1 |      1 | half_even
        up   |      1 |      1 | up
        up   |      1 |      1 | up
        down |      1 |      1 | down
        down |      1 |      1 | down
        """
    )
    assert split_lines(modes, "amount", "weight", "line", "mode").to_list() == [1, 0, 0, 1, 1, 0, 0, 1]


def test_a_negative_line_is_cut_as_its_mirror() -> None:
    """-10 over three equal charges: -3, -4, -3."""
    thirds = rows(
        """
        line | amount | weight | mode
        vm   |    -10 |      1 | half_away
        vm   |    -10 |      1 | half_away
        vm   |    -10 |      1 | half_away
        """
    )
    assert split_lines(thirds, "amount", "weight", "line", "mode").to_list() == [-3, -4, -3]
