"""By `issue` the day decides on which an invoice is issued: the rates at its start, where the account is, are those of
the whole document. Until it is issued its tax is provisional, as by `period_end`. The rate rises on 5 November.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rating.outputs import Outputs
from rating.pipeline import ISSUE_DATES
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.holds import Holds
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.spec.standing.invoiced import again, stands
from tests.tables import assert_table, table

title = "Tax: the rates of the day an invoice is issued (T1, policy tax_point)"

BY_ISSUE = table(BillingPolicies, "policy | value\ntax_point | issue")
RISES_ON_THE_5TH = table(
    TaxRates,
    """
    tax_category | rate | valid_from | valid_until
    standard     | 0.2  | 2026-01-01 | 2026-11-05
    standard     | 0.25 | 2026-11-05 |
    """,
)
HUNDRED = table(UsageRecords, "charge_period_start | consumed_quantity\n2026-10-05T00:00Z | 100")


def issued(**days: date) -> pl.DataFrame:
    """When the invoice of each account is issued."""
    return pl.DataFrame({"billing_account_id": list(days), "issue_date": list(days.values())}, schema=ISSUE_DATES)


def billed(usage_records: pl.DataFrame = HUNDRED, policies: pl.DataFrame = BY_ISSUE, **tables: pl.DataFrame) -> Outputs:
    """October, taxed by issue unless a test says otherwise."""
    tables = {"tax_rates": RISES_ON_THE_5TH, **tables}
    return bill(usage_records=usage_records, billing_policies=policies, **tables)


@pytest.mark.parametrize(("day", "rate", "tax"), [(4, "0.2", "20.00"), (5, "0.25", "25.00"), (6, "0.25", "25.00")])
def test_an_invoice_has_the_rates_in_force_when_its_issue_date_begins(day: int, rate: str, tax: str) -> None:
    """100.00 at 20 % up to the 4th, at 25 % from the 5th on."""
    assert_table(
        billed(issue_dates=issued(acme=date(2026, 11, day))).tax_breakdown,
        TaxBreakdown,
        f"rate | taxable_amount | tax_amount\n{rate} | 100.00 | {tax}",
    )


def test_until_it_is_issued_the_last_instant_of_the_period_counts() -> None:
    """On 31 October the rate was 20 %."""
    assert_table(billed().tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.2 | 20.00")


def test_by_period_end_the_issue_date_changes_nothing() -> None:
    policies = table(BillingPolicies, "policy | value\ntax_point | period_end")
    assert_table(
        billed(policies=policies, issue_dates=issued(acme=date(2026, 11, 6))).tax_breakdown,
        TaxBreakdown,
        "rate | tax_amount\n0.2 | 20.00",
    )


def test_the_issue_date_begins_where_the_account_is() -> None:
    """The rate rises when the 5th begins in UTC. In Kolkata it has begun by then, at 18:30 of the 4th; in São Paulo it
    begins three hours later.
    """
    rises = table(
        TaxRates,
        """
        tax_category | rate | valid_from                  | valid_until
        standard     | 0.2  | 2026-01-01                  | 2026-11-05T00:00:00.000000Z
        standard     | 0.25 | 2026-11-05T00:00:00.000000Z |
        """,
    )
    accounts = table(
        BillingAccounts,
        """
        billing_account_id | time_zone
        india              | Asia/Kolkata
        brazil             | America/Sao_Paulo
        """,
    )
    usage = table(
        UsageRecords,
        """
        usage_record_id | billing_account_id | charge_period_start | consumed_quantity
        i               | india              | 2026-10-05T00:00Z   |               100
        b               | brazil             | 2026-10-05T00:00Z   |               100
        """,
    )
    days = issued(india=date(2026, 11, 5), brazil=date(2026, 11, 5))
    assert_table(
        billed(usage, tax_rates=rises, billing_accounts=accounts, issue_dates=days).tax_breakdown,
        TaxBreakdown,
        """
        billing_account_id | rate | tax_amount
        india              | 0.2  |      20.00
        brazil             | 0.25 |      25.00
        """,
    )


def test_each_account_has_its_own_issue_date() -> None:
    """acme is issued on the 6th; beta is a draft."""
    usage = table(
        UsageRecords,
        """
        usage_record_id | billing_account_id | consumed_quantity
        a               | acme               |               100
        b               | beta               |               100
        """,
    )
    accounts = table(BillingAccounts, "billing_account_id\nacme\nbeta")
    assert_table(
        billed(usage, billing_accounts=accounts, issue_dates=issued(acme=date(2026, 11, 6))).invoices,
        Invoices,
        """
        billing_account_id | total_tax | amount_due
        acme               |     25.00 |     125.00
        beta               |     20.00 |     120.00
        """,
    )


def test_a_rate_boundary_cuts_no_line() -> None:
    """One document has one rate, also where it rises within the month."""
    rises = table(
        TaxRates,
        """
        tax_category | rate | valid_from | valid_until
        standard     | 0.2  | 2026-01-01 | 2026-10-15
        standard     | 0.25 | 2026-10-15 |
        """,
    )
    outputs = billed(tax_rates=rises, issue_dates=issued(acme=date(2026, 11, 6)))
    assert_table(outputs.charges, Charges, "list_cost\n100.00")
    assert_table(outputs.tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.25 | 25.00")


def test_without_a_rate_on_the_issue_date_the_account_is_parked() -> None:
    ends = table(TaxRates, "tax_category | rate | valid_from | valid_until\nstandard | 0.2 | 2026-01-01 | 2026-11-05")
    outputs = billed(tax_rates=ends, issue_dates=issued(acme=date(2026, 11, 6)))
    assert_table(outputs.holds, Holds, "billing_account_id | reason_code\nacme | H_NO_TAX_RATE")


def test_what_is_corrected_has_the_rates_of_the_day_it_was_issued() -> None:
    """Issued on the 6th at 25 %; 50.00 used late are taxed at 25 % too (T4)."""
    tables = {"issue_dates": issued(acme=date(2026, 11, 6)), "tax_rates": RISES_ON_THE_5TH}
    first = billed(**tables)
    repeated = again(stands(first, "issued"), 150, billing_policies=BY_ISSUE, **tables)
    assert_table(repeated.tax_breakdown, TaxBreakdown, "rate | taxable_amount | tax_amount\n0.25 | 150.00 | 37.50")
