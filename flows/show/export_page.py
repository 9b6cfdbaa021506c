"""What an export holds, as a person reads it: what the principal may read of which accounts, and where it is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.show.console import grid, styled

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.export import Export

SHOWN = 20
"""So many accounts are named."""


def export_page(result: "Export") -> Iterator["RenderableType"]:
    """A line per reading action, then what was written."""
    told = result.manifest
    rows = told["rows"].values()
    yield styled(f"export: for {told['principal']}, as of commit {told['commit']}", "bold")
    table = grid("may", "of")
    for action, reached in told["may"].items():
        table.add_row(styled(action), styled(_listed(reached)))
    yield table
    yield styled(f"{len(rows)} tables and views, {sum(rows):,} rows")


def _listed(reached: Any) -> str:
    """Accounts by name, as far as a line goes."""
    if isinstance(reached, str):
        return reached
    more = f" and {len(reached) - SHOWN:,} more" if len(reached) > SHOWN else ""
    return ", ".join(reached[:SHOWN]) + more or "none"
