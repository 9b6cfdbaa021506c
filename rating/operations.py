"""The fold: operations in, decisions and grants out (1.3, O1, O2, O3).

Each operation is judged once, in the order of (`occurred_at`, id), against everything accepted before it. What a commit
has decided stays decided. One line of `JUDGES` says what an operation needs and what refuses it, and one of `roles.py`
who may ask for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from rating.grant_operations import (
    accept_promo_code,
    allocate_to_project,
    grant_credit,
    purchase_credit,
    recover_credit,
    refund_credit,
    transfer_credit,
)
from rating.money import AMOUNT_BOUND
from rating.operation_book import CORRECTIONS, RefusedError, Row
from rating.operation_book import Book as Book
from rating.operation_checks import (
    refuse_amount,
    refuse_before_account,
    refuse_currency,
    refuse_digits,
    refuse_period,
    refuse_project,
    refuse_sold,
    written,
)
from rating.periods import local_day, period_of
from rating.rejects import REASONS
from rating.roles import may
from rating.sales import Sale, in_order
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.units import Instant

ACCEPTED, REJECTED = "accepted", "rejected"
NOT_CONTENT = ("recorded_at", "received_at", "status", "reason_code", "reason", "original")
"""Columns that two landings of one operation may differ in and still be the same operation."""
FILLED_IN = {
    "accept_promo_code": ("window_start", "window_end"),
    "add_charge": ("billing_period",),
    "void_invoice": ("billing_period", "issue_date"),
}
"""Columns that a decision says where the operation does not."""

ENDED_AS = {"recover_credit": "recovered", "refund_credit": "refunded"}
"""Operations that end a grant, and what becomes of its rest."""
OF_DOCUMENTS = frozenset({"record_payment", "reverse_payment", "set_credit_limit", "issue_invoices"})
"""Operations that change nothing of what is billed."""


@dataclass(frozen=True)
class Decisions:
    """What became of the operations that landed, and what they brought."""

    operations: pl.DataFrame
    """Operations, each accepted or rejected with its reason."""
    grants: pl.DataFrame
    """Grants that the accepted ones gave."""
    sales: tuple[Sale, ...] = ()
    """The invoices of credit that was sold with tax, in the order in which they are numbered (I2)."""
    conflicts: tuple[str, ...] = ()
    """Ids that were decided before and have landed again with other content: what was decided stays."""


def decide(landed: pl.DataFrame, book: Book, committed: pl.DataFrame, committed_grants: pl.DataFrame) -> Decisions:
    """Accept or reject each landed operation that is not decided yet.

    Reads    landed            Operations as they arrived; `status` says nothing yet
             book              reference tables and what was first billed
             committed         Operations decided before; committed_grants  the Grants they brought
    Makes    Decisions: only of operations not decided before
    Rejects  O_… (rejects.py); the same id with the same content again is a no-op, with other content a conflict, which
             is a rejection where nothing was decided before
    Source   O1, O2, O3
    """
    for row in committed.filter(pl.col("status") == ACCEPTED).iter_rows(named=True):
        _remember(book, row)
    book.decided = {row["operation_id"]: row for row in committed.iter_rows(named=True)}
    for known in committed_grants.iter_rows(named=True):
        book.keep(known)
    granted: list[Row] = []
    decided: list[Row] = []
    conflicts = _conflicts(landed, book.decided)
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
            book.keep(grant)
        decided.append({**operation, "status": ACCEPTED, "reason_code": None, "reason": None})
        _remember(book, decided[-1])
        _take_note(book, decided[-1])
    return Decisions(
        pl.DataFrame(decided, schema=Operations.columns(), orient="row").sort("occurred_at", "operation_id"),
        pl.DataFrame(granted, schema={**Grants.columns(), "recorded_at": Instant}, orient="row"),
        in_order(book.sales),
        conflicts,
    )


def _content(row: Row, leaving_out: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, repr(value))
        for name, value in sorted(row.items())
        if name not in NOT_CONTENT and name not in leaving_out and value is not None
    )


def _conflicts(landed: pl.DataFrame, decided: Mapping[str, Row]) -> tuple[str, ...]:
    """The ids that are decided and landed again with another content; of a conflict, with none that it knew (O1)."""
    same: dict[str, list[bool]] = {}
    for row in landed.filter(pl.col("operation_id").is_in(list(decided))).iter_rows(named=True):
        same.setdefault(row["operation_id"], []).append(_is_same(row, decided[row["operation_id"]]))

    def is_known(name: str) -> bool:
        return any(same[name]) if decided[name]["reason_code"] == "O_ID_CONFLICT" else all(same[name])

    return tuple(sorted(name for name in same if not is_known(name)))


def _is_same(row: Row, known: Row) -> bool:
    """Whether an operation says what was decided, as it stood or apart from what its decision filled in."""
    left_out = tuple(name for name in FILLED_IN.get(known["operation"], ()) if row[name] is None)
    return row["original"] == known["original"] or _content(row, left_out) == _content(known, left_out)


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
        code = operation["promo_code"]
        book.acceptances.update([(code, operation["billing_account_id"]), (code, None)])
    if operation["operation"] == "issue_invoices" and operation["documents"] != CORRECTIONS:
        asked = (operation["billing_account_id"], operation["billing_period"])
        book.issued[asked] = min(book.issued.get(asked, operation["occurred_at"]), operation["occurred_at"])
    if operation["operation"] in ENDED_AS:
        book.ended[operation["grant_id"]] = operation["occurred_at"]
    if operation["operation"] == "record_payment":
        book.payments[operation["operation_id"]] = operation
    if operation["operation"] == "reverse_payment":
        book.reversed.add(operation["reverses_operation_id"])


def _take_note(book: Book, operation: Row) -> None:
    """What an operation changes for those that land with it: what is issued or voided now, what a draft cannot know."""
    book.accepted_now.append(operation)
    if operation["operation"] == "issue_invoices":
        book.issued_documents |= _documents(operation, book)
    if operation["operation"] == "void_invoice":
        book.voided.add((operation["billing_account_id"], operation["invoice_number"]))
        book.freed.add((operation["billing_account_id"], operation["billing_period"]))
    if operation["operation"] not in OF_DOCUMENTS:
        book.changes_now.append(operation)


def _documents(operation: Row, book: Book) -> set[tuple[str, str]]:
    """The drafts that an operation issues: of one account, or of all; every one, or those that correct an invoice."""
    account, period = operation["billing_account_id"], operation["billing_period"]
    drafts = book.corrections if operation["documents"] == CORRECTIONS else book.drafts
    return {draft for draft in drafts if draft[1] == period and account in (None, draft[0])}


# --- judging ------------------------------------------------------------


def _judge(operation: Row, book: Book) -> Row | None:
    """Refuse an operation, or say what grant it gives. Reasons are looked for in the order of this function."""
    name, account_id, at = operation["operation"], operation["billing_account_id"], operation["occurred_at"]
    if operation["reason_code"] is not None:  # a field could not be read
        raise RefusedError(operation["reason_code"], operation["reason"] or "")
    judge = JUDGES.get(name)
    if judge is None:
        raise RefusedError("O_UNKNOWN_OPERATION", name)
    account = book.account(account_id, at)
    zone = account["time_zone"] if account else "UTC"
    roles = book.in_force("principals", "principal_id", operation["actor"], at, zone)
    if not roles:
        raise RefusedError("O_UNKNOWN_ACTOR", operation["actor"])
    if account_id is None and not judge.may_name_no_account:
        raise RefusedError("O_MISSING_FIELD", "billing_account_id")
    if account_id is not None and account is None:
        raise RefusedError("O_UNKNOWN_ACCOUNT", account_id)
    if not any(may(row, name, account_id) for row in roles):
        raise RefusedError("O_FORBIDDEN", f"{operation['actor']} may not {name}")
    for column in judge.required:
        if operation[column] is None:
            raise RefusedError("O_MISSING_FIELD", column)
    foreign = [column for column in PAYLOAD if operation[column] not in (None, []) and not judge.takes(column)]
    if foreign:
        raise RefusedError("O_BAD_FIELD", f"{foreign[0]}: {name} has none")
    return judge.carry_out(operation, account or {}, book)


def _record_payment(operation: Row, account: Row, book: Book) -> None:
    """`record_payment`: money, withheld tax or a write-off, for a named invoice or the oldest due (I6)."""
    refuse_amount(operation["amount"], operation, account, book, least=Decimal(0))
    number = operation["invoice_number"]
    refuse_sold(operation, account, book)
    known = book.invoices
    if number is not None and known is not None and (account["billing_account_id"], number) not in known:
        raise RefusedError("O_UNKNOWN_INVOICE", number)


def _reverse_payment(operation: Row, account: Row, book: Book) -> None:
    """`reverse_payment`: an accepted payment of the account, whole, once, and not before it was made (1.3, I6)."""
    payment_id = operation["reverses_operation_id"]
    payment = book.payments.get(payment_id)
    if payment is None or payment["billing_account_id"] != account["billing_account_id"]:
        raise RefusedError("O_UNKNOWN_PAYMENT", payment_id)
    if payment_id in book.reversed:
        raise RefusedError("O_ALREADY_REVERSED", payment_id)
    if operation["occurred_at"] < payment["occurred_at"]:
        raise RefusedError("O_BAD_FIELD", f"occurred_at is before {payment_id}")


def _set_credit_limit(operation: Row, account: Row, book: Book) -> None:
    """`set_credit_limit`: what the account may owe in total; without an amount it has no limit any more (I5).

    The last one set, by `occurred_at`, goes before the limit of the account's own row, whatever its dates.
    """
    if operation["amount"] is None:
        refuse_currency(operation, account["billing_currency"])
    else:
        refuse_amount(operation["amount"], operation, account, book, least=None)


def _issue_invoices(operation: Row, account: Row, book: Book) -> None:  # noqa: ARG001 - every judge has this shape
    """`issue_invoices`: of one account, or of all that have a draft (I2); never of what is to be billed again (K8).

    With `documents` `corrections`, only drafts that correct an issued invoice (X1).
    """
    period = operation["billing_period"]
    refuse_period(period)
    if operation["documents"] not in (None, "all", CORRECTIONS):
        raise RefusedError("O_BAD_FIELD", f"documents {operation['documents']}")
    why_not = book.cannot_issue(operation) if book.cannot_issue else None
    if why_not:
        raise RefusedError(*why_not)
    documents = _documents(operation, book)
    before = [one["operation_id"] for one in book.changes_now if _reaches(one, period)]
    if documents and before:
        raise RefusedError("O_STALE_DRAFT", f"{before[0]} came before it")
    overdrawn = book.overdrawn(documents)
    if overdrawn:
        raise RefusedError("O_STALE_DRAFT", f"{', '.join(overdrawn[:3])} no longer holds what the draft takes")


def _reaches(operation: Row, period: str) -> bool:
    """Whether an operation may change what is billed for a period."""
    return operation["operation"] != "add_charge" or bool(operation["billing_period"] == period)


def _void_invoice(operation: Row, account: Row, book: Book) -> None:
    """`void_invoice`: an issued invoice that nothing has paid, with all its corrections; a full credit note takes it
    back, its grants are free again, and its account is on hold until the period is billed again (I4)."""
    name = (account["billing_account_id"], operation["invoice_number"])
    refuse_sold(operation, account, book)
    period = book.roots.get(name)
    if period is None:
        raise RefusedError("O_UNKNOWN_INVOICE", f"{operation['invoice_number']} is no invoice of {name[0]} to void")
    if name in book.voided:
        raise RefusedError("O_ALREADY_VOIDED", operation["invoice_number"])
    issue_date = operation["issue_date"] or local_day(operation["occurred_at"], account["time_zone"])
    filled_in = {"billing_period": period, "issue_date": issue_date}
    why_not = book.cannot_void({**operation, **filled_in}) if book.cannot_void else None
    if why_not:
        raise RefusedError(*why_not)
    paid = book.paid_of(operation, book.accepted_now) if book.paid_of else Decimal(0)
    if paid != 0:
        raise RefusedError("O_INVOICE_PAID", f"{written(paid)} {account['billing_currency']}")
    # decided here, and kept with it: what the operation takes back, and the date of the credit note
    operation.update(filled_in)


def _add_charge(operation: Row, account: Row, book: Book) -> None:
    """`add_charge`: an amount of either sign, of a SKU or a tax category, in a named period or that of its time."""
    amount, sku_id = operation["amount"], operation["sku_id"]
    if not operation["text"].strip():
        raise RefusedError("O_MISSING_FIELD", "text")
    if sku_id is None and operation["tax_category"] is None:
        raise RefusedError("O_MISSING_FIELD", "sku_id or tax_category")
    refuse_project(operation, account, book)
    if sku_id is not None and not book.rows("skus", "sku_id", sku_id):
        raise RefusedError("O_UNKNOWN_SKU", sku_id)
    refuse_currency(operation, account["billing_currency"])
    if amount == 0 or abs(amount) >= AMOUNT_BOUND:
        raise RefusedError("O_AMOUNT", written(amount))
    refuse_digits(amount, account["billing_currency"], account, book, operation["occurred_at"])
    if operation["billing_period"] is None:
        # decided here, and kept with it: another time zone later moves no charge
        operation["billing_period"] = period_of(operation["occurred_at"], account["time_zone"])
    refuse_period(operation["billing_period"])
    refuse_before_account(operation, book)


@dataclass(frozen=True)
class Judge:
    """What an operation needs and does; who may ask for it is in `roles.py`."""

    carry_out: Callable[[Row, Row, Book], Row | None]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """What it may say besides; anything else is a mistake, not a remark."""
    may_name_no_account: bool = False

    def takes(self, column: str) -> bool:
        """Whether the operation says anything by a column."""
        return column in self.required or column in self.optional


_SUM = ("billing_currency", "name")
_TERMS = (
    *("grant_id", "sub_account_id", "window_start", "window_end", "include", "exclude", "priority"),
    *("logic", "monthly_value"),
)
"""What a new grant may be given."""

JUDGES: dict[str, Judge] = {
    "grant_credit": Judge(grant_credit, ("kind", "amount"), (*_SUM, *_TERMS)),
    "purchase_credit": Judge(purchase_credit, ("amount", "price_paid"), ("kind", "tax_category", *_SUM, *_TERMS)),
    "transfer_credit": Judge(transfer_credit, ("grant_id", "amount", "to_account"), _SUM),
    "allocate_to_project": Judge(
        allocate_to_project,
        ("grant_id", "amount", "sub_account_id"),
        (*_SUM, "use_organization_credit"),
    ),
    "recover_credit": Judge(recover_credit, ("grant_id",)),
    "refund_credit": Judge(refund_credit, ("grant_id",)),
    "accept_promo_code": Judge(accept_promo_code, ("promo_code",)),
    "record_payment": Judge(_record_payment, ("amount",), ("billing_currency", "invoice_number", "payment_kind")),
    "reverse_payment": Judge(_reverse_payment, ("reverses_operation_id",)),
    "set_credit_limit": Judge(_set_credit_limit, (), ("amount", "billing_currency")),
    "add_charge": Judge(
        _add_charge,
        ("amount", "text"),
        ("billing_currency", "sku_id", "tax_category", "sub_account_id", "billing_period"),
    ),
    "issue_invoices": Judge(
        _issue_invoices, ("billing_period", "issue_date"), ("documents",), may_name_no_account=True
    ),
    "void_invoice": Judge(_void_invoice, ("invoice_number",), ("issue_date",)),
}

_OF_ALL = {
    *("operation_id", "operation", "actor", "occurred_at", "recorded_at", "received_at", "billing_account_id"),
    *("status", "reason_code", "reason", "original"),
}
PAYLOAD = tuple(name for name in Operations.columns() if name not in _OF_ALL)
"""What is said by some operations only."""


# --- what accepted operations tell a bill ------------------------------------------------------------


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


def endings(operations: pl.DataFrame) -> pl.DataFrame:
    """The grants whose windows accepted operations ended, and when.

    Reads    Operations, decided
    Makes    ENDINGS of the pipeline; movement is `recovered` or `refunded`
    Source   K5
    """
    rows = operations.filter(pl.col("operation").is_in(list(ENDED_AS)) & (pl.col("status") == ACCEPTED))
    return rows.select(
        "grant_id",
        pl.col("occurred_at").alias("ended_at"),
        pl.col("operation").replace_strict(ENDED_AS, return_dtype=pl.String).alias("movement"),
        "operation_id",
        "recorded_at",
    ).sort("ended_at", "operation_id")


def project_allocations(operations: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """The accepted allocations to projects, each with its switch and the window of the grant it was made from.

    Reads    Operations, decided; Grants
    Makes    PROJECT_ALLOCATIONS of the pipeline
    Source   W3, W4
    """
    rows = operations.filter((pl.col("operation") == "allocate_to_project") & (pl.col("status") == ACCEPTED))
    windows = grants.select("grant_id", source_start="window_start", source_end="window_end")
    return (
        rows.join(windows, on="grant_id")
        .select(
            "billing_account_id",
            "sub_account_id",
            pl.col("source_start").alias("window_start"),
            pl.col("source_end").alias("window_end"),
            "use_organization_credit",
            "occurred_at",
            "operation_id",
            "recorded_at",
        )
        .sort("occurred_at", "operation_id")
    )


def added_charges(operations: pl.DataFrame) -> pl.DataFrame:
    """The accepted operations that add a charge.

    Reads    Operations, decided
    Makes    Operations
    Source   1.3
    """
    return operations.filter((pl.col("operation") == "add_charge") & (pl.col("status") == ACCEPTED))
