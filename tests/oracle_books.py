"""The books over time, from the rule book alone: what is billed, issued, paid, voided and backfilled, step by step.

Reads    a chronicle: a world of reference tables without usage and operations, and its `steps` in time order:
         {"step": "land", "at", "reference": {table: rows}, "usage_records", "operations"}: tables replaced, usage that
         came, operations that landed in one commit; {"step": "bill", "billing_period", "known_as_of"};
         {"step": "issue", "billing_period", "issue_date", "at", "documents", "billing_account_id"};
         {"step": "backfill", "at", "issue_date"}, without a date its corrections stay drafts.
         A document is named "ACCOUNT/PERIOD/K": the K-th one issued of that account and period, from 0 on.
Makes    `follow`: the books after each step, tables of rows as TABLES says; `Books`, to go on from there.
Rejects  what `tests/oracle.py` rejects but for payable_increment.

A period of an account is worked out whole, always, as `tests/oracle.py` does it (L1): its *state* is what the invoice
would say if it were made today (the virtual document). The documents of the period that were issued, its chain, add up
to the state as it was when the last of them was made; a correcting document is what they lack. Nothing here knows what
was touched: a backfill works out every period of every account again.

Readings, after those of `tests/oracle.py`:

63. The chain of (account, period) is its root, an issued document that names none before it and is not voided, and the
    documents that name it. Documents are counted by (account, period), voided ones and those that void included.
64. Standing, by issued documents alone: due is the sum of the chain (total with tax less credits, rounded); paid is
    what payments and other chains' credit notes paid of it, at issue or later, less what its own credit notes paid of
    other chains. none: no root; paid: nothing open; partly_paid: something open and something paid; else issued. What a
    backfill once found paid stays so, whatever it adds to it, while no less is paid than was due when it was found so,
    by the least of it where it was found so again; also one that a backfill changes nothing of.
65. A paid period: operations count as of when it was last computed (while it is paid, that stays), charges added by
    hand always, reference tables as of today but for tax rates. Its applications are laid again per charge, each at
    most what is left of it; then the grants of then pay what charges gained, net before tax, due after tax.
66. A partly paid one is computed with everything known. Where that leaves less than was paid, also rounded (88),
    applications are undone from the last backwards, after-tax ones first, the last one touched in part, until what is
    left is what was paid.
67. A correcting document has a line per charge in which the state and the chain differ, and is made if a list cost, a
    discount or a cap differs, or a total, or what a tax group has of taxable or tax amount. It is 381 if total with tax
    less credits falls. While an invoice stands its tax rates and jurisdictions are those of its state (T4).
68. A backfill goes through periods, oldest first. A grant has for a period what earlier ones and outflows leave, less
    what paid later ones charged.
69. What a period took of a grant is told net: what was returned is added to what was charged.
70. An account that would be on hold while its invoice stands keeps its state, and has the hold.
71. `retroactive_bonus_tax: keep`: before-tax grants recorded after what the root was made of pay after tax there.
72. void_invoice: O_UNKNOWN_INVOICE if it is no root of the account's, O_ALREADY_VOIDED, O_INVOICE_PAID if anything from
    outside paid the chain. The state goes, the account has the hold H_VOIDED; each document of the chain is settled.
73. A correcting credit note pays what its root, then the rest of its chain, the oldest first, leaves open.
74. What is booked in which accounting period is not told of here.
75. Whoever is not touched comes out as he was.
76. All outflows that are known count against what a grant has for a paid period too. Floors and expiries there are
    those of the grants of then; what became known later ends with the next period that is computed and not paid (19).
77. X2 A grant that pays a charge twice, laid again and for what it gained, has one application. Those of a charge are
    laid again in the order that their grants had; one that pays in a paid period for the first time is the last.
78. In a paid period G7 comes first: what is laid again is at most what it leaves of a charge, and at most what the
    grant has; of what then is left others pay the gain, which itself is not netted. A grant that paid there pays in
    the tax position in which it did.
79. The documents of one commit are issued at once: first 73; then account balance and credit notes of earlier commits
    pay them, the oldest payer first, the earlier period first. Credit notes of the same commit wait.
80. `bill` works out those who have no standing invoice, and corrects none.
81. K3 Any hold of an earlier period, also of one that was voided, keeps late-known grants from ending (19).
82. What a later period keeps because of a hold (70) is reserved for it like what a paid one charged.
83. A payment that names a document of the account pays that alone, another is O_UNKNOWN_INVOICE; one that names none
    pays what is due first, of one due date what was issued first. A reversal takes back what the payment paid.
84. G2 The purchase of a kind that is spent before tax is a sale: an invoice of its own, of the month and the day it
    occurred on, of the price and, per component, its tax by the rates of that day (`oracle.sale_rates`), rounded in the
    mode of the month's last instant. It is paid with the purchase, so it is due by nothing and in no chain of a period.
85. K5 When a period is issued, or corrections are, each sale of the accounts meant whose state there is gets a document
    of what those before lack: price × refunded of the face value, half away, and the tax by T4 over the whole sale, in
    the mode of the last instant of the period; 381 if the price falls. It was paid out with the refund. What documents
    of other periods say more than these refund by now is taken back with it, before it.
86. X2 `paid_charges: carry_forward`: what was paid holds no grant back. By the policy of its own last instant a paid
    period is worked out like one that nothing was paid of, and gets the correcting document of L4, tax and all; what
    then is paid too much is an open credit note, which pays the account's next invoices at issue (I6). No grant pays
    what was incurred outside its window (G3), and nothing rolls over (section 14). A partly paid period too: undone
    down to what was paid it would be paid, and the next backfill would do the rest (L1).
87. A paid period may keep less of a grant than it did, or something else, after earlier ones were worked out with what
    it kept (68). Then all periods of the account are gone through again, so that the next backfill finds nothing to do;
    what charges gained is counted from the books before it, not from what it made of them on the way.
88. I7 What is due of an invoice (total with tax less credits) is rounded to the increment, in the mode of charges, by
    the policies of the month's last instant; an increment that is not whole minor units counts as the least multiple
    that is. Payers at issue pay at most that; what is left of the exact amount is then rounded again, not below zero,
    and is nothing where they paid all of it.
89. X3 A correcting document is due by what makes its chain, less what paid that at issue, payable as a whole. It is
    rounded by itself where nothing is to be rounded today, or the chain was rounded by an increment or more or to
    something else than increments, or the document would ask for more and is below zero, or the other way round.
90. What voids a chain takes back what rounding brought.
91. X4 Where usage goes is decided when it lands, by the policy of the last instant of the period that it starts in and
    by the documents before that landing; it stays there. `reject`: a record of a period whose invoice stands is not
    taken, and what was known of it stays. `next_invoice`: it is as if it had started with the first period after it
    whose invoice does not stand, and lasted as long; where its account or SKU is no more by then, it stays. A revision
    goes as a new record would, and what it revises is no more.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests import oracle
from tests.oracle import KEY_COLUMNS, Charge, Fold, Row, Terms, UnsupportedError, World, money

Key = tuple[Any, ...]
Group = tuple[str, Decimal, str]
"""Code, rate and component."""

TABLES = (
    "operations",
    "charges",
    "allocations",
    "tax_breakdown",
    "invoices",
    "invoice_lines",
    "invoice_tax",
    "standings",
    "grant_movements",
    "grant_balances",
    "account_balances",
    "holds",
    "sales",
    "sale_taxes",
    "rejects",
)
LINE = (
    *("pricing_quantity", "list_cost", "discount_amount", "cap_amount", "grant_amount", "line_amount", "tax_amount"),
    "credit_amount",
)
"""What a line of a document says of a charge; amounts in mu."""

MOST_PASSES = 10
"""So often at most a backfill goes through an account's periods (87)."""

Line = dict[str, Any]


def no_line() -> Line:
    return {**dict.fromkeys(LINE, 0), "pricing_quantity": Fraction(0)}


def minus(one: Line, other: Line) -> Line:
    return {column: one[column] - other[column] for column in LINE}


def key_of(charge: Charge) -> Key:
    """What a charge is known by: its key, and the operation or limit it comes of."""
    return (*oracle.charge_key(charge.key), charge.line.source)


@dataclass
class Applied:
    """G6: so many mu of a grant on a charge."""

    charge: Key
    grant_id: str
    tax_position: str
    mu: int


@dataclass
class State:
    """What the books say of one account's period: the virtual document, and what it took of grants."""

    account_id: str
    period: str
    currency: str
    exponent: int
    known_as_of: datetime
    rates: list[Row]  # T4: the table of tax rates, and the account's place in it
    place: Row
    lines: dict[Key, Line]
    limits: list[Row]  # discounts and caps
    applied: list[Applied]
    grants: list[str]  # those that paid, in their order
    groups: dict[Group, tuple[int, int]]  # taxable, tax
    movements: list[Row]
    payable_by: tuple[int, str] = (1, "half_away")  # I7: the increment in mu, and the mode
    issued_as_of: datetime | None = None  # 71: what its root was made of
    settled: int | None = None  # 64: what was due when a backfill found it paid

    @property
    def total(self) -> int:
        return total_of(self.lines)


def total_of(lines: dict[Key, Line]) -> int:
    """Total with tax less credits."""
    return sum(line["line_amount"] + line["tax_amount"] - line["credit_amount"] for line in lines.values())


@dataclass
class Document:
    """An issued document."""

    account_id: str
    period: str
    place: int  # K
    document_type: str
    root: int | None  # K of the document that it corrects or voids
    is_void: bool
    issue_date: date
    due_date: date
    issued: int  # by which step
    exponent: int
    lines: dict[Key, Line]
    groups: dict[Group, tuple[int, int]]
    is_voided: bool = False
    rounding: int = 0  # I7: what rounding brought

    @property
    def total(self) -> int:
        """Total with tax less credits, rounded."""
        return total_of(self.lines) + self.rounding

    @property
    def chain(self) -> int:
        """K of its root."""
        return self.place if self.root is None else self.root

    def is_in_chain_of(self, other: Document) -> bool:
        return (self.account_id, self.period, self.chain) == (other.account_id, other.period, other.chain)


@dataclass
class SaleDocument:
    """Readings 84 and 85: the invoice of a sale, or what corrects it; amounts in mu."""

    period: str
    document_type: str
    issue_date: date
    net: int
    groups: dict[Group, tuple[int, int]]  # taxable, tax


@dataclass
class Sale:
    """The documents of a purchase; the first is its invoice."""

    grant: Row
    account_id: str
    exponent: int
    documents: list[SaleDocument]

    @property
    def groups(self) -> dict[Group, tuple[int, int]]:
        """What they say together."""
        made = [document.groups for document in self.documents]
        return {group: tuple(sum(one[group][place] for one in made) for place in (0, 1)) for group in made[0]}  # type: ignore[misc]

    def documented(self, period: str) -> int:
        """What they say was refunded of the price in a period."""
        return -sum(one.net for one in self.documents[1:] if one.period == period)


@dataclass
class Application:
    """I6: so many mu that a payment or a credit note paid of a document."""

    payment: str | None
    note: Document | None
    document: Document
    mu: int
    is_at_issue: bool


@dataclass
class Standing:
    """Reading 64, in mu."""

    name: str
    due: int
    paid: int
    chain: list[Document]

    @property
    def open(self) -> int:
        return self.due - self.paid


@dataclass
class Books:
    """What is committed, as far as the steps have gone."""

    tables: World
    usage: dict[str, Row] = field(default_factory=dict)
    periods: list[str] = field(default_factory=list)
    states: dict[tuple[str, str], State] = field(default_factory=dict)
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    payments: dict[str, Row] = field(default_factory=dict)
    applications: list[Application] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    latest: datetime | None = None  # the latest recorded_at
    steps: int = 0
    decided: list[Row] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fold = Fold(self.tables, about_documents=self.refusal)

    # -------------------------------------------------------------------------------------------------------- the steps

    def take(self, step: Row) -> None:
        """One step further."""
        self.steps += 1
        self.decided, self.rejected = [], []
        if step["step"] == "land":
            self.land(step)
        elif step["step"] == "bill":
            self.bill(step["billing_period"], step["known_as_of"])
        elif step["step"] == "issue":
            self.latest = step["at"]
            self.issue(step)
        elif step["step"] == "backfill":
            self.backfill(step["issue_date"])
        else:
            raise UnsupportedError(f"step {step['step']}")

    def land(self, step: Row) -> None:
        """Reference tables, usage (U1: the highest revision), operations in the order of O3."""
        self.latest = step["at"]
        self.tables.update(step.get("reference") or {})
        for record in step.get("usage_records") or []:
            known = self.usage.get(record["usage_record_id"])
            if known is None or known["revision"] < record["revision"]:
                self.take_usage(record)
        operations = step.get("operations") or []
        for operation in sorted(operations, key=lambda one: (one["occurred_at"], one["operation_id"])):
            self.decide(operation)

    def take_usage(self, record: Row) -> None:
        """X4 (reading 91)."""
        account_id, start = record["billing_account_id"], record["charge_period_start"]
        zone = self.account(account_id)["time_zone"]
        period = oracle.period_of(start, zone)
        last = oracle.period_bounds(period, zone)[1] - timedelta(microseconds=1)
        said = oracle.policies_at(self.tables, account_id, last, zone).get("late_usage", "correct")
        if self.stands(account_id, period) and said == "reject":
            self.rejected.append({"usage_record_id": record["usage_record_id"], "reason_code": "R_TOO_OLD"})
            return
        if self.stands(account_id, period) and said == "next_invoice":
            while self.stands(account_id, period):
                period = oracle.period_of(oracle.period_bounds(period, zone)[1], zone)
            counted_at = oracle.period_bounds(period, zone)[0]
            if self.is_there(record, counted_at, zone):
                lasted = record["charge_period_end"] - start
                record = {**record, "charge_period_start": counted_at, "charge_period_end": counted_at + lasted}
        self.usage[record["usage_record_id"]] = record

    def stands(self, account_id: str, period: str) -> bool:
        return self.standing(account_id, period).name != "none"

    def is_there(self, record: Row, at: datetime, zone: str) -> bool:
        named = (("billing_accounts", "billing_account_id"), ("skus", "sku_id"))
        return all(
            any(row[name] == record[name] for row in oracle.in_force(self.tables[table], at, zone))
            for table, name in named
        )

    def decide(self, operation: Row) -> None:
        """O1: against the books as the operations before it left them."""
        self.fold.world = {
            **self.tables,
            "billing_period": self.periods[0] if self.periods else "9999-12",
            "first_billed_periods": dict.fromkeys(self.account_ids, self.periods[0]) if self.periods else {},
            "grant_movements": [row for state in self.states.values() for row in state.movements],
            "issued_periods": {
                (document.account_id, document.period) for document in self.documents if not document.is_voided
            },
        }
        reason = oracle.refusal(self.fold, operation)
        if reason is None:
            oracle.carry_out(self.fold, operation)
            self.carry_out(operation)
        status = "accepted" if reason is None else "rejected"
        self.decided.append({"operation_id": operation["operation_id"], "status": status, "reason_code": reason})

    def bill(self, period: str, known_as_of: datetime) -> None:
        """Reading 80."""
        if period not in self.periods:
            self.periods.append(period)
        for account_id in self.account_ids:
            if self.standing(account_id, period).name == "none":
                self.work_out(account_id, period, known_as_of, self.states)

    def backfill(self, issue_date: date | None) -> None:
        """X1: every period of every account, the oldest first, then what the documents lack."""
        if self.latest is None:
            raise UnsupportedError("a backfill of nothing")
        for account_id in self.account_ids:
            committed = {key: state for key, state in self.states.items() if key[0] == account_id}
            for _ in range(MOST_PASSES):
                kept = self.kept_by_paid(account_id)
                for period in self.periods:
                    self.work_out(account_id, period, self.latest, committed)
                if self.kept_by_paid(account_id) == kept:
                    break
        if issue_date is not None:
            made = [self.draft(account_id, period) for account_id in self.account_ids for period in self.periods]
            self.number([one for one in made if one is not None and one.root is not None], issue_date)
            for period in self.periods:
                self.document_refunds(self.account_ids, period, issue_date)

    def issue(self, step: Row) -> None:
        """I2: the drafts of the period."""
        period = step["billing_period"]
        if step["documents"] == "all":
            self.fold.issued.append((step["billing_account_id"], period, step["at"]))
        wanted = [one for one in self.account_ids if step["billing_account_id"] in (None, one)]
        made = [one for one in (self.draft(account_id, period) for account_id in wanted) if one is not None]
        if step["documents"] == "corrections":
            made = [one for one in made if one.root is not None]
        self.number(made, step["issue_date"])
        self.document_refunds(wanted, period, step["issue_date"])

    # ------------------------------------------------------------------------------------------------ accounts' periods

    @property
    def account_ids(self) -> list[str]:
        return sorted({row["billing_account_id"] for row in self.tables["billing_accounts"]})

    def standing(self, account_id: str, period: str) -> Standing:
        """Reading 64."""
        chain = [
            one for one in self.documents if (one.account_id, one.period) == (account_id, period) and not one.is_voided
        ]
        if not chain:
            return Standing("none", 0, 0, [])
        paid = 0
        for one in self.applications:
            is_ours, is_of_ours = one.document in chain, one.note is not None and one.note in chain
            if is_ours and not is_of_ours:
                paid += one.mu
            if is_of_ours and not is_ours:
                paid -= one.mu
        due, settled = sum(one.total for one in chain), self.states[account_id, period].settled
        is_paid = due <= paid or (settled is not None and settled <= paid)
        name = "paid" if is_paid else "partly_paid" if paid > 0 else "issued"
        return Standing(name, due, paid, chain)

    def binding(self, account_id: str, period: str) -> str:
        """The standing by which a period is worked out (86)."""
        zone, name = self.account(account_id)["time_zone"], self.standing(account_id, period).name
        last = oracle.period_bounds(period, zone)[1] - timedelta(microseconds=1)
        said = oracle.policies_at(self.tables, account_id, last, zone).get("paid_charges", "untouched")
        return "issued" if name != "none" and said == "carry_forward" else name

    def work_out(
        self, account_id: str, period: str, known_as_of: datetime, before: dict[tuple[str, str], State]
    ) -> None:
        """L1: what the books should say of an account's period, as its standing lets them; before: what they say."""
        standing, key = self.standing(account_id, period), (account_id, period)
        how = self.binding(account_id, period)
        terms = self.terms(account_id, period, known_as_of)
        if terms is None:
            raise UnsupportedError(f"{account_id} has no row in {period}")
        committed = before.get(key)
        account = oracle.rate_account(terms, self.fold)
        self.holds.pop(key, None)
        if account.hold is not None:
            self.holds[key] = account.hold["reason_code"]
            if standing.name == "none":
                self.states.pop(key, None)
            return
        issued_as_of = committed.issued_as_of if committed is not None and standing.name != "none" else None
        if issued_as_of is not None and terms.policy("retroactive_bonus_tax", "reduce") == "keep":
            account.grants = [late_after_tax(grant, issued_as_of) for grant in account.grants]
        if how == "paid" and committed is not None:
            spend_on_gains(account, committed)
        else:
            oracle.spend_before_tax(account, oracle.remainders_before_tax(account))
            tax_again(account)
            oracle.spend_after_tax(account, oracle.remainders_after_tax(account))
        if how == "partly_paid":
            undo_down_to(account, standing.paid)
        oracle.take_and_end(account)
        state = state_of(account, issued_as_of)
        if how == "paid" and committed is not None:
            state.known_as_of = committed.known_as_of
            dues = [one for one in (committed.settled, standing.due) if one is not None]
            state.settled = min(due for due in dues if due <= standing.paid)
            state.grants = list(dict.fromkeys([*committed.grants, *state.grants]))
        self.states[key] = state

    def terms(self, account_id: str, period: str, known_as_of: datetime) -> Terms | None:
        """What holds for the account, as its standing lets it (65, 67)."""
        world = {
            **self.tables,
            "billing_period": period,
            "known_as_of": known_as_of,
            "usage_records": list(self.usage.values()),
            "grant_movements": self.taken_elsewhere(account_id, period, known_as_of),
            "held_before": {account_id} if self.is_held_before(account_id, period) else set(),
        }
        return self.as_it_stands(oracle.account_terms(world, account_id), period)

    def as_it_stands(self, terms: Terms | None, period: str) -> Terms | None:
        if terms is None:
            return None
        if not terms.is_closing:  # the period has ended in every zone when it is billed
            raise UnsupportedError(f"{period} has not ended")
        refuse_what_is_out_of_scope(terms)
        standing = self.binding(terms.account_id, period)
        if standing == "none":
            return terms
        committed = self.states[terms.account_id, period]
        return dataclasses.replace(
            terms,
            world={**terms.world, "tax_rates": committed.rates},
            seller={**terms.seller, "jurisdiction": committed.place["seller_jurisdiction"]},
            account={**terms.account, **{name: committed.place[name] for name in PLACE}},
            operations_as_of=committed.known_as_of if standing == "paid" else terms.operations_as_of,
        )

    def taken_elsewhere(self, account_id: str, period: str, known_as_of: datetime) -> list[Row]:
        """What earlier periods took of grants, and what is reserved for later ones (68, 82)."""
        rows = []
        for (owner, other), state in self.states.items():
            if owner != account_id or other == period:
                continue
            if other < period:
                rows += state.movements
            elif self.binding(owner, other) == "paid":
                rows += [{**row, "is_reserved": True} for row in state.movements if row["movement"] == "charged"]
            elif self.is_kept_by_hold(owner, other, known_as_of):
                rows += [{**row, "is_reserved": True} for row in state.movements]
        return rows

    def kept_by_paid(self, account_id: str) -> dict[tuple[str, str], Decimal]:
        """What each paid period keeps of each grant (68, 87)."""
        kept: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (owner, period), state in self.states.items():
            if owner == account_id and self.binding(owner, period) == "paid":
                for row in state.movements:
                    if row["movement"] == "charged":
                        kept[period, row["grant_id"]] += row["amount"]
        return dict(kept)

    def is_kept_by_hold(self, account_id: str, period: str, known_as_of: datetime) -> bool:
        """Reading 70: its invoice stands, and today it would be on hold; grants have no part in that."""
        if self.standing(account_id, period).name == "none":
            return False
        world = {
            **self.tables,
            "billing_period": period,
            "known_as_of": known_as_of,
            "usage_records": list(self.usage.values()),
        }
        terms = self.as_it_stands(oracle.account_terms(world, account_id), period)
        return terms is not None and oracle.rate_account(terms, self.fold).hold is not None

    def is_held_before(self, account_id: str, period: str) -> bool:
        return any(owner == account_id and held < period for owner, held in self.holds)

    # -------------------------------------------------------------------------------------------------------- documents

    def draft(self, account_id: str, period: str) -> Document | None:
        """The invoice that is not issued yet, or what the issued documents lack (67)."""
        state, chain = self.states.get((account_id, period)), self.standing(account_id, period).chain
        if state is None:
            return None
        if not chain:
            if not state.lines:
                return None
            with_tax = sum(line["line_amount"] + line["tax_amount"] for line in state.lines.values())
            return made_document(state, "381" if with_tax < 0 else "380", None, state.lines, state.groups)
        lines, groups = lacking(state, chain)
        if not is_worth_a_document(lines, groups):
            return None
        document_type = "381" if total_of(lines) < 0 else "380"
        return made_document(state, document_type, chain[0].place, lines, groups)

    def number(self, drafts: list[Document], issue_date: date) -> None:
        """I2: the drafts become documents, and are paid with what there is (79)."""
        for draft in drafts:
            account = self.account(draft.account_id)
            draft.place = self.count(draft.account_id, draft.period)
            draft.issue_date, draft.issued = issue_date, self.steps
            draft.due_date = issue_date + timedelta(days=account["payment_terms_days"])
            state = self.states[draft.account_id, draft.period]
            draft.rounding = self.rounding(draft, state.payable_by)
            self.documents.append(draft)
            if draft.root is None:
                state.issued_as_of = state.known_as_of
        for draft in drafts:
            self.pay_own_chain(draft)
        for draft in drafts:
            self.pay_at_issue(draft)
            self.round_what_is_left(draft)

    def rounding(self, draft: Document, payable_by: tuple[int, str]) -> int:
        """What makes a document payable, or its chain with it (88, 89)."""
        exact = total_of(draft.lines)
        by_itself = to_increments(exact, *payable_by) - exact
        increment, chain = payable_by[0], self.standing(draft.account_id, draft.period).chain
        if draft.root is None or increment == 1:
            return by_itself
        asked = sum(one.total - self.at_issue(one) for one in chain)
        brought = sum(one.rounding for one in chain)
        lacking = to_increments(asked - brought + exact, *payable_by) - asked
        is_so_far = asked % increment == 0 and abs(brought) < increment
        return lacking - exact if is_so_far and (lacking == 0 or lacking * exact > 0) else by_itself

    def at_issue(self, document: Document) -> int:
        """What paid a document when it was issued."""
        return sum(one.mu for one in self.applications if one.document is document and one.is_at_issue)

    def round_what_is_left(self, document: Document) -> None:
        """I7 (reading 88)."""
        paid = self.at_issue(document)
        if paid == 0:
            return
        exact = total_of(document.lines) - paid
        payable_by = self.states[document.account_id, document.period].payable_by
        due = max(0, to_increments(exact, *payable_by)) if paid < document.total else 0
        document.rounding = due - exact

    def count(self, account_id: str, period: str) -> int:
        """How many documents of the period were issued (63)."""
        return sum((one.account_id, one.period) == (account_id, period) for one in self.documents)

    def account(self, account_id: str) -> Row:
        row: Row = next(one for one in self.tables["billing_accounts"] if one["billing_account_id"] == account_id)
        return row

    def void(self, operation: Row) -> None:
        """I4 (reading 72)."""
        root = self.named(operation)
        if root is None:
            raise ValueError(operation["invoice_number"])
        key = (root.account_id, root.period)
        chain = self.standing(*key).chain
        zone = self.account(root.account_id)["time_zone"]
        day = operation["issue_date"] or local_day(operation["occurred_at"], zone)
        lines, groups = lacking(None, chain)
        void = made_document(self.states[key], "381", root.place, lines, groups)
        void.place, void.is_void, void.issue_date, void.due_date = self.count(*key), True, day, day
        void.issued = self.steps
        void.rounding = -sum(document.rounding for document in chain)
        self.documents.append(void)
        for document in (*chain, void):
            document.is_voided = True
        del self.states[key]
        self.holds[key] = "H_VOIDED"

    def named(self, operation: Row) -> Document | None:
        """The document of the account that an operation names."""
        for document in self.documents:
            name = f"{document.account_id}/{document.period}/{document.place}"
            if name == operation["invoice_number"] and document.account_id == operation["billing_account_id"]:
                return document
        return None

    # --------------------------------------------------------------------------------------------------------- who pays

    def open(self, document: Document) -> int:
        """What is left to pay of a document; below zero, what a credit note has left to pay with."""
        if document.is_voided:
            return 0
        left = document.total
        for one in self.applications:
            if one.document is document:
                left -= one.mu
            if one.note is document:
                left += one.mu
        return left

    def rest(self, payment: str) -> int:
        """What is over of a payment; nothing of a reversed one."""
        row = self.payments[payment]
        used = sum(one.mu for one in self.applications if one.payment == payment)
        return 0 if row["is_reversed"] else int(row["mu"]) - used

    def pay_own_chain(self, note: Document) -> None:
        """Reading 73."""
        if note.root is None:
            return
        chain = [one for one in self.documents if one.is_in_chain_of(note) and one is not note]
        for document in chain:
            mu = min(-self.open(note), self.open(document))
            if mu > 0:
                self.applications.append(Application(None, note, document, mu, False))

    def pay_at_issue(self, document: Document) -> None:
        """I6 (reading 79): the oldest balance and credit notes first, of one instant the credit notes."""
        zone = self.account(document.account_id)["time_zone"]
        payers: list[tuple[datetime, int, str, Document | None, str]] = [
            (oracle.local_instant(one.issue_date, zone), 0, f"{place:06}", one, "")
            for place, one in enumerate(self.documents)
            if one.account_id == document.account_id and one.issued < document.issued and self.open(one) < 0
        ]
        payers += [
            (row["occurred_at"], 1, name, None, name)
            for name, row in self.payments.items()
            if row["billing_account_id"] == document.account_id
        ]
        for _, _, _, note, payment in sorted(payers, key=lambda payer: payer[:3]):
            there = self.rest(payment) if note is None else -self.open(note)
            mu = min(there, self.open(document))
            if mu > 0:
                self.applications.append(Application(payment or None, note, document, mu, True))

    def pay(self, operation: Row) -> None:
        """I6 (reading 83)."""
        account = self.account(operation["billing_account_id"])
        at, zone = operation["occurred_at"], account["time_zone"]
        exponent = oracle.currency_exponent(self.tables, account["billing_currency"], at, zone)
        mu = Fraction(operation["amount"]) * 10**exponent
        self.payments[operation["operation_id"]] = {**operation, "mu": int(mu), "is_reversed": False}
        named = self.named(operation) if operation["invoice_number"] else None
        own = [one for one in self.documents if one.account_id == account["billing_account_id"]]
        oldest_first = sorted(own, key=lambda one: (one.due_date, one.issued, one.period))
        for document in oldest_first if named is None else [named]:
            paid = min(self.rest(operation["operation_id"]), self.open(document))
            if paid > 0:
                self.applications.append(Application(operation["operation_id"], None, document, paid, False))

    # ------------------------------------------------------------------------------------------------------------ sales

    def sell(self, operation: Row) -> None:
        """Reading 84."""
        grant = self.fold.grants[-1]
        if grant["tax_position"] != "before":
            return
        account, at = self.account(operation["billing_account_id"]), operation["occurred_at"]
        zone = account["time_zone"]
        exponent = oracle.currency_exponent(self.tables, account["billing_currency"], at, zone)
        net, period = int(Fraction(operation["price_paid"]) * 10**exponent), oracle.period_of(at, zone)
        mode = self.tax_mode(account, period)
        groups = {
            (row["code"], row["rate"], row["component"]): (net, oracle.rounded(net * Fraction(row["rate"]), mode))
            for row in oracle.sale_rates(self.tables, operation, account)
        }
        invoice = SaleDocument(period, "380", local_day(at, zone), net, groups)
        self.sales.append(Sale(grant, account["billing_account_id"], exponent, [invoice]))

    def tax_mode(self, account: Row, period: str) -> str:
        """How tax is rounded, by the policy of the last instant of a period."""
        zone = account["time_zone"]
        last = oracle.period_bounds(period, zone)[1] - timedelta(microseconds=1)
        policies = oracle.policies_at(self.tables, account["billing_account_id"], last, zone)
        return policies.get("rounding_tax", "half_away")

    def document_refunds(self, account_ids: list[str], period: str, issue_date: date) -> None:
        """Reading 85: first what other periods take back, then what this one says."""
        for one in [*(other for other in sorted(self.periods) if other != period), period]:
            self.document_refunds_of(account_ids, one, issue_date, only_taken_back=one != period)

    def document_refunds_of(
        self, account_ids: list[str], period: str, issue_date: date, *, only_taken_back: bool
    ) -> None:
        for sale in self.sales:
            state = self.states.get((sale.account_id, period))
            if sale.account_id not in account_ids or state is None:
                continue
            moved = [
                row["amount"]
                for row in state.movements
                if (row["grant_id"], row["movement"]) == (sale.grant["grant_id"], "refunded")
            ]
            part = -sum(map(Fraction, moved)) / Fraction(sale.grant["amount"])
            refunded = oracle.rounded(part * sale.documents[0].net, "half_away")
            net = sale.documented(period) - refunded
            if net > 0 or (net < 0 and not only_taken_back):
                mode = self.tax_mode(self.account(sale.account_id), period)
                groups = {
                    group: (net, oracle.rounded((taxable + net) * Fraction(group[1]), mode) - tax)
                    for group, (taxable, tax) in sale.groups.items()
                }
                made = SaleDocument(period, "381" if net < 0 else "380", issue_date, net, groups)
                sale.documents.append(made)

    def carry_out(self, operation: Row) -> None:
        """What an accepted operation changes of documents and dues."""
        if operation["operation"] == "purchase_credit":
            self.sell(operation)
        if operation["operation"] == "record_payment":
            self.pay(operation)
        if operation["operation"] == "reverse_payment":
            payment = operation["reverses_operation_id"]
            self.payments[payment]["is_reversed"] = True
            for one in [one for one in self.applications if one.payment == payment]:
                self.applications.append(Application(None, None, one.document, -one.mu, False))
        if operation["operation"] == "void_invoice":
            self.void(operation)

    def refusal(self, operation: Row) -> str | None:
        """O1: what the books say against a payment, a reversal, a void (72, 83)."""
        if operation["operation"] == "record_payment":
            is_known = operation["invoice_number"] is None or self.named(operation) is not None
            return None if is_known else "O_UNKNOWN_INVOICE"
        if operation["operation"] == "reverse_payment":
            payment = self.payments.get(operation["reverses_operation_id"])
            if payment is None or payment["billing_account_id"] != operation["billing_account_id"]:
                return "O_UNKNOWN_PAYMENT"
            if payment["occurred_at"] > operation["occurred_at"]:
                return "O_UNKNOWN_PAYMENT"
            return "O_ALREADY_REVERSED" if payment["is_reversed"] else None
        root = self.named(operation)
        if root is None or root.root is not None:
            return "O_UNKNOWN_INVOICE"
        if root.is_voided:
            return "O_ALREADY_VOIDED"
        return "O_INVOICE_PAID" if self.standing(root.account_id, root.period).paid != 0 else None

    # ------------------------------------------------------------------------------------------------------ as they are

    def rows(self) -> dict[str, list[Row]]:
        """The books as tables."""
        made: dict[str, list[Row]] = {table: [] for table in TABLES}
        made["operations"], made["rejects"] = self.decided, self.rejected
        for state in self.states.values():
            made["charges"] += charge_rows(state)
            made["allocations"] += allocation_rows(state)
            made["tax_breakdown"] += group_rows(state, state.groups)
        for document in self.documents:
            made["invoices"].append(self.invoice_row(document))
            made["invoice_lines"] += invoice_line_rows(document)
            made["invoice_tax"] += [
                {**row, "document": document.place} for row in group_rows(document, document.groups)
            ]
        for sale in self.sales:
            made["sales"] += sale_rows(sale)
            made["sale_taxes"] += sale_tax_rows(sale)
        for account_id in self.account_ids:
            made["standings"] += [self.standing_row(account_id, period) for period in self.periods]
            made["account_balances"].append(
                {"billing_account_id": account_id, "amount": self.amount(account_id, self.account_balance(account_id))}
            )
        made["grant_movements"] = self.movement_rows()
        made["grant_balances"] = [
            {"grant_id": grant["grant_id"], "balance": self.balance(grant)} for grant in self.fold.grants
        ]
        made["holds"] = [
            {"billing_account_id": account_id, "billing_period": period, "reason_code": reason}
            for (account_id, period), reason in self.holds.items()
        ]
        return made

    def amount(self, account_id: str, mu: int) -> Decimal:
        account = self.account(account_id)
        at = self.latest or oracle.FOREVER
        return money(mu, oracle.currency_exponent(self.tables, account["billing_currency"], at, account["time_zone"]))

    def account_balance(self, account_id: str) -> int:
        return sum(self.rest(name) for name, row in self.payments.items() if row["billing_account_id"] == account_id)

    def standing_row(self, account_id: str, period: str) -> Row:
        standing = self.standing(account_id, period)
        return {
            "billing_account_id": account_id,
            "billing_period": period,
            "standing": standing.name,
            "due_amount": self.amount(account_id, standing.due),
            "paid_amount": self.amount(account_id, standing.paid),
            "open_amount": self.amount(account_id, standing.open),
        }

    def invoice_row(self, document: Document) -> Row:
        """I3, with what is left to pay of it."""

        def total(column: str) -> int:
            return sum(int(line[column]) for line in document.lines.values())

        at_issue = sum(one.mu for one in self.applications if one.document is document and one.is_at_issue)
        with_tax, credit = total("line_amount") + total("tax_amount"), total("credit_amount")
        amounts = {
            "list_cost": total("list_cost"),
            "discount_amount": total("discount_amount"),
            "cap_amount": total("cap_amount"),
            "grant_amount": total("grant_amount"),
            "total_without_tax": total("line_amount"),
            "total_tax": total("tax_amount"),
            "total_with_tax": with_tax,
            "credit_amount": credit,
            "paid_amount": credit + at_issue,
            "rounding_amount": document.rounding,
            "amount_due": document.total - at_issue,
            "open_amount": self.open(document),
        }
        return {
            "billing_account_id": document.account_id,
            "billing_period": document.period,
            "document": document.place,
            "document_type": document.document_type,
            "is_void": document.is_void,
            "preceding": document.root,
            "issue_date": document.issue_date,
            **{name: money(mu, document.exponent) for name, mu in amounts.items()},
        }

    def movement_rows(self) -> list[Row]:
        """B3, net per grant, period and word (69)."""
        net: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
        moved = [row for state in self.states.values() for row in state.movements]
        for row in [*moved, *self.fold.moved]:
            key = (row["grant_id"], row["billing_account_id"], row["billing_period"], row["movement"])
            net[key] += row["amount"]
        columns = ("grant_id", "billing_account_id", "billing_period", "movement")
        return [{**dict(zip(columns, key, strict=True)), "amount": amount} for key, amount in net.items() if amount]

    def balance(self, grant: Row) -> Decimal:
        """K1."""
        balance: Decimal = grant["amount"]
        for row in self.fold.moved:
            if row["grant_id"] == grant["grant_id"] and row["amount"] < 0:
                balance += row["amount"]
        for state in self.states.values():
            own = [row["amount"] for row in state.movements if row["grant_id"] == grant["grant_id"]]
            balance += sum(own, Decimal(0))
        return balance


PLACE = ("jurisdiction", "region", "tax_status")


def follow(chronicle: World) -> list[dict[str, list[Row]]]:
    """The books after each step."""
    books = opened(chronicle)
    made = []
    for step in chronicle["steps"]:
        books.take(step)
        made.append(books.rows())
    return made


def opened(chronicle: World) -> Books:
    """The books before the first step."""
    return Books({name: rows for name, rows in chronicle.items() if name != "steps"})


def refuse_what_is_out_of_scope(terms: Terms) -> None:
    oracle.refuse_what_is_out_of_scope(terms.world, without_increment(terms))


def without_increment(terms: Terms) -> Terms:
    policies = {policy: value for policy, value in terms.policies.items() if policy != "payable_increment"}
    return dataclasses.replace(terms, policies=policies)


def payable_by(terms: Terms) -> tuple[int, str]:
    """I7: what amounts due are multiples of [mu], and the mode of charges (88)."""
    step = Fraction(terms.policy("payable_increment", "0")) * 10**terms.exponent
    return step.numerator or 1, terms.policy("rounding_charges", "half_away")


def to_increments(mu: int, increment: int, mode: str) -> int:
    return oracle.rounded(Fraction(mu, increment), mode) * increment


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


# --------------------------------------------------------------------------------------------- what a standing asks for


def late_after_tax(grant: Row, issued_as_of: datetime) -> Row:
    """X2 `retroactive_bonus_tax: keep` (reading 71)."""
    return {**grant, "tax_position": "after"} if grant["known_since"] > issued_as_of else grant


def tax_again(account: oracle.Account) -> None:
    """T3, on what is taxable by now."""
    for charge in account.charges:
        charge.taxes = []
    account.tax_breakdown = oracle.tax_charges(account.terms, account.charges)


def spend_on_gains(account: oracle.Account, committed: State) -> None:
    """X2, X4: a paid period (65)."""
    positions = {one.grant_id: one.tax_position for one in committed.applied}
    account.grants = [
        {**grant, "tax_position": positions.get(grant["grant_id"], grant["tax_position"])} for grant in account.grants
    ]
    was = {
        key: line["list_cost"] - line["discount_amount"] - line["cap_amount"] for key, line in committed.lines.items()
    }
    remainder = oracle.remainders_before_tax(account)
    lay_again(account, committed, "before", remainder)
    for charge in account.charges:
        gain = max(0, charge.net - was.get(key_of(charge), 0))
        remainder[id(charge)] = min(remainder[id(charge)], gain)
    oracle.spend_before_tax(account, remainder)
    tax_again(account)
    was = {key: line["line_amount"] + line["tax_amount"] for key, line in committed.lines.items()}
    due = oracle.remainders_after_tax(account)
    lay_again(account, committed, "after", due)
    for charge in account.charges:
        gain = max(0, charge.taxable + charge.tax - was.get(key_of(charge), 0))
        due[id(charge)] = min(due[id(charge)], gain)
    oracle.spend_after_tax(account, due)


def lay_again(account: oracle.Account, committed: State, tax_position: str, left: dict[int, int]) -> None:
    """X4: line by line as it was, as far as there is something left to pay and to pay with (78)."""
    for charge in account.charges:
        for one in sorted(committed.applied, key=lambda one: committed.grants.index(one.grant_id)):
            if one.charge != key_of(charge) or one.tax_position != tax_position:
                continue
            mu = min(one.mu, left[id(charge)], account.balance.get(one.grant_id, 0))
            if mu > 0:
                if tax_position == "before":
                    charge.before_tax += mu
                else:
                    charge.after_tax += mu
                left[id(charge)] -= mu
                account.balance[one.grant_id] -= mu
                account.allocations.append(
                    oracle.allocation(account.terms, charge, "grant", tax_position, one.grant_id, mu)
                )


def undo_down_to(account: oracle.Account, paid: int) -> None:
    """X2: a partly paid period never comes to less than was paid (66)."""
    if to_increments(comes_to(account), *payable_by(account.terms)) >= paid:
        return
    charges = {key_of(charge): charge for charge in account.charges}
    rows = [row for row in account.allocations if row["allocation_kind"] == "grant"]
    for position in ("after", "before"):
        for row in reversed([row for row in rows if row["tax_position"] == position]):
            if comes_to(account) >= paid:
                return
            charge, whole = charges[row_key(row)], account.terms.mu(row["amount"])
            mu = fewest(account, charge, position, whole, paid)
            give_back(account, charge, position, mu)
            account.balance[row["source_id"]] += mu
            row["amount"] = money(whole - mu, account.terms.exponent)
            if whole == mu:
                account.allocations = [one for one in account.allocations if one is not row]


def row_key(row: Row) -> Key:
    return (*oracle.charge_key(row), row["line_source"])


def comes_to(account: oracle.Account) -> int:
    return sum(charge.taxable + charge.tax - charge.after_tax for charge in account.charges)


def give_back(account: oracle.Account, charge: Charge, position: str, mu: int) -> None:
    if position == "after":
        charge.after_tax -= mu
    else:
        charge.before_tax -= mu
        tax_again(account)


def fewest(account: oracle.Account, charge: Charge, position: str, whole: int, paid: int) -> int:
    """The fewest mu that reach what was paid, or all of it; what they come to never falls with more of them."""
    low, high = 1, whole
    while low < high:
        middle = (low + high) // 2
        give_back(account, charge, position, middle)
        reached = comes_to(account) >= paid
        give_back(account, charge, position, -middle)
        low, high = (low, middle) if reached else (middle + 1, high)
    return high


# ------------------------------------------------------------------------------------------------- states and documents


def state_of(account: oracle.Account, issued_as_of: datetime | None) -> State:
    terms = account.terms
    applied: dict[tuple[Key, str, str], Applied] = {}
    for row in account.allocations:
        if row["allocation_kind"] == "grant":
            key = (row_key(row), row["source_id"], row["tax_position"])
            one = applied.setdefault(key, Applied(*key, 0))
            one.mu += terms.mu(row["amount"])
    return State(
        terms.account_id,
        terms.world["billing_period"],
        terms.currency,
        terms.exponent,
        terms.known_as_of,
        terms.world["tax_rates"],
        {"seller_jurisdiction": terms.seller["jurisdiction"], **{name: terms.account[name] for name in PLACE}},
        {key_of(charge): line_of(charge) for charge in account.charges},
        [row for row in account.allocations if row["allocation_kind"] != "grant"],
        list(applied.values()),
        list(dict.fromkeys(one.grant_id for one in applied.values())),
        {
            (row["code"], row["rate"], row["component"]): (
                terms.mu(row["taxable_amount"]),
                terms.mu(row["tax_amount"]),
            )
            for row in account.tax_breakdown
        },
        account.movements,
        payable_by(terms),
        issued_as_of,
    )


def line_of(charge: Charge) -> Line:
    return {
        "pricing_quantity": charge.quantity,
        "list_cost": charge.list_cost,
        "discount_amount": charge.discount,
        "cap_amount": charge.cap,
        "grant_amount": charge.before_tax,
        "line_amount": charge.taxable,
        "tax_amount": charge.tax,
        "credit_amount": charge.after_tax,
    }


def lacking(state: State | None, chain: list[Document]) -> tuple[dict[Key, Line], dict[Group, tuple[int, int]]]:
    """T4: what the state says more than the chain does, per charge and per tax group; without a state, all less."""
    lines = dict(state.lines) if state is not None else {}
    groups = dict(state.groups) if state is not None else {}
    for document in chain:
        for key, line in document.lines.items():
            lines[key] = minus(lines.get(key, no_line()), line)
        for group, (taxable, tax) in document.groups.items():
            left = groups.get(group, (0, 0))
            groups[group] = (left[0] - taxable, left[1] - tax)
    return (
        {key: line for key, line in lines.items() if any(line.values())},
        {group: amounts for group, amounts in groups.items() if any(amounts)},
    )


def is_worth_a_document(lines: dict[Key, Line], groups: dict[Group, tuple[int, int]]) -> bool:
    """Reading 67: not if only grants moved from charge to charge."""
    costs = ("list_cost", "discount_amount", "cap_amount")
    totals = ("line_amount", "tax_amount", "credit_amount")
    return (
        bool(groups)
        or any(line[column] for line in lines.values() for column in costs)
        or any(sum(line[column] for line in lines.values()) for column in totals)
    )


def made_document(
    state: State, document_type: str, root: int | None, lines: dict[Key, Line], groups: dict[Group, tuple[int, int]]
) -> Document:
    return Document(
        state.account_id,
        state.period,
        -1,
        document_type,
        root,
        False,
        date.max,
        date.max,
        -1,
        state.exponent,
        {key: dict(line) for key, line in lines.items()},
        dict(groups),
    )


# --------------------------------------------------------------------------------------------------------------- tables


def of_charge(account_id: str, period: str, key: Key) -> Row:
    columns = dict(zip((*KEY_COLUMNS, "source"), key, strict=True))
    return {"billing_account_id": account_id, "billing_period": period, **columns}


def charge_rows(state: State) -> list[Row]:
    names = {
        "list_cost": "list_cost",
        "discount": "discount_amount",
        "cap": "cap_amount",
        "before_tax": "grant_amount",
        "tax": "tax_amount",
        "after_tax": "credit_amount",
    }
    return [
        {
            **of_charge(state.account_id, state.period, key),
            "quantity": line["pricing_quantity"],
            **{name: money(line[column], state.exponent) for name, column in names.items()},
        }
        for key, line in state.lines.items()
    ]


def allocation_rows(state: State) -> list[Row]:
    limits = [
        {
            **of_charge(state.account_id, state.period, row_key(row)),
            **{name: row[name] for name in ("allocation_kind", "tax_position", "source_id", "amount")},
        }
        for row in state.limits
    ]
    return limits + [
        {
            **of_charge(state.account_id, state.period, one.charge),
            "allocation_kind": "grant",
            "tax_position": one.tax_position,
            "source_id": one.grant_id,
            "amount": money(one.mu, state.exponent),
        }
        for one in state.applied
    ]


def group_rows(owner: State | Document, groups: dict[Group, tuple[int, int]]) -> list[Row]:
    return [
        {
            "billing_account_id": owner.account_id,
            "billing_period": owner.period,
            "code": code,
            "rate": rate,
            "component": component,
            "taxable_amount": money(taxable, owner.exponent),
            "tax_amount": money(tax, owner.exponent),
        }
        for (code, rate, component), (taxable, tax) in groups.items()
    ]


def sale_rows(sale: Sale) -> list[Row]:
    """What was sold and given back: nothing is ever due of it."""
    made = []
    for place, document in enumerate(sale.documents):
        tax = sum(group[1] for group in document.groups.values())
        amounts = {"total_without_tax": document.net, "total_tax": tax}
        amounts |= dict.fromkeys(("total_with_tax", "paid_amount"), document.net + tax)
        made.append(
            {
                "billing_account_id": sale.account_id,
                "sold_by": sale.grant["operation_id"],
                "document": place,
                "document_type": document.document_type,
                "billing_period": document.period,
                "issue_date": document.issue_date,
                **{name: money(mu, sale.exponent) for name, mu in amounts.items()},
                "amount_due": Decimal(0),
            }
        )
    return made


def sale_tax_rows(sale: Sale) -> list[Row]:
    return [
        {
            "billing_account_id": sale.account_id,
            "sold_by": sale.grant["operation_id"],
            "document": place,
            "code": code,
            "rate": rate,
            "component": component,
            "taxable_amount": money(taxable, sale.exponent),
            "tax_amount": money(tax, sale.exponent),
        }
        for place, document in enumerate(sale.documents)
        for (code, rate, component), (taxable, tax) in document.groups.items()
    ]


def invoice_line_rows(document: Document) -> list[Row]:
    """I3; lines of nothing at all are left out."""
    return [
        {
            **of_charge(document.account_id, document.period, key),
            "document": document.place,
            "pricing_quantity": line["pricing_quantity"],
            **{name: money(line[name], document.exponent) for name in LINE[1:]},
        }
        for key, line in document.lines.items()
        if any(line.values())
    ]
