"""Text from outside, made harmless for where it goes: a terminal, a CSV cell, a Markdown table."""

import re
import unicodedata

_NUMBER = re.compile(r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII)
"""A number in any spelling of a program's, the largest and the missing one, too."""
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula, also in the width of Chinese and Japanese letters, which some spreadsheets read alike."""
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Characters that turn the direction of what follows, and so can make a text look like another."""


def visible(text: str) -> str:
    """A text whose control characters are shown, not obeyed: no name moves a cursor or colours a terminal.

    >>> visible("Acme\\x1b[31m Ltd")
    'Acme\\\\x1b[31m Ltd'
    """
    return "".join(_shown(character) if _is_control(character) else character for character in text)


def csv_cell(text: str) -> str:
    """A text that a spreadsheet takes as text: what looks like a formula and is no number gets a leading quote mark.

    >>> csv_cell("=1+1"), csv_cell("-12.50"), csv_cell("-inf"), csv_cell("-inf()"), csv_cell("Acme")
    ("'=1+1", '-12.50', '-inf', "'-inf()", 'Acme')
    """
    is_risky = text.startswith(_FORMULA) or (text != "" and _is_control(text[0]))
    return f"'{text}" if is_risky and not _NUMBER.fullmatch(text) else text


def markdown_cell(text: str) -> str:
    """A text that stays in its cell of a Markdown table.

    >>> markdown_cell("a|b <c>")
    'a\\\\|b &lt;c&gt;'
    """
    harmless = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([|`*_\[\]\\])", r"\\\1", harmless)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTION


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
