"""The reference tables of a run are kept with what it made, and do not contradict what the books already hold."""

import polars as pl

from flows import books
from flows.lake.journal import FileEntry, Snapshot
from flows.reference import Reference
from flows.run import Refusal
from rating.operations import ACCEPTED

OWNED = ["billing_account_id", "billing_currency"]


def keep_reference(snapshot: Snapshot, reference: Reference, run_id: str) -> list[FileEntry]:
    """Store the tables that a run used, where no earlier commit has the same.

    Makes    files for the commit; none where the tables are known
    Errors   Refusal: an account would owe in two currencies
    """
    if snapshot.has_reference(reference.digest):
        return []
    _refuse_second_currency(snapshot, reference["billing_accounts"].select(OWNED))
    return snapshot.lake.write_reference(reference.tables, reference.digest, run_id=run_id, snapshot=snapshot)


def _refuse_second_currency(snapshot: Snapshot, accounts: pl.DataFrame) -> None:
    """What an account owes, paid and was granted is of one currency, or it would be added up as if it were (M3)."""
    named = accounts.rename({"billing_currency": "now"}).unique()
    others = (
        _in_the_books(snapshot).join(named, on="billing_account_id").filter(pl.col("billing_currency") != pl.col("now"))
    )
    for account, known, now in others.sort(OWNED).head(1).iter_rows():
        raise Refusal(
            f"billing_accounts: {account} is billed in {now}, and has invoices, credit or payments in {known}; "
            f"give its rows {known} back, and bill {now} to an account of its own"
        )


def _in_the_books(snapshot: Snapshot) -> pl.DataFrame:
    """The accounts that have numbered documents, grants or payments, each with its currency: OWNED."""
    numbered = [file for state in ("issued", "sold") for file in snapshot.files("invoices", state=state)]
    paid = snapshot.read("operations").filter(operation="record_payment", status=ACCEPTED).select("billing_account_id")
    parts = [
        books.columns_of(snapshot.lake, numbered, "invoices", OWNED),
        snapshot.read("grants").select(OWNED),
        snapshot.read("billing_accounts").select(OWNED).join(paid, on="billing_account_id", how="semi"),
    ]
    return pl.concat(part.unique() for part in parts).unique()
