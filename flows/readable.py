"""What of each table and view a principal may read: one line each, whole or row by row (section 11).

A table or view without a line is in no export, and a test fails. Conditions are asked of the whole books, so a view's
rows are those that everyone else reads; what only says something of all accounts together is counted again over the
rows that are read, or withheld.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import schemas
from flows.sql import literal
from rating.rejects import OPERATION_REASONS
from rating.roles import READ_BILLING, READ_CREDIT_PAGES, READ_PRICE_BOOK, READ_RECORDS, READS, Reach, Row, reach

EVERY_ROW, NO_ROW = "true", "false"
NOT_SHOWN = "not shown"
"""What stands for a text that may name others."""

BESIDE_ITS_ROW = ("R_COLUMN_COUNT", "R_BAD_ENCODING", "R_MALFORMED_JSON", "R_JSON_TYPE", "R_JSON_DUP_KEY")
"""Rejects whose original is the line as it came, where it is not sure whose it is."""


@dataclass(frozen=True)
class Reader:
    """A principal, and how far each reading action reaches."""

    principal_id: str
    reaches: Mapping[str, Reach]

    def reads_all(self, action: str) -> bool:
        """Whether an action is allowed for every account."""
        return self.reaches[action].everything

    def own(self, action: str, columns: Collection[str] = ()) -> str:
        """SQL: the row is of an account that the action reaches, or of a project, where the row names one.

        >>> reach = Reach(accounts=frozenset({"o'clock"}), projects=frozenset({("acme", "shop")}))
        >>> Reader("ada", {"read": reach}).own("read", ["sub_account_id"])
        "(billing_account_id in ('o''clock') or (billing_account_id = 'acme' and sub_account_id = 'shop'))"
        """
        reached = self.reaches[action]
        if reached.everything:
            return EVERY_ROW
        whole = [f"billing_account_id in ({_texts(reached.accounts)})"] if reached.accounts else []
        projects = sorted(reached.projects) if "sub_account_id" in columns else []
        single = [
            f"(billing_account_id = {literal(account)} and sub_account_id = {literal(project)})"
            for account, project in projects
        ]
        return f"({' or '.join([*whole, *single])})" if whole or single else NO_ROW


Condition = Callable[[Reader, Collection[str]], str]
"""SQL for the rows of a relation with these columns."""


@dataclass(frozen=True)
class Readable:
    """Who reads a table or view, which of its rows, and which columns are shown to them otherwise."""

    action: str
    rows: Condition
    words: str
    """Which rows, as people read it."""
    shown: Mapping[str, tuple[Callable[[Reader], str], str]] = field(default_factory=dict)
    """Columns of who does not read all: SQL for what is shown instead, and its words."""
    over_own: bool = False
    """A view that adds accounts up is asked again over the exported tables."""


def reader_of(principal_id: str, principals: Iterable[Row]) -> Reader:
    """A principal as a reader.

    Reads    the rows of the principal that are in force
    """
    rows = list(principals)
    return Reader(principal_id, {action: reach(action, rows) for action in READS})


def condition(name: str, reader: Reader) -> str:
    """SQL for the rows of a table or view that a reader may read; `false` where there can be none."""
    readable = READABLE[name]
    if reader.reaches[readable.action].is_nothing:
        return NO_ROW
    return readable.rows(reader, columns_of(name))


def columns_of(name: str) -> tuple[str, ...]:
    """The columns of a table or view."""
    return tuple((schemas.TABLES | schemas.VIEWS)[name].columns())


# --- which rows -------------------------------------------------------------------------------------------------------


def _own(action: str, **shown: tuple[Callable[[Reader], str], str]) -> Readable:
    """Rows of the reader's accounts."""
    return Readable(action, lambda reader, columns: reader.own(action, columns), "of the account", shown)


def _open() -> Readable:
    """Tables that say nothing of accounts."""
    return Readable(READ_PRICE_BOOK, lambda *_: EVERY_ROW, "all")


def _whole(action: str) -> Readable:
    """Tables whose rows are about many accounts at once."""
    rows: Condition = lambda reader, _: EVERY_ROW if reader.reads_all(action) else NO_ROW  # noqa: E731
    return Readable(action, rows, "all, for who reads every account; else none")


def _again(action: str, over: str, words: str) -> Readable:
    """A view that adds accounts up: asked again over what is exported of a table, if that is."""

    def rows(reader: Reader, _: Collection[str]) -> str:
        return NO_ROW if condition(over, reader) == NO_ROW else EVERY_ROW

    return Readable(action, rows, words, over_own=True)


def _where(
    action: str, rows: Callable[[Reader], str], words: str, **shown: tuple[Callable[[Reader], str], str]
) -> Readable:
    """Rows that another table leads to."""
    return Readable(action, lambda reader, _: rows(reader), words, shown)


def _general(reader: Reader, columns: Collection[str]) -> str:
    """Rows for everyone, and the reader's own."""
    own = reader.own(READ_BILLING, columns)
    return own if own == EVERY_ROW else f"(billing_account_id is null or {own})"


def _series(reader: Reader) -> str:
    """Usage of the reader's series."""
    own = reader.own(READ_BILLING, columns_of("usage_series"))
    return _among("series_id", "usage_series", own)


def _grants(reader: Reader) -> str:
    """Credit of organizations and projects as the books are; any other as its page is, or the records that name it."""
    columns = columns_of("grants")
    books, pages, records = (reader.own(one, columns) for one in (READ_BILLING, READ_CREDIT_PAGES, READ_RECORDS))
    return _any([_all([books, "(kind = 'organization' or sub_account_id is not null)"]), pages, records])


def _of_grants(reader: Reader) -> str:
    """What became of grants that the reader may read."""
    return _among("grant_id", "grants", _grants(reader))


def _foreign_prices(reader: Reader) -> str:
    """The prices that were agreed with others."""
    own = reader.own(READ_BILLING)
    return f"select sku_price_id from sku_prices where billing_account_id is not null and not {own}"


def _prices(reader: Reader) -> str:
    """Of prices that were not agreed with others."""
    return EVERY_ROW if reader.reads_all(READ_BILLING) else f"sku_price_id not in ({_foreign_prices(reader)})"


def _spend_limits(reader: Reader, columns: Collection[str]) -> str:
    if reader.reads_all(READ_BILLING):
        return EVERY_ROW
    return _all([_general(reader, columns), f"(sku_price_id is null or {_prices(reader)})"])


def _codes(reader: Reader) -> str:
    """The codes that the reader's accounts see."""
    own = reader.own(READ_BILLING)
    return (
        own
        if own in (EVERY_ROW, NO_ROW)
        else (f"(promo_code, valid_from) in (select (promo_code, valid_from) from promo_codes_available where {own})")
    )


def _discounts(reader: Reader, columns: Collection[str]) -> str:
    """For everyone, or the reader's accounts and projects; of a code, where they see the code."""
    if reader.reads_all(READ_BILLING):
        return EVERY_ROW
    own = reader.own(READ_BILLING)
    projects = _among("sub_account_id", "sub_accounts", reader.own(READ_BILLING, columns_of("sub_accounts")))
    codes = _among("promo_code", "promo_codes_available", own)
    return _all(
        [_general(reader, columns), f"(sub_account_id is null or {projects})", f"(promo_code is null or {codes})"]
    )


def _active_discounts(reader: Reader) -> str:
    own = reader.own(READ_BILLING)
    general = _among("discount_id", "discounts", _discounts(reader, columns_of("discounts")))
    return _any([own, _all(["billing_account_id is null", general])])


def _rejects(reader: Reader) -> str:
    """A row that claims the account, but not one of another's project."""
    own = reader.own(READ_RECORDS)
    return own if own in (EVERY_ROW, NO_ROW) else _all([own, "not list_contains(reason_codes, 'R_PROJECT_MISMATCH')"])


def _operations(reader: Reader, columns: Collection[str]) -> str:
    """What was asked for the account, but not what strangers to it asked."""
    own = reader.own(READ_RECORDS, columns)
    if own in (EVERY_ROW, NO_ROW):
        return own
    known = f"actor in (select principal_id from principals where billing_account_id is null or {own})"
    refused = "coalesce(reason_code, '') in ('O_FORBIDDEN', 'O_UNKNOWN_ACTOR')"
    return _all([own, f"(not {refused} or {known})", "not starts_with(operation_id, 'forbidden-')"])


def _principals(reader: Reader) -> str:
    return EVERY_ROW if reader.reads_all(READ_PRICE_BOOK) else f"principal_id = {literal(reader.principal_id)}"


# --- which columns are shown otherwise --------------------------------------------------------------------------------


def _parent(reader: Reader) -> str:
    return (
        f"case when parent_account_id in ({_texts(reader.reaches[READ_BILLING].accounts)}) then parent_account_id end"
    )


def _grant_named(column: str) -> tuple[Callable[[Reader], str], str]:
    """Another grant's id, where the reader may read that grant."""
    return (
        lambda reader: f"case when {column} in (select grant_id from grants where {_grants(reader)}) then {column} end",
        "null where that grant is another account's",
    )


def _accounts_of_code(reader: Reader) -> str:
    own = _texts(reader.reaches[READ_BILLING].accounts)
    return f"list_filter(accounts, lambda account: account in ({own}))"


def _unless_unread(column: str) -> tuple[Callable[[Reader], str], str]:
    """A text of a reject, unless its line could not be read: then it may be another's."""
    return (
        lambda _: (
            f"case when list_has_any(reason_codes, [{_texts(BESIDE_ITS_ROW)}]) then '{NOT_SHOWN}' else {column} end"
        ),
        "not shown where the line could not be read",
    )


def _sentence(_: Reader) -> str:
    cases = (f"when {literal(code)} then {literal(one.sentence)}" for code, one in OPERATION_REASONS.items())
    return f"case reason_code {' '.join(cases)} else reason_code end"


_FILE_NAME = (lambda _: f"'{NOT_SHOWN}'", "not shown: a file may hold many accounts, and its name tell of them")
_WITHOUT_OTHERS = (_accounts_of_code, "only the reader's own")
_PARENT = (_parent, "null where that account may not be read")
_SENTENCE = (_sentence, "the sentence of its code, without what was found")

# --- every table and view ---------------------------------------------------------------------------------------------

READABLE: dict[str, Readable] = {
    # usage
    "usage_records": _own(READ_BILLING),
    "stored_usage": _where(READ_BILLING, _series, "of series of the account"),
    "usage_series": _own(READ_BILLING),
    "unpriced_usage": _own(READ_BILLING),
    "landed_files": _whole(READ_RECORDS),
    "rejects": _where(
        READ_RECORDS,
        _rejects,
        "that name the account, but no project of another",
        file_name=_FILE_NAME,
        reason=_unless_unread("reason"),
        original=_unless_unread("original"),
    ),
    # reference tables
    "sellers": _open(),
    "billing_accounts": _own(READ_BILLING, parent_account_id=_PARENT),
    "sub_accounts": _own(READ_BILLING),
    "skus": _open(),
    "unit_conversions": _open(),
    "sku_prices": Readable(READ_PRICE_BOOK, _general, "for everyone, and of the account"),
    "price_tiers": _where(READ_PRICE_BOOK, _prices, "of prices that were not agreed with others"),
    "recurring_items": _own(READ_BILLING),
    "spend_limits": Readable(READ_PRICE_BOOK, _spend_limits, "for everyone, and of the account"),
    "discounts": Readable(READ_PRICE_BOOK, _discounts, "for everyone, of the account, and of codes that it sees"),
    "grant_kinds": _open(),
    "promo_codes": _where(READ_BILLING, _codes, "codes that the account sees", accounts=_WITHOUT_OTHERS),
    "tax_rates": _open(),
    "currencies": _open(),
    "billing_policies": Readable(READ_PRICE_BOOK, _general, "for everyone, and of the account"),
    "cost_policies": _own(READ_BILLING),
    "principals": _where(READ_PRICE_BOOK, _principals, "the reader's own"),
    # from usage to invoices
    "account_periods": _own(READ_BILLING),
    "rating_lines": _own(READ_BILLING),
    "charges": _own(READ_BILLING),
    "expense_numbers": _own(READ_BILLING),
    "allocations": _own(READ_BILLING),
    "tax_breakdown": _own(READ_BILLING),
    "tax_shares": _own(READ_BILLING),
    "holds": _own(READ_BILLING),
    "invoices": _own(READ_BILLING),
    "invoice_lines": _own(READ_BILLING),
    "payment_applications": _own(READ_BILLING),
    "account_restrictions": _own(READ_BILLING),
    "cost_policy_measures": _own(READ_BILLING),
    "cost_policy_events": _own(READ_BILLING),
    # credit
    "grants": _where(READ_BILLING, _grants, "see Credit", from_grant_id=_grant_named("from_grant_id")),
    "grant_movements": _where(
        READ_BILLING, _of_grants, "of grants that may be read", counter_grant_id=_grant_named("counter_grant_id")
    ),
    # the books
    "operations": Readable(
        READ_RECORDS, _operations, "for the account, but none that strangers to it asked for", {"reason": _SENTENCE}
    ),
    "ledger_entries": _own(READ_RECORDS),
    # views
    "runs": _whole(READ_RECORDS),
    "grant_balances": _where(READ_BILLING, _of_grants, "of grants that may be read"),
    "bonus_credits": _where(READ_BILLING, _of_grants, "of grants that may be read"),
    "active_discounts": _where(READ_BILLING, _active_discounts, "for everyone, and of the account"),
    "credit_limit_overview": _own(READ_BILLING),
    "credit_overview": _own(READ_BILLING),
    "promo_codes_available": _own(READ_BILLING),
    "organization_credits": _where(READ_BILLING, _of_grants, "of grants that may be read"),
    "project_credits": _where(
        READ_BILLING,
        _of_grants,
        "of grants that may be read",
        organization_grant_id=_grant_named("organization_grant_id"),
    ),
    "project_costs": _own(READ_BILLING),
    "free_credits": _own(READ_CREDIT_PAGES),
    "paid_credits": _own(READ_CREDIT_PAGES),
    "credit_history": _where(READ_BILLING, _of_grants, "of grants that may be read"),
    "trial_balance": _again(READ_RECORDS, "ledger_entries", "added up over the entries that may be read"),
    "usage_by_month": _own(READ_BILLING),
    "cost_policy_states": _own(READ_BILLING),
    "current_restrictions": _own(READ_BILLING),
}
"""Every table and view that is stored or shown, by name."""


# --- SQL --------------------------------------------------------------------------------------------------------------


def _among(column: str, table: str, rows: str) -> str:
    """The column is one of those in some rows of another relation."""
    return rows if rows in (EVERY_ROW, NO_ROW) else f"{column} in (select {column} from {table} where {rows})"


def _all(conditions: Iterable[str]) -> str:
    told = [one for one in conditions if one != EVERY_ROW]
    return NO_ROW if NO_ROW in told else " and ".join(told) or EVERY_ROW


def _any(conditions: Iterable[str]) -> str:
    told = [one for one in conditions if one != NO_ROW]
    return EVERY_ROW if EVERY_ROW in told else " or ".join(f"({one})" for one in told) or NO_ROW


def _texts(values: Iterable[str]) -> str:
    """Texts as SQL literals, in order; a list of none holds nothing."""
    return ", ".join(map(literal, sorted(values))) or "null"
