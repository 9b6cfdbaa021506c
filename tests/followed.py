"""A chronicle followed by the real flows, on a lake in a folder: what `oracle_books.follow` is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from flows.backfill import backfill
from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import carry_out
from flows.reference import Reference
from flows.reference.canonical import canonical, digest
from flows.run import Refusal
from flows.standing import standing
from flows.touched import touched
from rating import hashing
from rating.dues import open_documents, open_payments, standing_payments
from schemas import REFERENCE, TABLES
from tests.oracle import KEY_COLUMNS
from tests.worlds import Row, World, frame

OWNER = ("billing_account_id", "billing_period")
AMOUNTS = (
    *("list_cost", "discount_amount", "cap_amount", "grant_amount", "total_without_tax", "total_tax", "total_with_tax"),
    *("credit_amount", "paid_amount", "rounding_amount", "amount_due"),
)
COMPARED: dict[str, tuple[str, ...]] = {
    "charges": (*OWNER, *KEY_COLUMNS[1:], "list_cost"),
    "allocations": (*OWNER, *KEY_COLUMNS[1:], "allocation_kind", "tax_position", "source_id", "amount"),
    "tax_breakdown": (*OWNER, "code", "rate", "component", "taxable_amount", "tax_amount"),
    "invoices": (*OWNER, "document", "document_type", "is_void", "preceding", "issue_date", *AMOUNTS, "open_amount"),
    "standings": (*OWNER, "standing", "due_amount", "paid_amount"),
    "grant_movements": ("grant_id", "billing_period", "movement", "amount"),
    "grant_balances": ("grant_id", "balance"),
    "account_balances": ("billing_account_id", "amount"),
    "holds": (*OWNER, "reason_code"),
    "operations": ("operation_id", "status", "reason_code"),
    "rejects": ("usage_record_id", "reason_code"),
    "sales": (
        *("billing_account_id", "sold_by", "document", "document_type", "billing_period", "issue_date"),
        *("total_without_tax", "total_tax", "total_with_tax", "paid_amount", "amount_due"),
    ),
    "sale_taxes": (
        *("billing_account_id", "sold_by", "document", "code", "rate", "component", "taxable_amount", "tax_amount"),
    ),
}
"""What is compared of the books after a step, and by which columns."""

Books = dict[str, list[tuple[Any, ...]]]


def follow_flows(
    chronicle: World, folder: Path, *, looks: Callable[[int], bool] = lambda _: True
) -> list[Books | None]:
    """The books after each step that is looked at; the others are None."""
    return [follower.books() if looks(place) else None for place, follower in enumerate(steps_of(chronicle, folder))]


def steps_of(chronicle: World, folder: Path) -> Any:
    """The follower, after each step."""
    follower = Follower(chronicle, folder)
    for step in chronicle["steps"]:
        follower.take(step)
        yield follower


class Follower:
    """A lake, the reference tables as they are by now, and what to do at each step."""

    def __init__(self, chronicle: World, folder: Path) -> None:
        self.folder = folder
        self.tables = {name: rows for name, rows in chronicle.items() if name in REFERENCE}
        self.lake = Lake.create(folder / "lake", buckets=4)
        self.decided: pl.DataFrame = TABLES["operations"].empty()
        self.rejected: pl.DataFrame = TABLES["rejects"].empty()
        self.place = 0

    def take(self, step: Row) -> None:
        """Do what a step says."""
        self.place += 1
        self.decided, self.rejected = TABLES["operations"].empty(), TABLES["rejects"].empty()
        getattr(self, step["step"])(step)

    def reference(self) -> Reference:
        tables = {
            name: canonical(frame(name, self.tables.get(name, [])), TABLES[name].key()) for name in sorted(REFERENCE)
        }
        return Reference(tables, digest(tables))

    def land(self, step: Row) -> None:
        self.tables |= step.get("reference", {})
        if step.get("usage_records"):
            path = self.folder / f"usage-{self.place}.parquet"
            frame("usage_records", step["usage_records"]).write_parquet(path)
            ingested = ingest_usage(self.lake, self.reference(), [path], received_at=step["at"])
            if ingested.rejected:
                self.rejected = self.lake.snapshot().read("rejects").filter(file_name=path.name)
        if step.get("operations"):
            rows = [self._named(row) for row in step["operations"]]
            run = carry_out(self.lake, self.reference(), frame("operations", rows))
            self.decided = run.tables["operations"]

    def bill(self, step: Row) -> None:
        bill_period(self.lake, self.reference(), period=step["billing_period"])

    def issue(self, step: Row) -> None:
        with suppress(Refusal):  # there may be nothing to issue
            issue_invoices(
                self.lake,
                self.reference(),
                period=step["billing_period"],
                issue_date=step["issue_date"],
                actor="operator",
                received_at=step["at"],
                billing_account_id=step["billing_account_id"],
                documents=step["documents"],
            )

    def backfill(self, step: Row) -> None:
        backfill(self.lake, self.reference(), received_at=step["at"], issue_date=step["issue_date"])
        snapshot = self.lake.snapshot()
        left = touched(snapshot, self.reference(), step["at"])
        assert left.is_empty(), left

    def _named(self, row: Row) -> Row:
        """An operation with the number of the document that it names by its place."""
        if not row.get("invoice_number") or row["invoice_number"].count("/") != 2:
            return row
        account, period, place = row["invoice_number"].split("/")
        invoices = self.lake.snapshot().read("invoices", billing_period=period, state="issued")
        wanted = invoices.filter(pl.col("invoice_id") == document_id(account, period, int(place)))
        number = wanted["invoice_number"].item() if wanted.height else "none"
        return {**row, "invoice_number": number}

    # --- the books ------------------------------------------------------------

    def books(self) -> Books:
        """What the lake says at the head."""
        snapshot = self.lake.snapshot()
        read = snapshot.read
        charges = read("charges")
        keys = charges.select("charge_id", *KEY_COLUMNS)
        allocations = read("allocations").drop("billing_account_id").join(keys, on="charge_id")
        invoices, applications = read("invoices"), read("payment_applications")
        issued = invoices.filter((pl.col("document_state") == "issued") & pl.col("sold_by").is_null())
        sales, sale_taxes = _sales(invoices, read("tax_breakdown"))
        of_periods = read("tax_breakdown").join(sales, on="invoice_id", how="anti")
        movements = read("grant_movements")
        word = pl.col("movement").replace({"returned": "charged"}).alias("movement")
        moved = movements.filter(~_is_credited()).with_columns(word)
        moved = moved.group_by("grant_id", "billing_period", "movement").agg(pl.col("amount").sum())
        balances = movements.group_by("grant_id").agg(balance=pl.col("amount").sum())
        accepted = read("operations").filter(pl.col("status") == "accepted")
        left = open_payments(standing_payments(accepted), applications)
        left = left.group_by("billing_account_id").agg(amount=pl.col("rest_amount").sum())
        tables = {
            "charges": charges,
            "allocations": allocations,
            "tax_breakdown": _of_state(of_periods),
            "invoices": _documents(issued, applications),
            "standings": standing(snapshot, since=""),
            "grant_movements": moved.filter(pl.col("amount") != 0),
            "grant_balances": balances,
            "account_balances": left,
            "holds": read("holds").filter(pl.col("reason_code") != "H_ISSUED"),
            "operations": self.decided,
            "rejects": self.rejected,
            "sales": sales,
            "sale_taxes": sale_taxes,
        }
        return {name: sorted(map(plain, rows.select(COMPARED[name]).rows()), key=repr) for name, rows in tables.items()}


def _of_state(breakdown: pl.DataFrame) -> pl.DataFrame:
    """The tax of each period: its documents together, of which voided ones come to nothing."""
    group = (*OWNER, "code", "rate", "component")
    sums = breakdown.group_by(group).agg(pl.col("taxable_amount", "tax_amount").sum())
    return sums.filter((pl.col("taxable_amount") != 0) | (pl.col("tax_amount") != 0))


def _sales(invoices: pl.DataFrame, breakdown: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What sold credit is invoiced by, each document with its place among those of its sale, and its tax."""
    sold = invoices.filter(pl.col("sold_by").is_not_null())
    places = [
        next(place for place in range(100) if sale_id(account, sold_by, place) == invoice_id)
        for account, sold_by, invoice_id in sold.select("billing_account_id", "sold_by", "invoice_id").iter_rows()
    ]
    sold = sold.with_columns(pl.Series("document", places, dtype=pl.Int64))
    return sold, breakdown.join(sold.select("invoice_id", "sold_by", "document"), on="invoice_id")


def sale_id(account: str, sold_by: str, place: int) -> str:
    """The id of a sale's first, second … document."""
    return hashing.digest(account, "sale", sold_by, *([str(place)] if place else []))


def document_id(account: str, period: str, place: int) -> str:
    """The id of an account's first, second … document of a period."""
    return hashing.digest(account, period, *([str(place)] if place else []))


def _is_credited() -> pl.Expr:
    """The movements that brought a grant its amount, where no other grant gave it."""
    return (pl.col("movement") == "credited") & pl.col("counter_grant_id").is_null()


def _documents(issued: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """Issued documents by their places, with what is still open of each."""
    rows = issued.select(*OWNER, "invoice_id", "invoice_number", "preceding_invoice_number")
    places = {
        row["invoice_id"]: next(
            place for place in range(100) if document_id(*(row[name] for name in OWNER), place) == row["invoice_id"]
        )
        for row in rows.iter_rows(named=True)
    }
    by_number = {(row[0], row[3]): places[row[2]] for row in rows.iter_rows()}
    preceding = [by_number.get((row[0], row[4])) for row in rows.iter_rows()]
    opened = open_documents(issued, applications).select("billing_account_id", "invoice_number", "open_amount")
    return issued.with_columns(
        pl.Series("document", [places[one] for one in issued["invoice_id"]], dtype=pl.Int64),
        pl.Series("preceding", preceding, dtype=pl.Int64),
    ).join(opened, on=["billing_account_id", "invoice_number"], how="left")


def plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """Values as they compare: amounts without trailing zeros, instants in UTC."""
    return tuple(map(_plain, row))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value.normalize() + 0
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def oracle_rows(books: dict[str, list[Row]]) -> Books:
    """The oracle's books in the same shape."""
    rows = {
        name: [plain([row[column] for column in columns]) for row in books[name]] for name, columns in COMPARED.items()
    }
    rows["standings"] = [row for row in rows["standings"] if row[2] != "none"]
    rows["tax_breakdown"] = [row for row in rows["tax_breakdown"] if row[-1] or row[-2]]
    rows["account_balances"] = [row for row in rows["account_balances"] if row[1]]
    return {name: sorted(found, key=repr) for name, found in rows.items()}
