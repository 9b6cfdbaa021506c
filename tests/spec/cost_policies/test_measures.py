"""A cost policy measures what an account, a project or a SKU of it costs, or how much of a SKU it uses. Every SKU costs
1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from rating.cost_policies import events, measures
from rating.outputs import Outputs
from rating.pipeline import EARLIER_COSTS
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.cost_policies import CostPolicies
from schemas.cost_policy_events import CostPolicyEvents
from schemas.cost_policy_measures import CostPolicyMeasures
from schemas.discounts import Discounts
from schemas.operations import Operations
from schemas.sku_prices import SkuPrices
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, BONUS, bill
from tests.tables import assert_table, table

title = "Cost policies: what is measured, and when a limit is reached (W5)"


def policies(text: str, **terms: str | None) -> pl.DataFrame:
    return table(CostPolicies, text, **{**ACME, "sub_account_id": None, "valid_from": "2026-01-01"} | terms)


def used(text: str, **terms: str | None) -> pl.DataFrame:
    return table(UsageRecords, text, **terms)


def watched(cost_policies: pl.DataFrame, **terms: Any) -> Outputs:
    return bill(**{"cost_policies": cost_policies, "usage_records": THREE} | terms)


THREE = used(
    """
    sub_account_id | sku_id   | consumed_quantity | charge_period_start
    website        | vm-large |                60 | 2026-10-05T00:00Z
    website        | database |                20 | 2026-10-06T00:00Z
    app            | vm-large |                40 | 2026-10-20T00:00Z
    """
)
"""120 euros: 80 of the website, 40 of the app; 100 hours of vm-large."""


def test_a_policy_of_an_account_measures_all_its_charges_one_of_a_project_its_own() -> None:
    """60 + 20 + 40 are 120; the website's 60 + 20 are 80, the app's 40."""
    assert_table(
        watched(policies("cost_policy_id | sub_account_id\nall | \napp | app\nweb | website")).cost_policy_measures,
        CostPolicyMeasures,
        """
        cost_policy_id | sub_account_id | billing_period | measured
        all            |                | 2026-10        |      120
        app            | app            | 2026-10        |       40
        web            | website        | 2026-10        |       80
        """,
    )


def test_a_policy_of_a_sku_measures_what_it_costs_or_how_much_of_it_is_used() -> None:
    """vm-large: 60 + 40, of them 60 in the website. At 0.50 an hour, 100 hours cost 50."""
    half = policies(
        """
        cost_policy_id | measure  | sku_id   | sub_account_id
        cost           | cost     | vm-large |
        hours          | quantity | vm-large |
        hours-web      | quantity | vm-large | website
        """
    )
    prices = table(SkuPrices, "sku_price_id | sku_id | list_unit_price\na | vm-large | 0.5\nb | database | 1")
    assert_table(
        watched(half, sku_prices=prices).cost_policy_measures,
        CostPolicyMeasures,
        """
        cost_policy_id | measured
        cost           |       50
        hours          |      100
        hours-web      |       60
        """,
    )


def test_quantities_add_up_exactly_whatever_their_charges_show() -> None:
    """20 and 10 minutes are a third and a sixth of an hour, shown as 0.333333333333333 and 0.166666666666666."""
    half_an_hour = policies(
        "cost_policy_id | measure  | sku_id   | limit\nhalf | quantity | vm-large | 0.5", action="restrict_new"
    )
    minutes = used(
        "sub_account_id | sku_id   | consumed_unit | consumed_quantity\n"
        "website        | vm-large | minute        | 20\n"
        "app            | vm-large | minute        | 10"
    )
    billed = watched(half_an_hour, usage_records=minutes)
    assert billed.charges["pricing_quantity"].sum() == Decimal("0.499999999999999")
    assert_table(
        billed.cost_policy_measures,
        CostPolicyMeasures,
        """
        cost_policy_id | measured | is_crossing
        half           |      0.5 | true
        """,
    )


def test_discounts_and_caps_lower_the_cost_and_tax_is_no_part_of_it() -> None:
    """120 less 10 % are 108, capped at 100; with 20 % tax 120 would be due."""
    billed = watched(
        policies("cost_policy_id\nall"),
        discounts=table(Discounts, "discount_id | value\nten | 10"),
        spend_limits=table(
            SpendLimits, "spend_limit_id | kind | amount | true_up_sku_id\ncap | maximum_spend | 100 |", **ACME
        ),
    )
    assert_table(billed.cost_policy_measures, CostPolicyMeasures, "measured\n100")


def test_before_grants_a_bonus_changes_nothing_after_grants_it_lowers_the_cost_and_a_credit_never_does() -> None:
    """120, of which the bonus pays 30 before tax and the voucher 50 after it: 120 and 90."""
    granted = table(Operations, "kind | amount\nbonus | 30\nvoucher | 50", **{**BONUS, "kind": None})
    both = policies("cost_policy_id | cost_position\nafter | after_grants\nbefore | before_grants")
    assert_table(
        watched(both, operations=granted).cost_policy_measures,
        CostPolicyMeasures,
        """
        cost_policy_id | measured
        after          |       90
        before         |      120
        """,
    )


def test_added_charges_count_of_a_sku_or_of_none() -> None:
    """120 and a setup of 15 and a credit of 5 that names a tax category only: 130; of training 15."""
    added = table(
        Operations,
        """
        operation  | amount | sku_id   | tax_category | text   | occurred_at
        add_charge |     15 | training |              | Setup  | 2026-10-02T00:00Z
        add_charge |     -5 |          | standard     | Sorry  | 2026-10-03T00:00Z
        """,
        **ACME,
    )
    assert_table(
        watched(
            policies("cost_policy_id | sku_id\nall | \nof-training | training"), operations=added
        ).cost_policy_measures,
        CostPolicyMeasures,
        """
        cost_policy_id | measured
        all            |      130
        of-training    |       15
        """,
    )


@pytest.mark.parametrize(("limit", "is_crossing"), [("119.99", True), ("120", True), ("120.01", False)])
def test_a_limit_is_reached_at_the_limit(limit: str, is_crossing: bool) -> None:
    billed = watched(policies(f"cost_policy_id | limit\nall | {limit}"))
    assert billed.cost_policy_measures["is_crossing"].to_list() == [is_crossing]
    assert billed.cost_policy_events.height == is_crossing


def test_an_event_says_what_was_reached_and_what_is_to_happen() -> None:
    """terminate_request is an event with its action; nothing is ended here."""
    asked = policies("cost_policy_id | limit | action | sub_account_id\nend | 80 | terminate_request | website")
    assert_table(
        watched(asked).cost_policy_events,
        CostPolicyEvents,
        """
        cost_policy_id | billing_account_id | sub_account_id | billing_period | action            | measured | limit | known_as_of
        end            | acme               | website        | 2026-10        | terminate_request |       80 |    80 | 2026-11-03T12:00Z
        """,  # noqa: E501 (a table)
    )


def test_a_month_to_date_measures_what_has_begun_by_then() -> None:
    """Up to the 10th the website has used 60 and 20; the app's 40 begin on the 20th."""
    billed = watched(policies("cost_policy_id | limit\nall | 80"), known_as_of="2026-10-10T00:00:00Z")
    assert_table(billed.cost_policy_measures, CostPolicyMeasures, "measured | is_crossing\n80 | true")
    assert_table(
        billed.cost_policy_events,
        CostPolicyEvents,
        "cost_policy_id | measured | known_as_of\nall | 80 | 2026-10-10T00:00Z",
    )


@pytest.mark.parametrize(
    ("known_as_of", "window", "is_measured"),
    [
        ("2026-11-03T12:00Z", "2026-10-31 |", True),
        ("2026-11-03T12:00Z", "2026-11-01 |", False),
        ("2026-11-03T12:00Z", "2026-01-01 | 2026-11-01", True),
        ("2026-11-03T12:00Z", "2026-01-01 | 2026-10-31", False),
        # month to date: in force at the cutoff
        ("2026-10-10T00:00Z", "2026-10-10 |", True),
        ("2026-10-10T00:00Z", "2026-10-11 |", False),
        ("2026-10-10T00:00Z", "2026-01-01 | 2026-10-10", False),
    ],
)
def test_the_policies_in_force_at_the_end_are_measured(known_as_of: str, window: str, is_measured: bool) -> None:
    """Over the whole period, whenever they began."""
    dated = policies(f"cost_policy_id | valid_from | valid_until\nall | {window}")
    measured = watched(dated, known_as_of=known_as_of).cost_policy_measures["measured"]
    assert len(measured) == is_measured


def test_a_currency_of_three_digits_is_measured_to_its_last() -> None:
    """0.333 and 0.667 a hour: 3 hours and 1 hour are 0.999 + 0.667 = 1.666."""
    billed = watched(
        policies("cost_policy_id | limit\njust | 1.666\nmore | 1.667"),
        billing_accounts=table(BillingAccounts, "billing_account_id | billing_currency\nacme | BHD"),
        sku_prices=table(
            SkuPrices,
            "sku_price_id | sku_id | list_unit_price\na | vm-large | 0.333\nb | database | 0.667",
            billing_currency="BHD",
        ),
        usage_records=used("sku_id | consumed_quantity\nvm-large | 3\ndatabase | 1"),
    )
    assert_table(
        billed.cost_policy_measures,
        CostPolicyMeasures,
        "cost_policy_id | measured | is_crossing\njust | 1.666 | true\nmore | 1.666 | false",
    )


def test_an_account_without_charges_measures_nothing_and_one_on_hold_is_not_measured() -> None:
    nothing = watched(policies("cost_policy_id\nall"), usage_records=THREE.clear())
    assert_table(nothing.cost_policy_measures, CostPolicyMeasures, "measured | is_crossing\n0 | false")
    held = watched(policies("cost_policy_id\nall"), sku_prices=table(SkuPrices, "sku_id\ndatabase"))
    assert held.holds.height == 1
    assert held.cost_policy_measures.is_empty()


def test_unpriced_usage_costs_nothing() -> None:
    """vm-large has no price and is skipped: 20 of the database are left."""
    billed = watched(
        policies("cost_policy_id\nall"),
        sku_prices=table(SkuPrices, "sku_id | list_unit_price\ndatabase | 1"),
        billing_policies=table(BillingPolicies, "policy | value\nunpriced_usage | skip", billing_account_id=None),
    )
    assert_table(billed.cost_policy_measures, CostPolicyMeasures, "measured\n20")


# --- over all periods ---


ACCOUNTS = table(BillingAccounts, "billing_account_id\nacme")


def over_all(cost_policies: pl.DataFrame, before: str, here: str) -> pl.DataFrame:
    """What policies measure in October, after a website's vm-large that cost `before` and costs `here`."""
    periods = pl.DataFrame(
        {
            "billing_account_id": ["acme"],
            "billing_period": ["2026-10"],
            "period_start": ["2026-10-01T00:00:00Z"],
            "last_instant": ["2026-10-31T23:59:59.999999Z"],
            "cutoff": ["2026-11-01T00:00:00Z"],
            "is_closing": [True],
            "known_as_of": ["2026-11-03T12:00:00Z"],
            "time_zone": ["UTC"],
        }
    ).with_columns(pl.col("period_start", "last_instant", "cutoff", "known_as_of").str.to_datetime(time_zone="UTC"))
    of = {"billing_account_id": ["acme"], "sub_account_id": ["website"], "sku_id": ["vm-large"]}
    earlier = pl.DataFrame(
        {**of, "cost_before_grants": [before], "cost_after_grants": [before], "pricing_quantity": ["7"]}
    ).cast(EARLIER_COSTS)
    cents = int(here) * 100
    items = pl.DataFrame(
        {
            **of,
            "net_mu": [cents],
            "taxable_mu": [cents],
            "pricing_quantity": ["5"],
            "exponent": [2],
            "charge_category": ["usage"],
        }
    ).cast({"pricing_quantity": EARLIER_COSTS["pricing_quantity"]})
    hours = pl.DataFrame({**of, "quantity": [5], "quantity_denominator": [1]})
    return measures(items, hours, earlier, cost_policies, periods)


def total(limit: str, **terms: str | None) -> pl.DataFrame:
    return policies(f"cost_policy_id | limit\nall | {limit}", **{"period": "total"} | terms)


@pytest.mark.parametrize(
    ("before", "here", "is_crossing"),
    [("900", "99", False), ("900", "100", True), ("999", "1", True), ("1000", "1", False), ("1010", "-20", False)],
)
def test_over_all_periods_a_limit_is_reached_in_the_one_that_takes_the_sum_there(
    before: str, here: str, is_crossing: bool
) -> None:
    """At 1000: once the earlier periods have reached it, this one does not reach it again."""
    found = over_all(total("1000"), before, here)
    assert found["is_crossing"].to_list() == [is_crossing]
    assert events(found).height == is_crossing
    assert found["measured"].item() == int(before) + int(here)
    assert found["earlier_measured"].item() == int(before)


def test_over_all_periods_a_quantity_adds_up_too() -> None:
    """7 hours before and 5 here are 12."""
    hours = total("12", measure="quantity", sku_id="vm-large")
    assert_table(
        over_all(hours, "1", "1"), CostPolicyMeasures, "earlier_measured | measured | is_crossing\n7 | 12 | true"
    )


def test_a_policy_of_each_month_does_not_look_at_the_months_before() -> None:
    each = policies("cost_policy_id | limit\nall | 1000")
    assert_table(over_all(each, "5000", "999"), CostPolicyMeasures, "earlier_measured | measured\n0 | 999")


@pytest.mark.parametrize(("valid_from", "is_crossing"), [("2026-10-01", True), ("2026-09-30", False)])
def test_a_policy_over_all_periods_that_begins_above_its_limit_is_reached_at_once(
    valid_from: str, is_crossing: bool
) -> None:
    """2000 were spent before anybody watched."""
    assert over_all(total("1000", valid_from=valid_from), "2000", "1")["is_crossing"].to_list() == [is_crossing]


def test_a_project_or_a_sku_is_watched_over_all_periods_by_itself() -> None:
    others = policies(
        """
        cost_policy_id | sub_account_id | sku_id
        app            | app            |
        database       |                | database
        web            | website        | vm-large
        """,
        period="total",
    )
    assert_table(
        over_all(others, "10", "5"),
        CostPolicyMeasures,
        "cost_policy_id | earlier_measured | measured\napp | 0 | 0\ndatabase | 0 | 0\nweb | 10 | 15",
    )
