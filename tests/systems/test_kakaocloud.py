"""KakaoCloud: free and paid credits of billing groups, on the books that its example's page leaves."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.export import export
from flows.run import Refusal
from flows.show.listing import Only, ask, listings, opened
from tests.systems.told import Told

pytestmark = pytest.mark.xdist_group("kakaocloud")

GROUPS = {"dalbit", "hanbit", "hanbit-lab", "hanbit-shop"}


def test_the_page_says_what_its_commands_print(kakaocloud: Told) -> None:
    assert kakaocloud.says == kakaocloud.page.read_text(encoding="utf-8"), "run make docs"


def test_the_books_hold_at_the_end_of_the_page(kakaocloud: Told) -> None:
    assert "$ billfold audit --verify --quiet\n```" in kakaocloud.says  # what breaks would be said below it


def billed(told: Told, billing_period: str) -> int:
    """The commit that billed a month."""
    [(number,)] = told.rows(
        f"select commit_number from runs where command = 'bill' and billing_period = '{billing_period}'"
    )
    return number


def payments(told: Told, account: str, billing_period: str) -> list[tuple]:
    """What paid each charge of a group: SKU, local day of the part, credit, amount, its place in the order."""
    return told.rows(f"""
        select sku_id, timezone('Asia/Seoul', charge_period_start)::date::varchar, source_id, amount::bigint,
          allocation_order
        from allocations join charges using (charge_id, billing_account_id, billing_period)
        where billing_account_id = '{account}' and billing_period = '{billing_period}'
        order by charge_order, allocation_order
    """)


def refused(told: Told) -> dict[str, tuple[str, str]]:
    """Operations that were rejected, and why."""
    rows = told.rows("select operation_id, reason_code, reason from operations where status = 'rejected'")
    return {operation: (code, reason) for operation, code, reason in rows}


# --- what pays what, and in which order -------------------------------------------------------------------------------

FEBRUARY_OF_HANBIT = [
    # 1 log analyser at 50,000, from the marketplace
    ("log-analyser", "2024-02-01", "paid-january", 50_000, 4),
    # 5,000 GB-months at 20
    ("storage", "2024-02-01", "welcome", 100_000, 3),
    # 1,000 vCPU-hours at 30 for an OS image: no free credit cuts what it may not pay
    ("os-windows", "2024-02-01", "paid-january", 30_000, 4),
    # 500 vCPU-hours at 100, before the 11th
    ("vm", "2024-02-01", "vm-campaign", 40_000, 2),
    ("vm", "2024-02-01", "paid-january", 10_000, 4),
    # 1,000 vCPU-hours at 100: 60,000 + 10,000 of 100,000; 30,000 are left, as January's credit is gone
    ("vm", "2024-02-11", "new-year", 60_000, 1),
    ("vm", "2024-02-11", "paid-january", 10_000, 4),
]


def in_order(rows: list[tuple]) -> list[tuple]:
    """The same rows by charge."""
    return sorted(rows, key=lambda row: (row[1], row[0], row[4]))


def test_s3_1_s3_8_free_credits_pay_what_they_can_and_paid_ones_the_remainder(kakaocloud: Told) -> None:
    assert in_order(payments(kakaocloud, "hanbit", "2024-02")) == in_order(FEBRUARY_OF_HANBIT)
    by_kind = """
        select case terminal_status when 'refunded' then 'paid' else 'free' end as credit,
          sum(allocations.amount)::bigint
        from allocations join grants on grant_id = source_id
        where allocations.billing_account_id = 'hanbit' and billing_period = '2024-02' group by all order by all
    """
    # free 60,000 + 40,000 + 100,000; of the rest, 130,000, paid credit had 100,000
    assert kakaocloud.rows(by_kind) == [("free", 200_000), ("paid", 100_000)]


def test_s3_5_credits_are_used_by_the_group_that_has_them_alone(kakaocloud: Told) -> None:
    strangers = """
        select count(*) from allocations join grants on grant_id = source_id
        where allocations.billing_account_id <> grants.billing_account_id
    """
    assert kakaocloud.rows(strangers) == [(0,)]
    # the main group has 100,000 of paid credit left in February, and the laboratory pays 10,000 + 3,000 itself
    left = "select remaining_amount::bigint from paid_credits where grant_id = 'paid-leap-day'"
    assert kakaocloud.rows(left, as_of=billed(kakaocloud, "2024-02")) == [(100_000,)]
    assert taxable(kakaocloud, "hanbit-lab", "2024-02") == 13_000


def test_s3_6_free_goes_before_paid_although_it_expires_later(kakaocloud: Told) -> None:
    ends = "select grant_id, timezone('Asia/Seoul', window_end)::date from grants where grant_id in (?) order by 2"
    found = kakaocloud.rows(ends.replace("?", "'reward', 'paid-shop'"))
    assert found == [("paid-shop", date(2029, 1, 16)), ("reward", date(2030, 1, 1))]
    # 200 vCPU-hours before the 20th: the reward has 30,000 for 20,000. It is gone when the next 100 are used.
    assert in_order(payments(kakaocloud, "hanbit-shop", "2024-02")) == [
        ("vm", "2024-02-01", "reward", 20_000, 1),
        ("vm", "2024-02-20", "paid-shop", 10_000, 2),
    ]


def test_s3_7_free_that_expires_first_then_free_for_a_service_then_paid_that_expires_first(kakaocloud: Told) -> None:
    order = "select value from billing_policies where policy = 'grant_order' order by valid_from desc limit 1"
    assert kakaocloud.rows(order) == [("kind_rank,expires_at,coverage,occurred_at,grant_id",)]
    # without that row the priority would come before the expiry, and the new year's credit after the other free ones
    assert kakaocloud.rows("select grant_id from grants where priority <> 0") == [("new-year",)]
    february = {credit: place for _, _, credit, _, place in payments(kakaocloud, "hanbit", "2024-02")}
    assert february == {"new-year": 1, "vm-campaign": 2, "welcome": 3, "paid-january": 4}
    # 200 vCPU-hours are 20,000; 6,000 GB-months are 120,000: the leap day's credit expires on 28 February 2029, that
    # of 1 March on 1 March
    assert in_order(payments(kakaocloud, "hanbit", "2024-03")) == [
        ("storage", "2024-03-01", "paid-leap-day", 100_000, 2),
        ("storage", "2024-03-01", "paid-march", 20_000, 3),
        ("vm", "2024-03-01", "partner", 20_000, 1),
    ]


def test_s3_32_on_equal_expiry_the_credit_for_a_service_goes_first(kakaocloud: Told) -> None:
    alike = """
        select grant_id from grants where window_end = (select window_end from grants where grant_id = 'welcome')
        order by occurred_at
    """
    assert kakaocloud.rows(alike) == [("welcome",), ("vm-campaign",)]  # the welcome credit even came first
    first = [row[2] for row in payments(kakaocloud, "hanbit", "2024-02") if row[:2] == ("vm", "2024-02-01")]
    assert first == ["vm-campaign", "paid-january"]


def test_s3_9_free_credits_are_deducted_when_the_month_is_billed_without_anybody_asking(kakaocloud: Told) -> None:
    left = "select remaining_amount::bigint from free_credits where grant_id = 'welcome'"
    bill = billed(kakaocloud, "2024-02")
    assert kakaocloud.rows(left, as_of=bill - 1) == [(100_000,)]
    assert kakaocloud.rows(left, as_of=bill) == [(0,)]
    asked = "select distinct operation from operations order by 1"
    assert kakaocloud.rows(asked, as_of=bill) == [("grant_credit",), ("purchase_credit",), ("recover_credit",)]


def test_s3_10_free_credits_pay_neither_the_marketplace_nor_an_os_image(kakaocloud: Told) -> None:
    by_kind = """
        select sku_id, kind, sum(allocations.amount)::bigint
        from allocations join grants on grant_id = source_id join charges using (charge_id)
        where sku_id in ('log-analyser', 'os-windows') group by all order by all
    """
    # an image is of the service Virtual Machine and comes before the machine: `new-year` had 60,000 for it
    assert kakaocloud.rows(by_kind) == [("log-analyser", "paid", 50_000), ("os-windows", "paid", 30_000)]


def test_s3_15_only_fees_incurred_inside_the_usage_period_are_paid(kakaocloud: Told) -> None:
    # from the 11th on: nothing of the first ten days, though it goes first and they are the oldest
    new_year = [row for row in payments(kakaocloud, "hanbit", "2024-02") if row[2] == "new-year"]
    assert new_year == [("vm", "2024-02-11", "new-year", 60_000, 1)]
    # to the 15th: 200 GB-months of it are 4,000, the 150 from the 16th on are not paid
    assert payments(kakaocloud, "hanbit-lab", "2024-02") == [("storage", "2024-02-01", "storage-trial", 4_000, 1)]


def test_s3_18_a_credit_pays_for_the_services_it_lists_alone(kakaocloud: Told) -> None:
    services = """
        select source_id, list(distinct service), sum(allocations.amount)::bigint
        from allocations join charges using (charge_id)
        where source_id in ('vm-campaign', 'storage-trial', 'partner', 'to-lab') group by all order by all
    """
    # 40,000 of 150,000 for machines while 100,000 for storage were older; 4,000 of 10,000 while 10,000 for machines
    # were not paid; 20,000 and 50,000 of March's machines
    assert kakaocloud.rows(services) == [
        ("partner", ["Virtual Machine"], 20_000),
        ("storage-trial", ["Object Storage"], 4_000),
        ("to-lab", ["Virtual Machine"], 50_000),
        ("vm-campaign", ["Virtual Machine"], 40_000),
    ]


def test_s3_20_only_available_credits_are_deducted(kakaocloud: Told) -> None:
    # recovered on the 20th with 10,000 left, refunded on 10 March with 85,000 left, expired with 6,000 left
    ended = """
        select source_id, max(timezone('Asia/Seoul', charge_period_end)) as last
        from allocations join charges using (charge_id)
        where source_id in ('reward', 'paid-shop', 'storage-trial') group by all order by all
    """
    found = [(credit, f"{last:%Y-%m-%d}") for credit, last in kakaocloud.rows(ended)]
    assert found == [("paid-shop", "2024-03-10"), ("reward", "2024-02-20"), ("storage-trial", "2024-02-16")]
    # 100 vCPU-hours from 10 March on
    assert taxable(kakaocloud, "hanbit-shop", "2024-03") == 10_000


def test_s3_23_s3_29_paid_credits_pay_all_service_fees_the_marketplace_and_images_too(kakaocloud: Told) -> None:
    scope = "select distinct include, exclude from grants where kind = 'paid'"
    assert kakaocloud.rows(scope) == [([], [])]
    skus = """
        select distinct sku_id from allocations join charges using (charge_id)
        join grants on grant_id = source_id where kind = 'paid' order by 1
    """
    assert kakaocloud.rows(skus) == [("log-analyser",), ("os-windows",), ("storage",), ("vm",)]


# --- who gives, buys, sends and sees ----------------------------------------------------------------------------------


def test_s3_11_s3_24_credit_is_given_and_sold_by_staff_not_by_the_group_itself(kakaocloud: Told) -> None:
    found = refused(kakaocloud)
    assert found["own-credit"] == ("O_FORBIDDEN", "the actor's role does not allow it: minji may not grant_credit")
    assert found["own-purchase"] == ("O_FORBIDDEN", "the actor's role does not allow it: minji may not purchase_credit")
    assert kakaocloud.rows("select grant_id from grants where name = 'My own'") == []
    given = "select distinct actor from operations where operation in (?) and status = 'accepted'"
    assert kakaocloud.rows(given.replace("?", "'grant_credit', 'purchase_credit'")) == [("operator",)]


def test_s3_12_welcome_credit_comes_once_per_domain_to_its_main_group(kakaocloud: Told) -> None:
    once = "a domain gets this kind once, on its main account: welcome"
    assert refused(kakaocloud)["welcome-lab"] == ("O_ONCE_PER_DOMAIN", f"{once} goes to hanbit")
    assert refused(kakaocloud)["welcome-again"] == ("O_ONCE_PER_DOMAIN", f"{once}, and there has been one")
    welcome = "select billing_account_id, amount::bigint from grants where kind = 'welcome'"
    assert kakaocloud.rows(welcome) == [("hanbit", 100_000)]


def test_s3_21_free_credit_is_sent_within_the_domain_by_who_manages_both_groups(kakaocloud: Told) -> None:
    sent = "select actor, to_account, amount::bigint, status from operations where operation_id = 'to-lab'"
    assert kakaocloud.rows(sent) == [("minji", "hanbit-lab", 50_000, "accepted")]
    found, role = refused(kakaocloud), "the actor's role does not allow it"
    assert found["to-dalbit"][0] == "O_OTHER_DOMAIN"
    assert found["to-shop"] == ("O_FORBIDDEN", f"{role}: minji may not transfer to hanbit-shop")
    assert found["to-lab-by-member"] == ("O_FORBIDDEN", f"{role}: sora may not transfer_credit")
    # 90,000 less the one transfer that was accepted
    left = "select remaining_amount::bigint from free_credits where grant_id = 'partner'"
    assert kakaocloud.rows(left, as_of=billed(kakaocloud, "2024-03") - 2) == [(40_000,)]


def test_s3_22_both_sides_of_a_transfer_name_the_other_group_and_the_amount(kakaocloud: Told) -> None:
    transfers = """
        select billing_account_id, name, date, type, amount::bigint, target_account_id from credit_history
        where type like 'Transfer%' order by amount
    """
    day = date(2024, 3, 6)
    assert kakaocloud.rows(transfers) == [
        ("hanbit", "Partner", day, "Transfer Deduction", -50_000, "hanbit-lab"),
        ("hanbit-lab", "Partner", day, "Transfer Accumulation", 50_000, "hanbit"),
    ]


def test_s3_32_a_transfer_keeps_the_usage_period_and_the_services(kakaocloud: Told) -> None:
    terms = "select billing_account_id, usage_period, services from free_credits where name = 'Partner' order by 1"
    kept = ("2024-03-01 – 2024-05-31", ["Virtual Machine"])
    assert kakaocloud.rows(terms) == [("hanbit", *kept), ("hanbit-lab", *kept)]


def test_s3_24_paid_credit_stays_in_the_group_that_bought_it_whoever_asks(kakaocloud: Told) -> None:
    code, reason = refused(kakaocloud)["paid-to-lab"]  # by staff, to a group of the domain
    assert (code, reason.endswith("paid-leap-day")) == ("O_NOT_TRANSFERABLE", True)
    groups = "select distinct billing_account_id from paid_credits order by 1"
    assert kakaocloud.rows(groups) == [("hanbit",), ("hanbit-shop",)]


def seen(folder: Path, name: str) -> list[str]:
    """The groups in a page of an export; of one that is not there, none."""
    file = folder / f"{name}.parquet"
    return pl.read_parquet(file)["billing_account_id"].unique().sort().to_list() if file.exists() else []


def test_s3_2_credits_are_seen_by_the_billing_manager_alone(kakaocloud: Told, tmp_path: Path) -> None:
    exports = kakaocloud.folder / "exports"
    assert seen(exports / "minji", "paid_credits") == ["hanbit"]
    assert (exports / "sora" / "skus.parquet").exists()  # a member has an export, without credits
    assert seen(exports / "sora", "paid_credits") == seen(exports / "sora", "free_credits") == []
    owner = export(kakaocloud.lake, "daeun", tmp_path / "daeun").folder  # owns the organization, and reads its invoices
    assert seen(owner, "invoices") == ["hanbit"]
    assert seen(owner, "paid_credits") == seen(owner, "free_credits") == seen(owner, "credit_history") == []


def test_s3_3_who_is_in_no_billing_group_sees_no_billing(kakaocloud: Told, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="yuna has no account"):
        export(kakaocloud.lake, "yuna", tmp_path / "yuna")
    assert not (tmp_path / "yuna").exists()
    assert not (kakaocloud.folder / "exports" / "yuna").exists()


def test_s3_4_a_user_sees_the_credits_of_the_groups_they_may_access(kakaocloud: Told, tmp_path: Path) -> None:
    march = billed(kakaocloud, "2024-03")  # when each group has a credit that is still to be seen
    shop = export(kakaocloud.lake, "jun", tmp_path / "jun", as_of=march).folder
    both = export(kakaocloud.lake, "minji", tmp_path / "minji", as_of=march).folder
    all_of = export(kakaocloud.lake, "operator", tmp_path / "operator", as_of=march).folder
    assert seen(shop, "free_credits") == seen(shop, "paid_credits") == seen(shop, "credit_history") == ["hanbit-shop"]
    assert seen(both, "free_credits") == seen(both, "credit_history") == ["hanbit", "hanbit-lab"]
    assert seen(all_of, "free_credits") == ["hanbit", "hanbit-lab", "hanbit-shop"]
    with duckdb.connect(str(both / "billing.duckdb"), read_only=True) as database:
        assert database.sql("select distinct billing_account_id from paid_credits").fetchall() == [("hanbit",)]


# --- the pages --------------------------------------------------------------------------------------------------------


def test_s3_14_s3_16_s3_17_the_free_table_has_what_was_accumulated_used_and_is_left(kakaocloud: Told) -> None:
    table = """
        select billing_account_id, name, usage_period, accumulated_amount::bigint, used_amount::bigint,
          remaining_amount::bigint, services, status
        from free_credits order by billing_account_id, usage_period, name
    """
    machines = ["Virtual Machine"]
    assert kakaocloud.rows(table, as_of=billed(kakaocloud, "2024-03")) == [
        ("hanbit", "VM campaign", "2024-02-01 – 2024-04-30", 40_000, 40_000, 0, machines, "used_up"),
        ("hanbit", "Welcome", "2024-02-01 – 2024-04-30", 100_000, 100_000, 0, [], "used_up"),
        ("hanbit", "New year", "2024-02-11 – 2024-02-29", 60_000, 60_000, 0, [], "used_up"),
        # used: 50,000 sent + 20,000
        ("hanbit", "Partner", "2024-03-01 – 2024-05-31", 90_000, 70_000, 20_000, machines, "available"),
        # used: 4,000 + 6,000 that expired
        ("hanbit-lab", "Storage trial", "2024-02-01 – 2024-02-15", 10_000, 10_000, 0, ["Object Storage"], "expired"),
        ("hanbit-lab", "Partner", "2024-03-01 – 2024-05-31", 50_000, 50_000, 0, machines, "used_up"),
        # used: 20,000 + 10,000 that was taken back
        ("hanbit-shop", "Reward", "2024-02-01 – 2029-12-31", 30_000, 30_000, 0, [], "recovered"),
    ]
    # the page of one group, or of one status
    with opened(kakaocloud.lake, billed(kakaocloud, "2024-03"), whole=True) as connection:
        page = listings()["free-credits"]
        assert ask(connection, page, Only(account="hanbit-lab"))["name"].to_list() == ["Storage trial", "Partner"]
        assert ask(connection, page, Only(status="recovered"))["name"].to_list() == ["Reward"]
    # and each row leads to its history: what came and went adds up to what is left
    history = """
        select count(*) from free_credits
        join (select grant_id, sum(amount) as total from credit_history group by all) using (grant_id)
        where total = remaining_amount
    """
    assert kakaocloud.rows(history, as_of=billed(kakaocloud, "2024-03")) == [(7,)]


def test_s3_16_once_its_usage_period_is_over_the_expired_part_counts_as_used(kakaocloud: Told) -> None:
    partner = """
        select used_amount::bigint, remaining_amount::bigint, status from free_credits where grant_id = 'partner'
    """
    assert kakaocloud.rows(partner, as_of=billed(kakaocloud, "2024-04")) == [(70_000, 20_000, "available")]
    assert kakaocloud.rows(partner, as_of=billed(kakaocloud, "2024-05")) == [(90_000, 0, "expired")]


def test_s3_19_the_history_holds_accumulation_use_and_transfer_and_what_was_paid(kakaocloud: Told) -> None:
    history = """
        select date::varchar, type, amount::bigint, target_account_id, service from credit_history
        where name = 'Partner' and billing_account_id = 'hanbit' order by date
    """
    assert kakaocloud.rows(history) == [
        ("2024-03-05", "Accumulation", 90_000, None, None),
        ("2024-03-06", "Transfer Deduction", -50_000, "hanbit-lab", None),
        ("2024-03-31", "Use", -20_000, None, "Virtual Machine"),
        ("2024-06-01", "Expired", -20_000, None, None),
    ]


def names(told: Told, page: str, billing_period: str) -> list[tuple[str, str]]:
    """The credits that a page shows once a month is billed."""
    return told.rows(f"select name, status from {page} order by 1, 2", as_of=billed(told, billing_period))


def test_s3_13_free_credits_without_a_balance_are_seen_for_three_months(kakaocloud: Told) -> None:
    # the trial expired with 15 February and the reward was taken back on the 20th; the others of February were used up
    # with its last day. On 30 April all are seen.
    of_february = [("New year", "used_up"), ("VM campaign", "used_up"), ("Welcome", "used_up")]
    gone = [*of_february, ("Reward", "recovered"), ("Storage trial", "expired")]
    april, may = names(kakaocloud, "free_credits", "2024-04"), names(kakaocloud, "free_credits", "2024-05")
    assert set(gone) < set(april)
    # with the last day of May three months are over; what ended on 31 March and 31 May is seen
    assert may == [("Partner", "expired"), ("Partner", "used_up")]


def test_s3_25_paid_credits_without_a_balance_are_seen_for_three_months(kakaocloud: Told) -> None:
    rest = [("Paid March", "available"), ("Paid Shop", "refunded"), ("Paid leap day", "used_up")]
    # January's was used up with the last day of February, the shop's refunded on 10 March
    assert names(kakaocloud, "paid_credits", "2024-04") == [("Paid January", "used_up"), *rest]
    assert names(kakaocloud, "paid_credits", "2024-05") == rest


def test_s3_26_s3_28_the_paid_table_has_what_was_bought_used_and_is_left(kakaocloud: Told) -> None:
    table = """
        select billing_account_id, name, purchase_date::varchar, purchase_amount::bigint, used_amount::bigint,
          remaining_amount::bigint, status
        from paid_credits order by purchase_date, billing_account_id
    """
    assert kakaocloud.rows(table, as_of=billed(kakaocloud, "2024-03")) == [
        ("hanbit", "Paid January", "2024-01-15", 100_000, 100_000, 0, "used_up"),
        # used: 10,000 + 5,000 + 85,000 that was paid back
        ("hanbit-shop", "Paid Shop", "2024-01-15", 100_000, 100_000, 0, "refunded"),
        ("hanbit", "Paid leap day", "2024-02-29", 100_000, 100_000, 0, "used_up"),
        ("hanbit", "Paid March", "2024-03-01", 50_000, 20_000, 30_000, "available"),
    ]


def test_s3_28_the_history_of_paid_credit_holds_accumulation_and_use_and_no_transfer(kakaocloud: Told) -> None:
    history = """
        select name, type, sum(amount)::bigint from credit_history
        where grant_id in (select grant_id from grants where kind = 'paid') group by all order by all
    """
    assert kakaocloud.rows(history) == [
        ("Paid January", "Accumulation", 100_000),
        ("Paid January", "Use", -100_000),
        ("Paid March", "Accumulation", 50_000),
        ("Paid March", "Use", -20_000),
        ("Paid Shop", "Accumulation", 100_000),
        ("Paid Shop", "Refunded", -85_000),
        ("Paid Shop", "Use", -15_000),
        ("Paid leap day", "Accumulation", 100_000),
        ("Paid leap day", "Use", -100_000),
    ]


def test_s3_27_s3_32_paid_credit_lasts_five_years_and_one_of_a_leap_day_to_28_february(kakaocloud: Told) -> None:
    periods = "select name, usage_period from paid_credits order by purchase_date, name"
    assert kakaocloud.rows(periods, as_of=billed(kakaocloud, "2024-03")) == [
        ("Paid January", "2024-01-15 – 2029-01-15"),
        ("Paid Shop", "2024-01-15 – 2029-01-15"),
        ("Paid leap day", "2024-02-29 – 2029-02-28"),
        ("Paid March", "2024-03-01 – 2029-03-01"),
    ]


def test_s3_30_a_credit_is_available_used_up_expired_recovered_if_free_refunded_if_paid(kakaocloud: Told) -> None:
    march = billed(kakaocloud, "2024-03")
    of_free = {status for (status,) in kakaocloud.rows("select status from free_credits", as_of=march)}
    of_paid = {status for (status,) in kakaocloud.rows("select status from paid_credits", as_of=march)}
    assert of_free == {"available", "used_up", "expired", "recovered"}
    assert of_paid == {"available", "used_up", "refunded"}


# --- VAT, one invoice per group, projects that move -------------------------------------------------------------------


def taxable(told: Told, account: str, billing_period: str) -> int:
    """What an invoice of a group's month is taxed on."""
    [(amount,)] = told.rows(f"""
        select total_without_tax::bigint from invoices
        where billing_account_id = '{account}' and billing_period = '{billing_period}' and sold_by is null
    """)
    return amount


def test_s3_31_vat_is_ten_percent_of_usage_less_free_and_paid_credits(kakaocloud: Told) -> None:
    invoices = """
        select billing_period, billing_account_id, list_cost::bigint, grant_amount::bigint, credit_amount::bigint,
          total_tax::bigint, amount_due::bigint
        from invoices where sold_by is null order by 1, 2
    """
    assert kakaocloud.rows(invoices) == [
        ("2024-02", "dalbit", 10_000, 0, 0, 1_000, 11_000),
        # 50,000 + 100,000 + 30,000 + 50,000 + 100,000 = 330,000; less 200,000 free and 100,000 paid; 10 % of 30,000
        ("2024-02", "hanbit", 330_000, 300_000, 0, 3_000, 33_000),
        # 10,000 + 4,000 + 3,000, less 4,000; 10 % of 13,000
        ("2024-02", "hanbit-lab", 17_000, 4_000, 0, 1_300, 14_300),
        ("2024-02", "hanbit-shop", 30_000, 30_000, 0, 0, 0),
        ("2024-03", "hanbit", 140_000, 140_000, 0, 0, 0),
        # 10,000 + 80,000 + 24,000, less 50,000; 10 % of 64,000
        ("2024-03", "hanbit-lab", 114_000, 50_000, 0, 6_400, 70_400),
        # 5,000 + 10,000, less 5,000
        ("2024-03", "hanbit-shop", 15_000, 5_000, 0, 1_000, 11_000),
    ]


def test_s3_31_paid_credit_is_sold_with_vat_so_that_what_it_pays_is_taxed_once(kakaocloud: Told) -> None:
    sales = """
        select sold_by, issue_date::varchar, total_without_tax::bigint, total_tax::bigint, amount_due::bigint
        from invoices where sold_by is not null order by invoice_number
    """
    assert kakaocloud.rows(sales) == [
        # 100,000 less 15,000 used is 85 %, of 80,000
        ("paid-shop", "2024-04-02", -68_000, -6_800, 0),
        ("paid-january", "2024-01-15", 100_000, 10_000, 0),
        ("paid-shop", "2024-01-15", 80_000, 8_000, 0),
        ("paid-leap-day", "2024-02-29", 100_000, 10_000, 0),
        ("paid-march", "2024-03-01", 50_000, 5_000, 0),
    ]
    # VAT on all that was used at list price and not given for free, and on what is bought and not used yet: February
    # 3,000 + 1,300 + 1,000, March 6,400 + 1,000, sales 10,000 + 8,000 + 10,000 + 5,000 − 6,800
    vat = "select -sum(amount)::bigint from ledger_entries where ledger_account = 'tax_payable/KR/VAT'"
    assert kakaocloud.rows(vat) == [(38_900,)]


def test_s3_31_there_is_one_invoice_per_group_and_month_at_its_beginning_and_none_for_all(kakaocloud: Told) -> None:
    documents = "select billing_account_id, billing_period, issue_date from invoices where sold_by is null"
    found = kakaocloud.rows(documents)
    assert {account for account, _, _ in found} == GROUPS
    assert len({(account, month) for account, month, _ in found}) == len(found) == 7
    assert {(month, day.isoformat()) for _, month, day in found} == {
        ("2024-02", "2024-03-04"),
        ("2024-03", "2024-04-02"),
    }
    # what all groups of the domain have is a sum over their invoices: 330,000 + 17,000 + 30,000, VAT 3,000 + 1,300
    assert "2024-02  ALL          377,000  334,000      4,300      47,300  KRW" in kakaocloud.says


def test_s3_31_a_project_counts_in_the_group_it_belonged_to_in_the_month(kakaocloud: Told) -> None:
    web = """
        select billing_period, billing_account_id, sum(list_cost)::bigint from charges where sub_account_id = 'web'
        group by all order by all
    """
    # 50,000 + 100,000 + 30,000 in February, 80,000 + 24,000 in March
    assert kakaocloud.rows(web) == [("2024-02", "hanbit", 180_000), ("2024-03", "hanbit-lab", 104_000)]


def test_won_have_no_decimals(kakaocloud: Told) -> None:
    assert "Amount due                    BT-115  KRW 33,000\n" in kakaocloud.says
    whole = "select count(*) from ledger_entries where amount <> trunc(amount)"
    assert kakaocloud.rows(whole) == [(0,)]
    assert kakaocloud.rows("select exponent from currencies where billing_currency = 'KRW'") == [(0,)]
    assert Decimal(1_000) in kakaocloud.frame("select total_tax from invoices")["total_tax"].to_list()
