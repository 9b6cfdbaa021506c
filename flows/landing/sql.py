"""The SQL texts that lie beside these modules."""

from importlib.resources import files

from flows.printable import NOT_PRINTABLE


def query(name: str) -> str:
    """The text of `flows/landing/<name>.sql`."""
    return files("flows.landing").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def grammar() -> str:
    """The macros of untrusted text, and `has_control`: whether a text holds what no id does."""
    return f"create macro has_control(t) as regexp_matches(t, '{NOT_PRINTABLE}');\n{query('grammar')}"
