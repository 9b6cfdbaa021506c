"""A charge explained, on a page: what it is, its price, rating line and pool, and the rows it is made of (P8)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.show.amounts import Currency, percent, plain, quantity
from flows.show.console import styled
from flows.show.listing import as_table, records
from flows.show.page import days
from rating.price_models import PRICE_MODELS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.explain import Explained, Row

WHERE = (("sub_account_id", "project"), ("resource_id", "resource"), ("region_id", "region"), ("sku_id", "SKU"))
SCOPES = {"account": "account", "sub_account": "project", "resource": "resource"}


def charge_page(explained: "Explained", limit: int) -> Iterator["RenderableType"]:
    """What was charged, why at this price, and the first rows it is made of."""
    charge = explained.charge
    number = f" #{charge['expense_number']}" if charge["expense_number"] is not None else ""
    yield styled(f"{charge['charge_description']}{number}", "bold")
    yield _terms(explained)
    yield styled("")
    sources = explained.sources
    shown = sources.head(limit) if limit else sources
    currencies = {explained.currency.code: explained.currency}
    yield as_table(shown, currencies, hidden=frozenset({"billing_currency"}))
    if shown.height < sources.height:
        yield styled(f"{sources.height - shown.height:,} more rows: --limit 0, --csv or --json shows all", "dim")
    yield styled(_total(explained), "bold")


def _terms(explained: "Explained") -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _said(explained):
        table.add_row(styled(name, "dim"), styled(text))
    return table


def _said(explained: "Explained") -> Iterator[tuple[str, str]]:
    charge, currency = explained.charge, explained.currency
    yield "charge", charge["charge_id"]
    on = f", on {charge['invoice_number']}" if charge["invoice_number"] else ""
    yield "account", f"{charge['billing_account_id']}, {charge['billing_period']}{on}"
    yield "what", " · ".join(f"{word} {charge[name]}" for name, word in WHERE if charge[name] is not None)
    yield "when", days(charge["charge_period_start"], charge["charge_period_end"], charge["time_zone"] or "UTC")
    yield "quantity", f"{quantity(charge['pricing_quantity'])} {charge['pricing_unit']}"
    yield "list cost", _amount(currency, charge["list_cost"])
    if explained.price is not None:
        for place, text in enumerate(_price(explained)):
            yield "" if place else "price", text
    line = explained.rating_line
    whole = f"{quantity(line['pricing_quantity'])} {line['pricing_unit']}, {_amount(currency, line['list_cost'])}"
    yield "rating line", f"{line['rating_line_id']}: {whole}, in {_counted(line['charge_count'], 'charge')}"
    if explained.pool is not None:
        yield "pool", _pool(explained.pool, currency)
    document = charge["invoice_number"] or f"{charge['billing_account_id']} --period {charge['billing_period']}"
    yield "who paid it", f"billfold explain {document} --all"


def _price(explained: "Explained") -> Iterator[str]:
    """A price row as a sentence, then its tiers."""
    price, unit, currency = explained.price, explained.charge["pricing_unit"], explained.currency
    assert price is not None
    whose = "contract" if price["billing_account_id"] else "price book"
    where = f", {price['region_id']}" if price["region_id"] else ""
    yield f"{price['sku_price_id']} ({whose}{where}, from {price['valid_from']}): {_model(price, unit, currency)}"
    if price["free_quantity"]:
        yield f"first {quantity(price['free_quantity'])} {unit} of each {SCOPES[price['tier_scope']]} and month free"
    yield from tier_lines(explained.tiers, unit, currency)


def tier_lines(tiers: "Any", unit: str, currency: Currency) -> Iterator[str]:
    """The tiers of a price, one after another."""
    lower = Decimal(0)
    for tier in tiers:
        fee = f" + {currency.amount(tier['flat_fee'])}" if tier["flat_fee"] else ""
        reach = f"above {quantity(lower)}" if tier["up_to"] is None else f"up to {quantity(tier['up_to'])}"
        lower = tier["up_to"] if tier["up_to"] is not None else lower
        yield f"{reach} {unit}: {currency.price(tier['unit_price'])}{fee}"


def _model(price: "Row", unit: str, currency: Currency) -> str:
    """How a price is applied, in words."""
    model = str(price["price_model"])
    per = "" if price["per_quantity"] == 1 else f"{quantity(price['per_quantity'])} "
    if model == "package":
        return f"{currency.price(price['list_unit_price'])} for each started {quantity(price['package_size'])} {unit}"
    if model == "flat":
        return f"{currency.price(price['list_unit_price'])} a month, whatever the quantity"
    if model == "percentage":
        return _percentage(price, per, unit, currency)
    if model == "unit":
        return f"{currency.price(price['list_unit_price'])} per {per}{unit}"
    # a model without words of its own says its name and what its price row says
    known = PRICE_MODELS[model]
    said = [name for name in (*known.needs, *known.may_have) if price[name] is not None and name != "per_quantity"]
    return ", ".join([model, *(f"{name.replace('_', ' ')} {quantity(price[name])}" for name in said)])


def _percentage(price: "Row", per: str, unit: str, currency: Currency) -> str:
    parts = [f"{percent(price['list_unit_price'])} of each record" + (f" per {per}{unit}" if per else "")]
    parts += [
        f"{word} {currency.amount(price[name])}"
        for name, word in (("fixed_fee", "plus"), ("minimum", "at least"), ("maximum", "at most"))
        if price[name] is not None
    ]
    return ", ".join(parts)


def _pool(pool: "Row", currency: Currency) -> str:
    """What counts together with the charge."""
    of = (
        f"project {pool['sub_account_id']}"
        if pool["tier_scope"] == "sub_account"
        else f"account {pool['billing_account_id']}"
    )
    where = f" in {pool['region_id']}" if pool["region_id"] else ""
    whole = f"{quantity(pool['pricing_quantity'])} {pool['pricing_unit']}, {_amount(currency, pool['list_cost'])}"
    return f"{pool['sku_id']} of {of}{where}: {whole}, in {_counted(pool['rating_line_count'], 'rating line')}"


def _total(explained: "Explained") -> str:
    sources, currency = explained.sources, explained.currency
    return f"{_counted(sources.height, 'row')}, {_amount(currency, sum(sources['share_amount'], Decimal(0)))}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _amount(currency: Currency, value: Decimal) -> str:
    return f"{currency.code} {currency.amount(value)}"


def charge_record(explained: "Explained") -> dict[str, Any]:
    """A charge for a program: every amount is text in the currency's digits."""
    currency = explained.currency
    currencies = {currency.code: currency}
    return {
        **_plain(explained.charge, currency),
        "price": None if explained.price is None else _plain(explained.price, currency),
        "tiers": [_plain(tier, currency) for tier in explained.tiers],
        "rating_line": _plain(explained.rating_line, currency),
        "pool": None if explained.pool is None else _plain(explained.pool, currency),
        "sources": list(records(explained.sources, currencies)),
        "share_amount": currency.plain(sum(explained.sources["share_amount"], Decimal(0))),
    }


AMOUNTS = frozenset({"list_cost", "fixed_fee", "minimum", "maximum", "flat_fee"})


def _plain(row: "Row", currency: Currency) -> dict[str, Any]:
    return {name: _value(value, name in AMOUNTS, currency) for name, value in row.items()}


def _value(value: Any, is_money: bool, currency: Currency) -> Any:
    if isinstance(value, Decimal):
        return currency.plain(value) if is_money else plain(value)
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value
