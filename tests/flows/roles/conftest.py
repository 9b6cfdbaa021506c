"""The books of three organizations as drafts, issued, and paid; and exports of the last, each made once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import schemas
from flows.lake.views import connect
from tests.flows.roles.organizations import Organizations

Rows = dict[str, pl.DataFrame]


@pytest.fixture(scope="session")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Organizations:
    return Organizations(tmp_path_factory.mktemp("drafts")).october()


@pytest.fixture(scope="session")
def issued(drafts: Organizations, tmp_path_factory: pytest.TempPathFactory) -> Organizations:
    return drafts.copied(tmp_path_factory.mktemp("issued")).issued()


@pytest.fixture(scope="session")
def books(issued: Organizations, tmp_path_factory: pytest.TempPathFactory) -> Organizations:
    return issued.copied(tmp_path_factory.mktemp("paid")).paid()


@pytest.fixture(scope="session")
def exported(books: Organizations) -> Callable[[str], Path]:
    """The folder of a principal's export."""

    @cache
    def folder_of(principal: str) -> Path:
        return books.export(principal).folder

    return folder_of


@pytest.fixture(scope="session")
def every_row(books: Organizations) -> Rows:
    """Each table and view as the lake shows it."""
    with connect(books.lake) as connection:
        return {name: connection.sql(f"from {name}").pl() for name in schemas.TABLES | schemas.VIEWS}
