"""`billfold`: one thin command per flow and per question. Each parses, calls one function, prints, gives an exit code.

Exit codes: 0 done · 3 done, with rejects or accounts on hold · 4 held for approval · 1 refused · 2 usage error.

Nothing heavy is imported before a command needs it: `billfold --help` comes at once.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from flows.runners import RunnerName
from flows.show.console import as_json, listening, page_width, say, show, styled, warn
from flows.show.later import later
from flows.show.listing import SHOWN, Listing, listings
from flows.show.options import (
    HERE,
    HOW,
    Account,
    Actor,
    AsOf,
    Books,
    Csv,
    Json,
    Period,
    PeriodOnly,
    Quiet,
    ReceivedAt,
    UsageError,
    WithPrefect,
    commit_hash,
    day,
    instant,
    option,
    until_instant,
)
from flows.show.options import sums as read_sums
from flows.show.streams import lead_nowhere, open_all, write

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from flows.lake.journal import Lake
    from flows.reference import Reference
    from flows.run import Run

DONE, REFUSED, USAGE = 0, 1, 2
"""`flows.run` has all of them; these are needed before anything else is loaded."""


def _version() -> str:
    from importlib.metadata import version

    return f"billfold {version('billfold')}"


app = App(
    name="billfold",
    help="Usage records in, checkable invoices and ledger entries out.\n\n"
    "In this order: init, ingest, operations, bill, issue; then show, explain, audit, sql. "
    "Exit codes: 0 done, 3 done with rejects or accounts on hold, 4 held for approval, 1 refused, 2 usage error.",
    version=_version,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    suppress_keyboard_interrupt=False,  # `explain` says what became of the run
    console=later(),
    error_console=later(stderr=True),
)
shows = App(name="show", help="Show an invoice, an account, or a list of what is in the books.", sort_key=6)
app.command(shows)


# --- commands that change the books ------------------------------------------------------------


@app.command(sort_key=1)
def init(
    lake: Annotated[
        Path | None, Parameter(help="The folder to make, or s3://bucket/prefix; --lake by default.")
    ] = None,
    /,
    *,
    buckets: Annotated[
        int, option(help="Into how many parts accounts are dealt; stays for the life of the lake.")
    ] = 16,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Make a lake, and beside it the default reference tables where there are none."""
    from flows.lake.journal import Lake
    from flows.reference.shipped import write_reference_where_there_is_none

    books = Books(lake, books.reference) if lake is not None else books
    folder, is_new = books.reference_folder, False

    def reference() -> None:
        nonlocal is_new
        is_new = write_reference_where_there_is_none(folder)

    made = Lake.create(books.lake, buckets=buckets, first=reference)
    if not quiet:
        what = (
            "with the default tables; add your sellers, accounts, SKUs, prices and tax rates" if is_new else "as it is"
        )
        say(f"lake       {books.lake if made.is_here else made.address}")
        beside = books.lake.parent / "reference" if made.is_here else folder
        say(f"reference  {books.reference or beside} {what}")
        say(f"next       billfold ingest FILES{books.options}")
    return DONE


@app.command(sort_key=2)
def ingest(
    files: Annotated[
        tuple[Path, ...], Parameter(help="Usage files, or folders of them; hidden files are left out.")
    ] = (),
    /,
    *,
    mapping: Annotated[Path | None, option(help="A column mapping for foreign files.")] = None,
    manifest: Annotated[Path | None, option(help="What the sender says the files hold.")] = None,
    received_at: ReceivedAt = None,
    retry_rejects: Annotated[bool, option(help="Land waiting rejects again, once their cause is mended.")] = False,
    actor: Actor = "operator",
    prefect: WithPrefect = False,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Land usage: every row is accepted, a duplicate, superseded, or rejected with a reason."""
    from flows.show import ingesting, reports

    if not files and not retry_rejects:
        raise UsageError("name the files to land, or --retry-rejects")
    given = files_in(files)
    lake, at = books.open_to_change(), received_at or datetime.now(UTC)
    with listening(quiet=quiet or json) as progress:
        if prefect:
            from flows import orchestrated

            progress.step("run as a Prefect flow")
            result = orchestrated.ingest(
                lake, books.reference_folder, given, mapping, at, retry_rejects, actor, manifest
            )
        else:
            from flows.actors import refuse_stranger
            from flows.ingest_usage import ingest_usage
            from flows.landing import reader

            reader.start()  # while the tables are read
            tables = books.tables()
            refuse_stranger(tables, actor)
            result = ingest_usage(
                lake,
                tables,
                given,
                mapping=mapping,
                manifest=manifest,
                received_at=at,
                retry_rejects=retry_rejects,
                actor=actor,
                progress=progress,
            )
    _publish(lake, result.commit)
    if json:
        as_json(ingesting.record(lake, result))
    elif not quiet:
        show(reports.ended(result.status, "ingest", result.commit))
        show(*reports.ingest_page(result))
        show(*ingesting.worth(lake, result))
        if ingesting.exit_code(result) != DONE:
            say(f"each of them: billfold show {'rejected-rows' if result.rejected else 'files'}{books.options}")
    return ingesting.exit_code(result)


@app.command(sort_key=3)
def operations(
    files: Annotated[tuple[Path, ...], Parameter(help="CSV or JSON Lines files of operations, or folders of them.")],
    /,
    *,
    received_at: ReceivedAt = None,
    actor: Actor = "operator",
    prefect: WithPrefect = False,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Land what people did: credit, promo codes, payments; each is accepted or rejected with a reason."""
    from flows.show import reports

    given = files_in(files)
    lake, at = books.open_to_change(), received_at or datetime.now(UTC)
    with listening(quiet=quiet or json) as progress:
        if prefect:
            from flows import orchestrated

            progress.step("run as a Prefect flow")
            run = orchestrated.operations(lake, books.reference_folder, given, at, actor)
        else:
            from flows.operations import land_operations

            run = land_operations(lake, books.tables(), given, received_at=at, actor=actor, progress=progress)
    return _done(lake, run, reports.operations_page(run), json=json, quiet=quiet)


@app.command(sort_key=4)
def bill(
    *,
    period: Period,
    until: Annotated[
        datetime | None,
        option(
            until_instant,
            help="Month to date: up to the end of this day in UTC, or up to this instant.",
            show_default=False,
        ),
    ] = None,
    groups: Annotated[
        int | None, option(help="Into how many tasks the buckets are gathered.", show_default=False)
    ] = None,
    issue_date: Annotated[
        date | None,
        option(
            day,
            help="Tax by the rates of this day, where policy tax_point is issue; without it provisionally.",
            show_default=False,
        ),
    ] = None,
    approve: Annotated[
        bool | str,
        option(
            help="Commit a bill that was held as out of bounds; with its id, only if that is the one that waits.",
            show_default=False,
        ),
    ] = False,
    actor: Actor = "operator",
    runner: Annotated[
        RunnerName, option(help="Where groups of buckets are computed; the commit is the same.", group=HOW)
    ] = "threads",
    address: Annotated[
        str | None,
        option(
            help="The scheduler of a Dask cluster, like tcp://10.0.0.1:8786; a process per core of this machine if "
            "left out.",
            group=HOW,
            show_default=False,
        ),
    ] = None,
    prefect: WithPrefect = False,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Bill a month: usage to charges, discounts, credits, tax, draft invoices and ledger entries."""
    from flows.mandatory_fields import lacking
    from flows.show import reports

    if approve and until is not None:
        raise UsageError("--approve is of a whole month; a month to date is never held, leave out one of the two")
    if groups is not None and groups < 1:
        raise UsageError("--groups is a number of tasks, at least 1")
    if address is not None and runner != "dask":
        raise UsageError("--address is of a Dask cluster; add --runner dask, or leave it out")
    lake = books.open_to_change()
    with listening(quiet=quiet or json) as progress:
        if prefect:
            from flows import orchestrated

            progress.step("run as a Prefect flow")
            where = (runner, address)
            folder = books.reference_folder
            run = orchestrated.bill(lake, folder, period, until, groups, issue_date, approve, actor, *where)
        else:
            from flows.actors import refuse_stranger
            from flows.bill_period import bill_period
            from flows.held import approval
            from flows.runners import runner as runner_named

            tables = books.tables()
            refuse_stranger(tables, actor)
            with runner_named(runner, address, progress) as place:
                run = bill_period(
                    lake,
                    tables,
                    period=period,
                    until=until,
                    groups=groups,
                    issue_date=issue_date,
                    approval=approval(lake, tables, period, approve, actor, datetime.now(UTC)) if approve else None,
                    runner=place,
                    progress=progress,
                )
    lacks = None if json or quiet else lacking(lake.snapshot(), period)
    page = reports.bill_page(run, _currencies(lake), books.options, lacks)
    return _done(lake, run, page, json=json, quiet=quiet)


@app.command(sort_key=5)
def issue(
    *,
    period: Period,
    issue_date: Annotated[date, option(day, help="The date on the invoices, like 2026-11-03.")],
    account: Account = None,
    received_at: ReceivedAt = None,
    actor: Actor = "operator",
    prefect: WithPrefect = False,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Issue a month's drafts: numbers without gaps, and from then on nothing in them changes."""
    from flows.show import reports

    lake, at = books.open_to_change(), received_at or datetime.now(UTC)
    with listening(quiet=quiet or json) as progress:
        if prefect:
            from flows import orchestrated

            progress.step("run as a Prefect flow")
            run = orchestrated.issue(lake, books.reference_folder, period, issue_date, actor, at, account)
        else:
            from flows.issue_invoices import issue_invoices

            run = issue_invoices(
                lake,
                books.tables(),
                period=period,
                issue_date=issue_date,
                actor=actor,
                received_at=at,
                billing_account_id=account,
                progress=progress,
            )
    return _done(lake, run, reports.issue_page(run, _currencies(lake), options=books.options), json=json, quiet=quiet)


@app.command(sort_key=6)
def backfill(
    *,
    issue_date: Annotated[
        date | None,
        option(
            day,
            help="Issue the correcting documents with this date; without it they stay drafts. Drafts whose tax_point "
            "is issue are taxed by its rates.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, option(help="Say what would change and why; commit nothing.")] = False,
    approve: Annotated[
        bool | str,
        option(
            help="Commit a backfill that was held as out of bounds; with its id, only if that is the one that waits.",
            show_default=False,
        ),
    ] = False,
    received_at: ReceivedAt = None,
    actor: Actor = "operator",
    limit: Annotated[int, option(help="At most so many rows in a terminal; 0 is all.")] = 20,
    prefect: WithPrefect = False,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Post what changed about billed months: late usage, bonuses from the past, mended prices and refused rows."""
    from flows.show import reports

    if approve and dry_run:
        raise UsageError("--dry-run commits nothing, so there is nothing to --approve; leave out one of the two")
    lake, at = books.open() if dry_run else books.open_to_change(), received_at or datetime.now(UTC)
    if dry_run:
        return _asked_what_if(lake, books.tables(), at, actor, limit=limit, json=json, quiet=quiet)
    with listening(quiet=quiet or json) as progress:
        if prefect:
            from flows import orchestrated

            progress.step("run as a Prefect flow")
            run = orchestrated.backfill(lake, books.reference_folder, issue_date, at, actor, approve)
        else:
            from flows.actors import refuse_stranger
            from flows.backfill import backfill as post
            from flows.held import BACKFILL, approval

            tables = books.tables()
            refuse_stranger(tables, actor)
            run = post(
                lake,
                tables,
                received_at=at,
                issue_date=issue_date,
                actor=actor,
                approval=approval(lake, tables, BACKFILL, approve, actor, datetime.now(UTC)) if approve else None,
                progress=progress,
            )
    page = reports.backfill_page(run, _currencies(lake), limit, books.options)
    return _done(lake, run, page, json=json, quiet=quiet)


# --- commands that ask ------------------------------------------------------------


@shows.command
def invoice(
    which: Annotated[str, Parameter(help="A number, a document's id, or an account.")],
    /,
    *,
    period: PeriodOnly = None,
    as_of: AsOf = None,
    json: Json = False,
    books: Books = HERE,
) -> int:
    """An invoice, credit note or draft, with all that lowered and paid it."""
    from flows.show.invoice import as_record, read_document
    from flows.show.page import invoice_page

    document = read_document(books.open(), which, period=period, as_of=as_of)
    if json:
        as_json(as_record(document))
    else:
        show(*invoice_page(document, page_width()))
    return DONE


@shows.command
def account(
    which: Annotated[str, Parameter(help="A billing account.")],
    /,
    *,
    as_of: AsOf = None,
    json: Json = False,
    books: Books = HERE,
) -> int:
    """One account: credit limit, promo codes, credit, discounts, documents, holds."""
    from flows.show.account import account_page, account_record

    lake = books.open()
    if json:
        as_json(account_record(lake, which, as_of))
    else:
        show(*account_page(lake, which, as_of))
    return DONE


def _shown_as(listing: Listing) -> Callable[..., int]:
    """The command of a list."""

    def ask_for(
        *,
        account: Account = None,
        period: PeriodOnly = None,
        status: Annotated[str | None, option(help="Only this status.")] = None,
        since: Annotated[date | None, option(day, name="--from", help="Only from this day on.")] = None,
        until: Annotated[date | None, option(day, name="--to", help="Only up to the end of this day.")] = None,
        sums: Annotated[
            tuple[Decimal, ...] | None,
            option(read_sums, name="--sum", n_tokens=1, help="Only this amount: 40 of either sign, +40 or -40 of one."),
        ] = None,
        as_of: AsOf = None,
        limit: Annotated[int, option(help="At most so many rows in a terminal; 0 is all.")] = SHOWN,
        wide: Annotated[bool, option(help="Every column.")] = False,
        csv: Csv = False,
        json: Json = False,
        books: Books = HERE,
    ) -> int:
        from flows.show import listing as lists

        if account is not None and not listing.by_account:
            raise UsageError(f"{listing.name} are not kept by account; leave out --account")
        if period is not None and not listing.by_period:
            raise UsageError(f"{listing.name} are not kept by period; leave out --period")
        if (since is not None or until is not None) and not listing.by_day:
            raise UsageError(f"{listing.name} are not kept by day; leave out --from and --to")
        if sums is not None and not listing.by_sum:
            raise UsageError(f"{listing.name} are not searched by amount; leave out --sum")
        if status is not None and not listing.statuses:
            raise UsageError(f"{listing.name} are not kept by status; leave out --status")
        if status is not None and status not in listing.statuses:
            raise UsageError(f"--status is one of {', '.join(listing.statuses)}, not {status!r}")
        only = lists.Only(account, period, status, since, until, sums)
        accounts = lists.listings()["accounts"]
        asked = [listing.text] if account is None else [listing.text, accounts.text]
        with lists.opened(books.open(), as_of, *asked, whole=listing.by_value) as connection:
            rows = lists.ask(connection, listing, only)
            if account is not None and rows.is_empty():
                lists.refuse_unknown(lists.ask(connection, accounts, lists.Only(account)), account)
            currencies = lists.known_currencies(connection)
        hidden = frozenset() if wide else listing.wide
        return _listed(rows, currencies, csv=csv, json=json, limit=limit, hidden=hidden)

    return ask_for


for _listing in listings().values():
    shows.command(
        _shown_as(_listing), name=_listing.name, help=f"{_listing.sentence[0].upper()}{_listing.sentence[1:]}."
    )


@app.command(sort_key=7)
def explain(
    which: Annotated[
        str,
        Parameter(
            help="A charge: its id, or the beginning of it, or ACCOUNT/NUMBER with its expense number. "
            "Or a document: its number or id, or its account."
        ),
    ],
    /,
    *,
    period: PeriodOnly = None,
    as_of: AsOf = None,
    every: Annotated[
        bool, option(name="--all", help="Of a document: every charge on a line of its own.", show_default=False)
    ] = False,
    limit: Annotated[int, option(help="Of a charge: at most so many rows in a terminal; 0 is all.")] = SHOWN,
    csv: Csv = False,
    json: Json = False,
    books: Books = HERE,
) -> int:
    """Why a charge is what it is, record by record; why a document is: who paid what of it, and why not more."""
    from flows.explain_invoice import is_document

    lake = books.open()
    if period is not None or is_document(lake, which, as_of=as_of):
        return _explain_document(lake, which, period=period, as_of=as_of, every=every, csv=csv, json=json)
    from flows.explain import explain_charge
    from flows.show.charge_page import charge_page, charge_record
    from flows.show.listing import as_csv

    explained = explain_charge(lake, which, as_of=as_of)
    if json:
        as_json(charge_record(explained))
    elif csv:
        write(as_csv(explained.sources, {explained.currency.code: explained.currency}))
    else:
        show(*charge_page(explained, limit))
    return DONE


def _explain_document(
    lake: "Lake", which: str, *, period: str | None, as_of: int | None, every: bool, csv: bool, json: bool
) -> int:
    """Every discount, limit, grant and tax of a document."""
    from flows.explain_invoice import explain_invoice
    from flows.show.listing import as_csv
    from flows.show.reasons_page import reasons_page, reasons_record, reasons_rows

    explained = explain_invoice(lake, which, period=period, as_of=as_of)
    if json:
        as_json(reasons_record(explained))
    elif csv:
        write(as_csv(reasons_rows(explained), {explained.currency.code: explained.currency}))
    else:
        show(*reasons_page(explained, every=every))
    return DONE


@app.command(sort_key=8)
def audit(
    *,
    verify: Annotated[bool, option(help="Read every file again and compare it with what was committed.")] = False,
    expect: Annotated[
        str | None,
        option(commit_hash, help="With --verify: a commit of this hash, as it was noted elsewhere, must be there."),
    ] = None,
    replay: Annotated[
        str | None,
        option(help="Compute this run again (its id, or its commit's number) and compare it with what it committed."),
    ] = None,
    as_of: AsOf = None,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Ask whether the books hold: every invariant, with --verify every byte, with --replay that a run comes out so."""
    from flows.lake import audit as auditing
    from flows.lake.journal import JournalBroken
    from flows.lake.named_queries import queries

    if replay is not None:
        if verify or expect or as_of is not None:
            raise UsageError("--replay is asked alone: a run is computed on the commit before it")
        return _replayed(books.open(), replay, json=json, quiet=quiet)
    if expect and not verify:
        raise UsageError("--expect is a part of --verify; write both")
    lake = books.open()
    with suppress(JournalBroken) if verify else nullcontext():  # then it is `verify` that names all that is wrong
        snapshot = lake.snapshot(as_of)  # before anything is read: the journal may grow meanwhile
    faults = auditing.verify(lake, expect) if verify else []
    strays = auditing.strays(lake) if verify and not faults else []
    breaches = []
    if not faults:
        breaches = auditing.audit_of(lake, snapshot)
    asked = 0 if faults else len(queries("invariants"))
    if json:
        found = [
            {"name": one.name, "rule": one.rule, "count": one.count, "examples": list(one.examples)} for one in breaches
        ]
        as_json({"invariants": asked, "breaches": found, "verified": verify, "faults": faults, "strays": strays})
    elif faults or breaches:
        for text in [*faults, *map(str, breaches)]:
            warn(f"broken: {text}")
        warn("the books do not hold; commit nothing on them, and restore the lake from a copy that holds")
    elif not quiet:
        say(f"{asked} invariants hold as of commit {snapshot.number}")
        if verify:
            say(f"every file and record is what its commit says: {len(lake.commits()):,} commits")
        for name in strays:
            say(f"no commit names {name}: nothing reads it; a run left it, or somebody put it there")
    return REFUSED if faults or breaches else DONE


def _replayed(lake: "Lake", which: str, *, json: bool, quiet: bool) -> int:
    """A run, computed again."""
    from flows.replay import replay
    from flows.show.replay_page import replay_page, replay_record

    with listening(quiet=quiet or json) as progress:
        found = replay(lake, which, progress=progress)
    if json:
        as_json(replay_record(found))
    elif not found.is_same:
        for text in replay_page(found):
            warn(text)
    elif not quiet:
        for text in replay_page(found):
            say(text)
    return found.exit_code


@app.command(sort_key=9)
def sql(
    query: Annotated[str, Parameter(help="One SELECT, in DuckDB's SQL; billfold views lists what can be asked.")],
    /,
    *,
    as_of: AsOf = None,
    limit: Annotated[int, option(help="At most so many rows in a terminal; 0 is all.")] = SHOWN,
    seconds: Annotated[float, option(help="At most so long it may take.")] = 300,
    csv: Csv = False,
    json: Json = False,
    books: Books = HERE,
) -> int:
    """Ask the books one question; it can change nothing, and read nothing but the lake."""
    from flows.lake.one_question import keep_small, safe_query

    lake = books.open()
    if _is_alone:
        keep_small()
    rows = safe_query(lake, query, as_of=as_of, seconds=seconds)
    return _listed(rows, _currencies(lake, as_of), csv=csv, json=json, limit=limit)


@app.command(name="what-if", sort_key=10)
def what_if(
    *,
    operations: Annotated[
        tuple[Path, ...],
        option(help="Operations to land first: a CSV or JSON Lines file, or a folder of them.", show_default=False),
    ] = (),
    policy: Annotated[
        Path | None,
        option(help="A CSV of rows like those of billing_policies, each before the reference's own while it holds."),
    ] = None,
    received_at: ReceivedAt = None,
    actor: Actor = "operator",
    limit: Annotated[int, option(help="At most so many rows of each kind in a terminal; 0 is all.")] = 20,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """What a backfill would change, with these operations, policies or --reference tables; nothing is committed."""
    from flows.reference import load_reference_with

    lake, at = books.open(), received_at or datetime.now(UTC)
    tables = books.tables() if policy is None else load_reference_with(books.reference_folder, policy)
    landed = files_in(operations)
    return _asked_what_if(lake, tables, at, actor, landed, limit=limit, json=json, quiet=quiet)


@app.command(sort_key=11)
def sample(
    folder: Annotated[Path, Parameter(help="Where to write it: a new folder, or one with an earlier sample.")],
    /,
    *,
    accounts: Annotated[int, option(help="How many customers.")] = 200,
    rows: Annotated[int, option(help="How many good usage records.")] = 200_000,
    seed: Annotated[int, option(help="Another number is another world.")] = 1,
    period: Period = "2026-10",
    begins: Annotated[
        str | None, option(help="The month the world began with, for a later one of the same customers.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Write a sample world: usage files, reference tables, operations. The same arguments, the same bytes."""
    from flows import sample as worlds

    try:
        world = worlds.sample(folder, accounts=accounts, rows=rows, seed=seed, period=period, begins=begins)
    except ValueError as fault:
        raise UsageError(str(fault)) from None
    except FileExistsError as fault:
        from flows.run import Refusal

        raise Refusal(str(fault)) from None
    if not quiet:
        is_later = begins not in (None, period)
        lake = "LAKE" if is_later else str(folder / "lake")
        beside = " and reference tables" if is_later else ", reference tables and operations"
        say(f"{world.landed:,} rows of usage{beside}; what is in it: {folder}/README.md")
        steps = [
            f"ingest {folder}/usage --lake {lake} --received-at {world.received_at:%Y-%m-%dT%H:%M:%SZ}",
            f"bill --period {period} --lake {lake}",
        ]
        if not is_later:
            steps = [f"init {lake}", steps[0], f"operations {world.operations_file} --lake {lake}", steps[1]]
        say("next  " + "\n      ".join(f"billfold {step}" for step in steps))
    return DONE


@app.command(sort_key=12)
def views(*, json: Json = False, quiet: Quiet = False, books: Books = HERE) -> int:
    """Publish billing.duckdb anew, and list what can be asked in it."""
    from flows.lake.published import publish
    from flows.show.dictionary import relations

    path = publish(books.open())
    found = relations()
    if json:
        as_json([{"name": name, "kind": kind, "sentence": sentence} for name, kind, sentence in found])
    elif not quiet:
        from flows.show.console import grid

        table = grid("name", "kind", "what it is")
        for row in found:
            table.add_row(*map(styled, row))
        show(table)
        say(f"published {path}")
    return DONE


@app.command(sort_key=13)
def status(
    *,
    at: Annotated[
        datetime | None,
        option(instant, help="As if it were this instant, with offset; now by default.", show_default=False),
    ] = None,
    json: Json = False,
    books: Books = HERE,
) -> int:
    """Where the books stand: open months, drafts that are due, rejects, accounts on hold, the next scheduled runs."""
    from flows.lake.published import shown_elsewhere
    from flows.show.status_page import status_page, status_record
    from flows.status import status as ask

    lake = books.open()
    found = ask(lake, books.tables(), at or datetime.now(UTC))
    if json:
        as_json(status_record(found))
    else:
        show(*status_page(found, books.options))
        if folder := shown_elsewhere(lake):
            say(f"billing.duckdb shows the files of {folder}; make it anew: billfold views{books.options}")
    return DONE


@app.command(sort_key=14)
def export(
    folder: Annotated[Path, Parameter(help="Where to write it: a new folder, or an empty one.")],
    /,
    *,
    principal: Annotated[str, option(help="For whom: somebody in the table of principals.")],
    as_of: AsOf = None,
    json: Json = False,
    quiet: Quiet = False,
    books: Books = HERE,
) -> int:
    """Write what a principal may read, and nothing else: Parquet files, and the same rows in a DuckDB database."""
    from flows.export import export as write
    from flows.show.export_page import export_page

    with listening(quiet=quiet or json) as progress:
        result = write(books.open(), principal, folder, as_of=as_of, progress=progress)
    if json:
        as_json(result.manifest)
    elif not quiet:
        show(*export_page(result))
        say(f"written  {folder}/billing.duckdb, a .parquet file for each, manifest.json")
    return DONE


# --- inside ------------------------------------------------------------


def files_in(given: Iterable[Path]) -> list[Path]:
    """Files as they are named, and those in folders, in order of path; hidden ones are left out, links not followed."""
    found: list[Path] = []
    for path in given:
        if not path.exists() and not path.is_symlink():
            raise UsageError(f"there is no file or folder {path}")
        inside = sorted(_inside(path)) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"the folder {path} holds no files")
        found += [one for one in inside if one not in found]
    return found


def _inside(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here) / name for name in names if not name.startswith("."))


def _done(lake: "Lake", run: "Run", page: "Iterable[RenderableType]", *, json: bool, quiet: bool) -> int:
    """Publish what a run committed, and say how it ended."""
    from flows.show.reports import ended, run_record

    _publish(lake, run.commit)
    if json:
        as_json(run_record(run))
    elif not quiet:
        why = run.report.get("why")
        show(ended(run.status, run.command, run.commit, **({"why": why} if why else {})), *page)
    elif run.report.get("hold"):
        from flows.held import BACKFILL, SHORT

        what = run.report.get("billing_period", BACKFILL)
        warn(f"billfold: {what} is held for approval: {run.report['hold'][:SHORT]}")
    return run.exit_code


def _asked_what_if(
    lake: "Lake",
    tables: "Reference",
    at: datetime,
    actor: str,
    operations: "Sequence[Path]" = (),
    *,
    limit: int,
    json: bool,
    quiet: bool,
) -> int:
    """What a backfill would change, on a page or for a program."""
    from flows.actors import refuse_stranger
    from flows.show.what_if_page import what_if_page, what_if_record
    from flows.what_if import what_if as ask

    refuse_stranger(tables, actor)
    with listening(quiet=quiet or json) as progress:
        found = ask(lake, tables, received_at=at, actor=actor, operations=operations, progress=progress)
    currencies = _currencies(lake)
    if json:
        as_json(what_if_record(found, currencies))
    elif not quiet:
        show(*what_if_page(found, currencies, limit))
    return found.exit_code


def _publish(lake: "Lake", commit: object) -> None:
    """Analysts see a commit as soon as it is made, where that needs no file to be fetched first."""
    from flows.lake.published import publish

    if commit is not None and lake.is_here:
        publish(lake)


def _currencies(lake: "Lake", as_of: int | None = None) -> Any:
    from flows.show.listing import known_currencies, opened

    with opened(lake, as_of) as connection:
        return known_currencies(connection)


def _listed(
    rows: "pl.DataFrame", currencies: Any, *, csv: bool, json: bool, limit: int, hidden: frozenset[str] = frozenset()
) -> int:
    from flows.show import listing as lists

    if json:
        as_json(list(lists.records(rows, currencies)))
    elif csv:
        write(lists.as_csv(rows, currencies))
    elif rows.is_empty():
        say("none")
    else:
        shown = rows.head(limit) if limit else rows
        show(lists.as_table(shown, currencies, hidden=hidden))
        if shown.height < rows.height:
            say(f"{rows.height - shown.height:,} more rows: --limit 0, --csv or --json shows all")
    return DONE


_is_alone = False
"""Whether the process is the command line and nothing else."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code. A reader that stops reading is no fault."""
    global _is_alone
    _is_alone = arguments is None
    open_all()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that a terminal cannot show
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        lead_nowhere(sys.stdout)
    except OSError:  # which has been said
        lead_nowhere(sys.stdout)
        return code or REFUSED
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return app(arguments, exit_on_error=False, result_action="return_value") or DONE
    except CycloptsError:
        return USAGE  # cyclopts has said what is wrong
    except UsageError as fault:
        warn(f"billfold: {fault}")
        return USAGE
    except BaseException as fault:
        try:
            from flows.machine import is_panic
            from flows.show import faults
            from flows.show.hints import options_of

            if not isinstance(fault, (Exception, KeyboardInterrupt)) and not is_panic(fault):
                raise
            code = faults.explain(fault, options_of(sys.argv[1:] if arguments is None else arguments))
            if isinstance(fault, ImportError) and _is_alone:
                os._exit(code)  # an engine that was stopped as it was loaded may take the interpreter down as it ends
            return code
        except (MemoryError, ImportError):  # a module for which there is no room is not found
            os.write(2, NO_MEMORY)
            return REFUSED


NO_MEMORY = (
    b"billfold: there is not enough memory; what was not committed by then has changed nothing: mend that and run the "
    b"same command again\n"
)
"""Said without the help of any module, where there is no memory to load one."""


if __name__ == "__main__":
    sys.exit(main())
