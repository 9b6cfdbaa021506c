"""An id is the same however many rows it is made with: few are hashed one by one, many in DuckDB."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating import sql
from rating.sql import content_hashes, content_ids, nested_ids

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))


@given(st.lists(st.tuples(TEXTS, TEXTS, st.text(max_size=5)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_few_rows_have_the_ids_they_have_among_many(rows: list[tuple[str | None, str | None, str]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String, "then": pl.String}, orient="row")

    def ids() -> list[pl.Series]:
        nested = nested_ids(frame.select("a", "b"), frame["then"])
        return [content_ids(frame, "a", "b"), content_hashes(frame, "b", "a"), nested["id"], nested["nested_id"]]

    few = ids()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "FEW", 0)
        many = ids()
    assert [one.to_list() for one in few] == [one.to_list() for one in many]
