"""The backfill: what changed about periods that are billed, recomputed oldest first, and the difference posted (X1).

Only the accounts and periods that something touched are looked at. Drafts are made anew; an issued invoice keeps its
bytes and gets a correcting document that names it (L4). All of it is one commit, audited before it is made, or held
where it is out of bounds and nobody approved it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from itertools import count
from typing import Any

import polars as pl

from flows import books
from flows.before_commit import checked_or_refused
from flows.bill_period import run_id_of
from flows.bounds import Finding, corrections_out_of_bounds
from flows.due import months_to_bill
from flows.held import BACKFILL, Approval, hold_of, note, withdraw
from flows.held import COMMAND as HOLD
from flows.issue_invoices import issue_corrections
from flows.kept_reference import keep_reference
from flows.lake.journal import Commit, FileEntry, Lake, Snapshot
from flows.on_the_head import on_the_head
from flows.period_inputs import NO_PERIOD
from flows.progress import Progress, silent
from flows.recomputing import ACCOUNT, CHANGES, Recomputed, part_of, recomputed, rerated
from flows.reference import Reference
from flows.refunds import periods_with_notes
from flows.run import COMMITTED, HELD, NOTHING_TO_DO, Run, software
from flows.settling import to_settle
from flows.standing import binding
from flows.tax_dates import date_for, is_by_issue, is_over, redated
from flows.touched import touched
from rating.chains import OWNER
from rating.cost_policies import restrictions, unposted
from rating.periods import period_bounds
from rating.rejects import OF_ISSUED
from schemas import TABLES

COMMAND = "backfill"
MOST_PASSES = 10
"""So often at most periods are gone through because later ones keep something else; the books are right after each."""
BY_PERIOD = ["billing_period", "billing_account_id", "why"]
TOUCHED = pl.DataFrame(schema={"billing_account_id": pl.String, "billing_period": pl.String, "why": pl.String})


def backfill(
    lake: Lake,
    reference: Reference,
    *,
    received_at: datetime,
    issue_date: date | None = None,
    actor: str = "operator",
    approval: Approval | None = None,
    is_asked: bool = False,
    progress: Progress = silent,
) -> Run:
    """Bring every billed period to what it should say by now.

    Reads    the lake's head and the reference tables; issue_date: of the correcting documents, which stay drafts
             without one; drafts of accounts that are taxed by issue date get its rates (T1)
             approval: of a backfill that was held; is_asked: only to see what it comes to, so it is not held
    Makes    one commit, and one that issues where a date is given; tables["touched"] and tables["changes"] say what
             changed for whom and why; corrections that are out of bounds are held, if they are not approved, and
             nothing is issued
    Errors   Refusal: an invariant does not hold, or what was approved is something else; or nothing can be issued on
             that date: what was posted stays, as drafts
    Source   L1, X1, X2, X4; reliability, Fates
    """
    has_other_rates = _has_other_rates(lake.snapshot(), reference)
    run = posted(lake, reference, issue_date, progress, approval=approval, is_asked=is_asked)
    if has_other_rates:
        run = replace(run, report={**run.report, "tax_rates_changed": True})
    if issue_date is None or run.status == HELD:
        return run
    progress.step("issue corrections")
    snapshot = lake.snapshot()
    periods = sorted({*_waiting(snapshot), *periods_with_notes(snapshot, reference)})
    if not periods:
        return run
    issued = issue_corrections(
        lake, reference, periods=periods, issue_date=issue_date, actor=actor, received_at=received_at
    )
    tables = {**run.tables, **issued.tables}
    report = {**run.report, "issued": issued.report.get("issued", 0), "issued_by": issued.report}
    commit = issued.commit or run.commit
    return Run(COMMITTED if commit else run.status, COMMAND, commit, report, tables)


def _has_other_rates(snapshot: Snapshot, reference: Reference) -> bool:
    """Whether tax rates are others than those in use, which is nothing to documents that are issued (T4)."""
    if snapshot.reference_digest == reference.digest or not snapshot.files("invoices", state="issued"):
        return False
    return not snapshot.read("tax_rates").equals(reference["tax_rates"])


def _waiting(snapshot: Snapshot) -> list[str]:
    """The periods with correcting documents that have no number yet."""
    found = books.columns_of(
        snapshot.lake,
        snapshot.files("invoices", state="draft"),
        "invoices",
        ("billing_period", "preceding_invoice_number"),
    )
    return sorted(set(found.drop_nulls("preceding_invoice_number")["billing_period"]))


def posted(
    lake: Lake,
    reference: Reference,
    issue_date: date | None,
    progress: Progress = silent,
    *,
    approval: Approval | None = None,
    is_asked: bool = False,
) -> Run:
    """Compute and commit, without issuing anything; again on the new head when another run was first."""
    dated = issue_date if is_by_issue(reference["billing_policies"]) else None

    def once() -> Run:
        snapshot = lake.snapshot()
        if not books.billed_periods(snapshot):
            return _nothing(snapshot, TOUCHED)
        progress.step("find what changed")
        known_as_of = _known_as_of(snapshot, reference)
        changed = [touched(snapshot, reference, known_as_of), to_settle(snapshot, reference)]
        changed += [_redated(snapshot, reference, dated)] if dated else []
        found = pl.concat(changed).sort(BY_PERIOD)
        if found.is_empty():
            withdraw(snapshot, BACKFILL)
            return _nothing(snapshot, found)
        run = _Backfill(snapshot, reference, known_as_of, found, dated, approval=approval, is_asked=is_asked)
        return run.run(progress)

    return on_the_head(once, "the difference was computed")


def _redated(snapshot: Snapshot, reference: Reference, issue_date: date) -> pl.DataFrame:
    """The drafts that have other tax rates on the issue date: TOUCHED."""
    found = [
        redated(snapshot, reference, period, issue_date).with_columns(billing_period=pl.lit(period))
        for period in sorted(books.billed_periods(snapshot))
        if is_over(period, issue_date)
    ]
    return (
        pl.concat([TOUCHED.drop("why"), *(one.select(OWNER) for one in found)])
        .with_columns(why=pl.lit("issue date"))
        .select(TOUCHED.columns)
    )


def _nothing(snapshot: Snapshot, touched: pl.DataFrame) -> Run:
    """A run that finds everything as it should be.

    Months that are not billed yet are not its to bill: report["unbilled"] are those up to the first that has something.
    """
    billed = books.billed_periods(snapshot)
    first = min(books.used_periods(snapshot) - billed, default=None)
    report: dict[str, Any] = {"touched": 0, "recomputed": 0, "changed": 0, "changes": {}, "amounts": {}}
    report["unbilled"] = months_to_bill(snapshot, first) if first else []
    report["why"] = "the billed months say all that is known" if billed else "no month is billed yet"
    return Run(NOTHING_TO_DO, COMMAND, None, report, {"touched": touched, "changes": pl.DataFrame(schema=CHANGES)})


def _known_as_of(snapshot: Snapshot, reference: Reference) -> datetime:
    """The later of the last billed period's end and the latest recording (L1)."""
    last = max(books.billed_periods(snapshot))
    zones = reference["billing_accounts"]["time_zone"].unique().to_list() or ["UTC"]
    latest = books.latest_recording(snapshot)
    return max([*(period_bounds(last, zone)[1] for zone in zones), *([latest] if latest else [])])


@dataclass
class _Backfill:
    """One run: what is about to be committed grows period by period; each reads what those before it made."""

    head: Snapshot
    reference: Reference
    known_as_of: datetime
    touched: pl.DataFrame
    issue_date: date | None = None
    """Whose tax rates drafts have that are taxed by it, as far as one is given (T1)."""
    approval: Approval | None = None
    is_asked: bool = False

    def run(self, progress: Progress) -> Run:
        """Recompute, audit, commit.

        Later periods that are paid, or stay as they are because their account could not be billed today, keep what they
        took of grants, and earlier ones have the rest. Where a later period turns out to be one of these, or to keep
        something else by now, what earlier ones were worked out with was not so, and all is recomputed.
        """
        self.run_id = self._named()
        self.periods = sorted(books.billed_periods(self.head) | set(self.touched["billing_period"]))
        self.stands = binding(self.head, self.reference["billing_policies"], since=min(self.periods))
        held = self.head.read("holds").filter(~pl.col("reason_code").is_in([*OF_ISSUED, "H_VOIDED"]))
        reserved = self.stands.join(held, on=OWNER, how="semi").select(OWNER)
        as_later = self.head
        for passes in count(1):
            kept, waiting = self._recompute(reserved, as_later, progress)
            if kept.join(reserved, on=OWNER, how="anti").is_empty() and (waiting.is_empty() or passes >= MOST_PASSES):
                break
            reserved = pl.concat([reserved, kept]).unique().sort(OWNER)
            self.touched = pl.concat([self.touched, waiting]).unique().sort(BY_PERIOD)
            as_later = self.candidate
        progress.step("audit and commit")
        return self._commit()

    def _recompute(
        self, reserved: pl.DataFrame, as_later: Snapshot, progress: Progress
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Recompute every period that is touched, oldest first.

        Makes    OWNER of those that stay as they are, and TOUCHED of those that were worked out with something else
                 than what later ones keep by now
        """
        reference = self.reference
        self.added: list[FileEntry] = []
        self.removed: list[str] = []
        self.changes: list[pl.DataFrame] = []
        self.recomputed = 0
        self.candidate = self.head
        self._add(keep_reference(self.head, reference, self.run_id))
        self.reference_files = [
            entry for entry in self.candidate.visible.values() if entry.partition.get("reference") == reference.digest
        ]
        moved, kept, waiting = pl.DataFrame(schema=ACCOUNT), [NO_PERIOD], [TOUCHED]
        for done, period in enumerate(self.periods):
            progress.advance(done, len(self.periods))
            named = self.touched.filter(billing_period=period).select("billing_account_id")
            accounts = pl.concat([named, moved]).unique().sort("billing_account_id")
            if accounts.height:
                progress.step(f"recompute {period}: {accounts.height:,} accounts")
                found = self._period(period, accounts, reserved, as_later)
                moved = pl.concat([moved, found.moved]).unique()
                kept.append(found.kept.with_columns(billing_period=pl.lit(period)))
                waiting.append(self._earlier(period, found.gave_back(as_later, reserved)))
        return pl.concat(kept), pl.concat(waiting)

    def _earlier(self, period: str, accounts: pl.DataFrame) -> pl.DataFrame:
        """The periods before one of these accounts: TOUCHED."""
        earlier = pl.Series("billing_period", [one for one in self.periods if one < period], dtype=pl.String)
        rows = accounts.join(earlier.to_frame(), how="cross")
        return rows.with_columns(why=pl.lit(f"{period} keeps something else")).select(TOUCHED.columns)

    def _named(self) -> str:
        """The id of the run, by what goes into it: the commit it starts from, reference tables, software.

        A hold says nothing of the books: the same on it is the same run.
        """
        commits = self.head.lake.commits(self.head.number)
        start = next(commit for commit in reversed(commits) if commit.command != HOLD)
        parts = [COMMAND, start.hash, self.reference.digest, self.known_as_of.isoformat(), software()]
        parts += [self.issue_date.isoformat()] if self.issue_date else []
        return sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _add(self, added: Iterable[FileEntry], removed: Iterable[str] = ()) -> None:
        new, gone = list(added), list(removed)
        self.added = [entry for entry in self.added if entry.path not in gone] + new
        self.removed += [path for path in gone if path in self.head.visible]
        self.candidate = self.candidate.with_changes(
            new, gone, reference_digest=self.reference.digest, known_as_of=self.known_as_of
        )

    # --- one period ------------------------------------------------------------

    def _period(self, period: str, accounts: pl.DataFrame, reserved: pl.DataFrame, as_later: Snapshot) -> Recomputed:
        """Recompute accounts of a period, and write what changed."""
        self.recomputed += accounts.height
        made = rerated(
            self.candidate,
            self.head,
            self.reference_files,
            period=period,
            known_as_of=self.known_as_of,
            accounts=accounts,
            reserved=reserved,
            as_later=as_later,
            issue_date=self._issue_date(period),
            stands=self.stands,
        )
        found = recomputed(self.head, period, accounts, self.stands, made)
        self.changes.append(found.changes)
        self._write(found)
        return found

    def _issue_date(self, period: str) -> date | None:
        given = self.issue_date if self.issue_date and is_over(period, self.issue_date) else None
        return date_for(self.head, self.reference, period, given)

    def _write(self, found: Recomputed) -> None:
        """Write what changed: the files of a table whole, with everybody else's rows as they were."""
        period, now, outputs = found.period, found.now, found.made.outputs
        for name in found.differing:
            part = part_of(name)
            rows = _sorted(name, pl.concat([found.others[name], now[name]]))
            files = self.candidate.files(name, billing_period=period, **part)
            new = [self._file(name, rows, {"billing_period": period} | part)] if rows.height else []
            self._add(new, [entry.path for entry in files])
        numbers = outputs.expense_numbers.join(now["charges"], on="charge_id", how="semi", maintain_order="left")
        self._append("expense_numbers", numbers, billing_period=period)
        told = self.head.read("cost_policy_events", billing_period=period)
        events = outputs.cost_policy_events.join(now["cost_policy_measures"], on="billing_account_id", how="semi")
        self._append("cost_policy_events", unposted(events, told), billing_period=period)
        entries = found.entries(self.head.read("ledger_entries", service_period=period))
        self._append("ledger_entries", entries, service_period=period)
        if period == max(self.periods) and not self._is_shown_since(period):
            measured = now["account_periods"].join(now["holds"], on="billing_account_id", how="anti")
            known = self.head.read("account_restrictions")
            rows = restrictions(now["cost_policy_measures"], known, measured, self.known_as_of)
            self._append("account_restrictions", rows, billing_period=period)

    def _is_shown_since(self, period: str) -> bool:
        """Whether a later month is shown month to date, which says more of who is restricted."""
        shown = self.head.files("invoices", state=("month_to_date", "draft", "issued"))  # not credit that was sold
        return any(entry.partition["billing_period"] > period for entry in shown)

    def _append(self, name: str, rows: pl.DataFrame, **partition: str) -> None:
        if rows.height:
            self._add([self._file(name, rows, partition)])

    def _file(self, name: str, rows: pl.DataFrame, partition: Mapping[str, str]) -> FileEntry:
        label = f"{self.head.number + 1:06}-{COMMAND}"
        return self.head.lake.write_table(name, rows, run_id=self.run_id, partition=partition, label=label)

    def _commit(self) -> Run:
        self._add(checked_or_refused(self.candidate, self.run_id))
        changes = pl.concat([pl.DataFrame(schema=CHANGES), *self.changes])
        report = self._report(changes)
        tables = {"touched": self.touched, "changes": changes}
        findings = corrections_out_of_bounds(self.candidate, self.head, set(changes["billing_period"]))
        found = {"out_of_bounds": [dict(one) for one in findings]} if findings else {}
        hold = None if self.is_asked else hold_of(self.run_id, findings, self.approval, BACKFILL)
        if hold:
            return Run(HELD, COMMAND, self._hold(hold, findings, report), {**report, "hold": hold, **found}, tables)
        last = max(self.periods)
        dated = {"issue_date": self.issue_date.isoformat()} if self.issue_date else {}
        same = run_id_of(self.candidate, self.reference, last, self.known_as_of, self._issue_date(last))
        commit = self.head.lake.commit(
            self.head.commit,
            run_id=self.run_id,
            command=COMMAND,
            inputs={
                "reference_digest": self.reference.digest,
                "known_as_of": self.known_as_of,
                "periods": self.periods,
                "software": software(),
                "bill_runs": {last: same},
                **dated,
                **({} if self.approval is None else {"approval": self.approval.as_input()}),
            },
            added=self.added,
            removed=self.removed,
            summary=report,
        )
        return Run(COMMITTED, COMMAND, commit, {**report, **(found if self.is_asked else {})}, tables)

    def _hold(self, hold: str, findings: Sequence[Finding], report: Mapping[str, Any]) -> Commit | None:
        """Note what is out of bounds, once."""
        names = ("touched", "recomputed", "changed", "changes", "amounts")
        return note(
            self.head,
            hold,
            findings,
            inputs={"backfill_run": self.run_id},
            totals={},
            summary={name: report[name] for name in names},
        )

    def _report(self, changes: pl.DataFrame) -> dict[str, Any]:
        counts = dict(changes.group_by("change").agg(pl.struct(OWNER).n_unique()).sort("change").iter_rows())
        sums = changes.group_by("billing_currency").agg(pl.col("amount").sum()).sort("billing_currency")
        return {
            "known_as_of": self.known_as_of.isoformat(),
            "touched": self.touched.select(OWNER).unique().height,
            "recomputed": self.recomputed,
            "changed": changes.select(OWNER).unique().height,
            "changes": counts,
            "amounts": {currency: f"{amount:f}" for currency, amount in sums.iter_rows()},
        }


def _sorted(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table in the order of its account and key."""
    key = [column for column in TABLES[name].key() if column != "billing_account_id"]
    return rows.sort("billing_account_id", *key, nulls_last=True)
