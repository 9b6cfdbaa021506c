"""The options that commands share, and how their words are read; nothing heavy is imported here."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from rating.periods import PERIOD

if TYPE_CHECKING:
    from flows.lake.journal import Lake
    from flows.reference import Reference

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SUM = re.compile(r"[+-]?\d{1,15}(\.\d{1,4})?", re.ASCII)

HASH = re.compile(r"[0-9a-f]{12,64}", re.ASCII)

WHERE = Group("Where", sort_key=8)
HOW = Group("How", sort_key=9)


class UsageError(Exception):
    """What was asked cannot be understood; the message says what to write."""


def period(_: Any, tokens: Sequence[Any]) -> str:
    """A billing period."""
    text: str = tokens[0].value
    if not PERIOD.fullmatch(text):
        raise ValueError(f"a period is a month like 2026-10, not {text!r}")
    return text


def day(_: Any, tokens: Sequence[Any]) -> date:
    """A calendar day."""
    text: str = tokens[0].value
    with suppress(ValueError):
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    raise ValueError(f"a day is written like 2026-11-03, not {text!r}")


def instant(_: Any, tokens: Sequence[Any]) -> datetime:
    """An instant with its offset, so that no machine's time zone decides."""
    text: str = tokens[0].value
    with suppress(ValueError):
        read = datetime.fromisoformat(text)
        if read.tzinfo is not None:
            return read.astimezone(UTC)
    raise ValueError(f"an instant is written with its offset, like 2026-11-01T12:00:00Z, not {text!r}")


def sums(_: Any, tokens: Sequence[Any]) -> tuple[Decimal, ...]:
    """An amount of either sign, or with its sign of that one."""
    text: str = tokens[0].value
    if not SUM.fullmatch(text):
        raise ValueError(f"an amount is written like 40, 12.50 or -12.50, not {text!r}")
    return (Decimal(text),) if text[0] in "+-" else (Decimal(text), -Decimal(text))


def until_instant(kind: Any, tokens: Sequence[Any]) -> datetime:
    """A day, which counts to its end in UTC, or an instant."""
    text: str = tokens[0].value
    if not DAY.fullmatch(text):
        return instant(kind, tokens)
    return datetime.combine(day(kind, tokens) + timedelta(days=1), time(), UTC)


def commit_hash(_: Any, tokens: Sequence[Any]) -> str:
    """The hash of a commit, or enough of its beginning."""
    text: str = tokens[0].value
    if not HASH.fullmatch(text):
        raise ValueError(f"a hash is 64 of 0-9 and a-f, or at least the first 12, not {text!r}")
    return text


def option(convert: Callable[..., Any] | None = None, **more: Any) -> Parameter:
    """An option that has no `--no-…` twin."""
    return Parameter(negative=(), converter=convert, **more)


Period = Annotated[str, option(period, help="The month, like 2026-10.")]
PeriodOnly = Annotated[str | None, option(period, help="Only this month.")]
Account = Annotated[str | None, option(help="Only this billing account.")]
AsOf = Annotated[int | None, option(help="As of this commit; the latest one by default.")]
Actor = Annotated[str, option(name="--as", help="Who does it: a principal of the reference folder.")]
ReceivedAt = Annotated[
    datetime | None,
    option(instant, help="When it was received, an instant with offset; now by default.", show_default=False),
]
Quiet = Annotated[bool, option(help="Print nothing but what goes wrong.", group=HOW, show_default=False)]
Json = Annotated[bool, option(name="--json", help="Print JSON for a program.", group=HOW, show_default=False)]
Csv = Annotated[bool, option(name="--csv", help="Print CSV.", group=HOW, show_default=False)]
WithPrefect = Annotated[
    bool,
    option(
        name="--prefect",
        help="Run it as a Prefect flow: on PREFECT_API_URL, or else embedded.",
        group=HOW,
        show_default=False,
    ),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Books:
    """Where the lake and the reference tables are."""

    lake: Annotated[
        Path, option(env_var="BILLFOLD_LAKE", help="The lake: a folder, or s3://bucket/prefix.", group=WHERE)
    ] = Path("lake")
    reference: Annotated[
        Path | None,
        option(env_var="BILLFOLD_REFERENCE", help="The reference tables; `reference` beside the lake.", group=WHERE),
    ] = None

    @property
    def reference_folder(self) -> Path:
        """Where the reference tables are."""
        from flows.lake.addresses import reference_beside

        return reference_beside(self.lake) if self.reference is None else self.reference

    def open(self) -> "Lake":
        """The lake."""
        from flows.lake.journal import Lake

        return Lake.open(self.lake)

    def open_to_change(self) -> "Lake":
        """The lake, for a command that changes it: what a run that died left behind is cleared up first."""
        from flows.left_behind import clear_up

        lake = self.open()
        clear_up(lake)
        return lake

    def tables(self) -> "Reference":
        """The reference tables, all checked."""
        from flows.reference import load_reference

        return load_reference(self.reference_folder)

    @property
    def options(self) -> str:
        """What to add to a command so that it finds the same books."""
        from shlex import quote

        from flows.lake.addresses import spelled

        is_usual = self.lake == Path(os.environ.get("BILLFOLD_LAKE", "lake"))
        told = [] if is_usual else [f" --lake {quote(spelled(self.lake))}"]
        if self.reference is not None and str(self.reference) != os.environ.get("BILLFOLD_REFERENCE"):
            told.append(f" --reference {quote(str(self.reference))}")
        return "".join(told)


HERE = Books()
