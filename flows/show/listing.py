"""Short lists of what is in the books: one file of SQL in `lists/` each, its first line the sentence people read."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from importlib import resources
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from flows.show.amounts import Currency, plain, quantity
from flows.show.console import grid, styled
from flows.show.texts import csv_cell, visible

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from rich.table import Table
    from rich.text import Text

    from flows.lake.journal import Lake

MONEY_SCALE = 4
"""The scale of every amount (`schemas.units.Money`); other decimals are quantities, prices and rates."""

SHORT = {
    "billing_account_id": "account",
    "billing_currency": "currency",
    "billing_period": "period",
    "period": "per",
    "target_account_id": "target",
    "sub_account_id": "project",
    "sku_id": "SKU",
    "invoice_number": "number",
    "buyer_legal_name": "buyer",
    "total_credit_limit": "credit limit",
    "used_credit_limit": "used",
    "available_credit": "available",
    "unpaid_issued_amount": "issued unpaid",
    "unbilled_amount": "not issued",
    "reason_code": "reason",
    "reason": "what",
}
"""Headings of a terminal, where they need fewer words than a column's name; CSV and JSON have the names."""

NEVER_FOLDED = frozenset(
    {
        "billing_currency",
        "billing_period",
        "commit_hash",
        "invoice_number",
        "operation",
        "reason_code",
        "state",
        "status",
        "usable",
    }
)

SIGNED = frozenset({"sum"})
"""Amounts that people read with their sign, also above zero (S1.8)."""

SHOWN = 200
"""How many rows a terminal gets unless it asks for more."""


SHOWN_OF_LIST = 4
"""How many values of a list in a cell a terminal gets; CSV and JSON have all."""


@dataclass(frozen=True)
class Only:
    """Which rows of a list are asked for; what is left out asks for all of them."""

    account: str | None = None
    period: str | None = None
    status: str | None = None
    since: date | None = None
    until: date | None = None
    """The last day."""
    sums: tuple[Decimal, ...] | None = None
    """Amounts, of which a row has one."""


EVERY = Only()


@dataclass(frozen=True)
class Listing:
    """A list as its file of SQL says it."""

    name: str
    sentence: str
    text: str
    wide: frozenset[str]
    """Columns that a terminal is spared: CSV, JSON and --wide have them."""

    @property
    def by_account(self) -> bool:
        """Whether it can be asked of one account."""
        return "of_account(" in self.text

    @property
    def by_period(self) -> bool:
        """Whether it can be asked of one billing period."""
        return "of_period(" in self.text

    @property
    def by_day(self) -> bool:
        """Whether it can be asked of some days."""
        return "of_day(" in self.text

    @property
    def by_sum(self) -> bool:
        """Whether it can be searched for an amount."""
        return "of_sum(" in self.text

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses for one of which it can be asked, if for any."""
        return _said(self.text, "status")

    @property
    def by_value(self) -> bool:
        """Whether it reads what rejects are worth, which is worked out when asked for."""
        return "reject_values" in self.text


@cache
def listings() -> Mapping[str, Listing]:
    """Every list, by name."""
    folder = resources.files("flows.show") / "lists"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    found = [_listing(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files]
    return {listing.name: listing for listing in found}


def _listing(name: str, text: str) -> Listing:
    lines = text.splitlines()
    return Listing(name, lines[0].partition(": ")[2], text, frozenset(_said(text, "wide")))


def _said(text: str, name: str) -> tuple[str, ...]:
    """The words of a line at the head of a list."""
    line = next((line.partition(":")[2] for line in text.splitlines() if line.startswith(f"-- {name}:")), "")
    return tuple(word.strip() for word in line.split(",") if word.strip())


@contextmanager
def opened(
    lake: "Lake", as_of: int | None = None, *asked: str, whole: bool = False
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """The books as of a commit, the head by default, ready to be asked for lists; `asked` are the texts of those.

    There is what the texts read, and the currencies; all of the books, where it is asked for whole.
    """
    from flows.lake.named_queries import relations_in
    from flows.lake.views import connect

    only = None if whole else {"currencies"}.union(*map(relations_in, asked))
    with connect(lake, lake.snapshot(as_of), only=only) as connection:
        _narrow(connection, EVERY)
        for name in ("account", "period", "status"):
            connection.execute(
                f"create macro of_{name}(found) as getvariable('{name}') is null or found = getvariable('{name}')"
            )
        connection.execute(
            "create macro of_day(found) as found >= coalesce(getvariable('since'), found) "
            "and found <= coalesce(getvariable('until'), found)"
        )
        connection.execute(
            "create macro of_sum(found) as getvariable('sums') is null or list_contains(getvariable('sums'), found)"
        )
        yield connection


def ask(connection: "duckdb.DuckDBPyConnection", listing: Listing, only: Only = EVERY) -> "pl.DataFrame":
    """The rows of a list, or those asked for."""
    if listing.by_value:
        from flows.show.reject_values import value_rejects

        value_rejects(connection)
    return asked(connection, listing, only)


def asked(connection: "duckdb.DuckDBPyConnection", listing: Listing, only: Only = EVERY) -> "pl.DataFrame":
    """The rows of a list of which all that it reads is there."""
    _narrow(connection, only)
    return connection.sql(listing.text).pl()


def _narrow(connection: "duckdb.DuckDBPyConnection", only: Only) -> None:
    """What the macros of a list compare with."""
    connection.execute("set variable account = $1::varchar", [only.account])
    connection.execute("set variable period = $1::varchar", [only.period])
    connection.execute("set variable status = $1::varchar", [only.status])
    connection.execute("set variable since = $1::date", [only.since])
    connection.execute("set variable until = $1::date", [only.until])
    sums = None if only.sums is None else [str(one) for one in only.sums]
    connection.execute("set variable sums = $1::varchar[]::decimal(38, 4)[]", [sums])


def refuse_unknown(accounts: "pl.DataFrame", account: str) -> None:
    """Refuse an account of which the list of accounts has no row: nothing is said of a name that was mistyped."""
    from flows.run import Refusal

    if accounts.is_empty():
        raise Refusal(f"the books know no account {account!r}; list those they know: billfold show accounts")


def known_currencies(connection: "duckdb.DuckDBPyConnection") -> Mapping[str, Currency]:
    """Every currency with its digits, as the reference tables last say."""
    asked = "select billing_currency, arg_max(exponent, valid_from) from currencies group by all order by all"
    return {code: Currency(code, exponent) for code, exponent in connection.sql(asked).fetchall()}


def as_table(
    rows: "pl.DataFrame", currencies: Mapping[str, Currency], *, hidden: frozenset[str] = frozenset()
) -> "Table":
    """Rows for a terminal; a column in which nothing stands is left out."""
    columns = [name for name in rows.columns if name not in hidden and rows[name].null_count() < rows.height]
    table = grid(*(_heading(name, rows) for name in columns))
    for row in rows.iter_rows(named=True):
        currency = _currency(row, currencies)
        table.add_row(*(_cell(name, row[name], _is_money(rows, name), currency) for name in columns))
    return table


def as_csv(rows: "pl.DataFrame", currencies: Mapping[str, Currency]) -> str:
    """Rows as CSV that a spreadsheet may open: numbers are plain, texts cannot be formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(csv_cell, rows.columns))
    for record in records(rows, currencies):
        writer.writerow(["" if value is None else csv_cell(_text(value)) for value in record.values()])
    return out.getvalue()


def records(rows: "pl.DataFrame", currencies: Mapping[str, Currency]) -> Iterator[dict[str, Any]]:
    """Rows for a program: amounts in the currency's digits and other decimals as plain text, also inside a list, map or
    struct; days and times as ISO 8601 has them.

    JSON has no number for what is none or has no end: it is the text `NaN`, `Infinity` or `-Infinity`.
    """
    money = {name for name in rows.columns if _is_money(rows, name)}
    for row in rows.iter_rows(named=True):
        currency = _currency(row, currencies)
        yield {name: _plain(value, name in money, currency) for name, value in row.items()}


def _heading(name: str, rows: "pl.DataFrame") -> str:
    """A column's name in words; numbers stand to the right, and like days and codes are never folded.

    An instant says that it is UTC: a page says days where its account is.

    >>> import polars as pl
    >>> _heading("changed_at", pl.DataFrame(schema={"changed_at": pl.Datetime("us", "UTC")}))
    '!changed at, UTC'
    """
    dtype = rows.schema[name]
    zone = ", UTC" if getattr(dtype, "time_zone", None) else ""
    mark = ">" if dtype.is_numeric() else "!" if dtype.is_temporal() or name in NEVER_FOLDED else ""
    return mark + visible(SHORT.get(name, name).replace("_", " ")) + zone


def _is_money(rows: "pl.DataFrame", name: str) -> bool:
    return getattr(rows.schema[name], "scale", None) == MONEY_SCALE


def _currency(row: Mapping[str, Any], currencies: Mapping[str, Currency]) -> Currency:
    code = row.get("billing_currency") or ""
    return currencies.get(code, Currency(code))


def _cell(name: str, value: Any, is_money: bool, currency: Currency) -> "str | Text":
    """A value as people read it: what came is green and has a plus, what went is red."""
    text = _shown(value, is_money, currency)
    if name not in SIGNED or not value:
        return visible(text)
    return styled(f"+{text}", "green") if value > 0 else styled(text, "red")


def _shown(value: Any, is_money: bool, currency: Currency) -> str:
    if isinstance(value, Decimal):
        return currency.amount(value) if is_money else quantity(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        rest = f" and {len(value) - SHOWN_OF_LIST:,} more" if len(value) > SHOWN_OF_LIST else ""
        return ", ".join(_text(_within(one, currency)) for one in value[:SHOWN_OF_LIST]) + rest
    return "" if value is None else _text(_within(value, currency))


def _plain(value: Any, is_money: bool, currency: Currency) -> Any:
    if isinstance(value, Decimal):
        return currency.plain(value) if is_money else plain(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _within(one, currency) for name, one in value.items()}
    if isinstance(value, list):
        return [_within(one, currency) for one in value]
    return value


def _within(value: Any, currency: Currency) -> Any:
    """A value inside another: an amount is told by its scale, as a column is by its own."""
    is_money = isinstance(value, Decimal) and value.as_tuple().exponent == -MONEY_SCALE
    return _plain(value, is_money, currency)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, list | dict):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value)
