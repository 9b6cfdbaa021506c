"""What several operations are refused for: an unknown kind or project, an amount, a currency, a window, a scope."""

from datetime import datetime
from decimal import Decimal

from rating.money import AMOUNT_BOUND
from rating.operation_book import Book, RefusedError, Row
from rating.periods import PERIOD, add_duration, boundary_instant, day_start, local_day, written_end
from rating.scopes import DIMENSIONS

CHARGE_VALUES = frozenset({"recurring", "usage", "one_off"})

Window = tuple[datetime, datetime | None]


def kind_in_force(book: Book, kind: str, at: datetime, zone: str) -> Row:
    """The row of a kind; refused where there is none."""
    rows = book.in_force("grant_kinds", "kind", kind, at, zone)
    if not rows:
        raise RefusedError("O_UNKNOWN_KIND", kind)
    return rows[0]


def refuse_project(operation: Row, account: Row, book: Book) -> None:
    """A project that is not the account's."""
    project = operation["sub_account_id"]
    owners = {row["billing_account_id"] for row in book.rows("sub_accounts", "sub_account_id", project)}
    if project is not None and account["billing_account_id"] not in owners:
        raise RefusedError("O_UNKNOWN_PROJECT", project)


def refuse_sold(operation: Row, account: Row, book: Book) -> None:
    """A document of credit that was sold: it was paid with the purchase, and only a refund takes it back (G2, K5)."""
    number = operation["invoice_number"]
    if (account["billing_account_id"], number) in book.sold:
        raise RefusedError("O_SOLD_CREDIT", number)


def refuse_period(billing_period: str) -> None:
    """What is no month."""
    if not PERIOD.fullmatch(billing_period):
        raise RefusedError("O_BAD_FIELD", f"billing_period {billing_period}")


def refuse_before_account(operation: Row, book: Book) -> None:
    """A month before the account was there: months are billed in turn, so it and all since would have to be first."""
    account, period = operation["billing_account_id"], operation["billing_period"]
    since = min(row["valid_from"] for row in book.rows("billing_accounts", "billing_account_id", account))
    if period < since[:7]:
        raise RefusedError("O_UNKNOWN_ACCOUNT", f"{account} in {period}: it is there from {since}")


def refuse_amount(amount: Decimal, operation: Row, account: Row, book: Book, *, least: Decimal | None) -> None:
    """The account's currency, above `least` (or not negative), no more digits than the currency, within bounds."""
    refuse_currency(operation, account["billing_currency"])
    refuse_size(amount, least)
    refuse_digits(amount, account["billing_currency"], account, book, operation["occurred_at"])


def written(amount: Decimal) -> str:
    """An amount as people write it: without the zeros that only its column has.

    >>> written(Decimal("20.000000000000")), written(Decimal("5.0010")), written(Decimal("100"))
    ('20', '5.001', '100')
    """
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def refuse_currency(operation: Row, wanted: str) -> None:
    """A currency that is named and is another."""
    currency = operation["billing_currency"]
    if currency not in (None, wanted):
        raise RefusedError("O_CURRENCY", currency)


def refuse_size(amount: Decimal, least: Decimal | None) -> None:
    """An amount that is not above `least` (or negative), or out of bounds."""
    if amount < 0 or (least is not None and amount <= least) or amount >= AMOUNT_BOUND:
        raise RefusedError("O_AMOUNT", written(amount))


def refuse_digits(amount: Decimal, currency: str, account: Row, book: Book, at: datetime) -> None:
    """More digits than the currency has."""
    rows = book.in_force("currencies", "billing_currency", currency, at, account["time_zone"])
    if not rows:
        raise RefusedError("O_CURRENCY", currency)
    if amount != amount.quantize(Decimal(1).scaleb(-int(rows[0]["exponent"]))):
        raise RefusedError("O_PRECISE", f"{written(amount)} {currency}")


def window_of(operation: Row, at: datetime, zone: str) -> Window:
    """The window an operation names, from when it occurred if it names no start."""
    start, end = operation["window_start"], operation["window_end"]
    window = (boundary_instant(start, zone) if start else at, boundary_instant(end, zone) if end else None)
    if window[1] is not None and window[1] <= window[0]:
        raise RefusedError("O_WINDOW", f"{start or f'{at:%Y-%m-%d %H:%M} UTC'} to {written_end(end)}")
    return window


def with_validity(window: Window, kind: Row, zone: str) -> Window:
    """A window without an end lasts as long as its kind says, inclusive: to the end of the day that is named (G2)."""
    start, end = window
    if end is None and kind["validity"] is not None:
        last_day = add_duration(local_day(start, zone), kind["validity"])
        end = day_start(add_duration(last_day, "P1D"), zone)
    return start, end


def refuse_scope(terms: list[str]) -> None:
    """A term that is not dimension:value."""
    for term in terms:
        dimension, colon, value = term.partition(":")
        if not colon or not value or dimension not in {*DIMENSIONS, "tag"}:
            raise RefusedError("O_SCOPE", term)
        if dimension == "charge" and value not in CHARGE_VALUES:
            raise RefusedError("O_SCOPE", term)


def domain_of(account: Row) -> tuple[str, str]:
    """An account without a domain is its own."""
    domain = account["domain"]
    return ("domain", domain) if domain is not None else ("account", account["billing_account_id"])
