"""A 64-bit hash of every accepted record id. One that is met again is a suspicion; the id itself decides (`fates`).

The hash is our own, over the id's bytes and length, because it is stored (`stored_ids`): no engine promises that its
own stays, and MD5 would cost as much as half of all other work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flows.printable import NOT_PRINTABLE

IDS_AT_ONCE = 1_000_000

Hashes = npt.NDArray[np.uint64]

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_WORD = 8


def hash_ids(ids: pa.Array[Any]) -> Hashes:
    """The hash of each id: its length, then its bytes eight at a time, little endian, multiplied and folded in.

    >>> [hex(one) for one in hash_ids(pa.array(["usage-1", "usage-2", "an id of more than eight bytes"])).tolist()]
    ['0xc4d67a6b60d7fa5d', '0xe515fc99c85c7caf', '0x5bb7e364b8588a57']
    """
    starts, lengths, content = _bytes_of(ids.cast(pa.large_string()))
    words = np.ndarray(shape=(len(content) - _WORD + 1,), dtype="<u8", buffer=content, strides=(1,))
    hashes = lengths.astype(np.uint64) * _FIRST
    for at in range(0, int(lengths.max(initial=0)), _WORD):
        live = slice(None) if bool((lengths > at).all()) else np.flatnonzero(lengths > at)
        word = _cut(words[starts[live] + at], lengths[live] - at)
        mixed = (hashes[live] ^ word) * _SECOND
        mixed ^= mixed >> np.uint64(29)
        mixed *= _FIRST
        hashes[live] = mixed ^ (mixed >> np.uint64(32))
    return hashes


def has_control(ids: pa.Array[Any]) -> bool:
    r"""Does any id hold what is not printable? `has_control` of the grammar, on all at once.

    >>> [has_control(pa.array(["usage-1", text])) for text in ("é漢", "a\tb", "\x7f", "\x85", "\u2028", "\u202e")]
    [False, True, True, True, True, True]
    """
    _, _, content = _bytes_of(ids.cast(pa.large_string()))
    content = content[:-_WORD]
    if not len(content):
        return False
    if content.min() < 0x20 or bool((content == 0x7F).any()):
        return True
    if content.max() < 0x80:
        return False
    return bool(pc.any(pc.match_substring_regex(ids, NOT_PRINTABLE)).as_py())


def _bytes_of(ids: pa.Array[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each id begins, how long it is, and the bytes of all, with room to read a whole word at the end."""
    offsets = np.frombuffer(_buffer(ids, 1, bytes(8)), dtype=np.int64)[ids.offset : ids.offset + len(ids) + 1]
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    content = np.zeros(last - first + _WORD, dtype=np.uint8)
    if last > first:
        content[: last - first] = np.frombuffer(_buffer(ids, 2, b""), dtype=np.uint8)[first:last]
    return offsets[:-1] - first, np.diff(offsets), content


def _buffer(ids: pa.Array[Any], number: int, empty: bytes) -> memoryview:
    """A buffer of the array; Arrow leaves out one that would be empty."""
    return memoryview(ids.buffers()[number] or empty)


def _cut(words: Hashes, left: npt.NDArray[np.int64]) -> Hashes:
    """Words without the bytes that belong to the next id."""
    surplus = (np.clip(_WORD - left, 0, _WORD - 1) * 8).astype(np.uint64)
    cut: Hashes = (words << surplus) >> surplus
    return cut


def batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.Array[Any]]:
    """The ids a query gives, some at a time."""
    for batch in connection.sql(query).to_arrow_reader(IDS_AT_ONCE):
        yield batch.column(0)


def in_order(parts: Sequence[Hashes]) -> Hashes:
    """All hashes of all parts, sorted, equal ones beside each other."""
    hashes = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    hashes.sort()
    return hashes


def merged(parts: Sequence[Hashes]) -> Hashes:
    """The same for parts that are sorted already, which a stable sort merges."""
    return parts[0] if len(parts) == 1 else np.sort(np.concatenate([np.empty(0, np.uint64), *parts]), kind="stable")


def repeated(parts: Sequence[Hashes]) -> Hashes:
    """Hashes that stand more than once, in one part or in several."""
    together = merged(parts)
    return once(together[1:][together[1:] == together[:-1]])


def once(ordered: Hashes) -> Hashes:
    """A sorted array without repetitions. (`np.unique` hashes since numpy 2.3.

    A hundred times dearer on sorted values.)
    """
    kept: Hashes = ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered
    return kept


def union(parts: Sequence[Hashes]) -> Hashes:
    """All hashes of sorted parts, sorted, each once."""
    return once(merged(parts))


def among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the hashes are in a sorted array of known ones."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    at = np.searchsorted(known, hashes)
    found: npt.NDArray[np.bool_] = known[np.minimum(at, len(known) - 1)] == hashes
    return found


def mapped(path: Path) -> Hashes:
    """The hashes in a file, of which what is looked at is in memory."""
    return np.memmap(path, np.dtype("<u8"), "r") if path.stat().st_size else np.empty(0, np.uint64)
