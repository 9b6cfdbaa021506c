"""What `bill` says it came to: the totals of a currency add up, whatever lowered them."""

from io import StringIO

from rich.console import Console

from flows.show.amounts import Currency
from flows.show.reports import TOTALS, totals_table


def shown(**amounts: str) -> list[str]:
    """The lines of the table, words and amounts parted by single blanks."""
    row = dict.fromkeys(TOTALS, "0") | {"billing_currency": "EUR", "invoices": "1"} | amounts
    page = StringIO()
    Console(width=80, file=page).print(totals_table([row], {"EUR": Currency("EUR")}))
    return [" ".join(line.split()) for line in page.getvalue().splitlines()]


def test_what_a_maximum_spend_takes_off_stands_between_list_cost_and_what_is_taxed():
    """100 less 10 of discount, 20 above the maximum and 5 of credit are 65."""
    amounts = {"list_cost": "100", "discount_amount": "10", "cap_amount": "20", "grant_amount": "5"}
    lines = shown(**amounts, total_without_tax="65")
    assert lines[3:8] == [
        "list cost 100.00",
        "discounts 10.00",
        "above maximum spend 20.00",
        "credit before tax 5.00",
        "total without tax 65.00",
    ]


def test_where_no_maximum_is_reached_nothing_is_said_of_one():
    assert not any("maximum" in line for line in shown(list_cost="100", total_without_tax="100"))
