"""Where the program begins: Ctrl-C ends it quietly however early it comes, and a reader that has gone is no fault."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from flows import __main__ as entry

ENTRIES = {
    "billfold": "from flows.__main__ import main\nsys.exit(main())",
    "python -m flows": "runpy.run_module('flows', run_name='__main__', alter_sys=True)",
}

AS_IT_LOADS = """
import os, runpy, signal, sys

class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Pressed())
sys.argv = ["billfold", "--version"]
{entry}
"""

AS_AN_OBJECT_GOES = """
import os, runpy, signal, sys, time
from flows import cli

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def command():
    Last()
    time.sleep(60)

cli.app.command(command, name="wait")
sys.argv = ["billfold", "wait"]
{entry}
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_the_command_begins_here() -> None:
    (script,) = entry_points(group="console_scripts", name="billfold")
    assert script.load() is entry.main


@pytest.mark.parametrize("begun", ENTRIES)
@pytest.mark.parametrize("module", ["flows.cli", "cyclopts", "flows.show.options"])
def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_word(begun: str, module: str) -> None:
    said = run(AS_IT_LOADS.format(module=module, entry=ENTRIES[begun]))
    assert (said.returncode, said.stdout, said.stderr) == (130, "", "")


def test_ctrl_c_where_python_drops_what_is_raised_is_heard_all_the_same() -> None:
    said = run(AS_AN_OBJECT_GOES.format(entry=ENTRIES["billfold"]))
    assert (said.returncode, said.stdout) == (130, "")
    assert said.stderr.startswith("billfold: stopped; ")
    assert "Traceback" not in said.stderr


def test_a_program_that_was_told_to_ignore_ctrl_c_does() -> None:
    ignored = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    said = run(ignored + AS_IT_LOADS.format(module="cyclopts", entry=ENTRIES["billfold"]))
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("billfold ")


@pytest.mark.parametrize(
    ("arguments", "code"), [("--help", 0), ("--version", 0), ("sql --help", 0), ("no-such-command", 2), ("bill", 2)]
)
@pytest.mark.parametrize("streams", ["", "2>&1 >/dev/null"])
def test_a_reader_of_help_that_has_gone_changes_no_exit_code(arguments: str, code: int, streams: str) -> None:
    command = f"'{sys.executable}' -m flows {arguments} {streams} | true"
    said = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.returncode == code
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    assert "Exception" not in said.stderr
