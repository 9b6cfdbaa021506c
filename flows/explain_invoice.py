"""Why a document is what it is: every discount, limit, grant and tax of it, in the order they were applied (G8).

The account is rated once more by the inputs of the run that made the document. What comes out has to be what is stored,
to the cent, or nothing is explained: no reason is ever shown for other numbers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from flows import books
from flows.explain import made_by_run, run_of
from flows.run import Refusal, software
from flows.show.amounts import Currency
from flows.show.invoice import Row, read_document
from flows.show.page import days
from flows.show.reasons_page import POLICIES, document_name
from rating.allocations.limit_reasons import limit_reasons, made_up
from rating.allocations.reasons import discount_reasons, grant_reasons, offers, untouched_tax
from rating.money import to_money
from rating.outputs import Rated
from rating.periods import written_end
from rating.pipeline import Inputs, rated
from schemas.units import Money

if TYPE_CHECKING:
    from flows.lake.journal import Commit, Lake, Snapshot

CHARGES = [
    "expense_number",
    "charge_id",
    "charge_description",
    "sub_account_id",
    "resource_id",
    "region_id",
    "sku_id",
    "charge_period_start",
    "charge_period_end",
    "charge_category",
]
AMOUNTS = {
    "list_cost": "list_cost_mu",
    "discount_amount": "discount_mu",
    "cap_amount": "cap_mu",
    "grant_amount": "grant_mu",
    "line_amount": "taxable_mu",
    "tax_amount": "tax_mu",
    "credit_amount": "credit_mu",
}
"""Amounts of a document's line -> what rating calls them."""
ACCOUNT = ["billing_account_id", "billing_currency", "time_zone", "period_start", "period_end"]
GROUP = ["code", "rate", "component"]


@dataclass(frozen=True)
class ExplainedInvoice:
    """A document and the reasons of its amounts; each frame in the order in which things were applied."""

    head: Row
    made_by: "Commit"
    currency: Currency
    policies: Row
    charges: pl.DataFrame
    """One row per line: line_number, what it is, its amounts."""
    discounts: pl.DataFrame
    """One row per discount: what it is, amount."""
    discount_reasons: pl.DataFrame
    """One row per discount and charge: reason, amount."""
    limits: pl.DataFrame
    """One row per maximum and minimum: limit, charge_count, seen_amount, amount, reason."""
    limited: pl.DataFrame
    """One row per limit and charge that it lowered or added: amount."""
    grants: pl.DataFrame
    """One row per grant: what it is, opening_amount, amount, and what else the month drew of it."""
    grant_reasons: pl.DataFrame
    """One row per grant and charge: reason, amount, due_amount, before_amount, paid_by."""
    tax: pl.DataFrame
    """One row per tax group: base and tax, also as they would be without grants before tax."""
    tax_shares: pl.DataFrame
    """One row per charge and tax group: taxable_amount, tax_amount."""

    @cached_property
    def charge_names(self) -> dict[str, str]:
        """What people call each charge: what was sold, its number, where, and when if not all month."""
        zone = self.policies["time_zone"]
        month = days(self.head["period_start"], self.head["period_end"], zone)
        found = {}
        for row in self.charges.iter_rows(named=True):
            number = f"#{row['expense_number']}" if row["expense_number"] is not None else f"line {row['line_number']}"
            where = [row[name] for name in ("sub_account_id", "resource_id", "region_id") if row[name] is not None]
            when = days(row["charge_period_start"], row["charge_period_end"], zone)
            parts = [f"{row['charge_description']} {number}", *where, *([] if when == month else [when])]
            found[row["charge_id"]] = " · ".join(parts)
        return found


def explain_invoice(
    lake: "Lake", wanted: str, *, period: str | None = None, as_of: int | None = None
) -> ExplainedInvoice:
    """Explain the document that a number, an id or an account stands for.

    Errors   Refusal: nothing of that name, or what is stored is not what comes out
    Source   G8, L1, L4
    """
    as_of = lake.snapshot(as_of).number  # a run that commits meanwhile is not seen by half
    document = read_document(lake, wanted, period=period, as_of=as_of)
    if document.sold_by is not None:
        number, grants = document.head["invoice_number"], lake.snapshot(as_of).read("grants")
        sold = grants.filter(operation_id=document.sold_by)["grant_id"].item()
        raise Refusal(
            f"{number} is of sold credit: no usage, discount or grant is behind it, only the price and its tax; "
            f"see it: billfold show invoice {number}; what the credit paid: billfold show grant {sold}"
        )
    if document.is_void:
        number, taken_back = document.head["invoice_number"], document.head["preceding_invoice_number"]
        raise Refusal(
            f"{number} takes back {taken_back} whole, with all that corrected it: each line with its sign changed; "
            f"explain that: billfold explain {taken_back}"
        )
    head, snapshot = document.head, _as_issued(lake, document.head, lake.snapshot(as_of))
    account = head["billing_account_id"]
    is_closing = head["document_state"] != "month_to_date"
    made_by = run_of(lake, snapshot, account, head["billing_period"], is_closing=is_closing)
    inputs = made_by_run(lake, made_by, head["billing_period"]).inputs(account)
    with inputs.connection:
        made = rated(inputs)
    _refuse_others(snapshot, head, made, made_by)
    late = _late(lake.snapshot(as_of), head, made.grants)
    return _explained(snapshot, document.head, document.currency, made_by, inputs, made, late)


def _as_issued(lake: "Lake", head: Row, snapshot: "Snapshot") -> "Snapshot":
    """The books as they were when the document was issued: what corrects it since is explained by what corrects it."""
    if head["document_state"] != "issued":
        return snapshot
    commits = lake.commits(snapshot.number)
    files = snapshot.files("invoices", billing_period=head["billing_period"], state="issued")
    names = ("invoice_id",)
    own = {
        entry.path
        for entry in files
        if head["invoice_id"] in books.columns_of(lake, [entry], "invoices", names)["invoice_id"]
    }
    return lake.snapshot(next(one.number for one in commits if any(entry.path in own for entry in one.added)))


def is_document(lake: "Lake", wanted: str, *, as_of: int | None = None) -> bool:
    """Whether a number, an id or an account stands for a document."""
    from flows.lake.views import connect

    asked = "select 1 from invoices where $1 in (invoice_number, invoice_id, billing_account_id) limit 1"
    with connect(lake, lake.snapshot(as_of), only=["invoices"]) as connection:
        return connection.execute(asked, [wanted]).fetchone() is not None


# --- the same numbers, or none ------------------------------------------------------------


def _refuse_others(snapshot: "Snapshot", head: Row, made: Rated, made_by: "Commit") -> None:
    """Compare what comes out with what is stored: lines, and of a closed period what each line is lowered and taxed by.

    Errors   Refusal where one amount is another
    """
    period, state = head["billing_period"], head["document_state"]
    lines = snapshot.read("invoice_lines", billing_period=period, state=state).filter(invoice_id=head["invoice_id"])
    if head["preceding_invoice_number"] is None:  # a correction says what changed; the month behind it is explained
        _refuse_difference("lines", ["charge_id", *AMOUNTS], lines, _money(made.items, **AMOUNTS), head, made_by)
    if state == "month_to_date":
        return
    own = pl.col("billing_account_id") == head["billing_account_id"]
    kinds = {
        "discount": _sourced(made.discounted, "discount_id"),
        "cap": _sourced(made.capped, "spend_limit_id"),
        "grant": pl.concat([_sourced(made.bonuses, "grant_id"), _sourced(made.credits, "grant_id")]),
    }
    applied = pl.concat([rows.with_columns(allocation_kind=pl.lit(kind)) for kind, rows in kinds.items()])
    allocations = snapshot.read("allocations", billing_period=period).filter(own)
    columns = ["charge_id", "allocation_kind", "source_id", "amount"]
    _refuse_difference("allocations", columns, allocations, _of(applied, made, amount="amount_mu"), head, made_by)
    shares = snapshot.read("tax_shares", billing_period=period).filter(own)
    found = _of(made.tax_shares, made, taxable_amount="taxable_mu", tax_amount="tax_mu")
    columns = ["charge_id", *GROUP, "taxable_amount", "tax_amount"]
    _refuse_difference("tax shares", columns, shares, found, head, made_by)


def _refuse_difference(
    what: str, columns: list[str], stored: pl.DataFrame, found: pl.DataFrame, head: Row, made_by: "Commit"
) -> None:
    stored, found = stored.select(columns), found.select(columns)
    differing = [
        some.join(others, on=columns, how="anti", nulls_equal=True).height
        for some, others in ((stored, found), (found, stored))
    ]
    if any(differing):
        by = made_by.inputs.get("software")
        raise Refusal(
            f"{document_name(head)} cannot be explained: rated once more by what commit {made_by.number} read, its "
            f"{what} are others ({differing[0]:,} stored are not found, {differing[1]:,} found are not stored; it was "
            f"made by {by}, this is {software()}); check the books: billfold audit --verify"
        )


def _sourced(applied: pl.DataFrame, source: str) -> pl.DataFrame:
    return applied.select("charge_id", "amount_mu", source_id=source)


# --- the tables ------------------------------------------------------------


def _explained(
    snapshot: "Snapshot",
    head: Row,
    currency: Currency,
    made_by: "Commit",
    inputs: Inputs,
    made: Rated,
    late: pl.DataFrame,
) -> ExplainedInvoice:
    items, reference = made.items, inputs.reference
    accounts = items.select(*ACCOUNT, *POLICIES).head(1)
    numbers = snapshot.read("expense_numbers", billing_period=head["billing_period"])
    lines = items.join(numbers.select("charge_id", "expense_number"), on="charge_id", how="left", maintain_order="left")
    charges = _money(lines, **AMOUNTS).select(*CHARGES, *AMOUNTS, line_number="charge_order")
    order = charges.select("charge_id", "line_number")

    added = made_up(items, reference["spend_limits"])
    limits = limit_reasons(items, made.capped, reference["spend_limits"])
    taken = pl.concat(
        [made.capped.select("spend_limit_id", "charge_id", "amount_mu"), added.drop("billing_account_id")]
    )

    offered = offers(reference["discounts"], reference["promo_codes"], made.terms, accounts.select(ACCOUNT))
    lowered = discount_reasons(items, made.terms, made.discounted, added, offered)

    grants = pl.concat([made.grants, late.drop("late")], how="diagonal")
    applied = pl.concat([made.bonuses, made.credits])
    standings = inputs.committed.accounts.select("billing_account_id", "standing")
    paid = grant_reasons(items, grants, made.opening, applied, made.stopped, late.select("grant_id", "late"), standings)

    paid_money = {"amount": "amount_mu", "due_amount": "due_mu", "before_amount": "before_mu"}
    return ExplainedInvoice(
        head=head,
        made_by=made_by,
        currency=currency,
        policies=accounts.row(0, named=True),
        charges=charges,
        discounts=_discounts(reference["discounts"], lowered, made),
        discount_reasons=_in_order(_of(lowered, made, amount="amount_mu"), order, "discount_id"),
        limits=_with_exponent(limits, made, limit_amount="limit_mu", seen_amount="seen_mu", amount="amount_mu"),
        limited=_in_order(_of(taken, made, amount="amount_mu"), order, "spend_limit_id"),
        grants=_grants(snapshot, head, grants, paid, made),
        grant_reasons=_in_order(_of(paid, made, **paid_money), order, "grant_id"),
        tax=_tax(made),
        tax_shares=_in_order(
            _of(made.tax_shares, made, taxable_amount="taxable_mu", tax_amount="tax_mu").drop("billing_account_id"),
            order,
            *GROUP,
        ),
    )


def _late(snapshot: "Snapshot", head: Row, grants: pl.DataFrame) -> pl.DataFrame:
    """The account's grants that the document was made without, and why: it is issued, or a draft is behind (L4, X2)."""
    late = "frozen" if head["document_state"] == "issued" else "later"
    known = books.grants_with_recording(snapshot).filter(billing_account_id=head["billing_account_id"])
    return known.join(grants, on="grant_id", how="anti").with_columns(late=pl.lit(late))


def _discounts(discounts: pl.DataFrame, lowered: pl.DataFrame, made: Rated) -> pl.DataFrame:
    """What each discount is and took in all, in the order of application."""
    latest = discounts.sort("valid_from").unique("discount_id", keep="last", maintain_order=True)
    sums = lowered.group_by("discount_id").agg(pl.col("amount_mu").sum())
    turns = made.discounted.group_by("discount_id").agg(pl.col("discount_order").first())
    rows = sums.join(latest, on="discount_id", how="left").join(turns, on="discount_id", how="left")
    rows = rows.sort("discount_order", "priority", "discount_id", nulls_last=True)
    named = ["discount_id", "kind", "value", "promo_code", "sub_account_id", "service", "feature", "sku_id"]
    ends = pl.col("valid_until").map_elements(written_end, return_dtype=pl.String)
    return _with_exponent(rows, made, amount="amount_mu").select(*named, "valid_from", ends, "amount")


def _grants(snapshot: "Snapshot", head: Row, grants: pl.DataFrame, paid: pl.DataFrame, made: Rated) -> pl.DataFrame:
    """What each grant is, what it held before the month and what the month did with it, in the order of application."""
    sums = paid.group_by("grant_id").agg(pl.col("amount_mu").sum())
    turns = pl.concat([made.bonuses, made.credits]).group_by("grant_id").agg(pl.col("allocation_order").first())
    rows = grants.rename({"amount": "granted_amount"})
    for more in (made.opening.rename({"balance_mu": "opening_mu"}), sums, turns):
        rows = rows.join(more, on="grant_id", how="left")
    rows = _with_exponent(
        rows.with_columns(pl.col("amount_mu").fill_null(0)), made, opening_amount="opening_mu", amount="amount_mu"
    )
    rows = rows.join(_drawn(snapshot, head), on="grant_id", how="left").with_columns(pl.col("drawn").fill_null([]))
    position = pl.col("tax_position") == "after"
    return rows.sort(position, "allocation_order", "window_start", "grant_id", nulls_last=True).select(
        "grant_id",
        "name",
        "kind",
        "promo_code",
        "tax_position",
        "sub_account_id",
        "include",
        "exclude",
        "window_start",
        "window_end",
        "granted_amount",
        "opening_amount",
        "amount",
        "drawn",
    )


def _drawn(snapshot: "Snapshot", head: Row) -> pl.DataFrame:
    """What else a closed month did to each grant: grant_id, drawn: movement and amount of what expired or was drawn."""
    moved = pl.List(pl.Struct({"movement": pl.String, "amount": Money}))
    if head["document_state"] == "month_to_date":
        return pl.DataFrame(schema={"grant_id": pl.String, "drawn": moved})
    rows = snapshot.read("grant_movements", billing_period=head["billing_period"], **books.MADE_BY_BILLING)
    rows = rows.filter(
        ~pl.col("movement").is_in(["charged", "returned"]), pl.col("billing_account_id") == head["billing_account_id"]
    ).sort("grant_id", "occurred_at", "movement")
    drawn = rows.group_by("grant_id", maintain_order=True).agg(drawn=pl.struct("movement", "amount"))
    return drawn.with_columns(pl.col("drawn").cast(moved))


def _tax(made: Rated) -> pl.DataFrame:
    """The tax groups, with what they would be without grants before tax."""
    key = ["billing_account_id", *GROUP]
    rows = made.tax_groups.join(untouched_tax(made.items, made.tax_shares), on=key, how="left").sort(
        "code", "rate", "component", descending=[False, True, False]
    )
    money = {
        "taxable_amount": "taxable_mu",
        "tax_amount": "tax_mu",
        "untouched_taxable_amount": "net_mu",
        "untouched_tax_amount": "untouched_mu",
    }
    return _with_exponent(rows, made, **money).select(*GROUP, "exemption_reason", *money)


def _in_order(rows: pl.DataFrame, order: pl.DataFrame, *key: str) -> pl.DataFrame:
    """Rows with the line of their charge, line by line within what they are about."""
    return rows.join(order, on="charge_id").sort(*key, "line_number")


def _of(rows: pl.DataFrame, made: Rated, **columns: str) -> pl.DataFrame:
    """Rows about charges, their amounts as Money."""
    rows = rows.drop("exponent", strict=False).join(made.items.select("charge_id", "exponent"), on="charge_id")
    return _money(rows, **columns).drop("exponent")


def _with_exponent(rows: pl.DataFrame, made: Rated, **columns: str) -> pl.DataFrame:
    """Rows about the account, their amounts as Money."""
    exponent: object = made.items["exponent"][0]
    return _money(rows.with_columns(exponent=pl.lit(exponent, dtype=pl.Int64)), **columns)


def _money(rows: pl.DataFrame, **columns: str) -> pl.DataFrame:
    rows = rows.drop([name for name in columns if name in rows.columns])
    return rows.with_columns(to_money(mu).alias(name) for name, mu in columns.items()).drop(columns.values())
