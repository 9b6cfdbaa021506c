"""An invoice on a page: who, what, how much, and why it is not more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flows.show.amounts import percent, quantity
from flows.show.console import PIPED_WIDTH, grid, styled
from flows.show.invoice import TAKEN_OFF, TOTALS, Document, Row, credit_name

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

DIM, STRONG, WARNING = "dim", "bold", "bold yellow"

SHOWN_EVEN_WHEN_NOTHING = ("list_cost", "total_without_tax", "total_tax", "total_with_tax", "amount_due")

DRAFTS = {
    "draft": "DRAFT - not an invoice: it has no number yet and changes when the period is billed again",
    "month_to_date": "MONTH TO DATE - not an invoice: the period is not over, more usage will come",
}


def invoice_page(document: Document, width: int = PIPED_WIDTH) -> Iterator["RenderableType"]:
    """The parts of the page, from top to bottom; where it is narrow, how much a line is of stands under it."""
    head = document.head
    yield styled(_title(document), STRONG)
    if document.is_draft:
        yield styled(DRAFTS[head["document_state"]], WARNING)
    if document.corrects:
        yield styled(_what_it_corrects(document))
    yield styled("")
    yield _parties(head)
    yield styled("")
    yield _facts(document)
    yield styled("")
    yield _lines(document) if width >= PIPED_WIDTH else _narrow_lines(document)
    yield styled("")
    yield _tax(document)
    yield styled("")
    yield _totals(document)
    yield from _paid_since(document)
    yield from _chain(document)
    yield from _others(document)


def _title(document: Document) -> str:
    head = document.head
    kind = "Credit note" if head["document_type"] == "381" else "Invoice"
    if document.is_draft:
        return f"{kind} of {head['billing_account_id']} for {head['billing_period']}"
    return f"{kind} {head['invoice_number']}"


def _what_it_corrects(document: Document) -> str:
    """A correction as its reader has to take it: it says by how much the invoice changes, not what the month costs."""
    number = document.head["preceding_invoice_number"]
    if document.sold_by is not None:
        return f"It corrects invoice {number}: by what was refunded of the credit, and by its tax."
    if document.is_void:
        return f"It takes back invoice {number} whole, with all that corrected it."
    return (
        f"It corrects invoice {number}: each line shows what changes, less with a minus; "
        "lines that stay as they were are not listed."
    )


def _parties(head: Row) -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 4), expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(styled("From", DIM), styled("To", DIM))
    tax_ids = ", ".join(head["seller_tax_ids"] or [])
    seller = [head["seller_legal_name"] or head["seller_id"], head["seller_address"], tax_ids and f"Tax id {tax_ids}"]
    buyer = [head["buyer_legal_name"], head["buyer_address"], f"Account {head['billing_account_id']}"]
    table.add_row(*(styled("\n".join(line for line in party if line)) for party in (seller, buyer)))
    return table


def _facts(document: Document) -> "Table":
    from rich.table import Table

    head = document.head
    period = days(head["period_start"], head["period_end"], head["time_zone"])
    facts = {
        "Number": head["invoice_number"],
        "Issued": head["issue_date"],
        "Due": head["due_date"],
        "Corrects": head["preceding_invoice_number"],
        "Period": f"{period} ({head['time_zone']})",
        "Credit of": document.sold_by,
        "Usage up to": f"{head['cutoff_at']:%Y-%m-%d %H:%M} UTC" if document.is_draft else None,
        "Currency": head["billing_currency"],
        "State": document.payment_state,
    }
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value is not None:
            table.add_row(styled(name, DIM), styled(str(value)))
    return table


def days(start: datetime, end: datetime, zone: str) -> str:
    """The local days of a half-open interval, the last one included.

    >>> from datetime import UTC
    >>> days(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC), "Europe/Berlin")
    '2026-10-01 - 2026-10-31'
    """
    first = start.astimezone(ZoneInfo(zone)).date()
    last = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    return f"{first}" if last <= first else f"{first} - {last}"


# --- lines ----------------------------------------------------------------------------------------------------------


def _lines(document: Document) -> "Table":
    table = grid(">#", "what", ">quantity", "unit", ">unit price", ">cost", ">amount", "tax")
    for line in document.lines:
        amount = document.currency.amount
        table.add_row(
            str(line["line_number"]),
            _what(document, line),
            *(("", "", "") if _is_as_much(document, line) else _how_much(document, line)),
            amount(line["list_cost"]),
            amount(line["line_amount"]),
            line["tax_code"],
        )
        for name, value in _lowered(document, line):
            table.add_row("", _below(name), "", "", "", amount(-value), "", "")
        for text in _said_below(document, line):
            table.add_row("", _below(text), "", "", "", "", "", "")
    return table


def _narrow_lines(document: Document) -> "Table":
    """The same with fewer columns."""
    amount = document.currency.amount
    table = grid(">#", "what", ">cost", ">amount", "tax")
    for line in document.lines:
        table.add_row(
            str(line["line_number"]),
            _what(document, line),
            amount(line["list_cost"]),
            amount(line["line_amount"]),
            line["tax_code"],
        )
        if not _is_as_much(document, line):
            table.add_row("", _below("{} {} at {}".format(*_how_much(document, line))), "", "", "")
        for name, value in _lowered(document, line):
            table.add_row("", _below(name), amount(-value), "", "")
        for text in _said_below(document, line):
            table.add_row("", _below(text), "", "", "")
    return table


def _how_much(document: Document, line: Row) -> tuple[str, str, str]:
    """Quantity, unit and price of one."""
    return quantity(line["quantity"]), line["unit"], _unit_price(document, line)


def _is_as_much(document: Document, line: Row) -> bool:
    """Whether a correction leaves the quantity as it was: what it costs differs, or what pays it."""
    return document.corrects and not line["quantity"]


def _said_below(document: Document, line: Row) -> Iterator[str]:
    """What a corrected line was and is now, what paid a line after tax, and its tiers."""
    if document.corrects and not document.is_void and document.sold_by is None:
        yield _was_and_is(document, line)
    for name, value in _paid(document, line):
        yield f"{name} pays {document.currency.amount(value)} after tax"
    yield from _tiers(document, line)


def _was_and_is(document: Document, line: Row) -> str:
    """What was invoiced of a charge before the correction, and what it comes to with it."""
    before = document.before_of(line)
    if before is None:
        return "not invoiced before"
    amount = document.currency.amount
    now = {name: before[name] + line[name] for name in ("quantity", "list_cost", "line_amount")}

    def said(row: Row) -> str:
        taxed = "" if row["line_amount"] == row["list_cost"] else f", {amount(row['line_amount'])} to tax"
        return f"{quantity(row['quantity'])} {line['unit']} for {amount(row['list_cost'])}{taxed}"

    return f"was {said(before)}; is {said(now)}"


def _below(text: str) -> "Padding":
    """What is said about a line, under it."""
    from rich.padding import Padding

    return Padding(styled(text, DIM), (0, 0, 0, 2))


def _what(document: Document, line: Row) -> "Text":
    """What was sold, then where and to whom in the account, then when if not all month."""
    names = ("sub_account_id", "resource_id", "region_id")
    where = " · ".join(str(line[name]) for name in names if line[name] is not None)
    text = styled(line["description"])
    if line["expense_number"] is not None:
        text.append(f" #{line['expense_number']}", DIM)
    if where:
        text.append("\n").append_text(styled(where, DIM))
    when = days(line["charge_period_start"], line["charge_period_end"], document.head["time_zone"])
    if when != days(document.head["period_start"], document.head["period_end"], document.head["time_zone"]):
        text.append("\n").append(when, DIM)
    return text


def _unit_price(document: Document, line: Row) -> str:
    if line["unit_price"] is None:
        return "tiers"
    price = document.currency.price(line["unit_price"])
    per = line["per_quantity"]
    return price if per is None or per == 1 else f"{price}/{quantity(per)}"


def _lowered(document: Document, line: Row) -> Iterator[tuple[str, Decimal]]:
    """What came off a line before tax: each by its name; what has none (month to date) by its kind."""
    named = [row for row in document.allocations_of(line) if row["tax_position"] == "before"]
    for row in named:
        yield _name(row), row["amount"]
    for kind, column, word in (
        ("discount", "discount_amount", "Discounts"),
        ("cap", "cap_amount", "Above maximum spend"),
        ("grant", "grant_amount", "Credit before tax"),
    ):
        rest = line[column] - sum(row["amount"] for row in named if row["allocation_kind"] == kind)
        if rest:
            yield word, rest


def _paid(document: Document, line: Row) -> Iterator[tuple[str, Decimal]]:
    """What paid a line after tax."""
    named = [row for row in document.allocations_of(line) if row["tax_position"] == "after"]
    for row in named:
        yield _name(row), row["amount"]
    rest = line["credit_amount"] - sum(row["amount"] for row in named)
    if rest:
        yield "Credit", rest


def _name(row: Row) -> str:
    if row["allocation_kind"] == "grant":
        return credit_name(row)
    if row["allocation_kind"] == "cap":
        return f"Above maximum spend {row['source_id']}"
    value = row["discount_value"]
    shown = f"{quantity(value)} %" if row["discount_kind"] == "percent" and value is not None else ""
    code = f"code {row['promo_code']}" if row["promo_code"] else ""
    return " ".join(part for part in ("Discount", shown, f"({code or row['source_id']})") if part)


def _tiers(document: Document, line: Row) -> Iterator[str]:
    """The price of each tier that was reached, as a tiered line prints it (I3)."""
    lower = Decimal(0)
    for tier in document.tiers_of(line):
        if lower >= document.quantity_at(line["sku_price_id"]):
            return
        price = document.currency.price(tier["unit_price"])
        fee = f" + {document.currency.amount(tier['flat_fee'])}" if tier["flat_fee"] else ""
        reach = f"above {quantity(lower)}" if tier["up_to"] is None else f"up to {quantity(tier['up_to'])}"
        lower = tier["up_to"] if tier["up_to"] is not None else lower
        yield f"{reach} {line['unit']}: {price}{fee}"


# --- tax and totals -------------------------------------------------------------------------------------------------


def _tax(document: Document) -> "Table":
    table = grid("tax", "category", ">rate", ">taxable", ">tax amount", "exemption")
    for row in document.tax:
        table.add_row(
            styled(row["component"] or "tax"),
            styled(row["code"]),
            "" if row["rate"] is None else percent(row["rate"]),
            document.currency.amount(row["taxable_amount"]),
            document.currency.amount(row["tax_amount"]),
            styled(row["exemption_reason"] or ""),
        )
    return table


def _totals(document: Document) -> "Table":
    """In the order of EN 16931, its term numbers small beside them; zeros that say nothing are left out."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "right"):
        table.add_column(justify=justify)
    for column, term, label in TOTALS:
        value = document.head[column]
        if not value and column not in SHOWN_EVEN_WHEN_NOTHING:
            continue
        style = STRONG if column in ("total_with_tax", "amount_due") else ""
        shown = document.currency.amount(-value if column in TAKEN_OFF else value)
        unit = f"{document.head['billing_currency']} " if column == "amount_due" else ""
        table.add_row(styled(label, style), styled(term, DIM), styled(f"{unit}{shown}", style))
        if column in ("grant_amount", "paid_amount"):
            for name, amount in _by_name(document, column):
                table.add_row(styled(f"  {name}", DIM), "", styled(document.currency.amount(-amount), DIM))
    return table


def _by_name(document: Document, column: str) -> Iterator[tuple[str, Decimal]]:
    """Which credit a total is made of."""
    if column == "grant_amount":
        yield from document.credits("before").items()
        return
    yield from document.credits("after").items()
    unnamed = document.head["credit_amount"] - sum(document.credits("after").values())
    if unnamed:
        yield "Credit after tax", unnamed
    notes = document.paid_by_credit_notes()
    for number, amount in notes.items():
        yield f"Credit note {number}", amount
    balance = document.head["paid_amount"] - document.head["credit_amount"] - sum(notes.values())
    if balance:
        word = "Paid with the purchase" if document.head["total_with_tax"] > 0 else "Paid back with the refund"
        yield "Account balance" if document.sold_by is None else word, balance


def _paid_since(document: Document) -> Iterator["RenderableType"]:
    payments = document.paid_since()
    if not payments:
        return
    table = grid("paid on", "kind", ">amount", "operation")
    for row in payments:
        when = f"{row['occurred_at']:%Y-%m-%d}" if row["occurred_at"] else ""
        kind = _kind_of_payment(document, row)
        table.add_row(when, styled(kind), document.currency.amount(row["amount"]), styled(row["operation_id"]))
    yield styled("")
    yield table
    yield styled(
        f"Left to pay: {document.head['billing_currency']} {document.currency.amount(document.head['open_amount'])}"
    )


def _kind_of_payment(document: Document, row: Row) -> str:
    """What paid a document; of a credit note, what it paid."""
    if not row["credit_note_number"]:
        return str(row["payment_kind"].replace("_", " "))
    is_own = row["credit_note_number"] == document.head["invoice_number"]
    return f"pays {row['invoice_number']}" if is_own else f"credit note {row['credit_note_number']}"


def _chain(document: Document) -> Iterator["RenderableType"]:
    """The documents an invoice stands with: what corrects it, or what it takes back."""
    if not document.chain:
        return
    table = grid("document", "number", "issued", ">total with tax", ">amount due")
    for row in document.chain:
        kind = "full credit note" if row["is_void"] else "credit note" if row["document_type"] == "381" else "invoice"
        table.add_row(
            styled(kind),
            styled(row["invoice_number"] or row["document_state"]),
            str(row["issue_date"] or ""),
            document.currency.amount(row["total_with_tax"]),
            document.currency.amount(row["amount_due"]),
        )
    yield styled("")
    yield styled("Corrected by" if not document.corrects else "Stands with", DIM)
    yield table


def _others(document: Document) -> Iterator["RenderableType"]:
    of_chain = {row["invoice_id"] for row in document.chain}
    others = [row for row in document.others if row["invoice_id"] not in of_chain]
    if others:
        named = [
            f"{row['invoice_number'] or row['document_state'].replace('_', ' ')} ({row['billing_period']})"
            for row in others
        ]
        yield styled("")
        yield styled(f"Also there: {', '.join(named)}", DIM)
