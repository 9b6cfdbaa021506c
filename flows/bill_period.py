"""The monthly run: what the books should say about a period, less what is committed, in one commit.

`plan_bill` says what there is to do, `bill_group` does it for some buckets (any number at once, anywhere),
`finish_bill` audits the whole and commits. `bill_period` is the three in turn. The same inputs again are nothing to do.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any

import polars as pl

from flows import books, held
from flows.before_commit import checked_or_refused
from flows.bounds import Finding, out_of_bounds
from flows.documents import anew, voided_documents
from flows.held import Approval
from flows.kept_reference import keep_reference
from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.on_the_head import on_the_head
from flows.period_inputs import NO_PERIOD, period_inputs
from flows.period_tables import DOCUMENT_TABLES, STATE_TABLES, changed_accounts, made_by, on_hold
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.run import COMMITTED, HELD, NOTHING_TO_DO, Refusal, Run, software
from flows.runners import Runner, Threads
from flows.settling import found_paid
from flows.spanning import spanning_records
from flows.standing import binding
from flows.tax_dates import date_for
from rating.accounting_periods import closed_through
from rating.cost_policies import restrictions, unposted
from rating.deltas import ledger_delta
from rating.one_thread import on_one_thread
from rating.outputs import Outputs
from rating.periods import first_day, next_period, period_bounds
from rating.pipeline import Inputs, rate_period
from schemas.units import Instant

COMMAND = "bill"
MONTH_TO_DATE_TABLES = (*DOCUMENT_TABLES, "cost_policy_measures")
"""What is kept of a month that is not over."""
POSTED_KINDS = ("invoice", "grant_applied", "grant_ended")
"""Kinds of transactions that a period's state posts."""
ROWS_PER_GROUP = 10_000_000
"""About so many; a group takes some 0.4 seconds whatever it holds, and memory by its rows."""
SHOWN = 20
"""How many accounts on hold and limits reached the report of a run lists."""


@dataclass(frozen=True)
class BillPlan:
    """What a run is about to do: paths and digests, no rows, so that it can be sent anywhere."""

    lake: Lake
    head: int
    run_id: str
    period: str
    known_as_of: datetime
    is_closing: bool
    groups: tuple[tuple[int, ...], ...]
    reference_digest: str
    reference_files: tuple[FileEntry, ...]
    new_reference_files: tuple[FileEntry, ...]
    inputs: Mapping[str, Any]
    issue_date: date | None = None
    """The day whose tax rates documents have that are taxed by issue date, as far as it is known (T1)."""
    approval: Approval | None = None
    """Of a bill that was held; without one, a bill that is out of bounds is held."""

    @cached_property
    def snapshot(self) -> Snapshot:
        """What the run reads: the head it was planned on."""
        return self.lake.snapshot(self.head)

    def __getstate__(self) -> dict[str, Any]:
        """All but the snapshot, which names every file of the lake: who opens the plan reads it there."""
        return {name: value for name, value in vars(self).items() if name != "snapshot"}


@dataclass(frozen=True)
class GroupResult:
    """What became of some buckets: the files written, and counts."""

    files: tuple[FileEntry, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: tuple[Mapping[str, str], ...] = ()
    parked: int = 0
    holds: tuple[Mapping[str, str], ...] = ()
    """The first accounts on hold, of `parked`."""
    limits_reached: int = 0
    reached: tuple[Mapping[str, str | None], ...] = ()
    """The first limits of cost policies that this run was the first to see reached, of `limits_reached`."""
    issued_before: int = 0
    """Accounts whose invoice of the period is issued, and stays as it is."""


def bill_period(
    lake: Lake,
    reference: Reference,
    *,
    period: str,
    until: datetime | None = None,
    groups: int | None = None,
    issue_date: date | None = None,
    approval: Approval | None = None,
    runner: Runner | None = None,
    progress: Progress = silent,
) -> Run:
    """Bill a period, or show it month to date.

    Reads    the lake's head: usage, operations and what other periods did; the reference tables
             issue_date: whose tax rates the drafts have of accounts that are taxed by it (policy tax_point); without
             one that of the period's last bill, and if it had none the last instant of the period, provisionally
             approval: of a bill that was held
             runner: where groups of buckets are computed, on threads if left out; the commit is the same
    Makes    one commit, or nothing to do; `until` before the end of the period gives month-to-date documents only;
             a bill that is out of bounds is held, if it is not approved
    Errors   Refusal: a later period is billed already, an earlier one is not, an invariant does not hold, or what was
             approved is another bill
    Source   L1, L3, X1, T1; reliability, Fates
    """

    def once() -> Run:
        progress.step(f"plan {period}")
        plan = plan_bill(
            lake, reference, period=period, until=until, groups=groups, issue_date=issue_date, approval=approval
        )
        if plan is None:
            return Run(NOTHING_TO_DO, COMMAND, report={"billing_period": period})
        progress.step(f"bill {period}")
        results = (runner or Threads()).map(bill_group, plan, progress)
        progress.step("audit and commit")
        return finish_bill(plan, results)

    return on_the_head(once, f"{period} was billed")


# --- planning ------------------------------------------------------------


@on_one_thread
def plan_bill(
    lake: Lake,
    reference: Reference,
    *,
    period: str,
    until: datetime | None = None,
    groups: int | None = None,
    issue_date: date | None = None,
    approval: Approval | None = None,
) -> BillPlan | None:
    """Say what there is to do for a period; None when what would go in is what went in last time.

    Writes   the reference tables into the lake, invisible until the commit, where no commit has them yet
    """
    first_day(period)
    if groups is not None and groups < 1:
        raise Refusal(f"the buckets are gathered into {groups} groups: name at least one")
    lake.store.hold()  # from here to the commit, whoever writes the groups of buckets
    snapshot = lake.snapshot()
    known_as_of, is_closing = _known_as_of(snapshot, reference, period, until)
    if issue_date and not is_closing:
        raise Refusal(f"{period} is not over by --until: only a month that is over is issued; leave one of the two out")
    issue_date = date_for(snapshot, reference, period, issue_date) if is_closing else None
    inputs = _what_goes_in(snapshot, reference, period, known_as_of, issue_date)
    run_id = _named(inputs, is_closing)
    if _last_run(lake, period, is_closing) == run_id:
        return None
    _refuse_out_of_turn(snapshot, period, is_closing)
    new = keep_reference(snapshot, reference, run_id)
    known = [entry for entry in snapshot.visible.values() if entry.partition.get("reference") == reference.digest]
    return BillPlan(
        lake=lake,
        head=snapshot.number,
        run_id=run_id,
        period=period,
        known_as_of=known_as_of,
        is_closing=is_closing,
        groups=groups_of(range(lake.buckets), _usage(snapshot, reference, period), groups),
        reference_digest=reference.digest,
        reference_files=tuple(new or known),
        new_reference_files=tuple(new),
        inputs=inputs,
        issue_date=issue_date,
        approval=approval,
    )


def _what_goes_in(
    snapshot: Snapshot, reference: Reference, period: str, known_as_of: datetime, issue_date: date | None
) -> dict[str, Any]:
    """Digests of everything that reaches the bill of a period."""
    usage = _usage(snapshot, reference, period)
    return {
        "billing_period": period,
        "known_as_of": known_as_of,
        "reference_digest": reference.digest,
        "usage_digest": _digest(entry.sha256 for entry in usage),
        "books_digest": _books_digest(snapshot.lake, snapshot, reference, period, known_as_of),
        "software": software(),
    } | ({} if issue_date is None else {"issue_date": issue_date.isoformat()})


def _usage(snapshot: Snapshot, reference: Reference, period: str) -> list[FileEntry]:
    """The files of usage that a period is billed on."""
    usage = [*snapshot.files("usage_records", billing_period=period), *snapshot.files("usage_series")]
    return usage + [entry for entry, _ in books.usage_running_in(snapshot.lake, snapshot, period, reference.tables)]


def _named(inputs: Mapping[str, Any], is_closing: bool) -> str:
    """The id of a run, by what goes into it; up to when a closed period was known goes into no id (L1)."""
    went_in = {name: value for name, value in inputs.items() if not (is_closing and name == "known_as_of")}
    return _digest([COMMAND, str(is_closing), *(f"{name}={value}" for name, value in sorted(went_in.items()))])[:32]


def run_id_of(
    snapshot: Snapshot, reference: Reference, period: str, known_as_of: datetime, issue_date: date | None
) -> str:
    """The id that a run would have which bills a closed period as of a snapshot."""
    return _named(_what_goes_in(snapshot, reference, period, known_as_of, issue_date), True)


def _known_as_of(
    snapshot: Snapshot, reference: Reference, period: str, until: datetime | None
) -> tuple[datetime, bool]:
    """The later of the period's end and the latest recording, unless an earlier instant is asked for (L1)."""
    zones = reference["billing_accounts"]["time_zone"].unique().to_list() or ["UTC"]
    ends = [period_bounds(period, zone)[1] for zone in zones]
    if until is not None and until < max(ends):
        if until <= min(period_bounds(period, zone)[0] for zone in zones):
            raise Refusal(
                f"{until:%Y-%m-%d %H:%M} UTC is before {period} begins; name a later --until or another period"
            )
        return until, False
    latest = books.latest_recording(snapshot)
    return max([*ends, latest] if latest else ends), True


def _books_digest(lake: Lake, snapshot: Snapshot, reference: Reference, period: str, known_as_of: datetime) -> str:
    """What else reaches the bill: what was granted, accepted, ended, allocated and charged by then, and what other
    periods took of grants."""
    grants = books.grants_with_recording(snapshot).filter(pl.col("recorded_at") <= known_as_of)
    codes = books.accepted_promo_discounts(snapshot, reference["promo_codes"]).filter(
        pl.col("recorded_at") <= known_as_of
    )
    others = books.taken_elsewhere(lake, snapshot, period, known_as_of, NO_PERIOD, NO_PERIOD)
    voided = voided_documents(snapshot, period, reference["billing_accounts"]).counted.rename({"documents": "voided"})
    added = books.charges_added(snapshot, period).filter(pl.col("recorded_at") <= known_as_of)
    charges = added.drop("recorded_at", "received_at")
    known = [books.grants_ended(snapshot), books.allocated_to_projects(snapshot)]
    operations = [rows.filter(pl.col("recorded_at") <= known_as_of).drop("recorded_at") for rows in known]
    held = books.held_before(snapshot, period)
    costs = books.earlier_costs(lake, snapshot, period, reference["cost_policies"])
    frames = [grants.drop("recorded_at"), codes.drop("recorded_at"), others, held, charges, costs, *operations, voided]
    return _digest(frame.sort(frame.columns[:2], maintain_order=True).write_json() for frame in frames)


def _last_run(lake: Lake, period: str, is_closing: bool) -> str | None:
    """The run that last said what the period's books are; a month-to-date draft counts until the period is closed."""
    for commit in reversed(lake.commits()):
        if commit.command == COMMAND and commit.inputs.get("billing_period") == period:
            return commit.run_id if commit.inputs.get("is_closing", True) == is_closing else None
        said = commit.inputs.get("bill_runs", {}) if is_closing else {}  # a backfill says what a bill would be now
        if period in said:
            return str(said[period])
    return None


def _refuse_out_of_turn(snapshot: Snapshot, period: str, is_closing: bool) -> None:
    """Periods are billed oldest first and none is left out: what a period leaves of a grant is what the next one finds
    (K8), and recurring items are charged in a period without usage too (P9).
    """
    if not is_closing:
        if period in books.billed_periods(snapshot):
            raise Refusal(f"{period} is billed already; leave out --until to bill it again")
        return
    begun = books.begun_periods(snapshot)
    later = sorted(one for one in begun if one > period)
    if later:
        raise Refusal(
            f"{', '.join(later)} {'is' if len(later) == 1 else 'are'} billed already, on what {period} left of every "
            "grant; what changed about an earlier period is posted by: billfold backfill"
        )
    if begun and period > (following := next_period(max(begun))):
        raise Refusal(f"{following} is not billed yet; run: billfold bill --period {following}")
    if not begun and (earlier := min({period} | books.used_periods(snapshot))) < period:
        raise Refusal(f"{earlier} has usage or charges and is not billed yet; run: billfold bill --period {earlier}")


def groups_of(
    buckets: Sequence[int], usage: Sequence[FileEntry], count: int | None = None
) -> tuple[tuple[int, ...], ...]:
    """Buckets dealt into so many groups of neighbours, or as many as their usage asks for.

    >>> groups_of(range(5), [], 2), groups_of((3, 7), [])
    (((0, 1, 2), (3, 4)), ((3, 7),))
    """
    size = -(-len(buckets) // min(count or how_many_groups(sum(entry.rows for entry in usage)), len(buckets)))
    return tuple(tuple(buckets[start : start + size]) for start in range(0, len(buckets), size))


def how_many_groups(rows: int) -> int:
    """How many groups so many rows of usage ask for: a frame costs about the same for a thousand rows as for none.

    More than one are an even number of them, so that no core of two waits for the last.
    """
    count = max(1, round(rows / ROWS_PER_GROUP))
    return count if count == 1 else count + count % 2


def _digest(parts: Iterable[str]) -> str:
    hashed = sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part.encode())
    return hashed.hexdigest()


# --- one group of buckets ------------------------------------------------------------


@on_one_thread
def bill_group(plan: BillPlan, buckets: tuple[int, ...]) -> GroupResult:
    """Bill the accounts of some buckets: read their usage, run the pipeline, write its tables.

    An account's bill depends on no other account's, so any grouping of buckets gives the same rows.
    """
    inputs = inputs_of(plan, buckets)
    outputs = rate_period(inputs)
    stands = inputs.committed.accounts.select("billing_account_id")
    kept, fresh = _with_issued_kept(plan, inputs, outputs, stands)
    voided = voided_documents(plan.snapshot, plan.period, fresh.account_periods)
    fresh = anew(fresh, voided)
    tables = {name: fresh.tables()[name] for name in STATE_TABLES} if plan.is_closing else {}
    tables |= {name: fresh.tables()[name] for name in MONTH_TO_DATE_TABLES}
    tables = {name: pl.concat([rows, kept[name]]) if name in kept else rows for name, rows in tables.items()}
    if plan.is_closing:
        posted = plan.snapshot.read("ledger_entries", service_period=plan.period).filter(
            pl.col("transaction_kind").is_in(POSTED_KINDS)
        )
        # an account that is gone from the reference tables has its entries taken back like any other change
        committed = _in_buckets(plan, buckets, posted).join(stands, on="billing_account_id", how="anti")
        tables["expense_numbers"] = fresh.expense_numbers
        desired = pl.concat([fresh.ledger, voided.entries()])
        tables["ledger_entries"] = ledger_delta(desired, committed, closed_at(inputs))
    tables |= _of_cost_policies(plan, fresh)
    files = [_write(plan, name, rows, buckets) for name, rows in tables.items()]
    holds = tables.get("holds", fresh.holds)
    return GroupResult(
        files=tuple(entry for entry in files if entry is not None),
        counts={name: rows.height for name, rows in tables.items()},
        totals=tuple(_totals(fresh.invoices)),
        parked=holds.height,
        holds=tuple(holds.head(SHOWN).select("billing_account_id", "reason_code", "reason").to_dicts()),
        limits_reached=tables["cost_policy_events"].height,
        reached=tuple(_reached(tables["cost_policy_events"].head(SHOWN))),
        issued_before=stands.height,
    )


def _of_cost_policies(plan: BillPlan, fresh: Outputs) -> dict[str, pl.DataFrame]:
    """What a run adds for cost policies: limits newly reached, and what restricts accounts from now on (W5).

    An account with an issued document has said what there was to say: it is not in `fresh` (L4). Who looks back, at a
    month before the last one that was billed or at less of it, changes no restriction.
    """
    snapshot = plan.snapshot
    told = snapshot.read("cost_policy_events", billing_period=plan.period)
    added = {"cost_policy_events": unposted(fresh.cost_policy_events, told)}
    if not _looks_back(plan):
        accounts = fresh.account_periods.join(fresh.holds, on="billing_account_id", how="anti")
        before = snapshot.read("account_restrictions")
        added["account_restrictions"] = restrictions(fresh.cost_policy_measures, before, accounts, plan.known_as_of)
    return added


def _reached(events: pl.DataFrame) -> Iterator[Mapping[str, str | None]]:
    """The events of a run as its report tells them."""
    names = ("cost_policy_id", "billing_account_id", "sub_account_id", "action", "measured", "limit")
    for row in events.select(names).iter_rows(named=True):
        yield {name: value if isinstance(value, str | None) else f"{value:f}" for name, value in row.items()}


def _looks_back(plan: BillPlan) -> bool:
    """Whether a later month, or more of this one, was billed or shown before."""
    bills = [commit.inputs for commit in plan.lake.commits(plan.head) if commit.command == COMMAND]
    seen = [(one["billing_period"], datetime.fromisoformat(str(one["known_as_of"]))) for one in bills]
    return max(seen, default=(plan.period, plan.known_as_of)) > (plan.period, plan.known_as_of)


def inputs_of(plan: BillPlan, buckets: tuple[int, ...]) -> Inputs:
    """What the bills of some buckets depend on, as of the plan's head."""
    return period_inputs(
        plan.snapshot,
        plan.reference_files,
        period=plan.period,
        known_as_of=plan.known_as_of,
        buckets=buckets,
        issue_date=plan.issue_date,
    )


def _in_buckets(plan: BillPlan, buckets: tuple[int, ...], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of accounts whose usage lies in these buckets."""
    own = books.accounts_in(rows, buckets, plan.lake.buckets)
    return rows.join(own, on="billing_account_id", how="semi", maintain_order="left")


def _with_issued_kept(
    plan: BillPlan, inputs: Inputs, outputs: Outputs, issued: pl.DataFrame
) -> tuple[dict[str, pl.DataFrame], Outputs]:
    """Issued is issued (L4): an account whose invoice stands keeps the state that its documents say.

    Where what it should be has changed since, the account is shown on hold until a backfill; its books stay. Of a paid
    one nothing changes, whatever policy says by now: that it was found so is written down (X2).
    """
    if issued.is_empty():
        return {}, outputs
    period = plan.period
    before = {
        name: plan.snapshot.read(name, billing_period=period, **made_by(name)).join(
            issued, on="billing_account_id", how="semi"
        )
        for name in STATE_TABLES
    }
    before |= {
        name: plan.snapshot.read(name, billing_period=period, state="draft").join(
            issued, on="billing_account_id", how="semi"
        )
        for name in DOCUMENT_TABLES
    }
    changed = _changed(before, outputs, issued)
    waiting = before["invoices"].drop_nulls("preceding_invoice_number")  # issued, they may leave something due
    stands = binding(plan.snapshot, inputs.reference["billing_policies"], since=period, accounts=issued)
    settled = stands.filter(billing_period=period).join(waiting, on="billing_account_id", how="anti")
    before["account_periods"] = found_paid(before["account_periods"], settled)
    others = before["holds"].filter(pl.col("reason_code") != "H_ISSUED")
    before["holds"] = pl.concat([others, changed.join(others, on="billing_account_id", how="anti")])
    return before, of_others(outputs, issued)


def of_others(outputs: Outputs, accounts: pl.DataFrame) -> Outputs:
    """What the books should say of all accounts but these."""
    return Outputs(
        **{
            name: rows.join(accounts, on="billing_account_id", how="anti", maintain_order="left")
            if "billing_account_id" in rows.columns
            else rows
            for name, rows in outputs.tables().items()
        }
    )


def closed_at(inputs: Inputs) -> pl.DataFrame:
    """The last month that takes no more entries, of each account (B1)."""
    accounts = inputs.reference["billing_accounts"].unique("billing_account_id", keep="last", maintain_order=True)
    known = accounts.select("billing_account_id", "time_zone", at=pl.lit(inputs.known_as_of, dtype=Instant))
    return closed_through(known, inputs.reference["billing_policies"])


def _changed(before: Mapping[str, pl.DataFrame], outputs: Outputs, issued: pl.DataFrame) -> pl.DataFrame:
    """Holds for the issued accounts whose charges, allocations or tax would be others today."""
    changed = []
    for name in ("charges", "allocations", "tax_shares"):
        now = outputs.tables()[name].join(issued, on="billing_account_id", how="semi")
        changed.append(changed_accounts(*(rows.drop("charge_order", strict=False) for rows in (before[name], now))))
    found = pl.concat(changed).unique()
    return on_hold(before["account_periods"].join(found, on="billing_account_id", how="semi"), "H_ISSUED")


def _write(plan: BillPlan, table: str, rows: pl.DataFrame, buckets: tuple[int, ...]) -> FileEntry | None:
    """One file per table and group of buckets; an empty append-only table has none."""
    partition = {"billing_period": plan.period} | made_by(table)
    if table == "ledger_entries":
        partition = {"service_period": plan.period}
    if table in DOCUMENT_TABLES:
        partition["state"] = "draft" if plan.is_closing else "month_to_date"
    if rows.is_empty() and table != "account_periods":
        return None
    label = f"{plan.head + 1:06}-{buckets[0]:02}-{buckets[-1]:02}"
    return plan.lake.write_table(table, rows, run_id=plan.run_id, partition=partition, label=label)


def _totals(invoices: pl.DataFrame) -> list[dict[str, str]]:
    """Sums per currency: what people compare with last month."""
    amounts = [
        "list_cost",
        "discount_amount",
        "cap_amount",
        "grant_amount",
        "total_without_tax",
        "total_tax",
        "credit_amount",
        "amount_due",
    ]
    rows = invoices.group_by("billing_currency").agg(pl.len().alias("invoices"), pl.col(amounts).sum())
    return [{name: str(value) for name, value in row.items()} for row in rows.sort("billing_currency").to_dicts()]


# --- the whole ------------------------------------------------------------


def finish_bill(plan: BillPlan, results: Sequence[GroupResult]) -> Run:
    """Audit what is about to be visible and commit it, or hold it where it is out of bounds and nobody approved it.

    Errors   HeadMoved: another run committed first
             Refusal: an invariant does not hold, or the approval is of another bill
    """
    snapshot = plan.snapshot
    replaced = _replaced(plan)
    added = [entry for result in results for entry in result.files]
    added, removed = _without_same(added, replaced)
    candidate = snapshot.with_changes(
        [*added, *plan.new_reference_files],
        removed,
        reference_digest=plan.reference_digest,
        known_as_of=plan.known_as_of,
    )
    with ThreadPoolExecutor(max_workers=1) as meanwhile:
        spanning = meanwhile.submit(spanning_records, snapshot, plan.reference_files, plan.period, plan.known_as_of)
        told = checked_or_refused(candidate, plan.run_id, usage_periods=[plan.period])
        added, candidate = [*added, *told], candidate.with_changes(told)
    report = _report(plan, results, spanning.result())
    findings = out_of_bounds(candidate, plan.period) if plan.is_closing else []
    hold = held.hold_of(plan.run_id, findings, plan.approval, plan.period)
    if hold:
        return _held(plan, hold, findings, report)
    approved = {} if plan.approval is None else {"approval": plan.approval.as_input()}
    commit = plan.lake.commit(
        snapshot.commit,
        run_id=plan.run_id,
        command=COMMAND,
        inputs={**plan.inputs, "is_closing": plan.is_closing, **approved},
        added=[*added, *plan.new_reference_files],
        removed=removed,
        totals={row["billing_currency"]: row for row in report["totals"]},
        summary={name: value for name, value in report.items() if name != "totals"},
    )
    return Run(COMMITTED, COMMAND, commit, report)


def _held(plan: BillPlan, hold: str, findings: Sequence[Finding], report: Mapping[str, Any]) -> Run:
    """Note what is out of bounds, once: the same again is held as it was."""
    commit = held.note(
        plan.snapshot,
        hold,
        findings,
        inputs={"billing_period": plan.period, "bill_run": plan.run_id},
        totals={row["billing_currency"]: row for row in report["totals"]},
        summary={name: report[name] for name in ("usage_rows", "parked", "rows")},
    )
    return Run(HELD, COMMAND, commit, {**report, "hold": hold, "out_of_bounds": [dict(one) for one in findings]})


def _replaced(plan: BillPlan) -> list[FileEntry]:
    """The files of the period's state that this run says anew; issued documents are not among them."""
    snapshot, period = plan.snapshot, plan.period
    documents = [entry for name in DOCUMENT_TABLES for entry in snapshot.files(name, billing_period=period)]
    if not plan.is_closing:
        shown = [entry for entry in documents if entry.partition["state"] == "month_to_date"]
        return shown + snapshot.files("cost_policy_measures", billing_period=period)
    state = [entry for name in STATE_TABLES for entry in snapshot.files(name, billing_period=period, **made_by(name))]
    return state + [entry for entry in documents if entry.partition["state"] in ("draft", "month_to_date")]


def _without_same(added: Sequence[FileEntry], replaced: Sequence[FileEntry]) -> tuple[list[FileEntry], list[str]]:
    """A file that says what the one it replaces says is not written twice."""
    known = {(entry.table, entry.sha256, tuple(sorted(entry.partition.items()))): entry for entry in replaced}
    same = {(entry.table, entry.sha256, tuple(sorted(entry.partition.items()))) for entry in added} & known.keys()
    new = [e for e in added if (e.table, e.sha256, tuple(sorted(e.partition.items()))) not in same]
    gone = [entry.path for key, entry in known.items() if key not in same]
    return new, gone


def _report(plan: BillPlan, results: Sequence[GroupResult], spanning: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    sums: dict[str, dict[str, Any]] = {}
    for result in results:
        counts.update(result.counts)
        for row in result.totals:
            known = sums.setdefault(row["billing_currency"], {"billing_currency": row["billing_currency"]})
            for name, value in row.items():
                if name != "billing_currency":
                    known[name] = _add(known.get(name), value)
    held = [dict(hold) for result in results for hold in result.holds]
    reached = [dict(event) for result in results for event in result.reached]
    return {
        "billing_period": plan.period,
        "known_as_of": plan.known_as_of.isoformat(),
        "is_closing": plan.is_closing,
        "usage_rows": sum(entry.rows for entry in plan.snapshot.files("usage_records", billing_period=plan.period)),
        "rows": dict(sorted(counts.items())),
        "spanning_records": spanning,
        "parked": sum(result.parked for result in results),
        "holds": held[:SHOWN],
        "limits_reached": sum(result.limits_reached for result in results),
        "reached": reached[:SHOWN],
        "issued_before": sum(result.issued_before for result in results),
        "totals": [{name: str(value) for name, value in row.items()} for _, row in sorted(sums.items())],
    }


def _add(known: str | None, value: str) -> str:
    return str(Decimal(known or 0) + Decimal(value))
