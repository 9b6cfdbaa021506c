"""The whole of rating again, one row at a time, from the rule book alone: what the pipeline must equal, cent for cent.

Reads    a world: a dict of table name -> list of rows with the columns of `schemas` (usage already accepted,
         operations not yet decided), beside `billing_period` ("2026-10") and `known_as_of` (an instant). Optional:
         `grant_movements`, the committed movements (its draws count, operations bring their own),
         `committed_operations`, with their status, in the order in which they were decided, `issued_periods`, a set
         of (account, period), `first_billed_periods`, account -> period, `held_before`, the accounts of which an
         earlier period is on hold, `earlier_costs`, what earlier periods came to per account, project and SKU, and
         `history`, rows of billing_period and known_as_of in place of the two above.
Makes    a dict of lists of rows (`bill`), such a dict per month of the history (`bill_history`), or what becomes of
         each operation alone (`decide`).
Rejects  what is outside its scope, loudly, with `UnsupportedError`; operations that the rules refuse, by O_… code.

Nothing here is fast and nothing comes from the pipeline. A charge has no id here: it is known by its key (account,
project, SKU, region, resource, category, price row, start of its segment), see `charge_key`. `record_shares` spreads
one over its usage records (P8).

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
    row). Price rows stand in the order of their first record in the pool. A resource is known by its id within the
    account, a null one by project and region of the record. An account's rows with another tier_scope form another
    pool.
 6. P4 "then id" is the smallest id; a conversion named for the SKU goes before a general one, its date is the
    record's start, and nothing converts backwards or in two steps.
 7. Account, seller, SKU, currency, tax and policy rows are those in force at the last instant of the period (T1
    too). An account that has ended by then keeps its last row: its usage until then is billed, and nothing is charged
    in later periods, while its credit lasts as long as its windows and ends as K3 and K5 say.
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
14. G3 `period_end` asks for the window to hold the last instant of the period, `invoice_time` see 52.
15. G4 A reversed key reverses the whole key, yet what never expires stays last. The list always ends in grant_id.
16. G7 T1 match = tax category. First all negatives of one (category, SKU, project) lower its positives, then what
    is left of all those of the category lowers the rest of it, each in the default order of G5 whatever the policy.
    Before after-tax grants the same two steps are taken again on dues (taxable + tax), and then one over all
    categories.
17. G5 Sizes are list cost less discounts and caps, before G7.
18. T3 The exact share of a line is its taxable × rate (not the rounded tax in proportion); `per_line` rounds per
    charge, the line of the invoice. Categories of equal code, rate and component are rounded together, so the
    breakdown is given here per (code, rate, component). A row that names the region puts aside all rows of the
    match that do not.
19. K3 What is over expires with the first period that is billed and ends at or after the window's end, also where it
    became known later; while an earlier period of the account is on hold, only what ends in the period itself.
20. K7 `next_invoice`: issues count by their instant, also for what lands later, and the first billed period is
    `first_billed_periods` or else the period being billed. Durations keep the local wall time and clamp to the end of
    the month; end exclusive. An interval's sides are boundaries, an empty end is open, and a duration beside it is
    ignored. The first of K7's refusals, in the order of that rule, is the reason. The kind of a promo grant is `promo`
    unless named.
21. O1 Operations with one id and unequal content (recorded_at, received_at, status and original aside) land
    together: all are O_ID_CONFLICT. A grant_id already taken is O_ID_CONFLICT too. An unnamed grant has its
    operation's id.
22. O2 Reasons are looked for in this order: O_ID_CONFLICT (operations), O_UNKNOWN_OPERATION, O_UNKNOWN_ACTOR,
    O_MISSING_FIELD (account), O_UNKNOWN_ACCOUNT, O_FORBIDDEN, O_MISSING_FIELD (others), O_UNSUPPORTED (logic),
    O_UNKNOWN_KIND, O_UNKNOWN_PROJECT, O_CURRENCY, O_AMOUNT, O_PRECISE, O_WINDOW, O_SCOPE, O_ONCE_PER_DOMAIN,
    O_ID_CONFLICT (grants); the promo codes' own come before O_UNKNOWN_KIND. Missing is null. issue_invoices may
    name no account; it then means all.
23. G2 A kind of once-per-domain is refused (O_ONCE_PER_DOMAIN) to an account that is not main; an account without a
    domain is its own, and main in it. A domain has had what its accounts of now had, and what was given to accounts
    that had the domain then.
24. L1 An operation counts for a bill when recorded_at <= known as of; it is decided whether it counts or not.
25. I3 A document whose total with tax is below zero is 381 with the signs left as they are.
26. set_credit_limit takes zero; record_payment looks its invoice number up where documents are known, which is in the
    books over time: readings 63 to 83 are those of `tests/oracle_books.py`.
27. A local midnight that the clock skips is the instant of the change; one that comes twice is the first.
28. P1, P2 A record's quantity is converted (factor at its start), rounded if the SKU rounds per `record` (`nearest` is
    half away from zero), then metered. `count` and `unique` count 1 consumed unit, converted and rounded likewise:
    per record above zero, or per resource at its first record. An instant has no time to weigh by.
29. P1 `max`, `last` and `unique` are decided per resource over the period, across units, projects, regions and
    prices; other records of the resource have quantity 0. What the rule leaves tied: the smaller line order, unit.
30. P2 Rounding per `period` is over (account, project, SKU, region, category; resource where line_grain asks, or where
    a price met has tier_scope resource), in time order: what the rounded sum grows by.
31. P1, P2 Meter and rounding are those of the SKU's row at the last instant of the period.
32. P6 All rows of the models graduated, volume, package and flat share a pool's quantity; unit and percentage add
    nothing. Price rows of one first record stand by sku_price_id.
33. P3 Free quantity counts per key of reading 5 over all its price rows, whatever the model, after rounding. With F
    of the record's price row its rest is g(c + q) - g(c), g(x) = x - F above F, 0 from 0 to F, x below zero. The rest
    is priced, weighs and cuts; the quantity shown is before.
34. P3 `volume`: the tier of the row's own table that the pool's total reaches (first tier at or below zero); its fee
    is due on the price row in which Q passes the tier's lower bound: Q before <= lower < Q after.
35. P3 `package`: whole blocks towards plus infinity, also below zero.
36. P3 `flat`: once per pool if the rests of its flat rows sum above zero, at the price of the first record with a
    positive rest, all of it on that record's line.
37. P3 `percentage`: per record with rest r: sign(r) × (rate × |r| ÷ per_quantity + fixed_fee, within minimum and
    maximum); summed exactly over the line, or up to a cut, then rounded. A quantity of zero costs nothing.
38. P9 One usage row of category `recurring` per dated row that touches the period. `none` counts 1, and only in the
    item's latest row (of those begun, in a draft); `day`: local days touched ÷ days of the month; `second`: exact.
    The row's own proration goes before the policy. No meter; both roundings apply; tier and free pools are shared.
    What is covered lies within the account's own time, as all use does: before its first row and after its last there
    is none, for P10's covered days neither.
39. P10 Both kinds look at list cost less discounts. Caps in force at the last instant: those of a price first, then id,
    each on what the one before left, never more than a charge's positive net. Minimums: each row that touches the
    period, at closing, after caps, scaled by local days touched, rounded in the mode of charges; its charge lies in
    the last microsecond, has no discount or cap and counts for no other minimum. A row for a price without account
    holds for each account that has a charge at it.
40. 1.3 `add_charge` is a line of its own, quantity 1, one microsecond long at occurred_at, moved into its period;
    with tax category and SKU the former decides. Without SKU service, category and feature are `other`. Reasons:
    after O_FORBIDDEN O_MISSING_FIELD, O_UNKNOWN_PROJECT, O_UNKNOWN_SKU, O_CURRENCY, O_AMOUNT (zero), O_PRECISE.
41. U4 `split`: a period cuts the records that begin in it, unless the SKU's meter or rounding (31) is another than
    `sum` or `time_weighted` and none per record, or a percentage price of the SKU touches the period; its policy
    decides too. They are cut at ends of billing periods, and within a period that cuts records of the SKU itself where
    price row, conversion or segment become others. Each piece is a record with its own start, counted as its own
    period counts: `time_weighted` by its time, all else by its share of the quantity, cumulatively as in P7: up to an
    instant |q| in units of 10^-15 × the time up to it ÷ the record's, floored, so that a further cut moves nothing.
42. M1 The category stands before the price row in the order of lines (reading 2), and behind that the id of the
    operation or spend limit.
43. P4 Records without a price are metered with the others: a maximum that one of them set is not charged. They take
    no part in rounding per period. Charges added by hand are in the amount of a hold; true-ups are if it is for want
    of a tax rate.
44. P2, P3 Of records of one start and line the larger quantity is the earlier.
45. P3 `graduated` below zero is at the first tier's price, without fee.
46. P7 A pooled line whose rests sum to zero has its whole cost on its last charge.
47. P10 A limit in another currency than the account's is refused where it names the account, and is not its own
    where it names only a price.
48. P8 Weights are rests, of percentage prices the record's exact cost; ties by start, then id. Where they sum to zero
    the last record has it all.
49. D2 A fixed discount is a percent discount with another total: the smaller of its value and the sum of the
    positive reached sums of lines. Only those lines take part, M1 over them by these sums, within a line as D4 does.
    Once per row and period, not prorated, nothing is carried over.
50. D3 `best_only`: on every charge it reaches a fixed discount is worth value ÷ (positive reached list costs of
    lines), at most 100 %, nothing where nothing is positive; worked out before anything is chosen, compared exactly.
51. D2 A fixed row needs a currency, no more digits than it has, and that of the account it names; one that names no
    account is about accounts of its currency.
52. G3 `invoice_time` is the end of the period, in a draft the instant known as of; start <= it < end.
53. W4 Allocations that occurred before the end of the period and are known decide, zero ones too: of those of (account,
    project) whose window, the source's as it was granted, holds the segment the latest by (occurred_at, id); null is
    off. Without one the policy decides. Charges without project are free of it, grants of kind organization that are
    bound to a project are not. An allocation's window makes no cut of its own.
54. W1, W2 `linear` divides by the window as it was granted. A floor is due in the periods of the account's zone that
    the window, cut by an ending, touches; an empty one touches none. Used: what the grant and those allocated from it
    were applied. `fixed` without monthly value is O_MISSING_FIELD, a monthly value elsewhere O_BAD_FIELD (right after
    O_UNSUPPORTED). Floors come at closing, before what ends.
55. K5 The new end is occurred_at, of a window not begun its start. An ended window cuts at its new end, not the old;
    an empty one cuts nothing. Posted as by 19, so late for a billed period only when that is billed again. The switch,
    children and transferred grants stay.
56. O3, K8 Free is the amount less all accepted transfers and allocations, less draws of periods before that of the
    operation (account's zone) and of later ones if issued. A bill draws from the amount less all that is known of
    these and of earlier draws, never below zero.
57. O2 In order, after O_FORBIDDEN and O_MISSING_FIELD. transfer_credit: O_UNKNOWN_GRANT, O_UNKNOWN_ACCOUNT, O_FORBIDDEN
    (one role on both), O_NOT_TRANSFERABLE (paid credit never), O_SAME_ACCOUNT, O_OTHER_DOMAIN, then common.
    allocate_to_project: O_UNKNOWN_GRANT, O_NOT_ALLOCATABLE, O_UNKNOWN_KIND (`project`), O_UNKNOWN_PROJECT, then common:
    O_CURRENCY, O_AMOUNT, O_PRECISE, O_GRANT_ENDED, O_INSUFFICIENT_BALANCE, O_ID_CONFLICT. recover_credit,
    refund_credit: O_UNKNOWN_GRANT, O_NOT_RECOVERABLE or O_NOT_REFUNDABLE, O_BAD_FIELD, O_GRANT_ENDED. purchase_credit:
    as grant_credit; after O_UNKNOWN_KIND, a kind that is spent before tax lacks its tax category (O_MISSING_FIELD), any
    other has none (O_BAD_FIELD); last, what its invoice lacks: O_NO_SELLER, O_NO_TAX_RATE, O_MANDATORY_FIELD. All
    O_AMOUNT come before all O_PRECISE.
58. K4, W3 The new grant is the source but for its id, account or project, amount, time and (if named) name; it has no
    logic, price or promo code; an allocated one has kind and rank of `project`. An allocation of zero makes none.
59. T1 `usage`: the rates at the start of the segment; every bound of a row of the account's jurisdictions, region and
    status cuts every line. G7 goes by tax category still.
60. O1 What lands with the id of a committed operation is a no-op. A month feeds the next with its draws; billed again
    it replaces them. Accounts without first billed period have the first month of the history.
61. W5 Rows in force at the last instant (draft: known as of) watch all charges of their account, project and SKU:
    what a month comes to, or with `total` all months so far. Reached at the limit; an event each month that reaches
    it, of a total the one in which it is first reached, or in which a row begins that is reached already. Parked
    accounts are not measured. Restrictions are not told of here.
62. 1.3 A field that an operation has no use for is O_BAD_FIELD, looked at right after those that are missing.
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
FOREVER = datetime.max.replace(tzinfo=UTC)


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

OWN_ACCOUNT_ROLES = {
    "accept_promo_code": ("organization_owner", "billing_manager"),
    "transfer_credit": ("organization_owner", "billing_manager"),
    "allocate_to_project": ("organization_owner",),
}
REQUIRED = {
    "grant_credit": ("kind", "amount"),
    "purchase_credit": ("amount", "price_paid"),
    "transfer_credit": ("grant_id", "amount", "to_account"),
    "allocate_to_project": ("grant_id", "amount", "sub_account_id"),
    "recover_credit": ("grant_id",),
    "refund_credit": ("grant_id",),
    "accept_promo_code": ("promo_code",),
    "record_payment": ("amount",),
    "reverse_payment": ("reverses_operation_id",),
    "void_invoice": ("invoice_number",),
    "issue_invoices": ("billing_period", "issue_date"),
    "set_credit_limit": (),
    "add_charge": ("amount", "text"),
}
NEW_GRANT = (
    *("billing_currency", "name", "grant_id", "sub_account_id", "window_start", "window_end", "include", "exclude"),
    *("priority", "logic", "monthly_value"),
)
OPTIONAL: dict[str, tuple[str, ...]] = {
    "grant_credit": NEW_GRANT,
    "purchase_credit": ("kind", "tax_category", *NEW_GRANT),
    "transfer_credit": ("billing_currency", "name"),
    "allocate_to_project": ("billing_currency", "name", "use_organization_credit"),
    "record_payment": ("billing_currency", "invoice_number", "payment_kind"),
    "void_invoice": ("issue_date",),
    "issue_invoices": ("documents",),
    "set_credit_limit": ("amount", "billing_currency"),
    "add_charge": ("billing_currency", "sku_id", "tax_category", "sub_account_id", "billing_period"),
}
OF_EVERY = (
    *("operation_id", "operation", "actor", "occurred_at", "recorded_at", "received_at", "billing_account_id"),
    *("status", "reason_code", "reason", "original"),
)
DIMENSIONS = ("service", "service_category", "feature", "sku", "region", "project", "resource", "tag", "charge")
NOT_CONTENT = ("recorded_at", "received_at", "status", "reason_code", "reason", "original")


@dataclass
class Fold:
    """What the operations so far have made of the account: the state that the next one is judged by."""

    world: World
    decisions: dict[str, Row] = field(default_factory=dict)
    grants: list[Row] = field(default_factory=list)
    acceptances: list[Row] = field(default_factory=list)  # promo_code, billing_account_id, window, operation
    issued: list[tuple[str | None, str, datetime]] = field(default_factory=list)  # account or all, period, when
    added_charges: list[Row] = field(default_factory=list)  # operations
    moved: list[Row] = field(default_factory=list)  # K4, W3: movements between grants
    allocations: list[Row] = field(default_factory=list)  # W4: project, window, switch
    endings: list[Row] = field(default_factory=list)  # K5: grant_id, occurred_at, movement
    about_documents: Callable[[Row], str | None] | None = None  # what the books say against one about a document


def decide(world: World) -> dict[str, Row]:
    """O1: every operation accepted or rejected, with a reason code: id -> {status, reason_code}."""
    return fold(world).decisions


def fold(world: World) -> Fold:
    """O3: operations count by (occurred_at, id), whatever their landing order."""
    state = Fold(world)
    for operation in world.get("committed_operations", []):
        if operation["status"] == "accepted":
            carry_out(state, operation)
        state.decisions[operation["operation_id"]] = {column: operation[column] for column in DECISION}
    by_id: dict[str, list[Row]] = defaultdict(list)
    for operation in world["operations"]:
        if operation["operation_id"] not in state.decisions:
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


DECISION = ("operation_id", "status", "reason_code")


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
        return "O_UNKNOWN_OPERATION"
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
    known = {*OF_EVERY, *REQUIRED[name], *OPTIONAL.get(name, ())}
    if any(value is not None and value != [] for column, value in operation.items() if column not in known):
        return "O_BAD_FIELD"  # reading 62
    if account is None or name == "issue_invoices":
        return None
    if name == "transfer_credit":
        return refuse_transfer(state, operation, account, roles)
    judge = {
        "grant_credit": refuse_grant_credit,
        "purchase_credit": refuse_purchase,
        "allocate_to_project": refuse_allocation,
        "recover_credit": refuse_ending,
        "refund_credit": refuse_ending,
        "accept_promo_code": refuse_promo_code,
        "record_payment": refuse_payment,
        "reverse_payment": refuse_about_documents,
        "void_invoice": refuse_about_documents,
        "set_credit_limit": refuse_credit_limit,
        "add_charge": refuse_added_charge,
    }[name]
    return judge(state, operation, account)


def may(principal: Row, operation: str, account_id: str | None) -> bool:
    """Section 11: staff may all; owners and billing managers some things for their account."""
    if principal["role"] == "staff":
        return True
    if principal["role"] not in OWN_ACCOUNT_ROLES.get(operation, ()):
        return False
    return account_id is not None and bool(principal["billing_account_id"] == account_id)


def refuse_grant_credit(state: Fold, operation: Row, account: Row) -> str | None:
    """G1, G2: what a grant must have."""
    return refuse_logic(operation) or refuse_new_grant(state, operation, account, operation["kind"])


def refuse_purchase(state: Fold, operation: Row, account: Row) -> str | None:
    """G2: face value and price of a paid kind; before tax it is sold with an invoice (reading 57)."""
    name = operation.get("kind") or "paid"
    if reason := refuse_logic(operation):
        return reason
    kind = grant_kind(state.world, name, operation["occurred_at"], account["time_zone"])
    if kind is None or kind["terminal_status"] != "refunded":
        return "O_UNKNOWN_KIND"
    is_taxed = kind["tax_position"] == "before"
    if is_taxed != (operation.get("tax_category") is not None):
        return "O_MISSING_FIELD" if is_taxed else "O_BAD_FIELD"
    reason = refuse_new_grant(state, operation, account, name)
    return reason or (refuse_sale(state.world, operation, account) if is_taxed else None)


def refuse_sale(world: World, operation: Row, account: Row) -> str | None:
    """I2: what the invoice of a sale cannot do without."""
    seller = seller_at(world, account, operation["occurred_at"])
    if seller is None:
        return "O_NO_SELLER"
    if not sale_rates(world, operation, account):
        return "O_NO_TAX_RATE"
    needed = [seller[name] for name in ("legal_name", "address", "tax_ids")]
    needed += [account[name] for name in ("legal_name", "address")]
    return None if all(needed) else "O_MANDATORY_FIELD"


def seller_at(world: World, account: Row, at: datetime) -> Row | None:
    rows = [row for row in world["sellers"] if row["seller_id"] == account["seller_id"]]
    return next(iter(in_force(rows, at, account["time_zone"])), None)


def sale_rates(world: World, operation: Row, account: Row) -> list[Row]:
    """T1: the rates that a purchase is taxed by: those in force when its day begins, where the account is."""
    zone, seller = account["time_zone"], seller_at(world, account, operation["occurred_at"])
    if seller is None:
        return []
    day = local_instant(operation["occurred_at"].astimezone(ZoneInfo(zone)).date(), zone)
    rows = [
        row
        for row in in_force(world["tax_rates"], day, zone)
        if (row["seller_jurisdiction"], row["account_jurisdiction"], row["tax_status"], row["tax_category"])
        == (seller["jurisdiction"], account["jurisdiction"], account["tax_status"], operation["tax_category"])
        and row["account_region"] in (None, account["region"])
    ]
    return [row for row in rows if row["account_region"] is not None] or rows


def refuse_logic(operation: Row) -> str | None:
    """W1 (reading 54)."""
    logic, monthly_value = operation.get("logic") or "none", operation.get("monthly_value")
    if logic == "fixed" and monthly_value is None:
        return "O_MISSING_FIELD"
    if logic not in ("none", "fixed", "linear"):
        return "O_UNSUPPORTED"
    return "O_BAD_FIELD" if logic != "fixed" and monthly_value is not None else None


def refuse_new_grant(state: Fold, operation: Row, account: Row, kind: str) -> str | None:
    if grant_kind(state.world, kind, operation["occurred_at"], account["time_zone"]) is None:
        return "O_UNKNOWN_KIND"
    if not project_is_known(state.world, operation.get("sub_account_id"), account["billing_account_id"]):
        return "O_UNKNOWN_PROJECT"
    return (
        refuse_amounts(state.world, operation, account)
        or refuse_window(state, operation, account, kind)
        or refuse_scope(operation)
        or refuse_kind(state, kind, operation["occurred_at"], account)
        or refuse_grant_id(state, grant_id_of(operation))
    )


def refuse_amounts(world: World, operation: Row, account: Row) -> str | None:
    """Face value, monthly value and price: above nothing, none above the face value, no digit too many."""
    parts = [operation["monthly_value"]] if operation.get("logic") == "fixed" else []
    parts += [operation["price_paid"]] if operation["operation"] == "purchase_credit" else []
    reason = refuse_amount(world, operation, account)
    if reason in (None, "O_PRECISE") and any(not 0 < part <= operation["amount"] for part in parts):
        return "O_AMOUNT"
    precise = [is_precise(world, part, account, operation["occurred_at"]) for part in parts]
    return reason or (None if all(precise) else "O_PRECISE")


# What is done with a grant that is there.


def known_grant(state: Fold, operation: Row) -> Row | None:
    """A grant of the account that there was at the time of the operation (reading 56)."""
    for grant in state.grants:
        is_own = grant["billing_account_id"] == operation["billing_account_id"]
        if grant["grant_id"] == operation["grant_id"] and is_own and grant["occurred_at"] <= operation["occurred_at"]:
            return grant
    return None


def refuse_transfer(state: Fold, operation: Row, account: Row, roles: list[Row]) -> str | None:
    """K4 (reading 57)."""
    world, at = state.world, operation["occurred_at"]
    grant, receiver = known_grant(state, operation), account_at(world, operation["to_account"], at)
    if grant is None:
        return "O_UNKNOWN_GRANT"
    if receiver is None:
        return "O_UNKNOWN_ACCOUNT"
    both = (account["billing_account_id"], receiver["billing_account_id"])
    held = [{row["role"] for row in roles if may(row, "transfer_credit", one)} for one in both]
    if not held[0] & held[1]:
        return "O_FORBIDDEN"
    kind = grant_kind(world, grant["kind"], at, account["time_zone"])
    is_fixed = grant["sub_account_id"] is not None or grant["terminal_status"] == "refunded"
    if kind is None or not kind["transferable"] or is_fixed:
        return "O_NOT_TRANSFERABLE"
    if receiver["billing_account_id"] == account["billing_account_id"]:
        return "O_SAME_ACCOUNT"
    if domain_of(world, receiver["billing_account_id"], at) != domain_of(world, account["billing_account_id"], at):
        return "O_OTHER_DOMAIN"
    if receiver["billing_currency"] != grant["billing_currency"]:
        return "O_CURRENCY"
    return refuse_outflow(state, operation, account, grant)


def refuse_allocation(state: Fold, operation: Row, account: Row) -> str | None:
    """W3 (reading 57)."""
    grant = known_grant(state, operation)
    if grant is None:
        return "O_UNKNOWN_GRANT"
    if grant["kind"] != "organization" or grant["sub_account_id"] is not None:
        return "O_NOT_ALLOCATABLE"
    if grant_kind(state.world, "project", operation["occurred_at"], account["time_zone"]) is None:
        return "O_UNKNOWN_KIND"
    if not project_is_known(state.world, operation["sub_account_id"], account["billing_account_id"]):
        return "O_UNKNOWN_PROJECT"
    return refuse_outflow(state, operation, account, grant, or_zero=True)


def refuse_outflow(state: Fold, operation: Row, account: Row, grant: Row, or_zero: bool = False) -> str | None:
    """K4, W3: never more than the free balance of a grant that has not ended."""
    if operation.get("billing_currency") not in (None, grant["billing_currency"]):
        return "O_CURRENCY"
    reason = refuse_amount(state.world, operation, account, or_zero)
    if reason is not None:
        return reason
    at = operation["occurred_at"]
    if is_over(grant, at) or any(ending["occurred_at"] <= at for ending in endings_of(state, grant)):
        return "O_GRANT_ENDED"
    if operation["amount"] > free_balance(state, grant, at, account["time_zone"]):
        return "O_INSUFFICIENT_BALANCE"
    return refuse_grant_id(state, operation["operation_id"])


def refuse_ending(state: Fold, operation: Row, account: Row) -> str | None:
    """K5 (reading 57)."""
    grant = known_grant(state, operation)
    if grant is None:
        return "O_UNKNOWN_GRANT"
    wanted, reason = {
        "recover_credit": ("recovered", "O_NOT_RECOVERABLE"),
        "refund_credit": ("refunded", "O_NOT_REFUNDABLE"),
    }[operation["operation"]]
    if grant["terminal_status"] != wanted:
        return reason
    if operation.get("amount") is not None:
        return "O_BAD_FIELD"
    if is_over(grant, operation["occurred_at"]) or endings_of(state, grant):
        return "O_GRANT_ENDED"
    return None


def is_over(grant: Row, at: datetime) -> bool:
    return grant["window_end"] is not None and bool(grant["window_end"] <= at)


def endings_of(state: Fold, grant: Row) -> list[Row]:
    return [ending for ending in state.endings if ending["grant_id"] == grant["grant_id"]]


DRAWS = ("charged", "returned", "expired", "recovered", "refunded", "minimum_consumption")


def free_balance(state: Fold, grant: Row, at: datetime, zone: str) -> Fraction:
    """O3, O4, K8: before the draw of its own period, after every accepted outflow, also a later one (reading 56)."""
    free = Fraction(grant["amount"])
    for row in state.moved:
        if row["grant_id"] == grant["grant_id"] and row["amount"] < 0:
            free += Fraction(row["amount"])
    issued = state.world.get("issued_periods", set())
    for row in state.world.get("grant_movements", []):
        is_earlier = row["billing_period"] < period_of(at, zone)
        is_final = (grant["billing_account_id"], row["billing_period"]) in issued
        if row["grant_id"] == grant["grant_id"] and row["movement"] in DRAWS and (is_earlier or is_final):
            free += Fraction(row["amount"])
    return free


def refuse_payment(state: Fold, operation: Row, account: Row) -> str | None:
    """An amount, and a document of the account where it names one, if documents are known at all (reading 26)."""
    reason = refuse_amount(state.world, operation, account)
    return reason or (state.about_documents(operation) if state.about_documents else None)


def refuse_about_documents(state: Fold, operation: Row, _account: Row) -> str | None:
    """I4, I6: what only the books with their documents can say (tests/oracle_books.py)."""
    if state.about_documents is None:
        raise UnsupportedError(f"{operation['operation']} where no documents are known")
    return state.about_documents(operation)


def refuse_credit_limit(state: Fold, operation: Row, account: Row) -> str | None:
    if operation.get("amount") is None:  # it lifts the limit (reading 62)
        currency = operation.get("billing_currency")
        return "O_CURRENCY" if currency not in (None, account["billing_currency"]) else None
    return refuse_amount(state.world, operation, account, or_zero=True)


def refuse_added_charge(state: Fold, operation: Row, account: Row) -> str | None:
    """1.3: a SKU or a tax category, and an amount of either sign (reading 40)."""
    sku_id = operation.get("sku_id")
    if sku_id is None and operation.get("tax_category") is None:
        return "O_MISSING_FIELD"
    if not project_is_known(state.world, operation.get("sub_account_id"), account["billing_account_id"]):
        return "O_UNKNOWN_PROJECT"
    if sku_id is not None and not any(row["sku_id"] == sku_id for row in state.world["skus"]):
        return "O_UNKNOWN_SKU"
    return refuse_amount(state.world, operation, account, or_negative=True)


def refuse_amount(
    world: World, operation: Row, account: Row, or_zero: bool = False, or_negative: bool = False
) -> str | None:
    """M3, O1: the account's currency, above nothing, and no more digits than the currency has."""
    if operation.get("billing_currency") not in (None, account["billing_currency"]):
        return "O_CURRENCY"
    if (operation["amount"] < 0 and not or_negative) or (operation["amount"] == 0 and not or_zero):
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


def refuse_window(state: Fold, operation: Row, account: Row, kind: str) -> str | None:
    """G2, W1: an end after the start; `linear` needs one."""
    try:
        start, end = own_window(operation, account["time_zone"])
    except ValueError:
        return "O_WINDOW"
    row = grant_kind(state.world, kind, operation["occurred_at"], account["time_zone"])
    is_open = end is None and (row is None or row["validity"] is None)
    if operation.get("logic") == "linear" and is_open:
        return "O_WINDOW"
    return "O_WINDOW" if end is not None and end <= start else None


def own_window(operation: Row, zone: str) -> tuple[datetime, datetime | None]:
    """G1: what the operation says; it starts at once unless it says otherwise."""
    start = boundary_instant(operation.get("window_start"), zone) or operation["occurred_at"]
    return start, boundary_instant(operation.get("window_end"), zone)


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
    own = domain_of(state.world, account["billing_account_id"], at)
    for grant in state.grants:
        if grant["kind"] == kind:
            owner = grant["billing_account_id"]
            domains = {domain_of(state.world, owner, when) for when in (grant["occurred_at"], at)}
            if own in domains:
                return "O_ONCE_PER_DOMAIN"
    return None


def domain_of(world: World, account_id: str, at: datetime) -> tuple[str, str]:
    account = account_at(world, account_id, at)
    if account is None or account["domain"] is None:
        return ("account", account_id)
    return ("domain", account["domain"])


def refuse_grant_id(state: Fold, grant_id: str) -> str | None:
    return "O_ID_CONFLICT" if grant_id in {grant["grant_id"] for grant in state.grants} else None


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
    return refuse_kind(state, promo["kind"] or "promo", at, account) or refuse_grant_id(state, grant_id_of(operation))


def carry_out(state: Fold, operation: Row) -> None:
    """What an accepted operation changes; payments and credit limits change no bill."""
    name = operation["operation"]
    account = account_at(state.world, operation.get("billing_account_id"), operation["occurred_at"])
    if name == "issue_invoices":
        state.issued.append(
            (operation.get("billing_account_id"), operation["billing_period"], operation["occurred_at"])
        )
    if name == "add_charge":
        state.added_charges.append(operation)
    if name in ("grant_credit", "purchase_credit") and account is not None:
        terms = {**operation, "kind": operation.get("kind") or "paid"}
        window = own_window(operation, account["time_zone"])
        state.grants.append(new_grant(state.world, operation, account, terms, window))
    if name == "accept_promo_code" and account is not None:
        accept_promo_code(state, operation, account)
    if name == "transfer_credit" and account is not None:
        transfer(state, operation, account)
    if name == "allocate_to_project" and account is not None:
        allocate(state, operation, account)
    if name in ("recover_credit", "refund_credit"):
        movement = "recovered" if name == "recover_credit" else "refunded"
        state.endings.append(
            {
                "grant_id": operation["grant_id"],
                "occurred_at": operation["occurred_at"],
                "movement": movement,
                "known_since": known_since(operation),
            }
        )


def grant_named(state: Fold, grant_id: str) -> Row:
    return next(grant for grant in state.grants if grant["grant_id"] == grant_id)


def offspring(source: Row, operation: Row, **columns: Any) -> Row:
    """K4, W3: the grant that a transfer or an allocation makes (reading 58)."""
    return {
        **source,
        "grant_id": operation["operation_id"],
        "from_grant_id": source["grant_id"],
        "name": operation.get("name") or source["name"],
        "amount": operation["amount"],
        "logic": "none",
        "monthly_value": None,
        "price_paid": None,
        "promo_code": None,
        "operation_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "known_since": known_since(operation),
        **columns,
    }


def transfer(state: Fold, operation: Row, account: Row) -> None:
    """K4: Transfer Deduction and Transfer Accumulation name each other's group."""
    source = grant_named(state, operation["grant_id"])
    new = offspring(source, operation, billing_account_id=operation["to_account"])
    receiver = account_at(state.world, operation["to_account"], operation["occurred_at"]) or account
    state.grants.append(new)
    state.moved += [
        moved(operation, source, account, "transfer_deduction", -operation["amount"], new),
        moved(operation, new, receiver, "transfer_accumulation", operation["amount"], source),
    ]


def allocate(state: Fold, operation: Row, account: Row) -> None:
    """W3, W4: a child grant of the project, unless of nothing, and the switch."""
    source = grant_named(state, operation["grant_id"])
    state.allocations.append(
        {
            "billing_account_id": account["billing_account_id"],
            "sub_account_id": operation["sub_account_id"],
            "window": (source["window_start"], source["window_end"]),
            "is_on": bool(operation.get("use_organization_credit")),
            "occurred_at": operation["occurred_at"],
            "operation_id": operation["operation_id"],
            "known_since": known_since(operation),
        }
    )
    kind = grant_kind(state.world, "project", operation["occurred_at"], account["time_zone"])
    if operation["amount"] == 0 or kind is None:
        return
    project = operation["sub_account_id"]
    new = offspring(source, operation, kind="project", rank=kind["rank"], sub_account_id=project)
    state.grants.append(new)
    state.moved += [
        moved(operation, source, account, "allocated", -operation["amount"], new),
        moved(operation, new, account, "credited", operation["amount"], source),
    ]


def moved(operation: Row, grant: Row, owner: Row, movement: str, amount: Decimal, counter: Row) -> Row:
    """K4, W3: at once, in the owner's period of the operation."""
    return {
        "billing_account_id": owner["billing_account_id"],
        "grant_id": grant["grant_id"],
        "movement": movement,
        "amount": amount,
        "billing_currency": grant["billing_currency"],
        "billing_period": period_of(operation["occurred_at"], owner["time_zone"]),
        "occurred_at": operation["occurred_at"],
        "operation_id": operation["operation_id"],
        "counter_grant_id": counter["grant_id"],
        "known_since": known_since(operation),
    }


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
        then = {(owner, one) for owner, one, at in state.issued if at <= operation["occurred_at"]}
        while (account_id, period) in then or (None, period) in then:
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
        "name": operation.get("name") or terms.get("promo_code") or terms["kind"],
        "billing_account_id": account["billing_account_id"],
        "sub_account_id": operation.get("sub_account_id"),
        "amount": terms["amount"],
        "billing_currency": account["billing_currency"],
        "window_start": start,
        "window_end": end,
        "include": list(terms.get("include") or []),
        "exclude": sorted({*(terms.get("exclude") or []), *(kind["exclude"] or [])}),
        "priority": operation.get("priority") or 0,
        "logic": terms.get("logic") or "none",
        "monthly_value": terms.get("monthly_value"),
        "price_paid": price_paid(operation, kind),
        "promo_code": terms.get("promo_code"),
        "from_grant_id": None,
        "operation_id": operation["operation_id"],
        "occurred_at": operation["occurred_at"],
        "rank": kind["rank"],
        "tax_position": kind["tax_position"],
        "terminal_status": kind["terminal_status"],
        "known_since": known_since(operation),
    }


def price_paid(operation: Row, kind: Row) -> Decimal | None:
    """G2: of what was bought; a paid kind that was given cost nothing (reading 57)."""
    if operation["operation"] == "purchase_credit":
        price: Decimal = operation["price_paid"]
        return price
    return Decimal(0) if kind["terminal_status"] == "refunded" else None


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
    lives_from: datetime | None = None  # from when and until when the account's rows hold (reading 38)
    lives_until: datetime | None = None
    has_ended: bool = False  # before the period began (reading 7)
    operations_as_of: datetime = FOREVER  # of a paid period what was known when it was last computed (reading 65)

    @property
    def last_instant(self) -> datetime:
        return self.end - timedelta(microseconds=1)

    @property
    def is_closing(self) -> bool:
        """I1: a draft of the month to date has no expiries and no later usage."""
        return self.known_as_of >= self.end

    def knows(self, row: Row) -> bool:
        """L1, X2: an operation, or what it made, counts once it was recorded."""
        return bool(row["known_since"] <= min(self.known_as_of, self.operations_as_of))

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
    found: tuple[datetime | None, Row] | None = None
    first: list[datetime | None] = []
    for row in world["billing_accounts"]:
        starts, _ = validity(row, row["time_zone"])
        first += [starts] if row["billing_account_id"] == account_id else []
        begins_in_time = starts is None or starts < period_bounds(world["billing_period"], row["time_zone"])[1]
        if row["billing_account_id"] == account_id and begins_in_time:
            is_later = found is None or found[0] is None or (starts is not None and starts > found[0])
            found = (starts, row) if is_later else found
    if found is None:
        return None
    account, zone = found[1], found[1]["time_zone"]
    start, end = period_bounds(world["billing_period"], zone)
    last, ends = end - timedelta(microseconds=1), validity(account, zone)[1]
    sellers = in_force([row for row in world["sellers"] if row["seller_id"] == account["seller_id"]], last, zone)
    currency = account["billing_currency"]
    return Terms(
        world,
        account_id,
        zone,
        currency,
        currency_exponent(world, currency, last, zone),
        start,
        end,
        world["known_as_of"],
        account,
        sellers[0],
        policies_at(world, account_id, last, zone),
        lives_from=None if None in first else min(one for one in first if one is not None),
        lives_until=ends,
        has_ended=ends is not None and ends <= start,
    )


def policies_at(world: World, account_id: str, at: datetime, zone: str) -> dict[str, str]:
    """A policy is a dated row, per account or default."""
    current = in_force(world["billing_policies"], at, zone)
    general = {row["policy"]: row["value"] for row in current if row["billing_account_id"] is None}
    own = {row["policy"]: row["value"] for row in current if row["billing_account_id"] == account_id}
    return {**general, **own}


def refuse_what_is_out_of_scope(world: World, terms: Terms) -> None:
    for limit in world["spend_limits"]:
        if limit["billing_account_id"] is None and limit["sku_price_id"] is None:
            raise UnsupportedError(f"spend limit {limit['spend_limit_id']} of no account and no price")
    only = {
        "spanning_records": ("start", "split"),
        "tax_point": ("period_end", "usage"),
        "organization_credit": ("open", "allocated_only"),
        "payable_increment": ("none", "0"),
    }
    for policy, values in only.items():
        if terms.policy(policy, values[0]) not in values:
            raise UnsupportedError(f"policy {policy} = {terms.policies[policy]}")
    for discount in world["discounts"]:
        if is_faulty(terms, discount):
            raise UnsupportedError(f"discount {discount['discount_id']}")


def is_faulty(terms: Terms, discount: Row) -> bool:
    """D2: what is refused on load (reading 51)."""
    if discount["kind"] == "percent":
        return not 0 <= discount["value"] <= 100
    currency = discount["billing_currency"]
    if discount["kind"] != "fixed" or currency is None or discount["value"] < 0:
        return True
    if currency != terms.currency:
        return bool(discount["billing_account_id"] == terms.account_id)
    return (Fraction(discount["value"]) * 10**terms.exponent).denominator != 1


# ----------------------------------------------------------------------------------------------------- usage to charges


@dataclass
class Line:
    """P5: a rating line; a one-off charge is a line of its own, without a price row."""

    account_id: str
    project: str | None
    sku: Row
    region: str | None
    resource: str | None
    category: str
    price: Row
    start: datetime
    end: datetime
    records: list[Priced] = field(default_factory=list)
    amount: int = 0
    source: str = ""

    @property
    def quantity(self) -> Fraction:
        one_off = Fraction(self.category == "one_off")
        return sum((one.quantity for one in self.records), one_off)

    @property
    def rest(self) -> Fraction:
        return sum((one.rest for one in self.records), Fraction(0))

    @property
    def order(self) -> tuple[Any, ...]:
        """M1, G5: which line is the earlier (readings 2 and 42)."""
        return (self.start, *self.names)

    @property
    def names(self) -> tuple[str, ...]:
        texts = (self.sku["service"], self.sku["sku_id"], self.project, self.region, self.resource)
        ids = (self.category, self.price["sku_price_id"], self.source)
        return tuple(LAST_TEXT if text is None else text for text in (*texts, *ids))


@dataclass
class Priced:
    """One record, or one piece of a record, with its price row and what is metered of it, exact, in pricing units."""

    record: Row
    sku: Row
    price: Row
    line: Line
    converted: Fraction = Fraction(0)  # its own quantity, converted and rounded if rounding is per record
    quantity: Fraction = Fraction(0)  # metered, and rounded if rounding is per period
    rest: Fraction = Fraction(0)  # what the free quantity leaves

    @property
    def start(self) -> datetime:
        start: datetime = self.record["charge_period_start"]
        return start

    @property
    def in_time(self) -> tuple[Any, ...]:
        """Time order: start, then line order, then the larger quantity (reading 44)."""
        return (self.start, self.line.order, -self.quantity, self.record["usage_record_id"])


NO_PRICE: Row = {"sku_price_id": None, "price_model": "none", "region_id": None, "tier_scope": "account"}


@dataclass
class Charge:
    """P7: the part of a rating line that lies between two cuts; amounts in mu."""

    line: Line
    start: datetime
    end: datetime
    quantity: Fraction
    list_cost: int
    records: list[Priced] = field(default_factory=list)
    discount: int = 0
    cap: int = 0
    before_tax: int = 0
    after_tax: int = 0
    taxes: list[Row] = field(default_factory=list)

    @property
    def order(self) -> tuple[Any, ...]:
        """G5: the default order, which is also that of invoice lines."""
        return (self.start, *self.line.names)

    @property
    def net(self) -> int:
        """P10: what caps and minimums look at, and grants after them."""
        return self.list_cost - self.discount - self.cap

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
            "charge_category": self.line.category,
            "sku_price_id": self.line.price["sku_price_id"],
            "charge_period_start": self.start,
        }


KEY_COLUMNS = (
    "billing_account_id",
    "sub_account_id",
    "sku_id",
    "region_id",
    "resource_id",
    "charge_category",
    "sku_price_id",
    "charge_period_start",
)


def charge_key(row: Row) -> tuple[Any, ...]:
    """What a charge is known by, here and in the pipeline, without hashing; one-off charges may share one."""
    return tuple(row[column] for column in KEY_COLUMNS)


def microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def sku_of(terms: Terms, sku_id: str, at: datetime | None = None) -> Row:
    """Readings 7 and 31: meter and rounding too are those of the last instant, of this period if of none other."""
    rows = [row for row in terms.world["skus"] if row["sku_id"] == sku_id]
    rows = in_force(rows, at or terms.last_instant, terms.zone)
    if len(rows) != 1:
        raise UnsupportedError(f"{len(rows)} rows for SKU {sku_id}")
    return rows[0]


# What is used: usage records, whole or in pieces, and recurring items.


def usage_of_period(terms: Terms, discounts: list[Row], grants: list[Row]) -> list[Row]:
    """U4, P9: the records that start in the period; a draft takes what had begun."""
    own = [row for row in terms.world["usage_records"] if row["billing_account_id"] == terms.account_id]
    records = [{**row, "charge_category": "usage"} for row in own]
    records = [
        piece
        for record in records
        for piece in (pieces(terms, record, discounts, grants) if is_split(terms, record) else [record])
    ]
    within = [row for row in records + recurring_rows(terms) if terms.start <= row["charge_period_start"] < terms.end]
    return [row for row in within if terms.is_closing or row["charge_period_start"] < terms.known_as_of]


def is_split(terms: Terms, record: Row) -> bool:
    """U4: the period that a record begins in decides, so that no change of terms charges a piece twice or never."""
    start, end = period_bounds(period_of(record["charge_period_start"], terms.zone), terms.zone)
    said = policies_at(terms.world, terms.account_id, end - timedelta(microseconds=1), terms.zone)
    return said.get("spanning_records", "start") == "split" and is_divided(terms, record["sku_id"], start, end)


def is_divided(terms: Terms, sku_id: str, start: datetime, end: datetime) -> bool:
    """Whether a period divides records of a SKU (reading 41)."""
    sku = sku_of(terms, sku_id, end - timedelta(microseconds=1))
    is_rounded = sku["quantity_rounding_scope"] == "record" and sku["quantity_rounding"] is not None
    by_percentage = [
        row for row in terms.world["sku_prices"] if (row["sku_id"], row["price_model"]) == (sku_id, "percentage")
    ]
    is_touched = any(not is_empty(intersection(validity(row, terms.zone), (start, end))) for row in by_percentage)
    return sku["meter"] in ("sum", "time_weighted") and not is_rounded and not is_touched


def pieces(terms: Terms, record: Row, discounts: list[Row], grants: list[Row]) -> list[Row]:
    """U4 `split`: a record that something parts, by time (reading 41)."""
    sku, start, end = sku_of(terms, record["sku_id"]), record["charge_period_start"], record["charge_period_end"]
    parted = ends_of_periods(terms, record)
    if is_divided(terms, record["sku_id"], terms.start, terms.end):
        parted |= partings(terms, record, sku, discounts, grants)
    if not parted:
        return [record]
    bounds = [start, *sorted(parted), end]
    made = [
        {**record, "charge_period_start": one, "charge_period_end": other} for one, other in itertools.pairwise(bounds)
    ]
    if sku["meter"] != "time_weighted":
        units = Fraction(record["consumed_quantity"]) * 10**15
        if units.denominator != 1:
            raise UnsupportedError(f"a quantity of more than 15 decimals: {record['consumed_quantity']}")
        length = Fraction(microseconds(end - start))
        upto = [math.floor(abs(units) * microseconds(bound - start) / length) for bound in bounds]
        for piece, (one, other) in zip(made, itertools.pairwise(upto), strict=True):
            piece["consumed_quantity"] = Fraction(other - one, 10**15) * (-1 if units < 0 else 1)
    return made


def ends_of_periods(terms: Terms, record: Row) -> set[datetime]:
    """The ends of billing periods that a record runs past."""
    ends = set()
    period = period_of(record["charge_period_start"], terms.zone)
    while (closed := period_bounds(period, terms.zone)[1]) < record["charge_period_end"]:
        ends.add(closed)
        period = next_period(period)
    return ends


def partings(terms: Terms, record: Row, sku: Row, discounts: list[Row], grants: list[Row]) -> set[datetime]:
    """Where a record is cut beside ends of periods: where price row, conversion or segment become others."""
    start, end = record["charge_period_start"], record["charge_period_end"]
    parted = set()
    if not terms.is_closing and start < terms.known_as_of < end:
        parted.add(terms.known_as_of)  # a draft takes what lies before it
    parted |= window_boundaries(terms, line_at(terms, record, sku, NO_PRICE), discounts, grants)

    def terms_at(moment: datetime) -> tuple[Any, ...]:
        piece = {**record, "charge_period_start": moment}
        price = price_of(terms, piece)
        return price and price_row_id(price), conversion(terms, piece, sku)

    for table in ("sku_prices", "unit_conversions"):
        for row in terms.world[table]:
            for boundary in validity(row, terms.zone):
                if boundary is not None and start < boundary < end:
                    before = boundary - timedelta(microseconds=1)
                    if terms_at(before) != terms_at(boundary):
                        parted.add(boundary)
    return {boundary for boundary in parted if start < boundary < end}


def recurring_rows(terms: Terms) -> list[Row]:
    """P9: one row of use for each dated row of an item that touches the period (reading 38)."""
    rows: list[Row] = []
    for item in terms.world["recurring_items"]:
        window = start, end = time_in_period(terms, item)
        if item["billing_account_id"] != terms.account_id or is_empty(window) or start is None or end is None:
            continue
        if not terms.is_closing and start >= terms.known_as_of:
            continue
        proration = item["proration"] or terms.policy("proration", "none")
        rows.append(
            {
                **{column: item[column] for column in ("sub_account_id", "resource_id", "sku_id", "region_id")},
                "billing_account_id": terms.account_id,
                "usage_record_id": item["recurring_item_id"],
                "charge_category": "recurring",
                "charge_period_start": start,
                "charge_period_end": end,
                "consumed_quantity": Fraction(item["quantity"]) * covered(terms, start, end, proration),
                "consumed_unit": sku_of(terms, item["sku_id"])["pricing_unit"],
                "proration": proration,
            }
        )
    latest = {row["usage_record_id"]: row for row in sorted(rows, key=lambda row: row["charge_period_start"])}
    return [row for row in rows if row["proration"] != "none" or row is latest[row["usage_record_id"]]]


def time_in_period(terms: Terms, row: Row) -> Window:
    """Of a row's validity what lies in the period and in the account's own time (reading 38)."""
    life = (terms.lives_from, terms.lives_until)
    return intersection(intersection(validity(row, terms.zone), life), (terms.start, terms.end))


def covered(terms: Terms, start: datetime, end: datetime, proration: str) -> Fraction:
    """P9: what part of the period counts."""
    if proration == "none":
        return Fraction(1)
    if proration == "day":
        return covered_days(terms, start, end)
    return Fraction(microseconds(end - start), microseconds(terms.end - terms.start))


def covered_days(terms: Terms, start: datetime, end: datetime) -> Fraction:
    """P9, P10: local calendar days touched, of those of the month."""

    def days(one: datetime, other: datetime) -> int:
        last = other - timedelta(microseconds=1)
        return last.astimezone(ZoneInfo(terms.zone)).toordinal() - one.astimezone(ZoneInfo(terms.zone)).toordinal() + 1

    return Fraction(days(start, end), days(terms.start, terms.end))


# How much of it: conversion, meter, rounding, what is free.


def conversion(terms: Terms, record: Row, sku: Row) -> Fraction:
    """P2: consumed to pricing unit by a dated exact factor; the one of the SKU goes first."""
    if record["consumed_unit"] == sku["pricing_unit"]:
        return Fraction(1)
    rows: list[Row] = [
        row
        for row in in_force(terms.world["unit_conversions"], record["charge_period_start"], terms.zone)
        if (row["from_unit"], row["to_unit"]) == (record["consumed_unit"], sku["pricing_unit"])
        and row["sku_id"] in (None, sku["sku_id"])
    ]
    row = sorted(rows, key=lambda row: row["sku_id"] is None)[0]
    return Fraction(row["numerator"], row["denominator"])


def converted_quantity(terms: Terms, record: Row, sku: Row) -> Fraction:
    """P1, P2: in pricing units, before any rounding; `count` and `unique` count records, whatever they hold."""
    consumed = Fraction(record["consumed_quantity"])
    if record["charge_category"] == "usage":
        consumed = {"count": Fraction(consumed > 0), "unique": Fraction(1)}.get(sku["meter"], consumed)
    return consumed * conversion(terms, record, sku)


def to_increment(sku: Row, quantity: Fraction) -> Fraction:
    """P2: the next multiple of the increment: `up` away from zero, `down` towards it, `nearest` half away."""
    mode = {"up": "up", "down": "down", "nearest": "half_away"}[sku["quantity_rounding"]]
    increment = Fraction(sku["quantity_increment"])
    return rounded(quantity / increment, mode) * increment


def record_rounded(sku: Row, quantity: Fraction) -> Fraction:
    is_asked = sku["quantity_rounding"] is not None and sku["quantity_rounding_scope"] == "record"
    return to_increment(sku, quantity) if is_asked else quantity


def measure(terms: Terms, priced: list[Priced]) -> None:
    """P1, P2, P3 in their order: convert, round per record, meter, round per period, take off what is free."""
    for one in priced:
        one.converted = record_rounded(one.sku, converted_quantity(terms, one.record, one.sku))
    meter(terms, priced)
    with_price = [one for one in priced if one.price is not NO_PRICE]
    round_per_period(terms, with_price)
    take_off_free_quantity(with_price)


def meter(terms: Terms, priced: list[Priced]) -> None:
    """P1 (reading 29)."""
    by_resource: dict[tuple[Any, ...], list[Priced]] = defaultdict(list)
    for one in priced:
        one.quantity = one.converted
        if one.line.category != "usage":
            continue
        if one.sku["meter"] == "time_weighted":
            time = microseconds(one.record["charge_period_end"] - one.start)
            one.quantity *= Fraction(time, microseconds(terms.end - terms.start))
        if one.sku["meter"] in ("max", "last", "unique"):
            by_resource[one.sku["sku_id"], *resource_of(one.record)].append(one)
    for same in by_resource.values():
        first = min(same, key=value_orders[same[0].sku["meter"]])
        for one in same:
            one.quantity = one.converted if one is first else Fraction(0)


def resource_of(record: Row) -> tuple[Any, ...]:
    """P1: a resource is known by its id within the account; a null one is one per project, SKU and region."""
    if record["resource_id"] is not None:
        return ("resource", record["resource_id"])
    return ("no resource", record["sub_account_id"], record["region_id"])


def past(moment: datetime) -> int:
    """Sorts later moments first."""
    return microseconds(datetime.max.replace(tzinfo=UTC) - moment)


def settled(one: Priced) -> tuple[Any, ...]:
    return (one.line.order, one.record["consumed_unit"], one.record["usage_record_id"])


value_orders: dict[str, Callable[[Priced], Any]] = {
    "max": lambda one: (-one.converted, one.start, *settled(one)),
    "last": lambda one: (past(one.start), past(one.record["charge_period_end"]), -one.converted, *settled(one)),
    "unique": lambda one: (one.start, *settled(one)),
}


def round_per_period(terms: Terms, priced: list[Priced]) -> None:
    """P2: in time order, what the rounded sum grows by (reading 30)."""
    by_grain = terms.policy("line_grain", "sku") == "resource"
    by_scope = {one.sku["sku_id"] for one in priced if one.price["tier_scope"] == "resource"}
    groups: dict[tuple[Any, ...], list[Priced]] = defaultdict(list)
    for one in priced:
        if one.sku["quantity_rounding"] is not None and one.sku["quantity_rounding_scope"] == "period":
            sku_id, record = one.sku["sku_id"], one.record
            resource = record["resource_id"] if by_grain or sku_id in by_scope else None
            groups[one.line.category, sku_id, record["sub_account_id"], record["region_id"], resource].append(one)
    for group in groups.values():
        before = Fraction(0)
        for one in sorted(group, key=lambda one: one.in_time):
            upto = before + one.quantity
            one.quantity = to_increment(one.sku, upto) - to_increment(one.sku, before)
            before = upto


def take_off_free_quantity(priced: list[Priced]) -> None:
    """P3: free per (tier scope, SKU, region of the price row), in time order, whatever the model (reading 33)."""
    groups: dict[tuple[Any, ...], list[Priced]] = defaultdict(list)
    for one in priced:
        groups[pool_key(one)].append(one)
    for group in groups.values():
        before = Fraction(0)
        for one in sorted(group, key=lambda one: one.in_time):
            free = Fraction(one.price["free_quantity"])
            one.rest = above_free(before + one.quantity, free) - above_free(before, free)
            before += one.quantity


def above_free(quantity: Fraction, free: Fraction) -> Fraction:
    """What is priced of a quantity; below zero nothing is free."""
    return quantity if quantity < 0 else max(quantity - free, Fraction(0))


# At what price.


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


def price_row_id(price: Row) -> tuple[str, str]:
    """A price row is one dated row: the same id at another price is another row."""
    return price["sku_price_id"], price["valid_from"]


def line_at(terms: Terms, record: Row, sku: Row, price: Row) -> Line:
    """P5: the line a record belongs to, as yet without records."""
    resource = record["resource_id"] if terms.policy("line_grain", "sku") == "resource" else None
    start, end = terms.start, terms.end
    if price is not NO_PRICE:
        valid_from, valid_until = validity(price, terms.zone)
        start = start if valid_from is None else max(start, valid_from)
        end = end if valid_until is None else min(end, valid_until)
    project, region, category = record["sub_account_id"], record["region_id"], record["charge_category"]
    return Line(terms.account_id, project, sku, region, resource, category, price, start, end)


def price_usage(terms: Terms, used: list[Row]) -> tuple[list[Line], list[Priced]]:
    """P4, P5: rating lines with their records, and the records that have no price."""
    lines: dict[tuple[Any, ...], Line] = {}
    unpriced = []
    for record in sorted(used, key=lambda row: (row["charge_period_start"], row["usage_record_id"])):
        price, sku = price_of(terms, record), sku_of(terms, record["sku_id"])
        if price is None:
            unpriced.append(Priced(record, sku, NO_PRICE, line_at(terms, record, sku, NO_PRICE)))
            continue
        new = line_at(terms, record, sku, price)
        key = (new.project, sku["sku_id"], new.region, new.resource, new.category, price_row_id(price))
        line = lines.setdefault(key, new)
        line.records.append(Priced(record, sku, price, line))
    return sorted(lines.values(), key=lambda line: line.order), unpriced


# What it costs.


def rate_lines(terms: Terms, lines: list[Line]) -> None:
    """P5: list cost is computed and rounded once per rating line, or per tier pool and price row."""
    pools: dict[tuple[Any, ...], list[Priced]] = defaultdict(list)
    for line in lines:
        model = line.price["price_model"]
        if model in ("unit", "percentage"):
            line.amount = terms.rounded_charge(own_cost(line.price, line.records))
            continue
        if model not in ("graduated", "volume", "package", "flat"):
            raise UnsupportedError(f"price model {model}")
        if line.price["per_quantity"] != 1:
            raise UnsupportedError(f"per_quantity of a {model} price")
        for one in line.records:
            pools[pool_key(one)].append(one)
    for pool in pools.values():
        rate_pool(terms, pool)


def own_cost(price: Row, records: list[Priced]) -> Fraction:
    """P3: what a line without a pool costs: per n units, or record by record; exact."""
    if price["price_model"] == "percentage":
        return sum((percentage_cost(price, one.rest) for one in records), Fraction(0))
    rest = sum((one.rest for one in records), Fraction(0))
    return Fraction(price["list_unit_price"]) * rest / Fraction(price["per_quantity"])


def percentage_cost(price: Row, rest: Fraction) -> Fraction:
    """P3: rate × quantity + fixed fee, within minimum and maximum; a negative record mirrored (reading 37)."""
    if rest == 0:
        return Fraction(0)
    cost = Fraction(price["list_unit_price"]) * abs(rest) / Fraction(price["per_quantity"])
    cost += Fraction(price["fixed_fee"] or 0)
    if price["minimum"] is not None:
        cost = max(cost, Fraction(price["minimum"]))
    if price["maximum"] is not None:
        cost = min(cost, Fraction(price["maximum"]))
    return cost if rest > 0 else -cost


def graduated_cost(tiers: list[Row], quantity: Fraction) -> Fraction:
    """P3: each slice at the price of its own tier; up_to is inclusive; a flat fee is due once its tier is entered.

    Below zero everything is at the price of the first tier (reading 45).
    """
    if quantity < 0:
        return quantity * Fraction(tiers[0]["unit_price"])
    cost, lower = Fraction(0), Fraction(0)
    for tier in tiers:
        if quantity <= lower:
            break
        upper = quantity if tier["up_to"] is None else min(quantity, Fraction(tier["up_to"]))
        cost += (upper - lower) * Fraction(tier["unit_price"]) + Fraction(tier["flat_fee"])
        lower = upper if tier["up_to"] is None else Fraction(tier["up_to"])
    return cost


def volume_cost(tiers: list[Row], before: Fraction, quantity: Fraction, total: Fraction) -> Fraction:
    """P3, P6: all at the tier that the whole period reaches; its fee where the pool passes its lower bound."""
    lower = Fraction(0)
    for tier in tiers:
        if tier["up_to"] is None or total <= tier["up_to"]:
            fee = Fraction(tier["flat_fee"]) if before <= lower < before + quantity else Fraction(0)
            return quantity * Fraction(tier["unit_price"]) + fee
        lower = Fraction(tier["up_to"])
    raise ValueError("the last tier is open")


def package_cost(price: Row, quantity: Fraction) -> Fraction:
    """P3: started blocks, rounded towards plus infinity also below zero."""
    return math.ceil(quantity / Fraction(price["package_size"])) * Fraction(price["list_unit_price"])


def tiers_of(terms: Terms, price: Row) -> list[Row]:
    rows = [row for row in terms.world["price_tiers"] if row["sku_price_id"] == price["sku_price_id"]]
    return sorted(rows, key=lambda row: (row["up_to"] is None, row["up_to"] or 0))


def pool_key(one: Priced) -> tuple[Any, ...]:
    """P6: (tier scope and what it counts by; SKU; region of the price row or none)."""
    scope = one.price["tier_scope"]
    if scope == "account":
        member: tuple[Any, ...] = ()
    elif scope == "sub_account":
        member = (one.record["sub_account_id"],)
    else:
        member = resource_of(one.record)
    return (scope, member, one.sku["sku_id"], one.price["region_id"])


def rate_pool(terms: Terms, pool: list[Priced]) -> None:
    """P6: a price row's part costs f(Q + q) - f(Q), rounded once, split over its rating lines by quantity (M1)."""
    total = sum((one.rest for one in pool), Fraction(0))
    first_seen: dict[tuple[str, str], datetime] = {}
    for one in pool:
        row_id = price_row_id(one.price)
        first_seen[row_id] = min(one.start, first_seen.get(row_id, one.start))
    before = Fraction(0)
    for row_id in sorted(first_seen, key=lambda row_id: (first_seen[row_id], row_id)):
        part = [one for one in pool if price_row_id(one.price) == row_id]
        price, quantity = part[0].price, sum((one.rest for one in part), Fraction(0))
        upto = before + quantity
        if price["price_model"] == "graduated":
            tiers = tiers_of(terms, price)
            cost = graduated_cost(tiers, upto) - graduated_cost(tiers, before)
        elif price["price_model"] == "volume":
            cost = volume_cost(tiers_of(terms, price), before, quantity, total)
        elif price["price_model"] == "package":
            cost = package_cost(price, upto) - package_cost(price, before)
        else:
            cost = Fraction(0)  # a flat price is no matter of quantity
        before = upto
        if quantity != 0:
            share_by_rest(part, terms.rounded_charge(cost))
    charge_flat(terms, pool)


def share_by_rest(part: list[Priced], amount: int) -> None:
    lines = sorted({id(one.line): one.line for one in part}.values(), key=lambda line: line.order)
    weights = [sum((one.rest for one in part if one.line is line), Fraction(0)) for line in lines]
    for line, share in zip(lines, split(amount, weights), strict=True):
        line.amount += share


def charge_flat(terms: Terms, pool: list[Priced]) -> None:
    """P3: once per pool and period with usage, on the line of its first positive record (reading 36)."""
    flat = sorted((one for one in pool if one.price["price_model"] == "flat"), key=lambda one: one.in_time)
    if sum((one.rest for one in flat), Fraction(0)) > 0:
        first = next(one for one in flat if one.rest > 0)
        first.line.amount += terms.rounded_charge(Fraction(first.price["list_unit_price"]))


def window_boundaries(terms: Terms, line: Line, discounts: list[Row], grants: list[Row]) -> set[datetime]:
    """P7, T1: of every discount and grant that could reach the line apart from its window, and of tax rates."""
    windows = [window for row in discounts if discount_is_about(row, line) for window in row["windows"]]
    windows += [(row["window_start"], row["window_end"]) for row in grants if grant_is_about(row, line)]
    windows = [window for window in windows if not is_empty(window)]
    if terms.policy("tax_point", "period_end") == "usage":
        windows += [validity(row, terms.zone) for row in terms.world["tax_rates"] if is_taxed_by(terms, row)]
    return {boundary for window in windows for boundary in window if boundary is not None}


def cuts_of(terms: Terms, line: Line, discounts: list[Row], grants: list[Row]) -> list[datetime]:
    boundaries = window_boundaries(terms, line, discounts, grants)
    return sorted(boundary for boundary in boundaries if line.start < boundary < line.end)


def charges_of(terms: Terms, line: Line, cuts: list[datetime]) -> list[Charge]:
    """P7: the rounded value up to a cut less that up to the one before; no records, no charge."""
    bounds = [line.start, *cuts, line.end]
    charges = []
    for start, end in itertools.pairwise(bounds):
        records = [one for one in line.records if start <= one.start < end]
        if records:
            quantity = sum((one.quantity for one in records), Fraction(0))
            charges.append(Charge(line, start, end, quantity, 0, records))
    if sum(len(charge.records) for charge in charges) != len(line.records):
        raise ValueError("a record lies outside its line")
    if line.price["price_model"] in ("unit", "percentage"):
        exact = running(own_cost(line.price, charge.records) for charge in charges)
        costs = differences(terms.rounded_charge(upto) for upto in exact)
    elif line.rest == 0:
        costs = [0] * (len(charges) - 1) + [line.amount]  # reading 46
    else:
        rests = [sum((one.rest for one in charge.records), Fraction(0)) for charge in charges]
        costs = cumulated(line.amount, rests, terms.policy("rounding_charges", "half_away"))
    for charge, cost in zip(charges, costs, strict=True):
        charge.list_cost = cost
    return charges


def one_off_charge(terms: Terms, sku: Row, project: str | None, start: datetime, amount: int, source: str) -> Charge:
    """1.3, P10: a charge without usage and without a price row."""
    end = start + timedelta(microseconds=1)
    line = Line(terms.account_id, project, sku, None, None, "one_off", NO_PRICE, start, end, [], amount, source)
    return Charge(line, start, end, Fraction(1), amount)


OTHER: Row = {"sku_id": None, "service": "other", "service_category": "other", "feature": "other", "tags": []}


def added_charges(terms: Terms, operations: list[Row]) -> list[Charge]:
    """1.3 `add_charge` (reading 40)."""
    charges = []
    for operation in operations:
        at, period = operation["occurred_at"], operation.get("billing_period")
        is_of_period = (period or period_of(at, terms.zone)) == terms.world["billing_period"]
        is_known = known_since(operation) <= terms.known_as_of and (terms.is_closing or at < terms.known_as_of)
        if operation["billing_account_id"] != terms.account_id or not is_of_period or not is_known:
            continue
        sku = OTHER if operation.get("sku_id") is None else sku_of(terms, operation["sku_id"])
        sku = {**sku, "tax_category": operation.get("tax_category") or sku["tax_category"]}
        start = max(terms.start, min(at, terms.last_instant))
        amount = terms.mu(operation["amount"])
        made = one_off_charge(terms, sku, operation.get("sub_account_id"), start, amount, operation["operation_id"])
        charges.append(made)
    return charges


# The most and the least that it costs.


def limits_of(terms: Terms, kind: str) -> list[Row]:
    """P10: the account's limits: its own, and those of a price whoever pays it; those of a price go first."""
    rows = []
    for row in terms.world["spend_limits"]:
        if row["kind"] != kind or row["billing_account_id"] not in (None, terms.account_id):
            continue
        if row["billing_currency"] == terms.currency:
            rows.append(row)
        elif row["billing_account_id"] is not None:
            raise UnsupportedError(f"spend limit {row['spend_limit_id']} in another currency than its account")
    return sorted(rows, key=lambda row: (row["sku_price_id"] is None, row["spend_limit_id"], row["valid_from"]))


def limited(row: Row, charges: list[Charge]) -> list[Charge]:
    price = row["sku_price_id"]
    return [charge for charge in charges if price is None or charge.line.price["sku_price_id"] == price]


def apply_caps(terms: Terms, charges: list[Charge]) -> list[Row]:
    """P10 `maximum_spend`: the surplus, last rating lines first, in each from its last charge back."""
    allocations = []
    for row in in_force(limits_of(terms, "maximum_spend"), terms.last_instant, terms.zone):
        about = limited(row, charges)
        surplus = sum(charge.net for charge in about) - terms.mu(row["amount"])
        for charge in sorted(about, key=lambda charge: (charge.line.order, charge.start), reverse=True):
            amount = min(surplus, charge.net)
            if amount > 0:
                surplus -= amount
                charge.cap += amount
                allocations.append(allocation(terms, charge, "cap", "before", row["spend_limit_id"], amount))
    return allocations


def true_ups(terms: Terms, charges: list[Charge]) -> list[Charge]:
    """P10 `minimum_spend`: one charge at period end for what is missing, scaled by covered days; at closing only."""
    made = []
    for row in limits_of(terms, "minimum_spend") if terms.is_closing else []:
        start, end = window = time_in_period(terms, row)
        about = limited(row, charges)
        is_meant = row["billing_account_id"] is not None or bool(about)
        if is_empty(window) or start is None or end is None or not is_meant:
            continue
        least = terms.rounded_charge(Fraction(row["amount"]) * covered_days(terms, start, end))
        missing = least - sum(charge.net for charge in about)
        if missing > 0:
            sku, source = sku_of(terms, row["true_up_sku_id"]), f"{row['spend_limit_id']} {row['valid_from']}"
            made.append(one_off_charge(terms, sku, None, terms.last_instant, missing, source))
    return made


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
        if row["kind"] == "fixed" and row["billing_currency"] != terms.currency:
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
    discounts = [{**row, "worth": worth(terms, row, charges)} for row in discounts]
    for discount in discounts:
        reached = [charge for charge in charges if discount_reaches(discount, charge)]
        if stacking == "best_only":
            reached = [charge for charge in reached if best_discount(discounts, charge) is discount]
        base = net_cost if stacking == "sequential" else list_cost
        if stacking not in ("sequential", "additive", "best_only"):
            raise UnsupportedError(f"stacking {stacking}")
        for charge, share in discount_shares(terms, discount, reached, base):
            left = abs(charge.net)
            amount = max(-left, min(left, share))
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
    return max((row for row in discounts if discount_reaches(row, charge)), key=lambda row: row["worth"])


def worth(terms: Terms, discount: Row, charges: list[Charge]) -> Fraction:
    """D3 `best_only`: its percentage; of a fixed one that of what it reaches, at most 100 (reading 50)."""
    if discount["kind"] == "percent":
        return Fraction(discount["value"])
    reached = [charge for charge in charges if discount_reaches(discount, charge)]
    positive = sum(charge.list_cost for charge in with_sign(reached, list_cost, 1))
    return min(Fraction(100), Fraction(100 * terms.mu(discount["value"]), positive)) if positive else Fraction(0)


def with_sign(reached: list[Charge], base: Callable[[Charge], int], sign: int) -> list[Charge]:
    """D4: the charges of the rating lines whose reached part has that sign."""
    reached_part: dict[int, int] = defaultdict(int)
    for charge in reached:
        reached_part[id(charge.line)] += base(charge)
    return [charge for charge in reached if reached_part[id(charge.line)] * sign > 0]


def discount_shares(
    terms: Terms, discount: Row, reached: list[Charge], base: Callable[[Charge], int]
) -> list[tuple[Charge, int]]:
    """D2, D4: once on the sum it reaches, rounded once, split by M1; negative lines apart, without fixed ones."""
    mode = terms.policy("rounding_charges", "half_away")
    shares = []
    for sign in (1, -1) if discount["kind"] == "percent" else (1,):
        group = with_sign(reached, base, sign)
        whole = sum(base(charge) for charge in group)
        if discount["kind"] == "percent":
            total = rounded(Fraction(discount["value"]) / 100 * whole, mode)
        else:
            total = min(terms.mu(discount["value"]), whole)
        if group:
            shares += list(zip(group, split_over_charges(total, group, base, mode), strict=True))
    return shares


def allocation(terms: Terms, charge: Charge, kind: str, tax_position: str, source: str, amount: int) -> Row:
    return {
        **charge.key,
        "billing_period": terms.world["billing_period"],
        "allocation_kind": kind,
        "tax_position": tax_position,
        "source_id": source,
        "amount": money(amount, terms.exponent),
        "line_source": charge.line.source,
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
        "charge": line.category,
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
        in_time = contains(window, terms.end if terms.is_closing else terms.known_as_of)
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
    terms: Terms,
    grants: list[Row],
    charges: list[Charge],
    due: dict[int, int],
    balance: dict[str, int],
    closed: list[Charge],
) -> list[Row]:
    """G5, G6, W4: each grant in order pays its eligible charges in order, never above a remainder or its balance.

    Grants of kind organization pay none of the closed charges.
    """
    applications = []
    for grant in in_grant_order(terms, grants):
        eligible = [
            charge
            for charge in in_charge_order(terms, charges)
            if due[id(charge)] > 0
            and is_eligible(terms, grant, charge)
            and not (grant["kind"] == "organization" and any(charge is one for one in closed))
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


def is_closed(terms: Terms, allocations: list[Row], charge: Charge) -> bool:
    """W4: may grants of kind organization not pay it (reading 53)?"""
    if charge.line.project is None:
        return False
    deciding = [
        row
        for row in allocations
        if row["sub_account_id"] == charge.line.project
        and row["occurred_at"] < terms.end
        and holds(row["window"], charge.start, charge.end)
    ]
    if not deciding:
        return terms.policy("organization_credit", "open") == "allocated_only"
    return not max(deciding, key=lambda row: (row["occurred_at"], row["operation_id"]))["is_on"]


def opening_balances(terms: Terms, state: Fold, grants: list[Row]) -> dict[str, int]:
    """K1, K8: the amount, less what earlier periods took and what has flown out, as far as known (reading 56).

    What paid later periods were applied is reserved for them (reading 68).
    """
    balance = {grant["grant_id"]: terms.mu(grant["amount"]) for grant in grants}
    outflows = [row for row in state.moved if row["amount"] < 0 and row["known_since"] <= terms.known_as_of]
    draws = [
        row
        for row in terms.world.get("grant_movements", [])
        if (row["billing_period"] < terms.world["billing_period"] or row.get("is_reserved"))
        and row["movement"] in DRAWS
    ]
    for row in outflows + draws:
        if row["grant_id"] in balance:
            balance[row["grant_id"]] += terms.mu(row["amount"])
    return {grant_id: max(0, left) for grant_id, left in balance.items()}


def month_number(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:])


def floor_of(terms: Terms, grant: Row) -> int:
    """W1: what the period takes at least, in mu (reading 54)."""
    start, end, period = grant["window_start"], grant["window_end"], terms.world["billing_period"]
    touches = start < terms.end and (end is None or (end > terms.start and end > start))
    if not touches or period < period_of(max(start, grant["occurred_at"]), terms.zone):
        return 0
    if grant["logic"] == "fixed":
        return terms.mu(grant["monthly_value"])
    if grant["logic"] != "linear":
        return 0
    first, last = (month_number(period_of(moment, terms.zone)) for moment in (start, grant["granted_until"]))
    months, place = max(1, last - first), month_number(period) - first
    amount = terms.mu(grant["amount"])
    each = amount // months
    if place >= months:
        return 0
    return each if place < months - 1 else amount - each * (months - 1)


def take_floors(terms: Terms, grants: list[Row], allocations: list[Row], balance: dict[str, int]) -> list[Row]:
    """W2: what is missing to the floor, at most the free balance; what project grants paid counts as use."""
    taken = []
    for grant in grants if terms.is_closing else []:
        family = {grant["grant_id"]} | {one["grant_id"] for one in grants if one["from_grant_id"] == grant["grant_id"]}
        used = sum(
            terms.mu(row["amount"])
            for row in allocations
            if row["allocation_kind"] == "grant" and row["source_id"] in family
        )
        draw = min(max(0, floor_of(terms, grant) - used), balance[grant["grant_id"]])
        if draw > 0:
            balance[grant["grant_id"]] -= draw
            end = grant["window_end"]
            occurred_at = terms.end if end is None else min(terms.end, end)
            taken.append(draw_row(terms, grant, "minimum_consumption", draw, occurred_at))
    return taken


def draw_row(terms: Terms, grant: Row, movement: str, mu: int, occurred_at: datetime) -> Row:
    return {
        "billing_account_id": terms.account_id,
        "billing_period": terms.world["billing_period"],
        "grant_id": grant["grant_id"],
        "movement": movement,
        "amount": money(-mu, terms.exponent),
        "billing_currency": terms.currency,
        "occurred_at": occurred_at,
    }


def ends_now(terms: Terms, grant: Row) -> bool:
    """K3: with the first period billed that ends at or after the end of the window (reading 19)."""
    end = grant["window_end"]
    if not terms.is_closing or end is None or end > terms.end:
        return False
    return bool(end > terms.start or terms.account_id not in terms.world.get("held_before", ()))


# ------------------------------------------------------------------------------------------------------------------ tax


def is_taxed_by(terms: Terms, rate: Row) -> bool:
    """T1: a row of the account's jurisdictions, region and status, whatever its category."""
    return (
        rate["seller_jurisdiction"] == terms.seller["jurisdiction"]
        and rate["account_jurisdiction"] == terms.account["jurisdiction"]
        and rate["tax_status"] == terms.account["tax_status"]
        and rate["account_region"] in (None, terms.account["region"])
    )


def tax_rates_of(terms: Terms, charge: Charge) -> list[Row]:
    """T1: every component of the match; rows that name the region before those that do not."""
    at = charge.start if terms.policy("tax_point", "period_end") == "usage" else terms.last_instant
    rows = [
        row
        for row in in_force(terms.world["tax_rates"], at, terms.zone)
        if is_taxed_by(terms, row) and row["tax_category"] == charge.line.sku["tax_category"]
    ]
    return [row for row in rows if row["account_region"] is not None] or rows


def tax_charges(terms: Terms, charges: list[Charge]) -> list[Row]:
    """T3: rounded once per (code, rate, component), shared by M1 with taxable × rate as exact shares; or per line."""
    groups: dict[tuple[Any, ...], list[Charge]] = defaultdict(list)
    for charge in charges:
        for rate in tax_rates_of(terms, charge):
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


# -------------------------------------------------------------------------------------------------------- cost policies


def cost_policies_of(terms: Terms) -> list[Row]:
    at = terms.last_instant if terms.is_closing else terms.known_as_of
    rows = in_force(terms.world.get("cost_policies", []), at, terms.zone)
    return [row for row in rows if row["billing_account_id"] == terms.account_id]


def cost_row(terms: Terms, charge: Charge) -> Row:
    """W5: what a charge comes to, before tax and with or without before-tax grants."""
    return {
        "billing_account_id": terms.account_id,
        "sub_account_id": charge.line.project,
        "sku_id": charge.line.sku["sku_id"],
        "cost_before_grants": money(charge.net, terms.exponent),
        "cost_after_grants": money(charge.taxable, terms.exponent),
        "pricing_quantity": charge.quantity,
    }


def measured(terms: Terms, policy: Row, charges: list[Charge]) -> Row:
    """W5: what the period comes to, and whether that reaches the limit (reading 61)."""
    column = "pricing_quantity" if policy["measure"] == "quantity" else f"cost_{policy['cost_position']}"

    def whole(rows: Iterable[Row]) -> Fraction:
        watched = [
            row
            for row in rows
            if row["billing_account_id"] == terms.account_id
            and policy["sub_account_id"] in (None, row["sub_account_id"])
            and policy["sku_id"] in (None, row["sku_id"])
        ]
        return sum((Fraction(row[column]) for row in watched), Fraction(0))

    earlier = whole(terms.world.get("earlier_costs", [])) if policy["period"] == "total" else Fraction(0)
    total, limit = earlier + whole(cost_row(terms, charge) for charge in charges), Fraction(policy["limit"])
    begins = validity(policy, terms.zone)[0]
    is_new = begins is not None and terms.start <= begins < terms.end
    return {
        "cost_policy_id": policy["cost_policy_id"],
        "billing_account_id": terms.account_id,
        "sub_account_id": policy["sub_account_id"],
        "billing_period": terms.world["billing_period"],
        "action": policy["action"],
        "limit": policy["limit"],
        "earlier_measured": earlier,
        "measured": total,
        "is_crossing": total >= limit and (earlier < limit or is_new),
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
    "costs",
    "cost_policy_measures",
    "cost_policy_events",
)


def bill(world: World) -> dict[str, list[Row]]:
    """One period of every account: what the books should say (L1)."""
    state = fold(world)
    books: dict[str, list[Row]] = {table: [] for table in TABLES}
    committed = {row["operation_id"] for row in world.get("committed_operations", [])}
    books["operations"] = [row for name, row in state.decisions.items() if name not in committed]
    books["grants"] = state.grants
    books["grant_movements"] = [
        {column: value for column, value in row.items() if column != "known_since"}
        for row in state.moved
        if row["operation_id"] not in committed
    ]
    for account_id in sorted({row["billing_account_id"] for row in world["billing_accounts"]}):
        terms = account_terms(world, account_id)
        if terms is not None:
            refuse_what_is_out_of_scope(world, terms)
            bill_account(terms, state, books)
    return books


def bill_history(world: World) -> list[dict[str, list[Row]]]:
    """The books of each month of the history, one after the other (reading 60)."""
    return [books for _, books in history_steps(world)]


def history_steps(world: World) -> list[tuple[World, dict[str, list[Row]]]]:
    """Each month as a world of its own, with what is committed before it, and its books."""
    history, waiting = world["history"], list(world["operations"])
    first_billed = {row["billing_account_id"]: history[0]["billing_period"] for row in world["billing_accounts"]}
    committed: list[Row] = list(world.get("committed_operations", []))
    drawn: list[Row] = list(world.get("grant_movements", []))
    costs: dict[str, list[Row]] = {"": list(world.get("earlier_costs", []))}  # by period
    held: set[str] = set()
    steps = []
    for month in history:
        landed = [row for row in waiting if known_since(row) <= month["known_as_of"]]
        waiting = [row for row in waiting if known_since(row) > month["known_as_of"]]
        step = {
            **{name: table for name, table in world.items() if name != "history"},
            **month,
            "operations": landed,
            "committed_operations": list(committed),
            "grant_movements": list(drawn),
            "first_billed_periods": {**first_billed, **world.get("first_billed_periods", {})},
            "held_before": {*world.get("held_before", ()), *held},
            "earlier_costs": [row for one, rows in costs.items() if one < month["billing_period"] for row in rows],
        }
        books = bill(step)
        held |= {row["billing_account_id"] for row in books["holds"]}
        costs[month["billing_period"]] = books["costs"]
        steps.append((step, books))
        by_id = {row["operation_id"]: row for row in sorted(landed, key=known_since, reverse=True)}
        committed += [{**by_id[row["operation_id"]], **row} for row in books["operations"]]
        drawn = [row for row in drawn if row["billing_period"] != month["billing_period"]]
        drawn += [row for row in books["grant_movements"] if row["movement"] in DRAWS]
    return steps


@dataclass
class Account:
    """One account's period while it is worked out: amounts of charges in mu, balances of grants in mu."""

    terms: Terms
    grants: list[Row]
    charges: list[Charge]
    allocations: list[Row]  # discounts and caps, then what grants paid, in the order in which they did
    closed: list[Charge]  # W4
    balance: dict[str, int]
    unpriced: list[Row] = field(default_factory=list)
    tax_breakdown: list[Row] = field(default_factory=list)
    movements: list[Row] = field(default_factory=list)
    hold: Row | None = None


def bill_account(terms: Terms, state: Fold, books: dict[str, list[Row]]) -> None:
    """The stages of one account's period, in the order that the rules give them."""
    account = rate_account(terms, state)
    if account.hold is not None:
        books["holds"].append(account.hold)
        return
    charges = account.charges
    spend_before_tax(account, remainders_before_tax(account))
    account.tax_breakdown = tax_charges(terms, charges)
    spend_after_tax(account, remainders_after_tax(account))
    take_and_end(account)

    books["unpriced_usage"] += [{"usage_record_id": row["usage_record_id"]} for row in account.unpriced]
    books["tax_breakdown"] += account.tax_breakdown
    books["allocations"] += account.allocations
    books["costs"] += [cost_row(terms, charge) for charge in charges]
    policies = [] if terms.has_ended else cost_policies_of(terms)
    measures = [measured(terms, policy, charges) for policy in policies]
    books["cost_policy_measures"] += measures
    books["cost_policy_events"] += [row for row in measures if row["is_crossing"]]
    lines = {id(charge.line): charge.line for charge in charges}.values()
    books["rating_lines"] += [line_row(terms, line) for line in sorted(lines, key=lambda line: line.order)]
    books["charges"] += [charge_row(terms, charge, place) for place, charge in enumerate(charges, start=1)]
    books["tax_shares"] += [share for charge in charges for share in tax_share_rows(terms, charge)]
    books["grant_movements"] += account.movements
    if charges:
        invoice = invoice_row(terms, charges)
        books["invoices"].append(invoice)
        books["invoice_totals"].append(total_row(invoice))


def rate_account(terms: Terms, state: Fold) -> Account:
    """Sections 2 and 3: charges less discounts and caps, and the grants that may pay them; or a hold."""
    discounts, grants = own_discounts(terms, state), own_grants(terms, state)
    charges, unpriced = charges_of_account(terms, state, discounts, grants)
    account = Account(terms, grants, charges, [], [], {}, unpriced)
    if unpriced and terms.policy("unpriced_usage", "hold") == "hold":
        account.hold = parked(terms, "R_NO_PRICE", sum(charge.list_cost for charge in charges))
        return account
    account.allocations = apply_discounts(terms, charges, discounts) + apply_caps(terms, charges)
    lacking = [] if terms.has_ended else true_ups(terms, charges)
    account.charges = sorted(charges + lacking, key=lambda charge: charge.order)
    taxed = [charge for charge in account.charges if tax_rates_of(terms, charge)]
    if len(taxed) < len(account.charges):
        account.hold = parked(terms, "H_NO_TAX_RATE", sum(charge.list_cost for charge in taxed))
        return account
    switches = own_allocations(terms, state)
    account.closed = [charge for charge in account.charges if is_closed(terms, switches, charge)]
    account.balance = opening_balances(terms, state, grants)
    return account


def remainders_before_tax(account: Account) -> dict[int, int]:
    """G7: what before-tax grants may pay of each charge."""
    remainder = {id(charge): charge.taxable for charge in account.charges}
    lower_by_negatives(remainder, account.charges, same_sku_and_project)
    lower_by_negatives(remainder, account.charges, same_tax_category)
    return remainder


def remainders_after_tax(account: Account) -> dict[int, int]:
    """G7: what after-tax grants may pay of each charge."""
    due = {id(charge): charge.taxable + charge.tax - charge.after_tax for charge in account.charges}
    lower_by_negatives(due, account.charges, same_sku_and_project)
    lower_by_negatives(due, account.charges, same_tax_category)
    lower_by_negatives(due, account.charges, lambda charge: "all")
    return due


def spend_before_tax(account: Account, remainder: dict[int, int]) -> None:
    before = [grant for grant in account.grants if grant["tax_position"] == "before"]
    account.allocations += spend(account.terms, before, account.charges, remainder, account.balance, account.closed)


def spend_after_tax(account: Account, due: dict[int, int]) -> None:
    after = [grant for grant in account.grants if grant["tax_position"] == "after"]
    account.allocations += spend(account.terms, after, account.charges, due, account.balance, account.closed)


def take_and_end(account: Account) -> None:
    """B3: what each grant paid, then floors, then what is over."""
    terms, grants, balance = account.terms, account.grants, account.balance
    account.movements += charged(terms, account.allocations)
    account.movements += take_floors(terms, grants, account.allocations, balance)
    account.movements += what_ends(terms, grants, balance)


def own_grants(terms: Terms, state: Fold) -> list[Row]:
    """The grants that are known, each until its end as far as that is known (K5)."""
    known = [row for row in state.grants if terms.knows(row)]
    return [ended(terms, state, row) for row in known if row["billing_account_id"] == terms.account_id]


def ended(terms: Terms, state: Fold, grant: Row) -> Row:
    """K5: recover and refund end the window, one that has not begun at its start (reading 55)."""
    made = {**grant, "granted_until": grant["window_end"], "ending": "expired"}
    for ending in endings_of(state, grant):
        if terms.knows(ending):
            made["window_end"] = max(grant["window_start"], ending["occurred_at"])
            made["ending"] = ending["movement"]
    return made


def own_allocations(terms: Terms, state: Fold) -> list[Row]:
    known = [row for row in state.allocations if terms.knows(row)]
    return [row for row in known if row["billing_account_id"] == terms.account_id]


def own_discounts(terms: Terms, state: Fold) -> list[Row]:
    accepted = [row for row in state.acceptances if terms.knows(row)]
    return discounts_of(terms, [row for row in accepted if row["billing_account_id"] == terms.account_id])


def charges_of_account(
    terms: Terms, state: Fold, discounts: list[Row], grants: list[Row]
) -> tuple[list[Charge], list[Row]]:
    """Section 2 up to P7: charges at list cost, and what has no price; nothing of an account that has ended."""
    if terms.has_ended:
        return [], []
    lines, unpriced = price_usage(terms, usage_of_period(terms, discounts, grants))
    measure(terms, [*(one for line in lines for one in line.records), *unpriced])
    rate_lines(terms, lines)
    charges = [charge for line in lines for charge in charges_of(terms, line, cuts_of(terms, line, discounts, grants))]
    charges += added_charges(terms, state.added_charges)
    return sorted(charges, key=lambda charge: charge.order), [one.record for one in unpriced]


def record_shares(world: World, key: tuple[Any, ...]) -> list[tuple[str, Decimal]]:
    """P8: a charge's list cost over its usage records by M1, in order of their start, then id (reading 48)."""
    state, shares = fold(world), []
    terms = account_terms(world, key[0])
    if terms is None:
        return []
    charges, _ = charges_of_account(terms, state, own_discounts(terms, state), own_grants(terms, state))
    for charge in charges:
        if charge_key(charge.key) == key:
            shares += shares_of_records(terms, charge)
    return shares


def shares_of_records(terms: Terms, charge: Charge) -> list[tuple[str, Decimal]]:
    by_percentage = charge.line.price["price_model"] == "percentage"
    weights: dict[str, Fraction] = defaultdict(Fraction)
    for one in sorted(charge.records, key=lambda one: (one.start, one.record["usage_record_id"])):
        weight = percentage_cost(one.price, one.rest) if by_percentage else one.rest
        weights[one.record["usage_record_id"]] += weight
    if sum(weights.values()) != 0:
        parts = split(charge.list_cost, list(weights.values()))
    else:
        parts = [0] * (len(weights) - 1) + [charge.list_cost] * bool(weights)
    return [(name, money(part, terms.exponent)) for name, part in zip(weights, parts, strict=True)]


def parked(terms: Terms, reason: str, amount: int) -> Row:
    """P4: the account is parked for the period, with a reason and the amount of its other charges."""
    return {
        "billing_period": terms.world["billing_period"],
        "billing_account_id": terms.account_id,
        "reason_code": reason,
        "other_charges_amount": money(amount, terms.exponent),
        "billing_currency": terms.currency,
    }


def line_row(terms: Terms, line: Line) -> Row:
    return {
        "billing_account_id": line.account_id,
        "sub_account_id": line.project,
        "sku_id": line.sku["sku_id"],
        "region_id": line.region,
        "resource_id": line.resource,
        "charge_category": line.category,
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


def charged(terms: Terms, allocations: list[Row]) -> list[Row]:
    """B3: what each grant paid."""
    return [
        {
            **{column: row[column] for column in KEY_COLUMNS},
            "billing_period": terms.world["billing_period"],
            "grant_id": row["source_id"],
            "movement": "charged",
            "amount": -row["amount"],
            "billing_currency": terms.currency,
            "occurred_at": terms.end,
        }
        for row in allocations
        if row["allocation_kind"] == "grant"
    ]


def what_ends(terms: Terms, grants: list[Row], balance: dict[str, int]) -> list[Row]:
    """K3, K5: what is left of a grant whose time is over."""
    return [
        draw_row(terms, grant, grant["ending"], balance[grant["grant_id"]], grant["window_end"])
        for grant in grants
        if ends_now(terms, grant) and balance[grant["grant_id"]] > 0
    ]


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
        "cap_amount": total(lambda charge: charge.cap),
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
