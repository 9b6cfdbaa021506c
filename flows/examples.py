"""The example worlds of `data/examples`, billed: what the pages of the project print and the tests check."""

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.backfill import backfill
from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.lake.one_question import safe_query
from flows.operations import land_operations
from flows.reference import load_reference
from flows.run import Refusal

if TYPE_CHECKING:
    from rich.console import RenderableType

RECEIVED_AT = datetime(2026, 11, 2, 6, tzinfo=UTC)
ISSUED_ON = date(2026, 11, 3)
PERIOD = "2026-10"
CORRECTED_AT = datetime(2026, 11, 20, 6, tzinfo=UTC)


def bill_example(example: Path, root: Path) -> Lake:
    """A new lake in which the example's month is ingested, billed and issued."""
    lake, reference = Lake.create(root), load_reference(example / "reference")
    ingest_usage(lake, reference, sorted((example / "usage").iterdir()), received_at=RECEIVED_AT)
    land_operations(lake, reference, sorted((example / "operations").iterdir()), received_at=RECEIVED_AT)
    if bill_period(lake, reference, period=PERIOD).commit is None:
        raise Refusal(f"{example} has nothing to bill in {PERIOD}")
    issue_invoices(lake, reference, period=PERIOD, issue_date=ISSUED_ON, actor="operator", received_at=RECEIVED_AT)
    return lake


def invoice_of_example(example: Path, account: str) -> str:
    """An account's invoice of the example's month, as `billfold show invoice` prints it into a pipe."""
    with TemporaryDirectory() as folder:
        return _invoice(bill_example(example, Path(folder) / "lake"), account)


def correction_of_example(example: Path) -> dict[str, str]:
    """The example's month invoiced before its bonus was granted, and what a backfill makes of it.

    Makes    "backfill": what the command says; "credit note": the document; "history": what the customer sees of the
             bonus
    """
    from flows.show.listing import as_table, known_currencies, opened
    from flows.show.reports import backfill_page

    with TemporaryDirectory() as folder:
        lake, reference = Lake.create(Path(folder) / "lake"), load_reference(example / "reference")
        ingest_usage(lake, reference, sorted((example / "usage").iterdir()), received_at=RECEIVED_AT)
        bill_period(lake, reference, period=PERIOD)
        issue_invoices(lake, reference, period=PERIOD, issue_date=ISSUED_ON, actor="operator", received_at=RECEIVED_AT)
        land_operations(lake, reference, sorted((example / "operations").iterdir()), received_at=CORRECTED_AT)
        run = backfill(lake, reference, received_at=CORRECTED_AT, issue_date=CORRECTED_AT.date())
        with opened(lake, whole=True) as connection:
            currencies = known_currencies(connection)
        note = run.tables["invoices"].filter(billing_account_id="acme")["invoice_number"].item()
        history = safe_query(lake, HISTORY)
        return {
            "backfill": _printed(*backfill_page(run, currencies, 0)),
            "credit note": _invoice(lake, note),
            "history": _printed(as_table(history, currencies)),
        }


HISTORY = """
select date, type, amount, expense_number, billing_currency from credit_history
where grant_id = 'welcome-acme' order by all
"""


def _invoice(lake: Lake, wanted: str) -> str:
    from flows.show.invoice import read_document
    from flows.show.page import invoice_page

    return _printed(*invoice_page(read_document(lake, wanted)))


def _printed(*parts: "RenderableType") -> str:
    """What a command prints into a pipe."""
    from rich.console import Console

    from flows.show.console import PIPED_WIDTH, print_whole

    page = StringIO()
    out = Console(file=page, width=PIPED_WIDTH, markup=False, emoji=False, highlight=False, color_system=None)
    print_whole(out, *parts)
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())
