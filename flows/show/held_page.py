"""A bill or a backfill that is held: what is out of bounds, by how much, whose amounts moved, and how to go on."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.bounds import FIGURES, REJECTS, Finding
from flows.held import BACKFILL, SHORT, command_of
from flows.show.amounts import Currency
from flows.show.console import grid, styled, unfolded
from rating.rejects import REASONS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def held_page(
    report: Mapping[str, Any], currencies: Mapping[str, Currency], options: str = ""
) -> Iterator["RenderableType"]:
    """Every figure that is out of bounds, then what to do.

    Reads    the report of a run that is held; options: what a command needs to find the same books
    """
    what = report.get("billing_period", BACKFILL)
    yield from findings_page(report["out_of_bounds"], currencies, what)
    again = "run it again" if what == BACKFILL else "bill again"
    yield styled(f"\nIf something is wrong, mend it and {again}. If it is right, staff approve it as it is:")
    yield unfolded(f"{command_of(what)} --approve {report['hold'][:SHORT]}{options}\n")


def findings_page(
    findings: Sequence[Finding], currencies: Mapping[str, Currency], period: str
) -> Iterator["RenderableType"]:
    """Every figure that is out of bounds.

    Reads    period: the month of a bill; a finding of a backfill names its own
    """
    for finding in findings:
        yield styled(f"\n{sentence(finding, currencies)}", "bold")
        if finding["figure"] == REJECTS:
            yield _reasons(finding["reasons"])
        else:
            yield _months(finding, finding.get("billing_period", period), _currency(finding, currencies))
            yield _accounts(finding, _currency(finding, currencies))


def sentence(finding: Finding, currencies: Mapping[str, Currency]) -> str:
    """What is out of bounds, in one line."""
    if finding["figure"] == REJECTS:
        return (
            f"rows set aside: {int(finding['value']):,} of {int(finding['landed']):,} wait to be mended; "
            f"the bound is a share of {finding['times']}"
        )
    currency = _currency(finding, currencies)
    value, limit = (currency.amount(Decimal(finding[name])) for name in ("value", "limit"))
    least = "at most" if finding["is"] == "above" else "at least"
    month = f"{finding['billing_period']}, " if "billing_period" in finding else ""
    return (
        f"{month}{FIGURES[finding['figure']]}: {value} {currency.code}; the bound is {least} {limit}, "
        f"{finding['times']} times {_measure(finding, currency)}"
    )


def _measure(finding: Finding, currency: Currency) -> str:
    """What the figure is compared with."""
    if "median" in finding:
        return f"the median {currency.amount(Decimal(finding['median']))} of {len(finding['before'])} months"
    return f"the {currency.amount(Decimal(finding['was']))} so far"


def _currency(finding: Finding, currencies: Mapping[str, Currency]) -> Currency:
    code = finding["billing_currency"]
    return currencies.get(code, Currency(code))


def _months(finding: Finding, period: str, currency: Currency) -> "Table":
    table = grid("!month", f">{currency.code}")
    is_corrected = "was" in finding
    so_far = [{"billing_period": f"{period} so far", "value": finding["was"]}] if is_corrected else []
    own = f"{period} corrected" if is_corrected else period
    for one in (*finding["before"], *so_far, {"billing_period": own, "value": finding["value"]}):
        table.add_row(one["billing_period"], currency.amount(Decimal(one["value"])))
    return table


def _accounts(finding: Finding, currency: Currency) -> "Table":
    columns = (">so far", ">corrected") if "was" in finding else (">month before", ">this month")
    table = grid("accounts that changed most", *columns)
    for one in finding["accounts"]:
        figures = (currency.amount(Decimal(one[name])) for name in ("before", "value"))
        table.add_row(styled(one["billing_account_id"]), *figures)
    return table


def _reasons(reasons: Mapping[str, str]) -> "Table":
    table = grid("!reason", ">rows", "meaning")
    for code, rows in reasons.items():
        table.add_row(code, f"{int(rows):,}", styled(REASONS[code].sentence if code in REASONS else ""))
    return table
