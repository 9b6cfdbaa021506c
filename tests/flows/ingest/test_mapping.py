"""Foreign layouts: what a mapping may say, what it may not, and two files of real usage."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.lake.journal import Lake
from flows.lake.views import connect
from flows.mapping import MappingFaults, built_in, load_mapping
from tests.flows.ingest.world import ingest, reference, rejects, stored, write_parquet

ROOT = Path(__file__).parents[3]
MAPPINGS = ROOT / "data" / "mappings"
REAL = ROOT.parent / "shared" / "realdata"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the real usage data is not beside this checkout")

FIELDS = """
[fields]
usage_record_id = "Id"
billing_account_id = { constant = "acme" }
sku_id = { constant = "vm" }
charge_period_start = "From"
charge_period_end = "To"
consumed_quantity = "Hours"
consumed_unit = { constant = "hour" }
"""


def mapped(lake: Lake, inbox: Path, mapping: str, rows: str, name: str = "usage") -> Any:
    (inbox / "mapping.toml").write_text(mapping)
    (inbox / name).write_text(rows)
    return ingest(lake, inbox / name, mapping=inbox / "mapping.toml")


CSV = "Id,From,To,Hours\n1,2026-10-10T10:00:00Z,2026-10-10T11:00:00Z,1.5\n"


def test_a_mapping_names_columns_and_constants(lake: Lake, inbox: Path) -> None:
    mapped(lake, inbox, FIELDS, CSV)
    assert stored(lake, "usage_record_id, billing_account_id, consumed_quantity") == [("1", "acme", Decimal("1.5"))]


def test_one_input_row_may_be_several_usage_rows_each_with_its_own_reasons(lake: Lake, inbox: Path) -> None:
    mapping = (
        FIELDS.replace('usage_record_id = "Id"\n', "").replace('sku_id = { constant = "vm" }\n', "")
        + """
        [[usage]]
        usage_record_id = { column = "Id", suffix = "/vm" }
        sku_id = { constant = "vm" }
        [[usage]]
        usage_record_id = { column = "Id", suffix = "/other" }
        sku_id = { constant = "other" }
    """
    )
    result = mapped(lake, inbox, mapping, CSV + CSV.splitlines()[1].replace("1,", "2,", 1) + "\n")

    assert (result.files[0]["landed_count"], result.accepted, result.rejected) == (4, 2, 2)
    assert rejects(lake, "usage_record_id, row_number, reason_code") == [
        ("1/other", 1, "R_UNKNOWN_SKU"), ("2/other", 2, "R_UNKNOWN_SKU"),
    ]  # fmt: skip


def test_the_same_file_under_another_mapping_is_read_again(lake: Lake, inbox: Path) -> None:
    mapped(lake, inbox, FIELDS, CSV)
    assert mapped(lake, inbox, "# a comment changes nothing\n" + FIELDS, CSV).status == "nothing to do"
    other = FIELDS.replace('usage_record_id = "Id"', 'usage_record_id = { column = "Id", suffix = "b" }')
    assert mapped(lake, inbox, other, CSV).accepted == 1


@pytest.mark.parametrize(
    ("scale", "quantity", "expected"),
    [
        ('multiply = "0.001"', "1234567", "1234.567"),
        ('multiply = "60"', "1.5", "90"),
        ("multiply = 60", "1.5", "90"),
        ("ratio = [1, 3600]", "5400", "1.5"),
        ("ratio = [1, 3]", "-0.000000000000003", "-0.000000000000001"),
        ("ratio = [999999999, 999999998]", "999999998", "999999999"),
        ('multiply = "0.999999999"', "99999999999999", "99999999899999.000000001"),
        ('multiply = "1"', "0.10", "0.1"),
    ],
)
def test_a_quantity_is_scaled_exactly(lake: Lake, inbox: Path, scale: str, quantity: str, expected: str) -> None:
    mapping = FIELDS.replace('"Hours"', f'{{ column = "Hours", {scale} }}').replace('"vm"', '"refundable"')
    mapped(lake, inbox, mapping, CSV.replace("1.5", quantity))
    assert stored(lake, "consumed_quantity") == [(Decimal(expected),)]


@pytest.mark.parametrize(
    ("scale", "quantity", "code"),
    [
        ("ratio = [1, 3]", "1", "R_QUANTITY_TOO_PRECISE"),
        ("ratio = [1, 3]", "-1", "R_QUANTITY_TOO_PRECISE"),
        ("ratio = [1, 7]", "-0.000000000000001", "R_QUANTITY_TOO_PRECISE"),
        ('multiply = "1000"', "99999999999999", "R_QUANTITY_OUT_OF_RANGE"),
        ('multiply = "1000"', "1e3", "R_BAD_NUMBER"),
        ('multiply = "1000"', "NaN", "R_NOT_FINITE"),
    ],
)
def test_a_scaled_quantity_that_does_not_fit_is_rejected_and_never_rounded(
    lake: Lake, inbox: Path, scale: str, quantity: str, code: str
) -> None:
    mapped(lake, inbox, FIELDS.replace('"Hours"', f'{{ column = "Hours", {scale} }}'), CSV.replace("1.5", quantity))
    assert rejects(lake) == [code]


def test_tokens_that_mean_null_are_null(lake: Lake, inbox: Path) -> None:
    mapping = 'null_tokens = ["NULL", "n/a"]\n' + FIELDS + 'region_id = "Region"\nresource_id = "Name"\n'
    rows = CSV.replace("Hours\n", "Hours,Region,Name\n").replace("1.5\n", "1.5,NULL,null\n")
    mapped(lake, inbox, mapping, rows)
    assert stored(lake, "region_id, resource_id") == [(None, "null")]


def test_an_id_of_several_columns_needs_all_of_them_unless_nulls_are_skipped(lake: Lake, inbox: Path) -> None:
    mapping = FIELDS.replace(
        'usage_record_id = "Id"', 'usage_record_id = { columns = ["Id", "Part"], separator = ":" }'
    )
    rows = CSV.replace("Hours\n", "Hours,Part\n").replace("1.5\n", "1.5,x\n")
    mapped(lake, inbox, mapping, rows + rows.splitlines()[1].removesuffix("x") + "\n")
    assert (stored(lake, "usage_record_id"), rejects(lake)) == ([("1:x",)], ["R_MISSING_FIELD"])

    skipping = mapping.replace('separator = ":"', 'separator = ":", skip_null = true')
    mapped(lake, inbox, skipping, rows.replace(",x\n", ",\n"), "again")
    assert stored(lake, "usage_record_id") == [("1",), ("1:x",)]


def test_equal_rows_have_ids_of_their_own_whatever_their_order(lake: Lake, inbox: Path) -> None:
    mapping = FIELDS.replace('"Id"', "{ row_hash = true }")
    header, row = CSV.splitlines(keepends=True)
    other = row.replace("1,", "2,", 1)
    assert mapped(lake, inbox, mapping, header + row + other + row).accepted == 3
    again = mapped(lake, inbox, mapping, header + other + row + row, "again")
    assert (again.accepted, again.duplicate) == (0, 3)


NAIVE = "Id,From,To,Hours\n{},{},{},1\n"


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("UTC", "2026-10-10 10:00:00", "2026-10-10T10:00:00Z"),
        ("Europe/Berlin", "2026-10-10 10:00:00.25", "2026-10-10T08:00:00.250000Z"),
        ("Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z"),
        ("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ("Asia/Kolkata", "2026-10-10T10:00", "2026-10-10T04:30:00Z"),
        ("Europe/Berlin", "2026-10-10T10:00:00+05:00", "2026-10-10T05:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_read_in_the_zone_of_the_mapping(
    lake: Lake, inbox: Path, zone: str, local: str, instant: str
) -> None:
    mapped(lake, inbox, f'zone = "{zone}"\n' + FIELDS, NAIVE.format(1, local, local))
    (start,) = stored(lake, "charge_period_start")[0]
    expected = pl.Series([instant]).str.to_datetime(time_zone="UTC")[0]
    assert start == expected


@pytest.mark.parametrize("local", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"])
def test_a_local_time_that_stands_twice_or_never_is_no_instant(lake: Lake, inbox: Path, local: str) -> None:
    mapped(lake, inbox, 'zone = "Europe/Berlin"\n' + FIELDS, NAIVE.format(1, local, local))
    assert rejects(lake) == ["R_BAD_TIMESTAMP"]


def test_without_a_zone_in_the_mapping_a_naive_time_is_rejected(lake: Lake, inbox: Path) -> None:
    mapped(lake, inbox, FIELDS, NAIVE.format(1, "2026-10-10 10:00:00", "2026-10-10 10:00:00"))
    assert rejects(lake) == ["R_NAIVE_TIMESTAMP"]


def test_finer_times_are_cut_where_the_mapping_says_so(lake: Lake, inbox: Path) -> None:
    mapping = 'truncate_to = "microseconds"\nzone = "UTC"\n' + FIELDS
    mapped(lake, inbox, mapping, NAIVE.format(1, "2026-10-10T10:00:00.1234569", "2026-10-10T10:00:00.123456999Z"))
    assert {at.microsecond for at in stored(lake, "charge_period_start, charge_period_end")[0]} == {123456}


def test_a_mapping_reads_json_lines_and_parquet_too(lake: Lake, inbox: Path) -> None:
    (inbox / "m.toml").write_text(FIELDS)
    (inbox / "a").write_text('{"Id": 1, "From": "2026-10-10T10:00:00Z", "To": "2026-10-10T11:00:00Z", "Hours": 1.50}\n')
    frame = pl.DataFrame(
        {"Id": [2], "From": ["2026-10-10T10:00:00Z"], "To": ["2026-10-10T11:00:00Z"], "Hours": ["1.5"]}
    )
    frame.with_columns(pl.col("From", "To").str.to_datetime(time_zone="UTC")).write_parquet(inbox / "b")

    assert ingest(lake, inbox / "a", inbox / "b", mapping=inbox / "m.toml").accepted == 2
    assert stored(lake, "usage_record_id, consumed_quantity") == [("1", Decimal("1.5")), ("2", Decimal("1.5"))]


def test_floats_are_read_as_the_shortest_decimal_only_where_the_mapping_says_so(lake: Lake, inbox: Path) -> None:
    (inbox / "m.toml").write_text(FIELDS)
    (inbox / "f.toml").write_text('floats = "shortest_decimal"\n' + FIELDS)
    values = [0.1, 1e-07, 123456.789, 1e22, float("nan"), 1e-30]
    frame = pl.DataFrame({"Id": [str(n) for n in range(6)], "Hours": values}).with_columns(
        From=pl.lit("2026-10-10T10:00:00Z"), To=pl.lit("2026-10-10T11:00:00Z")
    )
    frame.write_parquet(inbox / "x.parquet")

    refused = ingest(lake, inbox / "x.parquet", mapping=inbox / "m.toml")
    assert refused.files[0]["reason_code"] == "F_SCHEMA_TYPE"
    ingest(lake, inbox / "x.parquet", mapping=inbox / "f.toml")
    assert [str(one.normalize()) for (one,) in stored(lake, "consumed_quantity")] == ["0.1", "1E-7", "123456.789"]
    assert rejects(lake, "usage_record_id, reason_code") == [
        ("3", "R_QUANTITY_OUT_OF_RANGE"), ("4", "R_NOT_FINITE"), ("5", "R_BAD_NUMBER"),
    ]  # fmt: skip


def test_a_file_that_lacks_a_mapped_column_is_set_aside(lake: Lake, inbox: Path) -> None:
    result = mapped(lake, inbox, FIELDS, CSV.replace("Hours", "Minutes"))
    assert result.files[0]["reason"].endswith("found csv without Hours")


@pytest.mark.parametrize(("format", "code"), [("parquet", "F_NOT_PARQUET"), ("json_lines", "F_NOT_DATA")])
def test_a_mapping_may_say_which_format_a_file_must_have(lake: Lake, inbox: Path, format: str, code: str) -> None:
    result = mapped(lake, inbox, f'format = "{format}"\n' + FIELDS, CSV)
    assert result.files[0]["reason_code"] == code


def test_rejects_of_a_mapped_file_land_again_without_the_mapping(lake: Lake, inbox: Path) -> None:
    mapping = 'zone = "Europe/Berlin"\n' + FIELDS.replace('"vm"', '"new"').replace(
        '"Hours"', '{ column = "Hours", multiply = "2" }'
    )
    mapped(lake, inbox, mapping, NAIVE.format(1, "2026-10-10T10:00:00", "2026-10-10T11:00:00"))
    mended = reference("1" * 16, skus=[{"sku_id": "new", "pricing_unit": "hour", "valid_from": "2026-01-01"}])
    ingest(lake, retry_rejects=True, reference=mended)

    ((quantity, start),) = stored(lake, "consumed_quantity, charge_period_start")
    assert (quantity, start.hour) == (2, 8)


def test_rejects_land_again_beside_a_file_with_a_mapping_as_what_they_are(lake: Lake, inbox: Path) -> None:
    new = FIELDS.replace('"vm"', '"new"')
    mapped(lake, inbox, new, CSV, name="first")
    (inbox / "second").write_text(CSV.replace("\n1,", "\n2,"))
    mended = reference("1" * 16, skus=[{"sku_id": "new", "pricing_unit": "hour", "valid_from": "2026-01-01"}])
    result = ingest(lake, inbox / "second", mapping=inbox / "mapping.toml", retry_rejects=True, reference=mended)

    assert (result.accepted, result.rejected) == (2, 0)
    assert stored(lake, "usage_record_id") == [("1",), ("2",)]


def test_everything_wrong_with_a_mapping_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        """
        zone = "Mars/Olympus"
        delimiter = "||"
        colour = "red"
        [fields]
        billing_account_id = { column = "A", constant = "b" }
        sku_id = 7
        charge_period_start = { column = "T", multiply = "2" }
        consumed_quantity = { column = "Q", multiply = 0.1 }
        region_id = { row_hash = true }
        """
    )
    with pytest.raises(MappingFaults) as caught:
        load_mapping(path)

    said = "\n".join(caught.value.faults)
    for part in (
        "unknown key 'colour'", "found 'Mars/Olympus'", "found '||'",
        "names no usage_record_id", "names no charge_period_end", "names no consumed_unit",
        "wanted one of column, columns, constant, row_hash", "found 7", "only consumed_quantity is scaled",
        "written in quotes", "only usage_record_id may be the row's hash",
    ):  # fmt: skip
        assert part in said
    assert len(caught.value.faults) == 11


def test_a_mapping_that_is_no_toml_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("zone = ")
    with pytest.raises(MappingFaults, match=r"bad\.toml: cannot be read as TOML"):
        load_mapping(tmp_path / "bad.toml")


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_mapping_that_is_shipped_can_be_read(path: Path) -> None:
    assert built_in(path.stem) == load_mapping(path)


# --- real usage -------------------------------------------------------------------------------------------------------

ACCOUNT = {"time_zone": "UTC", "valid_from": "2020-01-01"}


@needs_real_data
def test_a_log_of_requests_becomes_two_usage_rows_each(lake: Lake, inbox: Path) -> None:
    skus = [
        {"sku_id": f"tokens-{what}", "pricing_unit": "token", "valid_from": "2020-01-01"}
        for what in ("context", "generated")
    ]
    known = reference(billing_accounts=[{"billing_account_id": "example-account", **ACCOUNT}], skus=skus)
    trace = REAL / "AzureLLMInferenceTrace_code.csv"
    result = ingest(lake, trace, mapping=MAPPINGS / "llm_requests.toml", reference=known)

    assert (result.files[0]["landed_count"], result.accepted, result.rejected) == (17_638, 17_638, 0)
    with connect(lake, lake.snapshot()) as connection:
        totals = connection.sql(
            "select sku_id, sum(consumed_quantity) from usage_records group by all order by all"
        ).fetchall()
    assert totals == [("tokens-context", Decimal(18_059_974)), ("tokens-generated", Decimal(245_896))]


def focus_reference(frame: pl.DataFrame) -> Any:
    """Everything the FOCUS sample speaks of, as reference tables."""
    used = frame.filter(pl.col("ChargeCategory") == "Usage")
    sku = pl.concat_str("SkuId", "SkuPriceId", separator="/", ignore_nulls=True)
    skus = used.select(sku_id=sku, pricing_unit="ConsumedUnit").unique("sku_id").sort("sku_id").to_dicts()
    accounts = used["BillingAccountId"].unique().sort().to_list()
    projects = used.select("SubAccountId", "BillingAccountId").drop_nulls().unique().sort("SubAccountId").rows()
    return reference(
        billing_accounts=[{"billing_account_id": account, **ACCOUNT} for account in accounts],
        sub_accounts=[
            {"sub_account_id": project, "billing_account_id": account, "valid_from": "2020-01-01"}
            for project, account in projects
        ],
        skus=[{**row, "allows_corrections": "true", "valid_from": "2020-01-01"} for row in skus],
    )


@needs_real_data
def test_a_focus_export_is_known_by_its_columns_and_loses_no_row(lake: Lake, inbox: Path) -> None:
    export = REAL / "focus_1.0_sample_1000.csv"
    frame = pl.read_csv(export, infer_schema=False, null_values=["NULL", ""])
    result = ingest(lake, export, reference=focus_reference(frame))

    assert (result.files[0]["landed_count"], result.accepted, dict(result.reasons)) == (1000, 997, {"R_NOT_USAGE": 3})
    used = frame.filter(pl.col("ChargeCategory") == "Usage")
    total = sum((Decimal(one) for one in used["ConsumedQuantity"]), Decimal(0))
    assert result.files[0]["accepted_quantity"] == total
    longest = max(len(resource or "") for (resource,) in stored(lake, "resource_id"))
    assert longest == 190
    assert ingest(lake, export, reference=focus_reference(frame)).status == "nothing to do"


@needs_real_data
def test_without_leave_for_corrections_the_negative_rows_of_the_focus_export_are_set_aside(
    lake: Lake, inbox: Path
) -> None:
    export = REAL / "focus_1.0_sample_1000.csv"
    known = focus_reference(pl.read_csv(export, infer_schema=False, null_values=["NULL", ""]))
    strict = known.tables["skus"].with_columns(allows_corrections=pl.lit(False))
    result = ingest(lake, export, reference=type(known)({**known.tables, "skus": strict}, known.digest))

    assert dict(result.reasons) == {"R_NEGATIVE_QUANTITY": 12, "R_NOT_USAGE": 3}


@needs_real_data
def test_a_focus_export_as_parquet_is_the_same_usage(lake: Lake, inbox: Path) -> None:
    frame = pl.read_csv(REAL / "focus_1.0_sample_1000.csv", infer_schema=False, null_values=["NULL", ""])
    typed = frame.with_columns(
        pl.col("ConsumedQuantity").cast(pl.Float64), pl.col("ChargePeriodStart", "ChargePeriodEnd").str.to_datetime()
    )
    typed.write_parquet(inbox / "focus.parquet")
    result = ingest(lake, inbox / "focus.parquet", reference=focus_reference(frame))

    assert (result.accepted, dict(result.reasons)) == (997, {"R_NOT_USAGE": 3})


def test_a_native_parquet_file_needs_no_mapping(lake: Lake, inbox: Path) -> None:
    result = ingest(lake, write_parquet(inbox / "usage.parquet", []))
    assert result.files[0]["mapping_digest"] is None
