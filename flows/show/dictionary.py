"""What can be asked of the published database: every table and view, with one line each."""

import schemas
from flows.lake.named_queries import queries


def relations() -> list[tuple[str, str, str]]:
    """Name, kind and sentence; the views people read first, then tables."""
    views = {query.name for query in queries("views")}
    told = {name: schema.sentences()[0] for name, schema in (schemas.TABLES | schemas.VIEWS).items()}
    return [
        *((name, "view", told[name]) for name in sorted(told.keys() & views)),
        *((name, "table", told[name]) for name in sorted(told.keys() - views)),
    ]
