"""Tables against each other: keys that must exist, tiers of prices, money and its currency, families of accounts."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from flows.reference import boundaries
from flows.reference.faults import ROW, Fault, faults_where, quoted
from flows.reference.one_table import CheckedTable
from flows.reference.reading import nearest
from flows.reference.tables import LINKS, MONEY, TIERED, Link
from rating.price_models import PRICE_MODELS

Tables = Mapping[str, CheckedTable]

PATTERNS = ["invoice_number_pattern", "credit_note_number_pattern"]

NAMED_NEAREST = 20  # for so many unknown keys of a column the nearest known one is looked up


def check_across(tables: Tables, unreadable: frozenset[str]) -> list[Fault]:
    """Everything wrong between tables; what an unreadable table or a bad cell would explain is not concluded.

    Reads    every reference table, shipped rows included
    Source   rule 1.2, P3, D2, I2, M2
    """
    sound = {name: table for name, table in tables.items() if name not in unreadable}
    faults: list[Fault] = []
    for link in LINKS:
        if link.table in sound and link.to_table in sound and link.to_column not in sound[link.to_table].unsure:
            faults += _unknown_keys(sound[link.table], sound[link.to_table], link)
    if {"sku_prices", "skus"} <= sound.keys():
        faults += _percentage_faults(sound["sku_prices"], sound["skus"])
    if {"sku_prices", "price_tiers"} <= sound.keys():
        faults += _tier_faults(sound["sku_prices"], sound["price_tiers"])
    if "currencies" in sound:
        faults += _money_faults(sound)
    if "billing_accounts" in sound:
        faults += _family_faults(sound["billing_accounts"])
        faults += _second_currency_faults(sound["billing_accounts"])
        faults += _foreign_currency_faults(sound)
        faults += _foreign_project_faults(sound)
    if "sellers" in sound:
        faults += _number_faults(sound["sellers"])
    if {"discounts", "promo_codes"} <= sound.keys():
        faults += _promised_faults(sound["discounts"], sound["promo_codes"])
    if {"spend_limits", "sku_prices"} <= sound.keys():
        faults += _limit_currency_faults(sound["spend_limits"], sound["sku_prices"])
    return faults


# Keys


def _unknown_keys(table: CheckedTable, known: CheckedTable, link: Link) -> list[Fault]:
    held = table.rows.select(ROW, link.column)
    if isinstance(held.schema[link.column], pl.List):
        held = held.explode(link.column)
    keys = known.rows.select(pl.col(link.to_column).alias(link.column)).unique().drop_nulls()
    unknown = held.drop_nulls().join(keys, on=link.column, how="anti", maintain_order="left")
    names = keys[link.column].sort().to_list()
    hints = {key: nearest(key, names) for key in unknown[link.column].unique(maintain_order=True)[:NAMED_NEAREST]}
    what_to_do = f"correct it, or add the row to {known.file}"
    return [
        Fault(
            table.file,
            row,
            link.column,
            f"'{key}'",
            f"a {link.to_column} of {known.file}{hints.get(key, '')}",
            what_to_do,
        )
        for row, key in unknown.iter_rows()
    ]


# Numbers of documents


def _number_faults(sellers: CheckedTable) -> list[Fault]:
    """No two sellers fill the same numbers, however many digits: an account may come from one to the other (I2)."""
    if not sellers.unsure.isdisjoint({"seller_id", *PATTERNS}):
        return []
    plain = pl.col("pattern").str.replace(r"\{sequence[^}]*\}", "{sequence}")
    used = sellers.rows.unpivot(PATTERNS, index=[ROW, "seller_id"], variable_name="column", value_name="pattern")
    used = used.drop_nulls().sort(ROW, "column", descending=[False, True]).with_columns(plain=plain)
    first = used.unique("plain", keep="first", maintain_order=True).select("plain", other="seller_id")
    again = used.join(first, on="plain", maintain_order="left").filter(pl.col("seller_id") != pl.col("other"))
    return [
        Fault(
            sellers.file,
            row,
            column,
            f"'{pattern}'",
            "numbers that no other seller fills",
            f"'{other}' fills the same; put something of the seller into the pattern",
        )
        for row, column, pattern, other in again.select(ROW, "column", "pattern", "other").iter_rows()
    ]


# Prices and tiers


def _tier_faults(prices: CheckedTable, tiers: CheckedTable) -> list[Fault]:
    """A tiered price has tiers of which the last is open; a unit price has none (P3)."""
    faults: list[Fault] = []
    of_tiers = tiers.rows.select("sku_price_id", "up_to", pl.col(ROW).alias("(tier)"))
    if "sku_price_id" not in tiers.unsure:
        without = prices.rows.join(of_tiers, on="sku_price_id", how="anti", maintain_order="left")
        faults += faults_where(
            prices.file,
            without,
            pl.col("price_model").is_in(TIERED),
            column="price_model",
            found=pl.format("{} without tiers", pl.col("price_model")),
            wanted=f"at least one row of {tiers.file} for it",
            what_to_do="add its tiers, the last with an empty up_to",
        )
    models = prices.rows.select("sku_price_id", "price_model").unique("sku_price_id", maintain_order=True)
    joined = tiers.rows.join(models, on="sku_price_id", how="inner", maintain_order="left")
    faults += faults_where(
        tiers.file,
        joined,
        ~pl.col("price_model").is_in(TIERED),
        column="sku_price_id",
        found=pl.format("a tier of {}, whose price_model is {}", pl.col("sku_price_id"), pl.col("price_model")),
        wanted=f"tiers of a price of {' or '.join(TIERED)}",
        what_to_do="remove the tier, or write graduated in sku_prices",
    )
    if "up_to" not in tiers.unsure:
        faults += _closed_faults(tiers, joined.filter(pl.col("price_model").is_in(TIERED)))
    return faults


def _percentage_faults(prices: CheckedTable, skus: CheckedTable) -> list[Fault]:
    """A price per record for a SKU whose records count by how long they last (P1, P3)."""
    by_record = [name for name, model in PRICE_MODELS.items() if model.is_per_record]
    weighted = skus.rows.filter(pl.col("meter") == "time_weighted").select("sku_id").unique()
    return faults_where(
        prices.file,
        prices.rows.join(weighted, on="sku_id", how="semi", maintain_order="left"),
        pl.col("price_model").is_in(by_record),
        column="price_model",
        found=pl.format("{} for {}, which is metered time_weighted", pl.col("price_model"), pl.col("sku_id")),
        wanted="a price of the quantity: what is weighted by time has no price per record",
        what_to_do="use another model, or another meter",
    )


def _closed_faults(tiers: CheckedTable, rows: pl.DataFrame) -> list[Fault]:
    last = rows.filter(pl.col("up_to").is_not_null().all().over("sku_price_id")).sort("sku_price_id", "up_to", ROW)
    last = last.unique("sku_price_id", keep="last", maintain_order=True)
    return faults_where(
        tiers.file,
        last,
        pl.lit(True),
        column="up_to",
        found=pl.format("{} in the last tier of {}", _trimmed("up_to"), pl.col("sku_price_id")),
        wanted="an open last tier",
        what_to_do="leave up_to empty in the last tier",
    )


# Money


def _money_faults(tables: Tables) -> list[Fault]:
    """Amounts finer than their currency can be paid in (M2)."""
    exponents = _dated(tables["currencies"].rows).select(
        "billing_currency", "exponent", pl.col("(from)").alias("(first)"), pl.col("(until)").alias("(last)")
    )
    faults: list[Fault] = []
    for name, column, condition in MONEY:
        if name in tables:
            faults += _precise_faults(tables[name], _with_currency(tables, name), column, condition, exponents)
    return faults


def _with_currency(tables: Tables, name: str) -> pl.DataFrame:
    rows = tables[name].rows
    if name == "cost_policies":
        return _with_currency_of_account(tables, rows)
    if name != "price_tiers":
        return rows
    prices = tables["sku_prices"].rows if "sku_prices" in tables else None
    if prices is None:
        return rows.clear().with_columns(billing_currency=pl.lit(""), valid_from=pl.lit(""), valid_until=pl.lit(""))
    priced = prices.select("sku_price_id", "billing_currency", "valid_from", "valid_until")
    return rows.join(priced.unique("sku_price_id", maintain_order=True), on="sku_price_id", maintain_order="left")


def _with_currency_of_account(tables: Tables, rows: pl.DataFrame) -> pl.DataFrame:
    if "billing_accounts" not in tables:
        return rows.clear().with_columns(billing_currency=pl.lit(""))
    owners = tables["billing_accounts"].rows.select("billing_account_id", "billing_currency")
    return rows.join(owners.unique("billing_account_id"), on="billing_account_id", how="left", maintain_order="left")


def _precise_faults(
    table: CheckedTable, rows: pl.DataFrame, column: str, condition: pl.Expr, exponents: pl.DataFrame
) -> list[Fault]:
    digits = _trimmed(column).str.extract(r"\.([0-9]+)$").str.len_bytes().fill_null(0).alias("(digits)")
    broken = (
        rows.filter(condition & pl.col("valid_from").is_not_null()).with_columns(digits).filter(pl.col("(digits)") > 0)
    )
    finest = (
        _dated(broken)
        .join(exponents, on="billing_currency", how="inner")
        .filter((pl.col("(from)") < pl.col("(last)")) & (pl.col("(first)") < pl.col("(until)")))
        .group_by(ROW, "billing_currency")
        .agg(pl.col("exponent").min(), pl.col("(digits)").first(), pl.col(column).first())
        .sort(ROW)
    )
    wanted = finest.filter(pl.col("(digits)") > pl.col("exponent")).select(
        ROW, _trimmed(column).alias("found"), "billing_currency", "exponent"
    )
    return [
        Fault(table.file, row, column, f"{found} {currency}", f"at most {exponent} digits after the point", "round it")
        for row, found, currency, exponent in wanted.iter_rows()
    ]


def _trimmed(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def _dated(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their window in microseconds, days as in UTC: near enough to ask whether two windows meet."""
    starts = [None if text is None else boundaries.moment(text).microseconds for text in rows["valid_from"]]
    ends = [boundaries.end_moment(text).microseconds for text in rows["valid_until"]]
    return rows.with_columns(pl.Series("(from)", starts, dtype=pl.Int64), pl.Series("(until)", ends, dtype=pl.Int64))


def _foreign_currency_faults(tables: Tables) -> list[Fault]:
    """A contract price, fixed discount or limit in a currency that its account is never billed in (P3, D2, P10)."""
    accounts = tables["billing_accounts"].rows.select("billing_account_id", "billing_currency").drop_nulls()
    faults: list[Fault] = []
    for name in ("sku_prices", "discounts", "spend_limits"):
        if name not in tables:
            continue
        table = tables[name]
        own = table.rows.drop_nulls(["billing_account_id", "billing_currency"]).join(
            accounts.select("billing_account_id").unique(), on="billing_account_id", how="semi", maintain_order="left"
        )
        foreign = own.join(accounts, on=["billing_account_id", "billing_currency"], how="anti", maintain_order="left")
        faults += faults_where(
            table.file,
            foreign,
            pl.lit(True),
            column="billing_currency",
            found=pl.format("{} for {}", quoted(pl.col("billing_currency")), pl.col("billing_account_id")),
            wanted="the currency its account is billed in",
            what_to_do="nothing converts currencies: write it in the account's",
        )
    return faults


def _limit_currency_faults(limits: CheckedTable, prices: CheckedTable) -> list[Fault]:
    """A spend limit in another currency than its price's would never apply (P10)."""
    if prices.unsure & {"sku_price_id", "billing_currency"}:
        return []
    known = prices.rows.select("sku_price_id", "billing_currency").drop_nulls()
    own = limits.rows.drop_nulls(["sku_price_id", "billing_currency"]).join(
        known, on="sku_price_id", how="semi", maintain_order="left"
    )
    return faults_where(
        limits.file,
        own.join(known, on=["sku_price_id", "billing_currency"], how="anti", maintain_order="left"),
        pl.lit(True),
        column="billing_currency",
        found=pl.format("{} for {}", quoted(pl.col("billing_currency")), pl.col("sku_price_id")),
        wanted="the currency of its price",
        what_to_do="nothing converts currencies: write it in the price's",
    )


def _promised_faults(discounts: CheckedTable, codes: CheckedTable) -> Iterator[Fault]:
    """A discount of a code that gives credit, or an amount in another currency than its code's (D2, K7)."""
    promised = discounts.rows.drop_nulls("promo_code")
    if "benefit" not in codes.unsure:
        given = codes.rows.filter(pl.col("benefit") == "discount").select("promo_code").unique()
        known = promised.join(codes.rows.select("promo_code").unique(), on="promo_code", how="semi")
        yield from faults_where(
            discounts.file,
            known.join(given, on="promo_code", how="anti", maintain_order="left"),
            pl.lit(True),
            column="promo_code",
            found=pl.format("{}, whose benefit is a grant", quoted(pl.col("promo_code"))),
            wanted="a code whose benefit is a discount",
            what_to_do="name another code, or leave it empty",
        )
    named = codes.rows.filter(pl.col("benefit") == "discount").select("promo_code", "billing_currency").drop_nulls()
    fixed = promised.drop_nulls("billing_currency").join(
        named.select("promo_code").unique(), on="promo_code", how="semi", maintain_order="left"
    )
    yield from faults_where(
        discounts.file,
        fixed.join(named, on=["promo_code", "billing_currency"], how="anti", maintain_order="left"),
        pl.lit(True),
        column="billing_currency",
        found=pl.format("{} for {}", quoted(pl.col("billing_currency")), pl.col("promo_code")),
        wanted="the currency of its code",
        what_to_do="correct one of the two",
    )


# Accounts


def _foreign_project_faults(tables: Tables) -> Iterator[Fault]:
    """A recurring item or a cost policy of a project that never belongs to its account (U5, W5)."""
    for name in ("recurring_items", "cost_policies"):
        if {name, "sub_accounts"} <= tables.keys():
            yield from _projects_of_others(tables[name], tables["sub_accounts"], tables["billing_accounts"])


def _projects_of_others(rows: CheckedTable, projects: CheckedTable, accounts: CheckedTable) -> list[Fault]:
    if projects.unsure & {"sub_account_id", "billing_account_id"}:
        return []
    known = projects.rows.select("sub_account_id", "billing_account_id").drop_nulls()
    named = rows.rows.drop_nulls(["sub_account_id", "billing_account_id"])
    for column, table in (("sub_account_id", projects), ("billing_account_id", accounts)):
        named = named.join(table.rows.select(column).drop_nulls(), on=column, how="semi", maintain_order="left")
    return faults_where(
        rows.file,
        named.join(known, on=["sub_account_id", "billing_account_id"], how="anti", maintain_order="left"),
        pl.lit(True),
        column="sub_account_id",
        found=pl.format("{} for {}", quoted(pl.col("sub_account_id")), pl.col("billing_account_id")),
        wanted="a project of the account",
        what_to_do=f"correct one of the two, or add the row to {projects.file}",
    )


def _second_currency_faults(accounts: CheckedTable) -> list[Fault]:
    """An account has one currency for ever: its balance, its credit and its limit are in it (M3)."""
    if not accounts.unsure.isdisjoint({"billing_account_id", "billing_currency"}):
        return []
    rows = accounts.rows.select(ROW, "billing_account_id", "billing_currency").drop_nulls().sort(ROW)
    first = rows.unique("billing_account_id", keep="first", maintain_order=True)
    first = first.select("billing_account_id", before=ROW, known="billing_currency")
    others = rows.join(first, on="billing_account_id", maintain_order="left")
    return [
        Fault(
            accounts.file,
            row,
            "billing_currency",
            f"'{currency}'",
            f"'{known}', as in row {before} of '{account}'",
            "an account keeps its currency; bill the other one under an account of its own",
        )
        for row, account, currency, before, known in others.filter(pl.col("billing_currency") != pl.col("known"))
        .select(ROW, "billing_account_id", "billing_currency", "before", "known")
        .iter_rows()
    ]


def _family_faults(accounts: CheckedTable) -> list[Fault]:
    return [*_circle_faults(accounts), *_second_main_faults(accounts)]


def _circle_faults(accounts: CheckedTable) -> Iterator[Fault]:
    """An account that is, through its parents, its own parent."""
    rows = accounts.rows.select("billing_account_id", "parent_account_id", ROW).drop_nulls()
    parents = {child: parent for child, parent, _ in rows.iter_rows() if child != parent}
    for child, parent, row in rows.iter_rows():
        if child != parent and child in _above(parent, parents):
            found = f"'{parent}', which is below '{child}' itself"
            yield Fault(
                accounts.file, row, "parent_account_id", found, "a parent above the account", "break the circle"
            )


def _above(account: str, parents: Mapping[str, str]) -> set[str]:
    met: set[str] = set()
    while account not in met:
        met.add(account)
        account = parents.get(account, account)
    return met


def _second_main_faults(accounts: CheckedTable) -> Iterator[Fault]:
    """Two main accounts of one domain at one time: welcome credit would not know where to go (G2)."""
    main = accounts.rows.filter(pl.col("is_main_in_domain") & pl.col("valid_from").is_not_null())
    named = _dated(main.drop_nulls(["domain", "billing_account_id"]))
    for (domain,), rows in named.sort("domain", "(from)", ROW).group_by("domain", maintain_order=True):
        yield from _meeting(
            accounts.file, str(domain), rows.select(ROW, "billing_account_id", "(from)", "(until)").iter_rows()
        )


def _meeting(file: str, domain: str, rows: Iterable[tuple[int, str, int, int]]) -> Iterator[Fault]:
    reach: tuple[int, str, int, int] | None = None
    for row in rows:
        if reach is not None and row[1] != reach[1] and row[2] < reach[3]:
            found = f"a second main account of {domain}, beside '{reach[1]}' in row {reach[0]}"
            yield Fault(
                file, row[0], "is_main_in_domain", found, "one main account per domain", "write false in one of them"
            )
        if reach is None or row[3] > reach[3]:
            reach = row
