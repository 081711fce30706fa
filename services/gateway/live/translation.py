"""From events to frames: total, so that a new kind of event cannot be forgotten here.

Pure, and a function of the event alone: a frame read back years later says what it said live.
"""

from __future__ import annotations

from typing import Any, assert_never

from libs.events.event import Recorded
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
from libs.jobs.state import Status
from services.gateway.live.frames import (
    App,
    Approval,
    Chat,
    Description,
    DurableFrame,
    Frame,
    Happened,
    Progress,
    StatusChanged,
    Step,
    encode,
)

__all__ = ["durable", "frame_of", "status_after"]


def durable(recorded: Recorded[JobEvent]) -> Frame:
    """The one encoded frame of an event."""
    return encode(frame_of(recorded), recorded)


def status_after(event: JobEvent) -> Status | None:
    """The status that reading the job shows once this event happened; None where it does not change it."""
    match event:
        case JobCreated():
            return Status.COLLECTING if event.talks else Status.QUEUED
        case JobQueued():
            return Status.QUEUED
        case JobRetried():
            return Status.COLLECTING if event.resumes == "conversation" else Status.QUEUED
        case JobStarted():
            return Status.RUNNING
        case AttemptSuspended():
            # An attempt suspends only while everything it waits for is still open.
            asks = any(wait.startswith("approval/") for wait in event.waits)
            return Status.AWAITING_APPROVAL if asks else Status.RUNNING
        case JobCompleted():
            return Status.DONE
        case JobFailed():
            return Status.FAILED
        case JobCancelled():
            return Status.CANCELLED
        case ApprovalRequested():
            return Status.AWAITING_APPROVAL
        case _:
            return None


def _told(event: JobEvent) -> str:
    """One sentence for people on what a status event means."""
    match event:
        case JobCreated():
            return "Let us talk about what you need." if event.talks else "The job was created."
        case JobQueued():
            return "The job waits for a runner."
        case JobRetried():
            where = "the conversation" if event.resumes == "conversation" else "the first unfinished step"
            return f"The job is taken up again at {where}."
        case JobStarted():
            return (
                "A runner works on the job."
                if event.attempt == 1
                else f"A runner took the job up, attempt {event.attempt}."
            )
        case AttemptSuspended():
            return f"The job waits for {_listed(event.waits)}."
        case JobCompleted():
            return "The job is done."
        case JobFailed():
            return event.error.message
        case JobCancelled():
            return f"The job was cancelled: {event.reason}" if event.reason else "The job was cancelled."
        case _:
            raise TypeError(f"{type(event).__name__} does not move the job as a whole")


def _listed(waits: tuple[str, ...]) -> str:
    words = [f"the {what} {name!r}" for what, _, name in (wait.partition("/") for wait in waits)]
    return " and ".join(words) if words else "something"


def frame_of(recorded: Recorded[JobEvent]) -> DurableFrame:
    """What clients are told of an event. Total: every event is exactly one frame, with the event's version as `seq`."""
    event = recorded.event
    envelope: dict[str, Any] = {
        "seq": recorded.version,
        "id": recorded.id,
        "job_id": recorded.stream.id,
        "timestamp": recorded.time,
        "causation_id": recorded.cause.causation_id,
    }
    match event:
        case (
            JobCreated()
            | JobQueued()
            | JobRetried()
            | JobStarted()
            | AttemptSuspended()
            | JobCompleted()
            | JobFailed()
            | JobCancelled()
        ):
            status = status_after(event)
            assert status is not None
            return StatusChanged(status=status, message=_told(event), **envelope)
        case UserMessagePosted():
            envelope["id"] = event.message_id
            return Chat(role="user", sender=event.sender, content=event.content, metadata={}, **envelope)
        case ReplyPosted():
            envelope["id"] = event.message_id
            return Chat(
                role="agent",
                sender=event.sender,
                content=event.content,
                metadata=event.metadata,
                stream=event.stream,
                **envelope,
            )
        case RequirementsSummarized():
            return Description(agent=event.agent, stage="requirements", message=event.summary, **envelope)
        case StepRecorded():
            envelope["id"] = event.step_id
            return Step(
                agent=event.agent,
                message=event.message,
                order=event.order,
                name=event.name,
                stream=event.stream,
                **envelope,
            )
        case AppStored():
            envelope["id"] = event.app_id
            # The App is stored in one decision with the job's completion: whoever reads now finds the job done.
            return App(status=Status.DONE, spec=event.spec, **envelope)
        case ApprovalRequested():
            return Approval(name=event.name, summary=event.summary, **envelope)
        case ProgressReported():
            return Progress(
                name=event.name,
                attempt=event.attempt,
                done=event.done,
                total=event.total,
                message=event.message,
                data=event.data,
                **envelope,
            )
        case (
            CommandRefused()
            | ReplyStarted()
            | ReplyFailed()
            | StepFailed()
            | ApprovalGranted()
            | ApprovalRejected()
            | SignalAwaited()
            | SignalReceived()
            | TimerSet()
            | TimerFired()
            | MapStarted()
            | MapCompleted()
            | ChildStarted()
            | ChildEnded()
            | ArtifactStored()
        ):
            return Happened(type=recorded.type, data=event, **envelope)
        case _:
            assert_never(event)
