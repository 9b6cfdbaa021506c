"""What can be asked of the published database: every table and view, with one line each."""

import schemas
from flows.lake.views import queries


def relations() -> list[tuple[str, str, str]]:
    """Name, kind and sentence; the views people read first, then tables."""
    views = {query.name: query.sentence for query in queries("views") if not query.name.startswith("internal.")}
    stored = {name: _sentence(table) for name, table in schemas.TABLES.items() if name not in views}
    return [
        *((name, "view", sentence) for name, sentence in sorted(views.items())),
        *((name, "table", sentence) for name, sentence in sorted(stored.items())),
    ]


def _sentence(table: type[schemas.Table]) -> str:
    return (table.__doc__ or "").strip().splitlines()[0]
