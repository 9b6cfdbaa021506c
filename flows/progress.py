"""How a long run says where it is: two calls, a silent listener by default, a rich one for a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Who is told how far a run has come. A run is the same whether anybody listens."""

    def step(self, name: str) -> None:
        """A new step begins; the one before it is done."""

    def advance(self, done: int, total: int) -> None:
        """So much of the present step is done, in whatever it counts."""


class Silent:
    """Tells nobody."""

    def step(self, name: str) -> None:
        """A new step begins."""

    def advance(self, done: int, total: int) -> None:
        """So much of the present step is done."""


silent: Progress = Silent()


class Bars:
    """Shows a bar per step in a terminal; made by `bars`."""

    def __init__(self, shown: object) -> None:
        from rich.progress import Progress as RichProgress

        assert isinstance(shown, RichProgress)
        self._shown = shown
        self._task = shown.add_task("", total=None, visible=False)

    def step(self, name: str) -> None:
        """A new step begins: the bar of the one before it is full."""
        self._finish()
        self._task = self._shown.add_task(name, total=None)

    def advance(self, done: int, total: int) -> None:
        """So much of the present step is done."""
        self._shown.update(self._task, completed=done, total=total)

    def _finish(self) -> None:
        self._shown.update(self._task, completed=1, total=1)


@contextmanager
def bars() -> Iterator[Progress]:
    """A listener that shows bars while the context lasts; they go to stderr, so that output stays clean."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bars(shown)
