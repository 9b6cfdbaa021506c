"""Many operations on small frames: done by the thread that asks for them, they take a third of the time.

Polars hands each operation to threads of its own, which takes a tenth of a millisecond, whatever there is to do. What
its streaming engine calls in turn is spared that (Polars, pull request 24957), so a function can be called by it.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import polars as pl

P = ParamSpec("P")
R = TypeVar("R")


def on_one_thread(work: Callable[P, R]) -> Callable[P, R]:
    """The same function, of which Polars does every operation on the thread that it is called on.

    For what has many frames of up to some 100,000 rows, and is itself called side by side where there are threads for
    it; never for one operation on many rows. It only takes other time: the result, or what is raised, is the same.

    >>> on_one_thread(lambda frame: frame.filter(pl.col("a") > 1))(pl.DataFrame({"a": [1, 2]})).item()
    2
    """

    @wraps(work)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        found: list[R] = []
        faults: list[BaseException] = []

        def called(nothing: pl.DataFrame) -> pl.DataFrame:
            try:
                found.append(work(*args, **kwargs))
            except BaseException as fault:
                faults.append(fault)
            return nothing

        pl.LazyFrame({"": [0]}).map_batches(called).collect(engine="streaming")
        if faults:
            raise faults[0]
        return found[0]

    return alone
