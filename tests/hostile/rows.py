"""Rows of usage that are faulty, made for each reason and each format; where a format cannot be so, why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.flows.ingest.world import FORMATS, usage

Row = Mapping[str, Any] | bytes | str
"""Fields that differ from those of a good row, or the line as it stands, or why there can be none."""

_ENDED = {"charge_period_start": "2026-10-31T18:30:00Z", "charge_period_end": "2026-10-31T19:00:00Z"}
_LATE = {"charge_period_start": "2026-11-05T12:00:01Z", "charge_period_end": "2026-11-05T13:00:00Z"}
_LONG = {"charge_period_start": "2026-05-01T00:00:00Z", "charge_period_end": "2027-05-03T00:00:00Z"}
_OLD = {"charge_period_start": "1969-12-31T23:59:59Z", "charge_period_end": "1970-01-01T00:00:00Z"}


def fields(**changed: Any) -> Mapping[str, Row]:
    return dict.fromkeys(FORMATS, changed)


ROWS: Mapping[str, Mapping[str, Row]] = {
    "R_MISSING_FIELD": fields(consumed_unit=None),
    "R_BAD_ID": fields(usage_record_id="usage\t7"),
    "R_BAD_ENCODING": {
        "parquet": "Arrow writes it: a test of its own",
        "csv": b"usage-9,acm\xe9,web,vm-1,vm,eu,2026-10-10T10:00:00Z,2026-10-10T11:00:00Z,1.5,hour,,",
        "json_lines": b'{"usage_record_id": "\xff"}',
    },
    "R_FIELD_TOO_LONG": fields(resource_id="x" * 513),
    "R_UNKNOWN_ACCOUNT": fields(billing_account_id="nobody", sub_account_id=None),
    "R_ACCOUNT_CLOSED": fields(billing_account_id="pune", sub_account_id=None, **_ENDED),
    "R_UNKNOWN_PROJECT": fields(sub_account_id="nothing"),
    "R_PROJECT_MISMATCH": fields(sub_account_id="lab"),
    "R_UNKNOWN_SKU": fields(sku_id="nothing"),
    "R_UNIT_MISMATCH": fields(consumed_unit="second"),
    "R_BAD_NUMBER": fields(consumed_quantity="1e3"),
    "R_NOT_FINITE": fields(consumed_quantity="-Infinity"),
    "R_NEGATIVE_QUANTITY": fields(consumed_quantity="-1"),
    "R_QUANTITY_TOO_PRECISE": fields(consumed_quantity="0.0000000000000001"),
    "R_QUANTITY_OUT_OF_RANGE": fields(consumed_quantity="100000000000000"),
    "R_BAD_TIMESTAMP": fields(charge_period_start="2026-02-30T00:00:00Z"),
    "R_NAIVE_TIMESTAMP": fields(charge_period_start="2026-10-10T10:00:00"),
    "R_TIME_REVERSED": fields(charge_period_end="2026-10-10T09:59:59Z"),
    "R_DURATION_TOO_LONG": fields(**_LONG),
    "R_FUTURE": fields(sub_account_id=None, **_LATE),
    "R_TOO_OLD": fields(**_OLD),
    "R_DUPLICATE_CONFLICT": fields(usage_record_id="usage-twice"),
    "R_COLUMN_COUNT": {
        "parquet": "columns are all as long as each other",
        "csv": b"usage-8,acme",
        "json_lines": "a line names its fields",
    },
    "R_MALFORMED_JSON": {"parquet": {"tags": "{"}, "csv": {"tags": "{"}, "json_lines": b'{"usage_record_id": "x"'},
    "R_JSON_TYPE": fields(tags='{"team": ["web"]}'),
    "R_JSON_DUP_KEY": {
        "parquet": {"tags": '{"a": "1", "a": "2"}'},
        "csv": {"tags": '{"a": "1", "a": "2"}'},
        "json_lines": b'{"sku_id": "vm", "sku_id": "vm"}',
    },
    "R_NOT_USAGE": dict.fromkeys(FORMATS, "only a mapping says what is usage: a test of its own"),
    "R_MULTIPLE": fields(consumed_quantity="-1", charge_period_end="2026-10-10T09:00:00Z"),
}
"""For each reason and format: how to make such a row, or why there can be none."""

TWICE = usage("twice", consumed_quantity="2")
"""What the row of R_DUPLICATE_CONFLICT conflicts with: a record of another quantity, in the same file."""
