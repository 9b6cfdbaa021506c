"""What sets a whole file aside."""

from rating.rejects import said


class FileFault(Exception):  # noqa: N818 (a fault of a file, not of the program)
    """A file that cannot be landed: one reason code, what was found and what was wanted."""

    def __init__(self, code: str, found: str = "", wanted: str = "") -> None:
        super().__init__(said(code, found, wanted))
        self.code, self.found, self.wanted = code, found, wanted
        self.reason = said(code, found, wanted)
