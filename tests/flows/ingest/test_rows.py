"""Every reason a row can be rejected for, in every format it can come in; and what is not a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.lake.journal import Lake
from rating.rejects import ROW_REASONS
from tests.flows.ingest.world import FORMATS, ingest, reference, rejects, stored, usage, write

FAULTY: dict[str, tuple[str, dict[str, Any]]] = {
    "no id": ("R_MISSING_FIELD", {"usage_record_id": None}),
    "no account": ("R_MISSING_FIELD", {"billing_account_id": None, "sub_account_id": None}),
    "no SKU": ("R_MISSING_FIELD", {"sku_id": None}),
    "no unit": ("R_MISSING_FIELD", {"consumed_unit": None}),
    "no start": ("R_MISSING_FIELD", {"charge_period_start": None}),
    "no end": ("R_MISSING_FIELD", {"charge_period_end": None}),
    "no quantity": ("R_MISSING_FIELD", {"consumed_quantity": None}),
    "an empty id": ("R_MISSING_FIELD", {"usage_record_id": ""}),
    "a tab in the id": ("R_BAD_ID", {"usage_record_id": "usage\t1"}),
    "a line separator in the resource": ("R_BAD_ID", {"resource_id": "vm\u2028"}),
    "a delete sign in the region": ("R_BAD_ID", {"region_id": "eu\x7f"}),
    "an id that turns the text behind it": ("R_BAD_ID", {"usage_record_id": "usage\u202e1"}),
    "a resource with a space that does not show": ("R_BAD_ID", {"resource_id": "vm\u200b"}),
    "an id of 513 characters": ("R_FIELD_TOO_LONG", {"usage_record_id": "é" * 513}),
    "a resource of 513 characters": ("R_FIELD_TOO_LONG", {"resource_id": "x" * 513}),
    "an account nobody knows": ("R_UNKNOWN_ACCOUNT", {"billing_account_id": "nobody", "sub_account_id": None}),
    "an account of another case": ("R_UNKNOWN_ACCOUNT", {"billing_account_id": "Acme", "sub_account_id": None}),
    "an account that has closed": (
        "R_ACCOUNT_CLOSED",
        {"billing_account_id": "pune", "sub_account_id": None,
         "charge_period_start": "2026-10-31T18:30:00Z", "charge_period_end": "2026-10-31T19:00:00Z"},
    ),
    "a project nobody knows": ("R_UNKNOWN_PROJECT", {"sub_account_id": "nothing"}),
    "a project of another account": ("R_PROJECT_MISMATCH", {"sub_account_id": "lab"}),
    "a project that has moved on": (
        "R_PROJECT_MISMATCH",
        {"charge_period_start": "2026-10-15T00:00:00Z", "charge_period_end": "2026-10-15T01:00:00Z"},
    ),
    "a SKU nobody knows": ("R_UNKNOWN_SKU", {"sku_id": "nothing"}),
    "a SKU before its time": ("R_UNKNOWN_SKU", {"sku_id": "late"}),
    "another unit": ("R_UNIT_MISMATCH", {"consumed_unit": "second"}),
    "a unit that converts for another SKU": ("R_UNIT_MISMATCH", {"sku_id": "refundable", "consumed_unit": "minute"}),
    "an exponent": ("R_BAD_NUMBER", {"consumed_quantity": "1e3"}),
    "a blank before the number": ("R_BAD_NUMBER", {"consumed_quantity": " 1"}),
    "a thousands separator": ("R_BAD_NUMBER", {"consumed_quantity": "1,000"}),
    "a plus": ("R_BAD_NUMBER", {"consumed_quantity": "+1"}),
    "no digit before the point": ("R_BAD_NUMBER", {"consumed_quantity": ".5"}),
    "no digit behind the point": ("R_BAD_NUMBER", {"consumed_quantity": "5."}),
    "Arabic digits": ("R_BAD_NUMBER", {"consumed_quantity": "٣"}),
    "a revision that is none": ("R_BAD_NUMBER", {"revision": "1.5"}),
    "a negative revision": ("R_BAD_NUMBER", {"revision": "-1"}),
    "a revision beyond 64 bits": ("R_BAD_NUMBER", {"revision": "9223372036854775808"}),
    "not a number": ("R_NOT_FINITE", {"consumed_quantity": "NaN"}),
    "minus infinity": ("R_NOT_FINITE", {"consumed_quantity": "-Infinity"}),
    "a negative quantity": ("R_NEGATIVE_QUANTITY", {"consumed_quantity": "-0.000001"}),
    "sixteen decimals": ("R_QUANTITY_TOO_PRECISE", {"consumed_quantity": "0.0000000000000001"}),
    "a hundred million million": ("R_QUANTITY_OUT_OF_RANGE", {"consumed_quantity": "100000000000000"}),
    "more digits than any decimal": ("R_QUANTITY_OUT_OF_RANGE", {"consumed_quantity": "9" * 60}),
    "the thirtieth of February": ("R_BAD_TIMESTAMP", {"charge_period_start": "2026-02-30T00:00:00Z"}),
    "a day without a time": ("R_BAD_TIMESTAMP", {"charge_period_start": "2026-10-10"}),
    "the twenty-fifth hour": ("R_BAD_TIMESTAMP", {"charge_period_end": "2026-10-10T25:00:00Z"}),
    "seven decimals": ("R_BAD_TIMESTAMP", {"charge_period_start": "2026-10-10T10:00:00.1234567Z"}),
    "the name of a zone": ("R_BAD_TIMESTAMP", {"charge_period_start": "2026-10-10T10:00:00 CET"}),
    "no zone": ("R_NAIVE_TIMESTAMP", {"charge_period_start": "2026-10-10T10:00:00"}),
    "an end before its start": ("R_TIME_REVERSED", {"charge_period_end": "2026-10-10T09:59:59.999999Z"}),
    "367 days": (
        "R_DURATION_TOO_LONG",
        {"charge_period_start": "2026-05-01T00:00:00Z", "charge_period_end": "2027-05-03T00:00:00Z"},
    ),
    "a start after it was received": (
        "R_FUTURE",
        {"sub_account_id": None,
         "charge_period_start": "2026-11-05T12:00:00.000001Z", "charge_period_end": "2026-11-05T13:00:00Z"},
    ),
    "a start before 1970": (
        "R_TOO_OLD",
        {"charge_period_start": "1969-12-31T23:59:59Z", "charge_period_end": "1970-01-01T00:00:00Z"},
    ),
    "tags with a list": ("R_JSON_TYPE", {"tags": '{"team": ["web"]}'}),
    "tags with a fraction": ("R_JSON_TYPE", {"tags": '{"share": 0.5}'}),
    "tags that are a list": ("R_JSON_TYPE", {"tags": '["web"]'}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_every_faulty_row_is_rejected_for_its_reason_and_the_others_are_accepted(
    lake: Lake, inbox: Path, form: str
) -> None:
    rows = [usage("good")]
    rows += [usage(number, **changed) for number, (_, changed) in enumerate(FAULTY.values())]

    result = ingest(lake, write(inbox, rows, form))

    names = list(FAULTY)
    found = {names[row - 2]: code for row, code in rejects(lake, "row_number, reason_code")}
    assert found == {name: code for name, (code, _) in FAULTY.items()}
    assert (result.accepted, result.rejected) == (1, len(FAULTY))
    assert stored(lake, "usage_record_id") == [("usage-good",)]


FINE: dict[str, dict[str, Any]] = {
    "an id with a leading zero": {"usage_record_id": "007"},
    "an id of 512 characters": {"usage_record_id": "é" * 512},
    "no project": {"sub_account_id": None},
    "no resource": {"resource_id": None},
    "no region": {"region_id": None},
    "a unit that converts": {"sku_id": "disk", "consumed_unit": "MB"},
    "a unit that converts for its SKU": {"consumed_unit": "minute"},
    "zero": {"consumed_quantity": "0"},
    "fifteen decimals": {"consumed_quantity": "0.000000000000001"},
    "zeros behind fifteen decimals": {"consumed_quantity": "0.100000000000000000"},
    "the most there may be": {"consumed_quantity": "99999999999999.999999999999999"},
    "a correction where the SKU allows it": {"sku_id": "refundable", "consumed_quantity": "-1.5"},
    "a blank instead of the T": {"charge_period_start": "2026-10-10 10:00:00Z"},
    "an offset": {"charge_period_start": "2026-10-10T12:00:00+02:00"},
    "an offset without a colon": {"charge_period_start": "2026-10-10T12:00:00+0200"},
    "an offset of hours": {"charge_period_start": "2026-10-10T12:00:00+02"},
    "no seconds": {"charge_period_start": "2026-10-10T10:00Z"},
    "zeros beyond the microsecond": {"charge_period_start": "2026-10-10T10:00:00.123456000Z"},
    "an instant": {"charge_period_end": "2026-10-10T10:00:00Z"},
    "366 days": {"charge_period_start": "2026-05-01T00:00:00Z", "charge_period_end": "2027-05-02T00:00:00Z"},
    "a start as it was received": {
        "sub_account_id": None,
        "charge_period_start": "2026-11-05T12:00:00Z",
        "charge_period_end": "2026-11-05T13:00:00Z",
    },
    "tags": {"tags": '{"team": "web", "cost centre": null, "is_test": true, "floor": 3}'},
    "no tags": {"tags": "{}"},
}


@pytest.mark.parametrize("form", FORMATS)
def test_what_looks_odd_but_is_fine_is_accepted(lake: Lake, inbox: Path, form: str) -> None:
    rows = [{"usage_record_id": str(number)} | usage(number, **changed) for number, changed in enumerate(FINE.values())]

    result = ingest(lake, write(inbox, rows, form))

    assert rejects(lake, "usage_record_id, reason") == []
    assert result.accepted == len(FINE)


def test_ids_are_kept_byte_for_byte(lake: Lake, inbox: Path) -> None:
    ids = ["007", " usage 1 ", "Größe/№ 7", "=1+1", "usage_1%", "用量"]
    ingest(lake, write(inbox, [usage(usage_record_id=one) for one in ids]))

    assert [one for (one,) in stored(lake, "usage_record_id")] == sorted(ids)


def test_several_reasons_are_all_listed_and_the_code_says_there_are_several(lake: Lake, inbox: Path) -> None:
    row = usage(consumed_quantity="-1", sku_id="vm", consumed_unit="second", charge_period_end="2026-10-10T09:00:00Z")
    ingest(lake, write(inbox, [row]))

    assert rejects(lake, "reason_code, reason_codes") == [
        ("R_MULTIPLE", ["R_UNIT_MISMATCH", "R_NEGATIVE_QUANTITY", "R_TIME_REVERSED"])
    ]


def test_a_reject_says_what_was_found_where_and_keeps_the_row(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1), usage(2, consumed_unit="second")]))

    (reject,) = rejects(lake, "file_name, row_number, reason, original, billing_period, consumed_quantity")
    name, row_number, reason, original, period, quantity = reject
    assert (name, row_number, period, str(quantity)) == ("usage.csv", 2, "2026-10", "1.500000000000000")
    assert reason == (
        f"{ROW_REASONS['R_UNIT_MISMATCH'].sentence}: found consumed_unit 'second' and for sku_id 'vm', wanted 'hour'"
    )
    assert {name: value for name, value in json.loads(original).items() if value} == usage(
        2, consumed_unit="second"
    ) | {"revision": "0"}


def test_every_reason_for_a_row_has_a_test() -> None:
    """What a table here does not show is shown elsewhere, each in a test of its own."""
    shown = {code for code, _ in FAULTY.values()}
    elsewhere = {
        "R_MULTIPLE", "R_DUPLICATE_CONFLICT", "R_NOT_USAGE",
        "R_COLUMN_COUNT", "R_MALFORMED_JSON", "R_JSON_DUP_KEY", "R_BAD_ENCODING",
    }  # fmt: skip
    assert set(ROW_REASONS) == shown | elsewhere


def test_a_record_belongs_to_the_local_month_of_its_account(lake: Lake, inbox: Path) -> None:
    late = {"charge_period_start": "2026-09-30T22:00:00Z", "charge_period_end": "2026-09-30T23:00:00Z"}
    before = {"charge_period_start": "2026-09-30T21:59:59.999999Z", "charge_period_end": "2026-09-30T22:30:00Z"}
    rows = [
        usage(1, billing_account_id="berlin", sub_account_id="lab", **late),
        usage(2, billing_account_id="berlin", sub_account_id="lab", **before),
        usage(3, **late),
        usage(4, billing_account_id="pune", sub_account_id=None, **late),
    ]
    result = ingest(lake, write(inbox, rows))

    months = {
        period: sorted(lake.snapshot().read("usage_records", billing_period=period)["usage_record_id"])
        for period in ("2026-09", "2026-10")
    }
    assert months == {"2026-09": ["usage-2", "usage-3"], "2026-10": ["usage-1", "usage-4"]}
    assert result.files[0]["spanning_count"] == 1, "usage-2 ends in October, where Berlin is"


def test_a_period_before_the_earliest_open_one_is_too_old(lake: Lake, inbox: Path) -> None:
    policies = [
        {"policy": "earliest_open_period", "value": "2026-10", "valid_from": "2026-01-01"},
        {
            "billing_account_id": "berlin",
            "policy": "earliest_open_period",
            "value": "2026-09",
            "valid_from": "2026-01-01",
        },
    ]
    september = {"charge_period_start": "2026-09-10T00:00:00Z", "charge_period_end": "2026-09-10T01:00:00Z"}
    rows = [usage(1), usage(2, **september), usage(3, billing_account_id="berlin", sub_account_id="lab", **september)]
    ingest(lake, write(inbox, rows), reference=reference(billing_policies=policies))

    assert rejects(lake, "usage_record_id, reason_code") == [("usage-2", "R_TOO_OLD")]


def test_a_series_that_outlives_its_project_is_judged_row_by_row(lake: Lake, inbox: Path) -> None:
    """The project moves from acme (UTC) to berlin on 15 October: local midnight of the account a record names."""
    hours = ["2026-10-14T21:00:00Z", "2026-10-14T22:00:00Z", "2026-10-14T23:00:00Z", "2026-10-15T00:00:00Z"]
    rows = [
        usage(
            f"{account}-{hour[8:13]}",
            billing_account_id=account,
            charge_period_start=hour,
            charge_period_end="2026-10-15T01:00:00Z",
        )
        for account in ("acme", "berlin")
        for hour in hours
    ]
    ingest(lake, write(inbox, rows))

    assert [one for (one,) in stored(lake, "usage_record_id")] == [
        "usage-acme-14T21", "usage-acme-14T22", "usage-acme-14T23",
        "usage-berlin-14T22", "usage-berlin-14T23", "usage-berlin-15T00",
    ]  # fmt: skip
    assert set(rejects(lake)) == {"R_PROJECT_MISMATCH"}


@pytest.mark.parametrize(
    "company", [[], [usage("in-time")], [usage("late", charge_period_start="2026-10-20T00:00:00Z")]]
)
def test_a_row_without_a_place_in_time_is_judged_the_same_whatever_stands_beside_it(
    lake: Lake, inbox: Path, company: list[dict[str, Any]]
) -> None:
    """Its series may be in another account's project, or in none, at the time of its other rows."""
    rows = [
        usage(1, charge_period_start="1969-12-31T23:00:00Z", charge_period_end="1970-01-01T00:00:00Z"),
        usage(2, charge_period_start="2026-12-01T00:00:00Z", charge_period_end="2026-12-01T01:00:00Z"),
        usage(3, charge_period_start="soon"),
        usage(4, charge_period_start="soon", sku_id="nothing"),
    ]
    ingest(lake, write(inbox, [*rows, *company]))

    found = dict(rejects(lake, "usage_record_id, reason_codes"))
    assert {number: found[f"usage-{number}"] for number in range(1, 5)} == {
        1: ["R_TOO_OLD"], 2: ["R_FUTURE"], 3: ["R_BAD_TIMESTAMP"], 4: ["R_UNKNOWN_SKU", "R_BAD_TIMESTAMP"],
    }  # fmt: skip
