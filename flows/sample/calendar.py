"""The month a sample world lives in, and the days around it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rating.periods import add_months, first_day, period_bounds

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Month:
    """A billing period as the sample needs it: its days as texts, its hours in UTC.

    Hours are numbered from midnight of the day before. Every customer has the month of its own time zone, so some
    begin before the month in UTC and some end after it.

    >>> october = Month("2026-10")
    >>> october.day(16), october.day_before, october.since, october.days
    ('2026-10-16', '2026-09-30', '2025-01-01', 31)
    >>> october.instant(0), october.instant(25)
    ('2026-09-30T00:00:00Z', '2026-10-01T01:00:00Z')
    """

    period: str

    def __post_init__(self) -> None:
        """Refuse what is not a month."""
        first_day(self.period)

    @property
    def first(self) -> date:
        """Its first day."""
        return first_day(self.period)

    @property
    def origin(self) -> datetime:
        """The start of hour 0: midnight UTC of the day before."""
        return datetime.combine(self.first, time(), UTC) - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (add_months(self.first, 1) - self.first).days

    def hours(self, zone: str) -> tuple[int, int]:
        """The hours whose start is inside the month of a time zone, from the first up to but without the last.

        >>> Month("2026-10").hours("Europe/Berlin"), Month("2026-10").hours("Asia/Kolkata")
        ((22, 767), (19, 763))
        """
        start, end = (-((self.origin - at) // HOUR) for at in period_bounds(self.period, zone))
        return start, end

    @property
    def since(self) -> str:
        """When the price books, the sellers and most customers began: the January of the year before."""
        return f"{self.first.year - 1}-01-01"

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
        """When its usage is delivered: noon of the second day after, when the month is over in every time zone."""
        return self.origin + timedelta(days=self.days + 2, hours=12)

    def day(self, number: int) -> str:
        """One of its days."""
        return str(self.first + timedelta(days=number - 1))

    def months_later(self, months: int) -> str:
        """The last day of a month some months later."""
        return str(add_months(self.first, months + 1) - timedelta(days=1))

    def at(self, hour: int) -> datetime:
        """The instant an hour starts."""
        return self.origin + hour * HOUR

    def instant(self, hour: int) -> str:
        """The instant an hour starts, as reference tables and files write it."""
        return f"{self.at(hour):%Y-%m-%dT%H:%M:%SZ}"
