"""How a peer's script is timed, in an environment of its own: only the standard library, and nothing of billfold."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def peak_megabytes() -> float:
    """The most memory this process had; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1_000 for line in lines if line.startswith("VmHWM:"))


def told(version: str, rounds: int, work: Callable[[], Made], totals: Callable[[Made], Mapping[str, object]]) -> None:
    """Do a piece of work so many times; print its seconds, the peak, and the list cost of each account as JSON."""
    seconds = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        made = work()
        seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    said = {"version": version, "seconds": seconds, "peak_megabytes": peak_megabytes()}
    print(json.dumps({**said, "totals": {account: str(total) for account, total in totals(made).items()}}))
