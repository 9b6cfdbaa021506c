"""Questions of one process share an engine, and see nothing of one another."""

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from flows.shared_engine import asking
from rating.sql import keep


def test_what_one_question_makes_no_other_sees() -> None:
    """Two that are asked at once call their tables and views alike."""
    with asking() as one, asking() as other:
        for connection, value in ((one, 1), (other, 2)):
            keep(connection, "amounts", pl.DataFrame({"amount": [value]}))
            connection.execute("create temp view files as from amounts")
        assert one.sql("from files").fetchall() == [(1,)]
        assert other.sql("from files").fetchall() == [(2,)]
        assert one.sql("select view_name from duckdb_views() where not internal").fetchall() == [("files",)]


def test_what_a_question_made_is_gone_with_it() -> None:
    with asking() as connection:
        keep(connection, "amounts", pl.DataFrame({"amount": [1]}))
    with asking() as again, pytest.raises(Exception, match="amounts does not exist"):
        again.sql("from amounts")


def test_several_threads_ask_at_once() -> None:
    """Each adds up the numbers to its own: n (n + 1) / 2."""

    def added_up(last: int) -> object:
        with asking() as connection:
            keep(connection, "numbers", pl.DataFrame({"number": range(last + 1)}))
            return connection.sql("select sum(number)::bigint from numbers").fetchall()[0][0]

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(added_up, range(1, 41))) == [n * (n + 1) // 2 for n in range(1, 41)]
