"""Real usage, priced: what the files say must come out to the last digit (P3, P6, M3)."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.lake.journal import Lake
from flows.lake.views import connect
from flows.reference import load_reference

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "realdata"
FOCUS = REAL / "focus_1.0_sample_1000.csv"
REQUESTS = REAL / "AzureLLMInferenceTrace_code.csv"
MAPPING = ROOT / "data" / "mappings" / "llm_requests.toml"
needs = {
    file: pytest.mark.skipif(not file.exists(), reason=f"{file.name} is not beside the project")
    for file in (FOCUS, REQUESTS)
}

SELLER = (
    "seller_id,legal_name,address,tax_ids,jurisdiction,accounting_year_start,"
    "invoice_number_pattern,credit_note_number_pattern,valid_from\n"
    's,Seller Inc,1 Main St,"[""US1""]",US,01-01,I-{year}-{sequence:04},C-{year}-{sequence:04},2020-01-01\n'
)
ACCOUNTS = (
    "billing_account_id,seller_id,legal_name,address,billing_currency,time_zone,jurisdiction,tax_status,"
    "payment_terms_days,is_main_in_domain,valid_from\n"
)
TAXES = (
    "seller_jurisdiction,account_jurisdiction,tax_status,tax_category,component,rate,code,exemption_reason,valid_from\n"
    "US,US,business,standard,none,0,E,not taxed in this example,2020-01-01\n"
)
SKUS = "sku_id,description,service,pricing_unit,meter,tax_category,allows_corrections,valid_from\n"
PRICES = "sku_price_id,sku_id,billing_currency,price_model,list_unit_price,valid_from\n"


def write(folder: Path, **tables: str) -> Path:
    folder.mkdir()
    for name, text in {"sellers": SELLER, "tax_rates": TAXES, **tables}.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def account(account_id: str) -> str:
    return f'"{account_id}",s,Customer,2 Main St,USD,UTC,US,business,30,false,2020-01-01\n'


def tokens(folder: Path, model: str, prices: str, tiers: str = "") -> Path:
    tables = {
        "billing_accounts": ACCOUNTS + account("example-account"),
        "skus": SKUS
        + "tokens-context,Context tokens,ai,token,sum,standard,false,2020-01-01\n"
        + "tokens-generated,Generated tokens,ai,token,sum,standard,false,2020-01-01\n",
        "sku_prices": PRICES + prices,
    }
    return write(folder / model, **tables, **({"price_tiers": tiers} if tiers else {}))


def billed_tokens(folder: Path, reference_folder: Path) -> dict[str, Decimal]:
    lake, reference = Lake.create(folder / "lake"), load_reference(reference_folder)
    result = ingest_usage(lake, reference, [REQUESTS], mapping=MAPPING, received_at=datetime(2023, 12, 1, tzinfo=UTC))
    assert (result.accepted, result.rejected) == (17_638, 0)
    bill_period(lake, reference, period="2023-11")
    with connect(lake) as connection:
        quantities = connection.sql("select sku_id, sum(consumed_quantity) from usage_records group by 1").fetchall()
        assert dict(quantities) == {"tokens-context": Decimal(18_059_974), "tokens-generated": Decimal(245_896)}
        return dict(connection.sql("select sku_id, list_cost from charges").fetchall())


@needs[REQUESTS]
def test_every_request_of_a_language_model_is_two_lines_at_a_price_per_token(tmp_path: Path) -> None:
    """18,059,974 × 0.0000025 = 45.149935; 245,896 × 0.00001 = 2.45896."""
    prices = (
        "context,tokens-context,USD,unit,0.0000025,2020-01-01\ngenerated,tokens-generated,USD,unit,0.00001,2020-01-01\n"
    )
    found = billed_tokens(tmp_path, tokens(tmp_path, "unit", prices))
    assert found == {"tokens-context": Decimal("45.15"), "tokens-generated": Decimal("2.46")}


@needs[REQUESTS]
def test_tokens_past_ten_million_cost_half(tmp_path: Path) -> None:
    """10,000,000 × 0.0000025 + 8,059,974 × 0.00000125 = 25 + 10.0749675 = 35.0749675."""
    prices = (
        "context,tokens-context,USD,graduated,,2020-01-01\ngenerated,tokens-generated,USD,unit,0.00001,2020-01-01\n"
    )
    tiers = "sku_price_id,up_to,unit_price\ncontext,10000000,0.0000025\ncontext,,0.00000125\n"
    found = billed_tokens(tmp_path, tokens(tmp_path, "graduated", prices, tiers))
    assert found["tokens-context"] == Decimal("35.07")


def focus_reference(folder: Path, usage: list[dict[str, str]]) -> Path:
    """Accounts, projects, SKUs and prices as the export itself names them."""
    accounts = sorted({row["BillingAccountId"] for row in usage})
    projects = sorted(
        {(row["SubAccountId"], row["BillingAccountId"]) for row in usage if row["SubAccountId"] != "NULL"}
    )
    skus = {}
    for row in usage:
        sku = row["SkuId"] if row["SkuPriceId"] in ("NULL", "") else f"{row['SkuId']}/{row['SkuPriceId']}"
        skus[sku] = (row["ConsumedUnit"], row["ListUnitPrice"])
    return write(
        folder / "focus",
        billing_accounts=ACCOUNTS + "".join(account(one) for one in accounts),
        sub_accounts="sub_account_id,billing_account_id,valid_from\n"
        + "".join(f'"{project}","{owner}",2020-01-01\n' for project, owner in projects),
        skus=SKUS
        + "".join(
            f'"{sku}",A service,cloud,"{unit}",sum,standard,true,2020-01-01\n'
            for sku, (unit, _) in sorted(skus.items())
        ),
        sku_prices=PRICES
        + "".join(f'"{sku}","{sku}",USD,unit,{price},2020-01-01\n' for sku, (_, price) in sorted(skus.items())),
    )


@needs[FOCUS]
def test_a_focus_export_priced_by_its_own_list_prices_gives_its_own_list_costs(tmp_path: Path) -> None:
    with FOCUS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    usage = [row for row in rows if row["ChargeCategory"] == "Usage"]
    lake, reference = Lake.create(tmp_path / "lake"), load_reference(focus_reference(tmp_path, usage))
    result = ingest_usage(lake, reference, [FOCUS], received_at=datetime(2024, 11, 1, tzinfo=UTC))
    assert (result.accepted, result.rejected) == (997, 3)
    run = bill_period(lake, reference, period="2024-09")
    assert (run.status, run.report["parked"]) == ("committed", 0)
    with connect(lake) as connection:
        reasons = connection.sql("select reason_code, count(*) from rejects group by 1").fetchall()
        assert reasons == [("R_NOT_USAGE", 3)]
        priced = connection.sql(
            "select consumed_quantity, list_unit_price from usage_records join sku_prices using (sku_id)"
        ).fetchall()
        charged = connection.sql("select pricing_quantity, list_unit_price, list_cost from charges").fetchall()
    exact = sorted(quantity * price for quantity, price in priced)
    stated = sorted(Decimal(row["ListCost"]) for row in usage)
    assert len(exact) == 997
    assert max(abs(found - wanted) for found, wanted in zip(exact, stated, strict=True)) < Decimal("1e-10")
    # before rounding, the charges hold exactly what the rows do, and that is the export's own total: it drops less than
    # 1e-10 of each row
    before_rounding = sum(quantity * price for quantity, price, _ in charged)
    assert before_rounding == sum(exact)
    assert sum(stated) == Decimal("23.00460575119")
    assert abs(before_rounding - sum(stated)) < 997 * Decimal("1e-10")
    # and each is rounded once, to the cent
    assert all(abs(cost - quantity * price) <= Decimal("0.005") for quantity, price, cost in charged)
