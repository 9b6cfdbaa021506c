"""Chronicles: worlds with a time line of landings, bills, issues and backfills, for `tests/oracle_books.py`.

`skeleton` draws the common time line; an `Author` writes one small world onto it, an account or two whose ids begin
with a prefix: usage, bonuses for months that are billed or issued, discounts that come late, mended prices, usage up
and down by revisions, payments in part, in full and above, reversed ones, voids, transfers between its two accounts. It
follows the books as it writes, so that payments and voids are about documents that there are. `chronicles()` draws one
such world with Hypothesis; `many` writes many onto one skeleton and puts them together into one world with one list of
steps, so that one run of many accounts can be compared with many small ones: `part_of` cuts the books of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests import oracle
from tests.oracle_books import Books, Document, follow, opened
from tests.worlds import CURRENCIES, GRANT_KINDS, LONG_AGO, Row, World, make_world, row

__all__ = ["chronicles", "follow", "many", "part_of", "skeleton", "written"]

ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York")
FIRST = ("2026-09", "2026-10", "2026-02", "2025-11", "2024-01")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REFERENCE = (
    *("sellers", "billing_accounts", "sub_accounts", "skus", "unit_conversions", "sku_prices", "price_tiers"),
    *("discounts", "grant_kinds", "promo_codes", "tax_rates", "currencies", "billing_policies", "principals"),
    *("recurring_items", "spend_limits", "cost_policies"),
)


# ------------------------------------------------------------------------------------------------------------ time line


def skeleton(random: Random, months: int) -> list[Row]:
    """When months are billed and issued and when backfills run; landings are empty as yet.

    Whatever is issued was billed, by a bill of its month or by a backfill, since the landing before.
    """
    steps: list[Row] = []
    period, issued, billed, drafted = random.choice(FIRST), set[str](), list[str](), set[str]()
    for _ in range(months):
        after = datetime.fromisoformat(oracle.next_period(period) + "-01").replace(tzinfo=UTC)
        at = after + 36 * HOUR
        billed.append(period)
        steps += [landing("month", period, at), bill(period, at + HOUR)]
        if random.randrange(5):
            steps.append(issue(period, at + 2 * HOUR))
            issued.add(period)
        for place in range(random.choice((0, 1, 1, 2))):
            at = after + (5 + 6 * place) * DAY + 12 * HOUR
            steps.append(landing("late", period, at))
            steps += what_follows(random, period, billed, issued, drafted, at + HOUR)
        period = oracle.next_period(period)
    at = after + 25 * DAY
    steps += [landing("late", billed[-1], at), backfill(at + HOUR, (at + HOUR).date())]
    steps += [issue(one, at + (2 + place) * HOUR) for place, one in enumerate(billed) if one not in issued]
    return steps


def what_follows(
    random: Random, period: str, billed: Sequence[str], issued: set[str], drafted: set[str], at: datetime
) -> list[Row]:
    """After late things have landed: a backfill, its corrections issued or drafts; the month billed again; nothing.

    A bill draws up no corrections: where some wait, a month that is billed again is not issued with them.
    """
    what = random.choice(("backfill", "backfill", "backfill", "drafts", "again", "nothing"))
    if what == "again" and period in drafted:
        return [bill(period, at)]
    if what == "again":
        issued.add(period)
        return [bill(period, at), issue(period, at + HOUR)]
    if what == "nothing":
        return []
    steps = [backfill(at, None if what == "drafts" else at.date())]
    drafted.clear()
    for place, one in enumerate(billed, start=1):
        if one not in issued and random.randrange(3):
            steps.append(issue(one, at + place * HOUR))
            issued.add(one)
        elif one in issued and what == "drafts" and random.randrange(2):
            steps.append(issue(one, at + place * HOUR, random.choice(("corrections", "all"))))
        elif one in issued and what == "drafts":
            drafted.add(one)
    return steps


def landing(phase: str, period: str, at: datetime) -> Row:
    return {"step": "land", "at": at, "phase": phase, "billing_period": period}


def bill(period: str, at: datetime) -> Row:
    return {"step": "bill", "billing_period": period, "known_as_of": at}


def issue(period: str, at: datetime, documents: str = "all") -> Row:
    named = {"billing_period": period, "documents": documents, "billing_account_id": None}
    return {"step": "issue", "at": at, "issue_date": at.date(), **named}


def backfill(at: datetime, issue_date: date | None) -> Row:
    return {"step": "backfill", "at": at, "issue_date": issue_date}


# ------------------------------------------------------------------------------------------------------ one small world

SOUTH = {
    "jurisdiction": "IN",
    "invoice_number_pattern": "S{year}-{sequence:06}",
    "credit_note_number_pattern": "SC{year}-{sequence:06}",
}
MODELS = ("unit", "unit", "graduated", "package")
QUANTITIES = ("1", "2.5", "3", "10", "33.3", "7", "100")
HALF_MU = (1, 3, 50, 333, 2001)
KINDS = ("bonus", "bonus", "bonus", "organization", "voucher", "free", "paid", "prepaid")
POLICIES: dict[str, tuple[str, ...]] = {
    "retroactive_bonus_tax": ("reduce", "keep"),
    "charge_order": ("oldest_first", "largest_first", "proportional"),
    "eligibility": ("usage_time", "usage_time", "period_end"),
    "tax_rounding": ("per_category", "per_line"),
    "rounding_tax": ("half_away", "half_even", "up", "down"),
    "rounding_charges": ("half_away", "half_even", "down"),
    "stacking": ("sequential", "additive", "best_only"),
    "organization_credit": ("open", "allocated_only"),
    "tax_point": ("period_end", "usage"),
    "unpriced_usage": ("hold", "skip"),
    "paid_charges": ("untouched", "carry_forward"),
    "payable_increment": ("0", "0.05", "1"),
    "late_usage": ("correct", "correct", "next_invoice", "reject"),
}
LATE = {
    "usage": 6,
    "revision": 6,
    "grant": 8,
    "price": 3,
    "gap": 1,
    "discount": 3,
    "promo": 3,
    "tax": 1,
    "policy": 1,
    "sku": 1,
    "status": 1,
    "moved": 1,
    "charge": 3,
    "payment": 8,
    "reversal": 3,
    "void": 5,
    "outflow": 3,
    "ending": 2,
}
"""What happens late, and how often of all that does."""
SALES = {"usage": 14, "revision": 6, "sale": 12, "refund": 14, "void": 2, "payment": 2, "tax": 1, "policy": 1}
"""The same, mostly about credit that is sold with tax and given back."""
OFTEN = 10
"""What happens so often does so within a month as well."""


@dataclass
class Author:
    """Writes one small world onto a skeleton, following its books."""

    random: Random
    prefix: str
    late: dict[str, int]

    def __post_init__(self) -> None:
        self.count = 0
        self.tables = {name: rows for name, rows in self.begin().items() if name in REFERENCE}
        self.books: Books = opened({name: list(rows) for name, rows in self.tables.items()})
        self.records: list[Row] = []
        self.start = dict(self.tables)

    # What there is from the start.

    def begin(self) -> World:
        random, p = self.random, self.prefix
        seller, jurisdiction, region = random.choice((("north", "DE", None), ("south", "IN", "IN-KA")))
        common = {
            "seller_id": seller,
            "jurisdiction": jurisdiction,
            "region": region,
            "billing_currency": random.choice(("EUR", "EUR", "KRW", "BHD")),
            "time_zone": random.choice(ZONES),
            "payment_terms_days": random.choice((14, 30)),
            "domain": f"{p}example",
        }
        self.currency, self.zone = common["billing_currency"], common["time_zone"]
        self.accounts = [f"{p}a{place}" for place in range(1, random.choice((2, 2, 2, 3)))]
        self.projects = [f"{p}web", f"{p}app"]
        self.skus = [f"{p}{random.choice(MODELS)}-{place}" for place in range(1, random.choice((2, 3, 3, 4)))]
        return make_world(
            sellers=[
                {},
                {"seller_id": "south", **SOUTH},
            ],
            billing_accounts=[
                {"billing_account_id": one, "is_main_in_domain": one == self.accounts[0], **common}
                for one in self.accounts
            ],
            sub_accounts=[
                {"sub_account_id": one, "billing_account_id": self.accounts[0], "name": None} for one in self.projects
            ],
            skus=[self.sku(sku_id) for sku_id in self.skus],
            unit_conversions=[],
            sku_prices=[self.price(sku_id) for sku_id in self.skus],
            price_tiers=[tier for sku_id in self.skus for tier in self.tiers(sku_id)],
            grant_kinds=[
                *({**kind, "transferable": kind["kind"] in ("bonus", "free")} for kind in GRANT_KINDS),
                {"kind": "prepaid", "rank": 15, "terminal_status": "refunded"},
            ],
            tax_rates=self.tax_rates(random.choice(("0.2", "0.19", "0.075"))),
            discounts=[self.discount(None)] * random.randrange(2) + [self.tenth()],
            promo_codes=[self.tenth_code(), self.gift_code()],
            billing_policies=self.policies(),
            spend_limits=[self.limit()] if random.randrange(5) == 0 else [],
            recurring_items=[self.item()] if random.randrange(4) == 0 else [],
        )

    def sku(self, sku_id: str) -> Row:
        random = self.random
        return {
            "sku_id": sku_id,
            "service": random.choice(("Cloud", "CDN")),
            "pricing_unit": "hour",
            "tax_category": f"{self.prefix}{random.choice(('standard', 'standard', 'zero', 'reduced'))}",
            "allows_corrections": random.randrange(4) == 0,
        }

    def price(self, sku_id: str) -> Row:
        model = sku_id.removeprefix(self.prefix).rpartition("-")[0]
        one: Row = {
            "sku_price_id": f"{sku_id}-list",
            "sku_id": sku_id,
            "billing_currency": self.currency,
            "price_model": model,
            "list_unit_price": None if model == "graduated" else self.unit_price(),
        }
        return {**one, "package_size": Decimal(self.random.choice((2, 10)))} if model == "package" else one

    def unit_price(self) -> Decimal:
        return oracle.money(5 * self.random.choice(HALF_MU), CURRENCIES[self.currency] + 1)

    def tiers(self, sku_id: str) -> list[Row]:
        if "graduated" not in sku_id:
            return []
        return [
            {"sku_price_id": f"{sku_id}-list", "up_to": up_to, "unit_price": self.unit_price(), "flat_fee": Decimal(0)}
            for up_to in (Decimal(5), None)
        ]

    def tax_rates(self, rate: str) -> list[Row]:
        """Germany has one component, India two in the seller's own region."""
        rows: list[Row] = []
        for name, part, code in (("standard", rate, "S"), ("reduced", "0.05", "S"), ("zero", "0", "Z")):
            category = {"tax_category": f"{self.prefix}{name}", "code": code}
            indian = {"seller_jurisdiction": "IN", "account_jurisdiction": "IN", "account_region": "IN-KA"}
            for status, whole in (("business", Decimal(part)), ("consumer", Decimal(part) / 2)):
                row_of = {**category, "tax_status": status}
                rows.append({**row_of, "rate": whole})
                rows += [{**row_of, **indian, "component": one, "rate": whole / 2} for one in ("CGST", "SGST")]
        return rows

    def discount(self, period: str | None) -> Row:
        """A percentage or an amount; of a period that is billed, from its start or from within it."""
        random = self.random
        self.count += 1
        made: Row = {
            "discount_id": f"{self.prefix}d{self.count}",
            "billing_account_id": random.choice(self.accounts),
            "service": random.choice((None, None, "Cloud")),
            "value": Decimal(random.choice(("10", "33.333333333333", "2.5"))),
            "priority": random.choice((1, 100)),
        }
        if random.randrange(4) == 0:
            amount = oracle.money(random.choice((1, 77, 500)), CURRENCIES[self.currency])
            made |= {"kind": "fixed", "value": amount, "billing_currency": self.currency}
        if period is not None:
            made["valid_from"] = random.choice((f"{period}-01", f"{period}-11"))
            made["valid_until"] = random.choice((None, oracle.next_period(period) + "-01"))
        return made

    def tenth(self) -> Row:
        """What the code of a discount gives."""
        return {"discount_id": f"{self.prefix}tenth", "value": Decimal(10), "promo_code": f"{self.prefix}TENTH"}

    def tenth_code(self) -> Row:
        named = {"promo_code": f"{self.prefix}TENTH", "benefit": "discount", "kind": None, "value": Decimal(10)}
        duration = self.random.choice((None, "P20D", "P1M"))
        return {**named, "window_start": "acceptance", "duration": duration, "per_account_limit": 2}

    def gift_code(self) -> Row:
        """A grant, from acceptance on or of two months of the year; the second of them may be long over."""
        since = self.random.choice(FIRST)
        fixed = f"{since}-01/{oracle.next_period(oracle.next_period(since))}-01"
        window = self.random.choice(("acceptance", fixed))
        value = {"value": self.amount(77, 5000), "billing_currency": self.currency}
        return {"promo_code": f"{self.prefix}GIFT", **value, "window_start": window, "per_account_limit": 2}

    def policies(self, period: str | None = None) -> list[Row]:
        """From ever; of a period that is billed, maybe from its start, for it alone or up to within it."""
        random = self.random
        chosen = random.sample(sorted(POLICIES), random.choice((0, 1, 2, 3)))
        made: list[Row] = [
            {"billing_account_id": account, "policy": policy, "value": random.choice(POLICIES[policy])}
            for account in self.accounts
            for policy in chosen
        ]
        if period is not None:
            after = oracle.next_period(period)
            days = (
                (LONG_AGO, None),
                (f"{period}-01", None),
                (f"{period}-01", f"{after}-01"),
                (LONG_AGO, f"{period}-11"),
            )
            for one in made:
                one["valid_from"], one["valid_until"] = random.choice(days)
        return made

    def limit(self) -> Row:
        kind = self.random.choice(("maximum_spend", "minimum_spend"))
        return {
            "spend_limit_id": f"{self.prefix}limit",
            "kind": kind,
            "billing_account_id": self.accounts[0],
            "amount": oracle.money(self.random.choice((50, 500, 5000)), CURRENCIES[self.currency]),
            "billing_currency": self.currency,
            "true_up_sku_id": self.skus[0] if kind == "minimum_spend" else None,
        }

    def item(self) -> Row:
        return {
            "recurring_item_id": f"{self.prefix}item",
            "billing_account_id": self.accounts[0],
            "sku_id": self.skus[0],
            "quantity": Decimal(self.random.choice((1, 5))),
        }

    # What lands.

    def write(self, step: Row) -> Row:
        """The step as this world has it, taken by its books."""
        if step["step"] == "land":
            self.at = step["at"]
            self.landed: Row = {"reference": {}, "usage_records": [], "operations": []}
            if step["phase"] == "month":
                self.write_month(step["billing_period"])
            else:
                self.write_late()
            step = {"step": "land", "at": step["at"], **self.landed}
        self.books.take(step)
        return step

    def write_month(self, period: str) -> None:
        for account in self.accounts:
            for _ in range(self.random.choice((0, 1, 2, 3))):
                self.use(account, period)
        for _ in range(self.random.choice((0, 0, 1, 2))):
            self.grant(period)
        for name in self.random.choices(("outflow", "charge", "payment", "none"), k=2):
            if self.late.get(name):
                self.happen(name)
        if self.late.get("sale", 0) >= OFTEN and self.random.randrange(2):
            self.grant(period, "prepaid")
        if self.late.get("refund", 0) >= OFTEN and self.random.randrange(2):
            self.refund()

    def write_late(self) -> None:
        names = sorted(name for name, weight in self.late.items() if weight)
        count = self.random.choice((0, 1, 2, 3)) if names else 0
        for name in self.random.choices(names or [""], [self.late[name] for name in names] or [1], k=count):
            self.happen(name)

    def happen(self, name: str) -> None:
        """Something of that name, where there is something that it can be about."""
        billed = self.books.periods
        period = self.random.choice(billed) if billed else oracle.period_of(self.at - 3 * DAY, "UTC")
        if name == "usage":
            self.use(self.random.choice(self.accounts), period)
        elif name == "grant":
            self.grant(period)
        elif name == "sale":
            self.grant(period, "prepaid")
        elif name == "charge":
            self.add_charge(period)
        elif name in ("price", "gap", "tax", "discount", "policy", "sku", "status"):
            self.mend(name, period)
        else:
            getattr(self, name)()

    def new_id(self, kind: str) -> str:
        self.count += 1
        return f"{self.prefix}{kind}{self.count:03}"

    def within(self, period: str) -> datetime:
        """An instant of the month, on or beside what windows begin and end on, and no later than what lands now."""
        day = self.random.choice((1, 1, 10, 11, 15, 20, 27))
        start = oracle.local_instant(date.fromisoformat(f"{period}-{day:02}"), self.zone)
        return min(start + self.random.choice((0, 0, 5, 30)) * HOUR, self.at - 2 * HOUR)

    def use(self, account: str, period: str) -> None:
        random, sku_id = self.random, self.random.choice(self.skus)
        sku = next(one for one in self.tables["skus"] if one["sku_id"] == sku_id)
        start = self.within(period)
        sign = -1 if sku["allows_corrections"] and random.randrange(4) == 0 else 1
        record = row(
            "usage_records",
            usage_record_id=self.new_id("u"),
            billing_account_id=account,
            sub_account_id=random.choice((None, *self.projects)) if account == self.accounts[0] else None,
            sku_id=sku_id,
            charge_period_start=start,
            charge_period_end=start + random.choice((0, 1, 24)) * HOUR,
            consumed_quantity=sign * Decimal(random.choice(QUANTITIES)),
            consumed_unit="hour",
        )
        self.records.append(record)
        self.landed["usage_records"].append(record)

    def revision(self) -> None:
        """The quantity of a record was another: more, less, nothing."""
        fresh = {record["usage_record_id"] for record in self.landed["usage_records"]}
        known = [record for record in self.records if record["usage_record_id"] not in fresh]
        if known:
            old = self.random.choice(known)
            quantity = abs(old["consumed_quantity"])
            new = self.random.choice((quantity * 2, quantity + 1, quantity / 2, Decimal(0)))
            record = {**old, "revision": old["revision"] + 1, "consumed_quantity": new}
            self.records[self.records.index(old)] = record
            self.landed["usage_records"].append(record)

    def moved(self) -> None:
        """The time of a record was another: it was used in another month, maybe."""
        fresh = {record["usage_record_id"] for record in self.landed["usage_records"]}
        known = [record for record in self.records if record["usage_record_id"] not in fresh]
        if known and self.books.periods:
            old, start = self.random.choice(known), self.within(self.random.choice(self.books.periods))
            times = {"charge_period_start": start, "charge_period_end": start + HOUR}
            record = {**old, "revision": old["revision"] + 1, **times}
            self.records[self.records.index(old)] = record
            self.landed["usage_records"].append(record)

    def promo(self) -> None:
        account, code = self.random.choice(self.accounts), self.random.choice(("TENTH", "GIFT"))
        at = self.at - self.random.choice((1, 1, 400)) * HOUR
        self.operate("accept_promo_code", account, at, promo_code=f"{self.prefix}{code}")

    def operate(self, operation: str, account: str, occurred_at: datetime, **columns: Any) -> None:
        made = row(
            "operations",
            operation_id=self.new_id("op"),
            operation=operation,
            billing_account_id=account,
            occurred_at=occurred_at,
            recorded_at=self.at,
            received_at=self.at,
            **columns,
        )
        self.landed["operations"].append(made)

    def then(self, period: str) -> datetime:
        """When an operation of late happened: just now, or back in the month."""
        return self.random.choice((self.at - HOUR, self.within(period)))

    def amount(self, *mu: int) -> Decimal:
        return oracle.money(self.random.choice(mu), CURRENCIES[self.currency])

    def grant(self, period: str, kind: str | None = None) -> None:
        """Most of them for a month that is billed."""
        random, account, kind = self.random, self.random.choice(self.accounts), kind or self.random.choice(KINDS)
        after = oracle.next_period(period)
        columns: Row = {
            "kind": kind,
            "amount": self.amount(1, 77, 500, 5000, 100_000),
            "window_start": random.choice((f"{period}-01", f"{period}-01", f"{period}-11", None)),
            "window_end": random.choice((f"{after}-01", f"{after}-21", f"{period}-21", None, "2031-01-01")),
            "include": random.choice((None, None, None, ["service:Cloud"])),
            "sub_account_id": self.projects[0] if account == self.accounts[0] and random.randrange(6) == 0 else None,
            "priority": random.choice((None, None, 1)),
        }
        occurred_at = self.then(period)
        if columns["window_start"] is None:
            columns["window_end"] = None  # it starts when it was granted, which may be after the other ends
        logic = random.choice((None, None, None, "fixed", "linear"))
        if logic == "fixed":
            columns |= {"logic": logic, "monthly_value": self.amount(1)}
        elif logic == "linear" and columns["window_end"] is not None:
            columns["logic"] = logic
        if kind == "paid":
            self.operate("purchase_credit", account, occurred_at, price_paid=columns["amount"], **columns)
        elif kind == "prepaid":
            self.operate("purchase_credit", account, occurred_at, **self.sale_terms(columns["amount"]), **columns)
        else:
            self.operate("grant_credit", account, occurred_at, **columns)

    def sale_terms(self, amount: Decimal) -> Row:
        """What credit that is spent before tax is sold for, and how it is taxed; rarely in a way that has no rate."""
        mu = int(Fraction(amount) * 10 ** CURRENCIES[self.currency])
        category = self.random.choice(("standard", "standard", "standard", "reduced", "zero", "none"))
        price = oracle.money(self.random.choice((mu, mu, (mu + 1) // 2, (2 * mu + 2) // 3)), CURRENCIES[self.currency])
        return {"price_paid": price, "tax_category": f"{self.prefix}{category}"}

    def outflow(self) -> None:
        """To a project with a switch, or to the other account; more than there is is refused."""
        grants = [one for one in self.books.fold.grants if one["from_grant_id"] is None]
        if not grants:
            return
        random, grant = self.random, self.random.choice(grants)
        mu = int(Fraction(grant["amount"]) * 10 ** CURRENCIES[self.currency])
        amount = oracle.money(random.choice((mu, max(1, mu // 3), max(1, mu // 10))), CURRENCIES[self.currency])
        occurred_at = max(grant["occurred_at"], self.at - random.choice((1, 1, 400)) * HOUR)
        account, named = grant["billing_account_id"], {"grant_id": grant["grant_id"], "amount": amount}
        others = [one for one in self.accounts if one != account]
        if grant["kind"] == "organization" and account == self.accounts[0]:
            switch = {
                "sub_account_id": random.choice(self.projects),
                "use_organization_credit": random.choice((True, False)),
            }
            self.operate("allocate_to_project", account, occurred_at, **named, **switch)
        elif others:
            self.operate("transfer_credit", account, occurred_at, to_account=others[0], **named)

    def refund(self) -> None:
        """Of credit that was sold with tax, and not given back before."""
        gone = {one["grant_id"] for one in self.books.fold.endings}
        self.ending([sale.grant for sale in self.books.sales if sale.grant["grant_id"] not in gone])

    def ending(self, grants: Sequence[Row] | None = None) -> None:
        if grants is None:
            grants = self.books.fold.grants
        if grants:
            grant = self.random.choice(grants)
            name = "refund_credit" if grant["terminal_status"] == "refunded" else "recover_credit"
            occurred_at = max(grant["occurred_at"], self.at - self.random.choice((1, 400, 900)) * HOUR)
            self.operate(name, grant["billing_account_id"], occurred_at, grant_id=grant["grant_id"])

    def add_charge(self, period: str) -> None:
        account, sku = self.random.choice(self.accounts), self.random.choice(self.tables["skus"])
        sign = -1 if sku["allows_corrections"] and self.random.randrange(2) else 1
        amount = sign * self.amount(1, 77, 5000)
        named = {"billing_period": period, "sku_id": sku["sku_id"], "text": "Setup"}
        self.operate("add_charge", account, self.then(period), amount=amount, **named)

    # What is mended in the reference tables.

    def mend(self, name: str, period: str) -> None:
        """A price that was another all along or from within a month, or none before; new rates; one discount more;
        other policies, another tax category of a SKU, another tax status."""
        if name == "tax":
            self.replace("tax_rates", self.tax_rates(self.random.choice(("0.2", "0.19", "0.21"))))
        elif name == "discount":
            self.replace("discounts", [*self.tables["discounts"], self.discount(period)])
        elif name == "policy":
            self.replace("billing_policies", self.policies(period))
        elif name == "sku":
            first, *others = self.random.sample(self.tables["skus"], len(self.tables["skus"]))
            self.replace("skus", [{**first, "tax_category": self.sku(first["sku_id"])["tax_category"]}, *others])
        elif name == "status":
            status = self.random.choice(("business", "consumer"))
            self.replace("billing_accounts", [{**one, "tax_status": status} for one in self.tables["billing_accounts"]])
        elif name == "gap":
            self.leave_gap(self.random.choice(self.tables["sku_prices"]), period)
        else:
            self.mend_price(self.random.choice(self.tables["sku_prices"]), period)

    def replace(self, table: str, rows: Sequence[Row]) -> None:
        self.tables[table] = [row(table, **one) for one in rows]
        self.landed["reference"][table] = self.tables[table]

    def mend_price(self, old: Row, period: str) -> None:
        if old["price_model"] == "graduated":
            others = [one for one in self.tables["price_tiers"] if one["sku_price_id"] != old["sku_price_id"]]
            self.replace("price_tiers", [*others, *self.tiers(old["sku_id"])])
            return
        others = [one for one in self.tables["sku_prices"] if one is not old]
        new, change = {**old, "list_unit_price": self.unit_price()}, f"{period}-{self.random.choice((1, 11)):02}"
        is_inside = old["valid_from"] < change and (old["valid_until"] is None or change < old["valid_until"])
        if is_inside and self.random.randrange(2):
            new |= {"valid_from": change, "sku_price_id": self.new_id("p")}
            self.replace("sku_prices", [*others, {**old, "valid_until": change}, new])
        else:
            self.replace("sku_prices", [*others, new])

    def leave_gap(self, old: Row, period: str) -> None:
        """Before the middle of a month the SKU has no price; or it has one again."""
        rows = self.tables["sku_prices"]
        others = [one for one in rows if one is not old]
        if any(one["sku_id"] == old["sku_id"] for one in others):
            return
        is_whole = old["valid_from"] == LONG_AGO
        self.replace("sku_prices", [*others, {**old, "valid_from": f"{period}-11" if is_whole else LONG_AGO}])

    # Documents and money.

    def payment(self) -> None:
        """A part, all of it or more of a document, by name or not; sometimes of nothing that is due."""
        due = [one for one in self.books.documents if self.books.open(one) > 0]
        if not due and self.random.randrange(3):
            return
        if due:
            document = self.random.choice(due)
            account, open_amount = document.account_id, self.books.open(document)
            mu = self.random.choice((open_amount, open_amount, max(1, open_amount // 3), open_amount + 77))
            named = self.name(document) if self.random.randrange(2) else None
        else:
            account, mu, named = self.random.choice(self.accounts), 77, None
        already = {
            one["billing_account_id"] for one in self.landed["operations"] if one["operation"] == "record_payment"
        }
        if account not in already:
            paid = oracle.money(mu, CURRENCIES[self.currency])
            kind = self.random.choice(("money", "money", "withheld_tax", "write_off"))
            at = self.at - self.random.choice((3, 30)) * HOUR
            self.operate("record_payment", account, at, amount=paid, payment_kind=kind, invoice_number=named)

    def reversal(self) -> None:
        if self.books.payments:
            payment = self.random.choice(list(self.books.payments.values()))
            named = {"reverses_operation_id": payment["operation_id"]}
            self.operate("reverse_payment", payment["billing_account_id"], self.at - 2 * HOUR, **named)

    def void(self) -> None:
        """Mostly an invoice that nobody has paid."""
        roots = [one for one in self.books.documents if one.root is None]
        stands = [one for one in roots if not one.is_voided]
        paid = [one for one in stands if self.books.standing(one.account_id, one.period).paid]
        unpaid = [one for one in stands if one not in paid]
        candidates = self.random.choice((unpaid or roots, unpaid or roots, paid or roots, self.books.documents))
        if candidates:
            document = self.random.choice(candidates)
            day = self.random.choice((None, self.at.date()))
            at = self.at - HOUR
            self.operate("void_invoice", document.account_id, at, invoice_number=self.name(document), issue_date=day)

    @staticmethod
    def name(document: Document) -> str:
        return f"{document.account_id}/{document.period}/{document.place}"


def written(random: Random, steps: Sequence[Row], prefix: str, late: dict[str, int] | None = None) -> World:
    """One small world on a skeleton."""
    author = Author(random, prefix, LATE if late is None else late)
    return {**author.start, "steps": [author.write(step) for step in steps]}


@st.composite
def chronicles(draw: Any, months: Sequence[int] = (1, 2, 2, 3, 4), late: dict[str, int] | None = None) -> World:
    """One small world on a time line of its own."""
    count = draw(st.sampled_from(list(months)))
    random = Random(draw(st.integers(0, 2**32)))
    return written(random, skeleton(random, count), "A-", late)


# -------------------------------------------------------------------------------------------------------- many together


def many(count: int, random: Random, months: int = 4, late: dict[str, int] | None = None) -> tuple[World, list[World]]:
    """So many small worlds on one skeleton, all in one, and each alone; the ids of one begin with A000-, A001-, …"""
    steps = skeleton(random, months)
    parts = [written(random, steps, f"A{place:03}-", late) for place in range(count)]
    current = [{name: part[name] for name in REFERENCE} for part in parts]
    whole: World = {name: joined(current, name) for name in REFERENCE}
    whole["steps"] = []
    for place, step in enumerate(steps):
        if step["step"] == "land":
            landed = [part["steps"][place] for part in parts]
            changed = {name for one in landed for name in one["reference"]}
            for tables, one in zip(current, landed, strict=True):
                tables.update(one["reference"])
            step = {
                "step": "land",
                "at": step["at"],
                "reference": {name: joined(current, name) for name in REFERENCE if name in changed},
                "usage_records": [record for one in landed for record in one["usage_records"]],
                "operations": [operation for one in landed for operation in one["operations"]],
            }
        whole["steps"].append(step)
    return whole, parts


def joined(worlds: Sequence[dict[str, list[Row]]], name: str) -> list[Row]:
    """The rows of all; what several say alike is said once."""
    rows: list[Row] = []
    shared = name in ("sellers", "grant_kinds", "currencies", "principals")
    for tables in worlds[:1] if shared else worlds:
        rows += tables[name]
    return rows


def part_of(books: dict[str, list[Row]], prefix: str) -> dict[str, list[Row]]:
    """The rows of books that are of one small world."""
    owners = ("billing_account_id", "grant_id", "operation_id")
    return {
        table: [row for row in rows if next(row[name] for name in owners if name in row).startswith(prefix)]
        for table, rows in books.items()
    }
