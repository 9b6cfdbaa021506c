"""Waldur: credit of organizations and projects, shown on the world of `data/examples/waldur` after its page was walked.

An hour of a core is 0.10, of an accelerator 2.00 (both `cluster`), a terabyte of disk 10.00 a month (`storage`).

    university    2,000.00, fixed 200.00 a month, `cluster`; from November 600.00 more, fixed 50.00
    observatory   1,000.00, linear from 15 September to 15 December: 333.33, 333.33 and 333.34; both services

    used                  September   October   November   December
    climate    cluster        80.00    450.00      80.00     900.00    from October 500.00 of its own, switch on
    genome     cluster        40.00    160.00      20.00               from October 100.00 of its own, switch off
    teaching   cluster                  40.00      30.00     200.00    nothing of its own
    teaching   storage        30.00     30.00      30.00      30.00
    observatory              100.00    400.00     100.00      50.00
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from flows.export import export
from tests.systems.told import Told

pytestmark = pytest.mark.xdist_group("waldur")

D = Decimal
FIRST, FURTHER, LINEAR = "university-credit", "further-credit", "observatory-credit"
SEP, OCT, NOV, DEC = "2026-09", "2026-10", "2026-11", "2026-12"


def moved(waldur: Told, grant_id: str, movement: str) -> list[tuple[str, Decimal]]:
    """What each month did to a grant, by one word."""
    return waldur.rows(
        "select billing_period, sum(amount) from grant_movements "
        f"where grant_id = '{grant_id}' and movement = '{movement}' group by all order by 1"
    )


def left_after_each_month(waldur: Told, *grant_ids: str) -> list[tuple[str, Decimal]]:
    """What grants together hold at the end of each month; what goes from one to the other stays."""
    names = ", ".join(f"'{one}'" for one in grant_ids)
    return waldur.rows(
        "with months as (select billing_period, sum(amount) as moved from grant_movements "
        f"where grant_id in ({names}) group by billing_period) "
        "select billing_period, sum(moved) over (order by billing_period) from months order by 1"
    )


def costs(waldur: Told, project: str) -> list[tuple[str, Decimal, Decimal, Decimal, Decimal]]:
    """Month, list cost, paid by the project's credit, by its organization's, and invoiced."""
    return waldur.rows(
        "select billing_period, list_cost, project_credit_amount, organization_credit_amount, invoiced_amount "
        f"from project_costs where sub_account_id = '{project}' order by 1"
    )


def decided(waldur: Told, operation: str) -> list[tuple[str, str, str | None]]:
    """Who asked for an operation, and what was decided."""
    return waldur.rows(
        f"select actor, status, reason_code from operations where operation = '{operation}' order by occurred_at"
    )


def utc(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def commit_of(waldur: Told, operation_id: str) -> int:
    """The commit that an operation came with."""
    ((number,),) = waldur.rows(f"select commit_number from internal.operations where operation_id = '{operation_id}'")
    return int(number)


# --- an organization's credit ---


def test_s2_1_an_organization_has_credit_that_pays_for_eligible_services(waldur: Told) -> None:
    """September: the university's 80.00 + 40.00 of the cluster, the observatory's 100.00."""
    credit = "select billing_account_id, sum(granted_amount) from organization_credits group by 1 order by 1"
    assert waldur.rows(credit) == [("observatory", D(1000)), ("university", D(2600))]
    paid = """
        select grants.name, charges.service, sum(allocations.amount)
        from allocations join charges using (charge_id) join grants on source_id = grant_id
        where charges.billing_period = '2026-09' group by all order by 1"""
    assert waldur.rows(paid) == [("Science credit", "cluster", D(120)), ("Sky survey", "cluster", D(100))]


def test_s2_4_only_staff_give_credit_to_organizations(waldur: Told) -> None:
    """An owner, support and a member were refused, and of what they asked for there is no credit."""
    assert decided(waldur, "grant_credit") == [
        ("sofia", "accepted", None),
        ("sofia", "accepted", None),
        ("olga", "rejected", "O_FORBIDDEN"),
        ("sam", "rejected", "O_FORBIDDEN"),
        ("max", "rejected", "O_FORBIDDEN"),
        ("sofia", "accepted", None),
    ]
    assert waldur.rows("select grant_id from organization_credits order by 1") == [(FURTHER,), (LINEAR,), (FIRST,)]
    assert waldur.rows("select count(*) from grant_movements where grant_id like 'by-%'") == [(0,)]


def test_s2_5_staff_see_an_overview_of_given_credits_and_can_add_one(waldur: Told) -> None:
    """Before the further credit: 1,000 − 500 − 233.33 and 2,000 − 120 − 80 − 600 − 40, as used and taken by October."""
    overview = (
        "select grant_id, granted_amount, used_amount, allocated_amount, minimum_consumption_amount, balance, status "
        "from organization_credits order by 1"
    )
    added = commit_of(waldur, FURTHER)
    before = [
        (LINEAR, D(1000), D(500), D(0), D("233.33"), D("266.67"), "available"),
        (FIRST, D(2000), D(160), D(600), D(80), D(1160), "available"),
    ]
    assert waldur.rows(overview, as_of=added - 1) == before
    assert waldur.rows(overview, as_of=added) == [(FURTHER, D(600), D(0), D(0), D(0), D(600), "available"), *before]


def test_s2_6_a_credit_names_organization_offerings_value_and_consumption_logic(waldur: Told) -> None:
    said = """
        select billing_account_id, include, granted_amount, logic, monthly_value
        from organization_credits order by grant_id"""
    assert waldur.rows(said) == [
        ("university", ["service:cluster"], D(600), "fixed", D(50)),
        ("observatory", ["service:cluster", "service:storage"], D(1000), "linear", None),
        ("university", ["service:cluster"], D(2000), "fixed", D(200)),
    ]
    assert "\nobservatory  Sky survey  linear  333.33  1,000.00 " in waldur.says


def test_s2_7_usage_outside_the_offerings_is_not_paid_by_the_credit(waldur: Told) -> None:
    """3 terabytes are 30.00 in every month; the university's credit is for the cluster, the observatory's for both."""
    disk = """
        select lines.billing_period, lines.list_cost, lines.grant_amount, lines.line_amount
        from invoice_lines as lines join invoices using (invoice_id)
        where service = 'storage' and document_state <> 'month_to_date'"""
    assert waldur.rows(f"{disk} and lines.billing_account_id = 'university' order by 1") == [
        (month, D(30), D(0), D(30)) for month in (SEP, OCT, NOV, DEC)
    ]
    assert waldur.rows(f"{disk} and lines.billing_account_id = 'observatory'") == [(OCT, D(100), D(100), D(0))]


# --- consumption logic ---


def test_s2_8_fixed_logic_takes_at_least_the_monthly_value_also_of_a_quiet_month(waldur: Told) -> None:
    """September uses 120 and loses 80 more; November 60 + 50 of climate's part, and 90 more: 200 each."""
    assert moved(waldur, FIRST, "minimum_consumption") == [(SEP, D(-80)), (NOV, D(-90))]
    parts = ("climate-credit", "genome-credit")
    assert left_after_each_month(waldur, FIRST, *parts) == [
        (SEP, D(1800)),  # 2,000 − 200
        (OCT, D(1210)),  # − 450 − 100 − 40
        (NOV, D(1010)),  # − 200
        (DEC, D(0)),
    ]
    assert waldur.rows("select sum(total_without_tax) from invoices where billing_period = '2026-09'") == [(D(30),)]


def test_s2_9_linear_logic_takes_at_least_its_even_part_of_each_month(waldur: Told) -> None:
    """1,000 over September, October and November: 333.33 of September, where 100 were used."""
    assert moved(waldur, LINEAR, "charged") == [(SEP, D(-100)), (OCT, D(-400)), (NOV, D(-100))]
    assert moved(waldur, LINEAR, "minimum_consumption") == [(SEP, D("-233.33")), (NOV, D("-166.67"))]
    assert left_after_each_month(waldur, LINEAR) == [(SEP, D("666.67")), (OCT, D("266.67")), (NOV, D(0))]


def test_s2_10_consumption_above_the_floor_takes_what_was_used_and_no_more(waldur: Told) -> None:
    """October: 400 of the observatory above 333.33, and 450 + 100 + 40 of the university above 200."""
    assert moved(waldur, LINEAR, "charged")[1] == (OCT, D(-400))
    used = "select sum(-amount) from grant_movements where movement = 'charged' and billing_account_id = 'university'"
    assert waldur.rows(f"{used} and billing_period = '2026-10'") == [(D(590),)]
    floors = "select count(*) from grant_movements where movement = 'minimum_consumption' and billing_period"
    assert waldur.rows(f"{floors} = '2026-10'") == [(0,)]
    assert waldur.rows(f"{floors} = '2026-11'") == [(3,)]


def test_s2_18_a_total_is_divided_over_the_months_to_the_one_before_the_end(waldur: Told) -> None:
    """From 15 September to 15 December are three parts; the last takes the rest of a cent, and December none."""
    billed = waldur.rows(
        "select min(commit_number) from runs where command = 'bill' group by billing_period order by 1"
    )
    begins = [commit_of(waldur, LINEAR), *(commit for (commit,) in billed[:3])]  # what was billed last is over
    floor = f"select floor_amount from organization_credits where grant_id = '{LINEAR}'"
    floors = [waldur.rows(floor, as_of=commit) for commit in begins]
    assert floors == [[(D("333.33"),)], [(D("333.33"),)], [(D("333.34"),)], [(D(0),)]]
    assert moved(waldur, LINEAR, "minimum_consumption")[-1][0] == NOV


def test_s2_18_a_further_credit_has_a_floor_of_its_own(waldur: Told) -> None:
    """November used 110 of the first credit and none of the further one: 90 and 50 more go."""
    assert moved(waldur, FIRST, "minimum_consumption")[-1] == (NOV, D(-90))
    assert moved(waldur, FURTHER, "minimum_consumption") == [(NOV, D(-50))]
    assert left_after_each_month(waldur, FURTHER) == [(NOV, D(550)), (DEC, D(460))]  # 1,100 − 1,010 = 90


def test_s2_18_a_floor_never_takes_more_than_the_balance(waldur: Told) -> None:
    """November's part is 333.34 and 100 were used, but 1,000 − 333.33 − 400 − 100 = 166.67 were left, not 233.34."""
    assert moved(waldur, LINEAR, "minimum_consumption")[-1] == (NOV, D("-166.67"))
    assert waldur.rows(f"select balance, status from organization_credits where grant_id = '{LINEAR}'") == [
        (D(0), "used_up")
    ]
    due = "select amount_due from invoices where billing_account_id = 'observatory' and document_state = 'draft'"
    assert waldur.rows(f"{due} order by billing_period") == [(D(0),), (D(62),)]  # December's 50 and 24 % of them


# --- credit of projects ---


def test_s2_2_s2_12_an_allocation_names_project_amount_and_whether_more_may_be_used_after_it(waldur: Told) -> None:
    """As of the allocation, before the month that it is for is billed."""
    listed = (
        "select sub_account_id, organization_grant_id, allocated_amount, balance, use_organization_credit, status "
        "from project_credits order by 1"
    )
    assert waldur.rows(listed, as_of=commit_of(waldur, "climate-credit")) == [
        ("climate", FIRST, D(500), D(500), True, "available"),
        ("genome", FIRST, D(100), D(100), False, "available"),
    ]
    assert moved(waldur, FIRST, "allocated") == [(OCT, D(-600))]


def test_s2_11_owners_distribute_the_allocation_to_their_projects_and_see_a_list(waldur: Told) -> None:
    """Not a member, not support, not another's owner, and no more than the 2,000 − 200 − 600 = 1,200 that were free."""
    assert decided(waldur, "allocate_to_project") == [
        ("olga", "accepted", None),
        ("olga", "accepted", None),
        ("max", "rejected", "O_FORBIDDEN"),
        ("sam", "rejected", "O_FORBIDDEN"),
        ("oskar", "rejected", "O_FORBIDDEN"),
        ("olga", "rejected", "O_INSUFFICIENT_BALANCE"),
    ]
    assert waldur.rows("select sub_account_id from project_credits order by 1") == [("climate",), ("genome",)]
    assert "\nuniversity  climate            500.00       500.00     0.00  yes " in waldur.says
    assert "\nuniversity  genome             100.00       100.00     0.00  no " in waldur.says


def test_s2_13_with_the_switch_on_organization_credit_pays_once_the_projects_is_gone(waldur: Told) -> None:
    """climate: 450 of its 500 in October, the last 50 and 30 of the organization's in November, then all of it."""
    assert costs(waldur, "climate") == [
        (SEP, D(80), D(0), D(80), D(0)),  # nothing was allocated yet
        (OCT, D(450), D(450), D(0), D(0)),
        (NOV, D(80), D(50), D(30), D(0)),
        (DEC, D(900), D(0), D(900), D(0)),
    ]


def test_s2_14_with_the_switch_off_the_excess_is_invoiced_at_price(waldur: Told) -> None:
    """genome: 1,600 hours at 0.10 less 100.00 are 60.00; in November 200 hours are 20.00, while credit is left."""
    assert costs(waldur, "genome") == [
        (SEP, D(40), D(0), D(40), D(0)),
        (OCT, D(160), D(100), D(0), D(60)),
        (NOV, D(20), D(0), D(0), D(20)),
    ]
    line = """
        select quantity, unit_price, lines.list_cost, lines.grant_amount, line_amount
        from invoice_lines as lines join invoices using (invoice_id)
        where sub_account_id = 'genome' and invoice_number = 'RC-2026-00004'"""
    assert waldur.rows(line) == [(D(1600), D("0.10"), D(160), D(100), D(60))]
    assert left_after_each_month(waldur, FIRST)[2] == (NOV, D(1010))


def test_s2_15_project_credit_pays_for_the_projects_own_resources(waldur: Told) -> None:
    """Climate has 50.00 left at the end of October; genome's 60.00 and teaching's disk are invoiced all the same."""
    paid = """
        select grants.sub_account_id, charges.sub_account_id, sum(allocations.amount)
        from allocations join grants on source_id = grant_id join charges using (charge_id)
        where grants.kind = 'project' group by all order by 1"""
    assert waldur.rows(paid) == [("climate", "climate", D(500)), ("genome", "genome", D(100))]
    assert left_after_each_month(waldur, "climate-credit") == [(OCT, D(50)), (NOV, D(0))]
    # 60.00 + 30.00, and 24 % of them: 21.60
    totals = "select total_without_tax, total_tax, amount_due from invoices where invoice_number = 'RC-2026-00004'"
    assert waldur.rows(totals) == [(D(90), D("21.60"), D("111.60"))]


# --- cost policies ---


def test_s2_3_a_cost_policy_may_count_what_credit_leaves_to_pay(waldur: Told) -> None:
    """Cost: 150, 680, 160 and 1,130. After credit: 30 of disk, in October and November 60 and 20 of genome too."""
    measured = "select billing_period, measured, is_crossing from cost_policy_measures where cost_policy_id"
    assert waldur.rows(f"{measured} = 'all-cost' order by 1") == [
        (SEP, D(150), False),
        (OCT, D(680), True),
        (NOV, D(160), False),
        (DEC, D(1130), True),
    ]
    assert waldur.rows(f"{measured} = 'all-uncovered' order by 1") == [
        (SEP, D(30), False),
        (OCT, D(90), True),
        (NOV, D(50), False),
        (DEC, D(30), False),
    ]


def test_s2_16_cost_and_usage_policies_stop_overconsumption_and_tell_of_it_once(waldur: Told) -> None:
    """genome: 40 + 160 = 200 in total; climate: 225 hours in October, 40 in November, 250 by the middle of December."""
    assert waldur.rows(
        "select sub_account_id, cost_policy_id, state, changed_at from account_restrictions order by 1, changed_at"
    ) == [
        ("climate", "climate-gpu", "restricted", utc("2026-10-31T22:00")),
        ("climate", "climate-gpu", "ok", utc("2026-11-30T22:00")),
        ("climate", "climate-gpu", "restricted", utc("2026-12-16T00:00")),
        ("genome", "genome-total", "restricted", utc("2026-10-31T22:00")),
    ]
    assert waldur.rows(
        "select cost_policy_id, billing_period, measured, action from cost_policy_events order by 1, 2"
    ) == [
        ("all-cost", OCT, D(680), "notify"),
        ("all-cost", DEC, D(500), "notify"),  # 250 hours, by the middle of the month
        ("all-uncovered", OCT, D(90), "notify"),
        ("climate-gpu", OCT, D(225), "restrict_new"),
        ("climate-gpu", DEC, D(250), "restrict_new"),
        ("genome-total", OCT, D(200), "restrict_new"),
    ]
    assert waldur.rows("select sub_account_id, state from current_restrictions order by 1") == [
        ("climate", "restricted"),
        ("genome", "restricted"),
    ]


# --- who may do and see what ---

EXPECTED_OF_READERS = {
    "sofia": ["observatory", "university", "university"],
    "sam": ["observatory", "university", "university"],
    "olga": ["university", "university"],
    "oskar": ["observatory"],
    "max": None,
}


@pytest.mark.parametrize("principal", EXPECTED_OF_READERS)
def test_s2_17_staff_and_support_read_all_owners_their_own_and_members_no_organization_credit(
    waldur: Told, tmp_path: Path, principal: str
) -> None:
    folder = tmp_path / principal
    export(waldur.lake, principal, folder)
    with duckdb.connect(str(folder / "billing.duckdb"), read_only=True) as books:
        tables = {name for (name,) in books.sql("select table_name from duckdb_tables()").fetchall()}
        named = "select billing_account_id from organization_credits order by 1"
        found = [account for (account,) in books.sql(named).fetchall()] if "organization_credits" in tables else None
    assert found == EXPECTED_OF_READERS[principal]
    assert (folder / "project_credits.parquet").exists() == (found is not None)


def test_s2_17_staff_create_owners_allocate_and_nobody_else_writes(waldur: Told) -> None:
    accepted = """
        select operation, actor, count(*) from operations
        where status = 'accepted' and operation <> 'issue_invoices' group by all order by 1"""
    assert waldur.rows(accepted) == [("allocate_to_project", "olga", 2), ("grant_credit", "sofia", 3)]
    refused = "select distinct actor from operations where reason_code = 'O_FORBIDDEN' order by 1"
    assert waldur.rows(refused) == [("max",), ("olga",), ("oskar",), ("sam",)]


# --- the page ---


def test_the_page_says_what_its_commands_print(waldur: Told) -> None:
    assert waldur.says == waldur.page.read_text(encoding="utf-8"), "the page is out of date: run make docs"


def test_the_books_hold_and_every_byte_is_what_was_committed(waldur: Told) -> None:
    """The last command of the story is an audit; where it passes it says nothing, else what is broken and a code."""
    assert "$ billfold audit --verify --quiet\n```" in waldur.says
