"""A manifest that cannot be believed is refused whole, with everything that is wrong with it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.landing.manifest import ManifestFaults, Promised, load_manifest
from tests.flows.cli.worked import RECEIVED, billfold, write_world

WRONG: dict[str, Any] = {
    "name '../b.csv' is not": {"name": "../b.csv"},
    "name '/etc/passwd' is not": {"name": "/etc/passwd"},
    "name '' is not": {"name": ""},
    "name None is not": {"rows": 1},
    r"name '\ud800.csv' is not": {"name": "\ud800.csv"},
    r"name 'a\x00.csv' is not": {"name": "a\x00.csv"},
    "sha256 'abc' is not": {"name": "a.csv", "sha256": "abc"},
    "sha256 'AAAA": {"name": "a.csv", "sha256": "A" * 64},
    "rows -1 is not": {"name": "a.csv", "rows": -1},
    "rows True is not": {"name": "a.csv", "rows": True},
    "rows '1.0' is not": {"name": "a.csv", "rows": 1.0},
    "quantity 'NaN' is not": {"name": "a.csv", "quantity": "NaN"},
    "quantity '1e3' is not": {"name": "a.csv", "quantity": "1e3"},
    "unknown key 'row'": {"name": "a.csv", "row": 1},
    "not an object": "a.csv",
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_everything_that_is_wrong_with_a_manifest_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ManifestFaults) as found:
        load_manifest(written(tmp_path, {"files": list(WRONG.values())}))

    assert len(found.value.faults) == len(WRONG)
    for number, (wanted, fault) in enumerate(zip(WRONG, found.value.faults, strict=True), start=1):
        assert fault.startswith(f"file {number}: {wanted}")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"files": {}}', '{"files": []}', "[" * 100_000, {"files": [{"name": "a"}] * 2}]
)
def test_what_is_no_manifest_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ManifestFaults, match=r"manifest\.json"):
        load_manifest(written(tmp_path, content))


def test_a_quantity_keeps_the_digits_it_was_written_with(tmp_path: Path) -> None:
    path = written(tmp_path, '{"files": [{"name": "in/a.csv", "rows": 2, "quantity": 12345678901234.123456789012345}]}')
    promised = Promised(None, 2, Decimal("12345678901234.123456789012345"))
    assert load_manifest(path) == {tmp_path / "in" / "a.csv": promised}


def test_the_command_takes_a_manifest_and_says_what_it_finds(tmp_path: Path) -> None:
    lake = write_world(tmp_path)
    usage = tmp_path / "usage" / "october.csv"
    billfold("init", lake)
    options = ("--lake", lake, "--received-at", RECEIVED, "--manifest")
    refused = billfold("ingest", usage, *options, written(tmp_path, "{}"))
    assert refused.code == 1
    assert "no files; wanted" in refused.both
    assert "Traceback" not in refused.both

    entries = [{"name": "usage/october.csv"}, {"name": "usage/november.csv"}]
    said = billfold("ingest", usage, *options, written(tmp_path, {"files": entries}))
    assert said.code == 3
    assert "F_MANIFEST_MISSING_FILE" in said.out
