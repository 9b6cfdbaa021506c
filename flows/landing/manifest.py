"""What a sender says a delivery holds, so that what got lost on the way is missed. A delivery may come without.

    {"files": [{"name": "2026-10/usage-1.parquet", "sha256": "9f86…", "rows": 1000, "quantity": "2500.5"}]}

Names are below the folder of the manifest. All but the name may be left out; what is there is checked.

Source   reliability page, Reason codes
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from flows.printable import is_printable
from flows.sources import FileFault

_KEYS = {"name", "sha256", "rows", "quantity"}
_DIGEST, _NUMBER = re.compile("[0-9a-f]{64}"), re.compile(r"-?[0-9]{1,23}(\.[0-9]{1,15})?")


class ManifestFaults(Exception):  # noqa: N818 (it is a list of faults)
    """Everything that is wrong with a manifest, at once."""

    def __init__(self, path: Path, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(f"{path}: {fault}" for fault in self.faults))


@dataclass(frozen=True)
class Promised:
    """What the manifest says of one file; None is nothing."""

    sha256: str | None
    rows: int | None
    quantity: Decimal | None

    def check_digest(self, digest: str) -> None:
        """Are the bytes those that were sent?

        Rejects  F_CHECKSUM
        """
        if self.sha256 not in (None, digest):
            raise FileFault("F_CHECKSUM", f"sha256 {digest}", f"{self.sha256}, as the manifest says")

    def check_totals(self, rows: int, quantity: Decimal) -> None:
        """Are there as many rows and as much quantity (where it parses) as were sent?

        Rejects  F_ROWCOUNT_MISMATCH F_CONTROL_TOTAL_MISMATCH
        """
        if self.rows not in (None, rows):
            raise FileFault("F_ROWCOUNT_MISMATCH", f"{rows} rows", f"{self.rows}, as the manifest says")
        if self.quantity not in (None, quantity):
            raise FileFault("F_CONTROL_TOTAL_MISMATCH", f"{quantity:f}", f"{self.quantity:f}, as the manifest says")


Manifest = Mapping[Path, Promised]
"""What is said of each file, by its absolute path."""


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Rejects  with ManifestFaults: everything in it that cannot be
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"), parse_float=str)["files"]
        entries = list(enumerate(listed, start=1)) if isinstance(listed, list) else []
    except (OSError, ValueError, RecursionError) as fault:
        raise ManifestFaults(path, [f"cannot be read as JSON: {fault}"]) from None
    except (KeyError, TypeError):
        entries = []
    if not entries:
        raise ManifestFaults(path, ['no files; wanted {"files": [{"name": …, "sha256": …, "rows": …, "quantity": …}]}'])
    faults = [f"file {number}: {fault}" for number, entry in entries for fault in _faults(entry)]
    if faults:
        raise ManifestFaults(path, faults)
    folder = os.path.abspath(path.parent)  # noqa: PTH100 (a link stays a link, as in the delivery)
    found = {Path(folder, entry["name"]): _promised(entry) for _, entry in entries}
    if len(found) < len(entries):
        raise ManifestFaults(path, ["a file is named twice"])
    return found


def _promised(entry: Mapping[str, Any]) -> Promised:
    quantity = entry.get("quantity")
    return Promised(entry.get("sha256"), entry.get("rows"), None if quantity is None else Decimal(str(quantity)))


def _is_below(name: str) -> bool:
    """Whether a name is one that a file of the delivery may have."""
    return name != "" and is_printable(name) and not name.startswith("/") and ".." not in PurePosixPath(name).parts


def _faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["not an object"]
    name, digest, rows, quantity = (entry.get(key) for key in ("name", "sha256", "rows", "quantity"))
    found = [f"unknown key {key!r}" for key in sorted(entry.keys() - _KEYS)]
    if not isinstance(name, str) or not _is_below(name):
        found.append(f"name {name!r} is not the path of a file below the folder of the manifest")
    if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        found.append(f"sha256 {digest!r} is not 64 digits of lower case hexadecimal")
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 0):
        found.append(f"rows {rows!r} is not a whole number")
    if quantity is not None and (isinstance(quantity, bool) or not _NUMBER.fullmatch(str(quantity))):
        found.append(f"quantity {quantity!r} is not a number of at most 15 decimals")
    return found
