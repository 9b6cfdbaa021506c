"""Who buys and who sells in a sample world: sellers, accounts, projects, taxes, and the few with something special."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property

from flows.sample.calendar import Month
from rating.hashing import hash64

SHOWCASE = 1
"""The number of the account that is shown first: made by hand in `showcase`."""

LEAST_ACCOUNTS = 2
"""The showcase and one other."""

BOUNDARY_EVERY = 20
"""One account in so many has a boundary inside the month: 5 %."""

BOUNDARIES = ("price", "discount", "grant", "project")
"""What changes inside the month, in turn: a contract price, a discount, a grant, the owner of a project."""

MOVE_HOUR = 24 * 16
"""The hour in which a moving project moves: at midnight UTC of the sixteenth, in the middle of the month."""


@dataclass(frozen=True)
class Market:
    """A group of customers that are billed and taxed alike."""

    seller_id: str
    jurisdiction: str
    region: str | None
    time_zone: str
    billing_currency: str
    tax_status: str
    home_region: str
    legal_form: str
    cities: tuple[str, ...]
    share: int  # of 100 customers


GERMANY = Market(
    "nordwolke-de", "DE", None, "Europe/Berlin", "EUR", "business", "eu-berlin-1", "GmbH",
    ("10115 Berlin", "20095 Hamburg", "50667 Köln", "80331 München", "04109 Leipzig"), 30,
)  # fmt: skip

MARKETS: tuple[Market, ...] = (
    GERMANY,
    Market(
        "nordwolke-de", "LU", None, "Europe/Luxembourg", "EUR", "reverse_charge", "eu-luxembourg-1", "S.à r.l.",
        ("1611 Luxembourg", "4361 Esch-sur-Alzette", "9053 Ettelbruck"), 12,
    ),
    Market(
        "nordwolke-de", "LU", None, "Europe/Luxembourg", "EUR", "consumer", "eu-luxembourg-1", "A.s.b.l.",
        ("1325 Luxembourg", "3511 Dudelange"), 6,
    ),
    Market(
        "nordwolke-de", "US", None, "America/New_York", "USD", "export", "us-east-1", "Inc.",
        ("New York, NY 10013", "Boston, MA 02110", "Pittsburgh, PA 15222"), 14,
    ),
    Market(
        "nordwolke-de", "KW", None, "Asia/Kuwait", "KWD", "export", "eu-berlin-1", "W.L.L.",
        ("Sharq, Kuwait City 15300", "Salmiya 20004"), 8,
    ),
    Market(
        "nordwolke-kr", "KR", None, "Asia/Seoul", "KRW", "business", "ap-seoul-1", "Co., Ltd.",
        ("Teheran-ro, Seoul 06236", "Pangyo-ro, Seongnam 13494", "Centum-ro, Busan 48060"), 18,
    ),
    Market(
        "nordwolke-in", "IN", "KA", "Asia/Kolkata", "INR", "business", "ap-mumbai-1", "Pvt. Ltd.",
        ("Bengaluru 560001", "Mysuru 570001"), 6,
    ),
    Market(
        "nordwolke-in", "IN", "MH", "Asia/Kolkata", "INR", "business", "ap-mumbai-1", "Pvt. Ltd.",
        ("Mumbai 400001", "Pune 411001"), 6,
    ),
)  # fmt: skip
"""19 % and 17 % VAT, reverse charge, export, zero rate, 10 % VAT, CGST with SGST, IGST; 0, 2 and 3 decimals."""

ZONES = tuple(dict.fromkeys(market.time_zone for market in MARKETS))

STEMS = (
    "Alder", "Arven", "Aster", "Balken", "Birke", "Blauwal", "Brandt", "Calder", "Cedar", "Corvid", "Dachs",
    "Delmar", "Dovra", "Eider", "Elmen", "Ember", "Fjell", "Flint", "Fuchs", "Garn", "Gletsch", "Greif", "Hafen",
    "Hasel", "Heron", "Holm", "Ibex", "Iller", "Ivar", "Jade", "Juno", "Kestel", "Kiefer", "Korall", "Larch",
    "Linden", "Lumen", "Lynx", "Marlow", "Mistral", "Moorland", "Nebel", "Nimbus", "Nordal", "Oder", "Olm", "Orkan",
    "Otter", "Pappel", "Pelagia", "Quarz", "Quill", "Rabe", "Redwood", "Rimor", "Salbei", "Sable", "Sorrel",
    "Talis", "Tarn", "Terra", "Ufer", "Ulmen", "Vela", "Verdan", "Wacholder", "Weir", "Wolken", "Yarrow", "Zander",
    "Zephyr",
)  # fmt: skip
TRADES = (
    "Analytics", "Aviation", "Bakeries", "Bioscience", "Books", "Cartography", "Ceramics", "Commerce",
    "Diagnostics", "Energy", "Farming", "Films", "Foods", "Freight", "Games", "Geodata", "Glassworks", "Health",
    "Housing", "Insurance", "Labs", "Lighting", "Logistics", "Marine", "Media", "Metals", "Mobility", "Optics",
    "Payments", "Pharma", "Photonics", "Printing", "Rail", "Robotics", "Seeds", "Semiconductors", "Software",
    "Studios", "Systems", "Textiles", "Tools", "Travel", "Water", "Windpower", "Workshops", "Yachts",
)  # fmt: skip
STREETS = ("Harbour Road", "Mill Lane", "Station Street", "Garden Row", "Market Square", "Foundry Way", "Canal Side")
PROJECTS = ("production", "staging", "research", "analytics", "development", "web-shop", "data-platform", "archive")
SHOWCASE_PROJECTS = 3
CREDIT_LIMITS = {"EUR": 5_000, "USD": 5_000, "KRW": 8_000_000, "KWD": 1_500, "INR": 500_000}


@dataclass(frozen=True)
class Account:
    """A customer: who it is, where it is billed, how much of the world's usage is its own."""

    number: int
    billing_account_id: str
    legal_name: str
    domain: str
    market: Market
    draw: int  # what chance gave it; every choice about it comes from here
    series_count: int  # how many hourly series it has, beside the showcase's own
    parent_account_id: str | None = None

    @property
    def address(self) -> str:
        """Its postal address."""
        cities = self.market.cities
        street = STREETS[self.draw // 7 % len(STREETS)]
        return f"{street} {1 + self.draw % 97}, {cities[self.draw // 13 % len(cities)]}, {self.market.jurisdiction}"

    @cached_property
    def project_count(self) -> int:
        """At most eight, and not more than its usage fills."""
        if self.number == SHOWCASE:
            return SHOWCASE_PROJECTS
        return min(1 + self.draw // 1009 % len(PROJECTS), max(1, self.series_count // 2))

    @property
    def project_prefix(self) -> str:
        """The first part of its projects' ids."""
        return f"proj-{self.billing_account_id.removeprefix('acct-')}-"

    def project_id(self, number: int) -> str:
        """The id of one of its projects, numbered from 1."""
        return f"{self.project_prefix}{number}"

    @property
    def boundary(self) -> str | None:
        """What changes for it inside the month, if anything does."""
        if self.number % BOUNDARY_EVERY != 7:
            return None
        return BOUNDARIES[self.number // BOUNDARY_EVERY % len(BOUNDARIES)]


def account_id(number: int, accounts: int) -> str:
    """The id of an account.

    >>> account_id(1, 200), account_id(12, 15_000)
    ('acct-0001', 'acct-00012')
    """
    return f"acct-{number:0{max(4, len(str(accounts + 1)))}}"


def company(number: int, seed: int) -> str:
    """The name of a company without its legal form; different for every number.

    >>> company(2, 1) != company(3, 1), len({company(number, 1) for number in range(5000)})
    (True, 5000)
    """
    names = len(STEMS) * len(TRADES)
    place = (number * 1583 + hash64(f"{seed}:names")) % names  # 1583 and the number of names share no factor
    series = "" if number < names else f" {1 + number // names}"
    return f"{STEMS[place % len(STEMS)]} {TRADES[place // len(STEMS)]}{series}"


def zipf_shares(total: int, members: int) -> list[int]:
    """Divide a total among members whose sizes fall like 1 ÷ rank^0.8; each gets one while there is enough.

    >>> zipf_shares(20, 5), zipf_shares(2, 3)
    ([7, 4, 3, 3, 3], [1, 1, 0])
    """
    first_round = [1 if rank <= total else 0 for rank in range(1, members + 1)]
    left = total - sum(first_round)
    exact = Context(prec=24)  # not a float: its power differs between machines
    weights = [exact.power(Decimal(rank), Decimal("-0.8")) for rank in range(1, members + 1)]
    whole = sum(weights, Decimal(0))
    shares = [exact.divide(exact.multiply(weight, Decimal(left)), whole) for weight in weights]
    floors = [int(share) for share in shares]
    by_fraction = sorted(range(members), key=lambda place: (floors[place] - shares[place], place))
    extra = set(by_fraction[: left - sum(floors)])
    return [
        first + floor + (place in extra) for place, (first, floor) in enumerate(zip(first_round, floors, strict=True))
    ]


def market_of(number: int, draw: int) -> Market:
    """The market of a customer; the first few go round all of them, so that the smallest world has each."""
    if number <= len(MARKETS):
        return MARKETS[number - 1]
    place = draw // 64 % 100
    for market in MARKETS:
        if place < market.share:
            return market
        place -= market.share
    raise ValueError("the shares of the markets add up to less than 100")


def customers(accounts: int, series: int, seed: int, *, half_to_one: bool = False) -> list[Account]:
    """The accounts of a world and how many series each has; the first is the showcase.

    Every fifteenth belongs to the group of the account before it and shares its domain.
    """
    half = series // 2 if half_to_one and accounts > LEAST_ACCOUNTS else 0
    shares = [0, *([half] if half else []), *zipf_shares(series - half, accounts - (2 if half else 1))]
    made: list[Account] = []
    for number, series_count in enumerate(shares, start=1):
        draw = hash64(f"{seed}:account:{number}")
        parent = made[-1] if number % 15 == 14 else None
        name = "Halden Robotics" if number == SHOWCASE else company(number, seed)
        market = market_of(number, draw)
        made.append(
            Account(
                number,
                account_id(number, accounts),
                f"{name} {market.legal_form}",
                parent.domain if parent else f"{name.lower().replace(' ', '-')}.example",
                market,
                draw,
                series_count,
                parent.billing_account_id if parent else None,
            )
        )
    return made


def account_rows(accounts: Sequence[Account], month: Month) -> Iterator[dict[str, object]]:
    """The rows of billing_accounts."""
    for account in accounts:
        market = account.market
        yield {
            "billing_account_id": account.billing_account_id,
            "seller_id": market.seller_id,
            "legal_name": account.legal_name,
            "address": account.address,
            "domain": account.domain,
            "parent_account_id": account.parent_account_id,
            "billing_currency": market.billing_currency,
            "time_zone": market.time_zone,
            "jurisdiction": market.jurisdiction,
            "region": market.region,
            "tax_status": market.tax_status,
            "payment_terms_days": (14, 30, 30, 45)[account.draw // 3 % 4],
            "is_main_in_domain": account.parent_account_id is None,
            "credit_limit": CREDIT_LIMITS[market.billing_currency] if account.number % 4 == 1 else None,
            "valid_from": month.since,
            "valid_until": None,
        }


def closed_account_row(accounts: Sequence[Account], month: Month) -> dict[str, object]:
    """A customer that left at the end of the month before, and whose machines still report."""
    row = next(account_rows(accounts[:1], month))
    number = len(accounts) + 1
    return {
        **row,
        "billing_account_id": account_id(number, len(accounts)),
        "legal_name": "Sturmvogel Charter GmbH",
        "domain": "sturmvogel-charter.example",
        "valid_until": month.day_before,
    }


def moving_projects(accounts: Sequence[Account]) -> dict[int, Account]:
    """The accounts whose first project moves inside the month, and the receiver: the next in the same time zone."""
    moves: dict[int, Account] = {}
    for account in accounts:
        if account.boundary == "project":
            later = [*accounts[account.number :], *accounts[1 : account.number - 1]]
            near = [other for other in later if other.market.time_zone == account.market.time_zone]
            if near:
                moves[account.number] = near[0]
    return moves


def project_rows(accounts: Sequence[Account], month: Month) -> Iterator[dict[str, object]]:
    """The rows of sub_accounts; a project that moves has two."""
    moving = moving_projects(accounts)
    moves_at = month.instant(MOVE_HOUR)
    for account in accounts:
        for number in range(1, account.project_count + 1):
            row: dict[str, object] = {
                "sub_account_id": account.project_id(number),
                "billing_account_id": account.billing_account_id,
                "name": PROJECTS[number - 1],
                "valid_from": month.since,
                "valid_until": None,
            }
            if number == 1 and account.number in moving:
                yield {**row, "valid_until": moves_at}
                receiver = moving[account.number].billing_account_id
                yield {**row, "billing_account_id": receiver, "valid_from": moves_at}
            else:
                yield row


def seller_rows(month: Month) -> Iterator[dict[str, object]]:
    """Three sellers in three jurisdictions."""
    for jurisdiction, legal_name, address, tax_id, year_start, prefix in (
        ("DE", "Nordwolke Cloud GmbH", "Speicherstrasse 8, 20457 Hamburg, DE", "DE812345678", "01-01", "NW"),
        ("KR", "Nordwolke Korea Co., Ltd.", "Teheran-ro 152, Seoul 06236, KR", "214-88-01234", "01-01", "NK"),
        ("IN", "Nordwolke India Pvt. Ltd.", "MG Road 41, Bengaluru 560001, IN", "29AAACN1234F1Z5", "04-01", "NI"),
    ):
        yield {
            "seller_id": f"nordwolke-{jurisdiction.lower()}",
            "legal_name": legal_name,
            "address": address,
            "tax_ids": [tax_id],
            "jurisdiction": jurisdiction,
            "accounting_year_start": year_start,
            "invoice_number_pattern": f"{prefix}-{{year}}-{{sequence:06}}",
            "credit_note_number_pattern": f"{prefix}C-{{year}}-{{sequence:05}}",
            "valid_from": month.since,
            "valid_until": None,
        }


def tax_rows(month: Month) -> Iterator[dict[str, object]]:
    """The rates of every market, the same for services and software."""
    for seller, buyer, region, status, component, rate, code, reason in (
        ("DE", "DE", None, "business", "VAT", "0.19", "S", None),
        ("DE", "LU", None, "consumer", "VAT", "0.17", "S", None),
        ("DE", "LU", None, "reverse_charge", "VAT", "0", "AE", "Reverse charge: Article 196 of Directive 2006/112/EC"),
        ("DE", "US", None, "export", "VAT", "0", "G", "Export outside the EU"),
        ("DE", "KW", None, "export", "VAT", "0", "Z", None),
        ("KR", "KR", None, "business", "VAT", "0.10", "S", None),
        ("IN", "IN", "KA", "business", "CGST", "0.09", "S", None),
        ("IN", "IN", "KA", "business", "SGST", "0.09", "S", None),
        ("IN", "IN", None, "business", "IGST", "0.18", "S", None),
    ):
        for category in ("digital_services", "software"):
            yield {
                "seller_jurisdiction": seller,
                "account_jurisdiction": buyer,
                "account_region": region,
                "tax_status": status,
                "tax_category": category,
                "component": component,
                "rate": rate,
                "code": code,
                "exemption_reason": reason,
                "valid_from": month.since,
                "valid_until": None,
            }
