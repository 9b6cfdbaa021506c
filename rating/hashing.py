"""Ids that derive from content: the same key gives the same id on every machine, in every run (L2).

One 64-bit hash serves series and buckets; it is defined here, in Python and in SQL, and is nobody's `hash()`.
"""

import hashlib

SEPARATOR = "\x1f"
"""Between the parts of a key. Ids hold no control characters, so joining with it is injective."""

NULL = "\x1e"
"""Stands for a missing part of a key, which is not the same as an empty one."""


def key_text(*parts: str | None) -> str:
    r"""The parts of a key as one text, injectively.

    >>> key_text("a", None)
    'a\x1f\x1e'
    """
    return SEPARATOR.join(NULL if part is None else part for part in parts)


def hash64(text: str) -> int:
    """The lower 64 bits of the MD5 of a text: DuckDB's `md5_number_lower`.

    >>> hash64("a")
    7000413967451013937
    """
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little")


def digest(*parts: str | None) -> str:
    """The 128-bit content id of a key, in hexadecimal: DuckDB's `md5` of the same text.

    >>> digest("a", "b") == digest("a", "b"), digest("ab") == digest("a", "b")
    (True, False)
    """
    return hashlib.md5(key_text(*parts).encode(), usedforsecurity=False).hexdigest()


def bucket_of(billing_account_id: str, buckets: int) -> int:
    """The bucket an account's usage is stored in.

    >>> bucket_of("acct-1", 16) == hash64("acct-1") % 16
    True
    """
    return hash64(billing_account_id) % buckets


def key_sql(*columns: str) -> str:
    """`key_text` as a DuckDB expression over columns."""
    parts = ", ".join(f"coalesce({column}, chr(30))" for column in columns)
    return f"concat_ws(chr(31), {parts})"


def hash64_sql(*columns: str) -> str:
    """`hash64(key_text(…))` as a DuckDB expression over columns."""
    return f"md5_number_lower({key_sql(*columns)})"
