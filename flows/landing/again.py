"""Rejects that wait, landed again as one more file of the delivery.

Their fields as they stood, their causes perhaps mended.
"""

from __future__ import annotations

import hashlib
import json

import polars as pl

from flows.landing.delivery import AGAIN, Delivered
from flows.landing.workspace import Workspace
from flows.sources.content import stamp


def land_again(waiting: pl.DataFrame, desk: Workspace) -> Delivered:
    """Write the waiting rejects as JSON Lines, in order of their id; row n of it is reject n."""
    path = desk.path("again", "rejects.jsonl")
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_line(original) + "\n" for original in waiting["original"])
    digest = hashlib.sha256("\n".join(waiting["reject_id"]).encode() + path.read_bytes()).hexdigest()
    return Delivered(path, AGAIN, digest, stamp(path))


def _line(original: str) -> str:
    """The fields of a reject as native JSON: tags were kept as text and are an object again."""
    fields = json.loads(original)
    tags = fields.pop("tags", None)
    text = json.dumps(fields, ensure_ascii=False)
    return f'{text[:-1]}, "tags": {tags}}}' if tags else text
