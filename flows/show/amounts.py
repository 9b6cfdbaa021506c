"""Amounts, prices, quantities and rates as people read them: the currency's own digits, thousands apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

LAKH_CURRENCIES = frozenset({"INR"})
"""Currencies whose readers put the separators at lakh and crore: 1,50,249.03."""

UNKNOWN_EXPONENT = 2


@dataclass(frozen=True)
class Currency:
    """A currency and how many digits its amounts have after the point."""

    code: str
    exponent: int = UNKNOWN_EXPONENT

    def amount(self, value: Decimal | None) -> str:
        """An amount as people read it; nothing where there is none.

        >>> Currency("EUR").amount(Decimal("168000.0000")), Currency("INR").amount(Decimal("150249.0300"))
        ('168,000.00', '1,50,249.03')
        >>> Currency("KRW", 0).amount(Decimal("-1234567.0000"))
        '-1,234,567'
        """
        return "" if value is None else self._grouped(value, self.exponent)

    def price(self, value: Decimal | None) -> str:
        """A unit price: all its digits, at least the currency's own.

        >>> Currency("EUR").price(Decimal("0.000031500000")), Currency("EUR").price(Decimal("2.000000000000"))
        ('0.0000315', '2.00')
        """
        return "" if value is None else self._grouped(value, max(self.exponent, decimals(value)))

    def plain(self, value: Decimal | None) -> str | None:
        """An amount as a program reads it.

        >>> Currency("EUR").plain(Decimal("168000.0000"))
        '168000.00'
        """
        return None if value is None else f"{value:.{self._digits(value)}f}"

    def _grouped(self, value: Decimal, digits: int) -> str:
        sign, whole, fraction = _parts(value, max(digits, decimals(value)))
        groups = lakhs(whole) if self.code in LAKH_CURRENCIES else thousands(whole)
        return f"{sign}{groups}{fraction}"

    def _digits(self, value: Decimal) -> int:
        """Never fewer than the amount has: what is shown is what is."""
        return max(self.exponent, decimals(value))


def currencies(exponents: Mapping[str, int]) -> Mapping[str, Currency]:
    """Currencies by code."""
    return {code: Currency(code, exponent) for code, exponent in exponents.items()}


def quantity(value: Decimal | None) -> str:
    """A quantity without the zeros that say nothing.

    >>> quantity(Decimal("1488.000000000000000")), quantity(Decimal("0.250000000000000"))
    ('1,488', '0.25')
    """
    if value is None:
        return ""
    sign, whole, fraction = _parts(value, decimals(value))
    return f"{sign}{thousands(whole)}{fraction}"


def percent(rate: Decimal) -> str:
    """A rate, which is a fraction, in percent.

    >>> percent(Decimal("0.190000000000")), percent(Decimal("0.055"))
    ('19 %', '5.5 %')
    """
    return f"{quantity(rate.scaleb(2))} %"


def plain(value: Decimal) -> str:
    """A number as a program reads it, without zeros that say nothing.

    >>> plain(Decimal("1488.000000000000000"))
    '1488'
    """
    return f"{value:.{decimals(value)}f}"


def decimals(value: Decimal) -> int:
    """How many digits after the point say something.

    >>> decimals(Decimal("2.500")), decimals(Decimal("100"))
    (1, 0)
    """
    fraction = f"{value:f}".partition(".")[2]
    return len(fraction.rstrip("0"))


def thousands(digits: str) -> str:
    """Digits in groups of three.

    >>> thousands("1234567")
    '1,234,567'
    """
    return f"{int(digits):,}"


def lakhs(digits: str) -> str:
    """Digits in groups of two before the last three.

    >>> lakhs("123"), lakhs("150249"), lakhs("12345678")
    ('123', '1,50,249', '1,23,45,678')
    """
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


def _parts(value: Decimal, digits: int) -> tuple[str, str, str]:
    """Sign, whole digits and the fraction with its point; cutting never happens, as digits are at least its own."""
    text = f"{value:.{digits}f}"
    sign = "-" if value < 0 else ""
    whole, point, fraction = text.lstrip("-").partition(".")
    return sign, whole, f"{point}{fraction}"
