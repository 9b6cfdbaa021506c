"""Kinds of credit: when each is spent, before or after tax, and what it may never pay for."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import DURATION, Boundary, Count, Flag, Text, TextList


class GrantKinds(Table):
    """One row per kind and validity."""

    kind: Text = columns.grant_kind()
    rank: Count = columns.rank()
    tax_position: Text = columns.tax_position()
    transferable: Flag = column("whether it may go to another account of the domain", source="K4", example="true")
    validity: Text = column(
        "how long a grant lasts if its operation does not say, ISO 8601",
        source="G2",
        example="P5Y",
        nullable=True,
        str_matches=DURATION,
    )
    exclude: TextList = columns.exclude(description="what no grant of the kind pays for", default="[]")
    terminal_status: Text = columns.terminal_status()
    visible_months: Count = column(
        "how long a grant stays in lists after its balance is gone",
        unit="months",
        source="K6, S3.13",
        example="3",
        default="3",
        ge=0,
    )
    once_per_domain: Flag = column(
        "whether a domain gets it once only, on its main account", source="G2, S3.12", example="false", default="false"
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("kind", "valid_from")
