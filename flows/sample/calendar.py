"""The month a sample world lives in, and the days around it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rating.periods import add_months, first_day


@dataclass(frozen=True)
class Month:
    """A billing period as the sample needs it: its days as texts, its hours in UTC.

    >>> october = Month("2026-10")
    >>> october.hours, october.day(16), october.last_day, october.day_before, october.since
    (744, '2026-10-16', '2026-10-31', '2026-09-30', '2025-01-01')
    """

    period: str

    @property
    def first(self) -> date:
        """Its first day."""
        return first_day(self.period)

    @property
    def start(self) -> datetime:
        """Its first instant in UTC, where the usage begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (add_months(self.first, 1) - self.first).days

    @property
    def hours(self) -> int:
        """How many hours it has in UTC."""
        return 24 * self.days

    @property
    def since(self) -> str:
        """When the price books, the sellers and most customers began: the January of the year before."""
        return f"{self.first.year - 1}-01-01"

    @property
    def last_day(self) -> str:
        """Its last day."""
        return self.day(self.days)

    @property
    def day_before(self) -> str:
        """The last day of the month before."""
        return str(self.first - timedelta(days=1))

    @property
    def issue_date(self) -> date:
        """When its invoices are issued: the third day of the month after."""
        return add_months(self.first, 1) + timedelta(days=2)

    @property
    def received_at(self) -> datetime:
        """When its usage is delivered: noon of the day after its end, when the month is over in every time zone."""
        return self.start + timedelta(days=self.days, hours=36)

    def day(self, number: int) -> str:
        """One of its days."""
        return str(self.first + timedelta(days=number - 1))

    def months_later(self, months: int) -> str:
        """The last day of a month some months later."""
        return str(add_months(self.first, months + 1) - timedelta(days=1))

    def instant(self, hour: int) -> str:
        """The instant so many hours after its start, as reference tables and files write it.

        >>> Month("2026-10").instant(25)
        '2026-10-02T01:00:00Z'
        """
        return f"{self.start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
