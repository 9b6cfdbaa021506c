"""The rule book's list of invariants, line by line: which query of `invariants/` keeps each.

Written beside the queries and never made from them, so that none can go without its line being looked at.
"""

import pytest

from flows.lake.named_queries import queries

SECTION_13: dict[str, tuple[str, ...]] = {
    "usage conservation (U1)": ("usage_conserved", "stored_usage_was_accepted", "usage_has_a_series"),
    "rating line = sum of its charges": ("rating_line_is_its_charges", "added_charges_are_billed"),
    "list - discounts - caps - before-tax grants = taxable": (
        "line_is_charge_less_cuts",
        "document_is_its_lines",
        "document_is_taxable_plus_tax",
        "tax_is_on_the_whole_line",
    ),
    "tax identity per chain (T3, T4)": (
        "tax_is_rounded_once",
        "lines_of_a_rate_are_its_base",
        "sales_are_taxed_once",
    ),
    "sum of tax shares = tax": ("tax_shares_are_the_tax",),
    "total = taxable + tax": ("document_is_taxable_plus_tax",),
    "due = total - after-tax grants - paid - balance, not below zero": (
        "due_is_total_less_paid",
        "due_is_payable",
        "paid_is_credits_and_balance",
        "payments_fit_what_is_due",
        "payments_are_used_once",
        "account_balance_is_what_is_over",
        "rounding_is_on_documents",
    ),
    "application at most the remainder": ("allocations_fit_their_charge", "charged_is_what_was_applied"),
    "application at most the balance at that point; K1 not below zero": (
        "grant_balances_are_not_negative",
        "grants_are_credited_once",
    ),
    "no application outside window, scope or project": (
        "grants_stay_in_their_window",
        "grants_stay_in_their_scope",
        "organization_credit_is_allowed",
    ),
    "floors at most the free balance": ("floors_fit_their_grant",),
    "sum of allocations at most the parent": ("parts_fit_their_grant", "value_sent_arrives"),
    "every transaction sums to zero": ("transactions_sum_to_zero",),
    "trial balance zero": ("trial_balance_is_zero",),
    "ledger balance of each grant = K1": ("ledger_holds_grant_balances",),
    "receivable = sum of what is due and not paid": ("receivable_is_what_is_open", "sales_are_posted"),
    "numbers gap-free": ("numbers_are_gap_free", "expense_numbers_name_one_charge", "charges_have_one_number"),
    "credit notes of an invoice at most it, per category": (
        "credit_notes_fit_their_invoice",
        "corrections_name_their_invoice",
        "refunds_fit_their_sale",
        "sales_are_invoiced",
        "lines_are_of_a_charge_or_a_sale",
        "voided_invoices_are_nothing",
    ),
    "every account with usage has an invoice or a stated hold": (
        "usage_is_billed_or_held",
        "charges_are_on_a_document_or_held",
        "one_invoice_per_account_and_period",
    ),
    "no orphan ids": ("no_orphan_ids", "payments_name_what_they_pay"),
}
BY_BYTES = {
    "issued documents byte-equal to their commit": "test_journal.py: no commit may remove one; verify hashes all",
    "hash chain intact": "test_journal.py, test_tampering.py: every record is checked when it is read",
}
"""Lines that no query of rows can keep."""

BEYOND = {
    "what is said of limits is what they come to (I5, W5)": (
        "credit_states_are_said",
        "cost_policies_measure_the_charges",
        "cost_policy_events_are_of_reached_limits",
    ),
}


def test_every_line_of_the_section_has_its_queries_and_every_query_its_line() -> None:
    named = {name for lines in (SECTION_13, BEYOND) for names in lines.values() for name in names}
    assert named == {query.name for query in queries("invariants")}
    assert len(SECTION_13) + len(BY_BYTES) >= 20


@pytest.mark.parametrize("query", queries("invariants"), ids=lambda query: query.name)
def test_an_invariant_reads_books_and_calls_nothing_of_rating(query: object) -> None:
    """SQL over relations alone: what made an amount is not asked whether it is right."""
    assert query.text.lstrip().startswith("--")  # type: ignore[attr-defined]
    assert query.reads  # type: ignore[attr-defined]


def test_the_audit_knows_nothing_of_rating() -> None:
    import ast
    from pathlib import Path

    import flows.lake

    for path in sorted(Path(flows.lake.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "rating"], path.name
