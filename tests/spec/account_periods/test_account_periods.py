"""Where the tests on this page say nothing, the month is this: account `acme` in Germany bills October 2026 in UTC and
in euros, and the month is over. Every SKU costs 1.00 an hour, so that hours read as euros: `vm-small` and `vm-large`
are virtual machines and `image` is an image, all of service Cloud; `database` is a service of its own without a
feature; `training` is of tax category `reduced`. Tax is 20 % on `standard` and 10 % on `reduced`.

An account's row, its seller's, its currency's and its policies are those in force at the last instant of the month.
"""

from __future__ import annotations

from schemas.account_periods import AccountPeriods
from schemas.billing_accounts import BillingAccounts
from schemas.holds import Holds
from schemas.invoices import Invoices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Account periods: the usual month, and whose it is"

HUNDRED_HOURS = table(UsageRecords, "consumed_quantity\n100")


def test_hours_read_as_euros_and_a_fifth_is_tax() -> None:
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            """,
        )
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | total_without_tax | total_tax | amount_due
        100.00    |            100.00 |     20.00 |     120.00
        """,
    )


def test_a_month_is_the_local_month_of_each_account() -> None:
    """Berlin begins its October at 22:00 UTC and ends it, on winter time, at 23:00; Kolkata at 18:30 both times."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            berlin             | Europe/Berlin
            kolkata            | Asia/Kolkata
            """,
        )
    )
    assert_table(
        billed.account_periods,
        AccountPeriods,
        """
        billing_account_id | billing_period | period_start      | period_end
        berlin             | 2026-10        | 2026-09-30T22:00Z | 2026-10-31T23:00Z
        kolkata            | 2026-10        | 2026-09-30T18:30Z | 2026-10-31T18:30Z
        """,
    )


def test_it_says_up_to_when_inputs_counted() -> None:
    """What was recorded by then is in it; so it is told of a month that is paid, which no later operation reaches."""
    billed = bill(known_as_of="2026-11-03T12:00:00Z")
    assert_table(billed.account_periods, AccountPeriods, "billing_account_id | known_as_of\nacme | 2026-11-03T12:00Z")


def test_the_row_in_force_at_the_last_instant_counts_for_the_whole_month() -> None:
    """acme moves to Hamburg on the 31st; the row of November does not count yet."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | address | valid_from | valid_until
            acme               | Köln    | 2026-01-01 | 2026-10-31
            acme               | Hamburg | 2026-10-31 | 2026-11-01
            acme               | Berlin  | 2026-11-01 |
            """,
        ),
        usage_records=HUNDRED_HOURS,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        buyer_address | amount_due
        Hamburg       |     120.00
        """,
    )


def test_an_account_that_closed_inside_the_month_is_billed_for_it() -> None:
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | valid_until
            acme               | 2026-10-10
            """,
        ),
        usage_records=HUNDRED_HOURS,
    )
    assert_table(billed.invoices, Invoices, "amount_due\n120.00")


def test_an_account_that_is_not_open_in_the_month_has_no_period_and_its_usage_holds_it() -> None:
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | valid_from | valid_until
            acme               | 2026-01-01 | 2026-10-01
            """,
        ),
        usage_records=HUNDRED_HOURS,
    )
    assert billed.account_periods.is_empty()
    assert billed.invoices.is_empty()
    assert_table(
        billed.holds,
        Holds,
        """
        billing_account_id | reason_code
        acme               | H_ACCOUNT_CLOSED
        """,
    )


def test_an_account_that_is_not_open_holds_no_other_even_if_it_alone_used_a_sku() -> None:
    """100 hours of acme at 1.00, and a fifth of tax; what gone used of `database` waits."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | valid_from | valid_until
            acme               | 2026-01-01 |
            gone               | 2026-01-01 | 2026-10-01
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | sku_id   | consumed_quantity
            acme               | vm-small |               100
            gone               | database |                10
            """,
        ),
    )
    assert_table(billed.invoices, Invoices, "billing_account_id | amount_due\nacme | 120.00")
    assert_table(billed.holds, Holds, "billing_account_id | reason_code\ngone | H_ACCOUNT_CLOSED")
