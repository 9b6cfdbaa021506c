"""What people read, each view on a lake small enough to work out by hand."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.lake import tables
from flows.lake.journal import Lake
from flows.lake.named_queries import Query, queries
from flows.lake.published import publish
from flows.lake.views import connect
from schemas import TABLES, VIEWS
from schemas.units import Tags
from tests.flows.lake.books import World, frame, lake_of, rows, view

ACME = rows(
    """
    billing_account_id | billing_currency | time_zone | credit_limit | valid_from
    acme               | INR              | UTC       | 168000.00    | 2026-01-01
    """
)


# --- S0: the credit limit ---

DOCUMENTS = rows(
    """
    invoice_id | document_type | document_state | invoice_number  | billing_account_id | billing_period | billing_currency | amount_due
    sep        | 380           | issued         | INV-2026-000001 | acme               | 2026-09        | INR              | 20000.00
    oct        | 380           | month_to_date  |                 | acme               | 2026-10        | INR              | 750.97
    """  # noqa: E501 (a table)
)
PAID = rows(
    """
    operation_id | invoice_number  | billing_account_id | amount  | billing_currency | is_at_issue
    pay-0        | INV-2026-000001 | acme               | 1000.00 | INR              | true
    pay-1        | INV-2026-000001 | acme               | 3500.00 | INR              | false
    pay-1-back   | INV-2026-000001 | acme               | -500.00 | INR              | false
    """
)
LIMIT_WORLD: World = {"billing_accounts": ACME, "invoices": DOCUMENTS, "payment_applications": PAID}
FIGURES = """
    select total_credit_limit, used_credit_limit, available_credit, unpaid_issued_amount, unbilled_amount, state
    from credit_limit_overview
"""


def test_s0_4_168000_00_less_17750_97_used_leaves_150249_03(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, LIMIT_WORLD)
    # 20,000.00 was left due at issue, 3,000.00 of it is paid (3,500.00 less 500.00 taken back), and 750.97 comes from
    # the month to date
    assert view(lake, FIGURES) == [("168000.0000", "17750.9700", "150249.0300", "17000.0000", "750.9700", "ok")]


def test_i5_an_account_without_a_document_has_used_nothing(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"billing_accounts": ACME})
    assert view(lake, FIGURES) == [("168000.0000", "0.0000", "168000.0000", "0.0000", "0.0000", "ok")]


def test_i5_an_account_without_a_limit_is_unlimited(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, LIMIT_WORLD | {"billing_accounts": [ACME[0] | {"credit_limit": None}]})
    assert view(lake, FIGURES) == [(None, "17750.9700", None, "17000.0000", "750.9700", "ok")]


def test_i5_the_draft_of_a_month_takes_the_place_of_its_month_to_date(tmp_path: Path) -> None:
    drafted = [*DOCUMENTS, DOCUMENTS[1] | {"invoice_id": "oct-2", "document_state": "draft", "amount_due": "800.00"}]
    lake = lake_of(tmp_path, LIMIT_WORLD | {"invoices": drafted})
    assert view(lake, "select used_credit_limit, unbilled_amount from credit_limit_overview") == [
        ("17800.0000", "800.0000")
    ]


def test_g7_a_credit_note_gives_credit_back(tmp_path: Path) -> None:
    note = DOCUMENTS[0] | {
        "invoice_id": "cn",
        "document_type": "381",
        "invoice_number": "CN-1",
        "amount_due": "-1000.00",
    }
    lake = lake_of(tmp_path, LIMIT_WORLD | {"invoices": [*DOCUMENTS, note]})
    assert view(lake, "select used_credit_limit from credit_limit_overview") == [("16750.9700",)]


OPERATIONS = """
    operation_id | operation        | billing_account_id | occurred_at          | amount  | status
    op-1         | set_credit_limit | acme               | 2026-09-01T00:00:00Z | 20000   | accepted
    op-2         | set_credit_limit | acme               | 2026-10-01T00:00:00Z | 30000   | accepted
    op-3         | set_credit_limit | acme               | 2026-10-02T00:00:00Z | 99999   | rejected
    op-4         | set_credit_limit | acme               | 2026-12-01T00:00:00Z | 88888   | accepted
"""


def test_s0_2_the_last_accepted_limit_counts_not_a_rejected_nor_a_future_one(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, LIMIT_WORLD | {"operations": rows(OPERATIONS)})
    assert view(lake, "select total_credit_limit, available_credit from credit_limit_overview") == [
        ("30000.0000", "12249.0300")
    ]


def test_i5_a_limit_set_to_nothing_is_lifted(tmp_path: Path) -> None:
    lifted = rows(OPERATIONS)[0] | {"operation_id": "op-5", "occurred_at": "2026-10-05T00:00:00Z", "amount": None}
    lake = lake_of(tmp_path, LIMIT_WORLD | {"operations": [*rows(OPERATIONS), lifted]})
    assert view(lake, "select total_credit_limit, available_credit from credit_limit_overview") == [(None, None)]


@pytest.mark.parametrize(
    ("used", "before", "state"),
    [
        ("79.99", None, "ok"),
        ("80.00", None, "warning"),
        ("99.99", None, "warning"),
        ("100.00", None, "restricted"),
        ("120.00", None, "restricted"),
        ("95.00", "restricted", "restricted"),
        ("94.99", "restricted", "warning"),
        ("75.00", "warning", "warning"),
        ("75.00", "restricted", "warning"),
        ("74.99", "warning", "ok"),
        ("74.99", "restricted", "ok"),
        ("-5.00", None, "ok"),
    ],
)
def test_s0_7_a_state_is_entered_at_80_and_100_percent_and_left_five_points_below(
    tmp_path: Path, used: str, before: str | None, state: str
) -> None:
    draft = DOCUMENTS[1] | {"amount_due": used}
    world: World = {"billing_accounts": [ACME[0] | {"credit_limit": "100"}], "invoices": [draft]}
    if before:
        world["account_restrictions"] = [
            {"billing_account_id": "acme", "state": "ok", "changed_at": "2026-10-01T00:00:00Z"},
            {"billing_account_id": "acme", "state": before, "changed_at": "2026-10-02T00:00:00Z"},
        ]
    assert view(lake_of(tmp_path, world), "select state from credit_limit_overview") == [(state,)]


def test_i5_thresholds_are_policies_an_accounts_own_before_the_default(tmp_path: Path) -> None:
    policies = rows(
        """
        billing_account_id | policy         | value | valid_from | valid_until
                           | credit_warning | 0.05  | 2000-01-01 |
        acme               | credit_warning | 0.50  | 2026-01-01 | 2026-10-01
        acme               | credit_warning | 0.10  | 2026-10-01 |
        """
    )
    world = LIMIT_WORLD | {"billing_policies": policies}
    assert view(lake_of(tmp_path, world), "select state from credit_limit_overview") == [("warning",)]


def test_i5_the_account_is_read_as_of_the_head_not_of_today(tmp_path: Path) -> None:
    dated = rows(
        """
        billing_account_id | billing_currency | time_zone    | credit_limit | valid_from | valid_until
        acme               | INR              | Asia/Kolkata | 100.00       | 2026-01-01 | 2026-11-01
        acme               | INR              | Asia/Kolkata | 200.00       | 2026-11-01 |
        """
    )
    # midnight in Kolkata is 18:30 of the day before in UTC
    question = "select total_credit_limit from credit_limit_overview"
    before = lake_of(tmp_path / "before", {"billing_accounts": dated}, known_as_of="2026-10-31T18:29:59Z")
    after = lake_of(tmp_path / "after", {"billing_accounts": dated}, known_as_of="2026-10-31T18:30:00Z")
    assert (view(before, question), view(after, question)) == ([("100.0000",)], [("200.0000",)])


def test_w5_what_a_cost_policy_restricts_is_not_the_credit_limit(tmp_path: Path) -> None:
    """95 of 100 stay restricted only where the credit limit restricted them before."""
    draft = DOCUMENTS[1] | {"amount_due": "95.00"}
    world: World = {"billing_accounts": [ACME[0] | {"credit_limit": "100"}], "invoices": [draft]}
    world["account_restrictions"] = [
        {"billing_account_id": "acme", "cause": "cost_policy", "cost_policy_id": "budget", "state": "restricted"}
    ]
    assert view(lake_of(tmp_path, world), "select state from credit_limit_overview") == [("warning",)]


# --- W5: cost policies ---

POLICIES = rows(
    """
    cost_policy_id | billing_account_id | sub_account_id | measure  | sku_id | limit | period | action       | valid_from | valid_until
    budget         | acme               |                | cost     |        | 900   | month  | notify       | 2026-01-01 | 2026-10-01
    budget         | acme               |                | cost     |        | 1000  | month  | restrict_new | 2026-10-01 |
    hours          | acme               | website        | quantity | vm     | 3     | total  | notify       | 2026-10-31 |
    later          | acme               |                | cost     |        | 10    | month  | notify       | 2027-01-01 |
    """  # noqa: E501 (a table)
)
WATCHED: World = {
    "billing_accounts": ACME,
    "skus": [{"sku_id": "vm", "pricing_unit": "hour"}],
    "cost_policies": POLICIES,
    "cost_policy_measures": rows(
        """
        cost_policy_id | billing_account_id | sub_account_id | billing_period | measure  | sku_id | measured          | limit
        budget         | acme               |                | 2026-09        | cost     |        | 900               | 900
        budget         | acme               |                | 2026-10        | cost     |        | 999.99            | 1000
        hours          | acme               | website        | 2026-10        | quantity | vm     | 3.000000000000001 | 3
        """  # noqa: E501 (a table)
    ),
    "cost_policy_events": rows(
        """
        cost_policy_id | billing_account_id | sub_account_id | billing_period | known_as_of
        budget         | acme               |                | 2026-09        | 2026-10-01T00:00:00Z
        hours          | acme               | website        | 2026-10        | 2026-10-20T00:00:00Z
        """
    ),
}


def test_w5_each_cost_policy_shows_what_was_measured_last_of_its_limit(tmp_path: Path) -> None:
    """99.999 % are 99, not 100: the limit is not reached."""
    asked = "select * exclude (known_as_of, cost_position, action, period, measure) from cost_policy_states order by 1"
    assert view(lake_of(tmp_path, WATCHED), asked) == [
        (*("budget", "acme", None, None, "2026-10", "999.990000000000000", "1000.000000000000000"),
         *("INR", 99, "2026-09", "2026-10-01 00:00:00+00:00")),
        (*("hours", "acme", "website", "vm", "2026-10", "3.000000000000001", "3.000000000000000"),
         *("hour", 100, "2026-10", "2026-10-20 00:00:00+00:00")),
        ("later", "acme", None, None, None, None, "10.000000000000000", "INR", None, None, None),
    ]  # fmt: skip


def test_w5_i5_the_latest_rows_of_an_account_project_and_cause_are_in_force(tmp_path: Path) -> None:
    said = rows(
        """
        billing_account_id | sub_account_id | cause        | cost_policy_id | state      | changed_at           | used_amount | total_amount | billing_currency
        acme               |                | cost_policy  | budget         | restricted | 2026-10-10T00:00:00Z |             |              | INR
        acme               |                | cost_policy  | budget         | restricted | 2026-10-12T00:00:00Z |             |              | INR
        acme               |                | cost_policy  | other          | restricted | 2026-10-12T00:00:00Z |             |              | INR
        acme               | website        | cost_policy  | hours          | restricted | 2026-10-10T00:00:00Z |             |              | INR
        acme               | website        | cost_policy  | hours          | ok         | 2026-10-11T00:00:00Z |             |              | INR
        acme               |                | credit_limit |                | warning    | 2026-10-09T00:00:00Z | 90.00       | 100.00       | INR
        """  # noqa: E501 (a table)
    )
    lake = lake_of(tmp_path, WATCHED | {"account_restrictions": said})
    asked = 'select sub_account_id, cause, cost_policy_id, state, measured::double::int, "limit"::int, unit'
    assert view(lake, f"{asked} from current_restrictions order by all") == [
        ("website", "cost_policy", "hours", "ok", 3, 3, "hour"),
        (None, "cost_policy", "budget", "restricted", 1000, 1000, "INR"),
        (None, "cost_policy", "other", "restricted", None, None, "INR"),
        (None, "credit_limit", None, "warning", 90, 100, "INR"),
    ]


# --- S0: promo codes ---


def test_k7_a_code_is_available_accepted_used_up_or_expired_per_account(tmp_path: Path) -> None:
    accounts = rows(
        """
        billing_account_id | billing_currency | time_zone | valid_from
        acme               | EUR              | UTC       | 2026-01-01
        beta               | EUR              | UTC       | 2026-01-01
        yen                | JPY              | UTC       | 2026-01-01
        """
    )
    codes = rows(
        """
        promo_code | billing_currency | accounts | total_limit | per_account_limit | valid_from | valid_until
        OPEN       | EUR              |          |             | 1                 | 2026-01-01 |
        FULL       | EUR              |          | 1           | 1                 | 2026-01-01 |
        OVER       | EUR              |          |             | 1                 | 2026-01-01 | 2026-10-15
        ONLY       | EUR              | ["beta"] |             | 1                 | 2026-01-01 |
        TWICE      | EUR              | []       |             | 2                 | 2026-01-01 |
        LATER      | EUR              |          |             | 1                 | 2027-01-01 |
        """
    )
    taken = rows(
        """
        operation_id | operation         | billing_account_id | promo_code | status
        op-1         | accept_promo_code | acme               | FULL       | accepted
        op-2         | accept_promo_code | beta               | OPEN       | rejected
        op-3         | accept_promo_code | acme               | OVER       | accepted
        op-4         | accept_promo_code | acme               | TWICE      | accepted
        """
    )
    lake = lake_of(tmp_path, {"billing_accounts": accounts, "promo_codes": codes, "operations": taken})
    found = view(lake, "select billing_account_id, promo_code, state from promo_codes_available order by all")
    assert found == [
        ("acme", "FULL", "accepted"),
        ("acme", "OPEN", "available"),
        ("acme", "OVER", "accepted"),
        ("acme", "TWICE", "available"),
        ("beta", "FULL", "used_up"),
        ("beta", "ONLY", "available"),
        ("beta", "OPEN", "available"),
        ("beta", "OVER", "expired"),
        ("beta", "TWICE", "available"),
    ]


# --- S1: bonuses and discounts ---

GRANTS = rows(
    """
    grant_id | kind  | name         | billing_account_id | amount | window_start         | window_end           | tax_position | terminal_status
    bonus    | bonus | Launch bonus | acme               | 40.00  | 2026-10-01T00:00:00Z | 2027-01-01T00:00:00Z | before       | recovered
    paid     | paid  | Prepaid      | acme               | 100.00 | 2026-10-05T00:00:00Z |                      | after        | refunded
    old      | free  | Event credit | acme               | 10.00  | 2026-05-01T00:00:00Z | 2026-07-01T00:00:00Z | before       | recovered
    later    | free  | Next year    | acme               | 10.00  | 2027-01-01T00:00:00Z | 2027-02-01T00:00:00Z | before       | recovered
    """  # noqa: E501 (a table)
)
MOVEMENTS = rows(
    """
    movement_id | grant_id | billing_account_id | billing_period | movement | amount | occurred_at          | expense_number
    m1          | bonus    | acme               | 2026-10        | credited | 40.00  | 2026-10-01T09:00:00Z |
    m2          | bonus    | acme               | 2026-10        | charged  | -15.00 | 2026-10-31T23:00:00Z | 17
    m3          | bonus    | acme               | 2026-10        | charged  | -25.00 | 2026-10-31T23:00:00Z | 18
    m4          | paid     | acme               | 2026-10        | credited | 100.00 | 2026-10-05T10:00:00Z |
    m5          | paid     | acme               | 2026-10        | charged  | -30.00 | 2026-10-31T23:00:00Z | 19
    m6          | old      | acme               | 2026-05        | credited | 10.00  | 2026-05-01T00:00:00Z |
    m7          | old      | acme               | 2026-06        | charged  | -4.00  | 2026-06-30T00:00:00Z | 3
    m8          | old      | acme               | 2026-06        | expired  | -6.00  | 2026-07-01T00:00:00Z |
    m9          | later    | acme               | 2026-10        | credited | 10.00  | 2026-10-20T00:00:00Z |
    """  # noqa: E501 (a table)
)
GRANT_WORLD: World = {"billing_accounts": ACME, "grants": GRANTS, "grant_movements": MOVEMENTS}


def test_s1_6_the_bonus_table_says_date_signed_sum_expiration_range_and_description(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    found = view(
        lake, "select date, sum, expiration, description from bonus_credits where name = 'Launch bonus' order by all"
    )
    assert found == [
        ("2026-10-01", "40.0000", "2026-10-01 – 2026-12-31", "Credited"),
        ("2026-10-31", "-25.0000", "2026-10-01 – 2026-12-31", "Charged for expense ID 18"),
        ("2026-10-31", "-15.0000", "2026-10-01 – 2026-12-31", "Charged for expense ID 17"),
    ]


def test_s1_13_what_was_not_used_in_time_is_shown_as_expired(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    assert view(lake, "select date, sum from bonus_credits where description = 'Expired'") == [
        ("2026-07-01", "-6.0000")
    ]


def test_s1_7_days_are_those_of_the_accounts_own_calendar(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD | {"billing_accounts": [ACME[0] | {"time_zone": "Asia/Tokyo"}]})
    found = view(lake, "select date, expiration from bonus_credits where description = 'Charged for expense ID 17'")
    # 23:00 of the 31st in UTC is 08:00 of the next day in Tokyo, and the window ends at 09:00 of 1 January there
    assert found == [("2026-11-01", "2026-10-01 – 2027-01-01")]


def test_s1_7_a_charge_is_of_the_last_day_it_covers(tmp_path: Path) -> None:
    charges = rows(
        """
        charge_id | billing_account_id | charge_period_start  | charge_period_end
        month     | acme               | 2026-10-01T00:00:00Z | 2026-11-01T00:00:00Z
        instant   | acme               | 2026-10-07T00:00:00Z | 2026-10-07T00:00:00Z
        """
    )
    moved = rows(
        """
        movement_id | grant_id | billing_account_id | movement | amount | occurred_at          | charge_id
        m1          | bonus    | acme               | credited | 40.00  | 2026-10-01T00:00:00Z |
        m2          | bonus    | acme               | charged  | -15.00 | 2026-11-01T00:00:00Z | month
        m3          | bonus    | acme               | charged  | -5.00  | 2026-10-07T00:00:00Z | instant
        """
    )
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_movements": moved, "charges": charges})
    assert view(lake, "select date, sum from bonus_credits order by 1") == [
        ("2026-10-01", "40.0000"),
        ("2026-10-07", "-5.0000"),
        ("2026-10-31", "-15.0000"),
    ]


def test_s1_7_nothing_leaves_a_bonus_before_the_day_it_came(tmp_path: Path) -> None:
    """Given on 20 November for October: what October took of it, and what ended with it, is of that day."""
    moved = rows(
        """
        movement_id | grant_id | billing_account_id | movement | amount | occurred_at
        m1          | bonus    | acme               | credited | 40.00  | 2026-11-20T08:00:00Z
        m2          | bonus    | acme               | charged  | -15.00 | 2026-10-31T23:00:00Z
        m3          | bonus    | acme               | charged  | -5.00  | 2026-11-30T23:00:00Z
        m4          | bonus    | acme               | expired  | -20.00 | 2026-11-01T00:00:00Z
        m5          | paid     | acme               | charged  | -30.00 | 2026-10-31T23:00:00Z
        """
    )
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_movements": moved})
    assert view(lake, "select date, sum from bonus_credits order by all") == [
        ("2026-11-20", "-20.0000"),
        ("2026-11-20", "-15.0000"),
        ("2026-11-20", "40.0000"),
        ("2026-11-30", "-5.0000"),
    ]
    # the history of credits reads the same days; a movement whose grant the books do not show coming keeps its own
    assert view(lake, "select date from credit_history where grant_id = 'paid'") == [("2026-10-31",)]


def test_s1_10_a_bonus_says_its_status_and_expense_also_for_a_program(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    found = "select description, movement, expense_number, billing_period from bonus_credits where grant_id = 'old'"
    assert view(lake, f"{found} order by date") == [
        ("Credited", "credited", None, "2026-05"),
        ("Charged for expense ID 3", "charged", 3, "2026-06"),
        ("Expired", "expired", None, "2026-06"),
    ]


def test_s1_3_credit_that_pays_after_tax_is_no_bonus(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    assert view(lake, "select count(*) from bonus_credits where grant_id = 'paid'") == [(0,)]


def test_d1_a_discount_is_scheduled_active_or_expired_as_of_the_head(tmp_path: Path) -> None:
    discounts = rows(
        """
        discount_id | kind    | value | billing_currency | service | valid_from | valid_until
        past        | percent | 10    |                  | Cloud   | 2026-01-01 | 2026-11-01
        now         | percent | 12.5  |                  | CDN     | 2026-11-01 |
        next        | fixed   | 20    | EUR              |         | 2026-11-02 |
        """
    )
    lake = lake_of(tmp_path, {"billing_accounts": ACME, "discounts": discounts})
    found = view(lake, "select discount_id, value, service, status from active_discounts order by 1")
    assert found == [
        ("next", "20 EUR", None, "scheduled"),
        ("now", "12.5 %", "CDN", "active"),
        ("past", "10 %", "Cloud", "expired"),
    ]


def test_d1_a_discount_by_promo_code_is_of_who_accepted_it_from_what_opened_to_what_ends_first(tmp_path: Path) -> None:
    """In Berlin the two instants of bolt are midnights; 8 EUR are not for acme, which is billed in INR."""
    bolt = ACME[0] | {"billing_account_id": "bolt", "billing_currency": "EUR", "time_zone": "Europe/Berlin"}
    discounts = rows(
        """
        discount_id | kind    | value | billing_currency | valid_from | valid_until | promo_code
        fifteen     | percent | 15    |                  | 2026-09-01 | 2026-11-11  | CODE
        eight       | fixed   | 8     | EUR              | 2026-09-01 |             | CODE
        summer      | percent | 5     |                  | 2026-06-01 | 2026-09-01  | CODE
        unknown     | percent | 50    |                  | 2026-09-01 |             | OTHER
        """
    )
    operations = rows(
        """
        operation_id | operation         | billing_account_id | promo_code | window_start                | window_end                  | status
        by-acme      | accept_promo_code | acme               | CODE       | 2026-10-01T08:00:00.000000Z |                             | accepted
        by-bolt      | accept_promo_code | bolt               | CODE       | 2026-09-30T22:00:00.000000Z | 2026-10-31T23:00:00.000000Z | accepted
        refused      | accept_promo_code | bolt               | OTHER      | 2026-09-30T22:00:00.000000Z |                             | rejected
        """  # noqa: E501 (a table)
    )
    lake = lake_of(tmp_path, {"billing_accounts": [ACME[0], bolt], "discounts": discounts, "operations": operations})
    found = "select billing_account_id, discount_id, valid_from, valid_until, status from active_discounts order by all"
    assert view(lake, found) == [
        ("acme", "fifteen", "2026-10-01T08:00:00.000000Z", "2026-11-10", "active"),
        ("bolt", "eight", "2026-10-01", "2026-10-31", "expired"),
        ("bolt", "fifteen", "2026-10-01", "2026-10-31", "expired"),
    ]


def test_d2_an_amount_off_in_another_currency_than_the_accounts_is_not_the_accounts(tmp_path: Path) -> None:
    discounts = rows(
        """
        discount_id | kind  | value | billing_currency | billing_account_id | valid_from
        euros       | fixed | 8     | EUR              | acme               | 2026-01-01
        rupees      | fixed | 8     | INR              | acme               | 2026-01-01
        """
    )
    lake = lake_of(tmp_path, {"billing_accounts": ACME, "discounts": discounts})
    assert view(lake, "select discount_id from active_discounts") == [("rupees",)]


def test_s1_24_an_end_day_is_shown_as_people_write_it_and_an_end_instant_as_it_is(tmp_path: Path) -> None:
    """The tables hold the day after the last one."""
    dated = rows(
        """
        valid_from | valid_until
        2026-01-01 | 2027-01-01
        2026-01-02 | 2026-12-31T10:00:00.000000Z
        2026-01-03 |
        """
    )
    discounts = [row | {"discount_id": f"d{at}", "kind": "percent", "value": "5"} for at, row in enumerate(dated)]
    codes = [row | {"promo_code": f"C{at}"} for at, row in enumerate(dated)]
    lake = lake_of(tmp_path, {"billing_accounts": ACME, "discounts": discounts, "promo_codes": codes})
    shown = [("2026-12-31",), ("2026-12-31T10:00:00.000000Z",), (None,)]
    assert view(lake, "select valid_until from active_discounts order by discount_id") == shown
    assert view(lake, "select valid_until from promo_codes_available order by promo_code") == shown


# --- grants ---


def test_k2_a_grant_is_available_scheduled_used_up_or_expired_by_what_took_its_rest(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    found = view(
        lake,
        "select grant_id, granted_amount, used_amount, expired_amount, balance, status from grant_balances order by 1",
    )
    assert found == [
        ("bonus", "40.0000", "40.0000", "0.0000", "0.0000", "used_up"),
        ("later", "10.0000", "0.0000", "0.0000", "10.0000", "scheduled"),
        ("old", "10.0000", "4.0000", "6.0000", "0.0000", "expired"),
        ("paid", "100.0000", "30.0000", "0.0000", "70.0000", "available"),
    ]


@pytest.mark.parametrize("word", ["recovered", "refunded"])
def test_k2_a_grant_that_was_taken_back_says_so(tmp_path: Path, word: str) -> None:
    taken = MOVEMENTS[7] | {"movement": word}
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_movements": [*MOVEMENTS[:7], taken, MOVEMENTS[8]]})
    assert view(lake, "select status from grant_balances where grant_id = 'old'") == [(word,)]


def test_k2_what_was_recovered_for_a_time_before_its_last_use_is_recovered(tmp_path: Path) -> None:
    """Recovered as of a day before the charge that it had paid by then: the recovery took the rest."""
    taken = MOVEMENTS[7] | {"movement": "recovered", "occurred_at": "2026-01-02T00:00:00Z"}
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_movements": [*MOVEMENTS[:7], taken, MOVEMENTS[8]]})
    assert view(lake, "select balance, status from grant_balances where grant_id = 'old'") == [("0.0000", "recovered")]


def test_k2_a_bonus_given_after_the_time_it_paid_for_is_used_up(tmp_path: Path) -> None:
    late = MOVEMENTS[0] | {"occurred_at": "2026-11-20T00:00:00Z"}
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_movements": [late, *MOVEMENTS[1:]]})
    assert view(lake, "select balance, status from grant_balances where grant_id = 'bonus'") == [("0.0000", "used_up")]


def test_s3_14_and_26_the_pages_of_free_and_of_paid_credits(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, GRANT_WORLD)
    free = """select name, usage_period, accumulated_amount, used_amount, remaining_amount, status
        from free_credits order by 1"""
    paid = """select name, purchase_date, purchase_amount, used_amount, remaining_amount, usage_period, status
        from paid_credits"""
    assert view(lake, free) == [
        ("Launch bonus", "2026-10-01 – 2026-12-31", "40.0000", "40.0000", "0.0000", "used_up"),
        ("Next year", "2027-01-01 – 2027-01-31", "10.0000", "0.0000", "10.0000", "scheduled"),
    ]
    assert view(lake, paid) == [
        ("Prepaid", "2026-10-01", "100.0000", "30.0000", "70.0000", "2026-10-05 – open", "available")
    ]


def test_s1_3_credit_that_was_bought_is_no_bonus_also_where_it_is_spent_before_tax(tmp_path: Path) -> None:
    before = [row | {"tax_position": "before"} for row in GRANTS]
    lake = lake_of(tmp_path, GRANT_WORLD | {"grants": before})
    assert view(lake, "select distinct name from bonus_credits order by 1") == [
        ("Event credit",),
        ("Launch bonus",),
        ("Next year",),
    ]


def test_s3_14_the_free_page_names_services_and_writes_any_other_term_out(tmp_path: Path) -> None:
    limited = [GRANTS[0] | {"include": '["service:Cloud", "service:CDN", "region:eu-1"]'}, *GRANTS[1:]]
    lake = lake_of(tmp_path, GRANT_WORLD | {"grants": limited})
    assert view(lake, "select name, services from free_credits order by 1") == [
        ("Launch bonus", "['Cloud', 'CDN', 'region:eu-1']"),
        ("Next year", "[]"),
    ]


def test_s3_19_the_history_names_the_credit_and_the_service_it_paid(tmp_path: Path) -> None:
    charges = [{"charge_id": "c17", "service": "Cloud"}, {"charge_id": "c18", "service": "CDN"}]
    paid = [row | {"charge_id": f"c{row['expense_number']}"} for row in MOVEMENTS[1:3]]
    lake = lake_of(tmp_path, GRANT_WORLD | {"charges": charges, "grant_movements": [MOVEMENTS[0], *paid]})
    assert view(lake, "select name, type, amount, service from credit_history order by amount desc") == [
        ("Launch bonus", "Accumulation", "40.0000", None),
        ("Launch bonus", "Use", "-15.0000", "Cloud"),
        ("Launch bonus", "Use", "-25.0000", "CDN"),
    ]


def test_k6_an_expired_credit_is_seen_for_three_months_less_an_instant(tmp_path: Path) -> None:
    question = "select used_amount, remaining_amount from free_credits where name = 'Event credit'"
    last = lake_of(tmp_path / "last", GRANT_WORLD, known_as_of="2026-09-30T23:59:59Z")
    gone = lake_of(tmp_path / "gone", GRANT_WORLD, known_as_of="2026-10-01T00:00:00Z")
    assert view(last, question) == [("10.0000", "0.0000")]  # S3.16: the expired part counts as used
    assert view(gone, question) == []


def test_k6_how_long_it_is_seen_is_data_of_its_kind(tmp_path: Path) -> None:
    kinds = [{"kind": "free", "visible_months": "5", "valid_from": "2000-01-01"}]
    lake = lake_of(tmp_path, GRANT_WORLD | {"grant_kinds": kinds})
    assert view(lake, "select name from free_credits where status = 'expired'") == [("Event credit",)]


def test_s3_22_a_transfer_names_the_other_account_on_both_sides(tmp_path: Path) -> None:
    sent = rows(
        """
        movement_id | grant_id | billing_account_id | movement              | amount | counter_grant_id
        t0          | from     | acme               | credited              | 50.00  |
        t1          | from     | acme               | transfer_deduction    | -20.00 | to
        t2          | to       | labs               | transfer_accumulation | 20.00  | from
        """
    )
    grants = [
        {"grant_id": "from", "billing_account_id": "acme", "amount": "50.00"},
        {"grant_id": "to", "billing_account_id": "labs", "amount": "20.00"},
    ]
    accounts = [*ACME, ACME[0] | {"billing_account_id": "labs"}]
    lake = lake_of(tmp_path, {"billing_accounts": accounts, "grants": grants, "grant_movements": sent})
    found = view(lake, "select billing_account_id, type, amount, target_account_id from credit_history order by 1, 2")
    assert found == [
        ("acme", "Accumulation", "50.0000", None),
        ("acme", "Transfer Deduction", "-20.0000", "labs"),
        ("labs", "Transfer Accumulation", "20.0000", "acme"),
    ]


def test_s2_11_organization_credit_shows_what_it_gave_on_and_project_credit_where_it_came_from(tmp_path: Path) -> None:
    grants = rows(
        """
        grant_id | kind         | billing_account_id | sub_account_id | amount | logic | monthly_value | from_grant_id
        org      | organization | acme               |                | 1000   | fixed | 150           |
        child    | project      | acme               | website        | 200    | none  |               | org
        """
    )
    moved = rows(
        """
        movement_id | grant_id | billing_account_id | movement              | amount | counter_grant_id
        m1          | org      | acme               | credited              | 1000   |
        m2          | org      | acme               | allocated             | -200   | child
        m3          | org      | acme               | charged               | -100   |
        m4          | org      | acme               | minimum_consumption   | -50    |
        m5          | child    | acme               | credited              | 200    | org
        m6          | child    | acme               | charged               | -50    |
        """
    )
    switched = rows(
        """
        operation_id | operation           | billing_account_id | sub_account_id | occurred_at          | use_organization_credit | status
        op-1         | allocate_to_project | acme               | website        | 2026-10-01T00:00:00Z | true                    | accepted
        op-2         | allocate_to_project | acme               | website        | 2026-10-02T00:00:00Z | false                   | accepted
        op-3         | allocate_to_project | acme               | website        | 2026-10-03T00:00:00Z | true                    | rejected
        """  # noqa: E501 (a table)
    )
    world: World = {"billing_accounts": ACME, "grants": grants, "grant_movements": moved, "operations": switched}
    lake = lake_of(tmp_path, world)
    organization = """
        select granted_amount, used_amount, allocated_amount, minimum_consumption_amount, balance, logic, floor_amount
        from organization_credits"""
    project = """
        select sub_account_id, organization_grant_id, allocated_amount, used_amount, balance, use_organization_credit
        from project_credits"""
    assert view(lake, organization) == [
        ("1000.0000", "100.0000", "200.0000", "50.0000", "650.0000", "fixed", "150.0000")
    ]
    assert view(lake, project) == [("website", "org", "200.0000", "50.0000", "150.0000", False)]


@pytest.mark.parametrize(
    ("until", "floor"),
    [
        ("2026-10-14T23:59:59Z", "33.3330"),  # the month that it begins in, not its first day
        ("2026-11-01T00:00:00Z", "33.3330"),
        ("2026-12-31T23:59:59Z", "33.3340"),
        ("2027-01-01T00:00:00Z", "0.0000"),
        ("2026-09-30T23:59:59Z", "0.0000"),
    ],
)
def test_w1_the_floor_of_a_linear_credit_is_its_part_of_the_current_month(
    tmp_path: Path, until: str, floor: str
) -> None:
    """100.000 from 15 October to 15 January is 33.333, 33.333 and 33.334 for October, November and December."""
    grants = rows(
        """
        kind         | billing_account_id | amount | billing_currency | logic  | window_start         | window_end
        organization | acme               | 100    | BHD              | linear | 2026-10-15T00:00:00Z | 2027-01-15T00:00:00Z
        """  # noqa: E501 (a table)
    )
    currencies = [{"billing_currency": "BHD", "exponent": "3", "valid_from": "2000-01-01"}]
    world: World = {"billing_accounts": ACME, "grants": grants, "currencies": currencies}
    lake = lake_of(tmp_path, world, known_as_of=until)
    assert view(lake, "select floor_amount from organization_credits") == [(floor,)]


def test_w1_a_credit_that_was_recovered_has_no_floor_after_that_month(tmp_path: Path) -> None:
    grants = [{"grant_id": "org", "kind": "organization", "amount": "100", "logic": "fixed", "monthly_value": "10"}]
    ended = rows(
        """
        operation_id | operation      | grant_id | occurred_at          | status
        op-1         | recover_credit | org      | 2026-10-20T00:00:00Z | accepted
        """
    )
    world: World = {"billing_accounts": ACME, "grants": grants, "operations": ended}
    in_october = lake_of(tmp_path / "october", world, known_as_of="2026-10-31T00:00:00Z")
    in_november = lake_of(tmp_path / "november", world, known_as_of="2026-11-01T00:00:00Z")
    assert view(in_october, "select floor_amount from organization_credits") == [("10.0000",)]
    assert view(in_november, "select floor_amount from organization_credits") == [("0.0000",)]


def test_w4_the_switch_of_an_allocation_shows_before_its_month_is_billed(tmp_path: Path) -> None:
    """Billed up to 1 November; on the 5th the project gets credit that begins on the 3rd, with the switch on."""
    given = rows(
        """
        grant_id | kind    | billing_account_id | sub_account_id | amount | window_start
        child    | project | acme               | website        | 200    | 2026-11-03T00:00:00Z
        """
    )
    credited = [{"movement_id": "m1", "grant_id": "child", "movement": "credited", "amount": "200"}]
    switched = rows(
        """
        operation_id | operation           | billing_account_id | sub_account_id | occurred_at          | recorded_at          | use_organization_credit | status
        op-1         | allocate_to_project | acme               | website        | 2026-11-05T00:00:00Z | 2026-11-05T00:00:00Z | true                    | accepted
        """  # noqa: E501 (a table)
    )
    world: World = {
        "billing_accounts": ACME,
        "grants": given,
        "grant_movements": credited,
        "operations": switched,
    }
    lake = lake_of(tmp_path, world, known_as_of="2026-11-01T00:00:00Z")
    assert view(lake, "select use_organization_credit, status from project_credits") == [(True, "available")]


def test_w2_a_floor_is_of_the_last_day_of_its_month(tmp_path: Path) -> None:
    """The month ends with the first instant of November, which is no day of October's."""
    grants = [{"grant_id": "org", "kind": "organization", "billing_account_id": "acme", "tax_position": "before"}]
    moved = rows(
        """
        movement_id | grant_id | billing_account_id | movement            | amount | occurred_at
        m1          | org      | acme               | credited            | 100    | 2026-10-01T09:00:00Z
        m2          | org      | acme               | minimum_consumption | -50    | 2026-11-01T00:00:00Z
        """
    )
    lake = lake_of(tmp_path, {"billing_accounts": ACME, "grants": grants, "grant_movements": moved})
    assert view(lake, "select date, type from credit_history order by date") == [
        ("2026-10-01", "Accumulation"),
        ("2026-10-31", "Minimum Consumption"),
    ]


def test_w4_what_a_project_cost_is_paid_by_its_own_credit_its_organizations_other_credit_and_the_invoice(
    tmp_path: Path,
) -> None:
    """website: 100 + 60 are 10 off, 70 of its own, 30 of the organization's, 20 of a bonus: 160 − 130 = 30 are left.

    Credit after tax pays of the invoice, so it is none of these; what belongs to no project stands by itself.
    """
    charges = rows(
        """
        charge_id | billing_account_id | sub_account_id | billing_period | list_cost | billing_currency
        c1        | acme               | website        | 2026-10        | 100       | INR
        c2        | acme               | website        | 2026-10        | 60        | INR
        c3        | acme               |                | 2026-10        | 5         | INR
        c4        | acme               | website        | 2026-11        | 7         | INR
        """
    )
    grants = rows(
        """
        grant_id | kind         | billing_account_id | sub_account_id
        own      | project      | acme               | website
        org      | organization | acme               |
        bonus    | bonus        | acme               |
        paid     | paid         | acme               |
        """
    )
    lowered = rows(
        """
        charge_id | allocation_kind | tax_position | source_id | amount
        c1        | discount        | before       | autumn    | 6
        c1        | cap             | before       | most      | 4
        c1        | grant           | before       | own       | 70
        c2        | grant           | before       | org       | 30
        c2        | grant           | before       | bonus     | 20
        c2        | grant           | after        | paid      | 10
        c3        | grant           | before       | org       | 5
        """
    )
    world: World = {"billing_accounts": ACME, "charges": charges, "grants": grants, "allocations": lowered}
    asked = """
        select billing_period, sub_account_id, list_cost::int, discount_amount::int, project_credit_amount::int,
          organization_credit_amount::int, other_credit_amount::int, invoiced_amount::int
        from project_costs order by 1, 2 nulls last"""
    assert view(lake_of(tmp_path, world), asked) == [
        ("2026-10", "website", 160, 10, 70, 30, 20, 30),
        ("2026-10", None, 5, 0, 0, 5, 0, 0),
        ("2026-11", "website", 7, 0, 0, 0, 0, 7),
    ]


# --- usage ---

SERIES = rows(
    """
    series_id | billing_account_id | sub_account_id | resource_id | sku_id | region_id | consumed_unit
    1         | acme               | website        | vm-1        | vm     | eu        | hour
    2         | acme               | website        | vm-2        | vm     | eu        | hour
    """
)


def used(lake: Lake, run_id: str, drawn: str, *, scale: int, period: str = "2026-10") -> None:
    """Commit usage in a decimal of its own, as ingest does."""
    quantity = pl.col("consumed_quantity").cast(pl.Decimal(18, scale) if scale < 15 else pl.Decimal(38, 15))
    staged = lake.staging_path("usage.parquet")
    frame("stored_usage", rows(drawn)).with_columns(quantity).write_parquet(staged)
    partition = {"billing_period": period, "bucket": "00"}
    entry = lake.adopt_file("stored_usage", staged, name=run_id, partition=partition)
    lake.commit(lake.head(), run_id=run_id, command="ingest", inputs={}, added=[entry])


@pytest.fixture
def usage_lake(tmp_path: Path) -> Lake:
    lake = lake_of(tmp_path, {"billing_accounts": ACME, "usage_series": SERIES})
    narrow = """
        series_id | usage_record_id | charge_period_start  | charge_period_end    | consumed_quantity | tags
        1         | u1              | 2026-10-01T00:00:00Z | 2026-10-01T01:00:00Z | 1.5               | {"env": "prod"}
        2         | u2              | 2026-10-20T00:00:00Z | 2026-10-20T01:00:00Z | 2.25              |
    """
    wide = """
        series_id | usage_record_id | charge_period_start  | charge_period_end    | consumed_quantity
        1         | u3              | 2026-10-21T00:00:00Z | 2026-10-21T01:00:00Z | 0.000000000000001
    """
    november = """
        series_id | usage_record_id | charge_period_start  | charge_period_end    | consumed_quantity
        1         | u4              | 2026-11-01T00:00:00Z | 2026-11-01T01:00:00Z | 7
    """
    used(lake, "i1", narrow, scale=2)
    used(lake, "i2", wide, scale=15)
    used(lake, "i3", november, scale=0, period="2026-11")
    return lake


def test_usage_of_different_decimals_is_one_wide_table_and_loses_no_digit(usage_lake: Lake) -> None:
    found = view(
        usage_lake,
        "select usage_record_id, billing_account_id, resource_id, consumed_quantity, consumed_unit, tags['env'] "
        "from usage_records order by 1",
    )
    assert found == [
        ("u1", "acme", "vm-1", "1.500000000000000", "hour", "prod"),
        ("u2", "acme", "vm-2", "2.250000000000000", "hour", None),
        ("u3", "acme", "vm-1", "1E-15", "hour", None),
        ("u4", "acme", "vm-1", "7.000000000000000", "hour", None),
    ]


def test_usage_by_month_adds_up_over_resources_and_deliveries(usage_lake: Lake) -> None:
    question = "select billing_period, sku_id, consumed_quantity, record_count from usage_by_month order by 1"
    assert view(usage_lake, question) == [
        ("2026-10", "vm", "3.750000000000001", 3),
        ("2026-11", "vm", "7.000000000000000", 1),
    ]


def test_an_audit_of_one_month_reads_the_usage_of_that_month_only(usage_lake: Lake) -> None:
    with connect(usage_lake, usage_periods=["2026-11"]) as connection:
        assert connection.sql("select usage_record_id from usage_records").fetchall() == [("u4",)]
        assert connection.sql("select billing_period from usage_by_month").fetchall() == [("2026-11",)]


def test_tags_are_a_map_whoever_wrote_them(usage_lake: Lake) -> None:
    staged = usage_lake.staging_path("usage.parquet")
    with connect(usage_lake) as connection:
        rows_of = "select * replace ('u5' as usage_record_id, map {'env': 'test'} as tags) from stored_usage limit 1"
        connection.execute(f"copy ({rows_of}) to '{staged}' (format parquet)")
    partition = {"billing_period": "2026-10", "bucket": "00"}
    entry = usage_lake.adopt_file("stored_usage", staged, name="i4", partition=partition)
    assert entry.types["tags"] == "MAP(VARCHAR, VARCHAR)"
    usage_lake.commit(usage_lake.head(), run_id="i4", command="ingest", inputs={}, added=[entry])
    found = view(usage_lake, "select usage_record_id, tags['env'] from usage_records where tags is not null order by 1")
    assert found == [("u1", "prod"), ("u5", "test")]
    tags = usage_lake.snapshot().read("usage_records").filter(pl.col("usage_record_id") == "u5")["tags"][0]
    assert tags.to_list() == [{"key": "env", "value": "test"}]


# --- the rest ---


def test_u6_a_reject_is_shown_as_it_stands_now(tmp_path: Path) -> None:
    waiting = rows(
        """
        reject_id | reason_code   | status
        a         | R_UNKNOWN_SKU | waiting
        b         | R_UNKNOWN_SKU | waiting
        c         | R_BAD_NUMBER  | waiting
        """
    )
    lake = lake_of(tmp_path, {"rejects": waiting})
    again = rows(
        """
        reject_id | reason_code   | status
        a         | R_UNKNOWN_SKU | relanded
        b         | R_UNKNOWN_SKU | relanded
        b         | R_FUTURE      | waiting
        """
    )
    entry = lake.write_table("rejects", frame("rejects", again), run_id="r2")
    lake.commit(lake.head(), run_id="r2", command="ingest", inputs={}, added=[entry])
    question = "select reject_id, reason_code, status from rejects order by 1"
    assert view(lake, question) == [
        ("a", "R_UNKNOWN_SKU", "relanded"),
        ("b", "R_FUTURE", "waiting"),
        ("c", "R_BAD_NUMBER", "waiting"),
    ]
    with connect(lake, lake.snapshot(1)) as connection:
        assert connection.sql("select distinct status from rejects").fetchall() == [("waiting",)]


def test_b1_the_trial_balance_adds_up_debits_and_credits(tmp_path: Path) -> None:
    entries = rows(
        """
        transaction_id | entry_number | ledger_account | billing_currency | amount
        t1             | 1            | receivable     | EUR              | 24.00
        t1             | 2            | revenue/Cloud  | EUR              | -24.00
        t2             | 1            | cash           | EUR              | 10.00
        t2             | 2            | receivable     | EUR              | -10.00
        """
    )
    lake = lake_of(tmp_path, {"ledger_entries": entries})
    assert view(lake, "from trial_balance order by 1") == [
        ("cash", "EUR", "10.0000", "0.0000", "10.0000"),
        ("receivable", "EUR", "24.0000", "10.0000", "14.0000"),
        ("revenue/Cloud", "EUR", "0.0000", "24.0000", "-24.0000"),
    ]


def test_runs_show_the_journal(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"billing_accounts": ACME})
    question = """
        select commit_number, run_id, command, billing_period, known_as_of::varchar, reference_digest, rows_added,
            files_added, commit_hash
        from runs"""
    assert view(lake, question) == [
        (0, "genesis", "init", None, None, None, 0, 0, lake.commits()[0].hash),
        (1, "r1", "bill", "2026-10", "2026-11-01 00:00:00+00", "d1", 1, 1, lake.head().hash),
    ]


@pytest.fixture(scope="module")
def full_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    world = LIMIT_WORLD | GRANT_WORLD | {"usage_series": SERIES, "operations": rows(OPERATIONS)}
    return lake_of(tmp_path_factory.mktemp("full"), world)


@pytest.fixture(scope="module", params=["filled", "empty"])
def connection(
    request: pytest.FixtureRequest, full_lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    is_filled = request.param == "filled"
    lake = full_lake if is_filled else Lake.create(tmp_path_factory.mktemp("empty") / "lake")
    with connect(lake) as opened:
        yield opened


@pytest.mark.parametrize("name", [*VIEWS, *TABLES])
def test_each_view_has_the_columns_and_types_its_schema_says_also_when_empty(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    declared = tables.instances((VIEWS | TABLES)[name].columns())
    seen_as_map = {name: pl.Map(pl.String(), pl.String()) for name, dtype in declared.items() if dtype == Tags}
    assert dict(connection.sql(f"from {name}").pl().schema) == declared | seen_as_map


@pytest.mark.parametrize("query", [*queries("views"), *queries("invariants")], ids=lambda query: query.name)
def test_the_header_of_a_query_says_what_it_reads_and_is_named_like_its_file(query: Query) -> None:
    text = re.sub(r"--[^\n]*|distinct from", "", query.text)
    own = set(re.findall(r"(?:with|,)\s+(\w+) as \(", text))
    found = {name.removeprefix("main.") for name in re.findall(r"\b(?:from|join)\s+([a-z_.]+)", text)} - own
    assert query.text.startswith(f"-- {query.name}: ")
    assert found == set(query.reads)
    assert query.of is None or query.of.split()[0] in found


def test_every_view_of_the_rule_book_is_there() -> None:
    named = {
        "credit_limit_overview", "promo_codes_available", "bonus_credits", "active_discounts", "organization_credits",
        "project_credits", "free_credits", "paid_credits", "credit_history", "invoices", "invoice_lines",
        "grant_balances", "account_restrictions", "cost_policy_events", "ledger_entries", "trial_balance", "rejects",
        "operations", "runs",
    }  # fmt: skip
    assert named <= VIEWS.keys() | TABLES.keys()
    assert VIEWS.keys() <= {query.name for query in queries("views")}


# --- the published database ---


def test_publish_writes_views_only_that_answer_in_any_time_zone(full_lake: Lake) -> None:
    path = publish(full_lake)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.sql("select count(*) from duckdb_tables()").fetchall() == [(0,)]
        connection.execute("set timezone = 'America/St_Johns'")
        assert connection.sql(FIGURES).fetchall()[0][5] == "ok"
        dates = "select date from bonus_credits where description = 'Charged for expense ID 17'"
        assert str(connection.sql(dates).fetchall()[0][0]) == "2026-10-31"
        stored = "select tags['storage_version'] from duckdb_databases() where database_name = 'billing'"
        assert connection.sql(stored).fetchall() == [("v1.2.0+",)]


def test_the_published_database_can_be_attached_under_any_name(full_lake: Lake) -> None:
    path = publish(full_lake)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as books (read_only)")
        for name in VIEWS:
            connection.sql(f"from books.{name}").fetchall()
        assert len(connection.sql("from books.runs").fetchall()) == 2


def test_publishing_again_leaves_an_open_reader_its_view_and_gives_the_next_one_the_new(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, LIMIT_WORLD)
    path = publish(lake)
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.sql("select max(commit_number) from runs").fetchall() == [(1,)]
        lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[])
        publish(lake)
        assert reader.sql("select max(commit_number) from runs").fetchall() == [(1,)]
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.sql("select max(commit_number) from runs").fetchall() == [(2,)]
    assert lake.store.staged_files() == []


@pytest.mark.parametrize("name", ["a[b]c", "it's", "st*r", "que?ry", "sp ace"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    lake = lake_of(tmp_path / name, LIMIT_WORLD)
    assert view(lake, "select used_credit_limit from credit_limit_overview") == [("17750.9700",)]
    assert lake.snapshot().read("invoices").height == 2


def test_a_column_that_a_folder_name_seems_to_hold_is_read_from_the_file(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "billing_period=1999-01")
    entry = lake.write_table(
        "holds", frame("holds", [{"billing_period": "2026-10"}]), run_id="r1", partition={"billing_period": "2030-12"}
    )
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[entry])
    assert view(lake, "select billing_period from holds") == [("2026-10",)]
    assert lake.snapshot().read("holds")["billing_period"].to_list() == ["2026-10"]


# --- what DuckDB shows of the database itself ---


def test_the_published_database_says_what_each_view_and_column_is(tmp_path: Path) -> None:
    with duckdb.connect(str(publish(lake_of(tmp_path, LIMIT_WORLD))), read_only=True) as connection:
        own = "from {}() where database_name = current_database() and schema_name = 'main' and not internal"
        views = dict(connection.sql(f"select view_name, comment {own.format('duckdb_views')}").fetchall())
        said = connection.sql(f"select table_name, column_name, comment {own.format('duckdb_columns')}").fetchall()
    assert {name for name, comment in views.items() if comment} == {*TABLES, *VIEWS}
    columns = {(table, column): comment for table, column, comment in said}
    assert {key for key, comment in columns.items() if not comment} == set()
    assert views["trial_balance"].startswith("The ledger, added up per account of the chart. One row per ")
    assert columns["invoices", "document_state"] == "how final it is; one of month_to_date, draft, issued"
    assert columns["invoices", "amount_due"].endswith("[billing_currency]")
