"""One order and one digest for what reference data says, however it is written down.

Two folders that say the same have one digest: neither row order, column order, file format, spelling of a number nor a
default that is written out changes it. A cell enters as its name, the length of its text and its text, so no two
contents collide; a null does not enter, so a new nullable column changes no digest.
"""

import hashlib
from collections.abc import Mapping

import polars as pl


def canonical(rows: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Rows in the order of their key, then of everything else; nulls last."""
    rest = [name for name, dtype in rows.schema.items() if name not in key and not isinstance(dtype, pl.List)]
    return rows.sort(*key, *rest, nulls_last=True, maintain_order=True)


def digest(tables: Mapping[str, pl.DataFrame]) -> str:
    """The sha256 of tables in canonical order.

    >>> one = pl.DataFrame({"sku_id": ["a"], "feature": [None]}, schema={"sku_id": pl.String, "feature": pl.String})
    >>> digest({"skus": one}) == digest({"skus": one.select("feature", "sku_id"), "sellers": one.clear()})
    True
    """
    content = hashlib.sha256()
    for name in sorted(tables):
        rows = tables[name]
        if rows.height:
            content.update(f"{name} {rows.height}\n".encode())
            content.update("\n".join(_lines(rows)).encode())
            content.update(b"\n")
    return content.hexdigest()


def _lines(rows: pl.DataFrame) -> list[str]:
    cells = [_cell(name, rows.schema[name]) for name in sorted(rows.columns)]
    return rows.select(pl.concat_str(cells).alias("line"))["line"].to_list()


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        each = pl.element()
        text = pl.col(name).list.eval(pl.format("{}:{},", each.str.len_bytes(), each)).list.join("")
    else:
        text = pl.col(name).cast(pl.String)
    return pl.format("{}={}:{};", pl.lit(name), text.str.len_bytes(), text).fill_null("")
