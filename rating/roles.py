"""Who may do what: an action a line, a role a cell (section 11). Operations and exports ask nothing else.

An operation without a line here is judged for nobody: `MATRIX[name]` fails, and so does a line with a cell too few.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.principals import ROLES

Row = dict[str, Any]

ALL = "all"
OWN = "own"
OWN_BOTH = "own, both sides"
IF_BILLING_MANAGER = "own, if billing manager too"
GRANTED = "granted"
NONE = "none"

SCOPES: dict[str, str] = {
    ALL: "every account, whatever account the row names",
    OWN: "the accounts that the principal's rows in this role name",
    OWN_BOTH: "the same, and one role has to hold on the account that gives and on the one that gets",
    IF_BILLING_MANAGER: "nothing by this row; a row as billing manager of the same account opens it",
    GRANTED: "the accounts that the rows name; a row that names none is for every account",
    NONE: "nothing",
}
"""What a cell of the matrix says, in words."""


def _line(*scopes: str) -> dict[str, str]:
    """A cell for each role, in the order of `ROLES`; one too few or too many is an error."""
    return dict(zip(ROLES, scopes, strict=True))


_STAFF_ONLY = _line(ALL, NONE, NONE, NONE, NONE, NONE)

READ_PRICE_BOOK = "read the price book"
READ_BILLING = "read organization credit, invoices, history"
READ_CREDIT_PAGES = "read free and paid credit pages"
READ_RECORDS = "read rejects, operations, ledger"
TRANSFER_PAID_CREDIT = "transfer paid credit"
APPROVE_HELD_BILL = "approve a held bill"

MATRIX: dict[str, dict[str, str]] = {
    #                      staff, support, organization_owner, billing_manager, member, analyst
    READ_PRICE_BOOK: _line(ALL, ALL, OWN, OWN, OWN, GRANTED),
    READ_BILLING: _line(ALL, ALL, OWN, OWN, NONE, GRANTED),
    READ_CREDIT_PAGES: _line(ALL, ALL, IF_BILLING_MANAGER, OWN, NONE, NONE),
    READ_RECORDS: _line(ALL, ALL, NONE, NONE, NONE, GRANTED),
    "grant_credit": _STAFF_ONLY,
    "purchase_credit": _STAFF_ONLY,
    "allocate_to_project": _line(ALL, NONE, OWN, NONE, NONE, NONE),
    "transfer_credit": _line(ALL, NONE, OWN_BOTH, OWN_BOTH, NONE, NONE),
    TRANSFER_PAID_CREDIT: _line(NONE, NONE, NONE, NONE, NONE, NONE),
    "recover_credit": _STAFF_ONLY,
    "refund_credit": _STAFF_ONLY,
    "accept_promo_code": _line(ALL, NONE, OWN, OWN, NONE, NONE),
    "record_payment": _STAFF_ONLY,
    "reverse_payment": _STAFF_ONLY,
    "set_credit_limit": _STAFF_ONLY,
    "add_charge": _STAFF_ONLY,
    "issue_invoices": _STAFF_ONLY,
    "void_invoice": _STAFF_ONLY,
    APPROVE_HELD_BILL: _STAFF_ONLY,
}
"""What each role may do. That nobody transfers paid credit is a property of the credit (G2): `O_NOT_TRANSFERABLE`."""

READS = (READ_PRICE_BOOK, READ_BILLING, READ_CREDIT_PAGES, READ_RECORDS)
"""The actions that are no operation, but what an export may hold."""


@dataclass(frozen=True)
class Reach:
    """What an action is allowed for: everything, or some accounts whole and single projects of others."""

    everything: bool = False
    accounts: frozenset[str] = frozenset()
    projects: frozenset[tuple[str, str]] = frozenset()
    """(billing_account_id, sub_account_id)"""

    @property
    def is_nothing(self) -> bool:
        """Whether it reaches nothing at all."""
        return not (self.everything or self.accounts or self.projects)


def reach(action: str, principals: Iterable[Row]) -> Reach:
    """How far an action is allowed to somebody with these rows.

    Reads    rows of Principals, all of one principal and in force
    Makes    Reach; a row that names a project reaches no more than that project
    Source   section 11

    >>> owner = {"role": "organization_owner", "billing_account_id": "acme", "sub_account_id": None}
    >>> reach("accept_promo_code", [owner])
    Reach(everything=False, accounts=frozenset({'acme'}), projects=frozenset())
    >>> reach("grant_credit", [owner]).is_nothing
    True
    """
    line = MATRIX[action]
    rows = [(line[row["role"]], row["billing_account_id"], row["sub_account_id"]) for row in principals]
    named = [(account, project) for scope, account, project in rows if scope in (OWN, OWN_BOTH, GRANTED) and account]
    return Reach(
        everything=any(
            scope == ALL or (scope == GRANTED and (account, project) == (None, None))
            for scope, account, project in rows
        ),
        accounts=frozenset(account for account, project in named if project is None),
        projects=frozenset((account, project) for account, project in named if project is not None),
    )


def may(principal: Row, action: str, account_id: str | None) -> bool:
    """Whether a row allows an action for a whole account, or, where it names none, for all (section 11)."""
    reached = reach(action, [principal])
    return reached.everything or account_id in reached.accounts


def roles_of(action: str) -> list[str]:
    """The roles that an action is allowed to, for some account."""
    return [role for role, scope in MATRIX[action].items() if scope not in (NONE, IF_BILLING_MANAGER)]
