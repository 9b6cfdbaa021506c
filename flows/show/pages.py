"""The console that pages are printed on, whose reader may stop reading."""

import sys

from rich.console import Console

from flows.show.streams import lead_nowhere


class Pages(Console):
    """Prints for as long as somebody reads: the command has an exit code to give, read or not."""

    def on_broken_pipe(self) -> None:
        """Where rich would end the program."""
        lead_nowhere(sys.stderr if self.file is sys.stderr else sys.stdout)
