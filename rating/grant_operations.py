"""Operations that make, move and end grants: each refuses in the order of its lines, or says what grant it makes.

What they do to balances at once is in `given_credit.py`; what a period does to them, in `grant_movements.py`.
"""

from datetime import datetime
from decimal import Decimal

from rating.operation_book import Book, RefusedError, Row, holds
from rating.operation_checks import (
    Window,
    domain_of,
    kind_in_force,
    refuse_currency,
    refuse_digits,
    refuse_project,
    refuse_scope,
    refuse_size,
    window_of,
    with_validity,
    written,
)
from rating.periods import boundary_instant, next_period, period_bounds, period_of, plus_wall_time
from rating.roles import may
from rating.sales import is_taxed, refuse_category, sale_of

NOTHING = Decimal(0)
LOGICS = frozenset({"none", "fixed", "linear"})


# --- made ------------------------------------------------------------


def grant_credit(operation: Row, account: Row, book: Book) -> Row:
    """`grant_credit`: value for an account or one of its projects; of a paid kind, for nothing (G1, G2, W1)."""
    _refuse_logic(operation)
    kind = kind_in_force(book, operation["kind"], operation["occurred_at"], account["time_zone"])
    return _granted(operation, account, book, kind, NOTHING if kind["terminal_status"] == "refunded" else None)


def purchase_credit(operation: Row, account: Row, book: Book) -> Row:
    """`purchase_credit`: face value for a price, of a kind that is refunded; with tax if it pays before tax (G2)."""
    _refuse_logic(operation)
    kind = kind_in_force(book, operation["kind"] or "paid", operation["occurred_at"], account["time_zone"])
    if kind["terminal_status"] != "refunded":
        raise RefusedError("O_UNKNOWN_KIND", f"{kind['kind']} is given, not sold")
    refuse_category(operation, kind)
    grant = _granted(operation, account, book, kind, operation["price_paid"], is_sold=True)
    if is_taxed(kind):
        book.sales.append(sale_of(operation, grant, account, book))
    return grant


def _granted(
    operation: Row, account: Row, book: Book, kind: Row, price_paid: Decimal | None, *, is_sold: bool = False
) -> Row:
    """The grant that is given or sold, with the project, window, scope and logic that the operation names."""
    at, zone, amount = operation["occurred_at"], account["time_zone"], operation["amount"]
    refuse_project(operation, account, book)
    refuse_currency(operation, account["billing_currency"])
    refuse_size(amount, NOTHING)
    parts = {"price_paid": price_paid if is_sold else None, "monthly_value": operation["monthly_value"]}
    named = {name: part for name, part in parts.items() if part is not None}
    for name, part in named.items():
        if not NOTHING < part <= amount:
            raise RefusedError("O_AMOUNT", f"{name} {written(part)}")
    for one in (amount, *named.values()):
        refuse_digits(one, account["billing_currency"], account, book, at)
    window = with_validity(window_of(operation, at, zone), kind, zone)
    if operation["logic"] == "linear" and window[1] is None:
        raise RefusedError("O_WINDOW", "logic linear needs an end")
    refuse_scope([*(operation["include"] or []), *(operation["exclude"] or [])])
    grant = _new_grant(operation, account, book, kind, operation, amount, window)
    said = {"logic": operation["logic"] or "none", "monthly_value": operation["monthly_value"]}
    return {**grant, **said, "price_paid": price_paid}


def _refuse_logic(operation: Row) -> None:
    """`fixed` says what a month takes at least; `linear` and `none` say nothing (W1)."""
    logic, least = operation["logic"] or "none", operation["monthly_value"]
    if logic == "fixed" and least is None:
        raise RefusedError("O_MISSING_FIELD", "monthly_value")
    if logic not in LOGICS:
        raise RefusedError("O_UNSUPPORTED", f"logic {logic}")
    if logic != "fixed" and least is not None:
        raise RefusedError("O_BAD_FIELD", f"monthly_value with logic {logic}")


def accept_promo_code(operation: Row, account: Row, book: Book) -> Row | None:
    """`accept_promo_code`: a grant, or the discounts that name the code (K7)."""
    at, zone = operation["occurred_at"], account["time_zone"]
    promo = _promo_code(operation, account, book)
    window = _promo_window(promo, operation, account, book)
    # the window a code opens is decided here, with the acceptance, and kept with it
    operation["window_start"], operation["window_end"] = (_text(at) for at in window)
    if promo["benefit"] == "discount":
        return None
    kind = kind_in_force(book, promo["kind"] or "promo", at, zone)
    if promo["billing_currency"] not in (None, account["billing_currency"]):
        raise RefusedError("O_CURRENCY", promo["billing_currency"])
    refuse_digits(promo["value"], account["billing_currency"], account, book, at)
    return _new_grant(operation, account, book, kind, promo, promo["value"], with_validity(window, kind, zone))


def _promo_code(operation: Row, account: Row, book: Book) -> Row:
    """The row of a code that the account may accept now."""
    at, code, account_id = operation["occurred_at"], operation["promo_code"], account["billing_account_id"]
    rows = book.rows("promo_codes", "promo_code", code)
    if not rows:
        raise RefusedError("O_UNKNOWN_PROMO_CODE", code)
    current = [row for row in rows if holds(row, at, account["time_zone"])]
    promo = (current or rows)[0]
    if book.acceptances[code, account_id] >= promo["per_account_limit"]:
        raise RefusedError("O_PROMO_ALREADY_ACCEPTED", code)
    if promo["total_limit"] is not None and book.acceptances[code, None] >= promo["total_limit"]:
        raise RefusedError("O_PROMO_EXHAUSTED", code)
    if not current:
        raise RefusedError("O_PROMO_NOT_VALID", code)
    if promo["accounts"] and account_id not in promo["accounts"]:
        raise RefusedError("O_PROMO_NOT_ALLOWED", code)
    return promo


def _promo_window(promo: Row, operation: Row, account: Row, book: Book) -> Window:
    """From the upcoming invoice, from acceptance, or a fixed range; then the duration, in calendar time (K7)."""
    zone, start = account["time_zone"], promo["window_start"]
    if "/" in start:
        opens, _, closes = start.partition("/")
        return (
            boundary_instant(opens, zone) if opens else operation["occurred_at"],
            boundary_instant(closes, zone) if closes else None,
        )
    if start == "acceptance":
        opened = operation["occurred_at"]
    else:
        opened = period_bounds(_upcoming(account["billing_account_id"], operation["occurred_at"], zone, book), zone)[0]
    return opened, plus_wall_time(opened, promo["duration"], zone) if promo["duration"] else None


def _upcoming(account_id: str, at: datetime, zone: str, book: Book) -> str:
    """The first period, from the account's first billed one on, that no accepted `issue_invoices` had issued by then.

    What lands late is upcoming as of its own instant, whatever was issued before it landed (K7, O3).
    """
    period = book.first_billed.get(account_id) or period_of(at, zone)
    while any(owner in book.issued and book.issued[owner] <= at for owner in ((account_id, period), (None, period))):
        period = next_period(period)
    return period


def _text(at: datetime | None) -> str | None:
    """An instant as a Boundary."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _new_grant(operation: Row, account: Row, book: Book, kind: Row, terms: Row, amount: Decimal, window: Window) -> Row:
    """The grant an operation gives, with what its kind adds (G1, G2)."""
    if kind["once_per_domain"]:
        _refuse_second_in_domain(operation, account, book, kind["kind"])
    grant_id = operation["grant_id"] or operation["operation_id"]
    refuse_taken(grant_id, book)
    return {
        "grant_id": grant_id,
        "kind": kind["kind"],
        "name": operation["name"] or terms["promo_code"] or kind["kind"],
        "billing_account_id": account["billing_account_id"],
        "sub_account_id": operation["sub_account_id"],
        "amount": amount,
        "billing_currency": account["billing_currency"],
        "window_start": window[0],
        "window_end": window[1],
        "include": list(terms["include"] or []),
        "exclude": sorted({*(terms["exclude"] or []), *(kind["exclude"] or [])}),
        "priority": operation["priority"] or 0,
        "logic": "none",
        "monthly_value": None,
        "price_paid": None,
        "promo_code": terms["promo_code"],
        "from_grant_id": None,
        "operation_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "rank": kind["rank"],
        "tax_position": kind["tax_position"],
        "terminal_status": kind["terminal_status"],
        "recorded_at": operation["recorded_at"],
    }


def _refuse_second_in_domain(operation: Row, account: Row, book: Book, kind: str) -> None:
    """A kind that a domain gets once, on its main account, whatever became of it (G2)."""
    at = operation["occurred_at"]
    if account["domain"] is not None and not account["is_main_in_domain"]:
        main = _main_account(account["domain"], at, book)
        raise RefusedError(
            "O_ONCE_PER_DOMAIN", f"{kind} goes to {main}" if main else f"{kind}: there is no main account"
        )
    if _has_had(account, at, book, kind):
        raise RefusedError("O_ONCE_PER_DOMAIN", f"{kind}, and there has been one")


def _has_had(account: Row, at: datetime, book: Book, kind: str) -> bool:
    """Whether an account's domain had a kind: an account that has the domain now, or had it when it was given the kind.

    An account without a domain is alone.
    """
    ever = book.rows("billing_accounts", "domain", account["domain"])
    ids = {row["billing_account_id"] for row in ever} | {account["billing_account_id"]}
    return any(
        domain_of(book.account(one, when) or account) == domain_of(account)
        for one in ids
        for given_at in book.kinds.get(one, {}).get(kind, ())
        for when in (given_at, at)
    )


def _main_account(domain: str, at: datetime, book: Book) -> str | None:
    """The main account of a domain, as of an instant."""
    rows = [row for row in book.rows("billing_accounts", "domain", domain) if holds(row, at, row["time_zone"])]
    return next((row["billing_account_id"] for row in rows if row["is_main_in_domain"]), None)


def refuse_taken(grant_id: str, book: Book) -> None:
    """An id that a grant has already."""
    if grant_id in book.grants:
        raise RefusedError("O_ID_CONFLICT", grant_id)


# --- moved ------------------------------------------------------------


def transfer_credit(operation: Row, account: Row, book: Book) -> Row:
    """`transfer_credit`: free credit for another account of the domain; window, scope and priority stay (K4)."""
    at, amount = operation["occurred_at"], operation["amount"]
    source = _known_grant(operation, account, book)
    receiver = book.account(operation["to_account"], at)
    if receiver is None:
        raise RefusedError("O_UNKNOWN_ACCOUNT", operation["to_account"])
    _refuse_stranger(operation, account, receiver, book)
    kinds = book.in_force("grant_kinds", "kind", source["kind"], at, account["time_zone"])
    may_go = bool(kinds) and kinds[0]["transferable"] and source["terminal_status"] != "refunded"
    if not may_go or source["sub_account_id"] is not None:
        raise RefusedError("O_NOT_TRANSFERABLE", source["grant_id"])
    if receiver["billing_account_id"] == account["billing_account_id"]:
        raise RefusedError("O_SAME_ACCOUNT", account["billing_account_id"])
    if domain_of(receiver) != domain_of(account):
        raise RefusedError("O_OTHER_DOMAIN", receiver["billing_account_id"])
    refuse_currency(operation, source["billing_currency"])
    if receiver["billing_currency"] != source["billing_currency"]:
        raise RefusedError("O_CURRENCY", receiver["billing_currency"])
    refuse_size(amount, NOTHING)
    _refuse_taking(operation, account, book, source)
    return _moved(operation, book, source, billing_account_id=receiver["billing_account_id"])


def allocate_to_project(operation: Row, account: Row, book: Book) -> Row | None:
    """`allocate_to_project`: part of an organization's grant for one of its projects; of zero it only says whether the
    project may spend beyond its own (W3, W4)."""
    source = _known_grant(operation, account, book)
    if source["kind"] != "organization" or source["sub_account_id"] is not None:
        raise RefusedError("O_NOT_ALLOCATABLE", source["grant_id"])
    kind = kind_in_force(book, "project", operation["occurred_at"], account["time_zone"])
    refuse_project(operation, account, book)
    refuse_currency(operation, source["billing_currency"])
    refuse_size(operation["amount"], None)
    _refuse_taking(operation, account, book, source)
    own = {"kind": kind["kind"], "rank": kind["rank"], "sub_account_id": operation["sub_account_id"]}
    part = _moved(operation, book, source, **own)
    return part if operation["amount"] > 0 else None


def _known_grant(operation: Row, account: Row, book: Book) -> Row:
    """The account's grant that an operation acts on, if it had been given by then."""
    grant = book.grants.get(operation["grant_id"])
    if (
        grant is None
        or grant["billing_account_id"] != account["billing_account_id"]
        or grant["occurred_at"] > operation["occurred_at"]
    ):
        raise RefusedError("O_UNKNOWN_GRANT", operation["grant_id"])
    return grant


def _refuse_stranger(operation: Row, account: Row, receiver: Row, book: Book) -> None:
    """One role has to hold on both accounts (O2, section 11)."""
    at, actor = operation["occurred_at"], operation["actor"]

    def roles_on(one: Row) -> set[str]:
        rows = book.in_force("principals", "principal_id", actor, at, one["time_zone"])
        return {row["role"] for row in rows if may(row, operation["operation"], one["billing_account_id"])}

    if not roles_on(account) & roles_on(receiver):
        raise RefusedError("O_FORBIDDEN", f"{actor} may not transfer to {receiver['billing_account_id']}")


def _refuse_taking(operation: Row, account: Row, book: Book, source: Row) -> None:
    """Digits, a grant that has ended, and more than is free (O3, O4)."""
    at, amount = operation["occurred_at"], operation["amount"]
    refuse_digits(amount, source["billing_currency"], account, book, at)
    _refuse_ended(source, book, at)
    free = book.free_balance(source, at, account["time_zone"])
    if amount > 0 and amount > free:
        raise RefusedError("O_INSUFFICIENT_BALANCE", f"{written(free)} is free on {source['grant_id']}")


def _refuse_ended(grant: Row, book: Book, at: datetime) -> None:
    """A grant whose window is over, or that was recovered or refunded by then."""
    ends = [end for end in (grant["window_end"], book.ended.get(grant["grant_id"])) if end is not None and end <= at]
    if ends:
        raise RefusedError("O_GRANT_ENDED", f"{grant['grant_id']} on {min(ends):%Y-%m-%d %H:%M} UTC")


def _moved(operation: Row, book: Book, source: Row, **own: str | int) -> Row:
    """A grant that holds part of another, as that was granted; it has no floor and no price of its own."""
    refuse_taken(operation["operation_id"], book)
    return {
        **{name: value for name, value in source.items() if name != "recorded_at"},
        "grant_id": operation["operation_id"],
        "name": operation["name"] or source["name"],
        "amount": operation["amount"],
        "logic": "none",
        "monthly_value": None,
        "price_paid": None,
        "promo_code": None,
        "from_grant_id": source["grant_id"],
        "operation_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "recorded_at": operation["recorded_at"],
        **own,
    }


# --- ended ------------------------------------------------------------


def recover_credit(operation: Row, account: Row, book: Book) -> None:
    """`recover_credit`: a free grant ends; what no charge has claimed by then goes back (K5)."""
    _end(operation, account, book, "recovered", "O_NOT_RECOVERABLE")


def refund_credit(operation: Row, account: Row, book: Book) -> None:
    """`refund_credit`: a paid grant ends; its rest is paid back at the price it was bought for (K5)."""
    _end(operation, account, book, "refunded", "O_NOT_REFUNDABLE")


def _end(operation: Row, account: Row, book: Book, word: str, otherwise: str) -> None:
    grant = _known_grant(operation, account, book)
    if grant["terminal_status"] != word:
        raise RefusedError(otherwise, f"{grant['grant_id']} is {grant['kind']}")
    if grant["grant_id"] in book.ended:
        raise RefusedError("O_GRANT_ENDED", f"{grant['grant_id']} is {word} already")
    _refuse_ended(grant, book, operation["occurred_at"])
