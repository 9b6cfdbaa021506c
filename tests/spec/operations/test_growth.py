"""Twice the operations ask twice as much: none looks at all that were accepted before it (O3)."""

from __future__ import annotations

import polars as pl
import pytest

from rating import operation_book
from schemas.billing_accounts import BillingAccounts
from schemas.grant_kinds import GrantKinds
from schemas.operations import Operations
from tests.spec.period import decided
from tests.tables import table

WELCOME = table(GrantKinds, "kind | once_per_domain\nwelcome | true")


def judged(count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, pl.DataFrame]:
    """How often a dated row was looked at for so many accounts' first grants, and what became of these."""
    asked = 0
    holds = operation_book.holds

    def counted(*given: object) -> bool:
        nonlocal asked
        asked += 1
        return holds(*given)  # type: ignore[arg-type]

    names = [f"a{number:04}" for number in range(count)]
    accounts = table(
        BillingAccounts, "\n".join(["billing_account_id | domain", *(f"{one} | {one}.test" for one in names)])
    )
    operations = table(
        Operations,
        "\n".join(["operation_id | billing_account_id", *(f"of-{one} | {one}" for one in names)]),
        kind="welcome",
        amount="10",
    )
    with monkeypatch.context() as patched:
        patched.setattr(operation_book, "holds", counted)
        found = decided(operations=operations, grant_kinds=WELCOME, billing_accounts=accounts)
    return asked, found


def test_grants_that_a_domain_gets_once_do_not_look_at_all_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    few, _ = judged(20, monkeypatch)
    many, found = judged(200, monkeypatch)
    assert found["status"].unique().to_list() == ["accepted"]
    assert 0 < many <= 10 * few
