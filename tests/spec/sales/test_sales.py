"""Credit that pays before tax is sold with tax. Its purchase is invoiced by itself, when it is accepted: one line, the
price, its tax by the rates of the day, all of it paid. What is refunded of it goes back by a credit note, with its tax.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rating.accounting_periods import NOTHING_CLOSED
from rating.corrections import Documents
from rating.given_credit import refund_entries, sale_entries
from rating.refunds import OF_PERIOD, SALE, refund_notes
from rating.sales import Sale
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.sellers import Sellers
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.units import Money
from tests.spec.operations.credit import judged
from tests.tables import assert_table, table

title = "Credit that is sold with tax, and refunded (G2, K5, T1, T3, T4)"

BOUGHT = {
    "operation": "purchase_credit",
    "kind": "prepaid",
    "billing_account_id": "acme",
    "tax_category": "standard",
    "occurred_at": "2026-10-05T09:00:00Z",
}


def bought(amount: str = "100", price: str = "80", **said: str) -> pl.DataFrame:
    """A purchase of prepaid credit."""
    return table(Operations, f"operation_id | amount | price_paid\nbought | {amount} | {price}", **{**BOUGHT, **said})


def sale(operation: pl.DataFrame, **tables: pl.DataFrame) -> Sale:
    """The invoice of an accepted purchase."""
    (made,) = judged(operation, before=[], **tables).sales
    return made


def test_a_sale_is_one_line_of_its_price_with_tax_and_all_of_it_is_paid() -> None:
    """Face value 100.00 for 80.00; 20 % of that is 16.00: 96.00, on 5 October."""
    made = sale(bought(name="Prepaid")).documents
    assert_table(
        made.invoices,
        Invoices,
        """
        document_type | document_state | billing_account_id | billing_period | sold_by | list_cost | total_without_tax | total_tax | total_with_tax | paid_amount | amount_due
        380           | draft          | acme               | 2026-10        | bought  |     80.00 |             80.00 |     16.00 |          96.00 |       96.00 |       0.00
        """,  # noqa: E501 (a table)
    )
    assert_table(
        made.invoice_lines,
        InvoiceLines,
        """
        line_number | description | quantity | unit_price | line_amount | tax_category | tax_code | tax_amount | charge_id | charge_period_start | charge_period_end
        1           | Prepaid     |        1 |         80 |       80.00 | standard     | S        |      16.00 |           | 2026-10-05T00:00Z   | 2026-10-06T00:00Z
        """,  # noqa: E501 (a table)
    )
    assert_table(
        made.tax_breakdown,
        TaxBreakdown,
        "code | component | rate | taxable_amount | tax_amount\nS | VAT | 0.2 | 80.00 | 16.00",
    )


def test_every_component_is_taxed_on_the_price_and_rounded_by_itself() -> None:
    """Half of 18 % each of 0.50 is 0.045: 0.05 twice, half away; rounded down by policy 0.04 twice."""
    two = table(TaxRates, "component | rate\nCGST | 0.09\nSGST | 0.09")
    policy = table(BillingPolicies, "policy | value\nrounding_tax | down")
    for policies, tax, total in ((BillingPolicies.empty(), "0.05", "0.10"), (policy, "0.04", "0.08")):
        made = sale(bought("1", "0.50"), tax_rates=two, billing_policies=policies).documents
        assert_table(
            made.tax_breakdown,
            TaxBreakdown,
            f"component | taxable_amount | tax_amount\nCGST | 0.50 | {tax}\nSGST | 0.50 | {tax}",
        )
        assert_table(made.invoices, Invoices, f"total_without_tax | total_tax\n0.50 | {total}")


def test_the_rates_are_those_of_the_day_of_the_purchase_where_the_account_is() -> None:
    """16:00 UTC on 4 October is 1:00 on the 5th in Seoul, where the rate changes that day."""
    rates = table(TaxRates, "rate | valid_from | valid_until\n0.1 | 2026-01-01 | 2026-10-05\n0.2 | 2026-10-05 |")
    korean = table(BillingAccounts, "billing_account_id | billing_currency | time_zone\nacme | KRW | Asia/Seoul")
    one = bought("1000", "1000", occurred_at="2026-10-04T16:00:00Z")
    made = sale(one, tax_rates=rates, billing_accounts=korean).documents
    assert_table(made.tax_breakdown, TaxBreakdown, "rate | tax_amount\n0.2 | 200")


def test_sales_are_in_the_order_of_accounts_then_times_then_operations() -> None:
    four = table(
        Operations,
        """
        operation_id | billing_account_id | occurred_at
        late         | acme               | 2026-10-05T10:00:00Z
        other        | acme               | 2026-10-05T09:00:00Z
        first        | acme               | 2026-10-05T09:00:00Z
        globex       | globex             | 2026-10-05T08:00:00Z
        """,
        amount="10",
        price_paid="10",
        **{name: value for name, value in BOUGHT.items() if name not in ("billing_account_id", "occurred_at")},
    )
    assert [one.operation["operation_id"] for one in judged(four, before=[]).sales] == [
        "first",
        "other",
        "late",
        "globex",
    ]


@pytest.mark.parametrize(
    ("tables", "code", "about"),
    [
        ({"sellers": Sellers.empty()}, "O_NO_SELLER", "north on 2026-10-05"),
        ({"tax_rates": TaxRates.empty()}, "O_NO_TAX_RATE", "standard, DE to DE, business, on 2026-10-05"),
        (
            {"sellers": table(Sellers, "seller_id | tax_ids\nnorth | []")},
            "O_MANDATORY_FIELD",
            "the seller's tax number (BT-31)",
        ),
    ],
)
def test_a_purchase_whose_invoice_lacks_something_is_refused_by_its_name(
    tables: dict[str, pl.DataFrame], code: str, about: str
) -> None:
    found = judged(bought(), before=[], **tables)
    assert found.sales == ()
    assert found.grants.is_empty()
    (row,) = found.operations.iter_rows(named=True)
    assert row["reason_code"] == code
    assert row["reason"].endswith(about)


def test_the_ledger_says_that_the_tax_of_a_sale_came_in_and_is_owed() -> None:
    made = sale(bought()).documents
    by = made.invoices.select("invoice_id", operation_id="sold_by")
    assert_table(
        sale_entries(made.tax_breakdown, by, NOTHING_CLOSED),
        LedgerEntries,
        """
        transaction_kind | service_period | ledger_account     | amount
        grant_bought     | 2026-10        | cash               |  16.00
        grant_bought     | 2026-10        | tax_payable/DE/VAT | -16.00
        """,
    )


# --- what goes back ------------------------------------------------------------


def issued(made: Documents, number: str) -> Documents:
    """The document with its number."""
    numbered = made.invoices.with_columns(
        invoice_number=pl.lit(number), document_state=pl.lit("issued"), issue_date=pl.lit(date(2026, 10, 5))
    )
    return Documents(Invoices.conform(numbered), made.invoice_lines, made.tax_breakdown)


def refunds(amount: str, mode: str = "half_away", period: str = "2026-11") -> pl.DataFrame:
    """What November gives back of the price."""
    said = {"billing_account_id": "acme", "sold_by": "bought", "billing_period": period, "rounding_tax": mode}
    bounds = {"period_start": f"{period}-01T00:00:00Z", "period_end": f"{period}-30T00:00:00Z"}
    rows = pl.DataFrame([{**said, **bounds, "cutoff_at": "2026-12-01T00:00:00Z", "refunded_amount": amount}])
    instants = pl.col("period_start", "period_end", "cutoff_at").str.to_datetime(time_unit="us", time_zone="UTC")
    rows = rows.with_columns(instants, pl.col("refunded_amount").cast(Money), exponent=pl.lit(2, dtype=pl.Int64))
    return rows.select(*SALE, *OF_PERIOD, "refunded_amount")


SOLD = issued(sale(bought("100", "0.55")).documents, "INV-1")
"""0.55, and 0.11 of tax."""


def test_a_credit_note_gives_back_of_the_price_and_the_tax_that_the_rest_does_not_have() -> None:
    """0.03 of 0.55 go back. 20 % of the 0.52 that are left are 0.104, so 0.10: of the 0.11, 0.01 go back."""
    note = refund_notes(SOLD, refunds("0.03"))
    assert_table(
        note.invoices,
        Invoices,
        """
        document_type | preceding_invoice_number | sold_by | billing_period | total_without_tax | total_tax | total_with_tax | paid_amount | amount_due
        381           | INV-1                    | bought  | 2026-11        |             -0.03 |     -0.01 |          -0.04 |       -0.04 |       0.00
        """,  # noqa: E501 (a table)
    )
    assert_table(
        note.invoice_lines, InvoiceLines, "quantity | unit_price | line_amount | tax_amount\n-1 | 0.03 | -0.03 | -0.01"
    )
    assert_table(note.tax_breakdown, TaxBreakdown, "rate | taxable_amount | tax_amount\n0.2 | -0.03 | -0.01")


def test_a_second_note_gives_back_the_tax_that_the_first_left() -> None:
    """0.03 more: 20 % of 0.49 are 0.098, 0.10, of which there are 0.10: no tax goes back. All of the price: 0.10 do."""
    first = Documents.together(SOLD, issued(refund_notes(SOLD, refunds("0.03")), "CN-1"))
    for amount, net, tax in (("0.06", "-0.03", "0.00"), ("0.55", "-0.52", "-0.10")):
        found = refund_notes(first, refunds(amount)).invoices
        assert_table(found, Invoices, f"total_without_tax | total_tax\n{net} | {tax}")


def test_what_is_not_refunded_after_all_is_invoiced_again() -> None:
    """Of 0.03 that went back with 0.01, 0.01 is taken back: 20 % of 0.53 are 0.106, 0.11: 0.01 of tax with it."""
    first = Documents.together(SOLD, issued(refund_notes(SOLD, refunds("0.03")), "CN-1"))
    found = refund_notes(first, refunds("0.02")).invoices
    assert_table(found, Invoices, "document_type | total_without_tax | total_tax\n380 | 0.01 | 0.01")


def test_what_documents_say_already_needs_none() -> None:
    first = Documents.together(SOLD, issued(refund_notes(SOLD, refunds("0.03")), "CN-1"))
    assert refund_notes(first, refunds("0.03")).invoices.is_empty()
    assert refund_notes(SOLD, refunds("0")).invoices.is_empty()


def test_the_ledger_says_that_the_tax_of_a_refund_went_out_and_is_owed_no_more() -> None:
    note = refund_notes(SOLD, refunds("0.03"))
    by = note.invoices.select("invoice_id", operation_id=pl.lit("issue"))
    assert_table(
        refund_entries(note.tax_breakdown, by, NOTHING_CLOSED),
        LedgerEntries,
        """
        transaction_kind | service_period | ledger_account     | amount
        grant_refunded   | 2026-11        | cash               |  -0.01
        grant_refunded   | 2026-11        | tax_payable/DE/VAT |   0.01
        """,
    )
