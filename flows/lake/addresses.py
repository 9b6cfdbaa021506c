"""How a lake is named: a folder, or `s3://bucket/prefix` for an object store that speaks S3."""

from __future__ import annotations

import re
from pathlib import Path

from flows.lake.errors import LakeError
from flows.lake.store import Folder, Store

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/{1,2}(?P<rest>[^/].*)?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PART = re.compile(r"[A-Za-z0-9!_.*'()=:+-]+")


def spelled(where: Path | str) -> str:
    """The name of a lake as people write it; a Path folds the two slashes of an address into one.

    >>> spelled(Path("s3://invoices/eu")), spelled("s3://invoices/eu/"), spelled(Path("books/lake"))
    ('s3://invoices/eu', 's3://invoices/eu', 'books/lake')
    """
    found = _URL.fullmatch(str(where))
    if not found:
        return str(where)
    if found["scheme"] != "s3":
        raise LakeError(f"a lake lies in a folder or in s3://bucket/prefix, not in {found['scheme']}://")
    bucket, *parts = (found["rest"] or "").rstrip("/").split("/")
    if not _BUCKET.fullmatch(bucket) or any(not _PART.fullmatch(part) or part in (".", "..") for part in parts):
        raise LakeError(
            "an object store is named s3://bucket/prefix, in letters, digits and -_.=+ ; no ? # @ or blanks"
        )
    return "/".join(["s3:/", bucket, *parts])


def in_object_store(where: Path | str) -> bool:
    """Whether the name is that of an object store.

    >>> in_object_store(Path("s3://invoices/eu")), in_object_store("books/lake")
    (True, False)
    """
    return spelled(where).startswith("s3://")


def store_at(where: Path | str) -> Store:
    """The place a name stands for; nothing is opened yet.

    Errors   LakeError: it is no name of a lake, or the library for object stores is not installed
    """
    if in_object_store(where):
        from flows.lake.object_store import ObjectStore

        return ObjectStore(spelled(where))
    return Folder(Path(where).expanduser().resolve())


def reference_beside(where: Path | str) -> Path:
    """Where the reference tables of a lake are when nobody says: beside its folder, or in the folder of the caller."""
    return Path("reference").absolute() if in_object_store(where) else Path(where).absolute().parent / "reference"
