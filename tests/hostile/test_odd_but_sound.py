"""Files that look odd and are sound are read whole: whoever is set aside for nothing is not billed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.lake.journal import Lake
from tests.flows.ingest.world import ingest, stored, usage, write_parquet


@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_parquet_file_with_groups_of_no_rows_is_read(lake: Lake, inbox: Path, has_checksums: bool) -> None:
    """Arrow writes such a group for a batch of no rows, and says of its pages what is not there."""
    rows = pq.read_table(write_parquet(inbox / "usage.parquet", [usage(1), usage(2)]))
    for name, batches in (("usage", [rows[:0], rows[:1], rows[:0], rows[1:], rows[:0]]), ("nothing", [rows[:0]])):
        with pq.ParquetWriter(inbox / f"{name}.parquet", rows.schema, write_page_checksum=has_checksums) as writer:
            for batch in batches:
                writer.write_table(batch)
    metadata = pq.read_metadata(inbox / "usage.parquet")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [0, 1, 0, 1, 0]
    result = ingest(lake, inbox / "usage.parquet", inbox / "nothing.parquet")

    assert {row["file_name"]: (row["fate"], row["landed_count"]) for row in result.files} == {
        "nothing.parquet": ("read", 0), "usage.parquet": ("read", 2),
    }  # fmt: skip
    assert stored(lake, "usage_record_id") == [("usage-1",), ("usage-2",)]
