"""Credit over two months, through files of operations: bought, sent, allocated, recovered, refunded; what is refused.

An organization `acme` with a project `website`, a second account `labs` of its domain, and `globex`, which is of none.
An hour costs 1.00, the tax is 20 %, every zone is UTC, so that hours read as euros.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.lake.audit import audit_of
from flows.operations import land_operations
from tests.flows.billing.months import Month

REFERENCE = {
    "billing_accounts": """
billing_account_id,seller_id,legal_name,address,domain,is_main_in_domain,billing_currency,time_zone,jurisdiction,tax_status,payment_terms_days,valid_from
acme,north,Acme GmbH,"Markt 2, Köln",acme.example,true,EUR,UTC,DE,business,14,2026-01-01
labs,north,Acme Labs GmbH,"Markt 3, Köln",acme.example,false,EUR,UTC,DE,business,14,2026-01-01
globex,north,Globex GmbH,"Ring 1, Bonn",,false,EUR,UTC,DE,business,14,2026-01-01
""",
    "sub_accounts": """
sub_account_id,billing_account_id,valid_from
website,acme,2026-01-01
""",
    "grant_kinds": """
kind,rank,tax_position,transferable,validity,exclude,terminal_status,visible_months,once_per_domain,valid_from
bonus,10,before,false,,[],recovered,3,false,2026-01-01
free,10,before,true,,[],recovered,3,false,2026-01-01
organization,20,before,false,,[],recovered,3,false,2026-01-01
project,20,before,false,,[],recovered,3,false,2026-01-01
paid,30,after,false,P5Y,[],refunded,3,false,2026-01-01
""",
    "sku_prices": """
sku_price_id,sku_id,billing_currency,price_model,list_unit_price,valid_from
vm-small-eur,vm-small,EUR,unit,1.00,2026-01-01
""",
    "discounts": """
discount_id,kind,value,valid_from,valid_until
""",
    "principals": """
principal_id,role,billing_account_id,valid_from
operator,staff,,2026-01-01
owner,organization_owner,acme,2026-01-01
""",
}  # fmt: skip

OCTOBER = (
    "o1,acme,,vm-1,vm-small,eu-1,2026-10-02T00:00:00Z,2026-10-06T04:00:00Z,100,hour",
    "o2,acme,website,vm-2,vm-small,eu-1,2026-10-10T00:00:00Z,2026-10-12T02:00:00Z,50,hour",
    "o3,labs,,vm-3,vm-small,eu-1,2026-10-03T00:00:00Z,2026-10-03T10:00:00Z,10,hour",
    "o4,labs,,vm-3,vm-small,eu-1,2026-10-20T00:00:00Z,2026-10-20T20:00:00Z,20,hour",
)
NOVEMBER = (
    "n1,acme,,vm-1,vm-small,eu-1,2026-11-05T00:00:00Z,2026-11-05T03:00:00Z,3,hour",
    "n2,acme,website,vm-2,vm-small,eu-1,2026-11-20T00:00:00Z,2026-11-20T10:00:00Z,10,hour",
    "n3,labs,,vm-3,vm-small,eu-1,2026-11-20T00:00:00Z,2026-11-20T10:00:00Z,10,hour",
)

FREE = {"operation": "grant_credit", "billing_account_id": "acme", "kind": "free", "name": "Start"}
GIVEN = (
    {
        **FREE,
        "operation_id": "free",
        "occurred_at": "2026-10-01T08:00:00Z",
        "amount": "60.00",
        "window_start": "2026-10-01",
        "window_end": "2026-12-31",
        "exclude": ["project:website"],
    },
    {
        "operation_id": "organization",
        "operation": "grant_credit",
        "occurred_at": "2026-10-01T08:00:00Z",
        "billing_account_id": "acme",
        "kind": "organization",
        "amount": "100.00",
        "window_start": "2026-10-01",
        "window_end": "2026-12-31",
        "logic": "fixed",
        "monthly_value": "80.00",
    },
    {
        "operation_id": "thanks",
        "operation": "grant_credit",
        "occurred_at": "2026-10-01T08:00:00Z",
        "billing_account_id": "labs",
        "kind": "bonus",
        "amount": "20.00",
        "window_start": "2026-10-01",
    },
    {
        "operation_id": "bought",
        "operation": "purchase_credit",
        "occurred_at": "2026-10-02T09:00:00Z",
        "billing_account_id": "acme",
        "amount": "30.00",
        "price_paid": "24.00",
        "window_start": "2026-10-01",
    },
)
MOVED = """\
operation_id,operation,actor,occurred_at,billing_account_id,grant_id,amount,to_account,sub_account_id,use_organization_credit
move,transfer_credit,operator,2026-10-05T12:00:00Z,acme,free,25.00,labs,,
part,allocate_to_project,owner,2026-10-06T12:00:00Z,acme,organization,30.00,,website,false
back,recover_credit,operator,2026-10-16T12:00:00Z,labs,thanks,,,,
"""
REFUND = {
    "operation_id": "money-back",
    "operation": "refund_credit",
    "occurred_at": "2026-11-10T12:00:00Z",
    "billing_account_id": "acme",
    "grant_id": "bought",
}


class Credit(Month):
    """The world of this page on a lake."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for table, text in REFERENCE.items():
            (self.reference_folder / f"{table}.csv").write_text(text.lstrip(), encoding="utf-8")

    def land_csv(self, text: str, received_at: datetime) -> Any:
        path = self.folder / f"operations-{len(self.lake.commits())}.csv"
        path.write_text(text, encoding="utf-8")
        return land_operations(self.lake, self.reference(), [path], received_at=received_at)

    def october(self) -> Credit:
        """Usage and operations of October, billed."""
        self.ingest(self.usage("october.csv", *OCTOBER))
        assert self.operate(*GIVEN, received_at=datetime(2026, 10, 2, 10, tzinfo=UTC)).exit_code == 0
        assert self.land_csv(MOVED, datetime(2026, 10, 17, tzinfo=UTC)).exit_code == 0
        self.bill(period="2026-10")
        return self

    def november(self) -> Credit:
        """Usage and operations of November, billed."""
        received = datetime(2026, 12, 2, tzinfo=UTC)
        self.ingest(self.usage("november.csv", *NOVEMBER), received_at=received)
        assert self.operate(REFUND, received_at=datetime(2026, 11, 11, tzinfo=UTC)).exit_code == 0
        self.bill(period="2026-11")
        return self

    def breaches(self) -> list[str]:
        return [str(breach) for breach in audit_of(self.lake)]

    def balances(self) -> dict[str, tuple[Decimal, str]]:
        found = self.ask("select grant_id, balance, status from grant_balances")
        return {grant_id: (balance, status) for grant_id, balance, status in found}

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Every file that is visible but the reference tables and the operations, with its bytes."""
        return {
            path: (entry.sha256, self.lake.path(entry).read_bytes())
            for path, entry in self.lake.snapshot().visible.items()
            if entry.table != "operations"
        }


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Credit:
    return Credit(tmp_path_factory.mktemp("credit")).october().november()


def test_two_months_are_billed_and_every_invariant_holds(two_months: Credit) -> None:
    """October: acme's 100.00 take the 35.00 of `free` that were not sent and 65.00 of `organization`. The website's
    50.00 take its own 30.00 and, as it may not spend beyond them, leave 20.00 and 4.00 of tax, which `bought` pays. At
    labs `thanks` pays 10.00 before it is recovered, and what came by transfer the 20.00 after it.

    November: acme's 3.00 take `organization`, which then lacks 77.00 of its 80.00 a month and has 2.00 left for that.
    The website's 10.00 and 2.00 of tax are due, as `bought` was refunded before. Labs has 5.00 left for 10.00.
    """
    assert two_months.breaches() == []
    found = two_months.ask("select billing_period, billing_account_id, amount_due from invoices order by all")
    assert found == [
        ("2026-10", "acme", Decimal(0)),
        ("2026-10", "labs", Decimal(0)),
        ("2026-11", "acme", Decimal(12)),
        ("2026-11", "labs", Decimal(6)),
    ]
    assert two_months.balances() == {
        "free": (Decimal(0), "used_up"),
        "move": (Decimal(0), "used_up"),
        "organization": (Decimal(0), "used_up"),
        "part": (Decimal(0), "used_up"),
        "thanks": (Decimal(0), "recovered"),
        "bought": (Decimal(0), "refunded"),
    }


def test_the_history_of_each_credit_names_the_other_account(two_months: Credit) -> None:
    found = two_months.ask(
        "select grant_id, date::varchar, type, amount, target_account_id from credit_history "
        "where grant_id in ('free', 'move', 'thanks', 'bought') order by grant_id, date, type"
    )
    assert found == [
        ("bought", "2026-10-02", "Accumulation", Decimal(30), None),
        ("bought", "2026-10-31", "Use", Decimal(-24), None),
        ("bought", "2026-11-10", "Refunded", Decimal(-6), None),
        ("free", "2026-10-01", "Accumulation", Decimal(60), None),
        ("free", "2026-10-05", "Transfer Deduction", Decimal(-25), "labs"),
        ("free", "2026-10-31", "Use", Decimal(-35), None),
        ("move", "2026-10-05", "Transfer Accumulation", Decimal(25), "acme"),
        ("move", "2026-10-31", "Use", Decimal(-20), None),
        ("move", "2026-11-30", "Use", Decimal(-5), None),
        ("thanks", "2026-10-01", "Accumulation", Decimal(20), None),
        ("thanks", "2026-10-16", "Recovered", Decimal(-10), None),
        ("thanks", "2026-10-16", "Use", Decimal(-10), None),
    ]


def test_the_bonus_page_says_from_whom_to_whom_and_for_which_project(two_months: Credit) -> None:
    found = two_months.ask(
        "select billing_account_id, grant_id, sum, description from bonus_credits "
        "where description not like 'Charged%' and description <> 'Credited' order by all"
    )
    assert found == [
        ("acme", "free", Decimal(-25), "Transfer deduction to labs"),
        ("acme", "organization", Decimal(-30), "Allocated to project website"),
        ("acme", "organization", Decimal(-2), "Minimum consumption"),
        ("labs", "move", Decimal(25), "Transfer accumulation from acme"),
        ("labs", "thanks", Decimal(-10), "Recovered"),
    ]


def test_the_pages_of_free_paid_project_and_organization_credit(two_months: Credit) -> None:
    """What was sent, recovered or refunded is in the used amount; what has no balance is shown for three months."""
    free = "select grant_id, accumulated_amount, used_amount, remaining_amount, status from free_credits "
    assert two_months.ask(f"{free} where billing_account_id = 'labs' order by all") == [
        ("move", Decimal(25), Decimal(25), Decimal(0), "used_up"),
        ("thanks", Decimal(20), Decimal(20), Decimal(0), "recovered"),
    ]
    paid = "select grant_id, purchase_date::varchar, purchase_amount, used_amount, remaining_amount, status"
    assert two_months.ask(f"{paid} from paid_credits") == [
        ("bought", "2026-10-02", Decimal(30), Decimal(30), Decimal(0), "refunded")
    ]
    projects = "select grant_id, organization_grant_id, allocated_amount, used_amount, use_organization_credit, status"
    assert two_months.ask(f"{projects} from project_credits") == [
        ("part", "organization", Decimal(30), Decimal(30), False, "used_up")
    ]
    organization = "select grant_id, granted_amount, used_amount, allocated_amount, minimum_consumption_amount, balance"
    assert two_months.ask(f"{organization} from organization_credits") == [
        ("organization", Decimal(100), Decimal(68), Decimal(30), Decimal(2), Decimal(0))
    ]


def test_the_ledger_received_the_price_and_paid_a_part_of_it_back(two_months: Credit) -> None:
    """24.00 came in for 30.00; the rest of 6.00 is worth 6.00 × 24 ÷ 30 = 4.80 in cash, and 1.20 of the discount of
    6.00 is taken back. The commitment of what was given free is used or given back whole."""
    balances = dict(two_months.ask("select ledger_account, balance from trial_balance"))
    assert balances["cash"] == Decimal("19.20")
    assert balances["discounts_given"] == Decimal("4.80")
    assert balances["bonus_commitment"] == 0
    assert all(balance == 0 for account, balance in balances.items() if account.startswith("grant_liability/"))


# --- what is refused ---

REFUSED = """\
operation_id,operation,actor,occurred_at,billing_account_id,grant_id,kind,amount,price_paid,to_account,sub_account_id,logic,monthly_value,reason
r01,transfer_credit,operator,2026-11-02T00:00:00Z,acme,nothing,,1,,labs,,,,O_UNKNOWN_GRANT
r02,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,1,,nowhere,,,,O_UNKNOWN_ACCOUNT
r03,transfer_credit,owner,2026-11-02T00:00:00Z,acme,free,,1,,labs,,,,O_FORBIDDEN
r04,transfer_credit,operator,2026-11-02T00:00:00Z,acme,bought,,1,,labs,,,,O_NOT_TRANSFERABLE
r05,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,1,,acme,,,,O_SAME_ACCOUNT
r06,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,1,,globex,,,,O_OTHER_DOMAIN
r07,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,0,,labs,,,,O_AMOUNT
r08,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,0.001,,labs,,,,O_PRECISE
r09,transfer_credit,operator,2027-01-02T00:00:00Z,acme,free,,1,,labs,,,,O_GRANT_ENDED
r10,transfer_credit,operator,2026-11-02T00:00:00Z,acme,free,,0.01,,labs,,,,O_INSUFFICIENT_BALANCE
r11,allocate_to_project,operator,2026-11-02T00:00:00Z,acme,free,,1,,,website,,,O_NOT_ALLOCATABLE
r12,allocate_to_project,operator,2026-11-02T00:00:00Z,acme,organization,,1,,,elsewhere,,,O_UNKNOWN_PROJECT
r13,allocate_to_project,operator,2026-11-02T00:00:00Z,acme,organization,,5.01,,,website,,,O_INSUFFICIENT_BALANCE
r14,recover_credit,operator,2026-11-02T00:00:00Z,acme,bought,,,,,,,,O_NOT_RECOVERABLE
r15,refund_credit,operator,2026-11-02T00:00:00Z,acme,free,,,,,,,,O_NOT_REFUNDABLE
r16,recover_credit,operator,2026-11-02T00:00:00Z,labs,thanks,,,,,,,,O_GRANT_ENDED
r17,recover_credit,operator,2026-11-02T00:00:00Z,acme,free,,1,,,,,,O_BAD_FIELD
r18,purchase_credit,operator,2026-11-02T00:00:00Z,acme,,bonus,10,8,,,,,O_UNKNOWN_KIND
r19,purchase_credit,operator,2026-11-02T00:00:00Z,acme,,,10,10.01,,,,,O_AMOUNT
r20,purchase_credit,owner,2026-11-02T00:00:00Z,acme,,,10,8,,,,,O_FORBIDDEN
r21,grant_credit,operator,2026-11-02T00:00:00Z,acme,,bonus,10,,,,linear,,O_WINDOW
r22,grant_credit,operator,2026-11-02T00:00:00Z,acme,,bonus,10,,,,fixed,10.01,O_AMOUNT
r23,reverse_payment,operator,2026-11-02T00:00:00Z,acme,,,,,,,,,O_MISSING_FIELD
r24,void_invoice,operator,2026-11-02T00:00:00Z,acme,,,,,,,,,O_MISSING_FIELD
"""


def test_a_refused_operation_is_a_row_with_its_reason_and_changes_nothing(tmp_path: Path) -> None:
    """After October, `free` has nothing left and `organization` 5.00; every byte of every other table stays."""
    month = Credit(tmp_path).october()
    before = month.files()
    lines = [line.rpartition(",") for line in REFUSED.splitlines()]
    run = month.land_csv("\n".join(line for line, _, _ in lines) + "\n", datetime(2026, 11, 3, tzinfo=UTC))
    assert run.exit_code == 3
    assert month.files() == before
    wanted = {line.partition(",")[0]: reason for line, _, reason in lines[1:]}
    found = month.ask("select operation_id, reason_code from operations where status = 'rejected'")
    assert dict(found) == wanted  # type: ignore[arg-type]
    assert month.ask("select count(*) from operations where status = 'rejected' and reason is null") == [(0,)]
    assert month.breaches() == []


# --- what an outflow leaves of a draft ---

LATE = {
    "operation_id": "late",
    "operation": "transfer_credit",
    "occurred_at": "2026-10-25T12:00:00Z",
    "billing_account_id": "acme",
    "grant_id": "free",
    "to_account": "labs",
    "amount": "30.00",
}


def test_a_draft_gives_way_to_an_outflow_of_its_month_and_is_not_issued_before_it_is_billed_again(
    tmp_path: Path,
) -> None:
    """October's draft took the 35.00 that `free` had left. 30.00 of them are sent on the 25th: the draft is stale and
    no breach; billed again, it takes 5.00 of `free` and 70.00 of `organization`, so 25.00 and 5.00 of tax remain beside
    the website's 24.00; `bought` pays 30.00 of the 54.00."""
    month = Credit(tmp_path).october()
    received = datetime(2026, 11, 2, tzinfo=UTC)
    assert month.operate(LATE, received_at=received).exit_code == 0
    assert month.balances()["free"][0] == Decimal(-30)
    assert month.breaches() == []

    issue = {
        "operation_id": "issue",
        "operation": "issue_invoices",
        "occurred_at": "2026-11-03T09:00:00Z",
        "billing_period": "2026-10",
        "issue_date": "2026-11-03",
    }
    assert month.operate(issue, received_at=received).exit_code == 3
    refused = month.ask("select reason_code from operations where operation_id = 'issue'")
    assert refused == [("O_STALE_DRAFT",)]

    month.bill(period="2026-10")
    assert month.breaches() == []
    assert month.balances()["free"] == (Decimal(0), "used_up")
    assert month.due()["acme"] == Decimal(24)
    assert month.operate({**issue, "operation_id": "issue-2"}, received_at=received).exit_code == 0
    # what is issued has taken its part for good: the transfer of labs' rest of the first 25.00 is too much by a cent
    more = {**LATE, "billing_account_id": "labs", "grant_id": "move", "to_account": "acme"}
    month.operate({**more, "operation_id": "x", "amount": "5.01"}, {**more, "operation_id": "y", "amount": "5.00"})
    found = month.ask("select operation_id, reason_code from operations where operation_id in ('x', 'y') order by 1")
    assert found == [("x", "O_INSUFFICIENT_BALANCE"), ("y", None)]
    assert month.breaches() == []


def test_a_draft_that_can_no_longer_be_billed_again_is_not_issued_with_more_than_there_is(tmp_path: Path) -> None:
    """November is billed when the 30.00 of October are sent: October takes 35.00 of 5.00, so it gets no number.
    November took nothing of `free` and does."""
    month = Credit(tmp_path).october().november()
    received = datetime(2026, 12, 3, tzinfo=UTC)
    assert month.operate(LATE, received_at=received).exit_code == 0
    assert month.breaches() == []
    month.bill(period="2026-11")
    assert month.breaches() == []
    issue = {"operation": "issue_invoices", "occurred_at": "2026-12-03T09:00:00Z", "issue_date": "2026-12-03"}
    month.operate(
        {**issue, "operation_id": "october", "billing_period": "2026-10", "billing_account_id": "acme"},
        {**issue, "operation_id": "november", "billing_period": "2026-11", "billing_account_id": "acme"},
        received_at=received,
    )
    found = month.ask("select operation_id, reason_code from operations where operation = 'issue_invoices' order by 1")
    assert found == [("november", None), ("october", "O_STALE_DRAFT")]
    assert month.breaches() == []


def test_a_recovery_that_lands_after_the_draft_makes_it_stale(tmp_path: Path) -> None:
    """The end of a grant and a project's switch are in the draft only when it is billed again: `free` had ended before
    it could pay, so all 35.00 that were not sent go back."""
    month = Credit(tmp_path).october()
    month.operate(
        {
            "operation_id": "end",
            "operation": "recover_credit",
            "occurred_at": "2026-10-02T00:00:00Z",
            "billing_account_id": "acme",
            "grant_id": "free",
        },
        {
            "operation_id": "on",
            "operation": "allocate_to_project",
            "occurred_at": "2026-10-07T00:00:00Z",
            "billing_account_id": "acme",
            "grant_id": "organization",
            "sub_account_id": "website",
            "amount": "0",
            "use_organization_credit": True,
        },
        received_at=datetime(2026, 11, 2, tzinfo=UTC),
    )
    assert month.breaches() == []
    with pytest.raises(Exception, match="O_STALE_DRAFT"):
        month.issue()
    month.bill(period="2026-10")
    assert month.breaches() == []
    # 100.00 and the website's other 20.00 find 70.00 of `organization`: 50.00 and 10.00 of tax remain, `bought` pays 30
    assert month.due()["acme"] == Decimal(30)
    moved = "select sum(amount) from grant_movements where grant_id = 'free' and movement = 'recovered'"
    assert month.ask(moved) == [(Decimal(-35),)]
