"""Accepted, duplicate, superseded, rejected.

Every landed row is one of these, whatever the order, files and deliveries.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.lake.journal import Lake
from flows.landing import hashed_ids, record_ids, storage, stored_ids
from tests.flows.ingest.world import (
    FORMATS,
    as_csv,
    content,
    ingest,
    reference,
    rejects,
    stored,
    usage,
    write,
    write_parquet,
)  # fmt: skip

FATES = ("landed", "accepted", "duplicate", "superseded", "rejected")


def fates(result: Any) -> tuple[int, int, int, int]:
    return result.accepted, result.duplicate, result.superseded, result.rejected


def test_the_same_file_again_is_not_read_again(lake: Lake, inbox: Path) -> None:
    path = write(inbox, [usage(1)])
    first, second = ingest(lake, path), ingest(lake, path)

    assert (first.status, second.status, second.commit) == ("committed", "nothing to do", None)
    assert [row["fate"] for row in second.files] == ["already_read"]
    assert lake.head().number == 1


def test_the_largest_quantity_is_conserved_to_its_last_digit(lake: Lake, inbox: Path) -> None:
    """One has 29 digits; two and a third together 30: 2 x 99999999999999.999999999999999 + 0.5."""
    most = "99999999999999.999999999999999"
    files = [write(inbox, [usage(name, consumed_quantity=most)], name=name) for name in "ab"]
    result = ingest(lake, *files, write(inbox, [usage("c", consumed_quantity="0.5", sku_id="nothing")], name="c"))

    assert result.commit
    assert result.commit.totals["accepted_quantity"] == "199999999999999.999999999999998"
    assert result.commit.totals["landed_quantity"] == "200000000000000.499999999999998"


def test_the_same_bytes_under_two_names_are_one_file(lake: Lake, inbox: Path) -> None:
    files = [write(inbox, [usage(1)], name=name) for name in ("a", "b")]
    result = ingest(lake, *files)

    assert [row["fate"] for row in result.files] == ["read", "already_read"]
    assert fates(result) == (1, 0, 0, 0)


def test_a_file_that_was_read_before_beside_a_new_one_is_named_in_the_commit(lake: Lake, inbox: Path) -> None:
    old = write(inbox, [usage(1)], name="old")
    ingest(lake, old)
    ingest(lake, old, write(inbox, [usage(2)], name="new"))

    known = lake.snapshot().read("landed_files").sort("received_at", "file_name")
    assert sorted(known.select("file_name", "fate").rows()) == [
        ("new.csv", "read"),
        ("old.csv", "already_read"),
        ("old.csv", "read"),
    ]


def test_a_rejected_file_is_read_again(lake: Lake, inbox: Path) -> None:
    path = inbox / "usage.csv"
    path.write_bytes(b"")
    ingest(lake, path)
    assert ingest(lake, path).status == "nothing to do", "the same fault of the same bytes is not written down twice"
    path.write_bytes(as_csv([usage(1)]))

    assert fates(ingest(lake, path)) == (1, 0, 0, 0)


def test_the_same_rows_in_another_file_are_duplicates(lake: Lake, inbox: Path) -> None:
    rows = [usage(number, tags='{"a": "1", "b": "2"}') for number in range(3)]
    ingest(lake, write(inbox, rows))
    again = [{**usage(number, consumed_quantity="1.500"), "tags": '{"b": "2", "a": "1"}'} for number in range(4)]
    result = ingest(lake, write(inbox, again, "json_lines"))

    assert fates(result) == (1, 3, 0, 0)
    assert len(stored(lake)) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"consumed_quantity": "2"},
        {"resource_id": "vm-2"},
        {"region_id": None},
        {"charge_period_end": "2026-10-10T10:30:00Z"},
        {"charge_period_start": "2026-09-10T10:00:00Z"},
        {"tags": '{"team": "web"}'},
        {"billing_account_id": "berlin", "sub_account_id": "lab"},
        {"sku_id": "refundable"},
    ],
)
def test_the_same_id_with_other_content_is_a_conflict(lake: Lake, inbox: Path, changed: dict[str, Any]) -> None:
    first, other = usage(1), usage(1, **changed)
    together = ingest(lake, write(inbox, [first, other, usage(2)], name="together"))

    assert fates(together) == (1, 0, 0, 2), "every side of it, when they land together"
    assert rejects(lake) == ["R_DUPLICATE_CONFLICT"] * 2
    ingest(lake, write(inbox, [first], name="first"))
    later = ingest(lake, write(inbox, [other], name="other"))
    assert fates(later) == (0, 0, 0, 1), "the newcomer, when the other is committed"
    assert len(stored(lake)) == 2


def test_a_conflict_across_files_and_formats_is_found(lake: Lake, inbox: Path) -> None:
    files = [write(inbox, [usage(1, consumed_quantity=str(number))], form) for number, form in enumerate(FORMATS)]

    assert fates(ingest(lake, *files)) == (0, 0, 0, 3)


def test_of_equal_rows_the_first_of_the_first_digest_is_accepted(lake: Lake, inbox: Path) -> None:
    files = [write(inbox, [usage(1), usage(2 + number), usage(1)], name=str(number)) for number in range(2)]
    result = ingest(lake, *files)

    by_digest = [
        (row["accepted_count"], row["duplicate_count"])
        for row in sorted(result.files, key=lambda row: row["file_digest"])
    ]
    assert by_digest == [(2, 1), (1, 2)]


def test_a_higher_revision_replaces_and_a_lower_one_is_superseded(lake: Lake, inbox: Path) -> None:
    rows = [usage(1, consumed_quantity=str(revision), revision=str(revision)) for revision in (1, 3, 2)]
    assert fates(ingest(lake, write(inbox, rows, name="together"))) == (1, 0, 2, 0)

    higher = ingest(lake, write(inbox, [usage(1, consumed_quantity="5", revision="5")], name="higher"))
    assert fates(higher) == (1, 0, 0, 0)
    assert higher.commit
    assert higher.commit.totals["replaced_count"] == 1
    assert fates(ingest(lake, write(inbox, rows[:1], name="lower"))) == (0, 0, 1, 0)
    assert stored(lake, "consumed_quantity, revision") == [(Decimal(5), 5)]


def test_a_replaced_row_leaves_by_a_new_file_and_older_commits_still_have_it(lake: Lake, inbox: Path) -> None:
    first = ingest(lake, write(inbox, [usage(1), usage(2)], name="first"))
    (old,) = lake.snapshot().files("usage_records")
    moved = usage(1, revision="1", charge_period_start="2026-09-30T10:00:00Z", charge_period_end="2026-09-30T11:00:00Z")
    second = ingest(lake, write(inbox, [moved], name="second"))

    assert first.commit
    assert second.commit
    assert old.path in second.commit.removed
    records = {
        entry.partition["billing_period"]: lake.snapshot()
        .read("usage_records", billing_period=entry.partition["billing_period"])["usage_record_id"]
        .to_list()
        for entry in lake.snapshot().files("usage_records")
    }
    assert records == {"2026-09": ["usage-1"], "2026-10": ["usage-2"]}
    assert lake.snapshot(first.commit.number).read("usage_records").height == 2


def test_a_replaced_row_that_was_alone_leaves_no_file_behind(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1)], name="first"))
    ingest(lake, write(inbox, [usage(1, revision="1")], name="second"))

    assert len(lake.snapshot().files("usage_records")) == 1
    assert stored(lake, "revision") == [(1,)]


def test_a_revision_whose_sides_conflict_does_not_replace(lake: Lake, inbox: Path) -> None:
    rows = [usage(1), usage(1, revision="1", consumed_quantity="2"), usage(1, revision="1", consumed_quantity="3")]

    assert fates(ingest(lake, write(inbox, rows))) == (1, 0, 0, 2)
    assert stored(lake, "revision") == [(0,)]


def test_a_bad_row_is_no_side_of_a_conflict(lake: Lake, inbox: Path) -> None:
    rows = [usage(1), usage(1, sku_id="nothing")]

    assert fates(ingest(lake, write(inbox, rows))) == (1, 0, 0, 1)
    assert rejects(lake) == ["R_UNKNOWN_SKU"]


def test_ids_are_unique_for_ever_and_in_every_period(lake: Lake, inbox: Path) -> None:
    months = [f"2026-{month:02}-10T10:00:00Z" for month in range(1, 8)]
    for month in months:
        start = {"charge_period_start": month, "charge_period_end": month}
        ingest(lake, write(inbox, [usage(month, **start)], name=month[:7]))
    again = [usage(month, consumed_quantity="9") for month in months]

    assert fates(ingest(lake, write(inbox, again, name="again"))) == (0, 0, 0, 7)


def test_two_ids_of_one_hash_are_two_ids(lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = record_ids.hash_ids
    monkeypatch.setattr(record_ids, "hash_ids", lambda ids: real(ids) & record_ids.np.uint64(3))
    first = ingest(lake, write(inbox, [usage(number) for number in range(50)], name="first"))
    second = ingest(lake, write(inbox, [usage(number) for number in range(40, 60)], name="second"))

    assert (fates(first), fates(second)) == ((50, 0, 0, 0), (10, 10, 0, 0))


def test_fates_and_bytes_are_the_same_however_few_hashes_are_in_memory_together(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the second 110 rows 20 repeat the first delivery, 10 of them with other content; 5 more repeat this one's."""
    earlier = {"charge_period_start": "2026-09-01T00:00:00Z", "charge_period_end": "2026-09-01T01:00:00Z"}
    first = [usage(number, **(earlier if number % 3 else {})) for number in range(60)]
    changed = [row | ({"consumed_quantity": "9"} if number % 2 else {}) for number, row in enumerate(first[:20])]
    second = [*changed, *[usage(number) for number in range(60, 145)], *[usage(number) for number in range(60, 65)]]
    files = [write(inbox, rows, name=name) for name, rows in (("first", first), ("second", second))]

    def landed(name: str) -> tuple[list[tuple[int, int, int, int]], dict[str, str]]:
        lake = Lake.create(tmp_path / name)
        return [fates(ingest(lake, file)) for file in files], content(lake)

    monkeypatch.setattr(stored_ids, "ROWS_OF_A_GROUP", 16)
    together = landed("together")
    monkeypatch.setattr(hashed_ids, "AT_ONCE", 7)
    monkeypatch.setattr(hashed_ids, "IDS_AT_ONCE", 5)
    monkeypatch.setattr(storage, "KEYS_AT_ONCE", 3)

    assert hashed_ids.parts_for(110) == 16
    assert landed("apart") == together
    assert together[0] == [(60, 0, 0, 0), (85, 15, 0, 10)]


def test_the_hash_of_an_id_is_that_of_its_bytes_whatever_stands_beside_it() -> None:
    ids = ["", "a", "a\0", "1234567", "12345678", "123456789", "é" * 300, "usage-1", "usage-10"]
    alone = [int(record_ids.hash_ids(record_ids.pa.array([one]))[0]) for one in ids]

    assert record_ids.hash_ids(record_ids.pa.array(ids)).tolist() == alone
    assert record_ids.hash_ids(record_ids.pa.array(ids).slice(3, 4)).tolist() == alone[3:7]
    assert len(set(alone)) == len(ids)


def test_a_period_has_few_files_of_hashes_however_many_deliveries(lake: Lake, inbox: Path) -> None:
    for number in range(9):
        ingest(lake, write(inbox, [usage(number)], name=str(number)))
    files = lake.snapshot().files("usage_record_ids")

    assert sorted(entry.rows for entry in files) == [1, 8]


def test_a_series_is_kept_once(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1), usage(2)], name="first"))
    ingest(lake, write(inbox, [usage(3), usage(4, region_id=None), usage(5, sku_id="nothing")], name="second"))

    series = lake.snapshot().read("usage_series")
    assert sorted(series["region_id"].to_list(), key=str) == [None, "eu"]


def test_quantities_are_stored_as_narrow_as_they_are(lake: Lake, inbox: Path) -> None:
    def types(*quantities: str) -> set[str]:
        fresh = Lake.create(inbox.parent / "-".join(quantities))
        rows = [usage(number, consumed_quantity=quantity) for number, quantity in enumerate(quantities)]
        ingest(fresh, write(inbox, rows, name="-".join(quantities)))
        return {entry.types["consumed_quantity"] for entry in fresh.snapshot().files("usage_records")}

    assert types("1", "20.0") == {"DECIMAL(18,0)"}
    assert types("1.25", "20.5") == {"DECIMAL(18,2)"}
    assert types("999.000000000000001") == {"DECIMAL(18,15)"}
    assert types("1000.000000000000001") == {"DECIMAL(38,15)"}
    assert types("0") == {"DECIMAL(18,0)"}


@pytest.mark.parametrize("kind", ["DECIMAL(18, 6)", "DECIMAL(38, 15)", "DECIMAL(9, 2)", "VARCHAR"])
def test_the_type_of_a_source_leaves_no_trace(lake: Lake, inbox: Path, kind: str) -> None:
    ingest(lake, write_parquet(inbox / "usage.parquet", [usage(1)], consumed_quantity=kind))
    csv = Lake.create(inbox.parent / "csv", buckets=4)
    ingest(csv, write(inbox, [usage(1)]))

    assert content(lake) == content(csv)


# --- rejects landed again ---------------------------------------------------------------------------------------------

MENDED = [{"sku_id": name, "pricing_unit": "hour", "valid_from": "2026-01-01"} for name in ("vm", "new")]


def test_rejects_land_again_once_their_cause_is_mended(lake: Lake, inbox: Path) -> None:
    tagged = usage(2, sku_id="new", tags='{"team": "web"}', charge_period_start="2026-10-10T12:00:00+02:00")
    ingest(lake, write(inbox, [usage(1), tagged, usage(3, sku_id="newer")]))
    assert ingest(lake, retry_rejects=True).status == "nothing to do"
    mended = ingest(lake, retry_rejects=True, reference=reference("1" * 16, skus=MENDED))

    assert fates(mended) == (1, 0, 0, 1)
    assert stored(lake, "usage_record_id, tags") == [("usage-1", None), ("usage-2", {"team": "web"})]
    assert rejects(lake, "usage_record_id, status") == [
        ("usage-2", "relanded"),
        ("usage-2", "waiting"),
        ("usage-3", "waiting"),
    ]
    again = ingest(lake, retry_rejects=True, reference=reference("1" * 16, skus=MENDED))
    assert again.status == "nothing to do"


def test_a_reject_that_came_in_again_meanwhile_is_a_duplicate_and_waits_no_more(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1, sku_id="new")], name="first"))
    mended = reference("1" * 16, skus=MENDED)
    ingest(lake, write(inbox, [usage(1, sku_id="new"), usage(2)], name="second"), reference=mended)

    assert fates(ingest(lake, retry_rejects=True, reference=mended)) == (0, 1, 0, 0)
    assert rejects(lake, "status") == ["relanded", "waiting"]


def test_rows_that_no_reference_mends_are_not_landed_again(lake: Lake, inbox: Path) -> None:
    path = inbox / "usage.jsonl"
    path.write_text("{}\n{\n")
    ingest(lake, path)

    result = ingest(lake, retry_rejects=True, reference=reference("1" * 16))
    assert result.status == "nothing to do"
    assert sorted(rejects(lake)) == ["R_MALFORMED_JSON", "R_MISSING_FIELD"]


def test_a_file_and_rejects_land_together(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1, sku_id="new")], name="first"))
    second = write(inbox, [usage(2)], name="second")
    result = ingest(lake, second, retry_rejects=True, reference=reference("1" * 16, skus=MENDED))

    assert fates(result) == (2, 0, 0, 0)
    assert sorted(row["landed_count"] for row in result.files) == [1, 1]


# --- any rows, in any order, in any files -----------------------------------------------------------------------------

some_rows = st.lists(
    st.builds(
        usage,
        st.integers(0, 5),
        consumed_quantity=st.sampled_from(["1", "1.0", "2", "-1", "x"]),
        revision=st.sampled_from([None, "0", "1", "2"]),
        sku_id=st.sampled_from(["vm", "vm", "refundable", "nothing"]),
        charge_period_start=st.sampled_from(["2026-10-10T10:00:00Z", "2026-09-30T23:00:00Z"]),
        billing_account_id=st.sampled_from(["acme", "acme", "berlin"]),
        sub_account_id=st.sampled_from([None, "web"]),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=some_rows, data=st.data())
def test_any_rows_in_any_order_division_and_format_come_to_the_same_bytes_and_are_conserved(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    straight = Lake.create(folder / "straight", buckets=2)
    expected = ingest(straight, write(folder, rows, name="straight"))

    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), min_size=2, max_size=2)))
    parts = [shuffled[: cuts[0]], shuffled[cuts[0] : cuts[1]], shuffled[cuts[1] :]]
    files = [
        write(folder, part, form, name=str(number))
        for number, (part, form) in enumerate(zip(parts, FORMATS, strict=True))
    ]
    divided = Lake.create(folder / "divided", buckets=2)
    found = ingest(divided, *data.draw(st.permutations(files)))

    assert content(divided) == content(straight)
    assert fates(found) == fates(expected)
    assert sum(fates(found)) == len(rows)
    assert sorted(rejects(divided, "reason_code, usage_record_id")) == sorted(
        rejects(straight, "reason_code, usage_record_id")
    )
    for row in found.files:
        counts = [row[f"{fate}_count"] for fate in FATES]
        quantities = [row[f"{fate}_quantity"] for fate in FATES]
        assert counts[0] == sum(counts[1:])
        assert quantities[0] == sum(quantities[1:])
    accepted = straight.snapshot().read("usage_records")
    assert accepted.height == expected.accepted
    assert accepted["usage_record_id"].is_unique().all()
    assert sum(accepted["consumed_quantity"], Decimal(0)) == sum(row["accepted_quantity"] for row in expected.files)


def test_what_lies_in_a_file_is_sorted(lake: Lake, inbox: Path) -> None:
    rows = [usage(number, resource_id=f"vm-{number % 7}") for number in range(100)]
    ingest(lake, write(inbox, rows))
    (entry,) = lake.snapshot().files("usage_records")
    kept = pl.read_parquet(lake.path(entry)).select("series_id", "charge_period_start", "usage_record_id")

    assert kept.equals(kept.sort(pl.all()))
