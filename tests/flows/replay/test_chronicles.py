"""Every bill, issue, payment, void and backfill of a chronicle comes out again as it was committed (L2)."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from flows.replay import AGAIN, replay
from tests.chronicles import many
from tests.followed import Follower

WORLDS, MONTHS = 4, 2


class Writer(Follower):
    """Operations as they stand in a file: `original` says what was written, and so what a decision filled in."""

    def _named(self, row: dict[str, Any]) -> dict[str, Any]:
        named = super()._named(row)
        written = {name: str(value) for name, value in named.items() if value is not None}
        return {**named, "original": json.dumps(written)}


def test_every_run_of_a_chronicle_comes_out_as_it_was_committed(tmp_path: Path) -> None:
    whole, _ = many(WORLDS, Random(1), months=MONTHS)
    follower = Writer(whole, tmp_path)
    for step in whole["steps"]:
        follower.take(step)
    made = [commit for commit in follower.lake.commits() if commit.command in AGAIN]
    assert {commit.command for commit in made} == set(AGAIN)
    faults = {commit.number: replay(follower.lake, str(commit.number)).faults for commit in made}
    assert faults == dict.fromkeys(faults, ())
