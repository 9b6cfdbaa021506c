"""What each role reads of the books: an export holds the rows of its accounts, in every table and view.

Rows are said here by hand, or are those of `acme` by the account that the row names; they are compared with the same
rows as the lake shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import schemas
from flows.readable import READABLE
from flows.run import Refusal
from rating.roles import READ_BILLING, READ_CREDIT_PAGES, READ_PRICE_BOOK, READ_RECORDS, READS
from tests.flows.roles.matrix import CELLS
from tests.flows.roles.organizations import Organizations, Others

Q = Others().mark
EVERY = schemas.TABLES | schemas.VIEWS
READERS = [cell for cell in CELLS if cell[0] in READS]
WHO = {
    "staff": "operator",
    "support": "helper",
    "organization_owner": "owner",
    "billing_manager": "manager",
    "member": "member",
    "analyst": "analyst",
    "none": "adrift",
}

PAGES = {"free_credits", "paid_credits"}
RECORDS = {"rejects", "operations", "ledger_entries", "trial_balance", "landed_files", "runs"}
OPEN = {"sellers", "skus", "unit_conversions", "grant_kinds", "tax_rates", "currencies"}
MIXED = {"sku_prices", "price_tiers", "discounts", "spend_limits", "billing_policies", "principals"}
"""Reference tables that hold rows for everyone beside rows of accounts."""
OF_MANY_ACCOUNTS = {"landed_files", "runs"}
OF_GRANTS = {
    *("grants", "grant_movements", "grant_balances", "bonus_credits", "credit_history"),
    *("organization_credits", "project_credits"),
}

SHOWN_OTHERWISE = {
    "billing_accounts": ["parent_account_id"],
    "grants": ["from_grant_id"],
    "grant_movements": ["counter_grant_id"],
    "promo_codes": ["accounts"],
    "rejects": ["file_name", "reason", "original"],
    "operations": ["reason"],
}
"""Columns that are not compared here, but by hand below."""

ORGANIZATION_CREDIT = {"organization", "organization-2", "part"}
"""What an owner, who is no billing manager, reads of acme's grants."""


def told(rows: pl.DataFrame, leaving_out: Iterable[str] = ()) -> list[str]:
    """Rows as texts in order, to be compared; an empty list of labels is as good as none."""
    return sorted(repr({k: v for k, v in row.items() if k not in leaving_out}) for row in rows.iter_rows(named=True))


def read(folder: Path, name: str) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.sql(f"from read_parquet('{folder / name}.parquet')").pl()


def names_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.parquet")}


def of_acme(name: str, rows: pl.DataFrame, who: str) -> pl.DataFrame:
    """The rows that somebody who has only acme reads of a relation."""
    account = pl.col("billing_account_id") if "billing_account_id" in rows.columns else None
    is_member = who == "member"

    def among(column: str, *values: str) -> pl.DataFrame:
        return rows.filter(pl.col(column).is_in(list(values)))

    if name in OPEN:
        return rows
    if name in OF_GRANTS:
        own = among("grant_id", *ORGANIZATION_CREDIT) if who == "owner" else rows
        return own.filter(account == "acme")
    if name == "billing_policies":
        return rows.filter(account.is_null() | (account == ("nobody" if is_member else "acme")))
    if name == "operations":
        return rows.filter((account == "acme") & ~pl.col("operation_id").is_in([f"{Q}-try", f"{Q}-ghost"]))
    by_hand: dict[str, Callable[[], pl.DataFrame]] = {
        "sku_prices": lambda: among(
            "sku_price_id", "vm-small-eur", "mails-eur", *([] if is_member else ["vm-small-acme"])
        ),
        "price_tiers": lambda: among("sku_price_id", "mails-eur"),
        "discounts": lambda: among("discount_id", "everyone", *([] if is_member else ["ten-acme", "of-hello"])),
        "spend_limits": lambda: among("spend_limit_id", *([] if is_member else ["cap-acme"])),
        "principals": lambda: among("principal_id", who),
        "promo_codes": lambda: among("promo_code", "HELLO", "SHARED", "OFF", "OFTEN"),
        "stored_usage": lambda: among("usage_record_id", "a1", "a2", "a3"),
        "active_discounts": lambda: rows.filter(
            (account == "acme") | (account.is_null() & (pl.col("discount_id") == "everyone"))
        ),
        "rejects": lambda: among("usage_record_id", "a4", "a5", "a7"),
    }
    return by_hand[name]() if name in by_hand else rows.filter(account == "acme")


def test_each_table_and_view_is_read_as_its_kind():
    kinds = {action: {name for name, one in READABLE.items() if one.action == action} for action in READS}
    assert kinds[READ_CREDIT_PAGES] == PAGES
    assert kinds[READ_RECORDS] == RECORDS
    assert kinds[READ_PRICE_BOOK] == OPEN | MIXED
    assert kinds[READ_BILLING] == set(EVERY) - PAGES - RECORDS - OPEN - MIXED


@pytest.mark.parametrize(("action", "role"), READERS)
def test_each_role_reads_what_its_cell_says_and_nothing_else(
    action: str, role: str, exported: Any, every_row: Any, books: Organizations
):
    cell, who = CELLS[action, role], WHO[role]
    of_action = {name for name, one in READABLE.items() if one.action == action}
    if role == "none":
        with pytest.raises(Refusal, match="has no account"):
            books.export(who)
        assert not (books.folder / "exports" / who).exists()
        return
    folder = exported(who)
    if cell in ("none", "own, if billing manager too"):
        assert names_in(folder).isdisjoint(of_action)
        return
    hidden = set() if cell == "all" else OF_MANY_ACCOUNTS
    assert names_in(folder) & of_action == of_action - hidden
    for name in sorted(of_action - hidden - {"trial_balance"}):
        full = every_row[name]
        wanted = full if cell == "all" else of_acme(name, full, who)
        left_out = [] if cell == "all" else SHOWN_OTHERWISE.get(name, [])
        assert told(read(folder, name), left_out) == told(wanted, left_out), name


def test_an_analyst_of_no_account_reads_all_of_them(exported: Any, every_row: Any):
    folder = exported("auditor")
    assert names_in(folder) == set(EVERY) - PAGES
    for name in names_in(folder):
        assert told(read(folder, name)) == told(every_row[name]), name


def test_an_owner_who_is_billing_manager_too_reads_the_pages_of_credit(exported: Any, every_row: Any):
    folder = exported("both")
    assert names_in(folder) == names_in(exported("manager"))
    for name in PAGES | OF_GRANTS - {"grants", "grant_movements"}:
        assert told(read(folder, name)) == told(of_acme(name, every_row[name], "both")), name
    # free, free-2, over, bonus, organization, organization-2, part, the promo grant, and what labs sent
    assert read(folder, "grants")["grant_id"].sort().to_list() == sorted(
        ["bonus", "bought", "bought-2", "free", "free-2", "hello", "in-1", "over", *ORGANIZATION_CREDIT]
    )


def test_somebody_of_two_accounts_reads_both_and_who_pays_whom_between_them(exported: Any, every_row: Any):
    rows = read(exported("treasurer"), "grants")
    assert set(rows["billing_account_id"]) == {"acme", "labs"}
    assert dict(rows.select("grant_id", "from_grant_id").drop_nulls().iter_rows()) == {
        "in-1": f"{Q}-labs",
        "out-1": "free",
        "part": "organization",
    }
    assert set(read(exported("treasurer"), "invoices")["billing_account_id"]) == {"acme", "labs"}


def test_of_a_transfer_each_side_reads_its_own_and_the_other_account(exported: Any):
    """labs sent 8 to acme, acme 10 to labs (S3.22)."""
    folder = exported("manager")
    history = read(folder, "credit_history").filter(pl.col("target_account_id").is_not_null())
    assert sorted(history.select("grant_id", "type", "amount", "target_account_id").rows()) == [
        ("free", "Transfer Deduction", Decimal("-10.0000"), "labs"),
        ("in-1", "Transfer Accumulation", Decimal("8.0000"), "labs"),
    ]
    moved = read(folder, "grant_movements").filter(pl.col("movement").str.starts_with("transfer"))
    assert moved["counter_grant_id"].to_list() == [None, None]
    grants = dict(read(folder, "grants").select("grant_id", "from_grant_id").iter_rows())
    assert (grants["in-1"], grants["part"]) == (None, "organization")


def test_what_names_others_is_shown_otherwise(exported: Any):
    folder = exported("analyst")
    assert read(folder, "billing_accounts")["parent_account_id"].to_list() == [None]
    codes = dict(read(folder, "promo_codes").select("promo_code", "accounts").iter_rows())
    assert codes == {"HELLO": [], "SHARED": ["acme"], "OFF": [], "OFTEN": []}
    rejects = read(folder, "rejects")
    assert set(rejects["file_name"]) == {"not shown"}
    found = {name: texts for name, *texts in rejects.select("usage_record_id", "reason", "original").rows()}
    assert found["a4"][0].endswith("found sku_id 'vm-smal' and charge_period_start '2026-10-11T00:00:00Z'")
    assert '"consumed_quantity":"1e3"' in found["a5"][1]
    assert found["a7"] == ["not shown", "not shown"]  # its labels are no JSON: who knows what else is in them
    reasons = dict(read(folder, "operations").select("operation_id", "reason").drop_nulls().iter_rows())
    assert reasons == {"mine": "the actor's role does not allow it"}


def test_a_trial_balance_adds_up_the_entries_that_are_read(exported: Any, every_row: Any):
    """Never those of all accounts: each line is the sum of acme's entries."""
    own = every_row["ledger_entries"].filter(pl.col("billing_account_id") == "acme")
    sums: dict[str, Decimal] = {}
    for account, amount in own.select("ledger_account", "amount").iter_rows():
        sums[account] = sums.get(account, Decimal(0)) + amount
    found = read(exported("analyst"), "trial_balance")
    assert dict(found.select("ledger_account", "balance").iter_rows()) == sums
    assert dict(every_row["trial_balance"].select("ledger_account", "balance").iter_rows()) != sums


def test_who_has_one_project_reads_its_rows_and_nothing_of_the_account(exported: Any, every_row: Any):
    """`lead` is billing manager of acme's website, `spotter` its analyst; an invoice is the account's."""
    folder = exported("lead")
    for name in ("usage_records", "charges", "invoice_lines", "grants", "project_costs"):
        wanted = every_row[name].filter(
            (pl.col("billing_account_id") == "acme") & (pl.col("sub_account_id") == "website")
        )
        assert told(read(folder, name), ["from_grant_id"]) == told(wanted, ["from_grant_id"])
        assert wanted.height > 0, name
    assert read(folder, "stored_usage")["usage_record_id"].to_list() == ["a2"]
    assert read(folder, "sub_accounts")["sub_account_id"].to_list() == ["website"]
    of_project = {name for name, one in EVERY.items() if {"billing_account_id", "sub_account_id"} <= set(one.columns())}
    held = {
        name
        for name in names_in(folder)
        if "acme" in read(folder, name).to_dict(as_series=False).get("billing_account_id", [])
    }
    led_to = {"grant_movements", "bonus_credits", "credit_history"}
    assert held <= of_project | led_to
    assert names_in(folder).isdisjoint(
        {"invoices", "billing_accounts", "tax_breakdown", "credit_limit_overview", *PAGES}
    )
    assert read(exported("spotter"), "operations")["operation_id"].to_list() == ["part"]
    assert names_in(exported("spotter")).isdisjoint({"ledger_entries", "trial_balance", "rejects"})


@pytest.mark.parametrize("who", ["operator", "manager", "analyst", "lead", "member"])
def test_the_database_holds_tables_with_the_rows_of_the_files(who: str, exported: Any):
    folder = exported(who)
    with duckdb.connect(str(folder / "billing.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        assert connection.sql("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
        tables = dict(connection.sql("select table_name, comment from duckdb_tables()").fetchall())
        assert set(tables) == names_in(folder)
        for name in tables:
            rows = connection.sql(f"from {name}").pl()
            assert told(rows) == told(read(folder, name))
            assert rows.columns == list(EVERY[name].columns())
            assert tables[name] == " ".join(EVERY[name].sentences())
        said = connection.sql("select comment from duckdb_columns() where column_name = 'price_paid'").fetchall()
        assert all(text for (text,) in said)
