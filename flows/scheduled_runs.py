"""What a Prefect server is going to run, asked of its API without importing Prefect, which takes two seconds."""

import json
import os
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOME = Path(".prefect")
"""Where `make server` keeps what Prefect keeps, below the folder it is started in."""

TIMEOUT_SECONDS = 3.0
LOOKED_AT = 200
"""How many scheduled and ended runs are asked for: as many as the API gives at once."""


@dataclass(frozen=True)
class Deployment:
    """A deployment: when it runs next, whether runs of it are late, and how its last one ended."""

    name: str
    next_at: datetime | None
    late: int
    last_state: str | None
    last_at: datetime | None


@dataclass(frozen=True)
class Schedule:
    """What the configured server says; without deployments where it does not answer, and why."""

    address: str
    deployments: tuple[Deployment, ...] = ()
    fault: str | None = None


def prefect_home() -> Path:
    """The folder that Prefect's settings and database lie in: PREFECT_HOME, or the one of `make server`."""
    return Path(os.environ.get("PREFECT_HOME") or HOME)


def address() -> str | None:
    """The API of the configured server: PREFECT_API_URL, or what the active profile says; None where nobody says."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    with suppress(OSError, tomllib.TOMLDecodeError, KeyError, TypeError):
        told = tomllib.loads((prefect_home() / "profiles.toml").read_text(encoding="utf-8"))
        return str(told["profiles"][told["active"]]["PREFECT_API_URL"])
    return None


def schedule() -> Schedule | None:
    """What the configured server is going to run; None where none is configured. It is waited for only shortly."""
    at = address()
    if at is None:
        return None
    try:
        return Schedule(at, _deployments(at))
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as fault:
        return Schedule(at, fault=str(getattr(fault, "reason", fault)) or type(fault).__name__)


def _deployments(at: str) -> tuple[Deployment, ...]:
    tagged = {"deployments": {"tags": {"any_": ["billfold", "billfold-notice"]}}}
    known = _asked(at, "deployments", {**tagged, "sort": "NAME_ASC"})
    flows = {one["id"]: one["name"] for one in _asked(at, "flows", tagged)}
    waiting = {"type": {"any_": ["SCHEDULED"]}}
    scheduled = _asked(at, "flow_runs", {**tagged, "flow_runs": {"state": waiting}, "sort": "EXPECTED_START_TIME_ASC"})
    ended = {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}
    last = _asked(at, "flow_runs", {**tagged, "flow_runs": {"state": ended}, "sort": "END_TIME_DESC"})
    found = [_deployment(one, flows, scheduled, last) for one in known]
    return tuple(sorted(found, key=lambda one: (one.next_at is None, one.next_at, one.name)))


def _deployment(
    one: Mapping[str, Any],
    flows: Mapping[str, str],
    scheduled: list[Mapping[str, Any]],
    last: list[Mapping[str, Any]],
) -> Deployment:
    own = [run for run in scheduled if run["deployment_id"] == one["id"]]
    ended = next((run for run in last if run["deployment_id"] == one["id"]), None)
    return Deployment(
        name=f"{flows.get(one['flow_id'], '?')}/{one['name']}",
        next_at=_instant(own[0]["expected_start_time"]) if own else None,
        late=sum(run["state"]["name"] == "Late" for run in own),
        last_state=ended["state"]["name"] if ended else None,
        last_at=_instant(ended["end_time"]) if ended else None,
    )


def _asked(at: str, what: str, about: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    request = urllib.request.Request(
        f"{at.rstrip('/')}/{what}/filter",
        data=json.dumps({"limit": LOOKED_AT, **about}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        found: list[Mapping[str, Any]] = json.load(answer)
    return found


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
