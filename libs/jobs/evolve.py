"""Folding: what each event makes of a job. It never judges; whether an event may happen was decided before it was stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, assert_never

from msgspec.structs import replace

from libs.events.event import Recorded
from libs.jobs.commands import VERBS
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
    UserMessagePosted,
)
from libs.jobs.state import (
    App,
    Approval,
    Artifact,
    Attempt,
    Child,
    Decision,
    Job,
    Message,
    Progress,
    Reply,
    Shards,
    Signal,
    Status,
    Step,
    Timer,
)

__all__ = ["evolve", "fold"]


def fold(history: Iterable[Recorded[JobEvent]], job: Job | None = None) -> Job | None:
    """The job after these events, or None where there are none."""
    for recorded in history:
        job = evolve(job, recorded)
    return job


def evolve(job: Job | None, recorded: Recorded[JobEvent]) -> Job:
    """The job after one more event. The first must be `JobCreated`."""
    if job is None:
        return _created(recorded)
    envelope: dict[str, Any] = {"version": recorded.version, "updated_at": recorded.time}
    cause = recorded.cause
    if cause.command_sequence is not None and cause.causation_id is not None:
        envelope["handled"] = job.handled | {cause.causation_id}
        service = _decided_by(recorded.event)
        latest = max(cause.command_sequence, job.commands_decided.get(service, 0))
        envelope["commands_decided"] = {**job.commands_decided, service: latest}
    return replace(job, **envelope, **_changes(job, recorded))


def _created(recorded: Recorded[JobEvent]) -> Job:
    event, cause = recorded.event, recorded.cause
    if not isinstance(event, JobCreated):
        raise TypeError(f"a job's history begins with job_created, not with {recorded.type}")
    return Job(
        stream=recorded.stream,
        kind=event.kind,
        prompt=event.prompt,
        talks=event.talks,
        request=event.request,
        approvals=event.approvals,
        parent=event.parent,
        status=Status.COLLECTING if event.talks else Status.QUEUED,
        version=recorded.version,
        created_at=recorded.time,
        updated_at=recorded.time,
        handled=frozenset() if cause.causation_id is None else frozenset({cause.causation_id}),
        commands_decided={} if cause.command_sequence is None else {VERBS["create"]: cause.command_sequence},
    )


def _decided_by(event: JobEvent) -> str:
    """Which service's command made this event: a refusal names its verb, a message is an agent's, the other actions are the runner's."""
    match event:
        case CommandRefused():
            return VERBS.get(event.verb, "runner")
        case UserMessagePosted() | JobCreated():
            return "agents"
        case _:
            return "runner"


def _changes(job: Job, recorded: Recorded[JobEvent]) -> dict[str, Any]:
    event = recorded.event
    match event:
        case JobCreated():
            return {}
        case JobQueued():
            return {"status": Status.QUEUED}
        case JobStarted():
            return {
                "status": Status.RUNNING,
                "attempt": Attempt(number=event.attempt, worker=event.worker),
                "attempts": event.attempt,
                "stalls": 0 if job.progressed else job.stalls + 1,
                "progressed": False,
                "waits": (),
            }
        case AttemptSuspended():
            asks = any(each.decision is Decision.OPEN for each in job.asked.values())
            status = Status.AWAITING_APPROVAL if asks else job.status
            return {"attempt": None, "waits": event.waits, "status": status, "progressed": True}
        case JobCompleted():
            return {"status": Status.DONE, "attempt": None, "waits": (), "result": event.result}
        case JobFailed():
            return {
                "status": Status.FAILED,
                "error": event.error,
                "failed_step": event.step,
                "attempt": None,
                "reply": None,
                "waits": (),
            }
        case JobCancelled():
            return {"status": Status.CANCELLED, "attempt": None, "reply": None, "waits": ()}
        case JobRetried():
            return {
                "status": Status.COLLECTING if event.resumes == "conversation" else Status.QUEUED,
                "error": None,
                "failed_step": None,
                **_taken_up(job),
                "retries": job.retries + 1,
                "stalls": 0,
                "reply_stalls": 0,
                "reply_failures": 0,
                "reply_retry_at": None,
                "progressed": True,
                # A rejected approval is asked again.
                "asked": {name: each for name, each in job.asked.items() if each.decision is not Decision.REJECTED},
            }
        case CommandRefused():
            return {}
        case UserMessagePosted():
            message = Message(
                id=event.message_id,
                role="user",
                sender=event.sender,
                content=event.content,
                created_at=recorded.time,
            )
            return {"messages": (*job.messages, message), "unanswered": (*job.unanswered, event.message_id)}
        case ReplyStarted():
            return {
                "reply": Reply(turn_id=event.turn_id, attempt=event.attempt, worker=event.worker),
                "reply_attempts": event.attempt,
                "reply_stalls": job.reply_stalls + 1,
            }
        case ReplyPosted():
            message = Message(
                id=event.message_id,
                role="agent",
                sender=event.sender,
                content=event.content,
                created_at=recorded.time,
                metadata=event.metadata,
            )
            return {
                "messages": (*job.messages, message),
                "unanswered": tuple(turn for turn in job.unanswered if turn != event.turn_id),
                "reply": None,
                "reply_stalls": 0,
                "reply_failures": 0,
                "reply_retry_at": None,
            }
        case ReplyFailed():
            wait = event.retry_in_seconds
            return {
                "reply": None,
                "reply_stalls": 0,
                "reply_failures": job.reply_failures + 1,
                "reply_retry_at": None if wait is None else recorded.time + timedelta(seconds=wait),
            }
        case RequirementsSummarized():
            return {"requirements_summary": event.summary, "unanswered": ()}
        case StepRecorded():
            step = Step(
                id=event.step_id,
                name=event.name,
                order=event.order,
                agent=event.agent,
                message=event.message,
                result=event.result,
                created_at=recorded.time,
                usage=event.usage,
            )
            changes: dict[str, Any] = {"steps": {**job.steps, event.name: step}, "progressed": True}
            if event.name in job.tries:
                changes["tries"] = {name: tries for name, tries in job.tries.items() if name != event.name}
            return changes
        case StepFailed():
            changes = {"tries": {**job.tries, event.name: event.tries}, "progressed": True}
            if event.retry_in_seconds is None:
                changes["given_up"] = {**job.given_up, event.name: event.error}
            return changes
        case ApprovalRequested():
            approval = Approval(
                name=event.name, summary=event.summary, version=recorded.version, requested_at=recorded.time
            )
            return {
                "status": Status.AWAITING_APPROVAL,
                "asked": {**job.asked, event.name: approval},
                "progressed": True,
            }
        case ApprovalGranted():
            approval = replace(job.asked[event.name], decision=Decision.GRANTED, comment=event.comment)
            asked = {**job.asked, event.name: approval}
            still_open = any(each.decision is Decision.OPEN for each in asked.values())
            working = Status.RUNNING if job.attempt else Status.QUEUED
            return {"asked": asked, "status": Status.AWAITING_APPROVAL if still_open else working}
        case ApprovalRejected():
            approval = replace(job.asked[event.name], decision=Decision.REJECTED, comment=event.comment)
            return {"asked": {**job.asked, event.name: approval}}
        case SignalAwaited():
            changes = {"signals": {**job.signals, event.name: Signal(awaited_at=recorded.time)}, "progressed": True}
            if event.due is not None:
                changes["timers"] = {**job.timers, f"signal-{event.name}": Timer(due=event.due)}
            return changes
        case SignalReceived():
            signal = replace(job.signals[event.name], received=True, data=event.data)
            return {"signals": {**job.signals, event.name: signal}}
        case TimerSet():
            return {"timers": {**job.timers, event.name: Timer(due=event.due)}, "progressed": True}
        case TimerFired():
            return {"timers": {**job.timers, event.name: replace(job.timers[event.name], fired=True)}}
        case MapStarted():
            return {"maps": {**job.maps, event.name: Shards(total=event.total)}, "progressed": True}
        case MapCompleted():
            shards = replace(job.maps[event.name], digest=event.digest, taken=event.total, left=event.left)
            return {"maps": {**job.maps, event.name: shards}, "progressed": True}
        case ChildStarted():
            child = Child(id=event.child_id, kind=event.kind, round=event.round)
            return {"children": {**job.children, event.name: child}, "progressed": True}
        case ChildEnded():
            child = job.children[event.name]
            again = child.doubtful and event.status == "cancelled"
            child = replace(child, status=Status(event.status), error=event.error, again=again)
            return {"children": {**job.children, event.name: child}}
        case ProgressReported():
            before = job.progress.get(event.name)
            progress = Progress(
                done=event.done,
                total=event.total,
                message=event.message,
                reports=before.reports + 1 if before else 1,
            )
            return {"progress": {**job.progress, event.name: progress}, "progressed": True}
        case ArtifactStored():
            artifact = Artifact(
                name=event.name,
                media_type=event.media_type,
                size=event.size,
                digest=event.digest,
                object=event.object,
                created_at=recorded.time,
            )
            others = tuple(each for each in job.artifacts if each.name != event.name)
            return {"artifacts": (*others, artifact), "progressed": True}
        case AppStored():
            created_at = job.app.created_at if job.app else recorded.time
            app = App(id=event.app_id, spec=event.spec, created_at=created_at, updated_at=recorded.time)
            return {"app": app, "progressed": True}
        case _:
            assert_never(event)


def _taken_up(job: Job) -> dict[str, Any]:
    """What a retry forgets so that the job can get past where it failed: tries, the failure that ended it, its delays, its timeout.

    A child that failed is taken up again with it, unless something else is what stopped the job; so are those that ended with it."""
    stopped_by = job.failed_step
    given_up = {name: each for name, each in job.given_up.items() if stopped_by is not None and name != stopped_by}
    timers = {name: each for name, each in job.timers.items() if not name.startswith("retry-")}
    signals = job.signals
    if job.error is not None and job.error.code == "wait_timed_out" and stopped_by in signals:
        signals = {name: each for name, each in signals.items() if name != stopped_by}
        timers.pop(f"signal-{stopped_by}", None)
    children = {}
    for name, child in job.children.items():
        failed = child.status is Status.FAILED and stopped_by in (None, name)
        again = failed or child.status is Status.CANCELLED
        children[name] = replace(child, again=again, doubtful=child.status is None)
    return {"tries": {}, "given_up": given_up, "timers": timers, "signals": signals, "children": children}
