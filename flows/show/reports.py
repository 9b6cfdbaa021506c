"""How a run ended, as a person reads it: counts, totals per currency, what was set aside, and what to do next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.held import BACKFILL
from flows.run import COMMITTED, HELD, NOTHING_TO_DO, Run
from flows.show.amounts import Currency, quantity
from flows.show.console import grid, styled, unfolded
from flows.show.held_page import held_page
from flows.show.hints import with_options
from rating.rejects import REASONS

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType
    from rich.table import Table

    from flows.ingest_usage import IngestResult
    from flows.lake.journal import Commit

FATES = ("landed", "accepted", "duplicate", "superseded", "rejected")

TOTALS = (
    "list_cost",
    "discount_amount",
    "cap_amount",
    "grant_amount",
    "total_without_tax",
    "total_tax",
    "credit_amount",
    "amount_due",
)

LABELS = {
    "discount_amount": "discounts",
    "cap_amount": "above maximum spend",
    "grant_amount": "credit before tax",
    "credit_amount": "credit after tax",
}
"""Words for totals that need more than their name."""


def ended(
    status: str, command: str, commit: "Commit | None", why: str = "the books already say all this"
) -> "RenderableType":
    """One line: how it ended, and why there was nothing to do."""
    if status == NOTHING_TO_DO:
        return styled(f"{command}: nothing to do; {why}")
    if status == HELD:
        not_done = "nothing is posted" if command == BACKFILL else "nothing is billed"
        return styled(f"{command}: held for approval; {not_done}", "bold")
    if status == COMMITTED and commit is not None:
        return styled(f"{command}: commit {commit.number}, {commit.hash[:12]}", "bold")
    return styled(f"{command}: {status}", "bold")


def ingest_page(result: "IngestResult") -> Iterator["RenderableType"]:
    """Each file with what became of its rows, then why rows were set aside."""
    table = grid("file", "fate", *(f">{fate}" for fate in FATES))
    files = sorted(result.files, key=lambda row: row["file_name"])
    for row in files:
        counts = [f"{row[f'{fate}_count']:,}" for fate in FATES]
        table.add_row(styled(row["file_name"]), styled(row["fate"].replace("_", " ")), *counts)
    yield table
    for row in files:
        if row["fate"] == "file_rejected":
            yield styled(f"{row['file_name']}: {row['reason_code']}: {row['reason']}")
    if result.reasons:
        yield styled("")
        yield reasons_table(result.reasons)


def reasons_table(reasons: Mapping[str, int]) -> "Table":
    """Reason codes with their sentences, the most frequent first."""
    table = grid("!reason", ">count", "meaning")
    for code, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0])):
        table.add_row(code, f"{count:,}", styled(REASONS[code].sentence if code in REASONS else ""))
    return table


def bill_page(
    run: Run, currencies: Mapping[str, Currency], options: str = "", lacking: "pl.DataFrame | None" = None
) -> Iterator["RenderableType"]:
    """Totals per currency and the accounts on hold; of a bill that is held, what is out of bounds.

    Reads    lacking: what the drafts need before they can be issued
    """
    report = run.report
    if report.get("out_of_bounds"):
        yield from held_page(report, currencies, options)
    if report.get("totals"):
        yield totals_table(report["totals"], currencies)
    elif report.get("usage_rows") == 0 and not report.get("parked"):
        yield styled(f"no documents: {report['billing_period']} has no usage, and nothing else is charged in it")
    if report.get("issued_before"):
        yield styled("")
        yield unfolded(
            f"{report['issued_before']:,} account(s) have their invoice of {report['billing_period']} and keep it; "
            f"what came for them since is posted by: billfold backfill{options}"
        )
    if report.get("spanning_records"):
        yield styled("")
        yield styled("Records that end after the period, and what they come to at list price by themselves:")
        yield spanning_table(report["spanning_records"], currencies)
    if report.get("limits_reached"):
        yield styled("")
        yield styled(f"{report['limits_reached']:,} limit(s) of cost policies reached since the last run:")
        yield reached_table(report["reached"])
        if report["limits_reached"] > len(report["reached"]):
            yield unfolded(f"all of them: billfold show cost-policies{options}")
    if report.get("parked"):
        yield styled("")
        yield styled(f"{report['parked']:,} account(s) on hold, which the others do not wait for:")
        yield holds_table(report["holds"])
        if report["parked"] > len(report["holds"]):
            yield unfolded(f"all of them: billfold show holds{options}")
    if lacking is not None and lacking.height:
        yield styled("")
        yield styled("Before these drafts can be issued, mend sellers or billing_accounts and bill the month again:")
        yield lacking_table(lacking)


def lacking_table(lacking: "pl.DataFrame") -> "Table":
    """Which mandatory field how many drafts lack."""
    table = grid("what is missing", ">drafts", "accounts")
    for row in lacking.iter_rows(named=True):
        table.add_row(styled(row["field"]), f"{row['drafts']:,}", styled(row["accounts"]))
    return table


def totals_table(totals: Sequence[Mapping[str, Any]], currencies: Mapping[str, Currency]) -> "Table":
    """What was billed, one column per currency."""
    table = grid("", *(f">{row['billing_currency']}" for row in totals))
    table.add_row("invoices", *(f"{int(row['invoices']):,}" for row in totals))
    for name in TOTALS:
        sums = [Decimal(row[name]) for row in totals]
        if name == "cap_amount" and not any(sums):
            continue
        amounts = [
            currencies.get(row["billing_currency"], Currency(row["billing_currency"])).amount(found)
            for row, found in zip(totals, sums, strict=True)
        ]
        table.add_row(LABELS.get(name, name).replace("_", " "), *amounts)
    return table


def spanning_table(spanning: Sequence[Mapping[str, Any]], currencies: Mapping[str, Currency]) -> "Table":
    """Records over the end of the period by SKU: how many, how much, at what list cost (U4)."""
    table = grid("SKU", ">records", ">quantity", "unit", ">list cost", "")
    for row in spanning:
        currency = currencies.get(row["billing_currency"], Currency(row["billing_currency"]))
        cost = currency.amount(Decimal(row["list_cost"]))
        used = quantity(Decimal(row["consumed_quantity"]))
        table.add_row(row["sku_id"], f"{row['records']:,}", used, row["consumed_unit"], cost, currency.code)
    return table


def reached_table(reached: Iterable[Mapping[str, Any]]) -> "Table":
    """Which cost policies reached their limit, and what they ask for (W5)."""
    table = grid("cost policy", "account", "project", ">measured", ">limit", "!action")
    for row in reached:
        figures = (quantity(Decimal(row[name])) for name in ("measured", "limit"))
        names = (styled(row[name] or "") for name in ("cost_policy_id", "billing_account_id", "sub_account_id"))
        table.add_row(*names, *figures, row["action"])
    return table


def holds_table(holds: Iterable[Mapping[str, Any]]) -> "Table":
    """Who is on hold, and why."""
    table = grid("account", "!reason", "what")
    for row in holds:
        table.add_row(*(styled(row[name]) for name in ("billing_account_id", "reason_code", "reason")))
    return table


def operations_page(run: Run) -> Iterator["RenderableType"]:
    """How many were accepted, and why others were not."""
    report = run.report
    yield from _conflicts(report.get("conflicts", ()))
    if run.status != COMMITTED:
        return
    yield styled(f"{report['accepted']:,} accepted, {report['rejected']:,} rejected, {report['known']:,} known before")
    if report["rejected"]:
        yield _refused(run.tables["operations"])


def _conflicts(operation_ids: Sequence[str]) -> Iterator["RenderableType"]:
    """Operations that came again with other content: nothing was done with them."""
    if operation_ids:
        yield styled(
            f"{len(operation_ids):,} landed before with other content: {', '.join(operation_ids)}\n"
            "what was landed before stays; give the new one another id"
        )


def _refused(operations: "pl.DataFrame") -> "Table":
    table = grid("id", "operation", "by", "account", "!reason", "what")
    for row in operations.iter_rows(named=True):
        if row["status"] == "rejected":
            names = ("operation_id", "operation", "actor", "billing_account_id", "reason_code", "reason")
            table.add_row(*(styled(row[name] or "") for name in names))
    return table


def issue_page(
    run: Run, currencies: Mapping[str, Currency], limit: int = 10, options: str = ""
) -> Iterator["RenderableType"]:
    """The first documents that were issued, and how many there are.

    Reads    options: what a command needs to find the same books
    """
    if "invoices" not in run.tables or run.tables["invoices"].is_empty():
        if run.report.get("reason"):
            yield unfolded(with_options(f"refused: {run.report['reason']}", options))
        return
    issued = run.tables["invoices"].sort("seller_id", "sequence", "invoice_number")
    table = grid("!number", "account", "buyer", "!due", "currency", ">amount due")
    for row in issued.head(limit).iter_rows(named=True):
        currency = currencies.get(row["billing_currency"], Currency(row["billing_currency"]))
        texts = (row["invoice_number"], row["billing_account_id"], row["buyer_legal_name"], row["due_date"])
        table.add_row(
            *(styled(str(text or "")) for text in texts), row["billing_currency"], currency.amount(row["amount_due"])
        )
    yield table
    if issued.height > limit:
        yield unfolded(f"and {issued.height - limit:,} more: billfold show invoices{options}")


def backfill_page(
    run: Run, currencies: Mapping[str, Currency], limit: int, options: str = ""
) -> Iterator["RenderableType"]:
    """What changed for whom, by how much, and why; and what is left to do; of one that is held, what is out of bounds.

    Reads    options: what a command needs to find the same books
    """
    changes = run.tables["changes"]
    if run.report.get("tax_rates_changed"):
        yield styled(
            "tax_rates is another: issued invoices, and what corrects them, keep the rates they have; where such a "
            "rate was wrong, void the invoice and bill its month again"
        )
    if run.status == HELD:
        yield from held_page(run.report, currencies, options)
        yield styled("What it would change:")
        yield from _changes(changes, run.tables["touched"], currencies, limit)
    if months := run.report.get("unbilled"):
        waits = f"{months[-1]} has usage or charges and is not billed yet"
        yield unfolded(f"{waits}: billfold bill --period {months[0]}{options}")
    if run.status != COMMITTED:
        return
    report = run.report
    yield styled(f"{report['touched']:,} accounts' months touched, {report['changed']:,} changed")
    yield from _changes(changes, run.tables["touched"], currencies, limit)
    yield from issue_page(run, currencies, limit or changes.height, options)
    waiting = changes.filter(changes["change"].is_in(["credit note", "supplementary invoice"]))
    if waiting.height and "invoices" not in run.tables:
        yield styled("")
        yield unfolded(
            f"The correcting documents are drafts; to issue them: billfold backfill --issue-date DATE{options}"
        )


def _changes(
    changes: "pl.DataFrame", touched: "pl.DataFrame", currencies: Mapping[str, Currency], limit: int
) -> Iterator["RenderableType"]:
    """The largest changes first, each with the reasons it was looked at for."""
    if changes.is_empty():
        return
    key = ["billing_account_id", "billing_period"]
    reasons: dict[tuple[str, str], list[str]] = {}
    for account, period, reason in touched.select(*key, "why").unique(maintain_order=True).iter_rows():
        reasons.setdefault((account, period), []).append(reason)
    table = grid("account", "!month", "what", ">amount", "", "why")
    found = changes[changes["amount"].abs().arg_sort(descending=True)]
    for row in found.head(limit or found.height).iter_rows(named=True):
        currency = currencies.get(row["billing_currency"], Currency(row["billing_currency"]))
        because = reasons.get((row["billing_account_id"], row["billing_period"]), ["an earlier month changed"])
        table.add_row(
            styled(row["billing_account_id"]),
            row["billing_period"],
            row["change"],
            currency.amount(row["amount"]),
            row["billing_currency"],
            styled(", ".join(because)),
        )
    yield table
    if limit and found.height > limit:
        yield styled(f"and {found.height - limit:,} more: --limit 0 shows all")


def run_record(run: Run) -> dict[str, Any]:
    """A run for a program."""
    return {
        "status": run.status,
        "command": run.command,
        "commit": commit_record(run.commit),
        "exit_code": run.exit_code,
        **{name: value for name, value in run.report.items() if name not in ("status", "command")},
    }


def commit_record(commit: "Commit | None") -> dict[str, Any] | None:
    """A commit for a program."""
    return None if commit is None else {"number": commit.number, "hash": commit.hash, "run_id": commit.run_id}
