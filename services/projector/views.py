"""What each event makes of the read models. Pure: no I/O, no clock; the same history makes the same rows, however it is cut into batches.

It agrees with the fold of `libs.jobs.evolve`, which judges what a job is; tests/services/projector/test_views.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, assert_never

import msgspec
from msgspec.structs import replace

from libs.jobs.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AppStored,
    ArtifactStored,
    AttemptSuspended,
    ChildEnded,
    ChildStarted,
    CommandRefused,
    JobCancelled,
    JobCompleted,
    JobCreated,
    JobEvent,
    JobFailed,
    JobQueued,
    JobRetried,
    JobStarted,
    MapCompleted,
    MapStarted,
    ProgressReported,
    ReplyFailed,
    ReplyPosted,
    ReplyStarted,
    RequirementsSummarized,
    SignalAwaited,
    SignalReceived,
    StepFailed,
    StepRecorded,
    TimerFired,
    TimerSet,
    Usage,
    UserMessagePosted,
)
from libs.jobs.state import Decision, Status
from services.projector.entry import Entry
from services.projector.model import (
    ApprovalRow,
    AppRow,
    ArtifactRow,
    Fold,
    JobRow,
    MessageRow,
    Reply,
    Row,
    StepRow,
    TimerRow,
)

__all__ = ["Change", "Inconsistent", "change", "created"]

_encode = msgspec.json.Encoder().encode


class Inconsistent(ValueError):
    """The event does not follow from what the log held before it."""


class Change(NamedTuple):
    """Columns of the job's row with their new values, and rows of the other tables."""

    job: dict[str, Any]
    rows: Sequence[Row] = ()


NOTHING = Change({})


def created(entry: Entry, event: JobEvent) -> JobRow:
    """The row that a job's first event makes. Raises `Inconsistent` where it cannot be the first."""
    if not isinstance(event, JobCreated) or entry.version != 1:
        raise Inconsistent(
            f"a job's history begins with job_created, version 1, not with {entry.type}, {entry.version}"
        )
    return JobRow(
        id=entry.aggregate_id,
        owner_id=entry.owner_id,
        kind=event.kind,
        initial_prompt=event.prompt,
        prompt=event.prompt,
        talks=event.talks,
        request=_json(event.request),
        approvals=_json(event.approvals),
        status=(Status.COLLECTING if event.talks else Status.QUEUED).value,
        version=entry.version,
        sequence=entry.sequence,
        created_at=entry.time,
        updated_at=entry.time,
        parent_id=None if event.parent is None else str(event.parent),
        fold=Fold(since=entry.time),
    )


def change(job: JobRow, entry: Entry, event: JobEvent) -> Change:
    """What one more event changes. Raises `Inconsistent` where it does not follow the job's last one."""
    if entry.version != job.version + 1:
        raise Inconsistent(f"version {entry.version} follows version {job.version}")
    fold, now = job.fold, entry.time
    match event:
        case StepRecorded():  # first, since most events are steps
            return Change(_spent(job, event.usage), (_step(job, entry, event),))
        case JobCreated():
            raise Inconsistent("the job was created before")
        case JobQueued():
            return Change({"status": "queued", "fold": replace(fold, since=now)})
        case JobStarted():
            started = {"status": "running", "attempt": event.attempt, "worker": event.worker, "attempts": event.attempt}
            return Change(started | {"fold": replace(fold, since=now, waits=())})
        case AttemptSuspended():
            status = "awaiting_approval" if fold.approvals else job.status
            return Change(_RELEASED | {"status": status, "fold": replace(fold, since=now, waits=event.waits)})
        case JobCompleted():
            done = {"status": "done", "result": bytes(event.result).decode()}
            return Change(done | _RELEASED | {"fold": replace(fold, since=now, waits=())})
        case JobFailed():
            failed = {
                "status": "failed",
                "error_code": event.error.code,
                "error_message": event.error.message,
                "failed_step": event.step,
            }
            return Change(failed | _RELEASED | {"fold": replace(fold, since=now, waits=(), reply=None)})
        case JobCancelled():
            return Change(
                {"status": "cancelled"} | _RELEASED | {"fold": replace(fold, since=now, waits=(), reply=None)}
            )
        case JobRetried():
            status = "collecting" if event.resumes == "conversation" else "queued"
            return Change({"status": status} | _NO_ERROR | {"fold": replace(fold, since=now)})
        case CommandRefused() | StepFailed() | MapStarted() | MapCompleted() | ProgressReported():
            return NOTHING
        case ChildStarted():
            return _children(fold, {**fold.children, event.name: (str(event.child_id), now)})
        case ChildEnded():
            return _children(fold, _without(fold.children, event.name))
        case UserMessagePosted():
            since = fold.since if fold.unanswered else now
            turns = (*fold.unanswered, str(event.message_id))
            return Change({"fold": replace(fold, since=since, unanswered=turns)}, (_user_message(job, entry, event),))
        case ReplyStarted():
            reply = Reply(str(event.turn_id), event.attempt, event.worker)
            return Change({"fold": replace(fold, reply=reply)})
        case ReplyPosted():
            answered = str(event.turn_id)
            turns = tuple(turn for turn in fold.unanswered if turn != answered)
            after = replace(fold, since=now, unanswered=turns, reply=None)
            return Change({"fold": after} | _spent(job, event.usage), (_reply(job, entry, event),))
        case ReplyFailed():
            return Change({"fold": replace(fold, reply=None)})
        case RequirementsSummarized():
            return Change({"requirements_summary": event.summary, "fold": replace(fold, since=now, unanswered=())})
        case ApprovalRequested():
            asked = ApprovalRow(
                job.id, entry.version, job.owner_id, entry.id, event.name, event.summary, Decision.OPEN.value, "", now
            )
            after = replace(fold, since=now, approvals={**fold.approvals, event.name: asked})
            return Change({"status": "awaiting_approval", "fold": after}, (asked,))
        case ApprovalGranted():
            after = replace(fold, since=now, approvals=_without(fold.approvals, event.name))
            working = "queued" if job.attempt is None else "running"
            status = "awaiting_approval" if after.approvals else working
            return Change({"status": status, "fold": after}, _decided(fold, event, Decision.GRANTED, now))
        case ApprovalRejected():
            after = replace(fold, approvals=_without(fold.approvals, event.name))
            return Change({"fold": after}, _decided(fold, event, Decision.REJECTED, now))
        case SignalAwaited():
            after = replace(fold, signals={**fold.signals, event.name: now})
            if event.due is None:
                return Change({"fold": after})
            return _timer_set(job, after, f"signal-{event.name}", event.due.isoformat(), now)
        case SignalReceived():
            after = replace(fold, signals=_without(fold.signals, event.name))
            return _timer_over(after, f"signal-{event.name}", fired_at=None)
        case TimerSet():
            return _timer_set(job, fold, event.name, event.due.isoformat(), now)
        case TimerFired():
            after = replace(fold, signals=_without(fold.signals, event.name.removeprefix("signal-")))
            return _timer_over(after if event.name.startswith("signal-") else fold, event.name, fired_at=now)
        case ArtifactStored():
            stored = (event.media_type, event.size, event.digest, event.object)
            return Change({}, (ArtifactRow(job.id, event.name, job.owner_id, *stored, entry.version, now),))
        case AppStored():
            since = fold.app_created_at or now
            app = AppRow(job.id, str(event.app_id), job.owner_id, _json(event.spec), entry.version, since, now)
            return Change({"fold": replace(fold, app_created_at=since)}, (app,))
        case _:
            assert_never(event)


_RELEASED: dict[str, Any] = {"attempt": None, "worker": None}
_NO_ERROR: dict[str, Any] = {"error_code": None, "error_message": None, "failed_step": None}


def _json(value: Any) -> str:
    return _encode(value).decode()


def _without(entries: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in entries.items() if each != name}


def _spent(job: JobRow, usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    return {
        "prompt_tokens": job.prompt_tokens + usage.prompt_tokens,
        "completion_tokens": job.completion_tokens + usage.completion_tokens,
    }


def _children(fold: Fold, still_open: dict[str, tuple[str, str]]) -> Change:
    return Change({"children_open": len(still_open), "fold": replace(fold, children=still_open)})


def _user_message(job: JobRow, entry: Entry, event: UserMessagePosted) -> MessageRow:
    return MessageRow(
        job_id=job.id,
        version=entry.version,
        owner_id=job.owner_id,
        id=str(event.message_id),
        role="user",
        sender=event.sender,
        content=event.content,
        metadata="{}",
        stream=None,
        usage=None,
        created_at=entry.time,
    )


def _reply(job: JobRow, entry: Entry, event: ReplyPosted) -> MessageRow:
    return MessageRow(
        job_id=job.id,
        version=entry.version,
        owner_id=job.owner_id,
        id=str(event.message_id),
        role="agent",
        sender=event.sender,
        content=event.content,
        metadata=_json(event.metadata),
        stream=event.stream,
        usage=None if event.usage is None else _json(event.usage),
        created_at=entry.time,
    )


def _step(job: JobRow, entry: Entry, event: StepRecorded) -> StepRow:
    return StepRow(
        job.id,
        event.order,
        job.owner_id,
        str(event.step_id),
        event.name,
        event.agent,
        event.message,
        event.attempt,
        event.tries,
        event.duration_seconds,
        event.stream,
        None if event.usage is None else _json(event.usage),
        entry.version,
        entry.time,
    )


def _decided(
    fold: Fold, event: ApprovalGranted | ApprovalRejected, decision: Decision, now: str
) -> Sequence[ApprovalRow]:
    asked = fold.approvals.get(event.name)
    return () if asked is None else (asked._replace(decision=decision.value, comment=event.comment, decided_at=now),)


def _timer_set(job: JobRow, fold: Fold, name: str, due: str, now: str) -> Change:
    timer = TimerRow(job.id, name, job.owner_id, due, open=True, set_at=now)
    return Change({"fold": replace(fold, timers={**fold.timers, name: timer})}, (timer,))


def _timer_over(fold: Fold, name: str, *, fired_at: str | None) -> Change:
    timer = fold.timers.get(name)
    if timer is None:
        return Change({"fold": fold})
    after = replace(fold, timers=_without(fold.timers, name))
    return Change({"fold": after}, (timer._replace(open=False, fired_at=fired_at),))
