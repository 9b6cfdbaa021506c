"""What cannot be right of one account parks that account; what cannot be right of the books refuses the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import bill_period as billing
from flows.lake.audit import audit, verify
from flows.lake.views import connect
from flows.run import Refusal
from tests.flows.billing.months import Month, made_once
from tests.flows.cli.worked import billfold, line_with


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    found = Month(tmp_path)
    found.ingest()
    found.operate()
    return found


def test_an_account_that_cannot_be_billed_is_parked_with_a_reason_and_the_others_are_billed(month: Month) -> None:
    """An SKU that has no price yet, of one of two accounts."""
    skus = month.reference_folder / "skus.csv"
    skus.write_text(skus.read_text() + skus.read_text().splitlines()[1].replace("vm-small", "gpu") + "\n")
    when = "2026-10-05T00:00:00Z,2026-10-05T10:00:00Z"
    month.ingest(month.usage("gpu.csv", f"gpu-1,acme,,gpu-1,gpu,eu-1,{when},10,hour"))
    said = billfold("bill", "--period", "2026-10", *month.where)
    assert said.code == 3
    assert line_with(said.out, ["acme", "R_NO_PRICE"])
    assert month.ask("select billing_account_id, reason_code from holds") == [("acme", "R_NO_PRICE")]
    assert month.ask("select distinct billing_account_id from invoices") == [("acme-credit",)]
    with connect(month.lake) as connection:
        assert audit(connection) == []


def test_books_that_would_not_balance_refuse_the_run_and_nothing_of_it_is_visible(
    month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry of the ledger is lost between rating and writing: debits no longer equal credits."""
    before = month.lake.head()
    delta = billing.ledger_delta

    def loses_one(*given: Any) -> Any:
        return delta(*given)[1:]

    with monkeypatch.context() as faulty:
        faulty.setattr(billing, "ledger_delta", loses_one)
        with pytest.raises(Refusal, match=r"(?s)nothing is committed.*transactions_sum_to_zero.*trial_balance_is_zero"):
            month.bill()
        said = billfold("bill", "--period", "2026-10", *month.where)
        assert (said.code, "Traceback" in said.both) == (1, False)
        assert "the books would not balance" in said.err
    assert month.lake.head() == before
    assert month.ask("select count(*) from invoices") == [(0,)]
    assert verify(month.lake) == []
    assert month.bill().status == "committed"
