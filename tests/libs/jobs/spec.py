"""`job.given(events).when(command).then(events)`: decisions as sentences, each tried a second time, since a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from libs.events.event import Cause, Recorded
from libs.events.subjects import StreamId
from libs.jobs.commands import JobCommand, WireCommand
from libs.jobs.decide import FenceLost, decide, reply_id
from libs.jobs.events import (
    ApprovalGranted,
    ApprovalRequested,
    AppStored,
    AttemptSuspended,
    CommandRefused,
    Failure,
    JobCancelled,
    JobCompleted,
    JobCreated,
    JobEvent,
    JobFailed,
    JobQueued,
    JobStarted,
    ReplyPosted,
    ReplyStarted,
    RequirementsSummarized,
    SignalAwaited,
    StepRecorded,
    TimerSet,
    UserMessagePosted,
)
from libs.jobs.evolve import fold
from libs.jobs.state import Job, Status

STREAM = StreamId(UUID(int=1), UUID(int=2))
START = datetime(2026, 1, 1, tzinfo=UTC)
DUE = START + timedelta(hours=1)
TURN = UUID(int=100)
OTHER_TURN = UUID(int=101)
COMMAND = UUID(int=900)
APP = UUID(int=300)
BOOM = Failure(code="boom", message="It broke.")


def recorded(events: Sequence[JobEvent], *, after: int = 0, cause: Cause = Cause()) -> list[Recorded[JobEvent]]:
    """The events as a log would have them: one a second."""
    return [
        Recorded(
            stream=STREAM,
            version=version,
            sequence=10 * version,
            id=UUID(int=10_000 + version),
            type=event.type_name(),
            schema=event.schema,
            time=START + timedelta(seconds=version),
            event=event,
            cause=cause,
        )
        for version, event in enumerate(events, start=after + 1)
    ]


def folded(*events: JobEvent) -> Job:
    job = fold(recorded(events))
    assert job is not None
    return job


class _When:
    def __init__(self, given: Sequence[JobEvent], command: JobCommand, command_id: UUID | None) -> None:
        self._given = given
        self._job = fold(recorded(given))
        self._command = command
        self._command_id = command_id

    def then(self, *events: JobEvent) -> Job:
        """It makes exactly these events, and nothing when it is decided again; the job after them is returned."""
        made = list(decide(self._job, self._command, command_id=self._command_id))
        assert made == list(events)
        cause = Cause()
        if self._command_id is not None:
            cause = Cause(causation_id=self._command_id, command_sequence=7)
        job = fold(recorded(made, after=len(self._given), cause=cause), self._job)
        assert job is not None
        try:
            again = list(decide(job, self._command, command_id=self._command_id))
        except FenceLost:
            again = []
        assert again == [], "decided a second time, it does something"
        return job

    def refused(self, code: str) -> CommandRefused:
        """It makes one refusal with this code."""
        made = decide(self._job, self._command, command_id=self._command_id)
        assert [type(event) for event in made] == [CommandRefused]
        refusal = made[0]
        assert isinstance(refusal, CommandRefused)
        assert refusal.code == code
        assert self.then(refusal).status == (self._job.status if self._job else None)
        return refusal

    def loses_the_fence(self) -> None:
        try:
            made = decide(self._job, self._command, command_id=self._command_id)
        except FenceLost:
            return
        raise AssertionError(f"it made {made}")

    def raises(self, error: type[Exception]) -> None:
        try:
            decide(self._job, self._command, command_id=self._command_id)
        except error:
            return
        raise AssertionError(f"it raised no {error.__name__}")


class _Given:
    def __init__(self, events: Sequence[JobEvent]) -> None:
        self._events = events

    def when(self, command: JobCommand, *, command_id: UUID = COMMAND) -> _When:
        return _When(self._events, command, command_id if isinstance(command, WireCommand) else None)


def given(*events: JobEvent | Sequence[JobEvent]) -> _Given:
    """A job with this history; histories may be given whole."""
    return _Given(flat(*events))


def flat(*events: JobEvent | Sequence[JobEvent]) -> list[JobEvent]:
    return [each for one in events for each in ([one] if isinstance(one, msgspec.Struct) else one)]


# -- histories to begin with -------------------------------------------------------------------------------------------

CREATED = JobCreated(kind="build", prompt="An app", talks=True)
SAID = UserMessagePosted(message_id=TURN, content="An app")
SAID_MORE = UserMessagePosted(message_id=OTHER_TURN, content="for clubs")


def reply_started(attempt: int = 1, worker: str = "agents-a", turn: UUID = TURN) -> ReplyStarted:
    return ReplyStarted(turn_id=turn, attempt=attempt, worker=worker, stream=f"reply-{reply_id(turn)}")


def reply_posted(attempt: int = 1, content: str = "For whom?", turn: UUID = TURN) -> ReplyPosted:
    message_id = reply_id(turn)
    return ReplyPosted(
        turn_id=turn,
        message_id=message_id,
        attempt=attempt,
        sender="Client Relations",
        content=content,
        stream=f"reply-{message_id}",
    )


SUMMARIZED = RequirementsSummarized(summary="## Features\n- booking", agent="Client Relations")
QUEUED = JobQueued()


def started(attempt: int = 1, worker: str = "runner-a") -> JobStarted:
    return JobStarted(attempt=attempt, worker=worker)


def step(name: str = "ceo-1", *, order: int = 1, attempt: int = 1, **changes: Any) -> StepRecorded:
    fields: dict[str, Any] = {
        "step_id": UUID(int=200 + order),
        "name": name,
        "order": order,
        "attempt": attempt,
        "agent": "CEO",
        "message": "The vision.",
        "result": msgspec.Raw(b'{"content":"The vision."}'),
    }
    return StepRecorded(**(fields | changes))


TALKING = [CREATED, SAID]
REPLYING = [*TALKING, reply_started()]
TALKED = [*REPLYING, reply_posted()]
WAITING = [*REPLYING, reply_posted(), SUMMARIZED, QUEUED]
RUNNING = [*WAITING, started()]
ASKED = [*RUNNING, ApprovalRequested(name="plan", summary="Build it?")]
ASKED_VERSION = len(ASKED)
SUSPENDED = [*ASKED, AttemptSuspended(attempt=1, waits=("approval/plan",))]
GRANTED = [*SUSPENDED, ApprovalGranted(name="plan", approval_version=ASKED_VERSION)]
SLEEPING = [*RUNNING, TimerSet(name="nap", due=DUE), AttemptSuspended(attempt=1, waits=("timer/nap",))]
LISTENING = [*RUNNING, SignalAwaited(name="paid", due=DUE), AttemptSuspended(attempt=1, waits=("signal/paid",))]
FINISHED = [*RUNNING, step(), AppStored(app_id=APP, attempt=1, spec={"summary": "x"}), JobCompleted(attempt=1)]
BROKEN = [*RUNNING, step(), JobFailed(error=BOOM, step="cto-1")]
BROKEN_TALK = [*REPLYING, JobFailed(error=BOOM)]
CALLED_OFF = [*RUNNING, JobCancelled()]
SIMULATION = [JobCreated(kind="simulation", prompt="", talks=False, request={"rounds": 10})]

BY_STATUS: dict[Status, list[JobEvent]] = {
    Status.COLLECTING: TALKED,
    Status.QUEUED: WAITING,
    Status.RUNNING: RUNNING,
    Status.AWAITING_APPROVAL: SUSPENDED,
    Status.DONE: FINISHED,
    Status.FAILED: BROKEN,
    Status.CANCELLED: CALLED_OFF,
}
