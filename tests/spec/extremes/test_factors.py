"""A conversion is two whole numbers, however large and however little they have in common. Nothing is cut before the
cost is rounded, so units that make a whole make it exactly.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_accounts import BillingAccounts
from schemas.holds import Holds
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Extremes: factors that do not end (M3, P2)"


def converted(factors: str, records: str, price: str = "1", **tables: pl.DataFrame) -> pl.DataFrame:
    """Usage in units of these names, to hours."""
    prices = tables.pop("sku_prices", table(SkuPrices, f"list_unit_price\n{price}"))
    return bill(
        unit_conversions=table(UnitConversions, f"from_unit | numerator | denominator\n{factors}", to_unit="hour"),
        sku_prices=prices,
        usage_records=table(UsageRecords, f"consumed_quantity | consumed_unit\n{records}"),
        **tables,
    ).rating_lines


def test_two_large_primes() -> None:
    """999,999,999,961 parts of 999,999,999,989/999,999,999,961 are 999,999,999,989 hours; both are primes."""
    assert_table(
        converted("part | 999999999989 | 999999999961", "999999999961 | part"),
        RatingLines,
        """
        pricing_quantity | list_cost
        999999999989     | 999999999989.00
        """,
    )


def test_the_largest_whole_numbers() -> None:
    """(2^63 − 25)/(2^63 − 165) is 1.5 × 10^-17 more than one: of one part nothing of it is seen, of 9,223,372,036
    it is 1.39999999… × 10^-7.
    """
    factor = "part | 9223372036854775783 | 9223372036854775643"
    assert_table(
        converted(factor, "1 | part", "10000000000000"),
        RatingLines,
        """
        pricing_quantity  | list_cost
        1.000000000000000 | 10000000000000.00
        """,
    )
    assert_table(
        converted(factor, "9223372036 | part"),
        RatingLines,
        """
        pricing_quantity              | list_cost
        9223372036.000000139999999 | 9223372036.00
        """,
    )


def test_halves_that_a_cut_would_miss() -> None:
    """A seventh, a ninth, an eleventh and a thirteenth, each so often that it is one hour: four hours at 0.00125 are
    half a cent, which is a cent; anything less is nothing.
    """
    factors = "seventh | 1 | 7\nninth | 1 | 9\neleventh | 1 | 11\nthirteenth | 1 | 13"
    assert_table(
        converted(factors, "7 | seventh\n9 | ninth\n11 | eleventh\n13 | thirteenth", "0.00125"),
        RatingLines,
        """
        pricing_quantity | list_cost
        4                |      0.01
        """,
    )
    assert_table(
        converted(factors, "7 | seventh\n9 | ninth\n11 | eleventh\n12.999999999999999 | thirteenth", "0.00125"),
        RatingLines,
        "list_cost\n0",
    )


def parts_of_an_hour(*primes: int) -> tuple[str, str]:
    """A unit for each prime, so often that it is one hour: the factors and the records."""
    factors = "\n".join(f"unit-{prime} | 1 | {prime}" for prime in primes)
    return factors, "\n".join(f"{prime} | unit-{prime}" for prime in primes)


def test_three_large_primes_at_once() -> None:
    """Their product is 10^27, and still they make three hours exactly: at 0.335 half a cent, so 1.01."""
    assert_table(
        converted(*parts_of_an_hour(999_999_937, 999_999_929, 999_999_893), "0.335"),
        RatingLines,
        """
        pricing_quantity | list_cost
        3                |      1.01
        """,
    )


def test_what_needs_more_than_37_digits_parks_the_account() -> None:
    """A product of four such primes, or the largest factor of a quantity with six decimals: nothing is cut, and nothing
    wraps.
    """
    primes = (999_999_999_989, 999_999_999_961, 999_999_999_959, 999_999_999_937)
    largest = ("part | 9223372036854775783 | 9223372036854775643", "9223372036854.775643 | part")
    for factors, records in (parts_of_an_hour(*primes), largest):
        billed = bill(
            unit_conversions=table(UnitConversions, f"from_unit | numerator | denominator\n{factors}", to_unit="hour"),
            usage_records=table(UsageRecords, f"consumed_quantity | consumed_unit\n{records}"),
        )
        assert_table(billed.holds, Holds, "reason_code\nH_QUANTITY_OUT_OF_RANGE")
        assert billed.charges.is_empty()


def test_a_quantity_of_24_digits_before_the_point_parks_the_account_and_no_other() -> None:
    """A quantity has 38 digits, 15 of them decimals: 99,999,999,999,999 × 10^9 can be written, × 10^10 cannot.

    At 10^-12 an hour the first comes to 99,999,999,999.999.
    """
    billed = bill(
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nbolt"),
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | numerator   | denominator
            large     | 1000000000  | 1
            larger    | 10000000000 | 1
            """,
            to_unit="hour",
        ),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | consumed_quantity | consumed_unit
            acme               |    99999999999999 | large
            bolt               |    99999999999999 | larger
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n0.000000000001"),
    )
    assert_table(billed.holds, Holds, "billing_account_id | reason_code\nbolt | H_QUANTITY_OUT_OF_RANGE")
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | pricing_quantity        | list_cost
        acme               | 99999999999999000000000 | 100000000000.00
        """,
    )


def test_many_denominators_at_once() -> None:
    """The twelve primes from 101 to 157, each unit so often that it is one hour: twelve hours at 0.00125 are 0.015 →
    0.02.
    """
    primes = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157)
    assert_table(
        converted(*parts_of_an_hour(*primes), "0.00125"),
        RatingLines,
        """
        pricing_quantity | list_cost
        12               |      0.02
        """,
    )


TIERED = table(SkuPrices, "sku_price_id | price_model\nvm-small-list | graduated")


def test_a_bound_that_is_reached_in_thirds_is_reached_exactly() -> None:
    """Thirty thirds are ten hours, all in the first tier; a 10^-15 of a third more pays the fee of the second."""
    tiers = table(
        PriceTiers,
        """
        up_to | unit_price | flat_fee
        10    |          2 |        0
              |          1 |        7
        """,
    )
    for thirds, cost in (("30", "20.00"), ("30.000000000000001", "27.00"), ("29.999999999999999", "20.00")):
        found = converted("third | 1 | 3", f"{thirds} | third", sku_prices=TIERED, price_tiers=tiers)
        assert_table(found, RatingLines, f"list_cost\n{cost}")


def test_a_block_that_is_filled_in_thirds_is_filled_exactly() -> None:
    """Three hundred thirds are one block of a hundred; a 10^-15 of a third more starts another."""
    for thirds, cost in (("300", "5.00"), ("300.000000000000001", "10.00")):
        found = converted(
            "third | 1 | 3",
            f"{thirds} | third",
            sku_prices=table(SkuPrices, "price_model | package_size | list_unit_price\npackage | 100 | 5"),
        )
        assert_table(found, RatingLines, f"list_cost\n{cost}")


def test_a_factor_that_shrinks_a_large_quantity() -> None:
    """99,999,999,999,999 parts of 1/(2^63 − 25) are 0.0000108420…: at 10^12 an hour 10,842,021.72."""
    assert_table(
        converted("part | 1 | 9223372036854775783", "99999999999999 | part", "1000000000000"),
        RatingLines,
        """
        pricing_quantity  | list_cost
        0.000010842021724 | 10842021.72
        """,
    )


def test_what_others_use_parks_nobody() -> None:
    """acme's parts of large primes are billed, 3.00, whether or not globex uses 10^-15 of another SKU (L2)."""
    factors, records = parts_of_an_hour(999_999_937, 999_999_929, 999_999_893)
    of_acme = "\n".join(f"acme | vm-small | {line}" for line in records.splitlines())
    for of_globex in ("1", "0.000000000000001"):
        billed = bill(
            billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
            unit_conversions=table(UnitConversions, f"from_unit | numerator | denominator\n{factors}", to_unit="hour"),
            usage_records=table(
                UsageRecords,
                f"""
                billing_account_id | sku_id   | consumed_quantity | consumed_unit
                globex             | database | {of_globex}       | hour
                {of_acme}
                """,
            ),
        )
        assert billed.holds.is_empty()
        assert_table(
            billed.rating_lines.filter(billing_account_id="acme"),
            RatingLines,
            """
            pricing_quantity | list_cost
            3                |      3.00
            """,
        )


def test_a_price_of_another_sku_parks_nobody() -> None:
    """The same, where only a free quantity of a SKU that nobody uses has fifteen decimals."""
    factors, records = parts_of_an_hour(999_999_937, 999_999_929, 999_999_893)
    found = converted(
        factors,
        records,
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id  | sku_id   | list_unit_price |     free_quantity
            vm-small-list | vm-small |               1 |                 0
            database-list | database |               1 | 0.000000000000001
            """,
        ),
    )
    assert_table(found, RatingLines, "list_cost\n3.00")
