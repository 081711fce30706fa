"""What the read models must show, told by the fold of the job: the oracle the projector is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from libs.events.event import Recorded
from libs.jobs.events import JobEvent
from libs.jobs.state import Decision, Job
from services.projector.draft import Draft
from services.projector.entry import Entry
from services.projector.model import JobRow, MessageRow, Row, StepRow


def project(
    history: Sequence[Recorded[JobEvent]], batches: Sequence[int] = ()
) -> tuple[JobRow, dict[type[Row], list[Any]]]:
    """The rows after the history, cut into batches of these sizes (the rest is one batch)."""
    rest = [Entry.of(recorded) for recorded in history]
    known: dict[str, JobRow] = {}
    added: dict[type[Row], list[Any]] = {StepRow: [], MessageRow: []}
    keyed: dict[type[Row], dict[Any, Any]] = {kind: {} for kind in Draft({}, ()).keyed}
    for size in (*batches, len(rest)):
        entries, rest = rest[:size], rest[size:]
        draft = Draft(known, ())
        for entry in entries:
            draft.add(entry)
        draft.finish()
        assert not draft.parked, draft.parked
        known |= draft.jobs
        added[StepRow] += draft.steps
        added[MessageRow] += draft.messages
        for kind, found in draft.keyed.items():
            keyed[kind] |= found
    (job,) = known.values()
    return job, added | {kind: sorted(rows.values()) for kind, rows in keyed.items()}


def shown(job: Job) -> dict[str, Any]:
    """The columns of `jobs` that follow from the fold."""
    return {
        "id": str(job.stream.id),
        "owner_id": str(job.stream.owner),
        "kind": job.kind,
        "initial_prompt": job.prompt,
        "prompt": job.prompt,
        "talks": job.talks,
        "request": text_of(job.request),
        "approvals": text_of(job.approvals),
        "requirements_summary": job.requirements_summary,
        "status": job.status.value,
        "error_code": job.error.code if job.error else None,
        "error_message": job.error.message if job.error else None,
        "failed_step": job.failed_step,
        "result": bytes(job.result).decode(),
        "version": job.version,
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
        "attempt": job.attempt.number if job.attempt else None,
        "worker": job.attempt.worker if job.attempt else None,
        "attempts": job.attempts,
        "parent_id": str(job.parent) if job.parent else None,
        "children_open": len(job.children_open),
    }


def runnable(job: Job) -> str | None:
    """The service that has something to do, told by the fold."""
    if job.status.ended:
        return None
    if job.status.value == "collecting":
        return "agents" if job.unanswered else None
    if job.attempt is not None or not job.waits or any(job.wait_over(wait) for wait in job.waits):
        return "runner"
    return None


def steps(job: Job) -> list[tuple[Any, ...]]:
    return [
        (str(step.id), step.name, step.order, step.agent, step.message, _usage(step.usage), step.created_at.isoformat())
        for step in job.steps.values()
    ]


def messages(job: Job) -> list[tuple[Any, ...]]:
    return [
        (str(each.id), each.role, each.sender, each.content, text_of(each.metadata), each.created_at.isoformat())
        for each in job.messages
    ]


def open_approvals(job: Job) -> set[tuple[str, int, str]]:
    return {(each.name, each.version, each.summary) for each in job.asked.values() if each.decision is Decision.OPEN}


def open_timers(job: Job) -> set[tuple[str, str]]:
    """Those that may still fire: a wait that got its signal is not waited for any more."""
    return {
        (name, timer.due.isoformat())
        for name, timer in job.timers.items()
        if not timer.fired and not (name.startswith("signal-") and job.signals[name.removeprefix("signal-")].received)
    }


def text_of(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _usage(usage: Any) -> str | None:
    return None if usage is None else text_of(usage)
