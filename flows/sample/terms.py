"""What was agreed with single customers: contract prices, discounts, promo codes, credit granted, and who may act."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from flows.sample.calendar import Month
from flows.sample.catalogue import CURRENCY_FACTORS, Sku, price_row
from flows.sample.customers import SHOWCASE, Account, account_id
from rating.hashing import hash64

CHANGE_DAY = 16
"""The day of the month, in the customer's zone, on which what changes inside the month changes."""

CREDIT_UNIT: Mapping[str, Decimal] = {
    "EUR": Decimal("1.00"),
    "USD": Decimal("1.00"),
    "KRW": Decimal(1500),
    "KWD": Decimal("0.305"),
    "INR": Decimal("90.00"),
}
"""Credit is granted in multiples of this."""


def contract_rows(
    accounts: Sequence[Account], busiest: Mapping[str, str], catalogue: Mapping[str, Sku], month: Month
) -> Iterator[dict[str, object]]:
    """Contract prices: 15 % below the list for what a customer uses most; for some 20 % below from the change on."""
    for account in accounts:
        has_change = account.boundary == "price"
        if (not has_change and account.number % 37 != 3) or account.billing_account_id not in busiest:
            continue
        sku = catalogue[busiest[account.billing_account_id]]
        currency = account.market.billing_currency
        listed = Decimal(sku.price) * CURRENCY_FACTORS[currency]
        contract = {"billing_account_id": account.billing_account_id}
        price_id = f"{sku.sku_id}-{account.billing_account_id}"
        first = price_row(price_id, sku, currency, listed * Decimal("0.85"), month.since, **contract)
        if not has_change:
            yield first
            continue
        yield {**first, "valid_until": month.day(CHANGE_DAY - 1)}
        yield price_row(f"{price_id}-new", sku, currency, listed * Decimal("0.80"), month.day(CHANGE_DAY), **contract)


def discount_rows(accounts: Sequence[Account], month: Month) -> Iterator[dict[str, object]]:
    """Percentages off: one for everybody, one from a promo code, some for all an account buys, some from mid-month."""

    def row(discount_id: str, percent: int, start: str, **more: object) -> dict[str, object]:
        common = {"discount_id": discount_id, "kind": "percent", "value": percent, "priority": 100}
        return {**common, "valid_from": start, "valid_until": None, **more}

    yield row("kubernetes-launch", 20, month.day(1), service="Kubernetes", valid_until=month.months_later(2))
    for account in accounts:
        own = {"billing_account_id": account.billing_account_id}
        if account.number == SHOWCASE:
            scope = {**own, "service": "Compute", "promo_code": "AUTUMN10"}
            yield row("autumn-halden", 10, month.day(1), **scope, valid_until=month.months_later(2))
        elif account.boundary == "discount":
            yield row(f"from-{month.day(CHANGE_DAY)}-{account.billing_account_id}", 15, month.day(CHANGE_DAY), **own)
        elif account.number % 33 == 5:
            yield row(f"volume-{account.billing_account_id}", 5, month.since, **own)


def promo_rows(accounts: Sequence[Account], month: Month) -> Iterator[dict[str, object]]:
    """Promo codes: two for who pays in their currency, one that gives a discount, one for a few, one that is over."""

    def row(code: str, value: int, currency: str | None, **more: object) -> dict[str, object]:
        common = {"promo_code": code, "benefit": "grant", "kind": "promo", "value": value, "billing_currency": currency}
        dates = {"window_start": "next_invoice", "duration": "P3M", "per_account_limit": 1}
        return {**common, **dates, "valid_from": month.since, "valid_until": None, **more}

    yield row("AUTUMN10", 10, None, benefit="discount", kind=None)  # what of: discounts
    yield row("HELLO-CLOUD", 20, "EUR", total_limit=5_000)
    yield row("SEOUL-AI", 30_000, "KRW", include=["service:AI Models"])
    yield row("PARTNERS-ONLY", 100, "EUR", accounts=[accounts[-1].billing_account_id])
    yield row("SUMMER-IS-OVER", 25, "EUR", valid_until=month.day_before)


def principal_rows(accounts: Sequence[Account], month: Month) -> Iterator[dict[str, object]]:
    """Who may act: the provider's own people by their function, and those of the showcase account."""
    showcase_id = accounts[0].billing_account_id
    for principal_id, role, billing_account_id in (
        ("operator", "staff", None),
        ("support-desk", "support", None),
        ("halden-owner", "organization_owner", showcase_id),
        ("halden-accounting", "billing_manager", showcase_id),
        ("halden-analyst", "analyst", showcase_id),
    ):
        yield {
            "principal_id": principal_id,
            "role": role,
            "billing_account_id": billing_account_id,
            "valid_from": month.since,
            "valid_until": None,
        }


@dataclass(frozen=True)
class Operation:
    """One line of the operations file, and the code it should be refused with, if any."""

    payload: Mapping[str, object]
    refused_with: str | None = None

    @property
    def line(self) -> str:
        """The line, without what it leaves open."""
        return json.dumps(
            {name: value for name, value in self.payload.items() if value is not None}, ensure_ascii=False
        )


def credit(account: Account, draw: int, units: int) -> str:
    """An amount of credit in the account's currency, written with its decimals."""
    return str(CREDIT_UNIT[account.market.billing_currency] * (units + 5 * (draw % 20)))


def operations(accounts: Sequence[Account], month: Month, seed: int, is_clean: bool) -> list[Operation]:
    """What people did in the month: credit granted, promo codes accepted, and (unless clean) a few things refused."""
    made: list[Operation] = []

    def add(operation: str, actor: str, account: str, refused_with: str | None = None, **payload: object) -> None:
        number = len(made) + 1
        occurred_at = month.origin + timedelta(days=2, minutes=7 * number)
        at = f"{occurred_at:%Y-%m-%dT%H:%M:%SZ}"
        common = {"operation_id": f"op-{month.period}-{number:06}", "operation": operation, "actor": actor}
        when = {"occurred_at": at, "recorded_at": at, "billing_account_id": account}
        made.append(Operation({**common, **when, **payload}, refused_with))

    def grant(account: Account, kind: str, name: str, amount: str, **payload: object) -> None:
        window = {"window_start": month.day(1), "window_end": month.months_later(2)}
        currency = {"amount": amount, "billing_currency": account.market.billing_currency}
        own: dict[str, object] = {"kind": kind, "name": name, **currency, **window, **payload}
        add("grant_credit", "operator", account.billing_account_id, None, **own)

    showcase = accounts[0]
    grant(showcase, "bonus", "Autumn bonus for AI models", "150.00", include=["service:AI Models"])
    grant(showcase, "paid", "Prepaid credit", "200.00")
    add("accept_promo_code", "halden-owner", showcase.billing_account_id, promo_code="AUTUMN10")
    for account in accounts[1:]:
        draw = hash64(f"{seed}:credit:{account.number}")
        for place, (every, kind, name, units) in enumerate(
            (
                (5, "free", "Trial credit", 10),
                (7, "bonus", "Loyalty bonus", 25),
                (11, "paid", "Prepaid credit", 50),
                (13, "welcome", "Welcome credit", 15),
            )
        ):
            if account.number % every == 3 and (kind != "welcome" or account.parent_account_id is None):
                grant(account, kind, name, credit(account, draw >> 8 * place, units))
        if account.boundary == "grant":
            starts = (draw >> 40) % 2 == 0
            window = {"window_start": month.day(CHANGE_DAY)} if starts else {"window_end": month.day(CHANGE_DAY - 1)}
            grant(account, "bonus", "Half a month's bonus", credit(account, draw >> 32, 100), **window)
        code = {"EUR": "HELLO-CLOUD", "KRW": "SEOUL-AI"}.get(account.market.billing_currency)
        if code and account.number % 6 in (1, 2):
            add("accept_promo_code", "operator", account.billing_account_id, promo_code=code)
    if is_clean:
        return made
    owner, own_id = "halden-owner", showcase.billing_account_id
    free = {"kind": "free", "name": "Free credit", "billing_currency": "EUR", "window_start": month.day(1)}
    add("grant_credit", owner, own_id, "O_FORBIDDEN", **free, amount="5000.00")
    add("grant_credit", "support-desk", own_id, "O_FORBIDDEN", **free, amount="50.00")
    add("grant_credit", "operator", own_id, "O_PRECISE", **free, amount="10.005")
    add("grant_credit", "operator", "acct-unknown", "O_UNKNOWN_ACCOUNT", **free, amount="10.00")
    add("accept_promo_code", owner, own_id, promo_code="HELLO-CLOUD")
    add("accept_promo_code", owner, own_id, "O_PROMO_ALREADY_ACCEPTED", promo_code="HELLO-CLOUD")
    add("accept_promo_code", owner, own_id, "O_PROMO_NOT_ALLOWED", promo_code="PARTNERS-ONLY")
    add("accept_promo_code", owner, own_id, "O_PROMO_NOT_VALID", promo_code="SUMMER-IS-OVER")
    return made


def foreign_project(accounts: Sequence[Account]) -> str:
    """A project of the showcase account, for usage of others that claims it."""
    return accounts[0].project_id(1)


def closed_account_id(accounts: Sequence[Account]) -> str:
    """The customer that left: one more than the world has."""
    return account_id(len(accounts) + 1, len(accounts))
