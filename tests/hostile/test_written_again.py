"""Scratch files are written again under their names where an id turns out to be none, and read anew."""

from __future__ import annotations

from pathlib import Path

from flows.landing.workspace import engine


def test_the_engine_of_a_run_keeps_no_bytes_of_files_that_may_be_written_again(tmp_path: Path) -> None:
    """With them a delivery whose rows were staged twice ended now and then with `LZ4 decompression failure`."""
    connection = engine(tmp_path / "spilled", "1GB", "2026-11-05T12:00:00Z")
    assert connection.sql("select current_setting('enable_external_file_cache')").fetchall() == [(False,)]
    connection.close()
