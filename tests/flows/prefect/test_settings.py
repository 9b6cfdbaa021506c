"""What the program sets before Prefect is imported, and what it leaves to the user."""

import os
import subprocess
import sys

from flows.orchestrated import QUIET, SETTINGS
from flows.show.texts import markdown_cell

SHOWN = """
import os
before = "prefect" in __import__("sys").modules
import flows.orchestrated
print(before, "prefect" in __import__("sys").modules)
for name in (
    "DO_NOT_TRACK",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL",
):
    print(name, os.environ.get(name))
"""


def shown(**environment: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS | QUIET}
    said = subprocess.run(
        [sys.executable, "-c", SHOWN], capture_output=True, text=True, env=clean | environment, timeout=60, check=True
    )
    return said.stdout.splitlines()


def test_the_user_sets_nothing():
    assert shown() == [
        "False False",
        "DO_NOT_TRACK 1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS 120",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL CRITICAL",
    ]


def test_what_the_user_has_set_stays_and_who_debugs_sees_the_log():
    found = shown(PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="7", BILLFOLD_DEBUG="1")
    assert found[2:] == [
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS 7",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL None",
    ]


def test_no_name_breaks_out_of_a_table_of_the_summary():
    assert markdown_cell("a|b\n# c <script>") == r"a\|b\\n# c &lt;script&gt;"
