"""Deciding: which events a command makes of a job. Pure; decided twice, a command changes nothing the second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID, uuid5

import msgspec

from libs.events.errors import NoSuchAggregate
from libs.jobs import children
from libs.jobs.commands import (
    ApproveStep,
    AwaitSignal,
    CancelJob,
    CompleteJob,
    CompleteMap,
    CreateChild,
    CreateJob,
    EndChild,
    FailJob,
    FailReply,
    FailStep,
    FireTimer,
    JobCommand,
    PostMessage,
    PostReply,
    RecordStep,
    RejectStep,
    ReportProgress,
    RequestApproval,
    RetryJob,
    SendSignal,
    SetTimer,
    StartAttempt,
    StartChild,
    StartMap,
    StartReply,
    StoreArtifact,
    SuspendAttempt,
    WireCommand,
)
from libs.jobs.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AppStored,
    ArtifactStored,
    AttemptSuspended,
    CommandRefused,
    Failure,
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
from libs.jobs.state import Decision, Job, Status

__all__ = ["FenceLost", "NoSuchJob", "allowed", "decide", "first_message_id", "reply_id"]


class FenceLost(Exception):
    """Another attempt took over, or the job ended: stop working on it and send nothing more about it."""


class NoSuchJob(NoSuchAggregate):
    """The job has no `job_created` yet: look again later."""


def first_message_id(create_command_id: UUID) -> UUID:
    """The id of the chat message that a job's prompt becomes: known before the job has an event."""
    return uuid5(create_command_id, "message")


def reply_id(turn_id: UUID) -> UUID:
    """The id of the one reply to a turn: derived, so that no attempt can store a second."""
    return uuid5(turn_id, "reply")


def allowed(job: Job) -> tuple[str, ...]:
    """The verbs a person can use on the job as it stands."""
    match job.status:
        case Status.COLLECTING:
            return ("chat", "cancel")
        case Status.DONE:
            return ()
        case Status.FAILED | Status.CANCELLED:
            return ("retry",)
        case _:
            verbs = ["cancel"]
            if any(approval.decision is Decision.OPEN for approval in job.asked.values()):
                verbs += ["approve", "reject"]
            if any(not job.wait_over(f"signal/{name}") for name in job.signals):
                verbs.append("signal")
            return tuple(verbs)


def decide(job: Job | None, command: JobCommand, *, command_id: UUID | None = None) -> Sequence[JobEvent]:
    """The events that the command makes, none where it changes nothing (a repeat above all).

    A command from the wire comes with its id; what it may not do becomes `CommandRefused`. A worker's command raises `FenceLost` where
    its attempt is not the job's current one. Raises `NoSuchJob` for anything but `CreateJob` and `CreateChild` before the job exists.
    """
    if isinstance(command, CreateChild):
        return children.create_child(job, command)
    if isinstance(command, CreateJob):
        return _create(command, command_id) if job is None else []
    if job is None:
        raise NoSuchJob
    if isinstance(command, WireCommand):
        if command_id is None:
            raise ValueError("a command from the wire is decided with its id")
        return [] if command_id in job.handled else _decide_wire(job, command, command_id)
    if isinstance(command, StartReply | PostReply | FailReply):
        return _decide_conversation(job, command)
    return _decide_workflow(job, command)


def _create(command: CreateJob, command_id: UUID | None) -> Sequence[JobEvent]:
    if command_id is None:
        raise ValueError("a command from the wire is decided with its id")
    created = JobCreated(
        kind=command.kind,
        prompt=command.prompt,
        talks=command.talks,
        request=command.request,
        approvals=command.approvals,
    )
    if not command.talks:
        return [created]  # which is queued by that: one event, since most jobs of this sort come in great numbers
    first = UserMessagePosted(message_id=first_message_id(command_id), content=command.prompt, sender=command.sender)
    return [created, first]


def _refuse(job: Job, verb: str, code: str, reason: str) -> Sequence[JobEvent]:
    return [CommandRefused(verb=verb, code=code, reason=reason, allowed=allowed(job))]


def _decide_wire(job: Job, command: WireCommand, command_id: UUID) -> Sequence[JobEvent]:
    match command:
        case CreateJob():
            return []
        case PostMessage():
            if job.status is not Status.COLLECTING:
                reason = f"the conversation is over: the job is {job.status.value}"
                return _refuse(job, command.verb, "not_allowed_now", reason)
            return [UserMessagePosted(message_id=command_id, content=command.content, sender=command.sender)]
        case CancelJob():
            if job.status is Status.CANCELLED:
                return []
            if job.status.ended:
                return _refuse(job, command.verb, "not_allowed_now", f"the job is already {job.status.value}")
            return [JobCancelled(reason=command.reason)]
        case RetryJob():
            if job.status not in (Status.FAILED, Status.CANCELLED):
                reason = f"only a failed or cancelled job can be retried; this one is {job.status.value}"
                return _refuse(job, command.verb, "not_allowed_now", reason)
            talking = job.talks and job.requirements_summary is None
            return [JobRetried(resumes="conversation" if talking else "workflow")]
        case ApproveStep() | RejectStep():
            return _decide_approval(job, command)
        case SendSignal():
            if job.status.ended or command.name not in job.signals or job.wait_over(f"signal/{command.name}"):
                return _refuse(job, command.verb, "nobody_waits", f"nothing waits for the signal {command.name!r} now")
            return [SignalReceived(name=command.name, data=msgspec.Raw(msgspec.json.encode(command.data)))]
        case _:
            assert_never(command)


def _decide_approval(job: Job, command: ApproveStep | RejectStep) -> Sequence[JobEvent]:
    approval = job.asked.get(command.name)
    if job.status.ended or approval is None:
        reason = f"no approval named {command.name!r} is asked for now"
        return _refuse(job, command.verb, "no_such_approval", reason)
    if approval.version != command.approval_version:
        reason = f"the approval {command.name!r} was asked for anew: answer version {approval.version}"
        return _refuse(job, command.verb, "approval_outdated", reason)
    wanted = Decision.GRANTED if isinstance(command, ApproveStep) else Decision.REJECTED
    if approval.decision is wanted:
        return []
    if approval.decision is not Decision.OPEN:
        reason = f"the approval {command.name!r} was already {approval.decision.value}"
        return _refuse(job, command.verb, "not_allowed_now", reason)
    if isinstance(command, ApproveStep):
        return [ApprovalGranted(name=command.name, approval_version=approval.version, comment=command.comment)]
    said = f": {command.comment}" if command.comment else ""
    return [
        ApprovalRejected(name=command.name, approval_version=approval.version, comment=command.comment),
        JobFailed(
            error=Failure(code="approval_rejected", message=f"The approval {command.name!r} was rejected{said}"),
            step=command.name,
        ),
    ]


def _decide_conversation(job: Job, command: StartReply | PostReply | FailReply) -> Sequence[JobEvent]:
    match command:
        case StartReply():
            if job.status is not Status.COLLECTING or not job.unanswered or (job.reply and not command.takeover):
                return []
            if job.reply_stalls >= command.stalls_max:
                message = f"{job.reply_stalls} attempts to answer in a row ended without a word"
                return [JobFailed(error=Failure(code="no_progress", message=message))]
            turn_id = job.unanswered[0]
            stream = f"reply-{reply_id(turn_id)}"
            return [ReplyStarted(turn_id=turn_id, attempt=job.reply_attempts + 1, worker=command.worker, stream=stream)]
        case PostReply():
            _check_reply(job, command.turn_id, command.attempt)
            posted = ReplyPosted(
                turn_id=command.turn_id,
                message_id=command.message_id,
                attempt=command.attempt,
                sender=command.sender,
                content=command.content,
                stream=command.stream,
                metadata=command.metadata,
                usage=command.usage,
            )
            # Somebody who said more while the agent was summing up is heard first.
            if command.summary is None or (len(job.unanswered) > 1 and not command.forced):
                return [posted]
            summarized = RequirementsSummarized(summary=command.summary, agent=command.sender, forced=command.forced)
            return [posted, summarized, JobQueued()]
        case FailReply():
            _check_reply(job, command.turn_id, command.attempt)
            failed = ReplyFailed(
                turn_id=command.turn_id,
                attempt=command.attempt,
                error=command.error,
                retry_in_seconds=command.retry_in_seconds,
            )
            return [failed] if command.retry_in_seconds is not None else [failed, JobFailed(error=command.error)]
        case _:
            assert_never(command)


def _check_reply(job: Job, turn_id: UUID, attempt: int) -> None:
    if job.reply is None or job.reply.attempt != attempt or job.reply.turn_id != turn_id:
        raise FenceLost


_WorkflowCommand = (
    StartAttempt
    | RecordStep
    | FailStep
    | RequestApproval
    | AwaitSignal
    | SetTimer
    | FireTimer
    | SuspendAttempt
    | StartMap
    | CompleteMap
    | StartChild
    | EndChild
    | ReportProgress
    | StoreArtifact
    | CompleteJob
    | FailJob
)


def _decide_workflow(job: Job, command: _WorkflowCommand) -> Sequence[JobEvent]:
    if not isinstance(command, StartAttempt | FireTimer | EndChild) and (
        job.attempt is None or job.attempt.number != command.attempt
    ):
        raise FenceLost
    match command:
        case StartAttempt():
            return _start_attempt(job, command)
        case FireTimer():
            return _fire_timer(job, command)
        case RecordStep():
            if command.name in job.steps:
                return []
            return [
                StepRecorded(
                    step_id=command.step_id,
                    name=command.name,
                    order=len(job.steps) + 1,
                    attempt=command.attempt,
                    agent=command.agent,
                    message=command.message,
                    result=command.result,
                    tries=command.tries,
                    duration_seconds=command.duration_seconds,
                    usage=command.usage,
                    stream=command.stream,
                )
            ]
        case FailStep():
            failed = StepFailed(
                name=command.name,
                attempt=command.attempt,
                tries=command.tries,
                error=command.error,
                retry_in_seconds=command.retry_in_seconds,
            )
            return [failed] if command.tries > job.tries.get(command.name, 0) else []
        case RequestApproval():
            return [] if command.name in job.asked else [ApprovalRequested(name=command.name, summary=command.summary)]
        case AwaitSignal():
            return [] if command.name in job.signals else [SignalAwaited(name=command.name, due=command.due)]
        case SetTimer():
            return [] if command.name in job.timers else [TimerSet(name=command.name, due=command.due)]
        case SuspendAttempt():
            if any(job.wait_over(wait) for wait in command.waits):
                return []
            return [AttemptSuspended(attempt=command.attempt, waits=command.waits)]
        case StartMap():
            if command.name in job.maps:
                return []
            return [MapStarted(name=command.name, attempt=command.attempt, total=command.total)]
        case CompleteMap():
            shards = job.maps[command.name]
            if shards.digest is not None:
                return []
            taken = shards.total if command.total is None else command.total
            completed = MapCompleted(
                name=command.name, attempt=command.attempt, total=taken, digest=command.digest, left=command.left
            )
            return [completed]
        case StartChild():
            return children.start_child(job, command)
        case EndChild():
            return children.end_child(job, command)
        case ReportProgress():
            before = job.progress.get(command.name)
            said = (command.done, command.total, command.message)
            if before is not None and command.data is None and said == (before.done, before.total, before.message):
                return []
            return [
                ProgressReported(
                    name=command.name,
                    attempt=command.attempt,
                    done=command.done,
                    total=command.total,
                    message=command.message,
                    data=command.data,
                )
            ]
        case StoreArtifact():
            if any(each.name == command.name and each.digest == command.digest for each in job.artifacts):
                return []
            return [
                ArtifactStored(
                    name=command.name,
                    attempt=command.attempt,
                    media_type=command.media_type,
                    size=command.size,
                    digest=command.digest,
                    object=command.object,
                )
            ]
        case CompleteJob():
            done = JobCompleted(attempt=command.attempt, result=command.result)
            if command.app_id is None:
                return [done]
            return [AppStored(app_id=command.app_id, attempt=command.attempt, spec=command.app), done]
        case FailJob():
            return [JobFailed(error=command.error, step=command.step)]
        case _:
            assert_never(command)


def _start_attempt(job: Job, command: StartAttempt) -> Sequence[JobEvent]:
    waiting = bool(job.waits) and not any(job.wait_over(wait) for wait in job.waits)
    runnable = job.status in (Status.QUEUED, Status.RUNNING, Status.AWAITING_APPROVAL) and not waiting
    if not runnable or (job.attempt is not None and not command.takeover):
        return []
    stalls = job.stalls + (0 if job.progressed else 1)
    if stalls >= command.stalls_max:
        message = f"{stalls} attempts in a row ended without finishing anything; the workers that ran them died"
        return [JobFailed(error=Failure(code="no_progress", message=message))]
    return [JobStarted(attempt=job.attempts + 1, worker=command.worker)]


def _fire_timer(job: Job, command: FireTimer) -> Sequence[JobEvent]:
    timer = job.timers.get(command.name)
    if job.status.ended or timer is None or timer.fired or command.now < timer.due:
        return []
    signal = job.signals.get(command.name.removeprefix("signal-")) if command.name.startswith("signal-") else None
    return [] if signal is not None and signal.received else [TimerFired(name=command.name)]
