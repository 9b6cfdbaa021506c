"""What reading a stranger's file may cost: one that asks for more is set aside, and its neighbours are billed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one file. The defaults are far above what a file of usage needs, so that no honest one meets them."""

    rows: int = 1 << 31
    expansion: int = 200
    """Unpacked bytes for each byte of the file."""
    always_allowed: int = 64 << 20
    """Bytes a file may always unpack to: a short file of equal rows packs better than any limit."""
    row_bytes: int = 32
    """What a row is at least when it is unpacked, however well it packs: an id, two times, a quantity."""
    line_bytes: int = 16 << 20
    doubtful_row_bytes: int = 1 << 16
    """A file with a row longer than this is to blame where memory is missing."""
    memory: int = 3 << 30
    """Bytes of memory for the process that reads, which is the engine's own limit and room beside it."""
    seconds: float = 60
    bytes_a_second: float = 100_000
    """How slow reading may be: each file has `seconds` of work, and one more for so many bytes."""

    unpacked_a_second: int = 10_000_000

    def unpacked_bytes(self, size: int) -> int:
        """What a file of this size may unpack to.

        >>> Limits().unpacked_bytes(1 << 20), Limits().unpacked_bytes(10)
        (209715200, 67108864)
        """
        return max(self.always_allowed, self.expansion * size)

    def unpack_seconds(self, size: int) -> float:
        """Seconds of work that unpacking a file of this size may take, and reading its header.

        >>> Limits().unpack_seconds(3_000_000)
        120.0
        """
        return self.seconds + self.unpacked_bytes(size) / self.unpacked_a_second

    def work_seconds(self, size: int) -> float:
        """Seconds of work that reading this many bytes may take.

        >>> Limits().work_seconds(6_000_000)
        120.0
        """
        return self.seconds + size / self.bytes_a_second


LIMITS = Limits()
