"""The questions that pages ask, a SQL file each, in folders of this package."""

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def text_of(folder: str, name: str) -> str:
    """The SQL of a question.

    >>> text_of("charge", "prices").splitlines()[0]
    "-- prices: the dated rows of a charge's price"
    """
    return (resources.files("flows.show") / folder / f"{name}.sql").read_text(encoding="utf-8")


def answers(
    connection: "duckdb.DuckDBPyConnection", folder: str, name: str, **variables: str | None
) -> list[dict[str, Any]]:
    """The rows that answer a question; it reads the variables by `getvariable`."""
    for variable, value in variables.items():
        connection.execute(f"set variable {variable} = $1::varchar", [value])
    return connection.sql(text_of(folder, name)).pl().to_dicts()
