"""What is asked of every month that a test leaves."""

from collections.abc import Iterator

import pytest

from tests.flows.billing.test_reversed_payments import Audited


@pytest.fixture(autouse=True)
def _audited_whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """The books that a test leaves hold, where they are `Audited`."""
    yield
    for found in request.node.funcargs.values():
        if isinstance(found, Audited):
            found.hold()
