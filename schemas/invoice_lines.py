"""The lines of each document."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Money, Price, Quantity, Rate, Text


class InvoiceLines(Table):
    """One row per invoice_id and line_number; a line is a charge, by how much a correction changes one, or sold credit.

    What is said of a charge alone is null where the line is credit that was sold: it is none.
    """

    invoice_id: Text = columns.invoice_id()
    line_number: Count = column("place on the document", source="BT-126", example="1", ge=1)
    charge_id: Text = columns.charge_id(nullable=True)
    expense_number: Count = columns.expense_number(nullable=True)
    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id()
    sku_id: Text = columns.sku_id(source="FOCUS SkuId; BT-155", nullable=True)
    region_id: Text = columns.region_id()
    service: Text = columns.service(nullable=True)
    description: Text = column("what was sold", source="BT-153", example="Small virtual machine")
    charge_period_start: Instant = columns.charge_period_start(source="FOCUS ChargePeriodStart; BT-134")
    charge_period_end: Instant = columns.charge_period_end(
        source="FOCUS ChargePeriodEnd; BT-135 is the day before", example="2026-11-01T00:00:00Z"
    )
    quantity: Quantity = column("how much", unit="unit of the line", source="BT-129", example="10")
    unit: Text = column("the unit of the quantity and the price", source="BT-130", example="hour")
    unit_price: Price = column(
        "price of one unit; null where tiers have their own",
        unit="billing_currency per unit",
        source="BT-146",
        example="2",
        nullable=True,
    )
    list_cost: Money = columns.list_cost()
    discount_amount: Money = columns.discount_amount()
    cap_amount: Money = columns.cap_amount()
    grant_amount: Money = columns.grant_amount()
    line_amount: Money = column(
        "what is taxed: list cost less discounts, caps and before-tax grants", source="BT-131", example="20"
    )
    tax_category: Text = columns.tax_category()
    tax_code: Text = columns.tax_code(source="BT-151, UNCL5305")
    tax_rate: Rate = columns.tax_rate(
        description="tax as a fraction, where one rate says it: null where several components tax the line (each is in "
        "tax_shares), or a correction changes the rate",
        source="BT-152",
        nullable=True,
    )
    tax_amount: Money = columns.tax_amount(description="the line's share of the document's tax")
    credit_amount: Money = columns.credit_amount()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("invoice_id", "line_number")
