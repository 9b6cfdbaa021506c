"""The same arguments give the same bytes, whatever writes them."""

import hashlib
from pathlib import Path

import pytest

from flows.sample import sample


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_arguments_give_the_same_bytes_on_one_thread_and_on_two(tmp_path: Path):
    sample(tmp_path / "one", accounts=90, rows=12_000, threads=1)
    sample(tmp_path / "two", accounts=90, rows=12_000, threads=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_world_written_over_itself_is_the_same_world(folder: Path):
    sample(folder, accounts=20, rows=3_000)
    first = digests(folder)
    sample(folder, accounts=20, rows=3_000)
    assert digests(folder) == first


def test_another_world_in_the_same_folder_leaves_nothing_of_the_first(folder: Path):
    sample(folder, accounts=20, rows=3_000, period="2026-09")
    world = sample(folder, accounts=20, rows=3_000)
    assert sorted(folder.rglob("*.parquet")) == sorted(path for path in world.usage_files if path.suffix == ".parquet")


def test_a_folder_of_somebody_is_left_alone(folder: Path):
    folder.mkdir()
    (folder / "README.md").write_text("# My notes\n")
    with pytest.raises(FileExistsError, match="not a sample world; name an empty folder"):
        sample(folder, accounts=20, rows=3_000)
    assert (folder / "README.md").read_text() == "# My notes\n"


def test_another_seed_is_another_world(tmp_path: Path):
    sample(tmp_path / "one", accounts=20, rows=3_000, seed=1)
    sample(tmp_path / "two", accounts=20, rows=3_000, seed=2)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert {name for name in one if name.startswith("usage/") and one[name] == two[name]} == set()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"accounts": 1}, "at least 2 accounts, not 1"),
        ({"rows": 999}, "1,000 to 1,000,000,000 rows, not 999"),
        ({"meters": "some"}, "meters are sum or all, not 'some'"),
        ({"period": "October"}, "is not a month"),
    ],
)
def test_an_impossible_world_is_refused_before_anything_is_written(folder: Path, arguments: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        sample(folder, **arguments)
    assert not folder.exists()
