"""What people did: grants, transfers, payments, issues. Accepted or rejected once, both kept."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Count, Day, Flag, Instant, Price, Text, TextList


class Operations(Table):
    """One row per operation_id; past billing_account_id come the payloads, of which each operation has its own."""

    operation_id: Text = columns.operation_id()
    operation: Text = column("what was done", source="rule 1.3", example="grant_credit")
    actor: Text = column("principal who did it", source="O2", example="operator")
    occurred_at: Instant = columns.occurred_at()
    recorded_at: Instant = column(
        "when it was recorded; received_at when the row does not say", source="L1", example="2026-10-01T00:00:00Z"
    )
    received_at: Instant = columns.received_at()
    billing_account_id: Text = columns.billing_account_id(nullable=True)
    grant_id: Text = columns.grant_id(description="the grant that is made or acted on", nullable=True)
    kind: Text = columns.grant_kind(nullable=True)
    name: Text = columns.grant_name(nullable=True)
    amount: Price = column(
        "how much, as it was written", unit="billing_currency", source="rule 1.3", example="40", nullable=True
    )
    billing_currency: Text = columns.billing_currency(nullable=True)
    window_start: Boundary = columns.window_boundary(
        description="the grant is usable from here on", example="2026-10-01"
    )
    window_end: Boundary = columns.window_boundary(
        description="the grant is usable up to here, excluded; null is for ever"
    )
    include: TextList = columns.include(nullable=True)
    exclude: TextList = columns.exclude(nullable=True)
    sub_account_id: Text = columns.sub_account_id(description="the project it is for")
    priority: Count = column("lower goes first", source="G4", example="100", nullable=True)
    logic: Text = column(
        "none, fixed or linear: what a month takes at least", source="W1", example="none", nullable=True
    )
    monthly_value: Price = column(
        "least that a month takes under logic fixed, as it was written",
        unit="billing_currency",
        source="W1",
        example="10",
        nullable=True,
    )
    price_paid: Price = columns.price_paid(unit="billing_currency")
    to_account: Text = column("account that receives a transfer", source="K4", example="acme-labs", nullable=True)
    promo_code: Text = columns.promo_code()
    invoice_number: Text = columns.invoice_number()
    payment_kind: Text = column("money, withheld_tax or write_off", source="I6", example="money", nullable=True)
    reverses_operation_id: Text = column(
        "the payment that is reversed", source="rule 1.3", example="op-0", nullable=True
    )
    billing_period: Text = column(
        "the period that is issued, charged to, or voided", source="rule 1.3", example="2026-10", nullable=True
    )
    issue_date: Day = columns.issue_date()
    documents: Text = column(
        "which drafts are issued: all, or corrections of what is issued", source="X1", example="all", nullable=True
    )
    use_organization_credit: Flag = columns.use_organization_credit()
    sku_id: Text = columns.sku_id(description="SKU of an added charge", nullable=True)
    tax_category: Text = columns.tax_category(
        description="tax category of an added charge without a SKU, or of credit that is sold with tax", nullable=True
    )
    text: Text = column("what the invoice line says", source="BT-153", example="Setup help", nullable=True)
    status: Text = column("what was decided", source="O1", example="accepted", isin=["accepted", "rejected"])
    reason_code: Text = columns.reason_code(nullable=True, example="O_FORBIDDEN")
    reason: Text = columns.reason(nullable=True, example="ada may not grant credit")
    original: Text = column("the row as it stood, as JSON", source="O1", example='{"operation": "grant_credit"}')

    class Config:
        unique = ("operation_id",)
