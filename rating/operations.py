"""The fold: operations in, decisions and grants out (1.3, O1, O2, O3).

Each operation is judged once, in the order of (`occurred_at`, id), against everything accepted before it. What a commit
has decided stays decided. One line of `JUDGES` says what an operation needs, who may ask for it, and what refuses it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating.periods import (
    PERIOD,
    add_duration,
    boundary_instant,
    day_start,
    local_day,
    next_period,
    period_bounds,
    period_of,
    plus_wall_time,
)
from rating.rejects import REASONS
from rating.scopes import DIMENSIONS
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.units import Instant

Row = dict[str, Any]

ACCEPTED, REJECTED = "accepted", "rejected"
NOT_CONTENT = ("recorded_at", "received_at", "status", "reason_code", "reason", "original")
"""Columns that two landings of one operation may differ in and still be the same operation."""

STAFF = frozenset({"staff"})
ACCOUNT_ROLES = frozenset({"staff", "organization_owner", "billing_manager"})
LARGEST = 10**14
"""No amount reaches this many units of its currency."""
CHARGE_VALUES = frozenset({"recurring", "usage", "one_off"})


class RefusedError(Exception):
    """The reason against an operation."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.about = about


@dataclass(frozen=True)
class Decisions:
    """What became of the operations that landed, and what they brought."""

    operations: pl.DataFrame
    """Operations, each accepted or rejected with its reason."""
    grants: pl.DataFrame
    """Grants that the accepted ones gave."""


@dataclass
class Book:
    """What the next operation is judged by: the reference tables and everything accepted so far."""

    reference: Mapping[str, pl.DataFrame]
    first_billed: Mapping[str, str]
    invoices: frozenset[tuple[str, str]] | None = None
    """(billing_account_id, invoice_number) of issued documents; unknown, nothing is refused for want of one."""
    cannot_issue: Callable[[Row], tuple[str, str] | None] | None = None
    """Why a period cannot be issued: a reason code and what it is about."""
    decided: dict[str, Row] = field(default_factory=dict)
    grants: dict[str, Row] = field(default_factory=dict)
    acceptances: list[Row] = field(default_factory=list)
    issued: set[tuple[str | None, str]] = field(default_factory=set)
    _rows: dict[tuple[str, str], dict[str, list[Row]]] = field(default_factory=dict)

    def rows(self, table: str, key: str, value: str | None) -> list[Row]:
        """The dated rows of a reference table with this key."""
        by_key = self._rows.get((table, key))
        if by_key is None:
            by_key = {}
            for row in self.reference[table].iter_rows(named=True):
                by_key.setdefault(row[key], []).append(row)
            self._rows[table, key] = by_key
        return by_key.get(value, []) if value is not None else []

    def in_force(self, table: str, key: str, value: str | None, at: datetime, zone: str) -> list[Row]:
        """Those that are in force at an instant, where the account is."""
        return [row for row in self.rows(table, key, value) if _holds(row, at, zone)]

    def account(self, billing_account_id: str | None, at: datetime) -> Row | None:
        """The account's row in force; one that is known at other times only by its first."""
        rows = self.rows("billing_accounts", "billing_account_id", billing_account_id)
        current = [row for row in rows if _holds(row, at, row["time_zone"])]
        return next(iter(current or sorted(rows, key=lambda row: str(row["valid_from"]))), None)


def _holds(row: Row, at: datetime, zone: str) -> bool:
    until = row["valid_until"]
    return boundary_instant(row["valid_from"], zone) <= at and (until is None or at < boundary_instant(until, zone))


def decide(landed: pl.DataFrame, book: Book, committed: pl.DataFrame, committed_grants: pl.DataFrame) -> Decisions:
    """Accept or reject each landed operation that is not decided yet.

    Reads    landed            Operations as they arrived; `status` says nothing yet
             book              reference tables and what was first billed
             committed         Operations decided before; committed_grants  the Grants they brought
    Makes    Decisions: only of operations not decided before
    Rejects  O_… (rejects.py); the same id with the same content again is a no-op, with other content a conflict
    Source   O1, O2, O3
    """
    for row in committed.filter(pl.col("status") == ACCEPTED).iter_rows(named=True):
        _remember(book, row)
    book.decided = {row["operation_id"]: row for row in committed.iter_rows(named=True)}
    book.grants = {row["grant_id"]: row for row in committed_grants.iter_rows(named=True)}
    granted: list[Row] = []
    decided: list[Row] = []
    for operation, conflict in _once(landed.iter_rows(named=True), book.decided):
        try:
            if conflict:
                raise RefusedError("O_ID_CONFLICT", operation["operation_id"])
            grant = _judge(operation, book)
        except RefusedError as refused:
            decided.append(_rejected(operation, refused))
            continue
        if grant is not None:
            granted.append(grant)
            book.grants[grant["grant_id"]] = grant
        decided.append({**operation, "status": ACCEPTED, "reason_code": None, "reason": None})
        _remember(book, decided[-1])
    return Decisions(
        pl.DataFrame(decided, schema=Operations.columns(), orient="row").sort("occurred_at", "operation_id"),
        pl.DataFrame(granted, schema={**Grants.columns(), "recorded_at": Instant}, orient="row"),
    )


def _content(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, repr(value)) for name, value in sorted(row.items()) if name not in NOT_CONTENT and value is not None
    )


def _once(landed: Iterable[Row], decided: Mapping[str, Row]) -> list[tuple[Row, bool]]:
    """Each new id once, in the order in which operations count, and whether two contents claim it (O1, O3)."""
    by_id: dict[str, list[Row]] = {}
    for row in landed:
        by_id.setdefault(row["operation_id"], []).append(row)
    new = []
    for operation_id, rows in by_id.items():
        if operation_id in decided:
            continue
        first = min(rows, key=lambda row: (row["recorded_at"], row["original"]))
        new.append((first, len({_content(row) for row in rows}) > 1))
    return sorted(new, key=lambda one: (one[0]["occurred_at"], one[0]["operation_id"]))


def _rejected(operation: Row, refused: RefusedError) -> Row:
    sentence = REASONS[refused.code].sentence
    reason = f"{sentence}: {refused.about}" if refused.about else sentence
    return {**operation, "status": REJECTED, "reason_code": refused.code, "reason": reason}


def _remember(book: Book, operation: Row) -> None:
    """What later operations are judged by."""
    if operation["operation"] == "accept_promo_code":
        book.acceptances.append(operation)
    if operation["operation"] == "issue_invoices":
        book.issued.add((operation["billing_account_id"], operation["billing_period"]))


# --- judging ------------------------------------------------------------


def _judge(operation: Row, book: Book) -> Row | None:
    """Refuse an operation, or say what grant it gives. Reasons are looked for in the order of this function."""
    name, account_id, at = operation["operation"], operation["billing_account_id"], operation["occurred_at"]
    if operation["reason_code"] is not None:  # a field could not be read
        raise RefusedError(operation["reason_code"], operation["reason"] or "")
    judge = JUDGES.get(name)
    if judge is None:
        raise RefusedError("O_UNSUPPORTED" if name in NOT_YET else "O_UNKNOWN_OPERATION", name)
    account = book.account(account_id, at)
    zone = account["time_zone"] if account else "UTC"
    roles = book.in_force("principals", "principal_id", operation["actor"], at, zone)
    if not roles:
        raise RefusedError("O_UNKNOWN_ACTOR", operation["actor"])
    if account_id is None and not judge.may_name_no_account:
        raise RefusedError("O_MISSING_FIELD", "billing_account_id")
    if account_id is not None and account is None:
        raise RefusedError("O_UNKNOWN_ACCOUNT", account_id)
    if not any(_may(row, judge.roles, account_id) for row in roles):
        raise RefusedError("O_FORBIDDEN", f"{operation['actor']} may not {name}")
    for column in judge.required:
        if operation[column] is None:
            raise RefusedError("O_MISSING_FIELD", column)
    return judge.carry_out(operation, account or {}, book)


def _may(principal: Row, roles: frozenset[str], account_id: str | None) -> bool:
    """Staff for every account, any other role for its own (section 11)."""
    role = principal["role"]
    own = account_id is not None and principal["billing_account_id"] == account_id
    return role in roles and (role == "staff" or own)


def _grant_credit(operation: Row, account: Row, book: Book) -> Row:
    """`grant_credit`: value for an account or one of its projects (G1, G2)."""
    at, zone = operation["occurred_at"], account["time_zone"]
    if (operation["logic"] or "none") != "none":
        raise RefusedError("O_UNSUPPORTED", f"logic {operation['logic']}")
    kind = _kind(book, operation["kind"], at, zone)
    _refuse_project(operation, account, book)
    _refuse_amount(operation["amount"], operation, account, book, least=Decimal(0))
    window = _window(operation, at, zone)
    _refuse_scope([*(operation["include"] or []), *(operation["exclude"] or [])])
    return _grant(operation, account, book, kind, operation, operation["amount"], window)


def _accept_promo_code(operation: Row, account: Row, book: Book) -> Row | None:
    """`accept_promo_code`: a grant, or the discounts that name the code (K7)."""
    at, zone, code = operation["occurred_at"], account["time_zone"], operation["promo_code"]
    rows = book.rows("promo_codes", "promo_code", code)
    if not rows:
        raise RefusedError("O_UNKNOWN_PROMO_CODE", code)
    current = [row for row in rows if _holds(row, at, zone)]
    promo = (current or rows)[0]
    accepted = [one for one in book.acceptances if one["promo_code"] == code]
    if (
        sum(one["billing_account_id"] == account["billing_account_id"] for one in accepted)
        >= promo["per_account_limit"]
    ):
        raise RefusedError("O_PROMO_ALREADY_ACCEPTED", code)
    if promo["total_limit"] is not None and len(accepted) >= promo["total_limit"]:
        raise RefusedError("O_PROMO_EXHAUSTED", code)
    if not current:
        raise RefusedError("O_PROMO_NOT_VALID", code)
    if promo["accounts"] and account["billing_account_id"] not in promo["accounts"]:
        raise RefusedError("O_PROMO_NOT_ALLOWED", code)
    window = _promo_window(promo, operation, account, book)
    # the window a code opens is decided here, with the acceptance, and kept with it
    operation["window_start"], operation["window_end"] = (_text(at) for at in window)
    if promo["benefit"] == "discount":
        return None
    kind = _kind(book, promo["kind"] or "promo", at, zone)
    if promo["billing_currency"] not in (None, account["billing_currency"]):
        raise RefusedError("O_CURRENCY", promo["billing_currency"])
    _refuse_digits(promo["value"], account, book, at)
    return _grant(operation, account, book, kind, promo, promo["value"], window)


def _record_payment(operation: Row, account: Row, book: Book) -> None:
    """`record_payment`: money, withheld tax or a write-off, for a named invoice or the oldest due (I6)."""
    _refuse_amount(operation["amount"], operation, account, book, least=Decimal(0))
    number = operation["invoice_number"]
    known = book.invoices
    if number is not None and known is not None and (account["billing_account_id"], number) not in known:
        raise RefusedError("O_UNKNOWN_INVOICE", number)


def _set_credit_limit(operation: Row, account: Row, book: Book) -> None:
    """`set_credit_limit`: what the account may owe in total (I5)."""
    _refuse_amount(operation["amount"], operation, account, book, least=None)


def _issue_invoices(operation: Row, account: Row, book: Book) -> None:  # noqa: ARG001 - every judge has this shape
    """`issue_invoices`: of one account, or of all that have a draft (I2)."""
    _refuse_period(operation["billing_period"])
    why_not = book.cannot_issue(operation) if book.cannot_issue else None
    if why_not:
        raise RefusedError(*why_not)


def _add_charge(operation: Row, account: Row, book: Book) -> None:
    """`add_charge`: an amount of either sign, of a SKU or a tax category, in a named period or that of its time."""
    amount, sku_id = operation["amount"], operation["sku_id"]
    if not operation["text"].strip():
        raise RefusedError("O_MISSING_FIELD", "text")
    if sku_id is None and operation["tax_category"] is None:
        raise RefusedError("O_MISSING_FIELD", "sku_id or tax_category")
    _refuse_project(operation, account, book)
    if sku_id is not None and not book.rows("skus", "sku_id", sku_id):
        raise RefusedError("O_UNKNOWN_SKU", sku_id)
    _refuse_currency(operation, account)
    if amount == 0 or abs(amount) >= LARGEST:
        raise RefusedError("O_AMOUNT", f"{amount:f}")
    _refuse_digits(amount, account, book, operation["occurred_at"])
    if operation["billing_period"] is None:
        # decided here, and kept with it: another time zone later moves no charge
        operation["billing_period"] = period_of(operation["occurred_at"], account["time_zone"])
    _refuse_period(operation["billing_period"])


@dataclass(frozen=True)
class Judge:
    """What an operation needs, who may ask for it, and what it does."""

    carry_out: Callable[[Row, Row, Book], Row | None]
    required: tuple[str, ...]
    roles: frozenset[str] = STAFF
    may_name_no_account: bool = False


JUDGES: dict[str, Judge] = {
    "grant_credit": Judge(_grant_credit, ("kind", "amount")),
    "accept_promo_code": Judge(_accept_promo_code, ("promo_code",), roles=ACCOUNT_ROLES),
    "record_payment": Judge(_record_payment, ("amount",)),
    "set_credit_limit": Judge(_set_credit_limit, ("amount",)),
    "add_charge": Judge(_add_charge, ("amount", "text")),
    "issue_invoices": Judge(_issue_invoices, ("billing_period", "issue_date"), may_name_no_account=True),
}

NOT_YET = frozenset(
    {
        "purchase_credit",
        "allocate_to_project",
        "transfer_credit",
        "recover_credit",
        "refund_credit",
        "reverse_payment",
        "void_invoice",
    }
)
"""Operations of 1.3 that this version refuses by name (O_UNSUPPORTED)."""


# --- what several judges ask ------------------------------------------------------------


def _kind(book: Book, kind: str, at: datetime, zone: str) -> Row:
    rows = book.in_force("grant_kinds", "kind", kind, at, zone)
    if not rows:
        raise RefusedError("O_UNKNOWN_KIND", kind)
    return rows[0]


def _refuse_project(operation: Row, account: Row, book: Book) -> None:
    project = operation["sub_account_id"]
    owners = {row["billing_account_id"] for row in book.rows("sub_accounts", "sub_account_id", project)}
    if project is not None and account["billing_account_id"] not in owners:
        raise RefusedError("O_UNKNOWN_PROJECT", project)


def _refuse_period(billing_period: str) -> None:
    if not PERIOD.fullmatch(billing_period):
        raise RefusedError("O_BAD_FIELD", f"billing_period {billing_period}")


def _refuse_amount(amount: Decimal, operation: Row, account: Row, book: Book, *, least: Decimal | None) -> None:
    """The account's currency, above `least` (or not negative), no more digits than the currency, within bounds."""
    _refuse_currency(operation, account)
    if amount < 0 or (least is not None and amount <= least) or amount >= LARGEST:
        raise RefusedError("O_AMOUNT", f"{amount:f}")
    _refuse_digits(amount, account, book, operation["occurred_at"])


def _refuse_currency(operation: Row, account: Row) -> None:
    currency = operation["billing_currency"]
    if currency not in (None, account["billing_currency"]):
        raise RefusedError("O_CURRENCY", currency)


def _refuse_digits(amount: Decimal, account: Row, book: Book, at: datetime) -> None:
    rows = book.in_force("currencies", "billing_currency", account["billing_currency"], at, account["time_zone"])
    if not rows:
        raise RefusedError("O_CURRENCY", account["billing_currency"])
    if amount != amount.quantize(Decimal(1).scaleb(-int(rows[0]["exponent"]))):
        raise RefusedError("O_PRECISE", f"{amount:f} {account['billing_currency']}")


def _window(operation: Row, at: datetime, zone: str) -> tuple[datetime, datetime | None]:
    start, end = operation["window_start"], operation["window_end"]
    window = (boundary_instant(start, zone) if start else at, boundary_instant(end, zone) if end else None)
    if window[1] is not None and window[1] <= window[0]:
        raise RefusedError("O_WINDOW", f"{start} to {end}")
    return window


def _refuse_scope(terms: list[str]) -> None:
    for term in terms:
        dimension, colon, value = term.partition(":")
        if not colon or not value or dimension not in {*DIMENSIONS, "tag"}:
            raise RefusedError("O_SCOPE", term)
        if dimension == "charge" and value not in CHARGE_VALUES:
            raise RefusedError("O_SCOPE", term)


def _promo_window(promo: Row, operation: Row, account: Row, book: Book) -> tuple[datetime, datetime | None]:
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
    """The first period, from the account's first billed one on, that no accepted `issue_invoices` has issued."""
    period = book.first_billed.get(account_id) or period_of(at, zone)
    while (account_id, period) in book.issued or (None, period) in book.issued:
        period = next_period(period)
    return period


def _domain(account: Row) -> tuple[str, str]:
    """An account without a domain is its own."""
    domain = account["domain"]
    return ("domain", domain) if domain is not None else ("account", account["billing_account_id"])


def _grant(
    operation: Row,
    account: Row,
    book: Book,
    kind: Row,
    terms: Row,
    amount: Decimal,
    window: tuple[datetime, datetime | None],
) -> Row:
    """The grant an operation gives, with what its kind adds (G1, G2)."""
    at, zone = operation["occurred_at"], account["time_zone"]
    if kind["once_per_domain"]:
        taken = {
            (grant["kind"], _domain(book.account(grant["billing_account_id"], at) or {}))
            for grant in book.grants.values()
        }
        if (account["domain"] is not None and not account["is_main_in_domain"]) or (
            (kind["kind"], _domain(account)) in taken
        ):
            raise RefusedError("O_ONCE_PER_DOMAIN", kind["kind"])
    grant_id = operation["grant_id"] or operation["operation_id"]
    if grant_id in book.grants:
        raise RefusedError("O_ID_CONFLICT", grant_id)
    start, end = window
    if end is None and kind["validity"] is not None:
        # inclusive: to the end of the day that the validity names
        last_day = add_duration(local_day(start, zone), kind["validity"])
        end = day_start(add_duration(last_day, "P1D"), zone)
    return {
        "grant_id": grant_id,
        "kind": kind["kind"],
        "name": operation["name"] or kind["kind"],
        "billing_account_id": account["billing_account_id"],
        "sub_account_id": operation["sub_account_id"],
        "amount": amount,
        "billing_currency": account["billing_currency"],
        "window_start": start,
        "window_end": end,
        "include": list(terms["include"] or []),
        "exclude": sorted({*(terms["exclude"] or []), *(kind["exclude"] or [])}),
        "priority": operation["priority"] or 0,
        "logic": "none",
        "monthly_value": None,
        "price_paid": None,
        "promo_code": terms["promo_code"],
        "operation_id": operation["operation_id"],
        "occurred_at": at,
        "rank": kind["rank"],
        "tax_position": kind["tax_position"],
        "terminal_status": kind["terminal_status"],
        "recorded_at": operation["recorded_at"],
    }


def _text(at: datetime | None) -> str | None:
    """An instant as a Boundary."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def promo_discounts(operations: pl.DataFrame, promo_codes: pl.DataFrame) -> pl.DataFrame:
    """The windows that accepted codes opened for the discounts that name them.

    Reads    accepted Operations, PromoCodes
    Makes    promo_code, billing_account_id, window_start, window_end [Instant], recorded_at
    Source   K7, D1
    """
    codes = promo_codes.filter(pl.col("benefit") == "discount").select("promo_code").unique()
    rows = operations.filter((pl.col("operation") == "accept_promo_code") & (pl.col("status") == ACCEPTED))
    pattern = "%Y-%m-%dT%H:%M:%S%.6fZ"
    return rows.join(codes, on="promo_code", how="semi").select(
        "promo_code",
        "billing_account_id",
        *(
            pl.col(side).str.to_datetime(pattern, time_unit="us", time_zone="UTC")
            for side in ("window_start", "window_end")
        ),
        "recorded_at",
    )


def added_charges(operations: pl.DataFrame) -> pl.DataFrame:
    """The accepted operations that add a charge.

    Reads    Operations, decided
    Makes    Operations
    Source   1.3
    """
    return operations.filter((pl.col("operation") == "add_charge") & (pl.col("status") == ACCEPTED))
