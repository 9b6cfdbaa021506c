"""What every place of a lake promises: a folder, and an object store."""

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.lake.addresses import store_at
from flows.lake.store import Store

NAME = "charges/billing_period=2026-10/r1-00+a:b.parquet"
CONTENT = b"PAR1 rows PAR1"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(place: str) -> Store:
    return store_at(place)


def staged(store: Store, content: bytes = CONTENT) -> Path:
    """A file of a run, not yet in the lake."""
    path = store.staging("r1.parquet")
    path.write_bytes(content)
    return path


def test_an_object_is_written_once_and_reads_back(store: Store) -> None:
    assert store.put_if_absent(NAME, CONTENT)
    assert not store.put_if_absent(NAME, b"other")
    assert not store.put_if_absent(NAME, CONTENT), "the same bytes are no excuse: somebody else wrote them"
    with store.open(NAME) as file:
        assert file.read() == CONTENT
    assert store.exists(NAME)
    assert store.size(NAME) == len(CONTENT)
    assert store.digest(NAME) == (len(CONTENT), SHA256)
    assert store.local(NAME).read_bytes() == store.local(NAME, SHA256).read_bytes() == CONTENT


def test_of_many_that_write_one_name_at_once_one_is_told_so_and_its_bytes_are_there(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda number: store.put_if_absent("journal/1.json", str(number).encode()), range(8)))
    assert sum(told) == 1
    with store.open("journal/1.json") as file:
        assert file.read() == str(told.index(True)).encode()


def test_a_staged_file_is_taken_under_a_free_name_only(store: Store) -> None:
    first, second = staged(store), staged(store, b"other")
    assert store.adopt(first, NAME, SHA256)
    assert not first.exists()
    assert not store.adopt(second, NAME, hashlib.sha256(b"other").hexdigest())
    assert second.read_bytes() == b"other", "where the name is taken the staged file stays"
    assert store.digest(NAME) == (len(CONTENT), SHA256)
    assert store.staged_files() == [second]


def test_what_is_put_or_replaced_is_there_whole(store: Store) -> None:
    store.put("journal/head.json", b"1")
    store.put("journal/head.json", b"22")
    assert store.digest("journal/head.json")[0] == 2
    path = staged(store, b"333")
    store.replace(path, "journal/head.json")
    assert store.digest("journal/head.json")[0] == 3
    assert not path.exists()
    assert store.local("journal/head.json").read_bytes() == b"333"
    store.put("journal/head.json", b"4444")
    assert store.local("journal/head.json").read_bytes() == b"4444"


def test_names_are_those_below_a_folder_in_order_and_staged_files_are_none(store: Store) -> None:
    for name in ("b/2", "b/1", "b/c/3", "bb/4", "a"):
        store.put(name, b"x")
    staged(store)
    assert store.names("b") == ["b/1", "b/2", "b/c/3"]
    assert store.names("") == ["a", "b/1", "b/2", "b/c/3", "bb/4"]
    assert store.names("none") == []


def test_what_is_not_there_is_said_to_be_missing(store: Store) -> None:
    store.put("there", b"yes")
    assert not store.exists(NAME)
    for ask in (store.size, store.open, store.digest):
        with pytest.raises(FileNotFoundError):
            ask(NAME)
    assert store.sizes([NAME, "there"]) == {"there": 3}
    assert list(store.contents([NAME, "there", "nor this"])) == [None, b"yes", None]
    assert store.remove(NAME), "what is not there is gone"


def test_an_object_that_is_removed_is_gone(store: Store) -> None:
    store.put(NAME, CONTENT)
    assert store.remove(NAME)
    assert not store.exists(NAME)
    assert store.put_if_absent(NAME, b"anew")


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", ""])
def test_no_name_leads_out_of_the_lake(store: Store, name: str) -> None:
    for use in (store.local, store.open, lambda name: store.put(name, b""), store.exists, store.location):
        with pytest.raises(ValueError, match="is not a name inside the lake"):
            use(name)


def test_several_objects_are_where_engines_read_them(store: Store) -> None:
    contents = {f"charges/{number}.parquet": str(number).encode() for number in range(20)}
    for name, content in contents.items():
        store.put(name, content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    store.fetch(digests)
    assert {name: store.local(name, digests[name]).read_bytes() for name in contents} == contents


def test_a_place_is_handed_on_by_its_address_and_both_see_the_same(store: Store, place: str) -> None:
    store.put(NAME, CONTENT)
    assert store.address == place
    assert store.location(NAME) == f"{place}/{NAME}"
    for other in (pickle.loads(pickle.dumps(store)), store_at(store.address), store_at(Path(store.address))):
        assert other.address == store.address
        assert other.digest(NAME) == store.digest(NAME)


def test_nobody_is_alone_while_another_writes(store: Store) -> None:
    other = store_at(store.address)
    other.hold()
    with store.alone() as is_alone:
        assert not is_alone
    other.release()
    with store.alone() as is_alone:
        assert is_alone


def test_who_is_gone_writes_no_more(store: Store) -> None:
    other = store_at(store.address)
    other.hold()
    del other
    with store.alone() as is_alone:
        assert is_alone


def test_the_folder_of_this_machine_is_a_place_for_what_only_it_needs(store: Store) -> None:
    assert store.here.root == store.root
    assert store.staging("x").is_relative_to(store.root)
    with store.in_turn(0) as is_mine:
        assert is_mine
        store.here.put("billing.duckdb", b"views")
    assert store.here.local("billing.duckdb").read_bytes() == b"views"
