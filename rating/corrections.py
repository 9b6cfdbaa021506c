"""Documents that correct what is issued: each is the difference of what a period comes to today (L4, X1, T4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating.chains import OWNER, chained
from rating.invoices import CREDIT_NOTE, INVOICE
from rating.money import to_money, to_mu
from rating.payable import increments, payable
from rating.sql import content_ids
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from schemas.units import Count, Instant

CHARGED = ["list_cost", "discount_amount", "cap_amount"]
"""What a charge costs: where it differs there is a document."""
PAID_BY_GRANTS = ["grant_amount", "line_amount", "tax_amount", "credit_amount"]
"""What grants and tax make of it: moved from one charge to another, it needs no document by itself (X1)."""
LINE_AMOUNTS = ["quantity", *CHARGED, *PAID_BY_GRANTS]
GROUP_AMOUNTS = ["taxable_amount", "tax_amount"]
DOCUMENT_AMOUNTS = [
    "list_cost",
    "discount_amount",
    "cap_amount",
    "grant_amount",
    "total_without_tax",
    "total_tax",
    "total_with_tax",
    "credit_amount",
    "paid_amount",
    "rounding_amount",
    "amount_due",
]

SELLER = ["seller_id", "seller_legal_name", "seller_address", "seller_tax_ids"]
"""Who invoices."""

_LINE = [*OWNER, "charge_id", "tax_code"]
"""A charge that is taxed under another code today is taken back under the one it had."""
_TAX_GROUP = [*OWNER, "code", "rate", "component"]
_LINE_ORDER = [
    "charge_period_start",
    "service",
    "sku_id",
    "sub_account_id",
    "region_id",
    "resource_id",
    "line_number",
    "charge_id",
]
"""G5; the places that the charges of today have on their virtual document agree with it."""


@dataclass(frozen=True)
class Documents:
    """Documents with their lines and their tax: one table each, of any accounts and periods."""

    invoices: pl.DataFrame
    invoice_lines: pl.DataFrame
    tax_breakdown: pl.DataFrame

    @classmethod
    def nothing(cls) -> Documents:
        """No documents."""
        return cls(Invoices.empty(), InvoiceLines.empty(), TaxBreakdown.empty())

    @staticmethod
    def together(*parts: Documents) -> Documents:
        """The documents of several, in their order."""
        whole = [Documents.nothing(), *parts]
        return Documents(
            pl.concat([part.invoices for part in whole]),
            pl.concat([part.invoice_lines for part in whole]),
            pl.concat([part.tax_breakdown for part in whole]),
        )

    @property
    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Documents, lines and tax."""
        return self.invoices, self.invoice_lines, self.tax_breakdown

    def of(self, keys: pl.DataFrame) -> Documents:
        """Those of these accounts and periods."""
        return self._joined(keys.select(OWNER).unique(), OWNER, "semi")

    def without(self, keys: pl.DataFrame) -> Documents:
        """Those of other accounts and periods."""
        return self._joined(keys.select(OWNER).unique(), OWNER, "anti")

    def named(self, invoices: pl.DataFrame) -> Documents:
        """Those with the ids of these."""
        return self._joined(invoices.select("invoice_id"), ["invoice_id"], "semi")

    def _joined(self, keys: pl.DataFrame, on: list[str], how: str) -> Documents:
        return Documents(
            *(
                rows.join(keys, on=on, how=how, maintain_order="left")  # type: ignore[arg-type]
                for rows in (self.invoices, self.invoice_lines, self.tax_breakdown)
            )
        )


# --- what a correction says ------------------------------------------------------------


def corrections(desired: Documents, issued: Documents, accounts: pl.DataFrame) -> Documents:
    """The document that brings each invoice that stands to what its period comes to today; none where nothing differs.

    A line is a charge that differs, with the difference of each amount; totals and tax are the differences of the whole
    period. Where only grants moved, no line costs more or less and no total changes, there is no document: a later one
    takes up what moved. It is of the seller that invoiced, whoever bills the account now.

    Reads    desired   the documents of the whole period as it is today, at most one per account and period
             issued    every issued document of these accounts and periods, also of voided chains: they are counted
             accounts  account periods with all their terms; who is not listed, or has no invoice that stands, is not
                       compared
    Makes    drafts that name the invoice they correct: 381 where less is to be paid, else 380; amounts keep their sign
    Errors   ValueError: an account is billed in another currency than it was invoiced in
    Source   L4, T4, X1, I7
    """
    chains = chained(issued.invoices)
    roots = _roots(chains).join(accounts.select(OWNER), on=OWNER, how="semi")
    standing = _oldest_first(issued.named(chains.filter(~pl.col("is_voided"))).of(roots))
    desired = desired.of(roots)
    _refuse_other_currencies(desired.invoices, standing.invoices)
    groups = _differences(desired.tax_breakdown, standing.tax_breakdown, _TAX_GROUP, GROUP_AMOUNTS)
    lines = _differing_lines(desired.invoice_lines, standing.invoice_lines, groups)
    keys = _with_ids(_to_correct(lines, groups, roots), _counted(chains))
    lines, groups = _with_document(lines, keys), _with_document(groups, keys)
    documents = _documents(keys, lines, _of_their_sellers(accounts, standing.invoices), standing.invoices)
    return Documents(documents, _numbered_lines(lines), _in_order(groups))


def _of_their_sellers(accounts: pl.DataFrame, issued: pl.DataFrame) -> pl.DataFrame:
    """Account periods with the seller of their invoice, as that says it, where it is another than today's."""
    roots = issued.filter(pl.col("preceding_invoice_number").is_null())
    was = roots.select(*OWNER, *(pl.col(name).alias(f"was_{name}") for name in SELLER))
    is_other = pl.col("was_seller_id") != pl.col("seller_id")
    rows = accounts.join(was, on=OWNER, how="left", maintain_order="left")
    return rows.with_columns(
        pl.when(is_other).then(f"was_{name}").otherwise(name).alias(name) for name in SELLER
    ).select(accounts.columns)


def _roots(chains: pl.DataFrame) -> pl.DataFrame:
    """The invoice that stands, of accounts and periods that have one: OWNER, root_number."""
    is_root = pl.col("preceding_invoice_number").is_null() & ~pl.col("is_voided")
    return chains.filter(is_root).select(*OWNER, "root_number")


def _oldest_first(chain: Documents) -> Documents:
    """The rows of chains, each invoice before what corrects it: what is gone is told as it was first."""
    order = chain.invoices.sort(pl.col("preceding_invoice_number").is_not_null(), "issue_date", "invoice_number")
    ids = order.select("invoice_id")
    return Documents(
        *(
            ids.join(rows, on="invoice_id", maintain_order="left_right")
            for rows in (chain.invoices, chain.invoice_lines, chain.tax_breakdown)
        )
    )


def _refuse_other_currencies(desired: pl.DataFrame, issued: pl.DataFrame) -> None:
    """No difference is taken between currencies (M3)."""
    known = issued.select(*OWNER, was="billing_currency").unique()
    other = desired.join(known, on=OWNER).filter(pl.col("was") != pl.col("billing_currency"))
    if other.height:
        row = other.row(0, named=True)
        raise ValueError(
            f"billing_account_id {row['billing_account_id']!r} was invoiced for {row['billing_period']} in "
            f"{row['was']} and is now billed in {row['billing_currency']}; void the invoice first, or give the account "
            "the currency it had in that month back in billing_accounts"
        )


def _differing_lines(desired: pl.DataFrame, issued: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Lines of which an amount differs, and what is taxed at another rate though that changes no amount of it.

    A cent has no tax at either of two rates; still it is of another group, and each group of a document has lines.

    Reads    groups  the tax groups that differ
    """
    compared = _compared(desired, issued, _LINE, LINE_AMOUNTS)
    regrouped = groups.select(*OWNER, tax_code="code").unique()
    moved = compared.filter(~_differs(LINE_AMOUNTS), "is_moved").join(
        regrouped, on=[*OWNER, "tax_code"], how="semi", maintain_order="left"
    )
    return pl.concat([compared.filter(_differs(LINE_AMOUNTS)), moved]).drop("is_moved")


def _differences(desired: pl.DataFrame, issued: pl.DataFrame, key: list[str], amounts: list[str]) -> pl.DataFrame:
    """Rows of which an amount differs (`_compared`)."""
    return _compared(desired, issued, key, amounts).filter(_differs(amounts)).drop("is_moved")


def _differs(amounts: list[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(name) != 0 for name in amounts)


def _compared(desired: pl.DataFrame, issued: pl.DataFrame, key: list[str], amounts: list[str]) -> pl.DataFrame:
    """What is desired less the sum of what was issued, in the words of today; is_moved: at another rate or category.

    What is gone keeps the words it was issued with. A rate is said where both have it: of what was taxed at another
    the difference has no rate.
    """
    back = issued.with_columns(-pl.col(name) for name in amounts).with_columns(is_gone=pl.lit(value=True))
    rows = pl.concat([desired.with_columns(is_gone=pl.lit(value=False)), back.select(*desired.columns, "is_gone")])
    rates = [name for name in ("tax_rate",) if name in rows.columns]
    words = [name for name in rows.columns if name not in (*key, *amounts, *rates)]
    told = [pl.col(name).n_unique() > 1 for name in ("tax_rate", "tax_category") if name in rows.columns]
    return rows.group_by(key, maintain_order=True).agg(
        pl.col(words).first(),
        pl.col(amounts).sum(),
        *(pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in rates),
        is_moved=pl.any_horizontal(pl.lit(value=False), *told),
    )


def _to_correct(lines: pl.DataFrame, groups: pl.DataFrame, roots: pl.DataFrame) -> pl.DataFrame:
    """The invoices that differ by more than grants that moved: a charge costs another amount, or a total is another.

    A charge that is taxed under another code costs what it did: where its tax or what is taxed is another, a group is.
    """
    charged = lines.group_by(*OWNER, "charge_id").agg(pl.col(CHARGED).sum())
    totals = lines.group_by(OWNER).agg(pl.col(PAID_BY_GRANTS).sum())
    found = [
        charged.filter(pl.any_horizontal(pl.col(name) != 0 for name in CHARGED)).select(OWNER),
        totals.filter(pl.any_horizontal(pl.col(name) != 0 for name in PAID_BY_GRANTS)).select(OWNER),
        groups.select(OWNER),
    ]
    return roots.join(pl.concat(found).unique(), on=OWNER, how="semi").sort(OWNER)


def _with_document(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("invoice_id").join(keys.select(*OWNER, "invoice_id"), on=OWNER, maintain_order="left")


def _documents(keys: pl.DataFrame, lines: pl.DataFrame, accounts: pl.DataFrame, issued: pl.DataFrame) -> pl.DataFrame:
    """The correcting documents: sums of their lines, due so that with what was issued the whole can be paid (I7, X3).

    What is rounded is the exact amount of the whole period, less what paid its documents when they were issued; what
    those left due is taken off. Where that was rounded by another policy, the document is rounded by itself (`_due`).
    """
    sums = lines.group_by(OWNER).agg(
        pl.col("list_cost", "discount_amount", "cap_amount", "grant_amount", "credit_amount").sum(),
        total_without_tax=pl.col("line_amount").sum(),
        total_tax=pl.col("tax_amount").sum(),
    )
    amounts = [name for name in sums.columns if name not in OWNER]
    rows = (
        keys.join(sums, on=OWNER, how="left")  # another rate, and no line with another amount: tax alone
        .with_columns(pl.col(amounts).fill_null(0))
        .join(accounts, on=OWNER)
        .with_columns(total_with_tax=pl.col("total_without_tax") + pl.col("total_tax"), paid_amount="credit_amount")
    )
    asked = issued.group_by(OWNER).agg(
        before_amount=(pl.col("total_with_tax") - pl.col("paid_amount")).sum(), before_due=pl.col("amount_due").sum()
    )
    rows = rows.join(asked, on=OWNER, maintain_order="left")
    rows = rows.with_columns(exact_amount=pl.col("total_with_tax") - pl.col("credit_amount"))
    rows = rows.with_columns(amount_due=_due(rows))
    return Invoices.conform(
        rows.with_columns(
            rounding_amount=pl.col("amount_due") - pl.col("exact_amount"),
            document_type=pl.when(pl.col("exact_amount") < 0).then(pl.lit(CREDIT_NOTE)).otherwise(pl.lit(INVOICE)),
            document_state=pl.lit("draft"),
            cutoff_at=pl.col("cutoff"),
            buyer_legal_name=pl.col("legal_name"),
            buyer_address=pl.col("address"),
            preceding_invoice_number=pl.col("root_number"),
            is_void=pl.lit(value=False),
        ).sort(OWNER)
    )


def _due(rows: pl.DataFrame) -> pl.Series:
    """What correcting documents are due by: what makes the whole payable, else the document by itself.

    By itself where the whole was not rounded so far as it would be today, by whole increments and less than one; and
    where a document that charges more would leave less to be paid, or the other way round, which no rounding in one
    mode brings about.

    Reads    rows  exact_amount, before_amount and before_due, payable TERMS
    Source   I7, X3
    """
    rows = rows.with_columns(increments(rows), whole_amount=pl.col("exact_amount") + pl.col("before_amount"))
    rows = rows.with_columns(to_mu("exact_amount").alias("exact_mu"), to_mu("whole_amount").alias("whole_mu"))
    rows = rows.with_columns(own_due=payable(rows, "exact_mu"), whole_due=payable(rows, "whole_mu"))
    lacking = to_money("whole_due") - pl.col("before_due")
    rounded_by, exact = pl.col("before_due") - pl.col("before_amount"), pl.col("exact_amount")
    is_so_far = (to_mu("before_due") % pl.col("increment_mu") == 0) & (rounded_by.abs() < to_money("increment_mu"))
    is_of_one_sign = (lacking == 0) | ((lacking > 0) & (exact > 0)) | ((lacking < 0) & (exact < 0))
    is_whole = (pl.col("increment_mu") > 1) & is_so_far & is_of_one_sign
    return rows.select(amount_due=pl.when(is_whole).then(lacking).otherwise(to_money("own_due"))).to_series()


def _numbered_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in the order of charges, counted from 1 on each document."""
    places = lines.with_columns(line_number=pl.when("is_gone").then(None).otherwise("line_number"))
    rows = places.sort(*OWNER, *_LINE_ORDER, nulls_last=True)
    return InvoiceLines.conform(
        rows.with_columns(line_number=(pl.int_range(pl.len()).over("invoice_id") + 1).cast(Count))
    )


def _in_order(groups: pl.DataFrame) -> pl.DataFrame:
    return TaxBreakdown.conform(groups.sort(*OWNER, "code", "rate", "component"))


# --- ids of further documents ------------------------------------------------------------


def again(drafts: Documents, earlier: pl.DataFrame) -> Documents:
    """Drafts of periods that have been invoiced before and voided: each gets an id of its own.

    Reads    earlier  OWNER, documents: how many were issued by then; of none, or not listed, the draft stays as it is
    Source   I4, L2
    """
    counts = earlier.filter(pl.col("documents") > 0).select(*OWNER, "documents")
    ids = _with_ids(drafts.invoices.select(*OWNER).join(counts, on=OWNER, how="semi"), counts)

    def renamed(rows: pl.DataFrame) -> pl.DataFrame:
        found = rows.join(ids.rename({"invoice_id": "_id"}), on=OWNER, how="left", maintain_order="left")
        return found.with_columns(invoice_id=pl.coalesce("_id", "invoice_id")).drop("_id")

    return Documents(*map(renamed, (drafts.invoices, drafts.invoice_lines, drafts.tax_breakdown)))


def _counted(chains: pl.DataFrame) -> pl.DataFrame:
    """How many documents of an account and period were issued, voided ones too."""
    return chains.group_by(OWNER).agg(documents=pl.len())


def _with_ids(keys: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """The id of the next document of each key: the first one's is of the key alone, further ones are counted."""
    rows = keys.join(counted, on=OWNER, how="left", maintain_order="left")
    rows = rows.with_columns(_place=pl.col("documents").cast(pl.String))
    return rows.with_columns(content_ids(rows, *OWNER, "_place").alias("invoice_id")).drop("_place", "documents")


# --- voiding ------------------------------------------------------------


def full_credit_note(issued: Documents, recorded_at: datetime) -> Documents:
    """One credit note of each whole chain that stands: all that it and its corrections said, with its sign changed.

    Reads    issued  every issued document of the accounts and periods whose invoice is voided, also of voided chains
    Makes    drafts of type 381 that name the invoice, with its seller and buyer; a chain below zero gives positive ones
    Source   I4
    """
    chains = chained(issued.invoices)
    roots = _roots(chains)
    chain = _oldest_first(issued.named(chains.filter(~pl.col("is_voided"))).of(roots))
    keys = _with_ids(roots.sort(OWNER), _counted(chains))
    lines = _differences(chain.invoice_lines.clear(), chain.invoice_lines, _LINE, LINE_AMOUNTS)
    groups = _differences(chain.tax_breakdown.clear(), chain.tax_breakdown, _TAX_GROUP, GROUP_AMOUNTS)
    sums = chain.invoices.group_by(OWNER).agg(-pl.col(DOCUMENT_AMOUNTS).sum())
    # what one of them paid of another at its issue is no payment of the whole
    sums = sums.with_columns(
        paid_amount="credit_amount",
        amount_due=pl.col("total_with_tax") - pl.col("credit_amount") + pl.col("rounding_amount"),
    )
    words = chain.invoices.filter(pl.col("preceding_invoice_number").is_null()).drop("invoice_id", *DOCUMENT_AMOUNTS)
    documents = (
        keys.join(words, on=OWNER)
        .join(sums, on=OWNER)
        .with_columns(
            document_type=pl.lit(CREDIT_NOTE),
            document_state=pl.lit("draft"),
            cutoff_at=pl.lit(recorded_at, dtype=Instant),
            preceding_invoice_number=pl.col("root_number"),
            is_void=pl.lit(value=True),
            **{
                name: pl.lit(None)
                for name in ("invoice_number", "accounting_year", "sequence", "issue_date", "due_date")
            },
        )
    )
    return Documents(
        Invoices.conform(documents.sort(OWNER)),
        _numbered_lines(_with_document(lines, keys)),
        _in_order(_with_document(groups, keys)),
    )
