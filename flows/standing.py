"""How the invoices of a period stand, and what is committed of those that do (L4, T4, X2)."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from flows import books
from flows.lake.journal import Commit, FileEntry, Lake, Snapshot
from flows.period_policies import policy_of_periods
from rating.chains import ISSUED, OWNER, PAID, standings
from rating.pipeline import ISSUE_DATES
from rating.standing import Committed
from schemas import TABLES
from schemas.units import Instant

RATES = "tax_rates"
CARRY_FORWARD = "carry_forward"

_OF_INVOICES = (
    *("billing_account_id", "billing_period", "document_state", "invoice_number", "preceding_invoice_number"),
    *("is_void", "amount_due"),
)


def standing(snapshot: Snapshot, *, since: str, accounts: pl.DataFrame | None = None) -> pl.DataFrame:
    """How the invoices of the periods from `since` on stand, of all accounts or of these.

    A period that was found paid stays so while what was due then is paid, whatever has been invoiced of it since: what
    a backfill has corrected, the next one leaves alone (L1).

    Makes    billing_account_id, billing_period, root_number, standing, due_amount, paid_amount
    Source   X2
    """
    files = [
        entry for entry in snapshot.files("invoices", state="issued") if entry.partition["billing_period"] >= since
    ]
    if not files:
        return standings(TABLES["invoices"].empty(), TABLES["payment_applications"].empty())
    documents = books.columns_of(snapshot.lake, files, "invoices", _OF_INVOICES)
    applications = snapshot.read("payment_applications")
    if accounts is not None:
        documents = documents.join(accounts, on="billing_account_id", how="semi")
        applications = applications.join(accounts, on="billing_account_id", how="semi")
    found = standings(documents, applications)
    states = [entry for entry in snapshot.files("account_periods") if entry.partition["billing_period"] >= since]
    settled = books.columns_of(snapshot.lake, states, "account_periods", (*OWNER, "settled_amount")).drop_nulls()
    found = found.join(settled, on=OWNER, how="left", maintain_order="left")
    is_settled = (pl.col("settled_amount") <= pl.col("paid_amount")).fill_null(value=False)
    how = pl.when(is_settled).then(pl.lit(PAID)).otherwise("standing")
    return found.with_columns(standing=how).drop("settled_amount")


def binding(
    snapshot: Snapshot, billing_policies: pl.DataFrame, *, since: str, accounts: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`standing`, as it binds a period that is computed again: what was paid of it holds back grants and operations.

    Not where policy `paid_charges` is `carry_forward` at the last instant of the period: there it counts as issued, as
    if nothing had been paid of it. Its correcting document has tax and all, and what then is paid too much is an open
    credit note, which pays the account's next invoices at issue (I6). A partly paid period too: held at what was paid
    of it, it would be paid, and the next backfill would do the rest (L1). No grant pays what was incurred outside its
    window (G3).

    Makes    as `standing` does, of which column `standing` says how the period is computed
    Source   X2
    """
    stands = standing(snapshot, since=since, accounts=accounts)
    is_asked = (pl.col("policy") == "paid_charges") & (pl.col("value") == CARRY_FORWARD)
    if stands.is_empty() or billing_policies.filter(is_asked).is_empty():
        return stands
    said = policy_of_periods(snapshot, stands, billing_policies, "paid_charges")
    carried = said.filter(paid_charges=CARRY_FORWARD).select(*OWNER, is_carried=pl.lit(value=True))
    rows = stands.join(carried, on=OWNER, how="left", maintain_order="left")
    counts = pl.when("is_carried").then(pl.lit(ISSUED)).otherwise("standing")
    return rows.with_columns(standing=counts).drop("is_carried")


def committed(snapshot: Snapshot, period: str, stands: pl.DataFrame, reference: pl.DataFrame) -> Committed:
    """What is committed of the accounts whose invoice of a period stands.

    Reads    stands: `binding`, of which those of the period count; reference: the tax rates as they are today
    Source   T4, X2, X4
    """
    here = stands.filter(billing_period=period)
    if here.is_empty():
        return Committed.nothing()
    lake = snapshot.lake
    made = _made(lake, snapshot, period)
    own = here.select("billing_account_id")
    paid = here.filter(standing=PAID).select("billing_account_id")
    periods = snapshot.read("account_periods", billing_period=period).join(own, on="billing_account_id", how="semi")
    accounts = (
        here.join(periods, on="billing_account_id")
        .join(made.select("billing_account_id", "issued_as_of"), on="billing_account_id", how="left")
        .select(
            *("billing_account_id", "standing", "paid_amount", "known_as_of", "issued_as_of"),
            *("seller_jurisdiction", "jurisdiction", "region", "tax_status"),
        )
    )
    charges, applications = _of_paid(snapshot, period, paid)
    return Committed(accounts, charges, applications, _own_rates(lake, made, own, reference))


def issue_dates(snapshot: Snapshot, period: str, stands: pl.DataFrame) -> pl.DataFrame:
    """When the invoices of a period were issued: a correction has the tax rates of its invoice (T1, T4).

    Reads    stands: `standing`, of which those of the period count
    Makes    ISSUE_DATES of the pipeline
    """
    here = stands.filter(billing_period=period)
    if here.is_empty():
        return pl.DataFrame(schema=ISSUE_DATES)
    files = snapshot.files("invoices", billing_period=period, state="issued")
    columns = ("billing_account_id", "invoice_number", "preceding_invoice_number", "issue_date")
    roots = books.columns_of(snapshot.lake, files, "invoices", columns).filter(
        pl.col("preceding_invoice_number").is_null()
    )
    own = here.select("billing_account_id", invoice_number="root_number")
    found = roots.join(own, on=["billing_account_id", "invoice_number"], how="semi", maintain_order="left")
    return found.unique("billing_account_id", keep="last", maintain_order=True).select(*ISSUE_DATES)


def _of_paid(snapshot: Snapshot, period: str, paid: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the charges of paid periods came to before grants paid, and what grants paid of them."""
    tables = {
        name: snapshot.read(name, billing_period=period).join(paid, on="billing_account_id", how="semi")
        for name in ("charges", "allocations", "tax_shares")
    }
    allocations = tables["allocations"]
    is_grant = pl.col("allocation_kind") == "grant"
    cut = _sums(allocations.filter(~is_grant), "amount", "cut")
    bonus = _sums(allocations.filter(is_grant & (pl.col("tax_position") == "before")), "amount", "bonus")
    taxes = _sums(tables["tax_shares"], "tax_amount", "tax")
    charges = tables["charges"].select("charge_id", "billing_account_id", "list_cost")
    for sums in (cut, bonus, taxes):
        charges = charges.join(sums, on="charge_id", how="left")
    net = pl.col("list_cost") - pl.col("cut").fill_null(0)
    return (
        charges.select(
            "charge_id",
            "billing_account_id",
            net_amount=net,
            due_amount=net - pl.col("bonus").fill_null(0) + pl.col("tax").fill_null(0),
        ),
        allocations.filter(is_grant).select(
            "charge_id", "tax_position", "amount", "allocation_order", grant_id="source_id"
        ),
    )


def _sums(rows: pl.DataFrame, amount: str, name: str) -> pl.DataFrame:
    return rows.group_by("charge_id").agg(pl.col(amount).sum().alias(name))


def _made(lake: Lake, snapshot: Snapshot, period: str) -> pl.DataFrame:
    """Of the accounts whose invoice was issued: up to when what was recorded counted, and with which reference tables.

    Makes    billing_account_id, issued_as_of, reference_digest; of the latest invoice that corrects none
    """
    commits = lake.commits(snapshot.number)
    number_of = {entry.path: commit.number for commit in commits for entry in commit.added}
    found = []
    for entry in snapshot.files("invoices", billing_period=period, state="issued"):
        issued = books.columns_of(lake, [entry], "invoices", ("billing_account_id", "preceding_invoice_number"))
        number = number_of.get(entry.path, snapshot.number + 1)
        run = _run_before(commits[:number], period)
        found.append(
            issued.filter(pl.col("preceding_invoice_number").is_null()).select(
                "billing_account_id",
                issued_as_of=pl.lit(datetime.fromisoformat(str(run.inputs["known_as_of"])), dtype=Instant),
                reference_digest=pl.lit(str(run.inputs["reference_digest"])),
                number=pl.lit(number),
            )
        )
    return pl.concat(found).sort("number").unique("billing_account_id", keep="last", maintain_order=True)


def _run_before(commits: Iterable[Commit], period: str) -> Commit:
    """The last run that said what the books of a period are."""
    return next(commit for commit in reversed(list(commits)) if says(commit, period))


def says(commit: Commit, period: str) -> bool:
    """Whether a commit says what the books of a closed period are."""
    if commit.command == "backfill":
        return period in commit.inputs["periods"]
    return (
        commit.command == "bill"
        and commit.inputs["billing_period"] == period
        and bool(commit.inputs.get("is_closing", True))
    )


def _own_rates(lake: Lake, made: pl.DataFrame, own: pl.DataFrame, today: pl.DataFrame) -> pl.DataFrame:
    """The tax rates that accounts were invoiced with, where they are others than today's (T4)."""
    digests = made.join(own, on="billing_account_id", how="semi")["reference_digest"].unique().sort()
    found = [Committed.nothing().tax_rates]
    for digest in digests:
        rates = _with_new_matches(_stored(lake, digest), today)
        if not rates.equals(today):
            accounts = made.filter(reference_digest=digest).join(own, on="billing_account_id", how="semi")
            found.append(accounts.select("billing_account_id").join(rates, how="cross"))
    return pl.concat([one.select(found[0].columns) for one in found])


def _with_new_matches(rates: pl.DataFrame, today: pl.DataFrame) -> pl.DataFrame:
    """Rates as they were, and today's of what had none: late usage may be of a category that was not taxed before."""
    match = ["seller_jurisdiction", "account_jurisdiction", "account_region", "tax_status", "tax_category"]
    return pl.concat([rates, today.join(rates, on=match, how="anti", nulls_equal=True, maintain_order="left")])


def _stored(lake: Lake, digest: str) -> pl.DataFrame:
    """The tax rates of a digest, as a run stored them."""
    entries: list[FileEntry] = [
        entry
        for commit in lake.commits()
        for entry in commit.added
        if entry.partition.get("reference") == digest and entry.table == RATES
    ]
    return books.reference_tables(lake, entries[-1:])[RATES]
