"""A file as it came: looked at before anything reads it, digested whole, unpacked if packed, known by its first bytes.

A file's name plays no part: it is opened under a plain name of ours, so that no engine sees wildcards or folders in it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from flows.landing.limits import LIMITS, Limits
from flows.sources.faults import FileFault

HEAD = 1 << 16
BLOCK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

TICK = 50_000_000  # nanoseconds: longer than any system's

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Content:
    """The bytes of a file, unpacked, under a plain name."""

    path: Path
    size: int
    head: bytes
    tail: bytes


def names_below_common_folder(files: Iterable[Path]) -> dict[Path, str]:
    """Each file once, with its name relative to the folder that holds all of them; sorted by name.

    >>> list(names_below_common_folder([Path("/in/b/1.csv"), Path("/in/a/1.csv")]).values())
    ['a/1.csv', 'b/1.csv']
    """
    absolute = {Path(os.path.abspath(file)) for file in files}  # noqa: PTH100 (a link stays a link, to be looked at)
    top = common_folder(absolute)
    return {path: _printable(os.path.relpath(path, top)) for path in sorted(absolute)}


def common_folder(files: Iterable[Path]) -> Path:
    """The folder that holds all files of a delivery."""
    return Path(os.path.commonpath([str(path.parent) for path in files] or ["/"]))


def check_file(path: Path, top: Path) -> None:
    """Is it a plain file of the delivery that can be opened?

    Rejects  F_UNSAFE_PATH F_UNREADABLE F_NOT_REGULAR
    """
    if _printable(path.name) != path.name:
        raise FileFault("F_UNSAFE_PATH", _printable(path.name), "a printable name")
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as fault:
        raise FileFault("F_UNREADABLE", getattr(fault, "strerror", None) or "a link to itself") from None
    if path.is_symlink() and not real.is_relative_to(top.resolve()):
        raise FileFault("F_UNSAFE_PATH", "a link that leads out of the delivery", "the file itself")
    if not stat.S_ISREG(mode):
        raise FileFault("F_NOT_REGULAR", _kind(mode))
    if not os.access(real, os.R_OK):
        raise FileFault("F_UNREADABLE", "no permission")


def digest_of(path: Path) -> str:
    """sha256 of a file as it came, packed or not."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise FileFault("F_UNREADABLE", fault.strerror or str(fault)) from None


def stamp(path: Path) -> Stamp:
    """What changes when a file is replaced or written to.

    Taken before the digest and looked at again before the commit.
    """
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def is_fresh(found: Stamp) -> bool:
    """Was the file written to just now, or later than now? A clock of files ticks a few milliseconds at a time.

    >>> is_fresh((1, 2, 3, 4))
    False
    """
    return max(found[2:]) > time.time_ns() - TICK


def content_of(path: Path, unpacked: Path, limits: Limits = LIMITS) -> Content:
    """The file's content, unpacked to `unpacked` if it is gzip or zstd.

    Rejects  F_EMPTY F_TRUNCATED F_CHECKSUM F_EXPANSION_LIMIT
    """
    content = _look(path)
    packing = "gzip" if content.head.startswith(GZIP) else "zstd" if content.head.startswith(ZSTD) else None
    if packing is None:
        return content
    _unpack(path, packing, unpacked, limits.unpacked_bytes(content.size))
    return _look(unpacked)


def _look(path: Path) -> Content:
    with path.open("rb") as file:
        head = file.read(HEAD)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    if not head.removeprefix(b"\xef\xbb\xbf").strip() and size <= HEAD:
        raise FileFault("F_EMPTY", f"{size} bytes")
    return Content(path, size, head, tail)


def _unpack(path: Path, packing: str, target: Path, limit: int) -> None:
    with path.open("rb") as packed, target.open("wb") as out:
        for block in _unpacked(packed, packing, limit):
            out.write(block)


def _unpacked(packed: BinaryIO, packing: str, limit: int) -> Iterator[bytes]:
    written = 0
    try:
        with _reader(packed, packing) as plain:
            while block := plain.read(BLOCK):
                written += len(block)
                if written > limit:
                    raise FileFault("F_EXPANSION_LIMIT", f"more than {limit} bytes")
                yield block
    except EOFError as fault:
        raise FileFault("F_TRUNCATED", str(fault)) from None
    except (gzip.BadGzipFile, zlib.error, pa.ArrowException, OSError) as fault:
        raise FileFault("F_TRUNCATED" if "runcated" in str(fault) else "F_CHECKSUM", str(fault)) from None


def _reader(packed: BinaryIO, packing: str) -> AbstractContextManager[Any]:
    if packing == "gzip":
        return gzip.GzipFile(fileobj=packed)
    return pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")  # type: ignore[arg-type]


def _printable(name: str) -> str:
    """A name as it can be shown and stored: bytes that are no UTF-8 and control characters are spelled out."""
    plain = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in plain)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
