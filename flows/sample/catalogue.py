"""What the sample cloud sells: services, SKUs, list prices and tiers, the same for every seed.

The core comes first, so that the smallest world has every service; the rest fills the catalogue up to 400 SKUs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any

from rating.hashing import hash64

MOST_SKUS = 400
LEAST_SKUS = 60

MILLION = 1_000_000

METERS: Mapping[str, Mapping[str, int]] = {
    "sum": {"sum": 100},
    "all": {"sum": 65, "time_weighted": 15, "max": 5, "last": 5, "count": 5, "unique": 5},
}
"""How often a SKU has a meter, by the choice of meters: the weights of each choice add up to 100."""

CURRENCY_FACTORS: Mapping[str, Decimal] = {
    "EUR": Decimal(1),
    "USD": Decimal("1.08"),
    "KRW": Decimal(1620),
    "KWD": Decimal("0.334"),
    "INR": Decimal(97),
}
"""Each currency has a price book of its own; a price is the euro price by this factor, to three digits."""

REGION_FACTORS: Mapping[str, Decimal] = {"us-east-1": Decimal("0.92"), "ap-seoul-1": Decimal("1.12")}
"""Where a regional SKU has a price row of its own."""

REGIONS = ("eu-berlin-1", "eu-luxembourg-1", "us-east-1", "ap-seoul-1", "ap-mumbai-1")


@dataclass(frozen=True)
class Tier:
    """Euro price of a unit up to and including a quantity; None is the open last tier."""

    up_to: str | None
    price: str


@dataclass(frozen=True)
class Sku:
    """One thing to buy, and how much of it a resource uses in an hour.

    A resource uses a base of `least + step × (0 … choices - 1)`; each hour adds `variation × base` up to 1,008 times by
    chance, and `daily × base` up to 1,000 times by the hour of the day.
    """

    sku_id: str
    description: str
    service: str
    feature: str
    unit: str
    price: str
    least: str = "1"
    step: str = "0"
    choices: int = 1
    variation: str = "0"
    daily: str = "0"
    per_quantity: int = 1
    tiers: tuple[Tier, ...] = ()
    tags: tuple[str, ...] = ()
    tax_category: str = "digital_services"
    resource: str | None = "vm"  # the first part of a resource's id; a SKU that no resource uses has none
    is_regional: bool = True
    weight: int = 2

    @property
    def price_model(self) -> str:
        """How quantity becomes cost."""
        return "graduated" if self.tiers else "unit"


SERVICES: Mapping[str, str] = {
    "Compute": "Compute",
    "GPU Compute": "Compute",
    "Block Storage": "Storage",
    "Object Storage": "Storage",
    "Network": "Networking",
    "Managed Databases": "Databases",
    "Kubernetes": "Compute",
    "AI Models": "AI and Machine Learning",
    "Serverless": "Compute",
    "Observability": "Management and Governance",
    "Security": "Security",
    "Marketplace": "Marketplace",
}
"""Services and their FOCUS category."""

SIZES = {"small": 1, "medium": 2, "large": 4, "xlarge": 8, "2xlarge": 16, "4xlarge": 32, "8xlarge": 64, "12xlarge": 96}

EGRESS_TIERS = (Tier("100", "0"), Tier("10240", "0.081"), Tier("51200", "0.065"), Tier(None, "0.048"))
OBJECT_TIERS = (Tier("37230000", "0.0000315"), Tier("372300000", "0.0000301"), Tier(None, "0.0000288"))
CDN_TIERS = (Tier("10240", "0.042"), Tier("153600", "0.031"), Tier(None, "0.022"))
FUNCTION_TIERS = (Tier("1000000", "0"), Tier(None, "0.0000002"))


def _machine(family: str, letter: str, generation: int, size: str, euro_per_core: str, weight: int = 2) -> Sku:
    cores = SIZES[size]
    newer = 1 + Decimal(generation) / 50
    return Sku(
        f"vm-{letter}{generation}-{size}",
        f"{family} machine {letter}{generation}.{size}, {cores} vCPU",
        "Compute",
        "virtual-machines",
        "hour",
        str(Decimal(euro_per_core) * cores * newer),
        choices=2,
        step="1",
        weight=weight,
    )


def _database(engine: str, size: str, weight: int = 2) -> Sku:
    return Sku(
        f"db-{engine.lower().replace(' ', '-')}-{size}",
        f"Managed {engine} {size}, {SIZES[size]} vCPU",
        "Managed Databases",
        "instances",
        "hour",
        str(Decimal("0.0465") * SIZES[size]),
        resource="db",
        weight=weight,
    )


def _gpu(model: str, count: int, euro: str, weight: int = 2) -> Sku:
    return Sku(
        f"gpu-{model.lower()}-{count}",
        f"GPU machine with {count} × {model}",
        "GPU Compute",
        "accelerators",
        "hour",
        str(Decimal(euro) * count),
        resource="gpu",
        weight=weight,
    )


def _tokens(model: str, kind: str, euro_per_million: str, weight: int = 2) -> Sku:
    return Sku(
        f"llm-{model.lower().replace(' ', '-')}-{kind}",
        f"{model}, {kind} tokens",
        "AI Models",
        "inference",
        "token",
        euro_per_million,
        least="40000",
        step="5000",
        choices=120,
        variation="0.001",
        daily="0.002",
        per_quantity=MILLION,
        resource=None,
        is_regional=False,
        weight=weight,
    )


def _flow(
    sku_id: str, description: str, service: str, unit: str, price: str, least: str, step: str, **more: Any
) -> Sku:
    """Something that flows: much by day, little by night."""
    flowing = Sku(
        sku_id, description, service, "traffic", unit, price, least, step, choices=90, variation="0.001", daily="0.002"
    )
    return replace(flowing, **more)


def _stored(sku_id: str, description: str, service: str, price: str, step: str, **more: Any) -> Sku:
    """Something that lies there: gigabytes, counted each hour."""
    lying = Sku(sku_id, description, service, "capacity", "GB-hour", price, step, step, choices=60, resource="vol")
    return replace(lying, **more)


def _hourly(
    sku_id: str, description: str, service: str, feature: str, price: str, resource: str, weight: int = 2
) -> Sku:
    return Sku(sku_id, description, service, feature, "hour", price, resource=resource, weight=weight)


def _image(slug: str, description: str, price: str) -> Sku:
    return Sku(
        f"os-{slug}",
        f"{description}, per vCPU",
        "Compute",
        "licences",
        "vCPU-hour",
        price,
        least="2",
        step="2",
        choices=8,
        tags=("os_image",),
        tax_category="software",
    )


def _marketplace(slug: str, description: str, price: str) -> Sku:
    return Sku(
        f"mp-{slug}",
        description,
        "Marketplace",
        "images",
        "hour",
        price,
        tags=("marketplace",),
        tax_category="software",
        weight=1,
    )


def _core() -> Iterator[Sku]:
    """One SKU of every shape, the busy ones: what every world sells."""
    yield _machine("General purpose", "g", 3, "large", "0.0452", weight=40)
    yield _machine("General purpose", "g", 3, "medium", "0.0452", weight=40)
    yield _machine("Compute optimised", "c", 3, "xlarge", "0.0398", weight=20)
    yield _machine("Memory optimised", "m", 3, "2xlarge", "0.0589", weight=12)
    yield _machine("Burstable", "b", 2, "small", "0.0203", weight=25)
    yield _gpu("L40S", 1, "1.15", weight=8)
    yield _gpu("H100", 8, "2.89", weight=2)
    yield _stored("disk-ssd", "Block storage SSD", "Block Storage", "0.000117", "20", weight=40)
    yield _stored("disk-nvme", "Block storage NVMe", "Block Storage", "0.000178", "50", weight=15)
    yield _stored("disk-snapshot", "Snapshots", "Block Storage", "0.0000545", "10.5", weight=15)
    standard = {"tiers": OBJECT_TIERS, "resource": "bucket", "is_regional": False}
    yield _stored("object-standard", "Object storage, standard", "Object Storage", "0", "125.25", **standard, weight=20)
    yield _flow(
        "object-requests-write",
        "Object storage, write requests",
        "Object Storage",
        "request",
        "4.9",
        "1000",
        "1000",
        per_quantity=MILLION,
        resource="bucket",
    )
    yield _flow(
        "object-requests-read",
        "Object storage, read requests",
        "Object Storage",
        "request",
        "0.41",
        "20000",
        "4000",
        per_quantity=MILLION,
        resource="bucket",
        weight=8,
    )
    egress = {"tiers": EGRESS_TIERS, "resource": "gw", "is_regional": False}
    yield _flow("net-egress", "Traffic to the internet", "Network", "GB", "0", "0.125", "0.31", **egress, weight=25)
    yield _flow("net-inter-region", "Traffic between regions", "Network", "GB", "0.018", "0.05", "0.2", resource="gw")
    yield _hourly("net-load-balancer", "Load balancer", "Network", "load-balancing", "0.0251", "lb", weight=12)
    yield _hourly("net-ipv4", "Public IPv4 address", "Network", "addresses", "0.0042", "ip", weight=20)
    yield _hourly("net-nat", "NAT gateway", "Network", "gateways", "0.0425", "nat", weight=5)
    yield _database("PostgreSQL", "large", weight=12)
    yield _database("MySQL", "medium", weight=8)
    yield _stored("db-storage", "Managed database storage", "Managed Databases", "0.000162", "25", resource="db")
    yield _hourly("k8s-control-plane", "Kubernetes control plane", "Kubernetes", "clusters", "0.092", "k8s", weight=8)
    yield _tokens("Kestrel 70B", "input", "0.42", weight=6)
    yield _tokens("Kestrel 70B", "output", "1.65", weight=6)
    yield _flow(
        "fn-requests",
        "Function calls",
        "Serverless",
        "request",
        "0",
        "2000",
        "1000",
        tiers=FUNCTION_TIERS,
        resource="fn",
        is_regional=False,
        weight=5,
    )
    yield _flow("fn-memory", "Function memory", "Serverless", "GB-second", "0.0000152", "300", "50", resource="fn")
    yield _flow(
        "logs-ingested", "Logs taken in", "Observability", "GB", "0.31", "0.011", "0.045", resource="log", weight=6
    )
    yield _hourly("kms-key", "Encryption key", "Security", "keys", "0.0013", "key")
    yield _image("windows-server", "Windows Server licence", "0.0408")
    yield _image("enterprise-linux", "Enterprise Linux licence", "0.0142")
    yield _marketplace("firewall", "Halberd virtual firewall", "0.385")
    yield _marketplace("backup-manager", "Larder backup manager", "0.118")


def _rest() -> Iterator[Sku]:
    """Everything else on the price list."""
    families = {
        "General purpose": ("g", "0.0452"),
        "Compute optimised": ("c", "0.0398"),
        "Memory optimised": ("m", "0.0589"),
        "Storage optimised": ("d", "0.0674"),
        "Arm": ("a", "0.0361"),
        "Burstable": ("b", "0.0203"),
    }
    for family, (letter, price) in families.items():
        for generation in range(1, 6):
            for size in SIZES:
                yield _machine(family, letter, generation, size, price)
    gpus = {
        "L4": "0.71",
        "L40S": "1.15",
        "A100": "1.98",
        "H100": "2.89",
        "H200": "3.65",
        "B200": "5.40",
        "MI300X": "2.45",
    }
    for model, price in gpus.items():
        for count in (1, 2, 4, 8):
            yield _gpu(model, count, price)
    for engine in ("PostgreSQL", "MySQL", "MariaDB", "Valkey", "OpenSearch", "Event Stream", "Time Series"):
        for size in SIZES:
            yield _database(engine, size)
    models = {
        "Kestrel 8B": "0.06",
        "Kestrel 70B": "0.42",
        "Kestrel 400B": "1.90",
        "Marlin 24B": "0.18",
        "Marlin Code": "0.33",
        "Marlin 8B": "0.08",
        "Heron Vision": "0.55",
        "Heron Audio": "0.36",
        "Aster Embed": "0.02",
        "Aster Rerank": "0.05",
    }
    for model, price in models.items():
        for kind, factor in {"input": "1", "output": "4", "cached": "0.25"}.items():
            yield _tokens(model, kind, str(Decimal(price) * Decimal(factor)))
    yield _stored("disk-hdd", "Block storage HDD", "Block Storage", "0.0000549", "100")
    yield _stored("disk-backup", "Disk backups", "Block Storage", "0.0000411", "40")
    yield _stored("file-shared", "Shared file storage", "Block Storage", "0.000219", "30", resource="fs")
    yield _stored("object-cool", "Object storage, cool", "Object Storage", "0.0000137", "300.5", resource="bucket")
    yield _stored("object-archive", "Object storage, archive", "Object Storage", "0.0000027", "800", resource="bucket")
    yield _flow(
        "cdn-traffic",
        "Content delivery traffic",
        "Network",
        "GB",
        "0",
        "1.5",
        "2.2",
        tiers=CDN_TIERS,
        is_regional=False,
    )
    yield _hourly("net-vpn", "VPN connection", "Network", "gateways", "0.0461", "vpn")
    yield _hourly("net-direct-line", "Direct line 10 Gbit/s", "Network", "lines", "1.92", "line")
    yield _hourly("net-firewall", "Web application firewall", "Network", "firewalls", "0.00685", "waf")
    yield _hourly("dns-zone", "DNS zone", "Network", "dns", "0.00062", "zone")
    yield _hourly(
        "k8s-control-plane-ha", "Kubernetes control plane, three zones", "Kubernetes", "clusters", "0.245", "k8s"
    )
    yield _flow(
        "metrics-samples", "Metric samples", "Observability", "sample", "0.11", "60000", "9000", per_quantity=MILLION
    )
    yield _flow("traces-spans", "Trace spans", "Observability", "span", "0.74", "3000", "1000", per_quantity=MILLION)
    yield _hourly("hsm-slot", "Hardware security module slot", "Security", "keys", "1.27", "hsm")
    yield _hourly("secret", "Stored secret", "Security", "secrets", "0.00056", "secret")
    for slug, (name, price) in {
        "windows-desktop": ("Windows desktop licence", "0.0195"),
        "enterprise-linux-sap": ("Enterprise Linux for SAP licence", "0.0217"),
        "sql-standard": ("SQL database standard licence", "0.107"),
        "sql-enterprise": ("SQL database enterprise licence", "0.411"),
    }.items():
        yield _image(slug, name, price)
    for slug, (name, price) in {
        "mail-gateway": ("Courier mail gateway", "0.092"),
        "shop": ("Marketstall web shop", "0.064"),
        "wiki": ("Inkwell team wiki", "0.038"),
        "crm": ("Ledgerline customer desk", "0.142"),
        "ci-runner": ("Anvil build runner", "0.075"),
        "gis": ("Meridian map server", "0.216"),
        "vpn-appliance": ("Tunnelwright VPN appliance", "0.129"),
        "scanner": ("Lantern security scanner", "0.187"),
    }.items():
        yield _marketplace(slug, name, price)


def skus(accounts: int) -> list[Sku]:
    """The catalogue of a world with so many accounts: 400 SKUs, fewer in a small world; the core is always in it.

    >>> len(skus(200)), len(skus(5)), len({sku.service for sku in skus(5)}) == len(SERVICES)
    (400, 60, True)
    """
    count = min(MOST_SKUS, max(LEAST_SKUS, 2 * accounts))
    core = list(_core())
    known = {sku.sku_id for sku in core}
    rest = [sku for sku in _rest() if sku.sku_id not in known]
    mixed = sorted(rest, key=lambda sku: hash64(sku.sku_id))  # so that any first part of it has something of everything
    return [*core, *mixed][:count]


def meter(sku: Sku, meters: str) -> str:
    """The meter of a SKU, drawn by the weights of the choice.

    >>> meter(skus(5)[0], "sum")
    'sum'
    """
    draw = hash64(f"meter:{sku.sku_id}") % 100
    for name, weight in METERS[meters].items():
        if draw < weight:
            return name
        draw -= weight
    raise ValueError(f"the weights of meters {meters!r} add up to less than 100")


def readable(price: Decimal) -> str:
    """A price to three digits, as a price list would print it.

    >>> readable(Decimal("0.0452") * 1620), readable(Decimal(0))
    ('73.2', '0')
    """
    return f"{Context(prec=3).create_decimal(price).normalize():f}"


def price_rows(catalogue: Iterable[Sku], since: str) -> Iterator[dict[str, object]]:
    """The price books: a row per SKU and currency, and one more for each region that has its own price."""
    for sku in catalogue:
        for currency, factor in CURRENCY_FACTORS.items():
            price_id = f"{sku.sku_id}-{currency.lower()}"
            yield price_row(price_id, sku, currency, Decimal(sku.price) * factor, since)
            if sku.is_regional and not sku.tiers and hash64(sku.sku_id) % 5 == 0:
                for region, region_factor in REGION_FACTORS.items():
                    price = Decimal(sku.price) * factor * region_factor
                    yield price_row(f"{price_id}-{region}", sku, currency, price, since, region_id=region)


def price_row(
    price_id: str, sku: Sku, currency: str, price: Decimal, since: str, **more: str | None
) -> dict[str, object]:
    """One row of sku_prices; a graduated price has its prices in price_tiers."""
    return {
        "sku_price_id": price_id,
        "sku_id": sku.sku_id,
        "region_id": None,
        "billing_account_id": None,
        "billing_currency": currency,
        "price_model": sku.price_model,
        "list_unit_price": None if sku.tiers else readable(price),
        "per_quantity": sku.per_quantity,
        "tier_scope": "account",
        "free_quantity": 0,
        "valid_from": since,
        "valid_until": None,
        **more,
    }


def tier_rows(catalogue: Iterable[Sku]) -> Iterator[dict[str, object]]:
    """The tiers of every graduated price, in each currency."""
    for sku in catalogue:
        for currency, factor in CURRENCY_FACTORS.items():
            for tier in sku.tiers:
                yield {
                    "sku_price_id": f"{sku.sku_id}-{currency.lower()}",
                    "up_to": tier.up_to,
                    "unit_price": readable(Decimal(tier.price) * factor),
                    "flat_fee": 0,
                }


def sku_rows(catalogue: Iterable[Sku], since: str, meters: str) -> Iterator[dict[str, object]]:
    """The catalogue as rows of skus."""
    for sku in catalogue:
        yield {
            "sku_id": sku.sku_id,
            "description": sku.description,
            "service": sku.service,
            "service_category": SERVICES[sku.service],
            "feature": sku.feature,
            "pricing_unit": sku.unit,
            "meter": meter(sku, meters),
            "tax_category": sku.tax_category,
            "allows_corrections": False,
            "tags": list(sku.tags),
            "valid_from": since,
            "valid_until": None,
        }
