"""The checksums of Parquet pages, where a file has them: no engine we use looks at them, and a flipped bit is silent.

A page header is Thrift in its compact form; of its fields only the sizes and the checksum matter here.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from flows.sources.faults import FileFault

_COMPRESSED_SIZE, _CHECKSUM = 3, 4


def check_pages(path: Path, metadata: pq.FileMetaData) -> None:
    """Compare every page with its checksum; nothing to do when the first page has none.

    Rejects  F_CHECKSUM F_CORRUPT_PAGE
    """
    with path.open("rb") as file:
        if not metadata.num_row_groups or not metadata.num_columns:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                _check(content, metadata)
            except (IndexError, ValueError) as fault:
                raise FileFault("F_CORRUPT_PAGE", f"a page header that cannot be read: {fault}") from None


def _check(content: mmap.mmap, metadata: pq.FileMetaData) -> None:
    for start, end in _chunks(metadata):
        for page, size, checksum in _pages(content, start, end):
            if checksum is None:
                return  # the writer made none
            if zlib.crc32(memoryview(content)[page : page + size]) != checksum & 0xFFFFFFFF:
                raise FileFault("F_CHECKSUM", f"the page at byte {page}")


def _chunks(metadata: pq.FileMetaData) -> Iterator[tuple[int, int]]:
    for group in range(metadata.num_row_groups):
        if not metadata.row_group(group).num_rows:
            continue  # some writers make a group for nothing, and say of its pages what is not there
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            starts = [chunk.data_page_offset]
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                starts.append(chunk.dictionary_page_offset)
            yield min(starts), min(starts) + chunk.total_compressed_size


def _pages(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    at = start
    while at < end:
        header = _Header(content, at)
        if header.size < 0 or header.end + header.size > len(content):
            raise ValueError(f"a page of {header.size} bytes at byte {at}")
        yield header.end, header.size, header.checksum
        at = header.end + header.size


class _Header:
    """A page header, read just far enough to know where it ends."""

    def __init__(self, content: mmap.mmap, at: int) -> None:
        self._content = content
        self._at = at
        self.size = -1
        self.checksum: int | None = None
        self._struct(depth=0)
        self.end = self._at

    def _struct(self, depth: int) -> None:
        if depth > 8:
            raise ValueError("nested too deep")
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._zigzag()
            if depth == 0 and kind == 5 and field in (_COMPRESSED_SIZE, _CHECKSUM):
                value = self._zigzag()
                self.size, self.checksum = (value, self.checksum) if field == _COMPRESSED_SIZE else (self.size, value)
            else:
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int) -> None:
        if kind == 3:
            self._at += 1
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 7:
            self._at += 8
        elif kind == 8:
            length = self._varint()  # read before it is added: reading moves on, too
            self._at += length
        elif kind in (9, 10):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 != 15 else self._varint()):
                self._skip(head & 15, depth + 1)
        elif kind == 12:
            self._struct(depth + 1)
        elif kind not in (1, 2):
            raise ValueError(f"type {kind}")

    def _byte(self) -> int:
        value = self._content[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a number that does not end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
