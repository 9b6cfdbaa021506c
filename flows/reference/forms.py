"""What a text must look like to stand for something: the small languages of reference data, one function each.

A form takes a text and gives it as the tables hold it, or None when it is not of that form. It is asked once per
distinct text.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import available_timezones

from flows.reference import boundaries

NUMBER_LENGTH = 16  # characters of a filled invoice number (I2)
SEQUENCE_DIGITS = 6  # how many an unpadded {sequence} is taken to need

DIMENSIONS = ("service", "service_category", "feature", "sku", "region", "project", "resource", "tag", "charge")
CHARGES = ("recurring", "usage", "one_off")


@dataclass(frozen=True)
class Form:
    """A language of cells: how a text is read, and what to say where it cannot be."""

    read: Callable[[str], str | None]
    wanted: str
    what_to_do: str = "correct the cell"


def text_list(each: Callable[[str], str | None] | None = None) -> Callable[[str], str | None]:
    """A JSON list of texts, each of the given form; given back in one spelling.

    >>> text_list()('["a",  "b"]'), text_list()('"a"')
    ('["a", "b"]', None)
    """

    def read(text: str) -> str | None:
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            return None
        if each is not None and not all(each(value) for value in values):
            return None
        return json.dumps(values, ensure_ascii=False)

    return read


def scope(text: str) -> str | None:
    """One value of an include or exclude list (G1).

    >>> scope("tag:marketplace"), scope("marketplace"), scope("charge:yearly")
    ('tag:marketplace', None, None)
    """
    dimension, colon, value = text.partition(":")
    if dimension not in DIMENSIONS or not colon or not value:
        return None
    return text if dimension != "charge" or value in CHARGES else None


def time_zone(text: str) -> str | None:
    """A name of the IANA time zone database."""
    return text if text in available_timezones() else None


def month_and_day(text: str) -> str | None:
    """The day a year starts on, every year.

    >>> month_and_day("04-01"), month_and_day("02-29"), month_and_day("4-1")
    ('04-01', None, None)
    """
    return text if re.fullmatch(r"\d{2}-\d{2}", text, re.ASCII) and boundaries.start(f"2001-{text}") else None


def number_pattern(text: str) -> str | None:
    """A pattern of invoice numbers: unique over the years, and short enough when filled (I2).

    >>> number_pattern("INV-{year}-{sequence:06}"), number_pattern("INVOICE-{year}-{sequence:06}")
    ('INV-{year}-{sequence:06}', None)
    """
    sequence = re.findall(r"\{sequence(?::0([1-9]))?\}", text)
    if len(sequence) != 1 or "{year}" not in text:
        return None
    filled = re.sub(
        r"\{sequence(:0[1-9])?\}", "9" * int(sequence[0] or SEQUENCE_DIGITS), text.replace("{year}", "2026")
    )
    return text if "{" not in filled and "}" not in filled and len(filled) <= NUMBER_LENGTH else None


def duration(text: str) -> str | None:
    """A length of time in calendar units, ISO 8601.

    >>> duration("P5Y"), duration("P1Y6M"), duration("P"), duration("5 years")
    ('P5Y', 'P1Y6M', None, None)
    """
    parts = re.fullmatch(r"P(\d{1,3}Y)?(\d{1,3}M)?(\d{1,3}W)?(\d{1,4}D)?", text, re.ASCII)
    return text if parts and re.search(r"[1-9]", text) else None


def promo_window(text: str) -> str | None:
    """Where the window of a promo code's grant starts: a word, or a fixed range whose end day is inclusive (K7).

    >>> promo_window("acceptance"), promo_window("2026-10-01/2026-12-31")
    ('acceptance', '2026-10-01/2027-01-01')
    """
    if text in ("next_invoice", "acceptance"):
        return text
    first, slash, last = text.partition("/")
    start, end = boundaries.start(first), boundaries.end(last)
    if not slash or start is None or end is None:
        return None
    one, other = boundaries.moment(start), boundaries.moment(end)
    return f"{start}/{end}" if one.microseconds < other.microseconds and not boundaries.is_unsure(one, other) else None


def currency_code(text: str) -> str | None:
    """Three capital letters, as ISO 4217 and EN 16931 want them."""
    return text if re.fullmatch(r"[A-Z]{3}", text) else None


def one_of(words: Sequence[str]) -> Callable[[str], str | None]:
    """A word of a closed list."""
    return lambda text: text if text in words else None
