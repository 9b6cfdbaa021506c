"""What is corrected is taxed as it was invoiced: at the rates, and by the jurisdiction and status, of that document. So
an account whose invoice stands has rates of its own; all others have today's.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.account_periods import AccountPeriods
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.holds import Holds
from schemas.sellers import Sellers
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import USUAL
from tests.spec.standing.invoiced import again, due, first, given, late, paid, stands
from tests.tables import assert_table, table

title = "Standing: the rates of a document that is corrected (T4)"

THEN = USUAL["tax_rates"]
MENDED = table(TaxRates, "tax_category | rate\nstandard | 0.25\nreduced | 0.1")
STANDINGS = ["issued", "partly_paid", "paid"]


@pytest.mark.parametrize("standing", STANDINGS)
def test_late_usage_is_taxed_at_the_rate_that_was_invoiced(standing: str) -> None:
    """150.00 at 20 %, although the table says 25 % by now."""
    repeated = again(stands(first(100), standing, "120", THEN), 150, tax_rates=MENDED)
    assert_table(repeated.tax_breakdown, TaxBreakdown, "rate | taxable_amount | tax_amount\n0.2 | 150.00 | 30.00")


def test_an_account_without_rates_of_its_own_has_todays() -> None:
    """acme was invoiced at 20 %; beta is a draft, at 25 %."""
    accounts = {"billing_accounts": table(BillingAccounts, "billing_account_id\nacme\nbeta")}
    usage = table(
        UsageRecords, "usage_record_id | billing_account_id | consumed_quantity\na | acme | 100\nb | beta | 100"
    )
    billed = first(
        0,
        usage_records=usage.filter(billing_account_id=pl.lit("acme")),
        billing_accounts=accounts["billing_accounts"][:1],
    )
    assert_table(
        again(stands(billed, "issued", rates=THEN), 0, usage_records=usage, tax_rates=MENDED, **accounts).tax_breakdown,
        TaxBreakdown,
        """
        billing_account_id | rate | tax_amount
        acme               | 0.2  |      20.00
        beta               | 0.25 |      25.00
        """,
    )


def test_a_category_that_had_no_rate_then_has_none_now() -> None:
    """The training was added since. Its rate is not among those of the invoice, so it cannot be corrected like this."""
    then = THEN.filter(tax_category="standard")
    repeated = again(stands(first(100, tax_rates=then), "issued", rates=then), {"vm-large": 100, "training": 10})
    assert_table(repeated.holds, Holds, "billing_account_id | reason_code\nacme | H_NO_TAX_RATE")
    assert repeated.invoices.is_empty()


@pytest.mark.parametrize("standing", STANDINGS)
def test_who_the_buyer_was_for_tax_stays(standing: str) -> None:
    """acme is exempt in Austria by today's tables; the invoice was to a business in Germany."""
    moved = table(BillingAccounts, "billing_account_id | jurisdiction | tax_status\nacme | AT | exempt")
    repeated = again(stands(first(100), standing, "120"), 150, billing_accounts=moved)
    assert_table(repeated.tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.2 | 30.00")
    assert_table(
        repeated.account_periods,
        AccountPeriods,
        "billing_account_id | jurisdiction | tax_status\nacme | DE | business",
    )


def test_where_the_seller_was_stays() -> None:
    """The seller sits in Austria by today's table; the invoice came from Germany."""
    moved = table(Sellers, "seller_id | jurisdiction\nnorth | AT")
    repeated = again(stands(first(100), "issued"), 150, sellers=moved)
    assert_table(repeated.tax_breakdown, TaxBreakdown, "seller_jurisdiction | tax_amount\nDE | 30.00")


def test_the_region_stays_too_where_there_was_none() -> None:
    """By today's table acme is in Büsingen, which is not taxed; on the invoice it was in no region."""
    rates = pl.concat([THEN, table(TaxRates, "account_region | tax_category | rate\nDE-BUE | standard | 0")])
    moved = table(BillingAccounts, "billing_account_id | region\nacme | DE-BUE")
    repeated = again(stands(first(100, tax_rates=rates), "issued"), 150, tax_rates=rates, billing_accounts=moved)
    assert_table(repeated.tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.2 | 30.00")


def test_by_usage_the_boundaries_are_those_of_the_invoice() -> None:
    """As invoiced the rate rose on the 15th, though today's table knows no rise: 150.00 at 20 % and 50.00 at 25 %."""
    by_usage = {"billing_policies": table(BillingPolicies, "policy | value\ntax_point | usage")}
    rises = table(
        TaxRates,
        """
        tax_category | rate | valid_from | valid_until
        standard     | 0.2  | 2026-01-01 | 2026-10-15
        standard     | 0.25 | 2026-10-15 |
        """,
    )

    def usage(hours: int) -> pl.DataFrame:
        return table(
            UsageRecords,
            f"""
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   | {hours}
            2026-10-20T00:00Z   | 50
            """,
        )

    billed = first(0, usage_records=usage(100), tax_rates=rises, **by_usage)
    repeated = again(stands(billed, "issued", rates=rises), 0, usage_records=usage(150), **by_usage)
    assert_table(
        repeated.charges,
        Charges,
        """
        charge_period_start | charge_period_end | list_cost
        2026-10-01T00:00Z   | 2026-10-15T00:00Z |    150.00
        2026-10-15T00:00Z   | 2026-11-01T00:00Z |     50.00
        """,
    )
    assert_table(repeated.tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.2 | 30.00\n0.25 | 12.50")


def test_what_is_undone_is_taxed_at_the_rate_of_the_invoice() -> None:
    """120.00 at 20 % are invoiced and 96.00 paid: 80.00 and 20 %. At today's 25 % it would be 76.80."""
    bonus = late("operation_id | amount\nsorry | 40")
    repeated = again(stands(first(100), "partly_paid", "96", THEN), 100, bonus, tax_rates=MENDED)
    assert paid(repeated) == {"sorry": "20.00"}
    assert due(repeated) == "96.00"


def test_an_account_on_hold_shows_it_and_nothing_else_and_the_others_are_billed() -> None:
    """Nobody knows what the database costs any more. Nothing is said of acme: what is committed of it stays so."""
    accounts = {"billing_accounts": table(BillingAccounts, "billing_account_id\nacme\nbeta")}
    usage = table(
        UsageRecords,
        """
        usage_record_id | billing_account_id | sku_id   | consumed_quantity
        a               | acme               | database |               100
        b               | beta               | vm-large |               100
        """,
    )
    bonus = given("operation_id | amount | window_end\nlaunch | 130 | 2026-11-01")
    billed = first(0, bonus, usage_records=usage, **accounts)
    prices = USUAL["sku_prices"].filter(pl.col("sku_id") != "database")
    repeated = again(stands(billed), 0, bonus, usage_records=usage, sku_prices=prices, **accounts)
    assert_table(repeated.holds, Holds, "billing_account_id | reason_code\nacme | R_NO_PRICE")
    assert repeated.invoices["billing_account_id"].to_list() == ["beta"]
    assert repeated.grant_movements.is_empty()
    assert "acme" not in repeated.ledger["billing_account_id"]
