"""The flows under Prefect's embedded server: the same commits as without it, tasks by name, a page about each run."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows import orchestrated
from flows.bill_period import bill_period
from flows.ingest_usage import IngestResult, ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import load_reference
from flows.run import Refusal, Run
from flows.sample import SampleWorld, sample

pytestmark = pytest.mark.xdist_group("prefect")

GROUPS = 4


@dataclass(frozen=True)
class Month:
    """A month, run twice: by the plain functions and by the flows."""

    world: SampleWorld
    plain: Lake
    watched: Lake
    landed: IngestResult
    decided: Run
    billed: Run
    issued: Run


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Every flow once, in the order of the work, on one embedded server."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PREFECT_API_URL", raising=False)
        folder = tmp_path_factory.mktemp("month")
        world = sample(folder / "world", accounts=6, rows=3_000)
        plain, watched = Lake.create(folder / "plain"), Lake.create(folder / "watched")
        _by_functions(world, plain)
        at, reference = world.received_at, world.reference_folder
        yield Month(
            world,
            plain,
            watched,
            orchestrated.ingest(watched, reference, list(world.usage_files), None, at, False, "operator"),
            orchestrated.operations(watched, reference, [world.operations_file], at, "operator"),
            orchestrated.bill(watched, reference, world.period, None, GROUPS),
            orchestrated.issue(watched, reference, world.period, world.issue_date, "operator", at, None),
        )


def _by_functions(world: SampleWorld, lake: Lake) -> None:
    reference, at = load_reference(world.reference_folder), world.received_at
    ingest_usage(lake, reference, list(world.usage_files), received_at=at)
    land_operations(lake, reference, [world.operations_file], received_at=at)
    bill_period(lake, reference, period=world.period, groups=GROUPS)
    issue_invoices(lake, reference, period=world.period, issue_date=world.issue_date, actor="operator", received_at=at)


def client() -> Any:
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def artifacts(key: str) -> list[Any]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with client() as server:
        found: list[Any] = server.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return found


def task_names(flow_name: str) -> set[str]:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    with client() as server:
        found = server.read_task_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])))
    return {run.name for run in found}


def test_every_commit_is_the_one_that_the_plain_functions_make(month: Month):
    assert [commit.hash for commit in month.watched.commits()] == [commit.hash for commit in month.plain.commits()]
    assert len(month.watched.commits()) == 5


def test_ingest_usage_leaves_a_page_with_rejects_by_reason(month: Month):
    assert month.landed.rejected > 0
    page = artifacts("billfold-ingest-usage")[0].data
    assert "## Rejects" in page
    assert r"R\_DUPLICATE\_CONFLICT | 6" in page
    assert month.landed.commit is not None
    assert month.landed.commit.hash in page


def test_operations_leaves_a_page_with_what_was_refused(month: Month):
    assert month.decided.exit_code == 3
    assert r"O\_FORBIDDEN | 2" in artifacts("billfold-operations")[0].data


def test_bill_period_has_a_task_per_group_of_buckets_and_ends_at_100_percent(month: Month):
    assert month.billed.exit_code == 0
    names = task_names("bill-period")
    assert {"bill buckets 00-03", "bill buckets 04-07", "bill buckets 08-11", "bill buckets 12-15"} <= names
    assert {f"plan {month.world.period}"} <= names
    assert {one.data for one in artifacts(f"billfold-bill-{month.world.period}")} == {100.0}
    page = artifacts("billfold-bill-period")[0].data
    assert "## Totals" in page
    assert "| EUR |" in page


def test_issue_invoices_numbers_the_drafts(month: Month):
    assert month.issued.report["issued"] == 6
    assert task_names("issue-invoices") >= {f"number and commit {month.world.period}"}
    assert artifacts("billfold-issue-invoices")[0].data.startswith("# Issue: committed")


def test_analysts_see_what_a_flow_committed(month: Month):
    assert (month.watched.root / "billing.duckdb").is_file()


def test_a_refusal_reaches_the_caller_as_it_was_said(month: Month):
    with pytest.raises(Refusal, match="O_ALREADY_ISSUED"):
        orchestrated.issue(
            month.watched,
            month.world.reference_folder,
            month.world.period,
            date(2026, 11, 4),
            "operator",
            datetime(2026, 11, 4, tzinfo=UTC),
            None,
        )


def test_a_month_that_is_billed_is_nothing_to_do(month: Month):
    run = orchestrated.bill(month.watched, month.world.reference_folder, month.world.period, None, GROUPS)
    assert (run.status, run.commit) == ("nothing to do", None)


def test_a_group_that_fails_once_is_tried_again_alone(month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from flows.orchestrated import runs

    lake = _unbilled(month, tmp_path)
    bill_group, failed, tried = runs.billing.bill_group, [], []

    def fails_once(plan: Any, buckets: Any) -> Any:
        tried.append(buckets)
        if not failed:
            failed.append(buckets)
            raise OSError("the network was away")
        return bill_group(plan, buckets)

    monkeypatch.setattr(runs.billing, "bill_group", fails_once)
    run = orchestrated.bill(lake, month.world.reference_folder, month.world.period, None, GROUPS)
    assert sorted(tried) == sorted([(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15), *failed])
    assert len(failed) == 1
    assert run.commit is not None
    assert month.billed.commit is not None
    assert run.commit.hash == month.billed.commit.hash


def test_when_another_run_commits_first_billing_plans_anew(
    month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from flows.orchestrated import runs

    lake = _unbilled(month, tmp_path)
    finish_bill, raced = runs.billing.finish_bill, []

    def another_first(plan: Any, results: Any) -> Any:
        if not raced:
            head = lake.head()
            raced.append(
                lake.commit(head, run_id="other", command="ingest", inputs={"reference_digest": plan.reference_digest},
                            added=plan.new_reference_files)
            )  # fmt: skip
        return finish_bill(plan, results)

    monkeypatch.setattr(runs.billing, "finish_bill", another_first)
    run = orchestrated.bill(lake, month.world.reference_folder, month.world.period, None, GROUPS)
    assert run.commit is not None
    assert [commit.command for commit in lake.commits()][-2:] == ["ingest", "bill"]


def _unbilled(month: Month, folder: Path) -> Lake:
    """The lake as it was before it was billed."""
    root = folder / "lake"
    shutil.copytree(month.plain.root, root)
    for number in (3, 4):
        (root / "journal" / f"{number:012}.json").unlink()
    (root / "journal" / "head.json").unlink(missing_ok=True)
    lake = Lake.open(root)
    lake.sweep()
    return lake
