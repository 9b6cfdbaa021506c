"""What children take is counted while they live."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.processes import Peak, cpu_seconds

BUSY = """
import time
held = bytearray(200_000_000)
while time.process_time() < 0.4: pass  # /proc tells whole ticks, so a little less
print(len(held), flush=True)
input()
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="where there is no /proc only ended children are known"
)
def test_the_seconds_and_the_memory_of_a_child_that_lives_are_counted():
    before = cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        with Peak() as peak:
            child.stdout.readline()
        taken = cpu_seconds() - before
        child.stdin.close()
    assert taken >= 0.3
    assert peak.megabytes >= 200
