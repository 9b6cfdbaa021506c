"""One rule says what an id may be made of: usage, operations and reference tables ask it, each with its own engine."""

from __future__ import annotations

import sys
import unicodedata

import duckdb
import polars as pl
import pyarrow as pa

from flows.landing.record_ids import has_control
from flows.landing.sql import grammar
from flows.printable import NOT_PRINTABLE, is_printable

CHARACTERS = [
    chr(number) for number in range(1, sys.maxunicode + 1) if unicodedata.category(chr(number)) not in ("Cs", "Cn")
]
"""Every character that Python's Unicode has assigned."""


def test_every_engine_finds_the_same_characters_not_printable() -> None:
    """Those of the categories Cc, Cf, Zl and Zp: control, format, the ends of a line and of a paragraph."""
    wanted = [unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") for one in CHARACTERS]
    with duckdb.connect() as connection:
        connection.execute(grammar())
        drawn = pa.table({"text": CHARACTERS})
        connection.register("drawn", drawn)
        by_duckdb = [found for (found,) in connection.execute("select has_control(text) from drawn").fetchall()]
    assert by_duckdb == wanted
    assert pl.Series(CHARACTERS).str.contains(NOT_PRINTABLE).to_list() == wanted


def test_all_ids_at_once_and_one_alone_are_judged_alike() -> None:
    """By Arrow, and as operations ask it."""
    hidden = [one for one in CHARACTERS if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")]
    assert all(has_control(pa.array([f"usage-{one}"])) and not is_printable(f"usage-{one}") for one in hidden)
    shown = pa.array([one for one in CHARACTERS if one not in set(hidden)])
    assert not has_control(shown)
    assert is_printable("".join(shown.to_pylist()))
