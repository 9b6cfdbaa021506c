"""What an id may be made of, for usage, operations and reference tables alike."""

import polars as pl

NOT_PRINTABLE = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]"
"""What no id holds, as Polars, DuckDB and Arrow read it: control characters, those of a format, which turn a text round
or hide in it, and those that end a line. What Unicode has not assigned yet is none of them: it is assigned one day."""


def is_printable(text: str) -> bool:
    r"""Whether a text may be an id, but for its length; half of a pair of surrogates is no character.

    >>> [is_printable(text) for text in ("é漢 \u00a0", "a\tb", "\u2028", "\u202egnp.exe", "\u200b", "\ud800")]
    [True, False, False, False, False, False]
    """
    if text.isascii():
        return text.isprintable()
    try:
        return not pl.Series([text], dtype=pl.String).str.contains(NOT_PRINTABLE).item()
    except UnicodeEncodeError:
        return False
