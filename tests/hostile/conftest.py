from collections.abc import Iterator

import pytest

from flows.landing import reader
from tests.flows.ingest.places import inbox, lake

__all__ = ["bad_reader", "inbox", "lake"]


@pytest.fixture(scope="module")
def bad_reader() -> Iterator[None]:
    """Readers with a source that misbehaves, for one module; they start in half a second."""
    with pytest.MonkeyPatch.context() as patch:
        reader._Readers.stop()
        patch.setattr(reader, "PROGRAM", "tests.hostile.bad_reader")
        yield
        reader._Readers.stop()
