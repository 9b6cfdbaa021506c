"""One customer's month at a published price list: no tax, so that what is due is the figure on the vendor's page.

The year of an example does not matter to its arithmetic, the length of its month does: a page that counts March is
billed for March 2026, one that counts thirty days for November 2026.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from rating.outputs import Outputs
from rating.periods import period_bounds
from schemas.billing_accounts import BillingAccounts
from schemas.currencies import Currencies
from schemas.invoices import Invoices
from schemas.rating_lines import RatingLines
from schemas.tax_rates import TaxRates
from tests.spec.period import bill
from tests.tables import assert_table, table


def month(period: str = "2026-10", currency: str = "USD", zone: str = "UTC", **tables: pl.DataFrame) -> Outputs:
    """The account `acme`, billed two days after the month in this currency and zone, without tax."""
    ended = period_bounds(period, zone)[1] + timedelta(days=2)
    exponent = {"JPY": 0, "KWD": 3}.get(currency, 2)
    return bill(
        period,
        ended.isoformat(),
        billing_accounts=table(
            BillingAccounts,
            f"""
            billing_account_id | billing_currency | time_zone
            acme               | {currency}       | {zone}
            """,
        ),
        currencies=table(
            Currencies,
            f"""
            billing_currency | exponent
            {currency}       | {exponent}
            """,
        ),
        tax_rates=table(
            TaxRates,
            """
            component | rate | code
            VAT       |    0 | Z
            """,
        ),
        **{name: _in_currency(rows, currency) for name, rows in tables.items()},
    )


def _in_currency(rows: pl.DataFrame, currency: str) -> pl.DataFrame:
    return rows.with_columns(billing_currency=pl.lit(currency)) if "billing_currency" in rows.columns else rows


def assert_due(billed: Outputs, amount: str, lines: str = "") -> None:
    """The invoice comes to this amount, and its rating lines to these rows where they are given."""
    if lines:
        assert_table(billed.rating_lines, RatingLines, lines)
    assert_table(
        billed.invoices,
        Invoices,
        f"""
        total_without_tax | total_tax | amount_due
        {amount}          |         0 | {amount}
        """,
    )
