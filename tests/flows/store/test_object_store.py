"""What an object store does that a folder does not: answers that are lost, copies, leases, secrets."""

import hashlib
import os
import subprocess
import sys
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="obstore is not installed: it comes with the extra s3")

from flows.lake import bucket, copies, object_store, writers
from flows.lake.addresses import in_object_store, reference_beside, spelled, store_at
from flows.lake.audit import verify
from flows.lake.errors import FileChanged, LakeError, StoreFailed
from flows.lake.journal import HeadMoved, Lake
from flows.lake.object_store import ObjectStore
from flows.lake.views import connect
from tests.flows.lake.books import frame, rows
from tests.flows.store.s3 import KEY, SECRET, Server

pytestmark = pytest.mark.xdist_group("s3")

ADDRESS = "s3://books/eu/lake"
RECORD = "journal/000000000001.json"
HOLD = rows(
    """
    billing_account_id | reason_code
    acme               | R_NO_PRICE
    """
)


@pytest.fixture
def store(s3: Server) -> ObjectStore:
    return ObjectStore(ADDRESS)


@pytest.fixture
def lake(s3: Server) -> Lake:
    return Lake.create(ADDRESS, buckets=4)


def committed(lake: Lake, run_id: str = "r1") -> str:
    """Commit one small file and tell its path."""
    entry = lake.write_table("holds", frame("holds", HOLD), run_id=run_id)
    lake.commit(lake.head(), run_id=run_id, command="bill", inputs={}, added=[entry])
    return entry.path


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lake:
    """The lake as another machine sees it, which has no copies."""
    monkeypatch.setenv("BILLFOLD_CACHE", str(tmp_path / "another machine"))
    return Lake.open(ADDRESS)


def puts(s3: Server, name: str) -> int:
    """How many puts of an object the store was asked for since it was last looked."""
    return s3.requests().count(("PUT", f"/books/eu/lake/{name}"))


# --- answers that are lost ---


@pytest.mark.parametrize("how", ["lost", "cut"])
def test_a_put_whose_answer_was_lost_is_known_as_ours(store: ObjectStore, s3: Server, how: str) -> None:
    store.hold()
    s3.requests()
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": how})
    assert store.put_if_absent(RECORD, b"mine")
    assert puts(s3, RECORD) == 2, "the library tried again, and was told that the name is taken"


@pytest.mark.parametrize("how", ["lost", "cut"])
def test_so_is_one_that_was_not_tried_again(
    store: ObjectStore, s3: Server, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 0)
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": how})
    assert store.put_if_absent(RECORD, b"mine")
    assert not store.put_if_absent(RECORD, b"mine"), "and the next one, of the same bytes, as another's"


def test_a_store_without_metadata_is_judged_by_the_bytes(
    store: ObjectStore, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket.Bucket, "maker", lambda self, name: bucket.Bucket.read(self, name) and None)
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": "lost"})
    assert store.put_if_absent(RECORD, b"mine")
    assert not store.put_if_absent(RECORD, b"other")


def test_a_conflict_that_comes_to_nothing_is_no_loss(store: ObjectStore, s3: Server) -> None:
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": "409", "times": 2})
    assert store.put_if_absent(RECORD, b"mine")


def test_conflicts_without_end_are_refused(store: ObjectStore, s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "WAITS", (0.0, 0.0))
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": "409", "times": 99})
    with pytest.raises(StoreFailed, match="somebody else is writing it"):
        store.put_if_absent(RECORD, b"mine")


def test_a_commit_whose_answer_is_lost_is_made_once_and_the_run_is_told(lake: Lake, s3: Server) -> None:
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": "lost"})
    committed(lake)
    assert [commit.run_id for commit in Lake.open(ADDRESS).commits()] == ["genesis", "r1"]
    assert verify(lake) == []


def test_two_runs_of_the_same_make_one_commit_and_the_second_is_told_that_the_head_moved(lake: Lake) -> None:
    other, head = Lake.open(ADDRESS), lake.head()
    lake.commit(head, run_id="r1", command="bill", inputs={}, added=[])
    with pytest.raises(HeadMoved):  # the record has the same bytes, and still another made it
        other.commit(head, run_id="r1", command="bill", inputs={}, added=[])


@pytest.mark.parametrize(
    ("how", "said"), [("503", "the store answered 503"), ("still", "the store did not answer in time")]
)
def test_a_commit_that_fails_is_refused_and_a_plain_run_after_it_finishes(
    lake: Lake, s3: Server, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setattr(bucket, "STILL_SECONDS", 1)
    writer = Lake.open(ADDRESS)
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": how, "times": 2})
    with pytest.raises(StoreFailed, match=said):
        committed(writer)
    assert Lake.open(ADDRESS).head().number == 0
    s3.goes_wrong()
    committed(writer)
    assert verify(lake) == []
    assert lake.store.names("holds") == [entry.path for entry in lake.snapshot().files("holds")]


def test_where_nobody_can_tell_whether_a_commit_was_made_the_message_says_so_and_the_next_run_finds_it(
    lake: Lake, s3: Server
) -> None:
    s3.goes_wrong(
        {"method": "PUT", "path": RECORD, "how": "lost", "times": 2},
        {"method": "GET", "path": RECORD, "how": "503", "times": 9},
    )
    with pytest.raises(StoreFailed, match="whether it was written before that is not known"):
        committed(lake)
    s3.goes_wrong()
    made = Lake.open(ADDRESS).find_run("r1")
    assert made is not None
    assert made.number == 1


class Died(BaseException):
    """The process ends here."""


def test_dead_at_each_request_and_run_again_the_lake_is_as_if_nothing_had_happened(s3: Server, tmp_path: Path) -> None:
    undisturbed = Lake.create(tmp_path / "folder", buckets=4)
    committed(undisturbed)
    asked = bucket.Bucket._ask
    for turn in range(99):
        address = f"s3://books/{turn}"
        Lake.create(address, buckets=4).close()
        left = turn

        def mortal(self: bucket.Bucket, name: str, request: object, address: str = address) -> object:
            nonlocal left
            if self.address != address:  # a store of the turn before, which ends when Python finds the time
                return asked(self, name, request)  # type: ignore[arg-type]
            if left == 0:
                raise Died
            left -= 1
            return asked(self, name, request)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(bucket.Bucket, "_ask", mortal)
            patched.setattr(writers, "_end", lambda *_: None)
            try:
                committed(Lake.open(address))
                finished = True
            except Died:
                finished = False
        again = Lake.open(address)
        if not again.find_run("r1"):
            committed(again)
        assert again.commits() == undisturbed.commits()
        assert again.store.names("holds") == undisturbed.store.names("holds")
        assert verify(again) == []
        if finished:
            break
    assert turn > 8, "the run makes more requests than that; are they still watched?"


def test_a_store_that_does_not_know_the_condition_holds_no_lake(s3: Server) -> None:
    s3.goes_wrong({"method": "PUT", "path": "", "how": "careless", "times": 99})
    with pytest.raises(LakeError, match=r"cannot hold a lake: the store writes over an object where it should refuse"):
        Lake.create(ADDRESS)
    assert store_at(ADDRESS).names("") == []


# --- copies ---


def test_reading_puts_nothing_so_who_may_only_read_and_list_can_ask_the_books(
    lake: Lake, s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    committed(lake)
    lake.close()
    reader = elsewhere(monkeypatch, tmp_path)
    s3.requests()
    assert reader.snapshot().read("holds").height == 1
    assert verify(reader) == []
    with connect(reader) as connection:
        assert connection.sql("select reason_code from holds").fetchall() == [("R_NO_PRICE",)]
    assert {method for method, _ in s3.requests()} == {"GET", "HEAD"}


def test_a_file_is_fetched_once_and_what_this_machine_wrote_never(
    lake: Lake, s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = committed(lake)
    s3.requests()
    assert lake.snapshot().read("holds").height == 1
    assert ("GET", f"/books/eu/lake/{path}") not in s3.requests()
    other = elsewhere(monkeypatch, tmp_path)
    for _ in range(2):
        assert other.snapshot().read("holds").height == 1
    assert s3.requests().count(("GET", f"/books/eu/lake/{path}")) == 1


def test_bytes_that_are_not_what_a_commit_says_are_never_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = committed(lake)
    flipped = bytearray(lake.store.open(path).read())
    flipped[len(flipped) // 2] ^= 1
    lake.store.put(path, bytes(flipped))
    with pytest.raises(FileChanged, match=f"{path} was changed: sha256 .* run: billfold audit --verify"):
        elsewhere(monkeypatch, tmp_path).snapshot().read("holds")
    assert not [left for left in (tmp_path / "another machine").rglob("*") if left.suffix in (".parquet", ".part")]


def test_verify_reads_the_store_and_no_copy(lake: Lake) -> None:
    path = committed(lake)
    lake.store.put(path, b"x" * lake.store.size(path))
    assert lake.snapshot().read("holds").height == 1, "the copy of this machine still is what was committed"
    (fault,) = verify(lake)
    assert fault.startswith(f"{path} of commit 1 was changed")


def test_copies_are_bounded_and_those_used_last_stay(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {f"a/{number}.parquet": bytes([number]) * 1000 for number in range(4)}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    first, other = ObjectStore(ADDRESS), ObjectStore(ADDRESS)
    for name, content in contents.items():
        first.put(name, content)
    first.fetch(digests)
    for age, (name, digest) in enumerate(digests.items()):
        os.utime(first.local(name, digest), (1000 + age, 1000 + age))
    root = first.root / "copies"
    (root / "a" / "dead.part").write_bytes(b"half")
    monkeypatch.setenv(copies.MOST, "2500")
    asked = {"a/3.parquet": digests["a/3.parquet"]}
    other.fetch(asked)
    assert len([*root.glob("a/*.parquet")]) == 4, "while one process reads them, no other takes any away"
    del first, other
    ObjectStore(ADDRESS).fetch(asked)
    left = sorted(path.name.split(".")[0] for path in root.glob("a/*.parquet"))
    assert left == ["2", "3"], "of 4 x 1,000 bytes two fit into 2,500, and 0 and 1 were used longest ago"
    assert not [*root.rglob("*.part")]


def test_nobody_else_looks_into_the_folder_of_copies(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert store.root.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 4242)
    os.chown(store.root, 4241, -1)
    with pytest.raises(LakeError, match="belongs to another user"):
        ObjectStore(ADDRESS)


def test_stores_of_one_name_at_two_endpoints_share_no_folder(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert ObjectStore(ADDRESS).root != store.root


# --- large files ---


def test_a_large_file_goes_in_parts_and_is_still_created_or_refused(
    store: ObjectStore, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "WHOLE", 2**20)
    monkeypatch.setattr(bucket, "PART", 5 * 2**20)
    content = os.urandom(2**20) * 12
    digest = hashlib.sha256(content).hexdigest()
    first, second = store.staging("1"), store.staging("2")
    first.write_bytes(content)
    second.write_bytes(b"x" * len(content))
    s3.requests()
    assert store.adopt(first, "usage_records/1.parquet", digest)
    assert len([path for method, path in s3.requests() if method == "PUT" and "uploads" in path]) == 3
    assert not store.adopt(second, "usage_records/1.parquet")
    assert store.digest("usage_records/1.parquet") == (len(content), digest)
    assert store.local("usage_records/1.parquet", digest).read_bytes() == content
    assert second.exists()


def test_uploads_of_dead_runs_go_with_the_sweep(store: ObjectStore) -> None:
    store.put(f"{object_store.UPLOADS}/dead", b"parts")
    with store.alone() as is_alone:
        assert is_alone
    assert not store.exists(f"{object_store.UPLOADS}/dead")


# --- who writes ---


def test_the_lease_of_a_killed_writer_counts_until_it_is_old(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(f"{writers.LEASES}/killed", b"writing")
    with store.alone() as is_alone:
        assert not is_alone
    monkeypatch.setattr(writers, "LEASE", timedelta(0))
    with store.alone() as is_alone:
        assert is_alone
    assert not store.exists(f"{writers.LEASES}/killed")


def test_a_writer_waits_for_a_sweep_and_two_sweeps_give_way(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            store._bucket.delete(f"{writers.SWEEPS}/other")

    monkeypatch.setattr(writers.time, "sleep", sleep)
    store.put(f"{writers.SWEEPS}/other", b"sweeping")
    with store.alone() as is_alone:
        assert not is_alone
    store.hold()
    assert len(slept) == 3


def test_a_writer_that_waits_too_long_says_why_and_leaves_no_lease(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "WAIT_SECONDS", 1)
    store.put(f"{writers.SWEEPS}/other", b"sweeping")
    for _ in range(2):
        with pytest.raises(StoreFailed, match="is removing what dead runs left"):
            store.hold()
    assert not store._bucket.times(writers.LEASES)


def test_a_sweep_keeps_what_is_young_and_ends_in_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = lake.write_table("holds", frame("holds", HOLD), run_id="dead")
    monkeypatch.setattr(writers, "YOUNG", timedelta(hours=1))
    assert lake.sweep() == []
    monkeypatch.setattr(writers, "YOUNG", timedelta(seconds=-2))  # the store tells times in whole seconds
    monkeypatch.setattr(writers, "SWEEP", timedelta(seconds=-1))  # its mark is old before it begins
    assert lake.sweep() == []
    monkeypatch.setattr(writers, "SWEEP", timedelta(minutes=2))
    assert lake.sweep() == [orphan.path]


# --- secrets, and what is missing ---


def test_no_message_holds_what_a_store_repeats_of_the_credentials(store: ObjectStore, s3: Server) -> None:
    s3.goes_wrong({"method": "PUT", "path": RECORD, "how": "403"})
    with pytest.raises(StoreFailed, match="SignatureDoesNotMatch") as refused:
        store.put(RECORD, b"x")
    told = "".join(traceback.format_exception(refused.value))
    assert "AWS_PROFILE" in told
    for secret in (KEY, SECRET, "Signature=", "Credential="):
        assert secret not in told
        assert secret not in repr(store.__getstate__()) + repr(store) + repr(Lake)


def test_a_store_where_nobody_listens_is_said_to_be_out_of_reach(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreFailed, match="the store cannot be reached; when the store answers again"):
        Lake.open(ADDRESS)


def test_a_bucket_that_is_not_there_is_named(s3: Server) -> None:
    with pytest.raises(StoreFailed, match="s3://nobodys/lake: there is no such bucket"):
        Lake.create("s3://nobodys/lake")


def test_without_credentials_the_message_says_which_to_set(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(LakeError, match="there are no credentials; set AWS_ACCESS_KEY_ID"):
        Lake.open(ADDRESS)
    monkeypatch.setenv("AWS_PROFILE", "unheard-of")
    with pytest.raises(LakeError, match=r"ProfileNotFound; see AWS_PROFILE"):
        Lake.open(ADDRESS)


def test_credentials_and_endpoint_may_lie_in_awss_files(
    s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys, config = tmp_path / "credentials", tmp_path / "config"
    keys.write_text(f"[books]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    config.write_text(f"[profile books]\nregion = eu-central-1\nendpoint_url = {s3.url}\n")
    for name in s3.environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "books")
    made = Lake.create(ADDRESS, buckets=2)
    assert Lake.open(ADDRESS).head() == made.head()


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['obstore'] = None; from flows import cli; sys.exit(cli.main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", blocked, "show", "invoices", "--lake", ADDRESS],
        capture_output=True,
        text=True,
        env=os.environ | {"BILLFOLD_CACHE": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        check=False,
    )
    assert ran.returncode == 1
    assert "needs obstore, which is not installed: pip install 'billfold[s3]'" in ran.stderr
    assert "Traceback" not in ran.stderr


# --- names ---


@pytest.mark.parametrize(
    "name",
    [
        "s3://",
        "s3://a",
        "s3://Books/x",
        "s3://key:secret@books/x",
        "s3://books/../x",
        "s3://books/a//b",
        "s3://books/x?y=1",
    ],
)
def test_what_is_no_name_of_a_store_is_refused_and_nothing_of_it_repeated(name: str) -> None:
    with pytest.raises(LakeError, match="is named s3://bucket/prefix") as refused:
        store_at(name)
    assert "secret" not in str(refused.value)


def test_other_schemes_are_refused() -> None:
    for name in ("gs://books/eu", "https://books/eu", Path("az://books/eu")):
        with pytest.raises(LakeError, match=r"a lake lies in a folder or in s3://bucket/prefix, not in \w+://"):
            store_at(name)


def test_a_store_is_named_by_a_text_or_by_a_path_and_its_reference_is_of_the_caller(tmp_path: Path) -> None:
    assert spelled(Path("s3://books/eu/")) == spelled("s3://books/eu") == "s3://books/eu"
    assert in_object_store("s3://books")
    assert not in_object_store(tmp_path / "s3:lake")
    assert reference_beside("s3://books/eu") == Path.cwd() / "reference"
    assert reference_beside(tmp_path / "lake") == tmp_path / "reference"
