"""The four examples, each walked once per worker; a test that changes books walks its own."""

import pytest

from tests.systems.told import Told, told


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The cloud portal's world."""
    return told("portal", tmp_path_factory.mktemp("portal") / "world")


@pytest.fixture(scope="session")
def gcore(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Gcore's world."""
    return told("gcore", tmp_path_factory.mktemp("gcore") / "world")


@pytest.fixture(scope="session")
def waldur(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Waldur's world."""
    return told("waldur", tmp_path_factory.mktemp("waldur") / "world")


@pytest.fixture(scope="session")
def kakaocloud(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """KakaoCloud's world."""
    return told("kakaocloud", tmp_path_factory.mktemp("kakaocloud") / "world")
