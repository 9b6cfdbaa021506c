"""A value is exact until a rule says that it is rounded, and then it is rounded once, to the minor unit of its
currency. Policy `rounding_charges` says how, `rounding_tax` how taxes are. `up` is away from zero, `down` towards it.
"""

from __future__ import annotations

from rating.money import rounded
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.currencies import Currencies
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.money.integers import rows
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Rounding: once, in the mode the policy says (M2, M3)"

FOUR_ACCOUNTS = table(
    BillingAccounts,
    """
    billing_account_id
    away
    even
    up
    down
    """,
)
MODES = table(
    BillingPolicies,
    """
    billing_account_id | policy           | value
    away               | rounding_charges | half_away
    even               | rounding_charges | half_even
    up                 | rounding_charges | up
    down               | rounding_charges | down
    """,
)
ONE_HOUR_EACH = table(
    UsageRecords,
    """
    billing_account_id | consumed_quantity
    away               |                 1
    even               |                 1
    up                 |                 1
    down               |                 1
    """,
)
ONE_HOUR_TAKEN_BACK = table(
    UsageRecords,
    """
    billing_account_id | consumed_quantity
    away               |                -1
    even               |                -1
    up                 |                -1
    down               |                -1
    """,
)


def test_a_half_cent_goes_away_from_zero_or_to_the_even_cent_or_up_or_down() -> None:
    """One hour at 2.465."""
    billed = bill(
        billing_accounts=FOUR_ACCOUNTS,
        billing_policies=MODES,
        usage_records=ONE_HOUR_EACH,
        sku_prices=table(SkuPrices, "list_unit_price\n2.465"),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        away               |      2.47
        even               |      2.46
        up                 |      2.47
        down               |      2.46
        """,
    )


def test_above_or_below_the_half_only_up_and_down_differ() -> None:
    """One hour at 2.461: the nearest cent is 2.46."""
    billed = bill(
        billing_accounts=FOUR_ACCOUNTS,
        billing_policies=MODES,
        usage_records=ONE_HOUR_EACH,
        sku_prices=table(SkuPrices, "list_unit_price\n2.461"),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        away               |      2.46
        even               |      2.46
        up                 |      2.47
        down               |      2.46
        """,
    )


def test_what_is_taken_back_rounds_as_what_was_charged() -> None:
    """A correction of one hour at 2.465: every mode mirrors its charge, so a full reversal leaves nothing."""
    billed = bill(
        billing_accounts=FOUR_ACCOUNTS,
        billing_policies=MODES,
        usage_records=ONE_HOUR_TAKEN_BACK,
        sku_prices=table(SkuPrices, "list_unit_price\n2.465"),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        away               |     -2.47
        even               |     -2.46
        up                 |     -2.47
        down               |     -2.46
        """,
    )


def test_a_currency_rounds_to_its_own_digits() -> None:
    """2.4655 an hour: no decimal in won, three in Bahraini dinar. 2.4655 is a half only of the dinar's third digit."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | billing_currency
            seoul              | KRW
            manama             | BHD
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | consumed_quantity
            seoul              |                 1
            manama             |                 1
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | billing_currency | list_unit_price
            won          | KRW              |          2.4655
            dinar        | BHD              |          2.4655
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        seoul              |         2
        manama             |     2.466
        """,
    )


def test_a_dated_row_gives_a_currency_other_digits() -> None:
    """2.50 an hour where a row says that prices in euros are whole from October on."""
    billed = bill(
        currencies=table(
            Currencies,
            """
            billing_currency | exponent | valid_from | valid_until
            EUR              |        2 | 2026-01-01 | 2026-10-01
            EUR              |        0 | 2026-10-01 |
            """,
        ),
        usage_records=table(UsageRecords, "consumed_quantity\n1"),
        sku_prices=table(SkuPrices, "list_unit_price\n2.5"),
    )
    assert_table(billed.rating_lines, RatingLines, "list_cost\n3")


def test_small_records_are_summed_before_they_are_rounded() -> None:
    """Three times 0.004 is 0.012, so 0.01; rounded one by one it would be nothing."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            usage_record_id | consumed_quantity
            u1              |                 1
            u2              |                 1
            u3              |                 1
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n0.004"),
    )
    assert_table(billed.rating_lines, RatingLines, "list_cost\n0.01")


def test_a_sum_of_thirds_is_exact() -> None:
    """A third three times is one, and a third twice rounds as two thirds."""
    thirds = rows(
        """
        group | numerator | denominator | mode
        whole |         1 |           3 | down
        whole |         1 |           3 | down
        whole |         1 |           3 | down
        part  |         1 |           3 | half_away
        part  |         1 |           3 | half_away
        """
    )
    found = rounded(thirds, ["numerator"], ["denominator"], "mode", "group")
    assert dict(found.iter_rows()) == {"whole": 1, "part": 1}


def test_numbers_beyond_128_bits_round_the_same() -> None:
    """2.5 × 10^45 over 10^45 is a half between 2 and 3, over 4 × 10^45 it is 0.625; the last row fits 128 bits."""
    large = rows(
        """
        quantity                   | price                 | divisor                               | mode
        25000000000000000000000000 | 100000000000000000000 | 1000000000000000000000000000000000000 | half_away
        25000000000000000000000000 | 100000000000000000000 | 1000000000000000000000000000000000000 | half_even
        25000000000000000000000000 | 100000000000000000000 | 4000000000000000000000000000000000000 | up
        25000000000000000000000000 | 100000000000000000000 | 4000000000000000000000000000000000000 | down
        -25000000000000000000000000 | 100000000000000000000 | 1000000000000000000000000000000000000 | half_away
        -25000000000000000000000000 | 100000000000000000000 | 1000000000000000000000000000000000000 | half_even
        5000000000                 | 1                     | 2                                     | half_away
        """
    ).with_columns(billion=10**9)
    found = rounded(large, ["quantity", "price"], ["divisor", "billion"], "mode")
    assert found["rounded_mu"].to_list() == [3, 2, 1, 0, -3, -2, 3]


def test_an_amount_beyond_all_bounds_is_null_never_cut() -> None:
    """10^24 mu is no amount; the row beside it is."""
    beyond = rows(
        """
        quantity                  | price | scale | mode
        1000000000000000000000000 | 1     | 1     | half_away
        7                         | 1     | 2     | half_away
        """
    )
    assert rounded(beyond, ["quantity", "price"], ["scale"], "mode")["rounded_mu"].to_list() == [None, 4]
