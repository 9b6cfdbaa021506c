"""What a Prefect server does when a run fails: the automations that `make deploy` registers, and the flow they start.

A run that failed, crashed, timed out, is late, or met a bill that waits for approval starts `failure-notice`, which
needs no account: it leaves a page in Prefect, and a line in `failures.log` beside Prefect's database for whatever
watches files. Who also wants a message makes a notification block called `billfold-alerts` (Slack, e-mail, a web hook:
a form of Prefect's pages) and registers again: the server itself then sends it, also when no worker runs.

A run whose process is gone without a word is marked as crashed, so that it holds up no other one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.orchestrated.shown import page
from flows.scheduled_runs import prefect_home
from flows.show.texts import markdown_cell, visible

BLOCK = "billfold-alerts"
TAG = "billfold"
"""Of every deployment but the notice's own, which tells of no notice that failed."""

NOTICE = "failure-notice"
LOG = "failures.log"
TOLD_OF = ("Failed", "Crashed", "TimedOut", "Held")
LATE_AT_MOST_EVERY = timedelta(hours=1)
"""A server that comes back after a day has many late runs, and one reason."""

ENDED = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut", "Held")
GONE = "its process sent no heartbeat any more; run it again, or leave it to the next run"
HEARTBEATS = timedelta(minutes=9)
"""Three heartbeats of a run: after so long without one its process is gone."""

BODY = "{{ flow.name }}/{{ flow_run.name }} is {{ flow_run.state.name }}: {{ flow_run.state.message }}"


@flow(name=NOTICE, persist_result=False)
def failure_notice(flow_run_id: str, what: str, state: str, message: str = "") -> str:
    """Tell of a run that failed, crashed, timed out or is late: a page in Prefect, and a line in failures.log.

    Args:
        flow_run_id: The run.
        what: Its flow and name.
        state: What became of it.
        message: What it said.
    """
    at = datetime.now(UTC)
    line = f"{at:%Y-%m-%dT%H:%M:%SZ} {visible(state)} {visible(what)} {flow_run_id} {visible(message)}".rstrip()
    with (prefect_home() / LOG).open("a", encoding="utf-8") as log:
        log.write(line + "\n")
    cells = [markdown_cell(text) for text in (what, state, message, flow_run_id)]
    rows = "\n".join(f"| {name} | {cell} |" for name, cell in zip(("run", "state", "said", "id"), cells, strict=True))
    page(
        "billfold-failure", f"# {cells[0]}: {cells[1]}\n\n| what | value |\n| --- | --- |\n{rows}", "A run that failed"
    )
    return line


def register(client: SyncPrefectClient) -> list[str]:
    """Make the automations, or bring those that are there to what they should be; gives their names."""
    actions = _tell(client)
    failed = _told("billfold: a run failed", TOLD_OF, timedelta(0), actions)
    late = _told("billfold: runs are late", ("Late",), LATE_AT_MOST_EVERY, actions)
    wanted = [failed, late, _crashed()]
    for automation in wanted:
        known = client.read_automations_by_name(automation.name)
        if known:
            client.update_automation(known[0].id, automation)
        else:
            client.create_automation(automation)
    return [automation.name for automation in wanted]


def _tell(client: SyncPrefectClient) -> list[Any]:
    """What is done about it: the notice, and a message where somebody made a block for it."""
    notice = client.read_deployment_by_name(f"{NOTICE}/{NOTICE}")
    actions: list[Any] = [
        RunDeployment(source="selected", deployment_id=notice.id, parameters=_parameters(), job_variables=None)
    ]
    block = _block(client)
    if block is not None:
        actions.append(SendNotification(block_document_id=block, subject="billfold: a run needs a look", body=BODY))
    return actions


def _told(name: str, states: Sequence[str], at_most_every: timedelta, actions: list[Any]) -> AutomationCore:
    """Whoever is to know is told when a run gets into one of these states."""
    return AutomationCore(
        name=name,
        description=f"Starts {NOTICE}; sends to the notification block {BLOCK} if there is one when it is registered.",
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in states},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=_of_billfold(),
            posture=Posture.Reactive,
            threshold=1,
            within=at_most_every,
        ),
        actions=actions,
    )


def _crashed() -> AutomationCore:
    """A run that began and then said nothing more has crashed."""
    ended = {f"prefect.flow-run.{state}" for state in ENDED}
    return AutomationCore(
        name="billfold: a run whose process is gone has crashed",
        description="Marks it as crashed, so that the next run may begin; that one finishes what it left.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat"} | ended,
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=_of_billfold(),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=HEARTBEATS,
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=GONE, force=False)],
    )


def _of_billfold() -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"})


def _parameters() -> dict[str, Any]:
    templates = {
        "flow_run_id": "{{ flow_run.id }}",
        "what": "{{ flow.name }}/{{ flow_run.name }}",
        "state": "{{ flow_run.state.name }}",
        "message": "{{ flow_run.state.message }}",
    }
    return {name: {"__prefect_kind": "jinja", "template": text} for name, text in templates.items()}


def _block(client: SyncPrefectClient) -> UUID | None:
    """The notification block that somebody made, of whatever type."""
    return next((one.id for one in client.read_block_documents(limit=200) if one.name == BLOCK), None)
