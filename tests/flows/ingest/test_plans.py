"""What is asked of every landed row is asked in one pass: no row is compared with every other."""

from pathlib import Path

import pytest

from flows.landing import judged
from flows.landing.workspace import engine

KEYS = "billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit"


@pytest.mark.parametrize("key", [judged.HASHED_JOIN, judged.EXACT_JOIN])
@pytest.mark.parametrize(
    ("how", "when"), [("join", judged.IN_STRETCH), ("left join", judged.IN_STRETCH_OR_NONE)], ids=["staged", "rejected"]
)
def test_rows_find_their_series_by_its_key(tmp_path: Path, key: str, how: str, when: str):
    row = f"select {', '.join(f'range::varchar as {name}' for name in KEYS.split(', '))}, range as key_hash"
    with engine(tmp_path / "spilled", "1GB", "2026-03-01T00:00:00Z") as connection:
        connection.execute(
            f"create table rows as {row}, now() + to_hours(range) as charge_period_start from range(5000)"
        )
        connection.execute(
            f"create table series as {row}, now() as from_at, now() + interval 1 day as until_at from range(5000)"
        )
        (_, plan), *_ = connection.execute(
            f"explain select count(placed.from_at) from rows as judged {how} series as placed on {key} and {when}"
        ).fetchall()
    assert "HASH_JOIN" in plan
    assert "NL_JOIN" not in plan
    assert "NESTED_LOOP" not in plan


def test_a_row_without_a_usable_start_meets_its_series_only_where_it_has_no_place_in_time(tmp_path: Path):
    """Three rows: inside the stretch, outside of every one, without a start; two places: a stretch, and none."""
    with engine(tmp_path / "spilled", "1GB", "2026-03-01T00:00:00Z") as connection:
        connection.execute(
            "create table rows as from (values ('inside', '2026-01-05T00:00:00Z'::timestamptz), "
            "('before', '2025-12-31T00:00:00Z'::timestamptz), ('ancient', '1969-12-31T00:00:00Z'::timestamptz), "
            "('future', '2026-03-02T00:00:00Z'::timestamptz), ('none', null)) as rows(name, charge_period_start)"
        )
        connection.execute(
            "create table places as from (values ('nowhere', null, null), "
            "('stretch', '2026-01-01T00:00:00Z'::timestamptz, 'infinity'::timestamptz)) "
            "as places(place, from_at, until_at)"
        )
        found = connection.execute(
            "select name, place from rows as judged left join places as placed on "
            f"{judged.IN_STRETCH_OR_NONE} order by name"
        ).fetchall()
    assert found == [
        ("ancient", "nowhere"),
        ("before", None),
        ("future", "nowhere"),
        ("inside", "stretch"),
        ("none", "nowhere"),
    ]
