"""The SQL texts that lie beside these modules."""

from importlib.resources import files


def query(name: str) -> str:
    """The text of `flows/landing/<name>.sql`."""
    return files("flows.landing").joinpath(f"{name}.sql").read_text(encoding="utf-8")
