"""Who holds what where operations on grants are shown: a domain of two accounts, and one of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from rating.operations import Book, Decisions, decide
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.grant_kinds import GrantKinds
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.promo_codes import PromoCodes
from tests.spec.period import USUAL
from tests.tables import table

ACCOUNTS = table(
    BillingAccounts,
    """
    billing_account_id | domain       | billing_currency | time_zone
    acme               | acme.example | EUR              | UTC
    labs               | acme.example | EUR              | UTC
    tokyo              | acme.example | KRW              | Asia/Seoul
    globex             |              | EUR              | UTC
    """,
)
KINDS = table(
    GrantKinds,
    """
    kind         | rank | tax_position | transferable | validity | terminal_status
    bonus        |   10 | before       | false        |          | recovered
    free         |   10 | before       | true         |          | recovered
    organization |   20 | before       | false        |          | recovered
    project      |   15 | before       | false        |          | recovered
    paid         |   30 | after        | true         | P5Y      | refunded
    prepaid      |   30 | before       | false        |          | refunded
    """,
    exclude="[]",
)
NOTHING: dict[str, Any] = {"promo_codes": PromoCodes.empty(), "billing_policies": BillingPolicies.empty()}
WORLD: dict[str, Any] = {"billing_accounts": ACCOUNTS, "grant_kinds": KINDS}

GIVEN = table(
    Operations,
    """
    operation_id | operation       | billing_account_id | kind         | amount | price_paid | occurred_at       | window_start | window_end | sub_account_id
    free         | grant_credit    | acme               | free         |    100 |            | 2026-10-01T08:00Z | 2026-10-01   | 2026-12-01 |
    over         | grant_credit    | acme               | free         |    100 |            | 2026-10-01T08:00Z | 2026-10-01   | 2026-10-05 |
    bound        | grant_credit    | acme               | free         |    100 |            | 2026-10-01T08:00Z |              |            | website
    bonus        | grant_credit    | acme               | bonus        |    100 |            | 2026-10-01T08:00Z |              |            |
    organization | grant_credit    | acme               | organization |    100 |            | 2026-10-01T08:00Z | 2026-10-01   | 2027-01-01 |
    bought       | purchase_credit | acme               | paid         |    100 |         80 | 2026-10-01T08:00Z |              |            |
    later        | grant_credit    | acme               | free         |    100 |            | 2026-10-20T08:00Z |              |            |
    of-labs      | grant_credit    | labs               | free         |    100 |            | 2026-10-01T08:00Z |              |            |
    of-globex    | grant_credit    | globex             | free         |    100 |            | 2026-10-01T08:00Z |              |            |
    """,  # noqa: E501 (a table)
)
"""Grants of October, each of 100.00: what operations on grants act on."""


def judged(
    operations: pl.DataFrame,
    *,
    before: Iterable[pl.DataFrame] = (GIVEN,),
    draws: dict[str, dict[str, str]] | None = None,
    issued: Iterable[tuple[str, str]] = (),
    drafts: Iterable[tuple[str, str]] = (),
    first_billed: Mapping[str, str] | None = None,
    **tables: pl.DataFrame,
) -> Decisions:
    """What is decided of operations after others, and after periods took from grants (grant: period: amount)."""
    reference = {**USUAL, **NOTHING, **WORLD, **tables}
    taken = {grant: {month: Decimal(one) for month, one in of.items()} for grant, of in (draws or {}).items()}
    known, grants = Operations.empty(), Grants.empty()

    def decide_on(landed: pl.DataFrame) -> Decisions:
        book = Book(reference, first_billed or {}, draws=taken, drafts=frozenset(drafts), issued_documents=set(issued))
        return decide(landed, book, known, grants)

    for landed in before:
        found = decide_on(landed)
        known = pl.concat([known, found.operations])
        grants = pl.concat([grants, Grants.conform(found.grants)])
    return decide_on(operations)
