"""One billed period, recomputed for some of its accounts: what its books say, what they should, and the difference."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cached_property
from os import cpu_count

import polars as pl

from flows import books
from flows.bill_period import POSTED_KINDS, closed_at, groups_of, how_many_groups, of_others
from flows.documents import Voided, documents, voided_documents
from flows.lake.journal import FileEntry, Snapshot
from flows.period_inputs import buckets_of, period_inputs
from flows.period_tables import DOCUMENT_TABLES, STATE_TABLES, changed_accounts, made_by, on_hold
from flows.settling import found_paid
from rating.chains import PAID
from rating.corrections import Documents, again, corrections
from rating.deltas import ledger_delta
from rating.further_movements import further_movements
from rating.ledger_entries import KEY, document_entries, grant_entries
from rating.one_thread import on_one_thread
from rating.outputs import Outputs
from rating.pipeline import account_terms, rate_period
from schemas.units import Money, Text

ACCOUNT = {"billing_account_id": Text}
IN_CURRENCY = {**ACCOUNT, "billing_currency": Text}
KEPT_TABLES = (*STATE_TABLES, *DOCUMENT_TABLES)
"""What is replaced with a period: its state, and documents that have no number yet."""
CHANGES = {**ACCOUNT, "billing_period": Text, "change": Text, "amount": Money, "billing_currency": Text}
"""What became of an account's period, and by how much its document is another."""
DRAFT, CREDIT_NOTE, SUPPLEMENTARY, GRANTS = "draft", "credit note", "supplementary invoice", "grants only"


@dataclass(frozen=True)
class Rerated:
    """Accounts of a period, rated once more."""

    outputs: Outputs
    terms: pl.DataFrame
    """Account periods with their terms."""
    grants: pl.DataFrame
    closed: pl.DataFrame
    """billing_account_id, closed_through."""


def rerated(
    candidate: Snapshot,
    before: Snapshot,
    reference_files: Sequence[FileEntry],
    *,
    period: str,
    known_as_of: datetime,
    accounts: pl.DataFrame,
    reserved: pl.DataFrame,
    as_later: Snapshot | None = None,
    issue_date: date | None = None,
    stands: pl.DataFrame | None = None,
) -> Rerated:
    """Rate accounts of a period by what is known now, some buckets at a time.

    Reads    candidate: what earlier periods come to by now; before: what is committed of the period
             reserved: billing_account_id, billing_period of later periods that keep all they have
             as_later: where later periods are read that keep what they took, if not in the candidate
             issue_date: whose tax rates drafts have that are taxed by it (T1)
             stands: `binding` of this period and later ones, where it is known
    """
    lake = candidate.lake
    buckets = buckets_of(accounts, lake.buckets)
    names = [f"{bucket:02}" for bucket in buckets]
    usage = before.files("usage_records", billing_period=period, bucket=names)
    groups = groups_of(buckets, usage, how_many_groups(_rows_of(before, usage, accounts)))

    @on_one_thread
    def one(group: Sequence[int]) -> Rerated:
        inputs = period_inputs(
            candidate,
            reference_files,
            period=period,
            known_as_of=known_as_of,
            buckets=group,
            accounts=accounts,
            before=before,
            reserved=reserved,
            as_later=as_later,
            issue_date=issue_date,
            stands=stands,
        )
        with inputs.connection:
            terms = account_terms(inputs)
            outputs = rate_period(inputs, terms)
        return Rerated(outputs, terms, inputs.grants, closed_at(inputs))

    if len(groups) == 1:
        return one(groups[0])
    with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
        parts = list(pool.map(one, groups))
    outputs = Outputs(
        **{one.name: pl.concat([getattr(part.outputs, one.name) for part in parts]) for one in fields(Outputs)}
    )
    rest = {name: pl.concat([getattr(part, name) for part in parts]) for name in ("terms", "grants", "closed")}
    return Rerated(outputs, **rest)


def _rows_of(before: Snapshot, usage: Sequence[FileEntry], accounts: pl.DataFrame) -> int:
    """About how many rows of usage are of these accounts, by their share of the series; all where all are few."""
    rows = sum(entry.rows for entry in usage)
    if how_many_groups(rows) == 1:
        return rows
    files = before.files("usage_series", bucket={entry.partition["bucket"] for entry in usage})
    series = books.columns_of(before.lake, files, "usage_series", ["billing_account_id"])
    return rows * series.join(accounts, on="billing_account_id", how="semi").height // max(series.height, 1)


@dataclass(frozen=True)
class Recomputed:
    """What the books of a period say of some accounts, and what they should."""

    period: str
    accounts: pl.DataFrame
    stands: pl.DataFrame
    """How the invoices of these accounts stand and bind them (`binding`): those that do."""
    issued: Documents
    """All their documents with a number."""
    voided: Voided
    was: Mapping[str, pl.DataFrame]
    """KEPT_TABLES as they are, of these accounts."""
    others: Mapping[str, pl.DataFrame]
    """KEPT_TABLES as they are, of everybody else."""
    made: Rerated

    @cached_property
    def now(self) -> Mapping[str, pl.DataFrame]:
        """KEPT_TABLES as they should be, of these accounts: drafts made anew, corrections of invoices that stand."""
        fresh = of_others(self.made.outputs, self.kept)
        tables = {name: pl.concat([fresh.tables()[name], self._of(self.was[name], self.kept)]) for name in STATE_TABLES}
        tables["holds"] = self._holds
        tables["grant_movements"] = self._movements(tables["grant_movements"])
        tables["account_periods"] = self._as_paid(tables["account_periods"])
        drafts = Documents(**{name: self.was[name] for name in DOCUMENT_TABLES})
        kept = drafts.of(self.kept.with_columns(billing_period=pl.lit(self.period)))
        made = Documents.together(self._documents(fresh), kept)
        return tables | {name: getattr(made, name) for name in DOCUMENT_TABLES}

    # --- whose invoice stands ------------------------------------------------------------

    @cached_property
    def kept(self) -> pl.DataFrame:
        """Whose books stay as they are: issued, and not billable today, gone, of another currency or finer units."""
        return pl.concat([self._of(self._standing, self._held), self._estranged]).unique().sort("billing_account_id")

    @cached_property
    def _standing(self) -> pl.DataFrame:
        return self.stands.select("billing_account_id")

    @cached_property
    def _held(self) -> pl.DataFrame:
        return self.made.outputs.holds.select("billing_account_id").unique()

    @cached_property
    def _estranged(self) -> pl.DataFrame:
        """Issued in a currency that has fewer digits by now, or is not the account's; or whose account is gone."""
        key = ["billing_account_id", "billing_currency"]
        now = self.made.outputs.account_periods.select(*key, digits="exponent")
        is_other = (pl.col("exponent") > pl.col("digits")).fill_null(value=True)
        others = self.was["account_periods"].join(now, on=key, how="left").filter(is_other)
        found = self._of(self._standing, others)
        return found.join(self._held, on="billing_account_id", how="anti")

    @cached_property
    def _corrected(self) -> pl.DataFrame:
        """Whose invoice stands and is compared with what it should be."""
        return self._standing.join(self.kept, on="billing_account_id", how="anti")

    @property
    def _holds(self) -> pl.DataFrame:
        told = self._of(self.was["account_periods"], self._estranged)
        return pl.concat([self.made.outputs.holds, on_hold(told, "H_KEPT")])

    def _movements(self, tables: pl.DataFrame) -> pl.DataFrame:
        """Movements: of an issued period what is committed stays, and what changed is added (L4)."""
        committed, should = (self._of(rows, self._corrected) for rows in (self.was["grant_movements"], tables))
        rest = tables.join(self._corrected, on="billing_account_id", how="anti")
        return pl.concat([rest, committed, further_movements(committed, should)])

    def gave_back(self, before: Snapshot, reserved: pl.DataFrame) -> pl.DataFrame:
        """The accounts whose period keeps something else of a grant than earlier periods were worked out with.

        Reads    before: what those took for granted; reserved: OWNER of periods that keep all they have
        Makes    billing_account_id
        Source   X2, K8
        """
        paid = self.stands.filter(standing=PAID).select("billing_account_id")
        whole = reserved.filter(billing_period=self.period).select("billing_account_id")
        if paid.is_empty() and whole.is_empty():
            return pl.DataFrame(schema=ACCOUNT)
        rows = before.read("grant_movements", billing_period=self.period, **part_of("grant_movements"))

        def keeps(rows: pl.DataFrame) -> pl.DataFrame:
            charged = self._of(rows, paid).filter(pl.col("movement").is_in(["charged", "returned"]))
            kept = pl.concat([charged.join(whole, on="billing_account_id", how="anti"), self._of(rows, whole)])
            return (
                kept.group_by("billing_account_id", "grant_id")
                .agg(pl.col("amount").sum())
                .filter(pl.col("amount") != 0)
            )

        was, now = keeps(self._of(rows, self.accounts)), keeps(self.now["grant_movements"])
        key = ["billing_account_id", "grant_id", "amount"]
        differing = pl.concat([was.join(now, on=key, how="anti"), now.join(was, on=key, how="anti")])
        return differing.select("billing_account_id").unique()

    def _as_paid(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Account periods; of a paid one, operations count as of then, while what was due then is paid (X2)."""
        paid = self.stands.filter(standing=PAID).select("billing_account_id")
        then = self.was["account_periods"].select("billing_account_id", then="known_as_of", settled="settled_amount")
        rows = rows.join(paid.join(then, on="billing_account_id"), on="billing_account_id", how="left")
        known = rows.with_columns(known_as_of=pl.coalesce("then", "known_as_of"), settled_amount="settled")
        return found_paid(known.select(self.was["account_periods"].columns), self.stands)

    def _documents(self, fresh: Outputs) -> Documents:
        """Drafts of whom no invoice stands, corrections of whom one does."""
        whole = Documents(fresh.invoices, fresh.invoice_lines, fresh.tax_breakdown)
        corrected = self._corrected.with_columns(billing_period=pl.lit(self.period))
        drafts = again(whole.without(corrected), self.voided.counted)
        if corrected.is_empty():
            return drafts
        terms = self._of(self.made.terms, corrected)
        return Documents.together(drafts, corrections(whole.of(corrected), self.issued.of(corrected), terms))

    @staticmethod
    def _of(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
        return rows.join(accounts, on="billing_account_id", how="semi", maintain_order="left")

    # --- the difference ------------------------------------------------------------

    @cached_property
    def differing(self) -> Mapping[str, pl.DataFrame]:
        """Of each table that says something else than it did, the accounts it says it of."""
        found = {name: changed_accounts(self.was[name], self.now[name]) for name in KEPT_TABLES}
        return {name: accounts for name, accounts in found.items() if accounts.height}

    @property
    def moved(self) -> pl.DataFrame:
        """Accounts of which a later period may change too: by grants, by costs, or by a hold that is new or gone.

        What a paid period leaves alone (a grant that came later and is over) is the next one's to end.
        """
        names = ("grant_movements", "cost_policy_measures", "holds")
        parts = [self.differing[name] for name in names if name in self.differing]
        paid = self.stands.filter(standing=PAID).select("billing_account_id")
        return pl.concat([pl.DataFrame(schema=ACCOUNT), *parts, paid]).unique()

    def entries(self, committed: pl.DataFrame) -> pl.DataFrame:
        """The transactions between what the ledger says of these accounts' period and what it should.

        Reads    LedgerEntries of the period
        """
        drafts = Documents(**{name: self.now[name] for name in DOCUMENT_TABLES})
        said = Documents.together(self.issued, drafts)
        exponents = self.now["account_periods"].select("billing_account_id", "exponent")
        grants = self.made.grants.join(exponents, on="billing_account_id")
        should = pl.concat(
            [
                document_entries(said.invoices, said.invoice_lines, said.tax_breakdown).select(*KEY, "amount"),
                grant_entries(self.now["grant_movements"], grants).select(*KEY, "amount"),
            ]
        )
        posted = self._of(committed.filter(pl.col("transaction_kind").is_in(POSTED_KINDS)), self.accounts)
        return ledger_delta(should, posted, self.made.closed)

    @cached_property
    def changes(self) -> pl.DataFrame:
        """What became of each account that differs, and by how much its document is another: CHANGES.

        An account that is billed in another currency than it was has a row of each.
        """
        of_state = [accounts for name, accounts in self.differing.items() if name != "account_periods"]
        accounts = pl.concat([pl.DataFrame(schema=ACCOUNT), *of_state]).unique()
        was, now = came_to(self.was["invoices"], "was_amount"), came_to(self.now["invoices"], "now_amount")
        notes = self.now["invoices"].select("billing_account_id", "document_type", is_drafted=pl.lit(True))
        stands = self._standing.with_columns(is_standing=pl.lit(True))
        periods = pl.concat([self.now["account_periods"], self.was["account_periods"]])
        rows = accounts.join(periods.select(*IN_CURRENCY).unique(), on="billing_account_id", how="left")
        for known, key in ((was, IN_CURRENCY), (now, IN_CURRENCY), (notes, ACCOUNT), (stands, ACCOUNT)):
            rows = rows.join(known, on=[*key], how="left")
        rows = rows.with_columns(amount=pl.col("now_amount").fill_null(0) - pl.col("was_amount").fill_null(0))
        change = (
            pl.when(pl.col("is_standing").is_null())
            .then(pl.lit(DRAFT))
            .when(pl.col("is_drafted").is_null() & (pl.col("amount") == 0))
            .then(pl.lit(GRANTS))
            .when((pl.col("document_type") == "381") | pl.col("is_drafted").is_null())
            .then(pl.lit(CREDIT_NOTE))
            .otherwise(pl.lit(SUPPLEMENTARY))
        )
        rows = rows.with_columns(change=change, billing_period=pl.lit(self.period))
        return rows.select(*CHANGES).cast(CHANGES).sort(*IN_CURRENCY)  # type: ignore[arg-type]


@on_one_thread
def recomputed(
    before: Snapshot, period: str, accounts: pl.DataFrame, stands: pl.DataFrame, made: Rerated
) -> Recomputed:
    """Lay what accounts of a period come to beside what is committed of them."""
    was, others = {}, {}
    for name in KEPT_TABLES:
        rows = before.read(name, billing_period=period, **part_of(name))
        was[name] = rows.join(accounts, on="billing_account_id", how="semi", maintain_order="left")
        others[name] = rows.join(accounts, on="billing_account_id", how="anti", maintain_order="left")
    return Recomputed(
        period=period,
        accounts=accounts,
        stands=stands.filter(billing_period=period).join(accounts, on="billing_account_id", how="semi"),
        issued=documents(before, period, "issued", accounts),
        voided=voided_documents(before, period, accounts),
        was=was,
        others=others,
        made=made,
    )


def part_of(table: str) -> dict[str, str]:
    """Which part of a table a run says anew."""
    return {"state": "draft"} if table in DOCUMENT_TABLES else made_by(table)


def came_to(invoices: pl.DataFrame, name: str) -> pl.DataFrame:
    """What documents come to: their total less what credits paid of it."""
    amount = pl.col("total_with_tax") - pl.col("credit_amount")
    return invoices.select(*IN_CURRENCY, amount.alias(name))
