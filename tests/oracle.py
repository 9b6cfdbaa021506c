"""The whole of rating again, one row at a time, from the rule book alone: what the pipeline must equal, cent for cent.

Reads    a world: a dict of table name -> list of rows with the columns of `schemas` (usage already accepted,
         operations not yet decided), beside `billing_period` ("2026-10") and `known_as_of` (an instant). Optional:
         `grant_movements`, the committed movements of earlier periods, and `first_billed_periods`, account -> period.
Makes    a dict of lists of rows (`bill`), or what becomes of each operation alone (`decide`).
Rejects  what is outside its scope, loudly, with `UnsupportedError`; operations that the rules refuse, by O_… code.

Nothing here is fast and nothing comes from the pipeline. A charge has no id here: it is known by its key (account,
project, SKU, region, resource, price row, start of its segment), see `charge_key`.

Readings: where the rule book leaves a choice, this is the choice.

 1. P7, M1 Within a line of a tier pool, and in the second step of M1, the line's rounded share takes the place of
    the exact value: the value up to a cut is round(share × weight up to it ÷ weight of the line). With the
    unrounded value the last charge of a line could come out at -1 mu. Unit-priced lines use price × quantity up to
    the cut. A line of weight zero has share zero, and so has each of its charges. Shares of a `proportional` grant
    round in the mode of charges.
 2. M1 The order of rating lines, which decides ties, is (start of the line, service, SKU, project, region,
    resource, price row), start of the line being the later of period start and the price row's valid_from:
    independent of cuts. In G5 the `id` behind resource is the price row. Nulls last. Text sorts by code point.
 3. M2 `up` is away from zero, `down` towards zero.
 4. P5, P7 A line starts at the later of period start and its price row's valid_from, and its last segment ends at
    the earlier of period end and valid_until. A contract price that covers part of a price row's time does not cut
    that row's line. A fixed window that only touches the period's ends cuts nothing. A price row is one dated row:
    one sku_price_id with two rows in a month makes two lines.
 5. P6 A pool is (account; its project, or its resource, where the tier scope says so; SKU; region of the price
    row). Rows of model `unit` add nothing to a pool's quantity. Price rows stand in the order of their first record
    in the pool. A resource is known by its id within the account, a null one by project and region of the record.
    An account's rows with another tier_scope form another pool.
 6. P4 "then id" is the smallest id; a conversion named for the SKU goes before a general one, its date is the
    record's start, and nothing converts backwards or in two steps.
 7. Account, seller, SKU, currency, tax and policy rows are those in force at the last instant of the period (T1
    too).
 8. P4 A parked account has a hold and nothing else, no expiry either. `R_NO_PRICE` shows the list cost of its
    priced lines, `H_NO_TAX_RATE` the list cost of its charges whose category has a rate. R_NO_PRICE is looked at
    first.
 9. D1, K7 A promo code of benefit `discount` gives the rows of `discounts` that name it; the percentage is the
    row's. Such a row reaches an account in its own dates cut down to the window its acceptance opened; several
    acceptances add windows.
10. D3 `additive` computes D4 on list cost and then limits each charge's share to what is left of the charge,
    `best_only` takes per charge the highest percentage (ties: priority, id) and then computes D4 over the charges
    that chose it.
11. D4 A line whose reached part sums to zero takes no share. Rows of amount zero are not written, nor applications.
12. G1 A row of the include list with a dimension the charge lacks does not match; a grant's exclude list is its own
    and its kind's. Coverage counts distinct entries. Priority is 0 unless given. "Bound to the project" means
    sub_account_id, not an include entry.
13. G2 Without window_start a grant starts at occurred_at; without window_end it takes the kind's validity, counted
    from the local day of the start to the same day after it, inclusive; without either it is open. Promo codes
    without duration also.
14. G3 `period_end` asks for the window to hold the last instant of the period, `invoice_time` the instant known as
    of.
15. G4 A reversed key reverses the whole key, yet what never expires stays last. The list always ends in grant_id.
16. G7 T1 match = tax category. First all negatives of one (category, SKU, project) lower its positives, then what
    is left of all those of the category lowers the rest of it, each in the default order of G5 whatever the policy.
    Before after-tax grants the same two steps are taken again on dues (taxable + tax), and then one over all
    categories.
17. G5 Sizes are list cost less discounts, before G7.
18. T3 The exact share of a line is its taxable × rate (not the rounded tax in proportion); `per_line` rounds per
    charge, the line of the invoice. Categories of equal code, rate and component are rounded together, so the
    breakdown is given here per (code, rate, component). A row that names the region puts aside all rows of the
    match that do not.
19. K3 The period of an expiry is the first that ends at or after the window's end, and not before the first billed
    one.
20. K7 `next_invoice`: issues count in the order of O3, and the first billed period is `first_billed_periods` or
    else the period being billed. Durations keep the local wall time and clamp to the end of the month; end
    exclusive. An interval's sides are boundaries, an empty end is open, and a duration beside it is ignored. The
    first of K7's refusals, in the order of that rule, is the reason. The kind of a promo grant is `promo` unless
    named.
21. O1 Operations with one id and unequal content (recorded_at, received_at, status and original aside) land
    together: all are O_ID_CONFLICT. A grant_id already taken is O_ID_CONFLICT too. An unnamed grant has its
    operation's id.
22. O2 Reasons are looked for in this order: O_ID_CONFLICT (operations), O_UNSUPPORTED (operation), O_UNKNOWN_ACTOR,
    O_MISSING_FIELD (account), O_UNKNOWN_ACCOUNT, O_FORBIDDEN, O_MISSING_FIELD (others), O_UNSUPPORTED (logic),
    O_UNKNOWN_KIND, O_UNKNOWN_PROJECT, O_CURRENCY, O_AMOUNT, O_PRECISE, O_WINDOW, O_SCOPE, O_ONCE_PER_DOMAIN,
    O_ID_CONFLICT (grants); the promo codes' own come before O_UNKNOWN_KIND. Missing is null. issue_invoices may
    name no account; it then means all.
23. G2 A kind of once-per-domain is refused (O_ONCE_PER_DOMAIN) to an account that is not main; an account without a
    domain is its own, and main in it.
24. L1 An operation counts for a bill when recorded_at <= known as of; it is decided whether it counts or not.
25. I3 A document whose total with tax is below zero is 381 with the signs left as they are.
26. set_credit_limit takes zero; record_payment does not look its invoice number up.
27. A local midnight that the clock skips is the instant of the change; one that comes twice is the first.
"""

from __future__ import annotations

import calendar
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
World = dict[str, Any]
Window = tuple[datetime | None, datetime | None]

LAST_TEXT = "\U0010ffff"  # behind every text, so that nulls come last


class UnsupportedError(Exception):
    """The world holds something outside this oracle's scope."""


# ---------------------------------------------------------------------------------------------------------------- dates


def local_instant(day: date, zone: str) -> datetime:
    """A date without a time is its local midnight (Words; reading 27)."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def boundary_instant(boundary: str | None, zone: str) -> datetime | None:
    """A boundary is a day in the account's zone or an instant; none is open (Words)."""
    if boundary is None or boundary == "":
        return None
    if len(boundary) == 10:
        return local_instant(date.fromisoformat(boundary), zone)
    return datetime.fromisoformat(boundary).astimezone(UTC)


def next_period(period: str) -> str:
    year, month = int(period[:4]), int(period[5:])
    return f"{year + 1:04}-01" if month == 12 else f"{year:04}-{month + 1:02}"


def period_bounds(period: str, zone: str) -> tuple[datetime, datetime]:
    """The local calendar month, half-open (Words)."""
    first, last = date.fromisoformat(period + "-01"), date.fromisoformat(next_period(period) + "-01")
    return local_instant(first, zone), local_instant(last, zone)


def period_of(instant: datetime, zone: str) -> str:
    """U4: the local calendar month that contains the instant."""
    return instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


def holds(window: Window, start: datetime, end: datetime) -> bool:
    """D3, G3: the segment [start, end) lies in the window."""
    window_start, window_end = window
    return (window_start is None or window_start <= start) and (window_end is None or end <= window_end)


def contains(window: Window, instant: datetime) -> bool:
    window_start, window_end = window
    return (window_start is None or window_start <= instant) and (window_end is None or instant < window_end)


def validity(row: Row, zone: str) -> Window:
    """A dated row's time (1.2)."""
    return boundary_instant(row["valid_from"], zone), boundary_instant(row["valid_until"], zone)


def in_force(rows: Iterable[Row], at: datetime, zone: str) -> list[Row]:
    return [row for row in rows if contains(validity(row, zone), at)]


def intersection(one: Window, other: Window) -> Window:
    starts = [start for start in (one[0], other[0]) if start is not None]
    ends = [end for end in (one[1], other[1]) if end is not None]
    return max(starts, default=None), min(ends, default=None)


def is_empty(window: Window) -> bool:
    return window[0] is not None and window[1] is not None and window[0] >= window[1]


def plus_calendar(moment: datetime, duration: str) -> datetime:
    """G2, K7: a naive local moment plus ISO 8601 calendar parts; a day past the month's end becomes its last."""
    match = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", duration)
    if match is None or duration == "P":
        raise UnsupportedError(f"duration {duration!r}")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    month_number = moment.year * 12 + moment.month - 1 + years * 12 + months
    year, month = month_number // 12, month_number % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day) + timedelta(weeks=weeks, days=days)


# ---------------------------------------------------------------------------------------------------------------- money


def rounded(value: Fraction, mode: str) -> int:
    """M2: an exact number of mu to a whole one."""
    sign = -1 if value < 0 else 1
    size = abs(value)
    if mode == "half_away":
        return sign * math.floor(size + Fraction(1, 2))
    if mode == "half_even":
        return round(value)
    if mode == "up":
        return sign * math.ceil(size)
    if mode == "down":
        return sign * math.floor(size)
    raise UnsupportedError(f"rounding mode {mode!r}")


def money(mu: int, exponent: int) -> Decimal:
    """So many mu, written as an amount, exactly."""
    return Decimal((1 if mu < 0 else 0, tuple(int(digit) for digit in str(abs(mu))), -exponent))


def largest_remainder(total: int, exact_shares: Sequence[Fraction]) -> list[int]:
    """M1: floor each, the missing mu go to the largest fractions, ties to the earlier; a negative total is mirrored."""
    if total < 0:
        return [-share for share in largest_remainder(-total, [-exact for exact in exact_shares])]
    shares = [math.floor(exact) for exact in exact_shares]
    missing = total - sum(shares)
    if not 0 <= missing <= len(shares):
        raise ValueError(f"{total} mu is not the rounded sum of {exact_shares}")
    by_fraction = sorted(range(len(shares)), key=lambda place: (shares[place] - exact_shares[place], place))
    for place in by_fraction[:missing]:
        shares[place] += 1
    return shares


def split(total: int, weights: Sequence[Fraction]) -> list[int]:
    """M1 by weights. No weight is an error, not a share."""
    whole = sum(weights, Fraction(0))
    if whole == 0:
        raise ValueError("nothing to split by")
    return largest_remainder(total, [total * weight / whole for weight in weights])


def cumulated(amount: int, weights: Sequence[Fraction], mode: str) -> list[int]:
    """P7, second step of M1: each part is the difference of two rounded values; the last takes the rest (reading 1)."""
    whole = sum(weights, Fraction(0))
    if whole == 0:
        if amount != 0:
            raise ValueError("nothing to split by")
        return [0 for _ in weights]
    return differences(rounded(amount * upto / whole, mode) for upto in running(weights))


def running(numbers: Iterable[Fraction]) -> list[Fraction]:
    sums, total = [], Fraction(0)
    for number in numbers:
        total += number
        sums.append(total)
    return sums


def differences(sums: Iterable[int]) -> list[int]:
    parts, before = [], 0
    for upto in sums:
        parts.append(upto - before)
        before = upto
    return parts


# ----------------------------------------------------------------------------------------------------------- operations

STAFF_ONLY = ("grant_credit", "record_payment", "issue_invoices", "set_credit_limit")
REQUIRED = {
    "grant_credit": ("kind", "amount"),
    "accept_promo_code": ("promo_code",),
    "record_payment": ("amount",),
    "issue_invoices": ("billing_period", "issue_date"),
    "set_credit_limit": ("amount",),
}
DIMENSIONS = ("service", "service_category", "feature", "sku", "region", "project", "resource", "tag", "charge")
NOT_CONTENT = ("recorded_at", "received_at", "status", "reason_code", "reason", "original")


@dataclass
class Fold:
    """What the operations so far have made of the account: the state that the next one is judged by."""

    world: World
    decisions: dict[str, Row] = field(default_factory=dict)
    grants: list[Row] = field(default_factory=list)
    acceptances: list[Row] = field(default_factory=list)  # promo_code, billing_account_id, window, operation
    issued: set[tuple[str | None, str]] = field(default_factory=set)  # (account or all, period)


def decide(world: World) -> dict[str, Row]:
    """O1: every operation accepted or rejected, with a reason code: id -> {status, reason_code}."""
    return fold(world).decisions


def fold(world: World) -> Fold:
    """O3: operations count by (occurred_at, id), whatever their landing order."""
    state = Fold(world)
    by_id: dict[str, list[Row]] = defaultdict(list)
    for operation in world["operations"]:
        by_id[operation["operation_id"]].append(operation)
    conflicts = {key for key, same in by_id.items() if any(content(one) != content(same[0]) for one in same)}
    once = [min(same, key=lambda one: known_since(one)) for same in by_id.values()]
    for operation in sorted(once, key=lambda one: (one["occurred_at"], one["operation_id"])):
        reason = "O_ID_CONFLICT" if operation["operation_id"] in conflicts else refusal(state, operation)
        if reason is None:
            carry_out(state, operation)
        state.decisions[operation["operation_id"]] = {
            "operation_id": operation["operation_id"],
            "status": "accepted" if reason is None else "rejected",
            "reason_code": reason,
        }
    return state


def content(operation: Row) -> Row:
    return {column: value for column, value in operation.items() if column not in NOT_CONTENT and value is not None}


def known_since(operation: Row) -> datetime:
    recorded_at: datetime | None = operation.get("recorded_at")
    return operation["occurred_at"] if recorded_at is None else recorded_at


def account_at(world: World, account_id: str | None, at: datetime) -> Row | None:
    """The account's row in force; an account known at other times only is known by its first row."""
    rows = [row for row in world["billing_accounts"] if row["billing_account_id"] == account_id]
    current = [row for row in rows if contains(validity(row, row["time_zone"]), at)]
    first: Row | None = next(iter(current or sorted(rows, key=lambda row: row["valid_from"])), None)
    return first


def refusal(state: Fold, operation: Row) -> str | None:
    """O1, O2: the first reason against an operation, none if it stands (reading 22)."""
    world, at, name = state.world, operation["occurred_at"], operation["operation"]
    if name not in REQUIRED:
        return "O_UNSUPPORTED"
    account_id = operation.get("billing_account_id")
    account = account_at(world, account_id, at)
    zone = account["time_zone"] if account else "UTC"
    roles = in_force([row for row in world["principals"] if row["principal_id"] == operation.get("actor")], at, zone)
    if not roles:
        return "O_UNKNOWN_ACTOR"
    if account_id is None and name != "issue_invoices":
        return "O_MISSING_FIELD"
    if account_id is not None and account is None:
        return "O_UNKNOWN_ACCOUNT"
    if not any(may(row, name, account_id) for row in roles):
        return "O_FORBIDDEN"
    if any(operation.get(column) is None for column in REQUIRED[name]):
        return "O_MISSING_FIELD"
    if account is None or name == "issue_invoices":
        return None
    judge = {
        "grant_credit": refuse_grant_credit,
        "accept_promo_code": refuse_promo_code,
        "record_payment": refuse_payment,
        "set_credit_limit": refuse_credit_limit,
    }[name]
    return judge(state, operation, account)


def may(principal: Row, operation: str, account_id: str | None) -> bool:
    """Section 11: staff may all; owners and billing managers accept promo codes for their account."""
    if principal["role"] == "staff":
        return True
    if operation in STAFF_ONLY or principal["role"] not in ("organization_owner", "billing_manager"):
        return False
    return account_id is not None and bool(principal["billing_account_id"] == account_id)


def refuse_grant_credit(state: Fold, operation: Row, account: Row) -> str | None:
    """G1, G2: what a grant must have."""
    if (operation.get("logic") or "none") != "none":
        return "O_UNSUPPORTED"
    if grant_kind(state.world, operation["kind"], operation["occurred_at"], account["time_zone"]) is None:
        return "O_UNKNOWN_KIND"
    if not project_is_known(state.world, operation.get("sub_account_id"), account["billing_account_id"]):
        return "O_UNKNOWN_PROJECT"
    return (
        refuse_amount(state.world, operation, account)
        or refuse_window(operation, account)
        or refuse_scope(operation)
        or refuse_kind(state, operation["kind"], operation["occurred_at"], account)
        or refuse_grant_id(state, operation)
    )


def refuse_payment(state: Fold, operation: Row, account: Row) -> str | None:
    return refuse_amount(state.world, operation, account)


def refuse_credit_limit(state: Fold, operation: Row, account: Row) -> str | None:
    return refuse_amount(state.world, operation, account, or_zero=True)


def refuse_amount(world: World, operation: Row, account: Row, or_zero: bool = False) -> str | None:
    """M3, O1: the account's currency, above nothing, and no more digits than the currency has."""
    if operation.get("billing_currency") not in (None, account["billing_currency"]):
        return "O_CURRENCY"
    if operation["amount"] < 0 or (operation["amount"] == 0 and not or_zero):
        return "O_AMOUNT"
    if not is_precise(world, operation["amount"], account, operation["occurred_at"]):
        return "O_PRECISE"
    return None


def is_precise(world: World, amount: Decimal, account: Row, at: datetime) -> bool:
    mu_of_one: int = 10 ** currency_exponent(world, account["billing_currency"], at, account["time_zone"])
    return (Fraction(amount) * mu_of_one).denominator == 1


def currency_exponent(world: World, currency: str, at: datetime, zone: str) -> int:
    """M2."""
    rows = in_force([row for row in world["currencies"] if row["billing_currency"] == currency], at, zone)
    if len(rows) != 1:
        raise UnsupportedError(f"{len(rows)} rows for currency {currency} at {at}")
    return int(rows[0]["exponent"])


def refuse_window(operation: Row, account: Row) -> str | None:
    try:
        start = boundary_instant(operation.get("window_start"), account["time_zone"]) or operation["occurred_at"]
        end = boundary_instant(operation.get("window_end"), account["time_zone"])
    except ValueError:
        return "O_WINDOW"
    return "O_WINDOW" if end is not None and end <= start else None


def refuse_scope(operation: Row) -> str | None:
    """G1: entries are dimension:value, of the dimensions there are."""
    for entry in [*(operation.get("include") or []), *(operation.get("exclude") or [])]:
        dimension, colon, value = entry.partition(":")
        if dimension not in DIMENSIONS or not colon or not value:
            return "O_SCOPE"
        if dimension == "charge" and value not in ("recurring", "usage", "one_off"):
            return "O_SCOPE"
    return None


def refuse_kind(state: Fold, kind: str, at: datetime, account: Row) -> str | None:
    """G2: some kinds once per domain, to its main account, whatever became of the grant."""
    row = grant_kind(state.world, kind, at, account["time_zone"])
    if row is None:
        return "O_UNKNOWN_KIND"
    if not row["once_per_domain"]:
        return None
    if account["domain"] is not None and not account["is_main_in_domain"]:
        return "O_ONCE_PER_DOMAIN"
    taken = {(grant["kind"], domain_of(state.world, grant["billing_account_id"], at)) for grant in state.grants}
    return "O_ONCE_PER_DOMAIN" if (kind, domain_of(state.world, account["billing_account_id"], at)) in taken else None


def domain_of(world: World, account_id: str, at: datetime) -> tuple[str, str]:
    account = account_at(world, account_id, at)
    if account is None or account["domain"] is None:
        return ("account", account_id)
    return ("domain", account["domain"])


def refuse_grant_id(state: Fold, operation: Row) -> str | None:
    return "O_ID_CONFLICT" if grant_id_of(operation) in {grant["grant_id"] for grant in state.grants} else None


def grant_id_of(operation: Row) -> str:
    return str(operation.get("grant_id") or operation["operation_id"])


def grant_kind(world: World, kind: str, at: datetime, zone: str) -> Row | None:
    rows = in_force([row for row in world["grant_kinds"] if row["kind"] == kind], at, zone)
    return rows[0] if rows else None


def project_is_known(world: World, project: str | None, account_id: str) -> bool:
    return project is None or any(
        row["sub_account_id"] == project and row["billing_account_id"] == account_id for row in world["sub_accounts"]
    )


def refuse_promo_code(state: Fold, operation: Row, account: Row) -> str | None:
    """K7: the refusals in the order of the rule."""
    at, code = operation["occurred_at"], operation["promo_code"]
    rows = [row for row in state.world["promo_codes"] if row["promo_code"] == code]
    if not rows:
        return "O_UNKNOWN_PROMO_CODE"
    current = in_force(rows, at, account["time_zone"])
    promo = (current or rows)[0]
    accepted = [one for one in state.acceptances if one["promo_code"] == code]
    own = [one for one in accepted if one["billing_account_id"] == account["billing_account_id"]]
    if len(own) >= promo["per_account_limit"]:
        return "O_PROMO_ALREADY_ACCEPTED"
    if promo["total_limit"] is not None and len(accepted) >= promo["total_limit"]:
        return "O_PROMO_EXHAUSTED"
    if not current:
        return "O_PROMO_NOT_VALID"
    if promo["accounts"] is not None and account["billing_account_id"] not in promo["accounts"]:
        return "O_PROMO_NOT_ALLOWED"
    if promo["benefit"] == "discount":
        return None
    if grant_kind(state.world, promo["kind"] or "promo", at, account["time_zone"]) is None:
        return "O_UNKNOWN_KIND"
    if promo["billing_currency"] not in (None, account["billing_currency"]):
        return "O_CURRENCY"
    if not is_precise(state.world, promo["value"], account, at):
        return "O_PRECISE"
    return refuse_kind(state, promo["kind"] or "promo", at, account) or refuse_grant_id(state, operation)


def carry_out(state: Fold, operation: Row) -> None:
    """What an accepted operation changes; payments and credit limits change no bill."""
    name = operation["operation"]
    account = account_at(state.world, operation.get("billing_account_id"), operation["occurred_at"])
    if name == "issue_invoices":
        state.issued.add((operation.get("billing_account_id"), operation["billing_period"]))
    if name == "grant_credit" and account is not None:
        zone = account["time_zone"]
        start = boundary_instant(operation.get("window_start"), zone) or operation["occurred_at"]
        window = (start, boundary_instant(operation.get("window_end"), zone))
        state.grants.append(new_grant(state.world, operation, account, operation, window))
    if name == "accept_promo_code" and account is not None:
        accept_promo_code(state, operation, account)


def accept_promo_code(state: Fold, operation: Row, account: Row) -> None:
    """K7: an acceptance opens a window, for a grant or for the discounts that name the code."""
    rows = [row for row in state.world["promo_codes"] if row["promo_code"] == operation["promo_code"]]
    promo = in_force(rows, operation["occurred_at"], account["time_zone"])[0]
    window = promo_window(state, promo, operation, account)
    state.acceptances.append(
        {
            "promo_code": promo["promo_code"],
            "billing_account_id": account["billing_account_id"],
            "window": window,
            "known_since": known_since(operation),
        }
    )
    if promo["benefit"] == "grant":
        terms = {
            "kind": promo["kind"] or "promo",
            "amount": promo["value"],
            "include": promo["include"],
            "exclude": promo["exclude"],
            "promo_code": promo["promo_code"],
        }
        state.grants.append(new_grant(state.world, operation, account, terms, window))


def promo_window(state: Fold, promo: Row, operation: Row, account: Row) -> Window:
    """K7: next_invoice, acceptance, or a fixed interval; then the duration (reading 20)."""
    zone, account_id = account["time_zone"], account["billing_account_id"]
    if "/" in promo["window_start"]:
        start, _, end = promo["window_start"].partition("/")
        return boundary_instant(start, zone), boundary_instant(end, zone)
    if promo["window_start"] == "acceptance":
        opened = operation["occurred_at"]
    else:
        period = state.world.get("first_billed_periods", {}).get(account_id, state.world["billing_period"])
        while (account_id, period) in state.issued or (None, period) in state.issued:
            period = next_period(period)
        opened = period_bounds(period, zone)[0]
    if promo["duration"] is None:
        return opened, None
    wall_time = opened.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    closed = plus_calendar(wall_time, promo["duration"]).replace(tzinfo=ZoneInfo(zone))
    return opened, closed.astimezone(UTC)


def new_grant(world: World, operation: Row, account: Row, terms: Row, window: Window) -> Row:
    """G1, G2: a row of grants, with what its kind adds."""
    zone = account["time_zone"]
    kind = grant_kind(world, terms["kind"], operation["occurred_at"], zone)
    if kind is None:
        raise ValueError(terms["kind"])
    start = operation["occurred_at"] if window[0] is None else window[0]
    end = window[1]
    if end is None and kind["validity"] is not None:
        first_day = datetime.combine(start.astimezone(ZoneInfo(zone)).date(), datetime.min.time())
        end = local_instant((plus_calendar(first_day, kind["validity"]) + timedelta(days=1)).date(), zone)
    return {
        "grant_id": grant_id_of(operation),
        "kind": terms["kind"],
        "name": operation.get("name") or terms["kind"],
        "billing_account_id": account["billing_account_id"],
        "sub_account_id": operation.get("sub_account_id"),
        "amount": terms["amount"],
        "billing_currency": account["billing_currency"],
        "window_start": start,
        "window_end": end,
        "include": list(terms.get("include") or []),
        "exclude": sorted({*(terms.get("exclude") or []), *(kind["exclude"] or [])}),
        "priority": operation.get("priority") or 0,
        "promo_code": terms.get("promo_code"),
        "operation_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "rank": kind["rank"],
        "tax_position": kind["tax_position"],
        "terminal_status": kind["terminal_status"],
        "known_since": known_since(operation),
    }


# --------------------------------------------------------------------------------------------------- account and period


@dataclass
class Terms:
    """What holds for one account in the period (reading 7)."""

    world: World
    account_id: str
    zone: str
    currency: str
    exponent: int
    start: datetime
    end: datetime
    known_as_of: datetime
    account: Row
    seller: Row
    policies: dict[str, str]

    @property
    def last_instant(self) -> datetime:
        return self.end - timedelta(microseconds=1)

    @property
    def is_closing(self) -> bool:
        """I1: a draft of the month to date has no expiries and no later usage."""
        return self.known_as_of >= self.end

    def policy(self, name: str, default: str) -> str:
        return self.policies.get(name, default)

    def mu(self, amount: Decimal) -> int:
        """An amount that the currency can hold, in mu."""
        exact = Fraction(amount) * 10**self.exponent
        if exact.denominator != 1:
            raise ValueError(f"{amount} has more digits than {self.currency}")
        return int(exact)

    def rounded_charge(self, exact: Fraction) -> int:
        return rounded(exact * 10**self.exponent, self.policy("rounding_charges", "half_away"))


def account_terms(world: World, account_id: str) -> Terms | None:
    """The account's row, seller and policies at the last instant of the period; none: the account is not billed."""
    for account in world["billing_accounts"]:
        zone = account["time_zone"]
        start, end = period_bounds(world["billing_period"], zone)
        last = end - timedelta(microseconds=1)
        if account["billing_account_id"] != account_id or not in_force([account], last, zone):
            continue
        sellers = in_force([row for row in world["sellers"] if row["seller_id"] == account["seller_id"]], last, zone)
        currency = account["billing_currency"]
        exponent = currency_exponent(world, currency, last, zone)
        policies = policies_at(world, account_id, last, zone)
        known_as_of = world["known_as_of"]
        return Terms(
            world, account_id, zone, currency, exponent, start, end, known_as_of, account, sellers[0], policies
        )
    return None


def policies_at(world: World, account_id: str, at: datetime, zone: str) -> dict[str, str]:
    """A policy is a dated row, per account or default."""
    current = in_force(world["billing_policies"], at, zone)
    general = {row["policy"]: row["value"] for row in current if row["billing_account_id"] is None}
    own = {row["policy"]: row["value"] for row in current if row["billing_account_id"] == account_id}
    return {**general, **own}


def refuse_what_is_out_of_scope(world: World, terms: Terms) -> None:
    for table in ("recurring_items", "spend_limits", "cost_policies"):
        if world.get(table):
            raise UnsupportedError(table)
    only = {
        "spanning_records": ("start",),
        "tax_point": ("period_end",),
        "organization_credit": ("open",),
        "payable_increment": ("none", "0"),
    }
    for policy, values in only.items():
        if terms.policy(policy, values[0]) not in values:
            raise UnsupportedError(f"policy {policy} = {terms.policies[policy]}")
    for discount in world["discounts"]:
        if discount["kind"] != "percent" or not 0 <= discount["value"] <= 100:
            raise UnsupportedError(f"discount {discount['discount_id']}")


# ----------------------------------------------------------------------------------------------------- usage to charges


@dataclass
class Priced:
    """One usage record with its SKU, its price row and its exact quantity in pricing units."""

    record: Row
    sku: Row
    price: Row
    quantity: Fraction


@dataclass
class Line:
    """P5: a rating line."""

    account_id: str
    project: str | None
    sku: Row
    region: str | None
    resource: str | None
    price: Row
    start: datetime
    end: datetime
    records: list[Priced]
    amount: int = 0

    @property
    def quantity(self) -> Fraction:
        return sum((one.quantity for one in self.records), Fraction(0))

    @property
    def order(self) -> tuple[Any, ...]:
        """M1, G5: which line is the earlier (reading 2)."""
        return (self.start, *self.names)

    @property
    def names(self) -> tuple[str, ...]:
        texts = (self.sku["service"], self.sku["sku_id"], self.project, self.region, self.resource)
        return (*(LAST_TEXT if text is None else text for text in texts), self.price["sku_price_id"])


@dataclass
class Charge:
    """P7: the part of a rating line that lies between two cuts; amounts in mu."""

    line: Line
    start: datetime
    end: datetime
    quantity: Fraction
    list_cost: int
    record_count: int
    discount: int = 0
    before_tax: int = 0
    after_tax: int = 0
    taxes: list[Row] = field(default_factory=list)

    @property
    def order(self) -> tuple[Any, ...]:
        """G5: the default order, which is also that of invoice lines."""
        return (self.start, *self.line.names)

    @property
    def net(self) -> int:
        return self.list_cost - self.discount

    @property
    def taxable(self) -> int:
        """T2."""
        return self.net - self.before_tax

    @property
    def tax(self) -> int:
        return sum(row["mu"] for row in self.taxes)

    @property
    def key(self) -> Row:
        return {
            "billing_account_id": self.line.account_id,
            "sub_account_id": self.line.project,
            "sku_id": self.line.sku["sku_id"],
            "region_id": self.line.region,
            "resource_id": self.line.resource,
            "sku_price_id": self.line.price["sku_price_id"],
            "charge_period_start": self.start,
        }


KEY_COLUMNS = (
    "billing_account_id",
    "sub_account_id",
    "sku_id",
    "region_id",
    "resource_id",
    "sku_price_id",
    "charge_period_start",
)


def charge_key(row: Row) -> tuple[Any, ...]:
    """What a charge is known by, here and in the pipeline, without hashing."""
    return tuple(row[column] for column in KEY_COLUMNS)


def usage_of_period(terms: Terms) -> list[Row]:
    """U4: a record belongs to the period of its start. A draft takes what had begun."""
    records = [row for row in terms.world["usage_records"] if row["billing_account_id"] == terms.account_id]
    within = [row for row in records if terms.start <= row["charge_period_start"] < terms.end]
    return [row for row in within if terms.is_closing or row["charge_period_start"] < terms.known_as_of]


def sku_of(terms: Terms, sku_id: str) -> Row:
    rows = in_force([row for row in terms.world["skus"] if row["sku_id"] == sku_id], terms.last_instant, terms.zone)
    if len(rows) != 1:
        raise UnsupportedError(f"{len(rows)} rows for SKU {sku_id}")
    if rows[0]["meter"] != "sum" or rows[0]["quantity_rounding"] is not None:
        raise UnsupportedError(
            f"meter {rows[0]['meter']}, quantity rounding {rows[0]['quantity_rounding']} of {sku_id}"
        )
    return rows[0]


def pricing_quantity(terms: Terms, record: Row, sku: Row) -> Fraction:
    """P2: consumed to pricing unit by a dated exact factor."""
    if record["consumed_unit"] == sku["pricing_unit"]:
        return Fraction(record["consumed_quantity"])
    rows: list[Row] = [
        row
        for row in in_force(terms.world["unit_conversions"], record["charge_period_start"], terms.zone)
        if (row["from_unit"], row["to_unit"]) == (record["consumed_unit"], sku["pricing_unit"])
        and row["sku_id"] in (None, sku["sku_id"])
    ]
    row = sorted(rows, key=lambda row: row["sku_id"] is None)[0]
    return Fraction(record["consumed_quantity"]) * Fraction(row["numerator"], row["denominator"])


def price_of(terms: Terms, record: Row) -> Row | None:
    """P4: contract before price book, region before general, latest valid_from, id; in the account's currency only."""
    candidates = [
        row
        for row in in_force(terms.world["sku_prices"], record["charge_period_start"], terms.zone)
        if row["sku_id"] == record["sku_id"]
        and row["billing_currency"] == terms.currency
        and row["billing_account_id"] in (None, terms.account_id)
        and row["region_id"] in (None, record["region_id"])
    ]

    def preference(row: Row) -> tuple[Any, ...]:
        start = validity(row, terms.zone)[0]
        age = timedelta.max if start is None else terms.end - start
        return (row["billing_account_id"] is None, row["region_id"] is None, age, row["sku_price_id"])

    return min(candidates, key=preference, default=None)


def rating_lines(terms: Terms, priced: list[Priced]) -> list[Line]:
    """P5: (account, project, SKU, region, price row; resource too if line_grain asks)."""
    by_resource = terms.policy("line_grain", "sku") == "resource"
    lines: dict[tuple[Any, ...], Line] = {}
    for one in priced:
        record = one.record
        resource = record["resource_id"] if by_resource else None
        key = (
            record["sub_account_id"],
            record["sku_id"],
            record["region_id"],
            resource,
            price_row_id(one.price),
        )
        if key not in lines:
            valid_from, valid_until = validity(one.price, terms.zone)
            start = terms.start if valid_from is None else max(terms.start, valid_from)
            end = terms.end if valid_until is None else min(terms.end, valid_until)
            project, region = record["sub_account_id"], record["region_id"]
            lines[key] = Line(terms.account_id, project, one.sku, region, resource, one.price, start, end, [])
        lines[key].records.append(one)
    return sorted(lines.values(), key=lambda line: line.order)


def price_row_id(price: Row) -> tuple[str, str]:
    """A price row is one dated row: the same id at another price is another row."""
    return price["sku_price_id"], price["valid_from"]


def rate_lines(terms: Terms, lines: list[Line]) -> None:
    """P5: list cost is computed and rounded once per rating line, or per tier pool and price row."""
    for line in lines:
        if line.price["free_quantity"] != 0:
            raise UnsupportedError(f"free_quantity of {line.price['sku_price_id']}")
        if line.price["price_model"] == "unit":
            line.amount = terms.rounded_charge(unit_cost(line.price, line.quantity))
        elif line.price["price_model"] != "graduated":
            raise UnsupportedError(f"price model {line.price['price_model']}")
    for pool in tier_pools(lines).values():
        rate_pool(terms, pool)


def unit_cost(price: Row, quantity: Fraction) -> Fraction:
    """P3: unit, per n units, exact."""
    return Fraction(price["list_unit_price"]) * quantity / Fraction(price["per_quantity"])


def graduated_cost(tiers: list[Row], quantity: Fraction) -> Fraction:
    """P3: each slice at the price of its own tier; up_to is inclusive; a flat fee is due once its tier is entered."""
    cost, lower = Fraction(0), Fraction(0)
    for tier in sorted(tiers, key=lambda row: (row["up_to"] is None, row["up_to"] or 0)):
        if quantity <= lower:
            break
        upper = quantity if tier["up_to"] is None else min(quantity, Fraction(tier["up_to"]))
        cost += (upper - lower) * Fraction(tier["unit_price"]) + Fraction(tier["flat_fee"])
        lower = upper if tier["up_to"] is None else Fraction(tier["up_to"])
    return cost


def pool_key(line: Line, one: Priced) -> tuple[Any, ...]:
    """P6: (tier scope and what it counts by; SKU; region of the price row or none)."""
    scope, record = line.price["tier_scope"], one.record
    if scope == "account":
        member: tuple[Any, ...] = ()
    elif scope == "sub_account":
        member = (line.project,)
    elif record["resource_id"] is not None:
        member = ("resource", record["resource_id"])
    else:
        member = ("no resource", line.project, line.region)  # a null resource is one per project, SKU and region (P1)
    return (scope, member, line.sku["sku_id"], line.price["region_id"])


Pool = list[tuple[Line, Priced]]


def tier_pools(lines: list[Line]) -> dict[tuple[Any, ...], Pool]:
    pools: dict[tuple[Any, ...], Pool] = defaultdict(list)
    for line in lines:
        for one in line.records:
            if line.price["price_model"] == "graduated":
                pools[pool_key(line, one)].append((line, one))
    return pools


def rate_pool(terms: Terms, pool: Pool) -> None:
    """P6: a price row's part costs f(Q + q) - f(Q), rounded once, split over its rating lines by quantity (M1)."""
    if any(one.quantity < 0 for _, one in pool):
        raise UnsupportedError("corrections of tiered prices")
    first_seen: dict[tuple[str, str], datetime] = {}
    for _, one in pool:
        row_id, at = price_row_id(one.price), one.record["charge_period_start"]
        first_seen[row_id] = min(at, first_seen.get(row_id, at))
    before = Fraction(0)
    for row_id in sorted(first_seen, key=lambda row_id: (first_seen[row_id], row_id)):
        part = [(line, one) for line, one in pool if price_row_id(one.price) == row_id]
        if part[0][1].price["per_quantity"] != 1:
            raise UnsupportedError("per_quantity of a graduated price")
        tiers = [row for row in terms.world["price_tiers"] if row["sku_price_id"] == row_id[0]]
        quantity = sum((one.quantity for _, one in part), Fraction(0))
        cost = graduated_cost(tiers, before + quantity) - graduated_cost(tiers, before)
        before += quantity
        if quantity == 0:
            continue
        lines = sorted({id(line): line for line, _ in part}.values(), key=lambda line: line.order)
        weights = [sum((one.quantity for other, one in part if other is line), Fraction(0)) for line in lines]
        for line, share in zip(lines, split(terms.rounded_charge(cost), weights), strict=True):
            line.amount += share


def cuts_of(line: Line, discounts: list[Row], grants: list[Row]) -> list[datetime]:
    """P7: window boundaries of every discount and grant that could reach the line apart from its window."""
    windows = [window for row in discounts if discount_is_about(row, line) for window in row["windows"]]
    windows += [(row["window_start"], row["window_end"]) for row in grants if grant_is_about(row, line)]
    boundaries = {boundary for window in windows for boundary in window if boundary is not None}
    return sorted(boundary for boundary in boundaries if line.start < boundary < line.end)


def charges_of(terms: Terms, line: Line, cuts: list[datetime]) -> list[Charge]:
    """P7: the rounded value up to a cut less that up to the one before; no records, no charge."""
    bounds = [line.start, *cuts, line.end]
    charges = []
    for start, end in itertools.pairwise(bounds):
        records = [one for one in line.records if start <= one.record["charge_period_start"] < end]
        if records:
            quantity = sum((one.quantity for one in records), Fraction(0))
            charges.append(Charge(line, start, end, quantity, 0, len(records)))
    if sum(charge.record_count for charge in charges) != len(line.records):
        raise ValueError("a record lies outside its line")
    quantities = [charge.quantity for charge in charges]
    if line.price["price_model"] == "unit":
        costs = differences(terms.rounded_charge(unit_cost(line.price, upto)) for upto in running(quantities))
    else:
        costs = cumulated(line.amount, quantities, terms.policy("rounding_charges", "half_away"))
    for charge, cost in zip(charges, costs, strict=True):
        charge.list_cost = cost
    return charges


def split_over_charges(total: int, charges: list[Charge], weight: Callable[[Charge], int], mode: str) -> list[int]:
    """M1 over charges: first over rating lines, then within a line cumulatively as in P7."""
    return share_in_lines(charges, weight, mode, lambda weights: split(total, weights))


def share_in_lines(
    charges: list[Charge],
    weight: Callable[[Charge], int],
    mode: str,
    over_lines: Callable[[list[Fraction]], list[int]],
) -> list[int]:
    lines = sorted({id(charge.line): charge.line for charge in charges}.values(), key=lambda line: line.order)
    members = [sorted((one for one in charges if one.line is line), key=lambda one: one.start) for line in lines]
    weights = [Fraction(sum(weight(one) for one in member)) for member in members]
    shares: dict[int, int] = {}
    for member, amount in zip(members, over_lines(weights), strict=True):
        parts = cumulated(amount, [Fraction(weight(one)) for one in member], mode)
        shares.update({id(one): part for one, part in zip(member, parts, strict=True)})
    return [shares[id(charge)] for charge in charges]


# ------------------------------------------------------------------------------------------------------------ discounts


def discounts_of(terms: Terms, acceptances: list[Row]) -> list[Row]:
    """D1, K7: the account's discounts in (priority, id) order, with the windows in which they reach it."""
    discounts = []
    for row in terms.world["discounts"]:
        if row["billing_account_id"] not in (None, terms.account_id):
            continue
        windows = [validity(row, terms.zone)]
        if row["promo_code"] is not None:
            opened = [one["window"] for one in acceptances if one["promo_code"] == row["promo_code"]]
            windows = [intersection(windows[0], window) for window in opened]
        windows = [window for window in windows if not is_empty(window)]
        if windows:
            discounts.append({**row, "windows": windows})
    return sorted(discounts, key=lambda row: (row["priority"], row["discount_id"]))


def discount_is_about(discount: Row, line: Line) -> bool:
    """D1: project, service, feature and SKU, where named."""
    wanted = (discount["sub_account_id"], discount["service"], discount["feature"], discount["sku_id"])
    found = (line.project, line.sku["service"], line.sku["feature"], line.sku["sku_id"])
    return all(want is None or want == have for want, have in zip(wanted, found, strict=True))


def discount_reaches(discount: Row, charge: Charge) -> bool:
    """D3: charges whose segment lies in its window."""
    inside = any(holds(window, charge.start, charge.end) for window in discount["windows"])
    return inside and discount_is_about(discount, charge.line)


def apply_discounts(terms: Terms, charges: list[Charge], discounts: list[Row]) -> list[Row]:
    """D3: sequential on the remainder, additive on list cost, or the best one per charge; never below zero."""
    stacking = terms.policy("stacking", "sequential")
    allocations = []
    for discount in discounts:
        reached = [charge for charge in charges if discount_reaches(discount, charge)]
        if stacking == "best_only":
            reached = [charge for charge in reached if best_discount(discounts, charge) is discount]
        base = net_cost if stacking == "sequential" else list_cost
        if stacking not in ("sequential", "additive", "best_only"):
            raise UnsupportedError(f"stacking {stacking}")
        for charge, share in percent_shares(terms, discount, reached, base):
            amount = min(share, charge.net) if charge.net >= 0 else max(share, charge.net)
            charge.discount += amount
            if amount != 0:
                allocations.append(allocation(terms, charge, "discount", "before", discount["discount_id"], amount))
    return allocations


def net_cost(charge: Charge) -> int:
    return charge.net


def list_cost(charge: Charge) -> int:
    return charge.list_cost


def best_discount(discounts: list[Row], charge: Charge) -> Row:
    """D3 `best_only`: the highest percentage; the earlier in (priority, id) where equal."""
    return max((row for row in discounts if discount_reaches(row, charge)), key=lambda row: row["value"])


def percent_shares(
    terms: Terms, discount: Row, reached: list[Charge], base: Callable[[Charge], int]
) -> list[tuple[Charge, int]]:
    """D4: once on the sum it reaches, rounded once, split by M1; lines whose reached part is negative apart."""
    mode = terms.policy("rounding_charges", "half_away")
    reached_part: dict[int, int] = defaultdict(int)
    for charge in reached:
        reached_part[id(charge.line)] += base(charge)
    shares = []
    for sign in (1, -1):
        group = [charge for charge in reached if reached_part[id(charge.line)] * sign > 0]
        if group:
            exact = Fraction(discount["value"]) / 100 * sum(base(charge) for charge in group)
            shares += list(zip(group, split_over_charges(rounded(exact, mode), group, base, mode), strict=True))
    return shares


def allocation(terms: Terms, charge: Charge, kind: str, tax_position: str, source: str, amount: int) -> Row:
    return {
        **charge.key,
        "billing_period": terms.world["billing_period"],
        "allocation_kind": kind,
        "tax_position": tax_position,
        "source_id": source,
        "amount": money(amount, terms.exponent),
    }


# --------------------------------------------------------------------------------------------------------------- grants


def attributes(line: Line, dimension: str) -> list[str]:
    """G1: what a charge has of a dimension; it may have nothing."""
    if dimension == "tag":
        return list(line.sku["tags"] or [])
    value = {
        "service": line.sku["service"],
        "service_category": line.sku["service_category"],
        "feature": line.sku["feature"],
        "sku": line.sku["sku_id"],
        "region": line.region,
        "project": line.project,
        "resource": line.resource,
        "charge": "usage",
    }[dimension]
    return [] if value is None else [value]


def matches(entry: str, line: Line) -> bool:
    dimension, _, value = entry.partition(":")
    return value in attributes(line, dimension)


def grant_is_about(grant: Row, line: Line) -> bool:
    """G1: project; include: OR within a dimension, AND between them; exclude: any match."""
    if grant["sub_account_id"] is not None and grant["sub_account_id"] != line.project:
        return False
    dimensions = {entry.partition(":")[0] for entry in grant["include"]}
    for dimension in dimensions:
        entries = [entry for entry in grant["include"] if entry.partition(":")[0] == dimension]
        if not any(matches(entry, line) for entry in entries):
            return False
    return not any(matches(entry, line) for entry in grant["exclude"])


def is_eligible(terms: Terms, grant: Row, charge: Charge) -> bool:
    """G3."""
    window = (grant["window_start"], grant["window_end"])
    policy = terms.policy("eligibility", "usage_time")
    if policy == "usage_time":
        in_time = holds(window, charge.start, charge.end)
    elif policy == "period_end":
        in_time = contains(window, terms.last_instant)
    elif policy == "invoice_time":
        in_time = contains(window, terms.known_as_of)
    else:
        raise UnsupportedError(f"eligibility {policy}")
    return in_time and grant_is_about(grant, charge.line)


DEFAULT_GRANT_ORDER = "kind_rank,priority,expires_at,coverage,occurred_at,grant_id"


def in_grant_order(terms: Terms, grants: list[Row]) -> list[Row]:
    """G4: what is bound to a project first, then the key list; sorted from the last key to the first, stably."""
    ordered = sorted(grants, key=lambda grant: grant["grant_id"])
    for written in reversed(terms.policy("grant_order", DEFAULT_GRANT_ORDER).split(",")):
        name, downwards = written.strip().lstrip("+-"), written.strip().startswith("-")
        ordered = sorted(ordered, key=grant_keys[name], reverse=downwards)
        if name == "expires_at":  # never is last in both directions
            ordered = sorted(ordered, key=lambda grant: grant["window_end"] is None)
    return sorted(ordered, key=lambda grant: grant["sub_account_id"] is None)


FOREVER = datetime.max.replace(tzinfo=UTC)
grant_keys: dict[str, Callable[[Row], Any]] = {
    "kind_rank": lambda grant: grant["rank"],
    "priority": lambda grant: grant["priority"],
    "expires_at": lambda grant: FOREVER if grant["window_end"] is None else grant["window_end"],
    "coverage": lambda grant: (not grant["include"], len(set(grant["include"]))),
    "occurred_at": lambda grant: grant["occurred_at"],
    "grant_id": lambda grant: grant["grant_id"],
}


def in_charge_order(terms: Terms, charges: list[Charge]) -> list[Charge]:
    """G5: sizes are net before any grant; ties in the default order."""
    policy = terms.policy("charge_order", "oldest_first")
    ordered = sorted(charges, key=lambda charge: charge.order)
    if policy in ("oldest_first", "proportional"):
        return ordered
    if policy in ("largest_first", "smallest_first"):
        return sorted(ordered, key=lambda charge: charge.net if policy == "smallest_first" else -charge.net)
    raise UnsupportedError(f"charge_order {policy}")


def lower_by_negatives(remainder: dict[int, int], charges: list[Charge], group: Callable[[Charge], Any]) -> None:
    """G7: within each group what is negative lowers what is positive, in the default order of G5."""
    ordered = sorted(charges, key=lambda charge: charge.order)
    for wanted in {group(charge): None for charge in ordered}:
        members = [charge for charge in ordered if group(charge) == wanted]
        for negative in members:
            for positive in members:
                moved = min(max(-remainder[id(negative)], 0), max(remainder[id(positive)], 0))
                remainder[id(negative)] += moved
                remainder[id(positive)] -= moved


def same_sku_and_project(charge: Charge) -> tuple[Any, ...]:
    return (charge.line.sku["tax_category"], charge.line.sku["sku_id"], charge.line.project)


def same_tax_category(charge: Charge) -> str:
    return str(charge.line.sku["tax_category"])


def spend(
    terms: Terms, grants: list[Row], charges: list[Charge], due: dict[int, int], balance: dict[str, int]
) -> list[Row]:
    """G5, G6: each grant in order pays its eligible charges in order, never above a remainder or its balance."""
    applications = []
    for grant in in_grant_order(terms, grants):
        eligible = [
            charge
            for charge in in_charge_order(terms, charges)
            if due[id(charge)] > 0 and is_eligible(terms, grant, charge)
        ]
        for charge, amount in payments(terms, eligible, due, balance[grant["grant_id"]]):
            due[id(charge)] -= amount
            balance[grant["grant_id"]] -= amount
            if grant["tax_position"] == "before":
                charge.before_tax += amount
            else:
                charge.after_tax += amount
            if amount > 0:
                applications.append(
                    allocation(terms, charge, "grant", grant["tax_position"], grant["grant_id"], amount)
                )
    return applications


def payments(terms: Terms, eligible: list[Charge], due: dict[int, int], balance: int) -> list[tuple[Charge, int]]:
    """G5: one after the other, or in proportion to what is left of each."""
    if terms.policy("charge_order", "oldest_first") == "proportional":
        amount = min(balance, sum(due[id(charge)] for charge in eligible))
        if amount <= 0:
            return []
        mode = terms.policy("rounding_charges", "half_away")
        shares = split_over_charges(amount, eligible, lambda charge: due[id(charge)], mode)
        return list(zip(eligible, shares, strict=True))
    paid = []
    for charge in eligible:
        amount = min(balance, due[id(charge)])
        balance -= amount
        paid.append((charge, amount))
    return paid


def opening_balances(terms: Terms, grants: list[Row]) -> dict[str, int]:
    """K1: the amount, less what earlier periods took."""
    balance = {grant["grant_id"]: terms.mu(grant["amount"]) for grant in grants}
    for row in terms.world.get("grant_movements", []):
        is_earlier = row["billing_period"] < terms.world["billing_period"]
        if row["grant_id"] in balance and is_earlier and row["movement"] != "credited":
            balance[row["grant_id"]] += terms.mu(row["amount"])
    return balance


def expires_now(terms: Terms, grant: Row) -> bool:
    """K3: with the first billed period that ends at or after the end of the window."""
    end = grant["window_end"]
    if not terms.is_closing or end is None or end > terms.end:
        return False
    period = terms.world["billing_period"]
    first_billed = terms.world.get("first_billed_periods", {}).get(terms.account_id, period)
    return bool(end > terms.start or period <= first_billed)


# ------------------------------------------------------------------------------------------------------------------ tax


def tax_rates_of(terms: Terms, category: str) -> list[Row]:
    """T1: every component of the match; rows that name the region before those that do not."""
    rows = [
        row
        for row in in_force(terms.world["tax_rates"], terms.last_instant, terms.zone)
        if row["seller_jurisdiction"] == terms.seller["jurisdiction"]
        and row["account_jurisdiction"] == terms.account["jurisdiction"]
        and row["tax_status"] == terms.account["tax_status"]
        and row["tax_category"] == category
        and row["account_region"] in (None, terms.account["region"])
    ]
    return [row for row in rows if row["account_region"] is not None] or rows


def tax_charges(terms: Terms, charges: list[Charge]) -> list[Row]:
    """T3: rounded once per (code, rate, component), shared by M1 with taxable × rate as exact shares; or per line."""
    groups: dict[tuple[Any, ...], list[Charge]] = defaultdict(list)
    for charge in charges:
        for rate in tax_rates_of(terms, charge.line.sku["tax_category"]):
            groups[rate["code"], rate["rate"], rate["component"]].append(charge)
    return [tax_group(terms, group, members) for group, members in sorted(groups.items())]


def tax_group(terms: Terms, group: tuple[Any, ...], charges: list[Charge]) -> Row:
    code, rate, component = group
    mode = terms.policy("rounding_tax", "half_away")
    taxable, fraction = sum(charge.taxable for charge in charges), Fraction(rate)
    if terms.policy("tax_rounding", "per_category") == "per_line":
        shares = [rounded(charge.taxable * fraction, mode) for charge in charges]
        tax = sum(shares)
    else:
        tax = rounded(taxable * fraction, mode)

        def over_lines(weights: list[Fraction]) -> list[int]:
            return largest_remainder(tax, [weight * fraction for weight in weights])

        shares = share_in_lines(charges, lambda charge: charge.taxable, mode, over_lines)
    for charge, share in zip(charges, shares, strict=True):
        charge.taxes.append({"code": code, "rate": rate, "component": component, "mu": share})
    return {
        "billing_account_id": terms.account_id,
        "billing_period": terms.world["billing_period"],
        "code": code,
        "rate": rate,
        "component": component,
        "taxable_amount": money(taxable, terms.exponent),
        "tax_amount": money(tax, terms.exponent),
    }


# ------------------------------------------------------------------------------------------------------- the whole bill

TABLES = (
    "operations",
    "grants",
    "rating_lines",
    "charges",
    "allocations",
    "tax_breakdown",
    "tax_shares",
    "grant_movements",
    "invoices",
    "invoice_totals",
    "holds",
    "unpriced_usage",
)


def bill(world: World) -> dict[str, list[Row]]:
    """One period of every account: what the books should say (L1)."""
    state = fold(world)
    books: dict[str, list[Row]] = {table: [] for table in TABLES}
    books["operations"] = list(state.decisions.values())
    books["grants"] = state.grants
    for account_id in sorted({row["billing_account_id"] for row in world["billing_accounts"]}):
        terms = account_terms(world, account_id)
        if terms is not None:
            refuse_what_is_out_of_scope(world, terms)
            bill_account(terms, state, books)
    return books


def bill_account(terms: Terms, state: Fold, books: dict[str, list[Row]]) -> None:
    """The stages of one account's period, in the order that the rules give them."""
    known = [row for row in state.grants if row["known_since"] <= terms.known_as_of]
    grants = [row for row in known if row["billing_account_id"] == terms.account_id]
    accepted = [row for row in state.acceptances if row["known_since"] <= terms.known_as_of]
    discounts = discounts_of(terms, [row for row in accepted if row["billing_account_id"] == terms.account_id])

    priced, unpriced = price_usage(terms)
    lines = rating_lines(terms, priced)
    rate_lines(terms, lines)
    if unpriced and terms.policy("unpriced_usage", "hold") == "hold":
        park(terms, books, "R_NO_PRICE", sum(line.amount for line in lines))
        return
    charges = [charge for line in lines for charge in charges_of(terms, line, cuts_of(line, discounts, grants))]
    charges = sorted(charges, key=lambda charge: charge.order)
    taxed = [charge for charge in charges if tax_rates_of(terms, charge.line.sku["tax_category"])]
    if len(taxed) < len(charges):
        park(terms, books, "H_NO_TAX_RATE", sum(charge.list_cost for charge in taxed))
        return
    books["unpriced_usage"] += [{"usage_record_id": row["usage_record_id"]} for row in unpriced]

    balance = opening_balances(terms, grants)
    allocations = apply_discounts(terms, charges, discounts)

    remainder = {id(charge): charge.net for charge in charges}
    lower_by_negatives(remainder, charges, same_sku_and_project)
    lower_by_negatives(remainder, charges, same_tax_category)
    before = [grant for grant in grants if grant["tax_position"] == "before"]
    allocations += spend(terms, before, charges, remainder, balance)

    books["tax_breakdown"] += tax_charges(terms, charges)

    due = {id(charge): charge.taxable + charge.tax for charge in charges}
    lower_by_negatives(due, charges, same_sku_and_project)
    lower_by_negatives(due, charges, same_tax_category)
    lower_by_negatives(due, charges, lambda charge: "all")
    after = [grant for grant in grants if grant["tax_position"] == "after"]
    allocations += spend(terms, after, charges, due, balance)

    books["allocations"] += allocations
    books["rating_lines"] += [line_row(terms, line) for line in lines]
    books["charges"] += [charge_row(terms, charge, place) for place, charge in enumerate(charges, start=1)]
    books["tax_shares"] += [share for charge in charges for share in tax_share_rows(terms, charge)]
    books["grant_movements"] += movements(terms, grants, allocations, balance)
    if charges:
        invoice = invoice_row(terms, charges)
        books["invoices"].append(invoice)
        books["invoice_totals"].append(total_row(invoice))


def price_usage(terms: Terms) -> tuple[list[Priced], list[Row]]:
    """P2, P4: records with their price row, and those that have none."""
    priced, unpriced = [], []
    for record in sorted(usage_of_period(terms), key=lambda row: (row["charge_period_start"], row["usage_record_id"])):
        price = price_of(terms, record)
        if price is None:
            unpriced.append(record)
        else:
            sku = sku_of(terms, record["sku_id"])
            priced.append(Priced(record, sku, price, pricing_quantity(terms, record, sku)))
    return priced, unpriced


def park(terms: Terms, books: dict[str, list[Row]], reason: str, amount: int) -> None:
    """P4: the account is parked for the period, with a reason and the amount of its other charges."""
    books["holds"].append(
        {
            "billing_period": terms.world["billing_period"],
            "billing_account_id": terms.account_id,
            "reason_code": reason,
            "other_charges_amount": money(amount, terms.exponent),
            "billing_currency": terms.currency,
        }
    )


def line_row(terms: Terms, line: Line) -> Row:
    return {
        "billing_account_id": line.account_id,
        "sub_account_id": line.project,
        "sku_id": line.sku["sku_id"],
        "region_id": line.region,
        "resource_id": line.resource,
        "sku_price_id": line.price["sku_price_id"],
        "pricing_quantity": line.quantity,
        "list_cost": money(line.amount, terms.exponent),
        "record_count": len(line.records),
    }


def charge_row(terms: Terms, charge: Charge, place: int) -> Row:
    return {
        **charge.key,
        "billing_period": terms.world["billing_period"],
        "charge_period_end": charge.end,
        "service": charge.line.sku["service"],
        "tax_category": charge.line.sku["tax_category"],
        "pricing_quantity": charge.quantity,
        "list_cost": money(charge.list_cost, terms.exponent),
        "billing_currency": terms.currency,
        "charge_order": place,
    }


def tax_share_rows(terms: Terms, charge: Charge) -> list[Row]:
    return [
        {
            **charge.key,
            "component": tax["component"],
            "code": tax["code"],
            "rate": tax["rate"],
            "taxable_amount": money(charge.taxable, terms.exponent),
            "tax_amount": money(tax["mu"], terms.exponent),
        }
        for tax in charge.taxes
    ]


def movements(terms: Terms, grants: list[Row], allocations: list[Row], balance: dict[str, int]) -> list[Row]:
    """B3, K3: what the period took from each grant: charged, and expired where its time is over."""
    charged = [
        {
            **{column: row[column] for column in KEY_COLUMNS},
            "grant_id": row["source_id"],
            "movement": "charged",
            "amount": -row["amount"],
        }
        for row in allocations
        if row["allocation_kind"] == "grant"
    ]
    expired = [
        {
            "billing_account_id": terms.account_id,
            "grant_id": grant["grant_id"],
            "movement": "expired",
            "amount": -money(balance[grant["grant_id"]], terms.exponent),
        }
        for grant in grants
        if expires_now(terms, grant) and balance[grant["grant_id"]] > 0
    ]
    return [{**row, "billing_period": terms.world["billing_period"]} for row in charged + expired]


def invoice_row(terms: Terms, charges: list[Charge]) -> Row:
    """I1, I3: one document per account and period."""

    def total(part: Callable[[Charge], int]) -> Decimal:
        return money(sum(part(charge) for charge in charges), terms.exponent)

    with_tax = total(lambda charge: charge.taxable + charge.tax)
    credit = total(lambda charge: charge.after_tax)
    return {
        "billing_account_id": terms.account_id,
        "billing_period": terms.world["billing_period"],
        "document_type": "381" if with_tax < 0 else "380",
        "document_state": "draft" if terms.is_closing else "month_to_date",
        "billing_currency": terms.currency,
        "period_start": terms.start,
        "period_end": terms.end,
        "list_cost": total(list_cost),
        "discount_amount": total(lambda charge: charge.discount),
        "cap_amount": money(0, terms.exponent),
        "grant_amount": total(lambda charge: charge.before_tax),
        "total_without_tax": total(lambda charge: charge.taxable),
        "total_tax": total(lambda charge: charge.tax),
        "total_with_tax": with_tax,
        "credit_amount": credit,
        "paid_amount": credit,
        "rounding_amount": money(0, terms.exponent),
        "amount_due": with_tax - credit,
    }


def total_row(invoice: Row) -> Row:
    """I3: the totals in EN 16931 order. Discounts and before-tax grants are in the lines, so there is no allowance."""
    nothing = invoice["cap_amount"] * 0
    return {
        "billing_account_id": invoice["billing_account_id"],
        "BT-106": invoice["total_without_tax"],
        "BT-107": nothing,
        "BT-108": nothing,
        "BT-109": invoice["total_without_tax"],
        "BT-110": invoice["total_tax"],
        "BT-112": invoice["total_with_tax"],
        "BT-113": invoice["paid_amount"],
        "BT-114": invoice["rounding_amount"],
        "BT-115": invoice["amount_due"],
    }
