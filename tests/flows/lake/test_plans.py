"""What is asked of a lake grows with its rows: no question compares every row with every other."""

import duckdb
import pytest

from flows.lake.named_queries import Query, queries
from flows.lake.views import connect
from tests.flows.lake.books import lake_of
from tests.flows.lake.test_audit import BOOKS

IN_FULL = ("BLOCKWISE_NL_JOIN", "IE_JOIN", "PIECEWISE_MERGE_JOIN")
"""Joins without a key, but for those of a single row, which are another kind."""


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return connect(lake_of(tmp_path_factory.mktemp("books"), BOOKS))


@pytest.mark.parametrize("query", [*queries("views"), *queries("invariants")], ids=lambda query: query.name)
def test_no_query_joins_two_relations_without_a_key(books: duckdb.DuckDBPyConnection, query: Query) -> None:
    ((_, plan),) = books.execute(f"explain {query.text}").fetchall()
    assert [kind for kind in IN_FULL if kind in plan] == []
