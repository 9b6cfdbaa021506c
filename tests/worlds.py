"""Small worlds for the oracle and the pipeline: reference tables, usage and operations of one billing period.

`row` and `make_world` build a world by hand, naming only what matters; `a_world` draws one, biased to collisions and
ties: few instants that everything starts and ends on, few prices, amounts that round at half, equal expiries, months
with a change of the clock, midnights that do not exist or exist twice. `frames` turns a world into typed frames.
`a_history` draws two to four months of such a world, to be billed one after the other. `worlds()` and `histories()` are
the same for Hypothesis, which shrinks what it finds; with a `Random` they are drawn in a tenth of the time.

A world is a dict: table name -> list of rows, and beside the tables `billing_period`, `known_as_of`,
`first_billed_periods`, `issued_periods`, `committed_operations` and, of a history, `history`. What it may hold is what
`tests/oracle.py` is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Any, TypeVar

import polars as pl
from hypothesis import strategies as st

from schemas import TABLES
from tests import oracle

Row = dict[str, Any]
World = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any] | Random
"""What decides: Hypothesis, or a die."""
T = TypeVar("T")

LISTS = {name for table in TABLES.values() for name, dtype in table.columns().items() if dtype.is_nested()}
"""Columns whose values are lists."""
LONG_AGO = "2020-01-01"
DATED: Row = {"valid_from": LONG_AGO, "valid_until": None}

USUAL: dict[str, Row] = {
    "sellers": {
        "seller_id": "north",
        "legal_name": "North Cloud",
        "address": "Markt 1, Berlin",
        "tax_ids": ["DE1"],
        "jurisdiction": "DE",
        "accounting_year_start": "01-01",
        "invoice_number_pattern": "INV-{year}-{sequence:06}",
        "credit_note_number_pattern": "CN-{year}-{sequence:06}",
        **DATED,
    },
    "billing_accounts": {
        "billing_account_id": "acme",
        "seller_id": "north",
        "legal_name": "Acme",
        "address": "Weg 2, Berlin",
        "domain": None,
        "parent_account_id": None,
        "billing_currency": "EUR",
        "time_zone": "UTC",
        "jurisdiction": "DE",
        "region": None,
        "tax_status": "business",
        "payment_terms_days": 14,
        "is_main_in_domain": False,
        "credit_limit": None,
        **DATED,
    },
    "sub_accounts": {"sub_account_id": "web", "billing_account_id": "acme", "name": None, **DATED},
    "skus": {
        "sku_id": "vm",
        "description": "Virtual machine",
        "service": "Cloud",
        "service_category": None,
        "feature": None,
        "pricing_unit": "hour",
        "meter": "sum",
        "quantity_rounding": None,
        "quantity_increment": None,
        "quantity_rounding_scope": None,
        "tax_category": "standard",
        "classification_code": None,
        "allows_corrections": False,
        "tags": [],
        **DATED,
    },
    "unit_conversions": {
        "from_unit": "minute",
        "to_unit": "hour",
        "sku_id": None,
        "numerator": 1,
        "denominator": 60,
        **DATED,
    },
    "sku_prices": {
        "sku_price_id": "vm-list",
        "sku_id": "vm",
        "region_id": None,
        "billing_account_id": None,
        "billing_currency": "EUR",
        "price_model": "unit",
        "list_unit_price": Decimal(1),
        "per_quantity": Decimal(1),
        "package_size": None,
        "fixed_fee": None,
        "minimum": None,
        "maximum": None,
        "tier_scope": "account",
        "free_quantity": Decimal(0),
        **DATED,
    },
    "price_tiers": {"sku_price_id": "vm-list", "up_to": None, "unit_price": Decimal(1), "flat_fee": Decimal(0)},
    "discounts": {
        "discount_id": "spring",
        "kind": "percent",
        "value": Decimal(10),
        "billing_currency": None,
        "billing_account_id": None,
        "sub_account_id": None,
        "service": None,
        "feature": None,
        "sku_id": None,
        "promo_code": None,
        "priority": 100,
        **DATED,
    },
    "grant_kinds": {
        "kind": "bonus",
        "rank": 10,
        "tax_position": "before",
        "transferable": False,
        "validity": None,
        "exclude": [],
        "terminal_status": "recovered",
        "visible_months": 3,
        "once_per_domain": False,
        **DATED,
    },
    "promo_codes": {
        "promo_code": "HELLO",
        "benefit": "grant",
        "kind": "promo",
        "value": Decimal(10),
        "billing_currency": None,
        "window_start": "next_invoice",
        "duration": None,
        "include": None,
        "exclude": None,
        "accounts": None,
        "total_limit": None,
        "per_account_limit": 1,
        **DATED,
    },
    "tax_rates": {
        "seller_jurisdiction": "DE",
        "account_jurisdiction": "DE",
        "account_region": None,
        "tax_status": "business",
        "tax_category": "standard",
        "component": "VAT",
        "rate": Decimal("0.2"),
        "code": "S",
        "exemption_reason": None,
        **DATED,
    },
    "currencies": {"billing_currency": "EUR", "exponent": 2, **DATED},
    "billing_policies": {"billing_account_id": None, "policy": "stacking", "value": "sequential", **DATED},
    "principals": {
        "principal_id": "operator",
        "role": "staff",
        "billing_account_id": None,
        "sub_account_id": None,
        **DATED,
    },
    "usage_records": {
        "usage_record_id": "u1",
        "billing_account_id": "acme",
        "sub_account_id": None,
        "resource_id": None,
        "sku_id": "vm",
        "region_id": None,
        "charge_period_start": datetime(2026, 10, 1, tzinfo=UTC),
        "charge_period_end": None,
        "consumed_quantity": Decimal(1),
        "consumed_unit": "hour",
        "revision": 0,
        "tags": None,
    },
    "operations": {
        "operation_id": "op-1",
        "operation": "grant_credit",
        "actor": "operator",
        "occurred_at": datetime(2026, 9, 20, tzinfo=UTC),
        "recorded_at": None,
        "received_at": None,
        "billing_account_id": "acme",
        "grant_id": None,
        "kind": None,
        "name": None,
        "amount": None,
        "billing_currency": None,
        "window_start": None,
        "window_end": None,
        "include": None,
        "exclude": None,
        "sub_account_id": None,
        "priority": None,
        "logic": None,
        "monthly_value": None,
        "price_paid": None,
        "to_account": None,
        "promo_code": None,
        "invoice_number": None,
        "payment_kind": None,
        "reverses_operation_id": None,
        "billing_period": None,
        "issue_date": None,
        "use_organization_credit": None,
        "sku_id": None,
        "tax_category": None,
        "text": None,
        "status": None,
        "reason_code": None,
        "reason": None,
        "original": "{}",
    },
    "grant_movements": {
        "movement_id": "m1",
        "grant_id": "op-1",
        "billing_account_id": "acme",
        "billing_period": "2026-09",
        "movement": "charged",
        "amount": Decimal(-1),
        "billing_currency": "EUR",
        "occurred_at": datetime(2026, 9, 30, tzinfo=UTC),
        "charge_id": None,
        "expense_number": None,
        "operation_id": None,
        "counter_grant_id": None,
    },
    "recurring_items": {
        "recurring_item_id": "support-acme",
        "billing_account_id": "acme",
        "sub_account_id": None,
        "resource_id": None,
        "sku_id": "vm",
        "region_id": None,
        "quantity": Decimal(1),
        "proration": None,
        **DATED,
    },
    "spend_limits": {
        "spend_limit_id": "cap-acme",
        "kind": "maximum_spend",
        "billing_account_id": "acme",
        "sku_price_id": None,
        "amount": Decimal(10),
        "billing_currency": "EUR",
        "true_up_sku_id": None,
        **DATED,
    },
    "cost_policies": {
        "cost_policy_id": "watch-acme",
        "billing_account_id": "acme",
        "sub_account_id": None,
        "measure": "cost",
        "sku_id": None,
        "limit": Decimal(100),
        "cost_position": "before_grants",
        "period": "month",
        "action": "notify",
        **DATED,
    },
}
"""A usual row of each table; `row` says where a row differs."""

GRANT_KINDS: list[Row] = [
    {"kind": "bonus"},
    {"kind": "promo"},
    {"kind": "free", "exclude": ["tag:marketplace", "tag:os_image"], "transferable": True},
    {"kind": "welcome", "exclude": ["tag:marketplace"], "once_per_domain": True},
    {"kind": "organization", "rank": 20},
    {"kind": "project", "rank": 20},
    {"kind": "paid", "rank": 30, "tax_position": "after", "validity": "P5Y", "terminal_status": "refunded"},
    {"kind": "voucher", "tax_position": "after"},
    {"kind": "monthly", "validity": "P1M"},
]
CURRENCIES = {"KRW": 0, "EUR": 2, "INR": 2, "BHD": 3, "CLF": 4}


def row(table: str, **columns: Any) -> Row:
    """A row of a table: the usual one but for what is named."""
    unknown = set(columns) - set(USUAL[table])
    if unknown:
        raise KeyError(f"{table} has no {sorted(unknown)}")
    made = {**USUAL[table], **columns}
    if table == "usage_records" and made["charge_period_end"] is None:
        made["charge_period_end"] = made["charge_period_start"] + timedelta(hours=1)
    if table == "operations":
        made["recorded_at"] = made["recorded_at"] or made["occurred_at"]
        made["received_at"] = made["received_at"] or made["recorded_at"]
    return made


def make_world(
    billing_period: str = "2026-10",
    known_as_of: datetime = datetime(2026, 11, 3, 12, tzinfo=UTC),
    first_billed_periods: dict[str, str] | None = None,
    *,
    issued_periods: Iterable[tuple[str, str]] = (),
    committed_operations: Iterable[Row] = (),
    history: Sequence[Row] = (),
    **tables: Sequence[Row],
) -> World:
    """A world from rows that name only what matters; a table not named has its usual row, or none if optional.

    Committed operations name their status; a history has rows of billing_period and known_as_of.
    """
    usual: dict[str, Sequence[Row]] = {
        **{name: [{}] for name in ("sellers", "billing_accounts", "skus", "sku_prices", "tax_rates", "principals")},
        "sub_accounts": [{"sub_account_id": "web"}, {"sub_account_id": "app"}],
        "unit_conversions": [{}],
        "grant_kinds": GRANT_KINDS,
        "currencies": [{"billing_currency": code, "exponent": digits} for code, digits in CURRENCIES.items()],
        **{name: [] for name in ("price_tiers", "discounts", "promo_codes", "billing_policies", "usage_records")},
        **{name: [] for name in ("operations", "grant_movements", "recurring_items", "spend_limits", "cost_policies")},
    }
    return {
        "billing_period": billing_period,
        "known_as_of": known_as_of,
        "first_billed_periods": first_billed_periods or {},
        "issued_periods": set(issued_periods),
        "committed_operations": [row("operations", **columns) for columns in committed_operations],
        **({"history": list(history)} if history else {}),
        **{name: [row(name, **columns) for columns in tables.get(name, usual[name])] for name in usual},
    }


def frames(world: World) -> dict[str, pl.DataFrame]:
    """Every table of a world as a typed frame; the status of operations is null, as they are not decided yet."""
    return {name: frame(name, rows) for name, rows in world.items() if name in TABLES}


def frame(table: str, rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a frame of the table's types, exactly."""
    if not rows:
        return TABLES[table].empty()
    return pl.DataFrame([_column(table, name, [one.get(name) for one in rows]) for name in TABLES[table].columns()])


def _column(table: str, name: str, values: list[Any]) -> pl.Series:
    """Worlds share most of their columns, so each is made once; lists are not looked up."""
    return _made(table, name, values) if name in LISTS else _kept(table, name, tuple(values))


@lru_cache(maxsize=50_000)
def _kept(table: str, name: str, values: tuple[Any, ...]) -> pl.Series:
    return _made(table, name, values)


def _made(table: str, name: str, values: Sequence[Any]) -> pl.Series:
    dtype = TABLES[table].columns()[name]
    return pl.Series(name, [exact(value, dtype) for value in values], dtype=dtype, strict=True)


def exact(value: Any, dtype: pl.DataType) -> Any:
    """A decimal at the column's scale; one that does not fit is an error, never a rounding."""
    if value is None or not isinstance(dtype, pl.Decimal):
        return value
    scaled = Fraction(value) * 10**dtype.scale
    if scaled.denominator != 1:
        raise ValueError(f"{value} has more than {dtype.scale} decimals")
    return oracle.money(int(scaled), dtype.scale)


# ------------------------------------------------------------------------------------------------- worlds by Hypothesis

ZONES = (
    "UTC",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes its clock by half an hour
    "America/Havana",  # 2026-03-08 has no midnight, 2026-11-01 has two
)
PERIODS = ("2026-10", "2026-10", "2026-03", "2026-11", "2024-02")
SERVICES = ("Cloud", "CDN")
FEATURES = (None, "VM", "Disk")
REGIONS = (None, None, None, "eu", "us")
RESOURCES = (None, None, "r-1", "r-2")
TAGS: tuple[list[str], ...] = ([], [], ["marketplace"], ["os_image", "gpu"])
CATEGORIES = ("standard", "standard", "cloud", "reduced", "zero", "exempt")
UNITS = {"hour": ("hour", "hour", "minute"), "GB": ("GB", "MB"), "k_request": ("request", "request", "k_request")}
MODELS = ("unit", "unit", "graduated", "volume", "package", "flat", "percentage", "mixed")
METERS = ("sum", "sum", "sum", "count", "time_weighted", "max", "last", "unique")
ROUNDINGS = (None, None, None, "up", "nearest", "down")
FREE_QUANTITIES = ("0", "0", "0", "1", "2.5", "5", "1000")
QUANTITIES = ("1", "1", "2", "3", "5", "10", "0", "0.5", "2.5", "0.333333333333", "12.000000000001", "1000")
HALF_MU = (0, 1, 1, 2, 3, 5, 10, 50, 200, 333, 2001)  # list prices, in halves of mu
PERCENTS = ("10", "10", "50", "33.333333333333", "100", "2.5", "0")
POLICIES: dict[str, tuple[str, ...]] = {
    "rounding_charges": ("half_away", "half_even", "up", "down"),
    "rounding_tax": ("half_away", "half_even", "up", "down"),
    "stacking": ("sequential", "additive", "best_only"),
    "tax_point": ("period_end", "usage", "usage"),
    "organization_credit": ("open", "allocated_only"),
    "eligibility": ("usage_time", "period_end", "invoice_time"),
    "charge_order": ("oldest_first", "largest_first", "smallest_first", "proportional"),
    "grant_order": (
        oracle.DEFAULT_GRANT_ORDER,
        "expires_at,coverage,kind_rank",
        "-kind_rank,-expires_at,+priority",
        "-coverage,-occurred_at,-grant_id",
        "kind_rank,-priority,-grant_id",
    ),
    "tax_rounding": ("per_category", "per_line"),
    "unpriced_usage": ("hold", "skip"),
    "line_grain": ("sku", "resource"),
    "proration": ("none", "day", "second"),
    "spanning_records": ("start", "split", "split"),
}


def pick(draw: Draw, options: Sequence[T]) -> T:
    if isinstance(draw, Random):
        return draw.choice(options)
    chosen: T = draw(st.sampled_from(options))
    return chosen


def chance(draw: Draw, one_in: int) -> bool:
    if isinstance(draw, Random):
        return draw.randrange(one_in) == one_in - 1
    return bool(draw(st.integers(0, one_in - 1)) == one_in - 1)


def at(boundary: str, zone: str) -> datetime:
    instant = oracle.boundary_instant(boundary, zone)
    if instant is None:
        raise ValueError("an open boundary is no instant")
    return instant


class Calendar:
    """The few days and instants that everything in one world begins and ends on."""

    def __init__(self, draw: Draw, period: str | None = None) -> None:
        self.period = period or pick(draw, PERIODS)
        first, after = (
            date.fromisoformat(self.period + "-01"),
            date.fromisoformat(oracle.next_period(self.period) + "-01"),
        )
        inside = [first + timedelta(days=pick(draw, (1, 7, 9, 14, 15, 24, 27))) for _ in range(2)]
        noon = datetime(first.year, first.month, 12, 18, 30, tzinfo=UTC)
        self.before = (first - timedelta(days=40)).isoformat()
        self.first, self.after = first.isoformat(), after.isoformat()
        self.far = (after + timedelta(days=70)).isoformat()
        self.inside = [day.isoformat() for day in inside]
        self.instant = noon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.starts = (self.before, self.first, *self.inside, *self.inside, self.instant)
        self.ends = (*self.inside, self.instant, self.after, self.far, None)

    def window(self, draw: Draw) -> tuple[str, str | None]:
        """A window that is not empty in any zone."""
        start = pick(draw, self.starts)
        return start, pick(draw, [end for end in self.ends if end is None or end[:10] > start[:10]])

    def change(self, draw: Draw) -> str:
        return pick(draw, (*self.inside, self.instant))

    def moment(self, draw: Draw, zone: str) -> datetime:
        """An instant on, just before or just after one of the boundaries, as the account's zone has it."""
        boundary = pick(draw, (self.first, self.first, *self.inside, *self.inside, self.instant, self.after))
        if chance(draw, 20):
            boundary = self.before
        steps = (0, 0, -1, 3_600_000_000, 90_000_000_000, -1_800_000_000)
        return at(boundary, zone) + timedelta(microseconds=pick(draw, steps))

    def known_as_of(self, draw: Draw) -> datetime:
        """Mostly after the month; sometimes within it, or between the month's ends of two zones."""
        end = datetime.fromisoformat(self.after).replace(tzinfo=UTC)
        middle = at(pick(draw, (*self.inside, self.instant)), "Asia/Kolkata")
        return pick(draw, (end + timedelta(days=2, hours=12),) * 6 + (end, middle, middle))


def a_world(draw: Draw, corrections: bool = True, period: str | None = None) -> World:
    """A world of one billing period; `corrections=False` leaves negative quantities and charges out.

    Half of them are plain: summed usage, unit and graduated prices, nothing recurring, added, capped or free.
    """
    calendar = Calendar(draw, period)
    tables = draw_tables(draw, [calendar], corrections)
    first_billed = {
        account["billing_account_id"]: oracle.period_of(datetime.fromisoformat(calendar.before + "T12:00Z"), "UTC")
        for account in tables["billing_accounts"]
        if chance(draw, 4)
    }
    world = make_world(calendar.period, calendar.known_as_of(draw), first_billed, **tables)
    world["held_before"] = {row["billing_account_id"] for row in tables["billing_accounts"] if chance(draw, 6)}
    draw_movements(draw, calendar, world)
    return world


worlds = st.composite(a_world)


def a_history(draw: Draw, corrections: bool = True, period: str | None = None) -> World:
    """A world of two to four billing periods, for `oracle.bill_history`; most are issued once they are billed."""
    calendars = [Calendar(draw, period)]
    for _ in range(pick(draw, (1, 1, 2, 3))):
        calendars.append(Calendar(draw, oracle.next_period(calendars[-1].period)))
    tables = draw_tables(draw, calendars, corrections)
    history: list[Row] = [
        {
            "billing_period": calendar.period,
            "known_as_of": datetime.fromisoformat(calendar.after).replace(tzinfo=UTC) + timedelta(days=2, hours=12),
        }
        for calendar in calendars
    ]
    history[-1]["known_as_of"] = calendars[-1].known_as_of(draw)
    issued = [
        (account["billing_account_id"], calendar.period)
        for account in tables["billing_accounts"]
        for calendar in calendars
        if not chance(draw, 4)
    ]
    last = history[-1]
    return make_world(last["billing_period"], last["known_as_of"], issued_periods=issued, history=history, **tables)


histories = st.composite(a_history)


def draw_tables(draw: Draw, calendars: list[Calendar], corrections: bool) -> dict[str, list[Row]]:
    """Every table of a world; reference rows change in any of its months, usage and operations are in each."""
    is_plain = not chance(draw, 2)
    focus = pick(draw, sorted(FOCUSES))
    one_domain = {"domain": "one.example", "billing_currency": pick(draw, sorted(CURRENCIES))}
    shared: Row = one_domain if focus == "transfers" or chance(draw, 3) else {}
    counts = (2, 3) if focus == "transfers" else (1, 1, 2, 3)
    accounts = [draw_account(draw, place, shared) for place in range(1, 1 + pick(draw, counts))]
    projects = [
        {
            "sub_account_id": f"{account['billing_account_id']}-{name}",
            "billing_account_id": account["billing_account_id"],
        }
        for account in accounts
        for name in pick(draw, (("p",), ("p", "q")) if focus == "allocations" else ((), ("p",), ("p", "q")))
    ]
    calendar = pick(draw, calendars)
    skus = [draw_sku(draw, place, corrections, is_plain) for place in range(1, 1 + pick(draw, (1, 1, 2, 3)))]
    prices, tiers = draw_prices(draw, calendar, skus, accounts, is_plain)
    of_money = {price["sku_id"] for price in prices if price["price_model"] == "percentage"}
    dated = skus if is_plain else [row for sku in skus for row in draw_sku_rows(draw, calendar, sku)]
    for sku in dated:
        if sku["sku_id"] in of_money and sku.get("meter") == "time_weighted":
            sku["meter"] = "sum"  # a percentage is of money, which no time weighs
    codes = [
        draw_promo_code(draw, pick(draw, calendars), name, accounts)
        for name in pick(draw, ((), ("HELLO",), ("HELLO", "TENTH")))
    ]
    tables: dict[str, list[Row]] = {
        "sellers": [{}, {"seller_id": "south", "jurisdiction": "IN"}],
        "billing_accounts": accounts,
        "sub_accounts": projects,
        "skus": dated,
        "unit_conversions": draw_conversions(draw, calendar, skus),
        "sku_prices": prices,
        "price_tiers": tiers,
        "grant_kinds": draw_grant_kinds(draw, focus),
        "tax_rates": draw_tax_rates(draw, calendar),
        "discounts": [
            draw_discount(draw, pick(draw, calendars), place, accounts, projects, skus, codes)
            for place in range(1, 1 + pick(draw, (0, 1, 2, 3)))
        ],
        "promo_codes": codes,
        "billing_policies": draw_policies(draw, calendar, accounts),
        "principals": draw_principals(accounts),
        "recurring_items": [] if is_plain else draw_recurring_items(draw, calendar, accounts, projects, skus),
        "spend_limits": [] if is_plain else draw_spend_limits(draw, calendar, accounts, skus, prices),
        "cost_policies": [
            draw_cost_policy(draw, calendar, place, accounts, projects, skus)
            for place in range(pick(draw, (0, 0, 1, 2)))
        ],
        "usage_records": [],
        "operations": [],
    }
    is_history = len(calendars) > 1
    for place, month in enumerate(calendars):
        prefix = f"m{place}-" if is_history else ""
        counts = (1, 3, 6, 9) if is_history else (1, 3, 6, 9, 12, 20, 60)
        tables["usage_records"] += draw_usage(draw, month, accounts, projects, skus, prefix, counts)
        operations = tables["operations"]
        operations += draw_operations(draw, month, accounts, projects, skus, codes, FOCUSES[focus], prefix)
        operations += draw_outflows(draw, month, tables, prefix)
        if not is_plain:
            operations += draw_added_charges(draw, month, accounts, projects, skus, corrections, prefix)
    if chance(draw, 5):
        draw_lifetime(draw, pick(draw, calendars), pick(draw, accounts), tables)
    return tables


def draw_lifetime(draw: Draw, calendar: Calendar, account: Row, tables: dict[str, list[Row]]) -> None:
    """An account begins or ends about a month; what it uses and what is added lies in its time, as what lands does."""
    starts, ends = pick(draw, (calendar.inside[0], calendar.instant, None, None, None)), None
    if starts is None:
        ends = pick(draw, (calendar.first, *calendar.inside, calendar.instant, calendar.after))
        account["valid_until"] = ends
    else:
        account["valid_from"] = starts
    name, zone = account["billing_account_id"], account["time_zone"]
    life = (at(starts, zone) if starts else None, at(ends, zone) if ends else None)
    since = oracle.period_of(life[0], zone) if life[0] else ""
    until = oracle.period_of(life[1] - timedelta(microseconds=1), zone) if life[1] else "9999-12"

    def is_within(row: Row) -> bool:
        return bool(row["billing_account_id"] != name or oracle.contains(life, row["charge_period_start"]))

    def is_of_its_months(row: Row) -> bool:
        if row["operation"] != "add_charge" or row.get("billing_account_id") != name:
            return True
        month = row.get("billing_period") or oracle.period_of(row["occurred_at"], zone)
        return bool(since <= month <= until)

    tables["usage_records"] = [row for row in tables["usage_records"] if is_within(row)]
    tables["operations"] = [row for row in tables["operations"] if is_of_its_months(row)]


def draw_account(draw: Draw, place: int, shared: Row) -> Row:
    jurisdiction, region = pick(draw, (("DE", None), ("IN", None), ("IN", "IN-KA")))
    return {
        "billing_account_id": f"a{place}",
        "seller_id": "north" if jurisdiction == "DE" else "south",
        "billing_currency": pick(draw, ("EUR", "EUR", "KRW", "INR", "BHD", "CLF")),
        "time_zone": pick(draw, ZONES),
        "jurisdiction": jurisdiction,
        "region": region,
        "tax_status": pick(draw, ("business", "business", "consumer")),
        "domain": pick(draw, (None, "one.example")),
        "is_main_in_domain": place == 1,
        **shared,
    }


KINDS = ("bonus", "bonus", "organization", "organization", "organization", "paid", "paid", "voucher", "voucher")
KINDS += ("free", "welcome", "monthly", "prepaid")
FOCUSES = {
    "mixed": KINDS,
    "allocations": (*("organization",) * 20, *KINDS),
    "transfers": (*("bonus", "organization", "voucher", "free") * 5, *KINDS),
}
"""What the grants of a world are mostly for, and of which kinds they are drawn."""


def draw_grant_kinds(draw: Draw, focus: str) -> list[Row]:
    """What may be transferred differs, and organization credit may be spent after tax."""
    kinds = [dict(kind) for kind in GRANT_KINDS]
    for kind in kinds:
        if kind["kind"] in ("bonus", "organization", "voucher"):
            kind["transferable"] = focus == "transfers" or chance(draw, 2)
        if kind["kind"] == "organization":
            kind["tax_position"] = pick(draw, ("before", "before", "after"))
    return [*kinds, {"kind": "prepaid", "terminal_status": "refunded"}]


def draw_sku(draw: Draw, place: int, corrections: bool, is_plain: bool) -> Row:
    """Its model, or that its prices are of several, is the end of its id."""
    model = pick(draw, ("unit", "unit", "graduated") if is_plain else MODELS)
    sku = {
        "sku_id": f"s{place}-{model}",
        "service": pick(draw, SERVICES),
        "service_category": pick(draw, (None, "Compute")),
        "feature": pick(draw, FEATURES),
        "pricing_unit": pick(draw, ("hour", "GB") if is_plain else ("hour", "GB", "k_request")),
        "tax_category": pick(draw, CATEGORIES),
        "allows_corrections": corrections and chance(draw, 3),
        "tags": pick(draw, TAGS),
    }
    return sku if is_plain else {**sku, "meter": pick(draw, METERS), **draw_rounding(draw)}


def draw_sku_rows(draw: Draw, calendar: Calendar, sku: Row) -> list[Row]:
    """The SKU, sometimes counted otherwise from some day on: at the month's ends or within it."""
    if not chance(draw, 3):
        return [sku]
    change = pick(draw, (calendar.first, calendar.first, calendar.after, *calendar.inside, calendar.instant))
    other = {**sku, "meter": pick(draw, METERS), **draw_rounding(draw)}
    return [{**sku, "valid_until": change}, {**other, "valid_from": change}]


def draw_rounding(draw: Draw) -> Row:
    mode = pick(draw, ROUNDINGS)
    return {
        "quantity_rounding": mode,
        "quantity_increment": Decimal(pick(draw, ("1", "1", "0.5", "3", "0.001"))) if mode else None,
        "quantity_rounding_scope": pick(draw, ("period", "record")) if mode else None,
    }


def draw_conversions(draw: Draw, calendar: Calendar, skus: list[Row]) -> list[Row]:
    """Factors that do not end as decimals, one that changes within the month, one for a single SKU."""
    change = calendar.change(draw)
    conversions: list[Row] = [
        {"from_unit": "minute", "to_unit": "hour", "numerator": 1, "denominator": 60},
        {"from_unit": "MB", "to_unit": "GB", "numerator": 1, "denominator": 1024, "valid_until": change},
        {"from_unit": "MB", "to_unit": "GB", "numerator": 1, "denominator": 1000, "valid_from": change},
    ]
    conversions.append({"from_unit": "request", "to_unit": "k_request", "numerator": 1, "denominator": 1000})
    if chance(draw, 4):
        own = {"from_unit": "minute", "to_unit": "hour", "numerator": 2, "denominator": 3}
        conversions.append({**own, "sku_id": skus[0]["sku_id"]})
    return conversions


def draw_prices(
    draw: Draw, calendar: Calendar, skus: list[Row], accounts: list[Row], is_plain: bool
) -> tuple[list[Row], list[Row]]:
    """Per SKU and currency a list price, sometimes changed within the month, for one region, or by contract."""
    prices: list[Row] = []
    for sku in skus:
        for currency in sorted({account["billing_currency"] for account in accounts}):
            common = {"sku_id": sku["sku_id"], "billing_currency": currency, "tier_scope": pick(draw, SCOPES)}
            if not is_plain:
                common["free_quantity"] = Decimal(pick(draw, FREE_QUANTITIES))
            change = calendar.change(draw)
            dates: tuple[Row, ...] = ({},)
            if chance(draw, 3):
                dates = ({"valid_until": change}, {"valid_from": change})
            elif chance(draw, 10):
                dates = ({"valid_from": change},)  # nothing has a price before
            elif chance(draw, 8):
                dates = ({}, {})  # two of one date: the smaller id is it
            rows: list[Row] = list(dates)
            if chance(draw, 3):
                rows.append({"region_id": pick(draw, ("eu", "us")), **(pick(draw, dates) if chance(draw, 2) else {})})
            rows += [draw_contract(draw, calendar, account) for account in accounts if chance(draw, 4)]
            for one in rows:
                prices.append({**common, **one, "sku_price_id": f"{sku['sku_id']}-{currency}-{len(prices):02}"})
                if not is_plain and chance(draw, 8):
                    prices[-1] |= {"tier_scope": pick(draw, SCOPES), "free_quantity": Decimal(pick(draw, ("0", "3")))}
    tiers: list[Row] = []
    for price in prices:
        model = price["sku_id"].rpartition("-")[2]
        price["price_model"] = pick(draw, MODELS[1:-1]) if model == "mixed" else model
        price |= draw_terms(draw, price)
        if price["price_model"] in ("graduated", "volume"):
            tiers += draw_tiers(draw, price)
    return prices, tiers


def draw_terms(draw: Draw, price: Row) -> Row:
    """What a price of its model has beside tiers."""
    currency = price["billing_currency"]
    if price["price_model"] in ("graduated", "volume"):
        return {"list_unit_price": None}
    if price["price_model"] == "percentage":
        fee, least, most = sorted(pick(draw, (0, 1, 7, 50, 400)) for _ in range(3))
        mu = CURRENCIES[currency]
        return {
            "list_unit_price": Decimal(pick(draw, ("0.029", "0.1", "0.5", "0.333333333333", "0"))),
            "per_quantity": Decimal(pick(draw, ("1", "1", "100"))),
            "fixed_fee": pick(draw, (None, oracle.money(fee, mu))),
            "minimum": pick(draw, (None, oracle.money(least, mu))),
            "maximum": pick(draw, (None, oracle.money(most, mu))),
        }
    made: Row = {"list_unit_price": draw_price(draw, currency)}
    if price["price_model"] == "unit":
        made["per_quantity"] = Decimal(pick(draw, ("1", "1", "1", "3", "1000", "0.1")))
    if price["price_model"] == "package":
        made["package_size"] = Decimal(pick(draw, ("1", "2", "2.5", "10")))
    return made


SCOPES = ("account", "account", "sub_account", "resource")


def draw_contract(draw: Draw, calendar: Calendar, account: Row) -> Row:
    start, end = calendar.window(draw)
    region = pick(draw, REGIONS)
    account_id = account["billing_account_id"]
    return {"billing_account_id": account_id, "region_id": region, "valid_from": start, "valid_until": end}


def draw_price(draw: Draw, currency: str) -> Decimal:
    """So many halves of mu: quantities of one round at half."""
    return oracle.money(5 * pick(draw, HALF_MU), CURRENCIES[currency] + 1)


def draw_tiers(draw: Draw, price: Row) -> list[Row]:
    bounds = pick(draw, (("2",), ("1", "2.5"), ("5", "10", "100"), ()))
    mu = CURRENCIES[price["billing_currency"]]
    return [
        {
            "sku_price_id": price["sku_price_id"],
            "up_to": bound,
            "unit_price": draw_price(draw, price["billing_currency"]),
            "flat_fee": oracle.money(pick(draw, (0, 0, 1, 7)), mu),
        }
        for bound in (*(Decimal(bound) for bound in bounds), None)
    ]


def draw_recurring_items(
    draw: Draw, calendar: Calendar, accounts: list[Row], projects: list[Row], skus: list[Row]
) -> list[Row]:
    """Items for the whole month, a part of it, or in two rows that meet or leave a gap."""
    rows: list[Row] = []
    for place in range(pick(draw, (0, 1, 1, 2, 3))):
        account = pick(draw, accounts)
        item = {
            "recurring_item_id": f"i{place}",
            "billing_account_id": account["billing_account_id"],
            "sub_account_id": pick(draw, (None, *own_projects(projects, account))),
            "resource_id": pick(draw, RESOURCES),
            "sku_id": pick(draw, skus)["sku_id"],
            "region_id": pick(draw, REGIONS),
            "quantity": Decimal(pick(draw, ("1", "1", "2", "0.5", "7.25"))),
            "proration": pick(draw, (None, "none", "day", "second")),
        }
        start, end = calendar.window(draw)
        rows.append({**item, "valid_from": start, "valid_until": end})
        if end is not None and chance(draw, 2):
            again = pick(draw, [day for day in (*calendar.inside, end) if day[:10] > end[:10] or day == end])
            rows.append({**item, "quantity": Decimal(3), "valid_from": again})
    return rows


def draw_spend_limits(
    draw: Draw, calendar: Calendar, accounts: list[Row], skus: list[Row], prices: list[Row]
) -> list[Row]:
    rows: list[Row] = []
    for place in range(pick(draw, (0, 1, 2, 3))):
        kind = pick(draw, ("maximum_spend", "maximum_spend", "minimum_spend"))
        account, price = pick(draw, accounts), pick(draw, prices)
        currency, owner = account["billing_currency"], account["billing_account_id"]
        price_id = price["sku_price_id"] if chance(draw, 2) else None
        if price_id is not None and chance(draw, 2):
            currency, owner = price["billing_currency"], None
        start, end = calendar.window(draw)
        rows.append(
            {
                "spend_limit_id": f"l{place}",
                "kind": kind,
                "billing_account_id": owner,
                "sku_price_id": price_id,
                "amount": oracle.money(pick(draw, (0, 1, 7, 30, 100, 5000)), CURRENCIES[currency]),
                "billing_currency": currency,
                "true_up_sku_id": pick(draw, skus)["sku_id"] if kind == "minimum_spend" else None,
                "valid_from": pick(draw, (LONG_AGO, start)),
                "valid_until": pick(draw, (None, end)),
            }
        )
    return rows


def draw_cost_policy(
    draw: Draw, calendar: Calendar, place: int, accounts: list[Row], projects: list[Row], skus: list[Row]
) -> Row:
    account, (start, end) = pick(draw, accounts), calendar.window(draw)
    measure = pick(draw, ("cost", "cost", "quantity"))
    mu = oracle.money(pick(draw, (1, 7, 50, 500, 5000)), CURRENCIES[account["billing_currency"]])
    return {
        "cost_policy_id": f"w{place}",
        "billing_account_id": account["billing_account_id"],
        "sub_account_id": pick(draw, (None, None, *own_projects(projects, account))),
        "measure": measure,
        "sku_id": pick(draw, skus)["sku_id"] if measure == "quantity" or chance(draw, 4) else None,
        "limit": mu if measure == "cost" else Decimal(pick(draw, ("0.5", "1", "3", "1000"))),
        "cost_position": pick(draw, ("before_grants", "after_grants")),
        "period": pick(draw, ("month", "total")),
        "action": pick(draw, ("notify", "restrict_new", "terminate_request")),
        "valid_from": pick(draw, (LONG_AGO, LONG_AGO, start)),
        "valid_until": pick(draw, (None, None, end)),
    }


def own_projects(projects: list[Row], account: Row) -> list[str]:
    owner = account["billing_account_id"]
    return [project["sub_account_id"] for project in projects if project["billing_account_id"] == owner]


def draw_tax_rates(draw: Draw, calendar: Calendar) -> list[Row]:
    """DE: one component; IN: two within the seller's region, one elsewhere. `cloud` has the rate of `standard`."""
    rows: list[Row] = []
    standard, reduced = pick(draw, (("0.2", "0.05"), ("0.19", "0.07"), ("0.125", "0.005")))
    for status in ("business", "consumer"):
        for category, rate, code, reason in (
            ("standard", standard, "S", None),
            ("cloud", standard, "S", None),
            ("reduced", reduced, "S", None),
            ("zero", "0", "Z", None),
            ("exempt", "0", "E", "Education"),
        ):
            if chance(draw, 120):
                continue  # who needs it is held
            common = {"tax_status": status, "tax_category": category, "code": code, "exemption_reason": reason}
            indian = {**common, "seller_jurisdiction": "IN", "account_jurisdiction": "IN"}
            half = Decimal(rate) / 2
            rows += [
                {**common, "component": "VAT", "rate": Decimal(rate)},
                {**indian, "component": "IGST", "rate": Decimal(rate)},
                {**indian, "component": "CGST", "rate": half, "account_region": "IN-KA"},
                {**indian, "component": "SGST", "rate": half, "account_region": "IN-KA"},
            ]
    if chance(draw, 3):
        return rows
    change = pick(draw, (calendar.after, *calendar.inside))
    old = [{**one, "valid_until": change} for one in rows]
    return old + [{**one, "valid_from": change, "rate": one["rate"] * 2} for one in rows]


def draw_scope(draw: Draw, skus: list[Row], projects: list[Row]) -> list[str]:
    sku = pick(draw, skus)
    options = [
        "service:Cloud",
        "service:CDN",
        "service_category:Compute",
        "feature:VM",
        f"sku:{sku['sku_id']}",
        "region:eu",
        "resource:r-1",
        "tag:gpu",
        "tag:marketplace",
        "charge:usage",
        "charge:recurring",
        "charge:one_off",
        *(f"project:{project['sub_account_id']}" for project in projects),
    ]
    return [pick(draw, options) for _ in range(pick(draw, (1, 1, 2)))]


def draw_discount(
    draw: Draw,
    calendar: Calendar,
    place: int,
    accounts: list[Row],
    projects: list[Row],
    skus: list[Row],
    codes: list[Row],
) -> Row:
    start, end = calendar.window(draw)
    made = {
        "discount_id": f"d{place}",
        "value": Decimal(pick(draw, PERCENTS)),
        "priority": pick(draw, (100, 100, 1)),
        "valid_from": start,
        "valid_until": end,
    }
    narrower: Row = pick(
        draw,
        (
            {},
            {},
            {"billing_account_id": pick(draw, accounts)["billing_account_id"]},
            {"service": "Cloud"},
            {"feature": "VM"},
            {"sku_id": pick(draw, skus)["sku_id"]},
            {"sub_account_id": pick(draw, projects)["sub_account_id"] if projects else None},
        ),
    )
    named = [code["promo_code"] for code in codes if code["benefit"] == "discount"]
    made = {**made, **narrower, "promo_code": pick(draw, (None, *named))}
    return {**made, **draw_fixed(draw, made, accounts)} if chance(draw, 2) else made


def draw_fixed(draw: Draw, discount: Row, accounts: list[Row]) -> Row:
    """An amount in the currency of the account that the discount names, or of any."""
    owner = discount.get("billing_account_id")
    account = pick(draw, [one for one in accounts if owner in (None, one["billing_account_id"])])
    currency = account["billing_currency"]
    amount = oracle.money(pick(draw, (0, 1, 2, 7, 10, 77, 500)), CURRENCIES[currency])
    return {"kind": "fixed", "value": amount, "billing_currency": currency}


def draw_promo_code(draw: Draw, calendar: Calendar, name: str, accounts: list[Row]) -> Row:
    until = calendar.window(draw)[1]
    fixed = f"{pick(draw, calendar.inside)}/{calendar.far}"
    return {
        "promo_code": name,
        "benefit": pick(draw, ("grant", "discount")),
        "kind": pick(draw, ("promo", "voucher", "free", None)),
        "value": Decimal(pick(draw, (1, 10, 50))),
        "window_start": pick(draw, ("next_invoice", "next_invoice", "acceptance", fixed)),
        "duration": pick(draw, (None, "P1M", "P10D", "P3M", "P1Y2M3D")),
        "include": pick(draw, (None, ["service:Cloud"])),
        "accounts": pick(draw, (None, None, [pick(draw, accounts)["billing_account_id"]])),
        "total_limit": pick(draw, (None, 1, 2)),
        "per_account_limit": pick(draw, (1, 1, 2)),
        "valid_until": pick(draw, (None, None, until)),
    }


def draw_policies(draw: Draw, calendar: Calendar, accounts: list[Row]) -> list[Row]:
    """One row per policy and account, or two that meet within the month or at its end."""
    rows: list[Row] = []
    for owner in (None, *(account["billing_account_id"] for account in accounts)):
        for policy in sorted({pick(draw, sorted(POLICIES)) for _ in range(pick(draw, (0, 1, 2, 4)))}):
            common = {"billing_account_id": owner, "policy": policy}
            change = pick(draw, (None, None, *calendar.inside, calendar.after))
            rows.append({**common, "value": pick(draw, POLICIES[policy]), "valid_until": change})
            if change is not None:
                rows.append({**common, "value": pick(draw, POLICIES[policy]), "valid_from": change})
    return rows


def draw_principals(accounts: list[Row]) -> list[Row]:
    own = {"billing_account_id": accounts[0]["billing_account_id"]}
    return [
        {"principal_id": "operator"},
        {"principal_id": "helper", "role": "support"},
        {"principal_id": "owner", "role": "organization_owner", **own},
        {"principal_id": "manager", "role": "billing_manager", **own},
        {"principal_id": "manager", "role": "member", "billing_account_id": accounts[-1]["billing_account_id"]},
        *(
            {"principal_id": name, "role": role, "billing_account_id": account["billing_account_id"]}
            for account in accounts
            for name, role in (("partner", "organization_owner"), ("agency", "billing_manager"))
        ),
        {"principal_id": "broker", "role": "organization_owner", **own},
        {"principal_id": "broker", "role": "billing_manager", "billing_account_id": accounts[-1]["billing_account_id"]},
        {"principal_id": "gone", "valid_until": "2021-01-01"},
    ]


def draw_usage(
    draw: Draw,
    calendar: Calendar,
    accounts: list[Row],
    projects: list[Row],
    skus: list[Row],
    prefix: str,
    counts: Sequence[int],
) -> list[Row]:
    records = []
    for place in range(pick(draw, counts)):
        account, sku = pick(draw, accounts), pick(draw, skus)
        own = own_projects(projects, account)
        start = calendar.moment(draw, account["time_zone"])
        sign = -1 if sku["allows_corrections"] and chance(draw, 2) else 1
        records.append(
            {
                "usage_record_id": f"{prefix}u{place:02}",
                "billing_account_id": account["billing_account_id"],
                "sub_account_id": pick(draw, (None, *own)),
                "resource_id": pick(draw, RESOURCES),
                "sku_id": sku["sku_id"],
                "region_id": pick(draw, REGIONS),
                "charge_period_start": start,
                "charge_period_end": start + timedelta(hours=pick(draw, (0, 1, 48, 72, 1200))),
                "consumed_quantity": sign * Decimal(pick(draw, QUANTITIES)),
                "consumed_unit": pick(draw, UNITS[sku["pricing_unit"]]),
                "tags": pick(draw, (None, [{"key": "team", "value": "web"}])),
            }
        )
    return records


def draw_operations(
    draw: Draw,
    calendar: Calendar,
    accounts: list[Row],
    projects: list[Row],
    skus: list[Row],
    codes: list[Row],
    kinds: Sequence[str],
    prefix: str,
) -> list[Row]:
    operations: list[Row] = []
    for place in range(pick(draw, (0, 2, 4, 6, 9))):
        account = pick(draw, accounts)
        occurred_at = draw_occurred_at(draw, calendar, account)
        late = occurred_at + timedelta(days=pick(draw, (0,) * 8 + (3, 35 if prefix else 0, 90)))
        common = {
            "operation_id": f"{prefix}op-{place:02}",
            "occurred_at": occurred_at,
            "recorded_at": late,
            "billing_account_id": account["billing_account_id"],
        }
        name = pick(draw, ("grant_credit",) * 5 + ("accept_promo_code",) * 3 + ("issue_invoices", "money"))
        own = [one for one in projects if one["billing_account_id"] == account["billing_account_id"]]
        if name == "grant_credit":
            made = {**common, **draw_grant(draw, calendar, account, own, skus, kinds)}
            if made["kind"] == "paid" and chance(draw, 2):
                made |= draw_purchase(draw, account, made)
        elif name == "accept_promo_code" and codes:
            owner = "owner" if account is accounts[0] else "operator"
            code = pick(draw, codes)["promo_code"]
            made = {**common, "operation": name, "promo_code": code, "actor": pick(draw, ("operator", owner))}
        elif name == "issue_invoices":
            made = {**common, "operation": name, **draw_issue(draw, calendar, account)}
        else:
            made = {**common, **draw_money(draw, account)}
        operations.append(spoilt(draw, made) if chance(draw, 8) else made)
    if operations and chance(draw, 12):
        operations.append({**operations[0], **pick(draw, ({}, {"name": "again"}))})
    return operations


def draw_occurred_at(draw: Draw, calendar: Calendar, account: Row) -> datetime:
    """Few moments, so that operations meet in one."""
    boundary = pick(draw, (calendar.before, calendar.before, calendar.first, *calendar.inside, calendar.after))
    return at(boundary, account["time_zone"]) + timedelta(hours=pick(draw, (0, 0, 9)))


def draw_grant(
    draw: Draw, calendar: Calendar, account: Row, projects: list[Row], skus: list[Row], kinds: Sequence[str]
) -> Row:
    start, end = calendar.window(draw)
    mu = CURRENCIES[account["billing_currency"]]
    amount, logic = pick(draw, (1, 2, 3, 10, 77, 500, 100_000)), pick(draw, (None, None, "none", "fixed", "linear"))
    monthly_value = oracle.money(pick(draw, (amount, (amount + 1) // 2, (amount + 2) // 3, 1)), mu)
    return {
        "operation": "grant_credit",
        "kind": pick(draw, kinds),
        "amount": oracle.money(amount, mu),
        "billing_currency": pick(draw, (None, account["billing_currency"])),
        "window_start": pick(draw, (start, start, start, None)),
        "window_end": pick(draw, (end, end, calendar.far)),
        "include": pick(draw, (None, None, None, [], draw_scope(draw, skus, projects))),
        "exclude": pick(draw, (None, None, None, draw_scope(draw, skus, projects))),
        "sub_account_id": pick(draw, (None,) * 6 + tuple(project["sub_account_id"] for project in projects)),
        "priority": pick(draw, (None, 0, 1)),
        "logic": logic,
        "monthly_value": monthly_value if logic == "fixed" else None,
    }


def draw_purchase(draw: Draw, account: Row, grant: Row) -> Row:
    """The same, bought at face value or below it."""
    exponent = CURRENCIES[account["billing_currency"]]
    mu = int(Fraction(grant["amount"]) * 10**exponent)
    return {
        "operation": "purchase_credit",
        "kind": pick(draw, (None, "paid")),
        "price_paid": oracle.money(pick(draw, (mu, (mu + 1) // 2, (mu + 2) // 3)), exponent),
    }


def draw_outflows(draw: Draw, calendar: Calendar, tables: dict[str, list[Row]], prefix: str) -> list[Row]:
    """What is transferred, allocated, recovered and refunded of the grants; mostly what they can bear."""
    operations: list[Row] = []
    accounts = {account["billing_account_id"]: account for account in tables["billing_accounts"]}
    state = oracle.fold(make_world(**tables))
    grants = [{**grant, "left": left_of(state, grant)} for grant in state.grants]
    for place in range(pick(draw, (0, 1, 2, 4, 7)) if grants else 0):
        source, name = draw_outflow(draw, grants, tables)
        account = accounts[source["billing_account_id"]]
        occurred_at = draw_outflow_time(draw, calendar, account, source)
        late = timedelta(days=pick(draw, (0,) * 8 + (3, 35 if prefix else 0, 90)))
        made = {
            "operation_id": f"{prefix}ox-{place:02}",
            "operation": name,
            "occurred_at": occurred_at,
            "recorded_at": max(occurred_at, pick(draw, (source["known_since"],) * 9 + (occurred_at,))) + late,
            "billing_account_id": account["billing_account_id"],
            "grant_id": source["grant_id"],
        }
        if name in ("recover_credit", "refund_credit"):
            source["left"] = None
        else:
            made |= {"actor": pick(draw, ("operator",) * 6 + ("partner", "partner", "agency", "owner", "broker"))}
            made |= draw_receiver(draw, account, tables, name)
            made |= draw_outflow_amount(draw, account, source, name)
            if made["amount"] > 0:
                grants.append(child(source, made))
        operations.append(spoilt(draw, made) if chance(draw, 10) else made)
    return operations


def left_of(state: oracle.Fold, grant: Row) -> Decimal | None:
    """What was not yet sent or allocated; nothing of one that was ended."""
    if oracle.endings_of(state, grant):
        return None
    sent = [one["amount"] for one in state.moved if one["grant_id"] == grant["grant_id"] and one["amount"] < 0]
    left: Decimal = grant["amount"] + sum(sent)
    return left or None


def draw_outflow(draw: Draw, grants: list[Row], tables: dict[str, list[Row]]) -> tuple[Row, str]:
    """A grant and what is done with it: mostly what it allows, and rarely its end."""
    able = [(grant, name) for grant in grants for name in outflows_of(grant, tables)]
    if not able or chance(draw, 12):
        return pick(draw, grants), pick(draw, OUTFLOWS)
    names = sorted({name for _, name in able})
    name = pick(draw, [name for name in names for _ in range(1 if name in ("recover_credit", "refund_credit") else 5)])
    return pick(draw, [grant for grant, one in able if one == name]), name


def outflows_of(grant: Row, tables: dict[str, list[Row]]) -> list[str]:
    """What a grant allows that has something left."""
    if grant["left"] is None:
        return []
    account = next(
        one for one in tables["billing_accounts"] if one["billing_account_id"] == grant["billing_account_id"]
    )
    kind = next(kind for kind in tables["grant_kinds"] if kind["kind"] == grant["kind"])
    is_free = grant["sub_account_id"] is None
    names = ["refund_credit" if grant["terminal_status"] == "refunded" else "recover_credit"]
    if is_free and kind.get("transferable") and receivers(account, tables):
        names.append("transfer_credit")
    if is_free and grant["kind"] == "organization" and own_projects(tables["sub_accounts"], account):
        names.append("allocate_to_project")
    return names


def receivers(account: Row, tables: dict[str, list[Row]]) -> list[str]:
    """K4: the other accounts of the domain and currency."""
    return [
        one["billing_account_id"]
        for one in tables["billing_accounts"]
        if one is not account
        and one["domain"] is not None
        and (one["domain"], one["billing_currency"]) == (account["domain"], account["billing_currency"])
    ]


def draw_outflow_time(draw: Draw, calendar: Calendar, account: Row, source: Row) -> datetime:
    """On the boundaries of the month and the grant, or a microsecond before; mostly while there is the grant."""
    zone, since, until = account["time_zone"], source["occurred_at"], source["window_end"]
    moments = [at(bound, zone) for bound in (calendar.first, *calendar.inside, calendar.instant, calendar.after)]
    moments += [since, source["window_start"], *([] if until is None else [until])]
    moments += [moment + step for moment in moments for step in (timedelta(microseconds=-1), timedelta(hours=9))]
    if not chance(draw, 20):
        far = at(calendar.far, zone)
        moments = [moment for moment in moments if since <= moment < min(far, until or far)] or [since]
    return pick(draw, moments)


def draw_outflow_amount(draw: Draw, account: Row, source: Row, name: str) -> Row:
    """All that is left, a part of it, one mu; sometimes too much, or a mere switch."""
    exponent = CURRENCIES[account["billing_currency"]]
    left = int(Fraction(source["left"] or 0) * 10**exponent)
    mu = pick(draw, (left, (left + 1) // 2, (left + 2) // 3, (left + 3) // 4, max(1, min(left, 1))))
    if chance(draw, 12):
        mu = left + 1
    if name == "allocate_to_project" and chance(draw, 5):
        mu = 0
    amount = oracle.money(mu, exponent)
    source["left"] = max(Decimal(0), (source["left"] or Decimal(0)) - amount) or None
    return {"amount": amount, "billing_currency": pick(draw, (None, None, source["billing_currency"]))}


def draw_receiver(draw: Draw, account: Row, tables: dict[str, list[Row]], name: str) -> Row:
    if name == "transfer_credit":
        others = [one["billing_account_id"] for one in tables["billing_accounts"]]
        return {"to_account": pick(draw, receivers(account, tables) or others)}
    projects = own_projects(tables["sub_accounts"], account) or ["elsewhere"]
    return {"sub_account_id": pick(draw, projects), "use_organization_credit": pick(draw, (True, False, False, None))}


def child(source: Row, operation: Row) -> Row:
    """The grant that an outflow makes, as the source of another."""
    made = {
        **source,
        "grant_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "known_since": operation["recorded_at"],
        "left": operation["amount"],
    }
    if operation["operation"] == "transfer_credit":
        return {**made, "billing_account_id": operation["to_account"]}
    return {**made, "kind": "project", "sub_account_id": operation["sub_account_id"]}


def draw_issue(draw: Draw, calendar: Calendar, account: Row) -> Row:
    day = date.fromisoformat(calendar.before)
    return {
        "billing_account_id": pick(draw, (None, account["billing_account_id"])),
        "billing_period": pick(draw, (calendar.before[:7], calendar.period)),
        "issue_date": day + timedelta(days=33),
    }


def draw_money(draw: Draw, account: Row) -> Row:
    name = pick(draw, ("record_payment", "set_credit_limit"))
    amount = oracle.money(pick(draw, (0, 100)), CURRENCIES[account["billing_currency"]])
    return {"operation": name, "amount": amount, "payment_kind": "money" if name == "record_payment" else None}


OUTFLOWS = ("transfer_credit", "allocate_to_project", "recover_credit", "refund_credit")


def spoilt(draw: Draw, operation: Row) -> Row:
    """The operation with one fault."""
    faults: list[Row] = [
        {"actor": "helper"},
        {"actor": "manager"},
        {"actor": "gone"},
        {"actor": "nobody"},
        {"billing_account_id": "nowhere"},
        {"operation": "sell_credit"},
    ]
    if operation["operation"] in ("grant_credit", "purchase_credit"):
        faults += [
            {"kind": "unheard-of"},
            {"kind": None},
            {"amount": None},
            {"amount": Decimal(0)},
            {"amount": Decimal("1.00001")},
            {"billing_currency": "XXX"},
            {"window_start": "2026-10-10", "window_end": "2026-10-10"},
            {"include": ["colour:red"]},
            {"exclude": ["service"]},
            {"sub_account_id": "elsewhere"},
            {"logic": "weekly"},
            {"logic": "fixed"},
            {"logic": "fixed", "monthly_value": Decimal("0.00001")},
            {"logic": "fixed", "monthly_value": operation["amount"] * 2},
            {"logic": "linear", "monthly_value": Decimal(1)},
            {"logic": "linear", "monthly_value": None, "window_end": None},
            {"grant_id": "op-00"},
        ]
    if operation["operation"] == "purchase_credit":
        faults += [
            {"price_paid": None},
            {"price_paid": Decimal(0)},
            {"price_paid": Decimal("0.000001")},
            {"price_paid": operation["amount"] * 2},
            {"kind": "bonus"},
            {"kind": "prepaid"},
            {"kind": "prepaid", "tax_category": "standard"},
            {"kind": "prepaid", "tax_category": "unheard-of"},
            {"tax_category": "standard"},
        ]
    if operation["operation"] in OUTFLOWS:
        faults += [
            {"grant_id": None},
            {"grant_id": "unheard-of"},
            {"grant_id": "op-00"},
            {"amount": None},
            {"amount": Decimal(0)},
            {"amount": Decimal(-1)},
            {"amount": Decimal("0.000001")},
            {"amount": Decimal(1_000_000)},
            {"billing_currency": "XXX"},
            {"to_account": None, "sub_account_id": None},
            {"to_account": "nowhere", "sub_account_id": "elsewhere"},
            {"to_account": operation["billing_account_id"]},
            {"actor": "agency"},
            {"operation_id": "op-00"},
        ]
    if operation["operation"] == "accept_promo_code":
        faults += [{"promo_code": "UNKNOWN"}, {"promo_code": None}]
    if operation["operation"] == "issue_invoices":
        faults += [{"billing_period": None}]
    if operation["operation"] == "add_charge":
        faults += [
            {"amount": None},
            {"amount": Decimal(0)},
            {"amount": Decimal("-1.00001")},
            {"text": None},
            {"sku_id": None, "tax_category": None},
            {"sku_id": "unheard-of"},
            {"sub_account_id": "elsewhere"},
            {"billing_currency": "XXX"},
            {"actor": "owner"},
        ]
    return {**operation, **pick(draw, faults)}


def draw_added_charges(
    draw: Draw,
    calendar: Calendar,
    accounts: list[Row],
    projects: list[Row],
    skus: list[Row],
    corrections: bool,
    prefix: str,
) -> list[Row]:
    """Few moments and amounts, so that charges meet and undo each other."""
    operations: list[Row] = []
    for place in range(pick(draw, (0, 0, 1, 2, 3))):
        account = pick(draw, accounts)
        occurred_at = draw_occurred_at(draw, calendar, account)
        sku_id, category = pick(draw, skus)["sku_id"], pick(draw, CATEGORIES)
        sign = -1 if corrections and chance(draw, 2) else 1
        made = {
            "operation_id": f"{prefix}zz-add-{place}",
            "operation": "add_charge",
            "occurred_at": occurred_at,
            "recorded_at": occurred_at + timedelta(days=pick(draw, (0, 0, 0, 0, 3, 90))),
            "billing_account_id": account["billing_account_id"],
            "sub_account_id": pick(draw, (None, *own_projects(projects, account))),
            "amount": oracle.money(sign * pick(draw, (1, 77, 100, 5000)), CURRENCIES[account["billing_currency"]]),
            "billing_period": pick(draw, (None, calendar.period, calendar.period, calendar.before[:7])),
            **pick(
                draw, ({"sku_id": sku_id}, {"tax_category": category}, {"sku_id": sku_id, "tax_category": category})
            ),
            "text": "Setup",
        }
        operations.append(spoilt(draw, made) if chance(draw, 8) else made)
    return operations


def draw_movements(draw: Draw, calendar: Calendar, world: World) -> None:
    """What an earlier period took from some of the grants that were there, of what no operation had taken by then.

    Where that period is issued, operations within it are judged by it too, so that some are refused.
    """
    state, period = oracle.fold(world), calendar.before[:7]
    first = datetime.fromisoformat(calendar.first).replace(tzinfo=UTC)
    for grant in state.grants:
        if not grant["window_start"] < first - timedelta(days=9) or not chance(draw, 3):
            continue
        exponent = CURRENCIES[grant["billing_currency"]]
        is_issued = chance(draw, 2)
        left = grant["amount"] if is_issued else left_of(state, grant)
        if is_issued:
            world["issued_periods"].add((grant["billing_account_id"], period))
        mu = int(Fraction(left or 0) * 10**exponent)
        if mu <= 0:
            continue
        world["grant_movements"].append(
            row(
                "grant_movements",
                movement_id=f"m{len(world['grant_movements'])}",
                grant_id=grant["grant_id"],
                billing_account_id=grant["billing_account_id"],
                billing_period=period,
                movement=pick(draw, ("charged", "charged", "minimum_consumption")),
                amount=oracle.money(-pick(draw, (mu, (mu + 1) // 2)), exponent),
                billing_currency=grant["billing_currency"],
                occurred_at=grant["window_start"],
            )
        )
