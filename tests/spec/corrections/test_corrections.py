"""An issued document never changes. What its period comes to today, less what was issued of it, is a document that
names it: a credit note where less is to be paid, else a supplementary invoice. Amounts keep their sign.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.corrections import Documents, corrections
from rating.hashing import digest
from schemas.billing_policies import BillingPolicies
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.corrections.chain import accounts, corrected, documents, issued, october
from tests.spec.period import BONUS, USUAL, bill
from tests.tables import assert_table, table

title = "Corrections: the difference to what was issued (L4, T4, X1)"


def bonus(text: str) -> pl.DataFrame:
    """Grants of acme for October."""
    return table(Operations, text, **BONUS)


def test_a_retroactive_bonus_gives_a_credit_note_with_the_tax_lowered_by_rate() -> None:
    """100 at 20 % and 50 at 10 % were 150 and 25.00 of tax. A bonus of 120 pays all of the first and 20 of the second:
    0 and 30 are left, taxed 0.00 and 3.00. So 120 less, of it 100 at 20 % and 20 at 10 %: 20.00 and 2.00 of tax less,
    and 142.00 less to pay. The list costs stay as they were."""
    usage = "vm-small | 100\ntraining | 50"
    note = corrected(october(usage, operations=bonus("amount\n120")), issued(october(usage), "INV-1"))
    assert_table(
        note.invoices,
        Invoices,
        """
        document_type | document_state | invoice_number | preceding_invoice_number | is_void | list_cost | grant_amount | total_without_tax | total_tax | total_with_tax | amount_due
        381           | draft          |                | INV-1                    | false   |         0 |       120.00 |           -120.00 |    -22.00 |        -142.00 |    -142.00
        """,  # noqa: E501 (a table)
    )
    assert_table(
        note.tax_breakdown,
        TaxBreakdown,
        """
        code | component | rate | taxable_amount | tax_amount
        S    | VAT       |  0.1 |         -20.00 |      -2.00
        S    | VAT       |  0.2 |        -100.00 |     -20.00
        """,
    )
    assert_table(
        note.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | quantity | list_cost | grant_amount | line_amount | tax_amount
        1           | vm-small |        0 |         0 |       100.00 |     -100.00 |     -20.00
        2           | training |        0 |         0 |        20.00 |      -20.00 |      -2.00
        """,
    )


def test_late_usage_gives_a_supplementary_invoice_of_the_lines_it_changed() -> None:
    """Ten hours more of one of two SKUs: 10.00 and 2.00 of tax; the other line does not appear."""
    more = corrected(
        october("vm-small | 110\ndatabase | 50"), issued(october("vm-small | 100\ndatabase | 50"), "INV-1")
    )
    assert_table(
        more.invoices,
        Invoices,
        """
        document_type | preceding_invoice_number | list_cost | total_without_tax | total_tax | amount_due
        380           | INV-1                    |     10.00 |             10.00 |      2.00 |      12.00
        """,
    )
    assert_table(
        more.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | quantity | unit_price | list_cost | line_amount | tax_amount
        1           | vm-small |       10 |          1 |     10.00 |       10.00 |       2.00
        """,
    )


def test_what_comes_to_the_same_has_no_document() -> None:
    today = october("vm-small | 100")
    assert corrected(today, issued(today, "INV-1")).invoices.is_empty()


def test_where_only_grants_moved_there_is_no_document() -> None:
    """40 of bonus for the cloud, then for the database: 110 are left to tax at 20 % in any case."""
    usage = "vm-small | 100\ndatabase | 50"
    was = october(usage, operations=bonus('amount | include\n40 | ["service:Cloud"]'))
    now = october(usage, operations=bonus('amount | include\n40 | ["service:Database"]'))
    found = corrected(now, issued(was, "INV-1"))
    assert found.invoices.is_empty()
    assert found.invoice_lines.is_empty()
    assert found.tax_breakdown.is_empty()


def test_a_grant_that_moved_to_another_tax_rate_is_no_mere_move() -> None:
    """40 of bonus for the cloud (20 %), then for training (10 %): the same total without tax, 40 from one group to the
    other: 8.00 of tax more there, 4.00 less here."""
    usage = "vm-small | 100\ntraining | 50"
    was = october(usage, operations=bonus('amount | include\n40 | ["service:Cloud"]'))
    now = october(usage, operations=bonus('amount | include\n40 | ["service:Training"]'))
    assert_table(
        corrected(now, issued(was, "INV-1")).invoices,
        Invoices,
        """
        document_type | grant_amount | total_without_tax | total_tax | amount_due
        380           |            0 |                 0 |      4.00 |       4.00
        """,
    )


def priced(*rows: str) -> pl.DataFrame:
    """Prices of vm-small."""
    return table(SkuPrices, "\n".join(["sku_price_id | sku_id | list_unit_price | valid_from | valid_until", *rows]))


def test_a_price_whose_dates_moved_beyond_the_month_needs_no_document() -> None:
    """It began in January and begins in September, or ends with the year: October's line is what it was."""
    was = october("vm-small | 100", sku_prices=priced("list | vm-small | 1 | 2026-01-01 |"))
    for row in ("list | vm-small | 1 | 2026-09-01 |", "list | vm-small | 1 | 2026-01-01 | 2027-01-01"):
        found = corrected(october("vm-small | 100", sku_prices=priced(row)), issued(was, "INV-1"))
        assert all(rows.is_empty() for rows in found.tables)


def test_a_line_that_became_another_is_taken_back_and_said_anew_though_nothing_is_due() -> None:
    """All 100 hours are of the last third of October, at the same price: of one that holds all month, or of one that
    begins on the 11th. The charge is another, with a number of its own, and every charge is on a line; so the document
    is none of zeros: -100 and -20 of tax, 100 and 20. No tax group differs (T4)."""
    used = table(
        UsageRecords,
        """
        sku_id   | consumed_quantity | charge_period_start  | charge_period_end
        vm-small |               100 | 2026-10-21T00:00:00Z | 2026-10-31T00:00:00Z
        """,
    )
    was, now = (
        documents(bill(usage_records=used, sku_prices=priced(*rows)))
        for rows in (
            ["list | vm-small | 1 | 2026-01-01 |"],
            ["list | vm-small | 1 | 2026-01-01 | 2026-10-11", "new | vm-small | 1 | 2026-10-11 |"],
        )
    )
    found = corrected(now, issued(was, "INV-1"))
    assert_table(
        found.invoices,
        Invoices,
        """
        document_type | preceding_invoice_number | list_cost | total_tax | amount_due
        380           | INV-1                    |         0 |         0 |          0
        """,
    )
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        line_number | quantity | list_cost | tax_amount | charge_period_start
        1           |     -100 |   -100.00 |     -20.00 | 2026-10-01T00:00:00Z
        2           |      100 |    100.00 |      20.00 | 2026-10-11T00:00:00Z
        """,
    )
    assert found.tax_breakdown.is_empty()


def test_the_next_correction_takes_up_the_grants_that_moved() -> None:
    """As above, and ten hours of training at 10 % more: the two lines whose grants changed stand beside the new one."""
    usage = "vm-small | 100\ndatabase | 50"
    was = october(usage, operations=bonus('amount | include\n40 | ["service:Cloud"]'))
    now = october(usage + "\ntraining | 10", operations=bonus('amount | include\n40 | ["service:Database"]'))
    found = corrected(now, issued(was, "INV-1"))
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | list_cost | grant_amount | line_amount | tax_amount
        1           | vm-small |         0 |       -40.00 |       40.00 |       8.00
        2           | database |         0 |        40.00 |      -40.00 |      -8.00
        3           | training |     10.00 |            0 |       10.00 |       1.00
        """,
    )
    assert_table(found.invoices, Invoices, "total_without_tax | total_tax | amount_due\n10.00 | 1.00 | 11.00")


def test_a_charge_that_is_gone_is_taken_back_in_the_words_it_was_issued_with_at_its_place() -> None:
    """Of three lines the middle one has no usage left, and the third costs 5 more."""
    was = october("vm-small | 100\ndatabase | 50\ntraining | 20")
    found = corrected(october("vm-small | 100\ntraining | 25"), issued(was, "INV-1"))
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | service  | description           | quantity | unit_price | list_cost | tax_amount
        1           | database | Database | Small virtual machine |      -50 |          1 |    -50.00 |     -10.00
        2           | training | Training | Small virtual machine |        5 |          1 |      5.00 |       0.50
        """,
    )
    assert_table(found.invoices, Invoices, "document_type | total_without_tax | amount_due\n381 | -45.00 | -54.50")


def test_a_period_without_any_charge_left_is_taken_back_whole() -> None:
    """The virtual document is none at all: a correction all the same, not a void."""
    found = corrected(Documents.nothing(), issued(october("vm-small | 100"), "INV-1"))
    assert_table(
        found.invoices,
        Invoices,
        """
        document_type | is_void | list_cost | total_tax | amount_due
        381           | false   |   -100.00 |    -20.00 |    -120.00
        """,
    )


def test_a_second_correction_is_the_difference_to_all_that_was_issued_and_names_the_invoice() -> None:
    """100, then 110 (10 more were issued), then 95: 15 less than the two documents together."""
    first = issued(october("vm-small | 100"), "INV-1")
    second = issued(corrected(october("vm-small | 110"), first), "INV-2", "2026-11-10")
    third = corrected(october("vm-small | 95"), first, second)
    assert_table(
        third.invoices,
        Invoices,
        """
        document_type | preceding_invoice_number | list_cost | total_tax | amount_due
        381           | INV-1                    |    -15.00 |     -3.00 |     -18.00
        """,
    )
    assert [one.invoices["invoice_id"].item() for one in (first, second, third)] == [
        digest("acme", "2026-10"),
        digest("acme", "2026-10", "1"),
        digest("acme", "2026-10", "2"),
    ]


def test_tax_is_rounded_once_for_the_chain_not_for_each_document() -> None:
    """0.12 at 20 % is 0.024: 0.02. At 0.14 it is 0.028: 0.03, so the first correction has 0.01 of tax on 0.02, where
    0.004 by itself would be nothing. At 0.16 it is 0.032: 0.03, so the second has none on 0.02."""
    first = issued(october("vm-small | 0.12"), "INV-1")
    more = corrected(october("vm-small | 0.14"), first)
    assert_table(more.tax_breakdown, TaxBreakdown, "taxable_amount | tax_amount\n0.02 | 0.01")
    second = issued(more, "INV-2", "2026-11-10")
    third = corrected(october("vm-small | 0.16"), first, second)
    assert_table(third.tax_breakdown, TaxBreakdown, "taxable_amount | tax_amount\n0.02 | 0")
    assert_table(third.invoices, Invoices, "document_type | total_tax | amount_due\n380 | 0 | 0.02")


def test_credit_after_tax_that_came_later_lowers_what_is_due_and_no_tax() -> None:
    """120.00 with tax; a voucher of 40 pays that much of it: nothing else differs."""
    today = october("vm-small | 100", operations=bonus("kind | amount\nvoucher | 40"))
    assert_table(
        corrected(today, issued(october("vm-small | 100"), "INV-1")).invoices,
        Invoices,
        """
        document_type | total_without_tax | total_tax | total_with_tax | credit_amount | paid_amount | amount_due
        381           |                 0 |         0 |              0 |         40.00 |       40.00 |     -40.00
        """,
    )


FIVE_CENTS = table(BillingPolicies, "policy | value\npayable_increment | 0.05")


def of_machine(was: str, now: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """What corrects the invoice of a machine that was billed by some policies and comes to something else by others."""
    first = issued(october(f"vm-small | {was}", billing_policies=before), "INV-1")
    return corrected(october(f"vm-small | {now}", billing_policies=after), first, billing_policies=after).invoices


def test_a_correction_makes_what_is_due_of_the_whole_payable() -> None:
    """10.02 with 2.00 of tax are 12.02, due 12.00. At 10.04 with 2.01: 12.05. The difference of 0.03 is due as 0.05."""
    assert_table(
        of_machine("10.02", "10.04", FIVE_CENTS, FIVE_CENTS),
        Invoices,
        "document_type | total_with_tax | rounding_amount | amount_due\n380 | 0.03 | 0.02 | 0.05",
    )


def test_what_rounding_brought_before_is_not_brought_again() -> None:
    """16.68 with 3.34 are 20.02, due 20.00. At 8.32 with 1.66 they are 9.98, due 10.00 in all: 10.04 less is 10.00
    less, where 10.04 by itself would be 10.05."""
    assert_table(
        of_machine("16.68", "8.32", FIVE_CENTS, FIVE_CENTS),
        Invoices,
        "document_type | total_with_tax | rounding_amount | amount_due\n381 | -10.04 | 0.04 | -10.00",
    )


def test_what_was_rounded_by_another_policy_is_left_as_it_is() -> None:
    """12.02 were due as 12.00 in five cents. Of 12.05 in cents 0.03 are due; in whole euros nothing, as 12.00 stay."""
    first = issued(october("vm-small | 10.02", billing_policies=FIVE_CENTS), "INV-1")
    cents = corrected(october("vm-small | 10.04"), first)
    assert_table(cents.invoices, Invoices, "total_with_tax | rounding_amount | amount_due\n0.03 | 0 | 0.03")
    euros = table(BillingPolicies, "policy | value\npayable_increment | 1")
    whole = corrected(october("vm-small | 10.04", billing_policies=euros), first, billing_policies=euros)
    assert_table(whole.invoices, Invoices, "total_with_tax | rounding_amount | amount_due\n0.03 | -0.03 | 0")
    odd = issued(october("vm-small | 10.05", billing_policies=FIVE_CENTS), "INV-1")  # 10.05 and 2.01: 12.06, due 12.05
    alone = corrected(october("vm-small | 11.05", billing_policies=euros), odd, billing_policies=euros)
    assert_table(alone.invoices, Invoices, "total_with_tax | rounding_amount | amount_due\n1.20 | -0.20 | 1.00")


def test_what_was_rounded_by_more_than_an_increment_is_left_as_it_is() -> None:
    """10.32 with 2.06 are 12.38, due as 12.00 in whole euros. In five cents 0.33 less is 0.35 less, though 12.05 is due
    of the whole."""
    euros = table(BillingPolicies, "policy | value\npayable_increment | 1")
    assert_table(
        of_machine("10.32", "10.04", euros, FIVE_CENTS),
        Invoices,
        "document_type | total_with_tax | rounding_amount | amount_due\n381 | -0.33 | -0.02 | -0.35",
    )


def test_a_correction_that_charges_more_is_not_due_as_less() -> None:
    """Rounded up, 12.02 are due as 12.05. Rounded down, 12.04 would be due as 12.00: 0.02 more are due as nothing, not
    as 0.05 less."""
    up, down = (
        table(BillingPolicies, f"policy | value\npayable_increment | 0.05\nrounding_charges | {mode}")
        for mode in ("up", "down")
    )
    assert_table(
        of_machine("10.02", "10.03", up, down),
        Invoices,
        "document_type | total_with_tax | rounding_amount | amount_due\n380 | 0.02 | -0.02 | 0",
    )


def test_small_corrections_do_not_add_up_what_each_would_be_rounded_by() -> None:
    """12.00 in all, then 12.02: due 12.00, so nothing more. Then 12.05 (10.04 and 2.01): 0.05 more, once."""
    first = issued(october("vm-small | 10.00", billing_policies=FIVE_CENTS), "INV-1")
    second = corrected(october("vm-small | 10.02", billing_policies=FIVE_CENTS), first, billing_policies=FIVE_CENTS)
    assert_table(second.invoices, Invoices, "total_with_tax | rounding_amount | amount_due\n0.02 | -0.02 | 0")
    second = issued(second, "INV-2", "2026-11-10")
    third = corrected(
        october("vm-small | 10.04", billing_policies=FIVE_CENTS), first, second, billing_policies=FIVE_CENTS
    )
    assert_table(third.invoices, Invoices, "total_with_tax | rounding_amount | amount_due\n0.03 | 0.02 | 0.05")


def test_a_charge_taxed_under_another_code_is_taken_back_under_the_one_it_had() -> None:
    """Training was sold as reduced (10 %) and is standard (20 %): 5.00 of tax back, 10.00 anew."""
    mended = USUAL["skus"].with_columns(tax_category=pl.lit("standard"))
    rates = table(
        TaxRates, "tax_category | component | rate | code\nstandard | VAT | 0.2 | S\nreduced | VAT | 0.1 | AA"
    )
    was = issued(october("training | 50", tax_rates=rates), "INV-1")
    found = corrected(october("training | 50", tax_rates=rates, skus=Skus.check(mended)), was)
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        line_number | tax_code | quantity | list_cost | line_amount | tax_amount
        1           | S        |       50 |     50.00 |       50.00 |      10.00
        2           | AA       |      -50 |    -50.00 |      -50.00 |      -5.00
        """,
    )
    assert_table(
        found.tax_breakdown,
        TaxBreakdown,
        """
        code | rate | taxable_amount | tax_amount
        AA   |  0.1 |         -50.00 |      -5.00
        S    |  0.2 |          50.00 |      10.00
        """,
    )
    assert_table(found.invoices, Invoices, "list_cost | total_tax | amount_due\n0 | 5.00 | 5.00")


def test_a_correction_of_a_line_says_its_rate_unless_the_rate_is_another() -> None:
    """At 20 %: 10.00 more, 2.00 of tax. At 10 % today 10.00 more are taxed, and the tax is 11.00 - 20.00 = -9.00: no
    rate makes -9.00 of 10.00."""
    was = issued(october("vm-small | 100"), "INV-1")
    shown = "line_amount | tax_rate | tax_amount"
    more = corrected(october("vm-small | 110"), was)
    assert_table(more.invoice_lines, InvoiceLines, f"{shown}\n10.00 | 0.2 | 2.00")
    lower = table(TaxRates, "tax_category | component | rate | code\nstandard | VAT | 0.1 | S")
    mixed = corrected(october("vm-small | 110", tax_rates=lower), was)
    assert_table(mixed.invoice_lines, InvoiceLines, f"{shown}\n10.00 | | -9.00")


def test_a_cent_that_is_taxed_at_another_rate_is_a_line_though_no_amount_is_another() -> None:
    """Training is taxed at 10 % and then at 20 %: of 0.01 that is nothing either way. The cent is of another group, and
    each group of a document has lines (BR-S-08). The machine's 100.00 are not among them.
    """
    mended = Skus.check(USUAL["skus"].with_columns(tax_category=pl.lit("standard")))
    was = issued(october("training | 0.01\nvm-small | 100"), "INV-1")
    found = corrected(october("training | 0.01\nvm-small | 100", skus=mended), was)
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | quantity | list_cost | line_amount | tax_code | tax_rate | tax_amount
        1           | training |        0 |         0 |           0 | S        |          |          0
        """,
    )
    assert_table(
        found.tax_breakdown,
        TaxBreakdown,
        """
        code | rate | taxable_amount | tax_amount
        S    |  0.1 |          -0.01 |          0
        S    |  0.2 |           0.01 |          0
        """,
    )
    assert_table(found.invoices, Invoices, "list_cost | total_tax | amount_due\n0 | 0 | 0")


def test_another_code_of_what_grants_paid_before_tax_needs_no_document() -> None:
    """The bonus paid all 50.00, so nothing is taxed, under either code; training costs what it did."""
    mended = Skus.check(USUAL["skus"].with_columns(tax_category=pl.lit("standard")))
    rates = table(
        TaxRates, "tax_category | component | rate | code\nstandard | VAT | 0.2 | S\nreduced | VAT | 0.1 | AA"
    )
    paid = bonus("amount\n50")
    was = issued(october("training | 50", tax_rates=rates, operations=paid), "INV-1")
    today = october("training | 50", tax_rates=rates, operations=paid, skus=mended)
    assert corrected(today, was).invoices.is_empty()


def test_the_parties_are_those_of_the_day_it_is_corrected() -> None:
    """The account has moved since its invoice."""
    moved = accounts().with_columns(address=pl.lit("Neuer Wall 3, 20354 Hamburg, DE"))
    found = corrections(october("vm-small | 110"), issued(october("vm-small | 100"), "INV-1"), moved)
    assert_table(found.invoices, Invoices, "buyer_address\nNeuer Wall 3, 20354 Hamburg, DE")


def test_an_account_that_is_not_asked_about_or_has_no_invoice_is_left_alone() -> None:
    """Who is on hold keeps what is issued; what was never issued is a draft, not a correction."""
    today, was = october("vm-small | 110"), issued(october("vm-small | 100"), "INV-1")
    assert corrections(today, was, accounts().clear()).invoices.is_empty()
    assert corrected(today).invoices.is_empty()


def test_an_invoice_is_not_corrected_in_another_currency() -> None:
    today = october("vm-small | 100")
    in_won = Documents(
        today.invoices.with_columns(billing_currency=pl.lit("KRW")), today.invoice_lines, today.tax_breakdown
    )
    with pytest.raises(ValueError, match="'acme' was invoiced for 2026-10 in EUR and is now billed in KRW"):
        corrected(in_won, issued(today, "INV-1"))
