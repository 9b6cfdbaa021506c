"""Sales: paid credit that is spent before tax is invoiced, with its tax, when it is sold (G2, T1, T3, I2).

A sale is a document of its own beside those of a period: one line, paid by the price and the tax that came with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from rating.corrections import Documents
from rating.hashing import digest
from rating.invoices import INVOICE
from rating.issuing import missing_fields
from rating.money import to_money, to_mu
from rating.one_off_charges import UNIT
from rating.operation_book import Book, RefusedError, Row
from rating.periods import day_start, local_day, period_bounds, period_of
from rating.policies import account_policies
from rating.tax_breakdown import rates, tax
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from schemas.units import Instant, Price, Quantity, Rate, Text

NUMBERED_BY = ("accounting_year_start", "invoice_number_pattern", "credit_note_number_pattern")
"""What of its seller a document is numbered by."""


@dataclass(frozen=True)
class Sale:
    """The invoice of a purchase, which has no number yet, and what gives it one."""

    operation: Row
    documents: Documents
    terms: pl.DataFrame
    """What `numbered` asks for; a sale is paid at once, so it is due on the day it is issued."""
    time_zone: str


def in_order(sales: Sequence[Sale]) -> tuple[Sale, ...]:
    """Sales in the order in which they are numbered: by account, then by when they occurred, then by operation (I2)."""
    by = ("billing_account_id", "occurred_at", "operation_id")
    return tuple(sorted(sales, key=lambda sale: tuple(sale.operation[name] for name in by)))


def is_taxed(kind: Row) -> bool:
    """Whether credit of a kind is sold with tax: what it pays is not taxed then (G2)."""
    return bool(kind["tax_position"] == "before")


def refuse_category(operation: Row, kind: Row) -> None:
    """A kind that is sold with tax needs a tax category; to any other it means nothing."""
    if is_taxed(kind) and operation["tax_category"] is None:
        raise RefusedError("O_MISSING_FIELD", "tax_category")
    if not is_taxed(kind) and operation["tax_category"] is not None:
        raise RefusedError("O_BAD_FIELD", f"tax_category: {kind['kind']} is spent after tax, and sold without")


def sale_of(operation: Row, grant: Row, account: Row, book: Book) -> Sale:
    """The invoice of an accepted purchase: the price, and its tax by the rates of the day where the account is.

    Reads    operation  `purchase_credit` with `tax_category`; grant  what it gives; account  its row in force
    Makes    an invoice of the month, one line, paid in full; its id is of the account and the operation
    Errors   RefusedError: there is no seller or no rate, or a field is missing that an invoice must have
    Source   G2, T1, T3, I2, I3
    """
    zone = account["time_zone"]
    seller = _seller(operation, account, book)
    document = {
        "invoice_id": digest(account["billing_account_id"], "sale", operation["operation_id"]),
        "billing_account_id": account["billing_account_id"],
        "billing_period": period_of(operation["occurred_at"], zone),
        "billing_currency": account["billing_currency"],
    }
    priced = _priced(operation, account, seller, document, book)
    groups = _taxed(priced, operation, account, seller, book)
    tax_mu = groups["tax_mu"].sum()
    priced = priced.with_columns(tax_mu=tax_mu, total_mu=pl.col("price_mu") + tax_mu, nothing_mu=0)
    made = Documents(_invoice(priced, account, seller), _line(priced, grant, groups), _breakdown(priced, groups))
    missing = missing_fields(made.invoices)["field"].to_list()
    if missing:
        raise RefusedError("O_MANDATORY_FIELD", f"the invoice of the sale needs {', '.join(missing)}")
    terms = {"payment_terms_days": 0, **{name: seller[name] for name in NUMBERED_BY}}
    of_account = {"billing_account_id": account["billing_account_id"], **terms}
    return Sale(operation, made, pl.DataFrame([of_account]), zone)


def _seller(operation: Row, account: Row, book: Book) -> Row:
    """The account's seller as of the purchase."""
    at, zone = operation["occurred_at"], account["time_zone"]
    sellers = book.in_force("sellers", "seller_id", account["seller_id"], at, zone)
    if not sellers:
        raise RefusedError("O_NO_SELLER", f"{account['seller_id']} on {local_day(at, zone)}")
    return sellers[0]


def _priced(operation: Row, account: Row, seller: Row, document: Row, book: Book) -> pl.DataFrame:
    """The sale in one row: what it is of, when, and its price in mu."""
    at, zone = operation["occurred_at"], account["time_zone"]
    day, (start, end) = local_day(at, zone), period_bounds(document["billing_period"], zone)
    currency = book.in_force("currencies", "billing_currency", account["billing_currency"], at, zone)[0]
    row = {
        **document,
        "seller_jurisdiction": seller["jurisdiction"],
        "jurisdiction": account["jurisdiction"],
        "region": account["region"],
        "tax_status": account["tax_status"],
        "time_zone": zone,
        "period_start": start,
        "period_end": end,
        "last_instant": end - timedelta(microseconds=1),
        "cutoff_at": operation["recorded_at"],
        "day_start": day_start(day, zone),
        "day_end": day_start(day + timedelta(days=1), zone),
        "sold_by": operation["operation_id"],
        "tax_category": operation["tax_category"],
        "price": operation["price_paid"],
        "exponent": currency["exponent"],
    }
    instants = ("period_start", "period_end", "last_instant", "cutoff_at", "day_start", "day_end")
    types = {**dict.fromkeys(instants, Instant), "region": Text, "price": Price, "exponent": pl.Int64}
    return pl.DataFrame([row], schema_overrides=types).with_columns(
        price_mu=to_mu("price", scale=Price.scale), rates_at="day_start"
    )


def _taxed(priced: pl.DataFrame, operation: Row, account: Row, seller: Row, book: Book) -> pl.DataFrame:
    """What tax says of the price: a row per code, rate and component, with taxable_mu and tax_mu."""
    lines = account_policies(priced, book.reference["billing_policies"]).with_columns(
        charge_id="invoice_id", line_id=0, line_order=0, charge_order=1, taxable_mu="price_mu"
    )
    found = rates(lines, book.reference["tax_rates"])
    if found.is_empty():
        match = f"{seller['jurisdiction']} to {account['jurisdiction']}, {account['tax_status']}"
        day = local_day(operation["occurred_at"], account["time_zone"])
        raise RefusedError("O_NO_TAX_RATE", f"{operation['tax_category']}, {match}, on {day}")
    groups, _ = tax(lines, found)
    return groups.sort("code", "rate", "component")


def _invoice(priced: pl.DataFrame, account: Row, seller: Row) -> pl.DataFrame:
    """The document: paid by what came with the purchase, so nothing is due (BT-113, BT-115)."""
    names = {
        **dict.fromkeys(("list_cost", "total_without_tax"), "price_mu"),
        "total_tax": "tax_mu",
        **dict.fromkeys(("total_with_tax", "paid_amount"), "total_mu"),
        **dict.fromkeys(("discount_amount", "cap_amount", "grant_amount"), "nothing_mu"),
        **dict.fromkeys(("credit_amount", "rounding_amount", "amount_due"), "nothing_mu"),
    }
    said = {
        "document_type": INVOICE,
        "document_state": "draft",
        "seller_id": account["seller_id"],
        "seller_legal_name": seller["legal_name"],
        "seller_address": seller["address"],
        "buyer_legal_name": account["legal_name"],
        "buyer_address": account["address"],
    }
    return Invoices.conform(
        priced.with_columns(
            **{name: to_money(mu) for name, mu in names.items()},
            **{name: pl.lit(value, dtype=Text) for name, value in said.items()},
            seller_tax_ids=pl.lit(seller["tax_ids"], dtype=Invoices.columns()["seller_tax_ids"]),
            is_void=pl.lit(value=False),
        )
    )


def _line(priced: pl.DataFrame, grant: Row, groups: pl.DataFrame) -> pl.DataFrame:
    """What was bought, once, at its price, on the day it was bought."""
    names = {
        **dict.fromkeys(("list_cost", "line_amount"), "price_mu"),
        "tax_amount": "tax_mu",
        **dict.fromkeys(("discount_amount", "cap_amount", "grant_amount", "credit_amount"), "nothing_mu"),
    }
    return InvoiceLines.conform(
        priced.with_columns(
            **{name: to_money(mu) for name, mu in names.items()},
            line_number=pl.lit(1, dtype=pl.Int64),
            sub_account_id=pl.lit(grant["sub_account_id"], dtype=Text),
            description=pl.lit(grant["name"], dtype=Text),
            charge_period_start="day_start",
            charge_period_end="day_end",
            quantity=pl.lit(1).cast(Quantity),
            unit=pl.lit(UNIT),
            unit_price="price",
            tax_code=pl.lit(groups["code"][0], dtype=Text),
            tax_rate=pl.lit(groups["rate"][0] if groups.height == 1 else None, dtype=Rate),
        )
    )


def _breakdown(priced: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The tax of the document."""
    of_document = priced.select(
        "invoice_id", "billing_account_id", "billing_period", "seller_jurisdiction", "billing_currency", "exponent"
    )
    rows = groups.join(of_document, on="billing_account_id").with_columns(
        rate=pl.col("rate").cast(Rate), taxable_amount=to_money("taxable_mu"), tax_amount=to_money("tax_mu")
    )
    return TaxBreakdown.conform(rows)
