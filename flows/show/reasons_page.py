"""An explained document on a page: what was applied in which order, and why not more (G8)."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.show.amounts import percent, plain, quantity
from flows.show.console import grid, styled
from flows.show.invoice import STATES, Row, credit_name
from flows.show.page import days
from rating.allocations.limit_reasons import LIMIT_REASONS
from rating.allocations.reasons import DISCOUNT_REASONS, GRANT_REASONS
from rating.rejects import Reason

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from flows.explain_invoice import ExplainedInvoice

POLICIES = ("stacking", "grant_order", "charge_order_policy", "eligibility", "tax_rounding")
"""Policies that decide in which order things are applied."""
SEVERAL = 5
"""How many charges, or how many grants alike, are named one by one; more are counted."""

DIM, STRONG = "dim", "bold"

STACKING = {
    "sequential": "one after another, each on what those before it left",
    "additive": "each on the list cost, together no more than it",
    "best_only": "of every charge only the one that is worth most",
}
CHARGE_ORDER = {
    "oldest_first": "the oldest charge first",
    "largest_first": "the largest charge first",
    "smallest_first": "the smallest charge first",
    "proportional": "every charge in proportion to what is left of it",
}
GRANT_ORDER = {
    "kind_rank": "kind",
    "priority": "priority",
    "expires_at": "end of the window",
    "coverage": "how much it is for",
    "occurred_at": "when it was granted",
    "grant_id": "id",
}
"""Keys of policy `grant_order` in words (G4)."""
DRAWN = {
    "expired": "expired",
    "recovered": "was recovered",
    "refunded": "was refunded",
    "minimum_consumption": "was drawn as minimum consumption",
}


def reasons_page(explained: "ExplainedInvoice", *, every: bool = False) -> Iterator["RenderableType"]:
    """The parts of the page, from top to bottom; `every` lists charge by charge what is else counted."""
    head, policies = explained.head, explained.policies
    yield styled(f"Why {document_name(head)} is what it is", STRONG)
    until = f"{head['cutoff_at']:%Y-%m-%d %H:%M} UTC"
    made = f"made by commit {explained.made_by.number}, of usage up to {until}"
    yield styled(f"{STATES[head['document_state']]}, {made}", DIM)
    yield styled("")
    yield _chain(explained)
    if explained.discounts.height:
        yield from _heading("Discounts", STACKING[policies["stacking"]])
        yield from _discounts(explained, every=every)
    if explained.limits.height:
        yield from _heading("Limits", "after discounts, before credit")
        yield from _limits(explained, every=every)
    order = _order(policies)
    for position, title in (("before", "Credit before tax"), ("after", "Credit after tax")):
        if position == "after":
            yield from _tax(explained, every=every)
        grants = [row for row in explained.grants.iter_rows(named=True) if row["tax_position"] == position]
        if grants:
            yield from _heading(title, order)
            order = "in the same order"
            yield from _grants(explained, grants, every=every)


def _order(policies: Row) -> str:
    """Which credit goes first, and which charge."""
    keys = [key.strip() for key in policies["grant_order"].split(",")]
    words = [GRANT_ORDER[key.lstrip("+-")] + (" from the last" if key.startswith("-") else "") for key in keys]
    return f"a project's own first, then by {', '.join(words)}; {CHARGE_ORDER[policies['charge_order_policy']]}"


def document_name(head: Row) -> str:
    """A document in words."""
    kind = "credit note" if head["document_type"] == "381" else "invoice"
    if head["invoice_number"]:
        return f"{kind} {head['invoice_number']}"
    return f"the {kind} of {head['billing_account_id']} for {head['billing_period']}"


def _heading(title: str, said: str) -> Iterator["RenderableType"]:
    yield styled("")
    yield styled(title, STRONG)
    yield styled(said, DIM)


def _chain(explained: "ExplainedInvoice") -> "RenderableType":
    """How the list cost becomes what is to be paid; steps that changed nothing are left out."""
    from rich.table import Table

    head, amount = explained.head, explained.currency.amount
    steps = (
        ("List cost", head["list_cost"], True),
        ("Discounts", -head["discount_amount"], False),
        ("Above maximum spend", -head["cap_amount"], False),
        ("Credit before tax", -head["grant_amount"], False),
        ("Taxable", head["total_without_tax"], True),
        ("Tax", head["total_tax"], False),
        ("Credit after tax", -head["credit_amount"], False),
        ("Account balance", head["credit_amount"] - head["paid_amount"], False),
        ("Rounding", head["rounding_amount"], False),
        ("Amount due", head["amount_due"], True),
    )
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    for name, value, is_sum in steps:
        if value or is_sum:
            unit = f"{explained.currency.code} " if name == "Amount due" else ""
            style = STRONG if is_sum else ""
            table.add_row(styled(name, style), styled(f"{unit}{amount(value)}", style))
    return table


# --- discounts and limits ------------------------------------------------------------


def _discounts(explained: "ExplainedInvoice", *, every: bool) -> Iterator["RenderableType"]:
    parts = _parts(explained.discount_reasons, "discount_id")
    idle = []
    for row in explained.discounts.iter_rows(named=True):
        pairs, name = parts[row["discount_id"]], discount_name(explained, row)
        if not every and _is_idle(pairs):
            idle.append((name, _valid(row), pairs))
            continue
        yield styled(f"{name}: {explained.currency.amount(row['amount'])} taken off")
        yield styled(f"  {_valid(row)}", DIM)
        yield _table(explained, pairs, DISCOUNT_REASONS, every=every)
    yield from _idle(explained, idle, DISCOUNT_REASONS, "valid", "took nothing off")


def discount_name(explained: "ExplainedInvoice", row: Row) -> str:
    """A discount by its value and its code or id."""
    value = f"{quantity(row['value'])} %" if row["kind"] == "percent" else explained.currency.amount(row["value"])
    known = f"code {row['promo_code']}" if row["promo_code"] else row["discount_id"]
    return f"Discount {value} ({known})"


def _valid(row: Row) -> str:
    until = f" to {row['valid_until']}" if row["valid_until"] else ""
    names = (("sub_account_id", "project"), ("service", "service"), ("feature", "feature"), ("sku_id", "SKU"))
    only = "".join(f", {word} {row[name]}" for name, word in names if row[name] is not None)
    return f"from {row['valid_from']}{until}{only}"


def _limits(explained: "ExplainedInvoice", *, every: bool) -> Iterator["RenderableType"]:
    parts = _parts(explained.limited, "spend_limit_id")
    for row in explained.limits.iter_rows(named=True):
        yield styled(_limit(explained, row))
        pairs = parts.get(row["spend_limit_id"])
        if pairs is not None and row["reason"] == "applied":
            word = "taken off" if row["kind"] == "maximum_spend" else "added"
            applied = {"applied": Reason("applied", word)}
            yield _table(explained, pairs, applied, every=every)


def _limit(explained: "ExplainedInvoice", row: Row) -> str:
    """What a limit asked for and found."""
    amount = explained.currency.amount
    is_most = row["kind"] == "maximum_spend"
    at = f" at price {row['only_price_id']}" if row["only_price_id"] else ""
    asked = f"{'Maximum' if is_most else 'Minimum'} spend {row['spend_limit_id']}{at}, {amount(row['limit_amount'])}"
    if row["reason"] in ("window", "open"):
        return f"{asked}: {LIMIT_REASONS[row['reason']].sentence}"
    changed = amount(row["amount"]) if row["reason"] == "applied" else "nothing"
    done = "is taken off" if is_most else "is added"
    return f"{asked}: {_counted(row['charge_count'], 'charge')} of {amount(row['seen_amount'])}, so {changed} {done}"


# --- grants ------------------------------------------------------------


def _grants(explained: "ExplainedInvoice", grants: Iterable[Row], *, every: bool) -> Iterator["RenderableType"]:
    parts = _parts(explained.grant_reasons, "grant_id")
    names = grant_names(explained)
    idle = []
    for row in grants:
        pairs, name = parts[row["grant_id"]], f"{names[row['grant_id']]}, {row['grant_id']}"
        if not every and _is_idle(pairs) and not row["drawn"]:
            idle.append((name, _usable(explained, row), pairs))
            continue
        yield styled(f"{name}: {_balance(explained, row)}")
        yield styled(f"  usable {_usable(explained, row)}{_scope(row)}", DIM)
        yield _table(explained, pairs, GRANT_REASONS, every=every, names=names)
    yield from _idle(explained, idle, GRANT_REASONS, "usable", "paid nothing", names=names)


def grant_names(explained: "ExplainedInvoice") -> dict[str, str]:
    """The name people know each grant by."""
    return {
        row["grant_id"]: credit_name({**row, "grant_promo_code": row["promo_code"], "source_id": row["grant_id"]})
        for row in explained.grants.iter_rows(named=True)
    }


def _balance(explained: "ExplainedInvoice", row: Row) -> str:
    """What a grant held, paid and then lost."""
    amount = explained.currency.amount
    if row["opening_amount"] is None:
        return f"{amount(row['granted_amount'])} granted"
    drawn = [f", {amount(-one['amount'])} {DRAWN.get(one['movement'], one['movement'])}" for one in row["drawn"]]
    rest = row["opening_amount"] - row["amount"] + sum((one["amount"] for one in row["drawn"]), Decimal(0))
    left = f"{amount(rest)} left" if rest else "nothing left"
    return f"{amount(row['opening_amount'])} held, {amount(row['amount'])} paid{''.join(drawn)}, {left}"


def _usable(explained: "ExplainedInvoice", row: Row) -> str:
    zone = explained.policies["time_zone"]
    if row["window_end"] is None:
        return f"from {days(row['window_start'], row['window_start'], zone)}"
    return days(row["window_start"], row["window_end"], zone)


def _scope(row: Row) -> str:
    said = (("project ", [row["sub_account_id"]]), ("for ", row["include"]), ("not for ", row["exclude"]))
    kept = ((word, [one for one in values or [] if one is not None]) for word, values in said)
    return "".join(f", {word}{', '.join(values)}" for word, values in kept if values)


# --- tax ------------------------------------------------------------


def _tax(explained: "ExplainedInvoice", *, every: bool) -> Iterator["RenderableType"]:
    """The groups, what the tax would be without credit before it, and how it was shared."""
    amount = explained.currency.amount
    by_line = explained.policies["tax_rounding"] == "per_line"
    how = "rounded charge by charge" if by_line else "rounded once for each row"
    yield from _heading("Tax", how)
    table = grid("tax", "category", ">rate", ">taxable", ">tax amount", ">without credit", "exemption")
    for row in explained.tax.iter_rows(named=True):
        table.add_row(
            styled(row["component"] or "tax"),
            styled(row["code"]),
            percent(row["rate"]),
            amount(row["taxable_amount"]),
            amount(row["tax_amount"]),
            amount(row["untouched_tax_amount"]),
            styled(row["exemption_reason"] or ""),
        )
    yield table
    taxed = sum(explained.tax["tax_amount"], Decimal(0))
    untouched = sum(explained.tax["untouched_tax_amount"], Decimal(0))
    if explained.head["grant_amount"]:
        base = sum(
            (line + paid for line, paid in explained.charges.select("line_amount", "grant_amount").iter_rows()),
            Decimal(0),
        )
        lower = amount(untouched - taxed)
        yield styled(f"credit before tax lowers it by {lower}: without, {amount(untouched)} on {amount(base)}")
    shares = explained.tax_shares
    how = (
        "each rounded by itself" if by_line else "in proportion to what is taxable, the last cents by largest remainder"
    )
    yield styled(f"shared over {_counted(shares['charge_id'].n_unique(), 'charge')}, {how}", DIM)
    if every:
        yield _shares(explained)


def _shares(explained: "ExplainedInvoice") -> "RenderableType":
    amount, labels = explained.currency.amount, explained.charge_names
    table = grid("charge", "tax", ">rate", ">taxable", ">tax amount")
    for row in explained.tax_shares.iter_rows(named=True):
        table.add_row(
            styled(labels[row["charge_id"]]),
            styled(f"{row['component'] or 'tax'} {row['code']}"),
            percent(row["rate"]),
            amount(row["taxable_amount"]),
            amount(row["tax_amount"]),
        )
    return table


# --- charges and why ------------------------------------------------------------


def _table(
    explained: "ExplainedInvoice",
    pairs: list[dict[str, Any]],
    reasons: Mapping[str, Reason],
    *,
    every: bool,
    names: Mapping[str, str] | None = None,
) -> "RenderableType":
    """Charges with what was taken of each and why; those alike are counted, not listed."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=2)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    labels = explained.charge_names
    for rows in _alike(pairs, every=every):
        first = rows[0]
        what = labels[first["charge_id"]] if len(rows) == 1 else _counted(len(rows), "charge")
        why = _why(first, reasons, names or {}) + _before(explained, rows)
        table.add_row("", styled(what), _paid(explained, rows), styled(why, DIM))
    return table


def _alike(pairs: list[dict[str, Any]], *, every: bool) -> list[list[dict[str, Any]]]:
    """Rows one by one where they are few or all are wanted, else together by reason and who had paid."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in pairs:
        is_changed = bool(row["amount"])
        groups.setdefault((not is_changed, row.get("reason"), tuple(row.get("paid_by") or ())), []).append(row)
    found: list[list[dict[str, Any]]] = []
    for (is_unchanged, *_), rows in sorted(groups.items(), key=lambda one: one[0][0]):
        apart = every or (len(rows) <= SEVERAL and not is_unchanged)
        found += [[row] for row in rows] if apart else [rows]
    return found


def _paid(explained: "ExplainedInvoice", rows: list[dict[str, Any]]) -> str:
    """What was taken of charges, and of how much where that is more."""
    amount = explained.currency.amount
    taken = sum((row["amount"] for row in rows), Decimal(0))
    due = sum((row.get("due_amount", row["amount"]) for row in rows), Decimal(0))
    if not taken:
        return ""
    return amount(taken) if taken == due else f"{amount(taken)} of {amount(due)}"


def _before(explained: "ExplainedInvoice", rows: list[dict[str, Any]]) -> str:
    """What of charges that were paid had been paid before."""
    before = sum((row.get("before_amount", Decimal(0)) for row in rows if row["amount"]), Decimal(0))
    return f"; {explained.currency.amount(before)} was paid before" if before else ""


def _why(row: Row, reasons: Mapping[str, Reason], names: Mapping[str, str]) -> str:
    sentence = reasons[row.get("reason") or "applied"].sentence
    by = ", ".join(names.get(one, one) for one in row.get("paid_by") or ())
    return f"{sentence}: {by}" if by else sentence


def _is_idle(pairs: list[dict[str, Any]]) -> bool:
    """Whether nothing was taken, of all charges for one reason."""
    return not any(row["amount"] for row in pairs) and len(_alike(pairs, every=False)) == 1


def _idle(
    explained: "ExplainedInvoice",
    idle: list[tuple[str, str, list[dict[str, Any]]]],
    reasons: Mapping[str, Reason],
    word: str,
    heading: str,
    names: Mapping[str, str] | None = None,
) -> Iterator["RenderableType"]:
    """Discounts or grants that did nothing for one reason each, a line each; many alike are counted."""
    if not idle:
        return
    table = grid(heading, word, "charges", "why")
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for name, when, pairs in idle:
        label = explained.charge_names[pairs[0]["charge_id"]] if len(pairs) == 1 else _counted(len(pairs), "charge")
        groups.setdefault(_why(pairs[0], reasons, names or {}), []).append((name, when, label))
    for why, rows in groups.items():
        for name, when, label in rows[:SEVERAL]:
            table.add_row(styled(name), styled(when), styled(label), styled(why, DIM))
        if len(rows) > SEVERAL:
            table.add_row(styled(f"and {len(rows) - SEVERAL:,} more: --all lists each"), "", "", styled(why, DIM))
    yield table


def _parts(rows: "pl.DataFrame", key: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each discount, limit or grant."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row[key], []).append(row)
    return found


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


# --- for programs ------------------------------------------------------------


def reasons_record(explained: "ExplainedInvoice") -> dict[str, Any]:
    """An explained document for a program: every amount is text in the currency's digits."""
    head = explained.head
    named = ("invoice_id", "invoice_number", "document_state", "billing_account_id", "billing_period")
    totals = ("list_cost", "discount_amount", "cap_amount", "grant_amount", "total_without_tax", "total_tax")
    names = grant_names(explained)
    return {
        **{name: head[name] for name in named},
        "billing_currency": explained.currency.code,
        "commit": explained.made_by.number,
        **{name: explained.currency.plain(head[name]) for name in (*totals, "total_with_tax", "credit_amount")},
        "policies": {name: explained.policies[name] for name in POLICIES},
        "charges": _records(explained, explained.charges),
        "discounts": _with_charges(explained, explained.discounts, explained.discount_reasons, "discount_id"),
        "limits": _with_charges(explained, explained.limits, explained.limited, "spend_limit_id"),
        "grants": [
            {"description": names[row["grant_id"]], **row}
            for row in _with_charges(explained, explained.grants, explained.grant_reasons, "grant_id")
        ],
        "tax": [
            {**row, "charges": [one for one in _records(explained, explained.tax_shares) if _is_of(one, row)]}
            for row in _records(explained, explained.tax)
        ],
    }


def _is_of(share: Row, group: Row) -> bool:
    return all(share[name] == group[name] for name in ("code", "rate", "component"))


def _with_charges(
    explained: "ExplainedInvoice", sources: "pl.DataFrame", pairs: "pl.DataFrame", key: str
) -> list[dict[str, Any]]:
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in _records(explained, pairs):
        parts.setdefault(row.pop(key), []).append(row)
    return [{**row, "charges": parts.get(row[key], [])} for row in _records(explained, sources)]


def _records(explained: "ExplainedInvoice", rows: "pl.DataFrame") -> list[dict[str, Any]]:
    money = {name for name in rows.columns if name.endswith("amount") or name == "list_cost"}
    return [
        {name: _plain(explained, value, name in money) for name, value in row.items()}
        for row in rows.iter_rows(named=True)
    ]


def _plain(explained: "ExplainedInvoice", value: Any, is_money: bool) -> Any:
    if isinstance(value, Decimal):
        return explained.currency.plain(value) if is_money else plain(value)
    if isinstance(value, dict):
        return {name: _plain(explained, one, name == "amount") for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(explained, one, is_money) for one in value]
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def reasons_rows(explained: "ExplainedInvoice") -> "pl.DataFrame":
    """The whole table of reasons, one row per discount, limit or grant and charge: what a spreadsheet gets."""
    import polars as pl

    parts = (
        ("discount", "discount_id", explained.discount_reasons),
        ("limit", "spend_limit_id", explained.limited.with_columns(reason=pl.lit("applied"))),
        ("grant", "grant_id", explained.grant_reasons),
    )
    columns = ["allocation_kind", "source_id", "tax_position", "line_number", "charge_id", "reason", "amount"]
    columns += ["due_amount", "before_amount", "paid_by"]
    rows = [part.rename({key: "source_id"}).with_columns(allocation_kind=pl.lit(kind)) for kind, key, part in parts]
    found = pl.concat(rows, how="diagonal").select(columns)
    return found.with_columns(billing_currency=pl.lit(explained.currency.code))
