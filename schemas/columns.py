"""Columns that mean the same in every table, described once.

A schema says `billing_account_id: Text = columns.billing_account_id()`; what differs there (nullable, another
description) is an argument. A test holds that no two tables describe one column in the same words of their own.
"""

from functools import partial

from schemas.table import column
from schemas.units import BOUNDARY, PERIOD

# Who and what
billing_account_id = partial(
    column, description="the account that is billed", source="FOCUS BillingAccountId", example="acme"
)
sub_account_id = partial(
    column,
    description="the project",
    source="FOCUS SubAccountId",
    example="website",
    nullable=True,
)
resource_id = partial(column, description="what was used", source="FOCUS ResourceId", example="vm-0017", nullable=True)
sku_id = partial(column, description="what is sold", source="FOCUS SkuId", example="vm-small")
region_id = partial(column, description="where it was used", source="FOCUS RegionId", example="eu-1", nullable=True)
sku_price_id = partial(column, description="the price row", source="FOCUS SkuPriceId", example="vm-small-list")
charge_category = partial(
    column,
    description="where it comes from",
    source="FOCUS ChargeCategory; G1",
    example="usage",
    isin=["usage", "recurring", "one_off"],
)
seller_id = partial(column, description="who sells and invoices", source="rule 1.2", example="north")
service = partial(column, description="the service a SKU belongs to", source="FOCUS ServiceName", example="Cloud")
service_category = partial(
    column,
    description="the wider group of the service",
    source="FOCUS ServiceCategory",
    example="Compute",
    nullable=True,
)
feature = partial(
    column, description="a part of the service", source="S1.23", example="Virtual machines", nullable=True
)
series_id = partial(
    column,
    description="hash64 of account, project, resource, SKU, region and unit",
    source="architecture, Series",
    example="1234567890123456789",
)

usage_record_id = partial(column, description="the record, unique for ever", source="U2", example="usage-1")
resource_tags = partial(
    column, description="labels of the resource", source="FOCUS Tags", example='{"team": "web"}', nullable=True
)
price_model = partial(column, description="how quantity becomes cost", source="P3", example="unit")
discount_id = partial(column, description="the discount", source="D1", example="spring")

# When
time_zone = partial(column, description="IANA zone of its billing calendar", source="U4", example="UTC")
first_record_at = partial(
    column, description="earliest start of a record", source="P4, P6", example="2026-10-01T00:00:00Z"
)
billing_period = partial(
    column, description="the account's local calendar month", source="U4", example="2026-10", str_matches=PERIOD
)
charge_period_start = partial(
    column, description="start of the use, included", source="FOCUS ChargePeriodStart", example="2026-10-01T00:00:00Z"
)
charge_period_end = partial(
    column, description="end of the use, excluded", source="FOCUS ChargePeriodEnd", example="2026-10-01T01:00:00Z"
)
period_start = partial(
    column,
    description="start of the billing period, included",
    source="FOCUS BillingPeriodStart; BT-73",
    example="2026-10-01T00:00:00Z",
)
period_end = partial(
    column,
    description="end of the billing period, excluded",
    source="FOCUS BillingPeriodEnd; BT-74 is the day before",
    example="2026-11-01T00:00:00Z",
)
valid_from = partial(
    column, description="the row holds from here on", source="rule 1.2", example="2026-01-01", str_matches=BOUNDARY
)
valid_until = partial(
    column,
    description="the row holds up to here, excluded; null is open",
    source="rule 1.2",
    example="2027-01-01",
    nullable=True,
    str_matches=BOUNDARY,
)
written_until = partial(
    column,
    description="the last day on which it holds, or the instant before which it does; null is open",
    source="rule 1.2",
    example="2026-12-31",
    nullable=True,
    str_matches=BOUNDARY,
)
received_at = partial(column, description="when the delivery was received", source="L1", example="2026-11-01T06:00:00Z")
known_as_of = partial(
    column, description="the date up to which inputs were counted", source="L1", example="2026-11-01T00:00:00Z"
)

# How much
consumed_quantity = partial(
    column, description="how much was used", unit="consumed_unit", source="FOCUS ConsumedQuantity", example="1"
)
consumed_unit = partial(
    column, description="the unit of the quantity used", source="FOCUS ConsumedUnit", example="hour"
)
pricing_quantity = partial(
    column, description="how much is priced", unit="pricing_unit", source="FOCUS PricingQuantity", example="10"
)
pricing_unit = partial(column, description="the unit a price is for", source="FOCUS PricingUnit", example="hour")
list_unit_price = partial(
    column,
    description="price of one unit; null where the price has none of its own (tiers)",
    unit="billing_currency per pricing_unit",
    source="FOCUS ListUnitPrice",
    example="2",
    nullable=True,
)
list_cost = partial(
    column, description="cost before discounts and grants, rounded once (P5)", source="FOCUS ListCost", example="20"
)
discount_amount = partial(column, description="what discounts take off", source="D4; BT-136", example="0")
cap_amount = partial(column, description="what a maximum spend takes off", source="P10; BT-136", example="0")
grant_amount = partial(column, description="what grants pay before tax", source="G6; BT-136", example="0")
billing_currency = partial(
    column, description="currency of all amounts of the row", source="FOCUS BillingCurrency", example="EUR"
)
exponent = partial(
    column,
    description="digits after the decimal point of the currency; its minor unit is 10^-exponent",
    source="M2, ISO 4217",
    example="2",
    ge=0,
    le=4,
)

# Where and how taxed
jurisdiction = partial(
    column, description="country, and state where it taxes, of the account", source="T1", example="DE"
)
seller_jurisdiction = partial(
    column, description="country, and state where it taxes, of the seller", source="T1", example="DE"
)
tax_region = partial(
    column,
    description="part of the jurisdiction that has rates of its own",
    source="T1",
    example="DE-BE",
    nullable=True,
)
tax_status = partial(
    column,
    description="how the account is taxed",
    source="T1",
    example="business",
    isin=["business", "consumer", "exempt", "reverse_charge", "export"],
)
tax_category = partial(
    column, description="what kind of supply it is, for the rate table", source="T1", example="standard"
)
tax_component = partial(column, description="which tax of a match", source="T1", example="VAT")
tax_code = partial(column, description="EN 16931 tax category code", source="BT-118, UNCL5305", example="S")
tax_rate = partial(column, description="tax as a fraction", source="BT-119", example="0.2", ge=0)
exemption_reason = partial(
    column, description="why no tax is due", source="BT-120", example="Reverse charge", nullable=True
)

# Ids made here
rating_line_id = partial(
    column, description="hash of account, project, SKU, region and price row", source="P5", example="line-1"
)
charge_id = partial(
    column, description="hash of the charge's key, the same in every run", source="P7", example="charge-1"
)
grant_id = partial(column, description="the grant", source="G1", example="grant-1")
invoice_id = partial(column, description="the document", source="I1", example="acme-2026-10")
operation_id = partial(column, description="the operation, as its author named it", source="O1", example="op-1")
delivery_id = partial(column, description="the delivery a file came with", source="U1", example="delivery-1")
file_digest = partial(
    column,
    description="sha256 of the file",
    source="U3",
    example="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
)
file_name = partial(column, description="name of the file as it came", source="U6", example="usage-2026-10.parquet")

# Scope lists
include = partial(
    column,
    description='what it is for, as "dimension:value"; values of a dimension are OR, dimensions AND; empty is all',
    source="G1",
    example='["service:Cloud"]',
)
exclude = partial(
    column,
    description='what it is not for, as "dimension:value"; any match excludes',
    source="G1",
    example='["tag:marketplace"]',
)

# Documents
invoice_number = partial(
    column, description="number of the issued document", source="BT-1, I2", example="INV-2026-000001", nullable=True
)
issue_date = partial(column, description="when it was issued", source="BT-2", example="2026-11-01", nullable=True)
expense_number = partial(
    column, description="the number a customer knows the charge by", source="P7, S1.12", example="17", ge=1
)
taxable_amount = partial(column, description="what is taxed", source="T2, BT-116", example="20")
tax_amount = partial(column, description="the tax", source="T3, BT-117", example="4")
credit_amount = partial(column, description="what grants pay after tax", source="G6, part of BT-113", example="0")
ledger_account = partial(
    column,
    description="account of the chart; details follow after a slash: revenue/<service>, "
    "tax_payable/<jurisdiction>/<component>, grant_liability/<kind>/<grant_id>",
    source="B1",
    example="receivable",
)
total_credit_limit = partial(
    column,
    description="most the account may owe; null is unlimited",
    source="I5, S0.2",
    example="168000.00",
    nullable=True,
)
used_credit_limit = partial(
    column, description="issued and unpaid, plus what is not issued yet", source="I5, S0.3", example="17750.97"
)
available_credit = partial(
    column,
    description="total less used; may be negative; null is unlimited",
    source="I5, S0.4",
    example="150249.03",
    nullable=True,
)
credit_state = partial(
    column,
    description="how near the account is to its limit; restricted makes nothing new",
    source="I5, W5",
    example="warning",
    isin=["ok", "warning", "restricted"],
)
restriction_cause = partial(
    column,
    description="what restricts: the account's credit limit, or a cost policy",
    source="I5, W5",
    example="credit_limit",
    isin=["credit_limit", "cost_policy"],
)
changed_at = partial(column, description="when the state changed", source="I5, W5", example="2026-10-20T00:00:00Z")

# Grants
grant_kind = partial(column, description="the kind of grant", source="G2", example="bonus")
rank = partial(column, description="lower kinds are spent first", source="G2, G4", example="10")
tax_position = partial(
    column,
    description="before tax it lowers the taxable amount, after tax it pays",
    source="G2, T2",
    example="before",
    isin=["before", "after"],
)
terminal_status = partial(
    column,
    description="what a grant is called once it is taken back; refunded marks a paid kind",
    source="G2, K5",
    example="recovered",
    isin=["recovered", "refunded"],
)
grant_status = partial(
    column,
    description="what can be done with it now",
    source="K2",
    example="available",
    isin=["scheduled", "available", "used_up", "expired", "recovered", "refunded"],
)
grant_name = partial(column, description="what the customer reads", source="G1", example="Launch bonus")
used_amount = partial(column, description="applied to charges, less what was returned", source="K1", example="5")
price_paid = partial(column, description="what was paid for purchased credit", source="G2", example="40", nullable=True)
use_organization_credit = partial(
    column,
    description="whether the project may spend organization credit beyond its own",
    source="W4, S2.12",
    example="true",
    nullable=True,
)
benefit = partial(column, description="what it gives", source="K7", example="grant", isin=["grant", "discount"])
promo_code = partial(
    column, description="a code that a customer accepts", source="K7", example="WELCOME50", nullable=True
)
benefit_value = partial(
    column,
    description="amount of the grant, or percent of the discount",
    unit="billing_currency, or percent",
    source="K7",
    example="50",
)
promo_code_state = partial(
    column,
    description="what the account may do with the code",
    source="K7",
    example="available",
    isin=["available", "accepted", "used_up", "expired"],
)
window_start = partial(column, description="usable from here on", source="G1, G3", example="2026-10-01T00:00:00Z")
window_end = partial(
    column,
    description="usable up to here, excluded; null is for ever",
    source="G1, G3",
    example="2027-01-01T00:00:00Z",
    nullable=True,
)
window_boundary = partial(
    column,
    description="an end of the grant's window, as it was written",
    source="G1",
    example="2026-12-31",
    nullable=True,
)
occurred_at = partial(column, description="when it happened", source="O3", example="2026-10-01T00:00:00Z")

# The rest
revision = partial(column, description="a higher one replaces the record", source="U1", example="0", default="0", ge=0)
record_count = partial(column, description="usage records in it", unit="records", source="U1", example="10", ge=0)
reason_code = partial(
    column, description="why, as programs match it", source="reliability, Reason codes", example="R_UNKNOWN_SKU"
)
reason = partial(
    column,
    description="why, as people read it: what was found and what was wanted",
    source="reliability, Reason codes",
    example="sku_id 'vm-smal' is not in skus; add it or correct the row",
)
cost_policy_id = partial(column, description="the cost policy", source="W5", example="watch-website")
limit = partial(
    column,
    description="the limit that is watched",
    unit="billing_currency, or pricing_unit",
    source="W5",
    example="1000",
)
watched_project = partial(
    column,
    description="the only project it watches; null is the whole account",
    source="W5",
    example="website",
    nullable=True,
)
watched_sku = partial(
    column,
    description="the only SKU it watches; one whose quantity is measured is named; null is all",
    source="W5",
    example="vm-small",
    nullable=True,
)
measure = partial(column, description="what is measured", source="W5", example="cost", isin=["cost", "quantity"])
cost_position = partial(
    column,
    description="whether before-tax grants lower the measured cost",
    source="W5",
    example="before_grants",
    default="before_grants",
    isin=["before_grants", "after_grants"],
)
watched_period = partial(
    column,
    description="over what it is measured: each billing period by itself, or all of them together",
    source="W5",
    example="month",
    isin=["month", "total"],
)
unit_of_limit = partial(
    column, description="the currency or the unit of what is measured, and of the limit", source="W5", example="EUR"
)
measured = partial(
    column,
    description="charges less discounts and caps, without tax; or the quantity",
    unit="billing_currency, or pricing_unit",
    source="W5",
    example="1020",
)
action = partial(
    column,
    description="what happens when it is reached",
    source="W5",
    example="notify",
    isin=["notify", "restrict_new", "terminate_request"],
)
