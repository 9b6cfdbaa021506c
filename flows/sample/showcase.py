"""The account to look at first: a robotics company with three projects and one of nearly everything."""

from dataclasses import dataclass
from decimal import Decimal

from flows.sample.customers import SHOWCASE, Account

HOME = "eu-berlin-1"


@dataclass(frozen=True)
class ShowcaseSeries:
    """One hourly series of the showcase account: what a resource of a project uses of a SKU."""

    project: int
    resource_id: str | None
    sku_id: str
    region_id: str | None
    base: str
    noise: str = "0"  # times 0 … 1008, by chance
    swing: str = "0"  # times 0 … 1000, by the hour of the day


SERIES: tuple[ShowcaseSeries, ...] = (
    ShowcaseSeries(1, "vm-arm-controller", "vm-g3-large", HOME, "1"),
    ShowcaseSeries(1, "vm-arm-standby", "vm-g3-large", HOME, "1"),
    ShowcaseSeries(1, "vol-arm-controller", "disk-ssd", HOME, "480"),
    ShowcaseSeries(1, "db-telemetry", "db-postgresql-large", HOME, "1"),
    ShowcaseSeries(1, "lb-telemetry", "net-load-balancer", HOME, "1"),
    ShowcaseSeries(1, "gw-telemetry", "net-egress", HOME, "6.25", "0.00375", "0.0175"),
    ShowcaseSeries(1, "bucket-flight-logs", "object-standard", HOME, "1840.5"),
    ShowcaseSeries(1, "bucket-flight-logs", "object-requests-read", HOME, "64000", "11", "150"),
    ShowcaseSeries(2, "vm-staging", "vm-b2-small", HOME, "2"),
    ShowcaseSeries(2, "vm-staging-desktop", "os-windows-server", HOME, "4"),
    ShowcaseSeries(3, "gpu-grasping", "gpu-l40s-1", HOME, "1"),
    ShowcaseSeries(3, None, "llm-kestrel-70b-input", None, "620000", "240", "820"),
    ShowcaseSeries(3, None, "llm-kestrel-70b-output", None, "88000", "61", "130"),
)
"""Thirteen series, twelve lines on the invoice: the two controllers are one line."""


def series_rows(account: Account) -> list[dict[str, object]]:
    """The series of the showcase account as the usage generator takes them."""
    if account.number != SHOWCASE:
        raise ValueError(f"{account.billing_account_id} is not the showcase account")
    return [
        {
            "place": place,
            "billing_account_id": account.billing_account_id,
            "sub_account_id": account.project_id(series.project),
            "resource_id": series.resource_id,
            "sku_id": series.sku_id,
            "region_id": series.region_id,
            "base": Decimal(series.base),
            "noise": Decimal(series.noise),
            "swing": Decimal(series.swing),
        }
        for place, series in enumerate(SERIES)
    ]
