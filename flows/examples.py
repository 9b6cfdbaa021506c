"""The example worlds of `data/examples`, billed: what the pages of the project print and the tests check."""

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import load_reference
from flows.run import Refusal

RECEIVED_AT = datetime(2026, 11, 2, 6, tzinfo=UTC)
ISSUED_ON = date(2026, 11, 3)
PERIOD = "2026-10"


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
    from rich.console import Console

    from flows.show.console import PIPED_WIDTH, print_whole
    from flows.show.invoice import read_document
    from flows.show.page import invoice_page

    with TemporaryDirectory() as folder:
        lake = bill_example(example, Path(folder) / "lake")
        page = StringIO()
        out = Console(file=page, width=PIPED_WIDTH, markup=False, emoji=False, highlight=False, color_system=None)
        print_whole(out, *invoice_page(read_document(lake, account, period=PERIOD)))
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())
