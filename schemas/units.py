"""The column types, spelled once: no other file names a precision, a scale or a time unit.

At run time each name is the Polars type itself (`pl.col("x").cast(Money)`, `schema={"amount": Money}`); a type checker
reads it as the class it is an instance of, so that the same name also annotates a column of a schema.

Why these widths: an amount is rounded to at most 4 decimals before it enters a table; quantities carry up to 15
decimals, unit prices and rates up to 12. 38 digits is the most that DuckDB, Parquet and Polars hold.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

if TYPE_CHECKING:
    Text: TypeAlias = pl.String
    Instant: TypeAlias = pl.Datetime
    Day: TypeAlias = pl.Date
    Money: TypeAlias = pl.Decimal
    Quantity: TypeAlias = pl.Decimal
    Price: TypeAlias = pl.Decimal
    Rate: TypeAlias = pl.Decimal
    Count: TypeAlias = pl.Int64
    Flag: TypeAlias = pl.Boolean
    Whole: TypeAlias = pl.Decimal
    Hash64: TypeAlias = pl.UInt64
    TextList: TypeAlias = pl.List
    Tags: TypeAlias = pl.List
    Boundary: TypeAlias = pl.String
else:
    Text = pl.String()
    Instant = pl.Datetime("us", "UTC")
    Day = pl.Date()
    Money = pl.Decimal(38, 4)
    Quantity = pl.Decimal(38, 15)
    Price = pl.Decimal(38, 12)
    Rate = pl.Decimal(38, 12)  # a fraction: 0.2 is 20 %
    Count = pl.Int64()
    Flag = pl.Boolean()
    Whole = pl.Decimal(38, 0)
    Hash64 = pl.UInt64()
    TextList = pl.List(pl.String())
    Tags = pl.List(pl.Struct({"key": pl.String(), "value": pl.String()}))  # a Parquet map, its keys sorted
    Boundary = pl.String()  # a day, or an instant; which of the two a text is, BOUNDARY says

MEANINGS: dict[str, tuple[Any, str]] = {
    "Text": (Text, "characters, kept byte for byte"),
    "Instant": (Instant, "a point in time, UTC, to the microsecond; ISO 8601 with an offset or Z in text"),
    "Day": (Day, "a calendar day, ISO 8601"),
    "Boundary": (
        Boundary,
        "a day, which is local midnight of the account it is joined to, or an instant; null is open",
    ),
    "Money": (Money, "an amount, already rounded to the minor unit of its currency"),
    "Quantity": (Quantity, "how much was used or is priced"),
    "Price": (Price, "a unit price, or an amount that is not rounded yet"),
    "Rate": (Rate, "a fraction: 0.2 is 20 %"),
    "Count": (Count, "a whole number"),
    "Flag": (Flag, "true or false"),
    "Whole": (Whole, "a whole number of up to 38 digits"),
    "Hash64": (Hash64, "a 64-bit content hash"),
    "TextList": (TextList, "a list of texts; JSON text in CSV"),
    "Tags": (Tags, "names and values, names sorted; a map in Parquet, a JSON object in CSV"),
}
"""What each column type is, for the data dictionary."""

BOUNDARY = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}\.\d{6}Z)?$"
"""A day is local midnight of the account it is joined to; a null boundary is open."""

PERIOD = r"^\d{4}-(0[1-9]|1[0-2])$"
"""A billing period: the account's local calendar month."""

DURATION = r"^P(\d+[YMWD])+$"
"""A length of time of the calendar, ISO 8601."""

MONTH_DAY = r"^\d{2}-\d{2}$"
"""A day of every year."""

LIKE = {
    BOUNDARY: "2026-12-31 or 2026-12-31T22:00:00.000000Z",
    PERIOD: "2026-10",
    DURATION: "P3M",
    MONTH_DAY: "04-01",
}
"""Each pattern by an example, as people read it."""


DIGITS = 38
"""Digits of every decimal type, before and after the point together."""


MOST_DIGITS = 1000
"""An exponent beyond it is written out for nobody: nine of its letters could fill the memory."""

_WHOLE = re.compile(r"-?[0-9]{1,20}")


class NotOfTypeError(ValueError):
    """A text that does not stand for a value of the wanted type."""


def parse(text: str, dtype: pl.DataType) -> Any:
    """The Python value a text stands for in a column of this type; exact, or `NotOfTypeError`.

    Lists and tags are JSON text, an instant is ISO 8601 with an offset or `Z`.

    >>> parse("2.5", Money), parse('["service:storage"]', TextList), parse("2026-10-01T00:00:00Z", Instant).hour
    (Decimal('2.5'), ['service:storage'], 0)
    >>> parse("2.46501", Money)
    Traceback (most recent call last):
    schemas.units.NotOfTypeError: '2.46501' has more than 4 decimals
    """
    if isinstance(dtype, pl.Decimal):
        return _decimal(text, dtype.scale)
    if dtype == Tags:
        pairs = _read(_object, text, "a JSON object")
        return [{"key": key, "value": value} for key, value in sorted(pairs.items())]
    kind = dtype.base_type()
    return _read(_READERS[kind], text, _WANTED[kind])


def _decimal(text: str, scale: int) -> Decimal:
    """Compared as written and never rounded: Python's own context would cut at 28 digits."""
    value: Decimal = _read(Decimal, text, "a number like 12.50")
    if not value.is_finite():
        raise NotOfTypeError(f"{text!r} is not a finite number")
    whole, _, fraction = written_out(value).partition(".")
    if len(fraction.rstrip("0")) > scale:
        raise NotOfTypeError(f"{text!r} has more than {scale} decimals")
    if len(whole.lstrip("-0")) > DIGITS - scale:
        raise NotOfTypeError(f"{text!r} has more than {DIGITS - scale} digits before the point")
    return value


def written_out(value: Decimal) -> str:
    """A number without an exponent; one of many more digits than a column holds is not written out.

    >>> written_out(Decimal("1E+2"))
    '100'
    >>> written_out(Decimal("1E+999999999"))
    Traceback (most recent call last):
    schemas.units.NotOfTypeError: '1E+999999999' has more digits than a number here
    """
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > MOST_DIGITS:
        raise NotOfTypeError(f"{str(value)!r} has more digits than a number here")
    return f"{value:f}"


def _read(reader: Callable[[str], Any], text: str, wanted: str) -> Any:
    try:
        return reader(text)
    except (ValueError, ArithmeticError, KeyError, RecursionError) as fault:
        raise NotOfTypeError(f"{text!r} cannot be read as {wanted}") from fault


def _whole_number(text: str, least: int, most: int) -> int:
    if not _WHOLE.fullmatch(text) or not least <= (found := int(text)) <= most:
        raise ValueError("no whole number of 64 bits")
    return found


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset or Z")
    return instant.astimezone(UTC)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


_WANTED: dict[Any, str] = {
    pl.String: "text",
    pl.Int64: "a whole number",
    pl.UInt64: "a whole number",
    pl.Boolean: "true or false",
    pl.Date: "a day like 2026-10-01",
    pl.Datetime: "an instant with its offset, like 2026-10-01T09:00:00Z",
    pl.List: "a JSON list",
}
"""What a text should be, for the person who wrote it."""

_READERS: dict[Any, Callable[[str], Any]] = {
    pl.String: str,
    pl.Int64: partial(_whole_number, least=-(2**63), most=2**63 - 1),
    pl.UInt64: partial(_whole_number, least=0, most=2**64 - 1),
    pl.Boolean: {"true": True, "false": False}.__getitem__,
    pl.Date: date.fromisoformat,
    pl.Datetime: _instant,
    pl.List: json.loads,
}
