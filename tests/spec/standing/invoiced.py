"""October once it is invoiced: what was billed then is what is committed when it is billed again.

It was billed on 3 November at noon; what is recorded later is late. It is billed again on the 20th.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating.outputs import Outputs
from rating.standing import ACCOUNTS, APPLICATIONS, CHARGES, Committed
from schemas.operations import Operations
from schemas.tax_rates import TaxRates
from schemas.units import Money
from schemas.usage_records import UsageRecords
from tests.pipeline import rate_world
from tests.spec.period import ACME, bill, world
from tests.tables import table

BILLED, AGAIN, LATE = "2026-11-03T12:00:00Z", "2026-11-20T12:00:00Z", "2026-11-10T00:00:00Z"


def stands(outputs: Outputs, standing: str = "paid", paid: str = "0", rates: pl.DataFrame | None = None) -> Committed:
    """What is committed of every account that was billed: how it stands, how much is paid, and its rates if told."""
    accounts = outputs.account_periods.with_columns(
        standing=pl.lit(standing),
        paid_amount=pl.lit(Decimal(paid)).cast(Money),
        issued_as_of=pl.lit(datetime.fromisoformat(BILLED)).cast(ACCOUNTS["issued_as_of"]),
    )
    of_paid = outputs if standing == "paid" else None
    own = Committed.nothing().tax_rates
    if rates is not None:
        own = accounts.select("billing_account_id").join(rates.select(*TaxRates.columns()), how="cross")
    return Committed(accounts.select(*ACCOUNTS), _charges(of_paid), _applications(of_paid), own)


def _charges(outputs: Outputs | None) -> pl.DataFrame:
    """What each charge came to: list cost less what discounts and caps took; less bonuses, with tax."""
    if outputs is None:
        return pl.DataFrame(schema=CHARGES)
    lines = outputs.invoice_lines.rename({"line_number": "charge_order"}).drop("billing_period")
    rows = outputs.charges.select("billing_account_id", "charge_id", "charge_order").join(
        lines, on=["billing_account_id", "charge_order"]
    )
    net = pl.col("list_cost") - pl.col("discount_amount") - pl.col("cap_amount")
    return rows.with_columns(net_amount=net, due_amount=pl.col("line_amount") + pl.col("tax_amount")).select(*CHARGES)


def _applications(outputs: Outputs | None) -> pl.DataFrame:
    if outputs is None:
        return pl.DataFrame(schema=APPLICATIONS)
    rows = outputs.allocations.filter(allocation_kind="grant").rename({"source_id": "grant_id"})
    return rows.select(*APPLICATIONS)


def used(hours: int | Mapping[str, int]) -> pl.DataFrame:
    """Hours of the 5th of October, which read as euros: of the large machine, or of each SKU."""
    rows = {"vm-large": hours} if isinstance(hours, int) else hours
    text = "\n".join(f"2026-10-05T00:00Z | {sku} | {quantity}" for sku, quantity in rows.items())
    return table(UsageRecords, f"charge_period_start | sku_id | consumed_quantity\n{text}")


def given(text: str, **said: str) -> pl.DataFrame:
    """Credit of acme from the first of September on: bonuses unless a test says otherwise."""
    usual = {**ACME, "kind": "bonus", "window_start": "2026-09-01", "occurred_at": "2026-09-01T00:00:00Z"}
    told = {name: value for name, value in {**usual, **said}.items() if name not in text.split()}
    return table(Operations, text, **told)


def late(text: str, **said: str) -> pl.DataFrame:
    """Credit that was recorded when October was invoiced already, but is for its charges too."""
    return given(text, **{"recorded_at": LATE, **said})


def first(hours: int | Mapping[str, int], operations: pl.DataFrame | None = None, **tables: Any) -> Outputs:
    """October as it was billed on the third."""
    return bill(known_as_of=BILLED, **_told(hours, operations, tables))


def again(
    committed: Committed, hours: int | Mapping[str, int], operations: pl.DataFrame | None = None, **tables: Any
) -> Outputs:
    """October as it is billed on the twentieth, beside what is committed of it."""
    return rate_world({**world(known_as_of=AGAIN, **_told(hours, operations, tables)), "committed": committed})


def _told(
    hours: int | Mapping[str, int], operations: pl.DataFrame | None, tables: Mapping[str, Any]
) -> dict[str, pl.DataFrame]:
    usage = {"usage_records": used(hours), **tables}
    return usage if operations is None else {"operations": operations, **usage}


def paid(outputs: Outputs) -> dict[str, str]:
    """What each grant paid of the month."""
    rows = outputs.allocations.filter(allocation_kind="grant").group_by("source_id").agg(pl.col("amount").sum())
    return {name: f"{amount:.2f}" for name, amount in rows.sort("source_id").iter_rows()}


def due(outputs: Outputs) -> str:
    """What the document comes to."""
    return f"{outputs.invoices['amount_due'].item():.2f}"
