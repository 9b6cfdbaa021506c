"""The consoles of help and of usage errors: most commands write on neither, and so load nothing for them."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console


class Later:
    """A console that is made when it is used."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr
        self._made: Console | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            from flows.show.pages import Pages

            self._made = Pages(stderr=self._stderr)
        return getattr(self._made, name)


def later(*, stderr: bool = False) -> "Console":
    """A console as rich has it by default, whose reader may stop reading."""
    return cast("Console", Later(stderr=stderr))
