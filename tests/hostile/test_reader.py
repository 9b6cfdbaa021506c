"""A file that ends its reader, or asks too much of it, is set aside; all other files of the delivery are read.

The readers of these tests have a source more, whose files misbehave (see `bad_reader`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.ingest_usage import IngestRefused
from flows.lake.journal import Lake
from flows.landing import reader
from flows.landing.limits import Limits
from tests.flows.ingest.world import FORMATS, ingest, stored, usage, write

pytestmark = pytest.mark.usefixtures("bad_reader")

SMALL, SHORT = Limits(memory=400 << 20), Limits(seconds=0.7, always_allowed=1 << 20)
"""A reader of little files uses 100 MB and a tenth of a second of work."""


def bad(folder: Path, how: str, form: str, name: str) -> Path:
    """Good rows, and words that its reader obeys."""
    return write(folder, [usage(f"{name}-{number}", resource_id=f"misbehave {how}") for number in range(2)], form, name)


def fates(result: Any) -> dict[str, str]:
    return {row["file_name"]: row["reason_code"] or row["fate"] for row in result.files}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("now: abort", "F_CRASHED_READER", "SIGABRT"),
        ("now: segfault", "F_CRASHED_READER", "SIGSEGV"),
        ("now: exit", "F_CRASHED_READER", "exit code 3"),
        ("now: spin", "F_CRASHED_READER", "seconds to read it"),
        ("now: memory", "F_EXPANSION_LIMIT", "more than 400 MB of memory to read it"),
    ],
)
def test_a_file_that_ends_its_reader_is_set_aside_and_its_neighbours_are_read(
    lake: Lake, inbox: Path, form: str, how: str, code: str, said: str
) -> None:
    limits = SHORT if how == "now: spin" else SMALL
    files = [write(inbox, [usage("a")], name="a"), bad(inbox, how, form, "b"), write(inbox, [usage("c")], name="c")]
    result = ingest(lake, *files, limits=limits)

    assert fates(result) == {"a.csv": "read", f"b.{form}": code, "c.csv": "read"}
    assert said in next(row["reason"] for row in result.files if row["reason"])
    assert stored(lake, "usage_record_id") == [("usage-a",), ("usage-c",)]
    assert ingest(lake, *files, limits=limits).status == "nothing to do"


@pytest.mark.parametrize("how", ["later: abort", "later: memory"])
def test_a_parquet_file_that_ends_its_reader_only_when_all_rows_are_read_is_found(
    lake: Lake, inbox: Path, how: str
) -> None:
    files = [write(inbox, [usage(name)], "parquet", name) for name in "ac"]
    result = ingest(lake, *files, bad(inbox, how, "parquet", "b"), limits=SMALL)

    code = "F_CRASHED_READER" if "abort" in how else "F_EXPANSION_LIMIT"
    assert fates(result) == {"a.parquet": "read", "b.parquet": code, "c.parquet": "read"}
    assert result.accepted == 2


def test_where_no_file_is_to_blame_the_run_is_refused_and_nothing_shows(lake: Lake, inbox: Path) -> None:
    """The file is read for itself as a copy in which the words are not looked for."""
    path = bad(inbox, "later: abort", "csv", "b")
    with pytest.raises(IngestRefused, match=r"the process that reads files ended \(SIGABRT\)"):
        ingest(lake, path, limits=SMALL)
    assert lake.head().number == 0


def test_a_fault_of_the_program_is_not_blamed_on_the_file(lake: Lake, inbox: Path) -> None:
    with pytest.raises(RuntimeError, match="a fault of billfold while reading"):
        ingest(lake, bad(inbox, "now: raise", "csv", "b"))
    assert lake.head().number == 0


def test_a_reader_that_something_else_kills_once_costs_no_file(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third order of the first reader finds it gone."""
    answer, orders = reader._Child.answer, [0]

    def killed_once(process: Any, *said: Any) -> Any:
        orders[0] += 1
        if orders[0] == 3:
            os.kill(process._number, signal.SIGKILL)
        return answer(process, *said)

    monkeypatch.setattr(reader._Child, "answer", killed_once)
    assert ingest(lake, *(write(inbox, [usage(name)], name=name) for name in "ab")).accepted == 2
    assert orders[0] > 3


def test_when_the_process_that_forks_readers_is_gone_another_is_started(lake: Lake, inbox: Path) -> None:
    assert ingest(lake, write(inbox, [usage("a")], name="a")).accepted == 1
    assert reader._Readers._one
    os.kill(reader._Readers._one._child.pid, signal.SIGKILL)
    assert ingest(lake, write(inbox, [usage("b")], name="b")).accepted == 1


def test_readers_end_with_their_program_even_when_it_is_killed(tmp_path: Path) -> None:
    """The program prints the numbers of its two processes and waits; the reader is at work, for ever."""
    program = f"""
        import socket, time, pickle
        from multiprocessing.connection import Connection
        from flows.landing import reader
        reader.PROGRAM = "tests.hostile.bad_reader"
        from pathlib import Path
        from flows.landing.limits import Limits
        one = reader._Child()
        begin = dict(folder=Path({str(tmp_path)!r}), memory_limit="1GB", received_at="2026-11-05", limits=Limits())
        one.answer(("begin", begin), 1 << 30, 60)
        (Path({str(tmp_path)!r}) / "in").mkdir()
        (Path({str(tmp_path)!r}) / "in" / "000000").write_text("misbehave now: spin")
        one._socket.send_bytes(pickle.dumps(("look", dict(number=0, mapping=None))))
        print(one._number, reader._Readers._one._child.pid, flush=True)
        time.sleep(600)
    """
    source = "\n".join(line.removeprefix("        ") for line in program.splitlines())
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        processes = [int(number) for number in running.stdout.readline().split()]
        assert len(processes) == 2
        assert all(_is_alive(number) for number in processes)
        running.kill()
    until = time.monotonic() + 20
    while any(_is_alive(number) for number in processes) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_is_alive(number) for number in processes)


def _is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
