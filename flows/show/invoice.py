"""A document with all that its reader asks about: lines, what lowered and paid each, tax, totals, payments."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.run import Refusal
from flows.show.amounts import UNKNOWN_EXPONENT, Currency, plain
from flows.show.questions import answers, text_of

if TYPE_CHECKING:
    import duckdb

    from flows.lake.journal import Lake

Row = Mapping[str, Any]

STATES = {"issued": "issued", "draft": "draft", "month_to_date": "month to date"}

TOTALS = (
    ("list_cost", "", "List cost"),
    ("discount_amount", "", "Discounts"),
    ("cap_amount", "", "Above maximum spend"),
    ("grant_amount", "", "Credit before tax"),
    ("total_without_tax", "BT-106", "Sum of the lines"),
    ("total_without_tax", "BT-109", "Total without tax"),
    ("total_tax", "BT-110", "Tax"),
    ("total_with_tax", "BT-112", "Total with tax"),
    ("paid_amount", "BT-113", "Paid"),
    ("rounding_amount", "BT-114", "Rounding"),
    ("amount_due", "BT-115", "Amount due"),
)
"""Totals in the order of EN 16931."""

PARTS = ("lines", "tax", "tiers", "payments", "chain", "before")
"""What is asked about a document once it is known, by the names of the queries."""

TAKEN_OFF = ("discount_amount", "cap_amount", "grant_amount", "paid_amount")
"""Totals that lower what is due; shown with a minus."""


@dataclass(frozen=True)
class Document:
    """An invoice, a credit note or a draft, as it stands in the books."""

    head: Row
    lines: Sequence[Row]
    allocations: Sequence[Row]
    tax: Sequence[Row]
    tiers: Sequence[Row]
    payments: Sequence[Row]
    chain: Sequence[Row]
    """The other documents of the invoice and its corrections."""
    before: Sequence[Row]
    """What they had said of the lines' charges when this one was made."""
    currency: Currency
    others: Sequence[Row]
    """Other documents that what was asked for stands for too."""

    @property
    def is_draft(self) -> bool:
        """Whether it is not issued yet."""
        return bool(self.head["document_state"] != "issued")

    @property
    def payment_state(self) -> str:
        """Draft, issued, partly paid or paid; of a credit note: used. Derived, never part of the document (I1)."""
        return str(self.head["payment_state"])

    @property
    def corrects(self) -> bool:
        """Whether it shows differences to an invoice."""
        return self.head["preceding_invoice_number"] is not None

    @property
    def sold_by(self) -> str | None:
        """The purchase of credit that it invoices, or gives some of back; none where it is of a period's charges."""
        found: str | None = self.head["sold_by"]
        return found

    @property
    def is_void(self) -> bool:
        """Whether it takes back a whole invoice, with its corrections."""
        return bool(self.head["is_void"])

    def before_of(self, line: Row) -> Row | None:
        """What a corrected line had said by then; nothing of a line that is new."""
        keys = ("charge_id", "tax_code")
        return next((row for row in self.before if all(row[key] == line[key] for key in keys)), None)

    def allocations_of(self, line: Row) -> list[Row]:
        """What lowered or paid a line, by name."""
        return [row for row in self.allocations if row["line_number"] == line["line_number"]]

    def tiers_of(self, line: Row) -> list[Row]:
        """The tiers of a line's price."""
        return [row for row in self.tiers if row["sku_price_id"] == line["sku_price_id"]]

    def quantity_at(self, sku_price_id: str) -> Decimal:
        """All that was bought at a price: no tier above it was reached."""
        bought = (line["quantity"] for line in self.lines if line["sku_price_id"] == sku_price_id)
        return sum(bought, Decimal(0))

    def credits(self, tax_position: str) -> dict[str, Decimal]:
        """What each grant paid before or after tax, by its name, in the order it was spent."""
        paid: dict[str, Decimal] = {}
        for row in self.allocations:
            if row["allocation_kind"] == "grant" and row["tax_position"] == tax_position:
                name = credit_name(row)
                paid[name] = paid.get(name, Decimal(0)) + row["amount"]
        return paid

    def paid_by_credit_notes(self) -> dict[str, Decimal]:
        """What each credit note paid of it when it was issued, by its number."""
        return {
            row["credit_note_number"]: row["amount"]
            for row in self.payments
            if row["credit_note_number"] and row["invoice_number"] == self.head["invoice_number"]
        }

    def paid_since(self) -> list[Row]:
        """What paid it after its issue and what was taken back; of a credit note, the invoices it paid."""
        number = self.head["invoice_number"]
        return [row for row in self.payments if not row["is_at_issue"] or row["credit_note_number"] == number]


def credit_name(row: Row) -> str:
    """The name people know a grant by: its code where it came from one."""
    if row["grant_promo_code"]:
        return f"Promo code {row['grant_promo_code']}"
    return f"{row['name'] or row['source_id']} ({row['kind']} credit)" if row["kind"] else str(row["source_id"])


def read_document(lake: "Lake", wanted: str, *, period: str | None = None, as_of: int | None = None) -> Document:
    """The document that a number, an id or an account stands for; of several the latest period's.

    Errors   Refusal: nothing of that name
    """
    from flows.lake.named_queries import relations_in
    from flows.lake.views import connect

    snapshot = lake.snapshot(as_of)
    asked = {"currencies"}.union(*(relations_in(text_of("document", name)) for name in ("documents", *PARTS)))
    with connect(lake, snapshot, only=asked) as connection:
        found = answers(connection, "document", "documents", wanted=wanted, period=period)
        if not found:
            raise Refusal(_nothing(wanted, period))
        head, *others = found
        names = {name: head[name] for name in ("invoice_id", "invoice_number")}
        names |= {"account": head["billing_account_id"], "root": head["root_number"], "made_at": _made_at(head)}
        parts = {name: answers(connection, "document", name, **names) for name in PARTS}
        exponent = head["exponent"] if head["exponent"] is not None else _exponent(connection, head)
    parts["allocations"] = _allocations(lake, snapshot.number, head, parts)
    return Document(head=head, currency=Currency(head["billing_currency"], exponent), others=others, **parts)


def _made_at(head: Row) -> str:
    """The commit that a document is of; a draft is of the next one."""
    return str(head["commit_number"] if head["document_state"] == "issued" else sys.maxsize)


def _allocations(
    lake: "Lake", head_number: int, head: Row, parts: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What lowered or paid the lines of a document, as of its commit; of a correction, the difference to before."""
    if head["is_void"]:
        return []  # what it takes back is gone by then
    is_issued = head["document_state"] == "issued"
    now = _allocated(lake, head["commit_number"] if is_issued else head_number, parts["lines"])
    issued = [row["commit_number"] for row in parts["chain"] if row["document_state"] == "issued"]
    earlier = [number for number in issued if not is_issued or number < head["commit_number"]]
    if not earlier:
        return now
    before = _allocated(lake, max(earlier), parts["lines"])
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for sign, allocated in ((-1, before), (1, now)):
        for row in allocated:
            key = (row["line_number"], row["allocation_kind"], row["tax_position"], row["source_id"])
            was = rows[key]["amount"] if key in rows else Decimal(0)
            rows[key] = {**row, "amount": was + sign * row["amount"]}
    return sorted((row for row in rows.values() if row["amount"]), key=lambda row: int(row["line_number"]))


def _allocated(lake: "Lake", number: int, lines: Sequence[Row]) -> list[dict[str, Any]]:
    """The allocations of these lines' charges as of a commit."""
    import polars as pl

    from flows.lake.views import connect

    columns = {"line_number": pl.Int64, "charge_id": pl.String}
    shown = pl.DataFrame([{name: line[name] for name in columns} for line in lines], schema=columns)
    with connect(lake, lake.snapshot(number), only={"allocations", "grants", "discounts"}) as connection:
        connection.register("shown", shown)
        return answers(connection, "document", "allocations")


def _nothing(wanted: str, period: str | None) -> str:
    where = f" in {period}" if period else ""
    return (
        f"no document has the number, id or account {wanted!r}{where}; "
        "list what there is: billfold show invoices, and what waits: billfold show holds"
    )


def _exponent(connection: "duckdb.DuckDBPyConnection", head: Row) -> int:
    """The currency's digits, where the period is not closed and so has none of its own yet."""
    asked = "select arg_max(exponent, valid_from) from currencies where billing_currency = $1"
    found = connection.execute(asked, [head["billing_currency"]]).fetchone()
    return int(found[0]) if found and found[0] is not None else UNKNOWN_EXPONENT


def as_record(document: Document) -> dict[str, Any]:
    """A document for a program: every amount is text in the currency's digits."""
    amounts = {name for name, _, _ in TOTALS} | {"credit_amount", "open_amount", "applied_amount"}
    head = {name: _plain(value, name in amounts, document.currency) for name, value in document.head.items()}
    return {
        **head,
        "lines": [_line(document, line) for line in document.lines],
        "tax_breakdown": _rows(document.tax, {"taxable_amount", "tax_amount"}, document.currency),
        "paid_by_credit": {name: document.currency.plain(amount) for name, amount in document.credits("after").items()},
        "payments": _rows(document.payments, {"amount"}, document.currency),
        "chain": _rows(document.chain, {"total_with_tax", "amount_due"}, document.currency),
    }


LINE_AMOUNTS = frozenset(
    {
        "list_cost",
        "discount_amount",
        "cap_amount",
        "grant_amount",
        "line_amount",
        "tax_amount",
        "credit_amount",
    }
)


def _line(document: Document, line: Row) -> dict[str, Any]:
    own = {name: _plain(value, name in LINE_AMOUNTS, document.currency) for name, value in line.items()}
    applied = [
        {name: value for name, value in row.items() if name != "line_number" and value is not None}
        for row in _rows(document.allocations_of(line), {"amount"}, document.currency)
    ]
    tiers = [{"up_to": row["up_to"], "unit_price": row["unit_price"]} for row in document.tiers_of(line)]
    before = document.before_of(line) if document.corrects else None
    was = {name: _plain(value, name in LINE_AMOUNTS, document.currency) for name, value in (before or {}).items()}
    if document.corrects:
        own |= {"was": was or None}
    return {**own, "allocations": applied, "tiers": _rows(tiers, set(), document.currency)}


def _rows(rows: Iterable[Row], amounts: set[str], currency: Currency) -> list[dict[str, Any]]:
    return [{name: _plain(value, name in amounts, currency) for name, value in row.items()} for row in rows]


def _plain(value: Any, is_money: bool, currency: Currency) -> Any:
    if isinstance(value, Decimal):
        return currency.plain(value) if is_money else plain(value)
    return value
