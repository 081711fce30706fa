"""Histories for tests: what deciding any sequence of commands makes of a job, as the log would record it.

`histories` is a Hypothesis strategy of whole valid lives of a job; `build_history` is one ordinary build job. Both go through `decide` and
`evolve`, so they can hold nothing that could not happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import msgspec

from libs.events.event import Cause, NewEvent, Recorded
from libs.events.subjects import StreamId
from libs.jobs.commands import (
    ApproveStep,
    AwaitSignal,
    CancelJob,
    CompleteJob,
    CompleteMap,
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
from libs.jobs.decide import FenceLost, decide, reply_id
from libs.jobs.events import Failure, JobEvent, Usage
from libs.jobs.evolve import evolve
from libs.jobs.state import Job

if TYPE_CHECKING:
    from hypothesis import strategies

__all__ = ["Life", "build_history", "histories"]

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_NAMES = ("plan", "budget", "nap")


class Life:
    """A job being lived: commands go in, recorded events come out. Ids and times follow from `seed` alone."""

    def __init__(self, stream: StreamId, *, first_sequence: int = 1, began: datetime = _EPOCH) -> None:
        self.stream = stream
        self.job: Job | None = None
        self.history: list[Recorded[JobEvent]] = []
        self.now = began
        self._sequence = first_sequence
        self._commands = 0

    def id(self, name: str) -> UUID:
        """An id of this job's own, the same for the same name."""
        return uuid5(self.stream.id, name)

    def do(self, command: JobCommand, *, seconds: float = 1.0) -> Sequence[Recorded[JobEvent]]:
        """Decide a command some time after the last one, and fold what it makes. What is refused or fenced off makes what it makes."""
        self._commands += 1
        self.now += timedelta(seconds=seconds)
        command_id = self.id(f"command-{self._commands}")
        wire = isinstance(command, WireCommand)
        try:
            events = decide(self.job, command, command_id=command_id if wire else None)
        except FenceLost:
            return []
        cause = Cause(
            causation_id=command_id, correlation_id=self.stream.id, command_sequence=self._commands if wire else None
        )
        return [self._record(event, cause) for event in events]

    def news(self) -> list[NewEvent[JobEvent]]:
        """The history as a store takes it."""
        return [NewEvent(id=each.id, time=each.time, event=each.event, cause=each.cause) for each in self.history]

    def _record(self, event: JobEvent, cause: Cause) -> Recorded[JobEvent]:
        version = len(self.history) + 1
        recorded: Recorded[JobEvent] = Recorded(
            stream=self.stream,
            version=version,
            sequence=self._sequence,
            id=self.id(f"event-{version}"),
            type=event.type_name(),
            schema=event.schema,
            time=self.now,
            event=event,
            cause=cause,
        )
        self._sequence += 1
        self.job = evolve(self.job, recorded)
        self.history.append(recorded)
        return recorded


def build_history(
    stream: StreamId, *, idea: str = "An app for bakers", rounds: int = 2, steps: int = 12, first_sequence: int = 1
) -> Life:
    """An ordinary build job, from the idea to the App: about 10 + 3 `rounds` + `steps` events."""
    life = Life(stream, first_sequence=first_sequence)
    usage = Usage(model="offline", prompt_tokens=210, completion_tokens=64, latency_seconds=0.8)
    life.do(CreateJob(kind="build", prompt=idea, talks=True))
    for number in range(1, rounds + 1):
        if number > 1:
            life.do(PostMessage(content=f"Answer {number}: mostly small shops, which sell about 40 loaves a day."))
        life.do(StartReply(worker="agents-0a1b2c3d"))
        last = number == rounds
        life.do(
            PostReply(
                turn_id=_turn(life),
                attempt=number,
                message_id=reply_id(_turn(life)),
                sender="Client Relations",
                content="Thank you. Who are the people who will use it, and how will you know that it helps them?",
                stream=f"reply-{number}",
                metadata={"round": number},
                usage=usage,
                summary=f"{idea}. Users: small shops. Success: less waste." if last else None,
            )
        )
    life.do(StartAttempt(worker="runner-4e5f6a7b"))
    for number in range(1, steps + 1):
        agent = ("CEO", "CTO", "Secretary")[number % 3]
        said = (
            f"{agent}, turn {number}: we begin with orders and stock, and add forecasts once a month of sales is known."
        )
        life.do(
            RecordStep(
                attempt=1,
                step_id=life.id(f"step-{number}"),
                name=f"{agent.lower()}-{number}",
                agent=agent,
                message=said,
                result=msgspec.Raw(msgspec.json.encode({"agent": agent, "content": said})),
                duration_seconds=0.8,
                usage=usage,
            )
        )
    spec: dict[str, Any] = {
        "requirements": life.job.requirements_summary if life.job else "",
        "summary": "Orders, stock, forecasts.",
        "discussion": [],
    }
    life.do(CompleteJob(attempt=1, app_id=life.id("app"), app=spec))
    return life


def _turn(life: Life) -> UUID:
    return life.job.unanswered[0] if life.job is not None and life.job.unanswered else life.id("nothing")


def histories(*, commands_max: int = 60) -> strategies.SearchStrategy[Life]:
    """Lives of a job under commands chosen at random among those that make sense now, and some that do not."""
    from hypothesis import strategies as st  # only tests have it

    texts = st.text(max_size=20)

    @st.composite
    def live(draw: Any) -> Life:
        stream = StreamId(draw(st.uuids(version=4)), draw(st.uuids(version=4)))
        life = Life(stream, first_sequence=draw(st.integers(1, 10**9)))
        data = st.none() | st.integers(-5, 5) | st.dictionaries(texts, texts, max_size=2)
        approvals = tuple(draw(st.lists(st.sampled_from(_NAMES), max_size=2)))
        life.do(
            CreateJob(
                kind=draw(st.sampled_from(("build", "other"))),
                prompt=draw(texts),
                talks=draw(st.booleans()),
                request=draw(data),
                approvals=approvals,
            )
        )
        for number in range(draw(st.integers(0, commands_max))):
            choices = list(_possible(life, number, draw(texts), draw(data)))
            life.do(draw(st.sampled_from(choices)), seconds=draw(st.sampled_from((0.0, 0.001, 1.0, 3600.0))))
        return life

    return live()


def _possible(life: Life, number: int, text: str, data: Any) -> Iterator[JobCommand]:
    """Commands for the job as it stands; several are refused, repeated, or come from a worker that lost its fence."""
    job = life.job
    assert job is not None
    name = _NAMES[number % len(_NAMES)]
    error = Failure(code="model_timeout", message=text)
    usage = Usage(model="m", prompt_tokens=number, completion_tokens=1) if number % 2 else None
    yield from _people(job, name, text, data)
    if job.unanswered or job.reply:
        yield StartReply(worker="agents-1", takeover=number % 3 == 0, stalls_max=4)
        attempt = job.reply.attempt if job.reply else 1
        turn = job.reply.turn_id if job.reply else job.unanswered[0]
        yield FailReply(turn_id=turn, attempt=attempt, error=error, retry_in_seconds=None if number % 5 == 0 else 1.0)
        for summary in (None, text):
            yield PostReply(
                turn_id=turn,
                attempt=attempt,
                message_id=reply_id(turn),
                sender="Client Relations",
                content=text,
                stream="reply-1",
                metadata={"data": data},
                usage=usage,
                summary=summary,
                forced=number % 7 == 0,
            )
    if job.status.value in ("queued", "running", "awaiting_approval"):
        yield StartAttempt(worker=f"runner-{number}", takeover=number % 3 == 0, stalls_max=4)
    for each in job.timers:
        yield FireTimer(name=each, now=life.now)
        yield FireTimer(name=each, now=life.now + timedelta(days=1))
    if job.attempt is not None:
        yield from _worker(job, life, number, name, text, data, error, usage)


def _people(job: Job, name: str, text: str, data: Any) -> Iterator[JobCommand]:
    if job.talks:
        yield PostMessage(content=text)
    version = job.asked[name].version if name in job.asked else job.version
    yield ApproveStep(name=name, approval_version=version, comment=text)
    yield RejectStep(name=name, approval_version=version, comment=text)
    yield SendSignal(name=name, data=data)
    yield RetryJob()
    if job.version % 4 == 0:
        yield CancelJob(reason=text)


def _worker(
    job: Job, life: Life, number: int, name: str, text: str, data: Any, error: Failure, usage: Usage | None
) -> Iterator[JobCommand]:
    attempt = job.attempts - (number % 11 == 0)
    raw = msgspec.Raw(msgspec.json.encode(data))
    for step in (f"step-{number}", f"step-{number // 2}"):
        yield RecordStep(
            attempt=attempt, step_id=life.id(step), name=step, agent="CEO", message=text, result=raw, usage=usage
        )
    yield FailStep(attempt=attempt, name="step", tries=number, error=error)
    yield RequestApproval(attempt=attempt, name=name, summary=text)
    due = life.now + timedelta(minutes=30)
    yield AwaitSignal(attempt=attempt, name=name, due=due if number % 2 else None)
    yield SetTimer(attempt=attempt, name=name, due=due)
    waits = [f"approval/{each}" for each in job.asked] + [
        f"timer/{each}" for each in job.timers if not each.startswith("signal-")
    ]
    waits += [f"signal/{each}" for each in job.signals]
    waits += [f"child/{each}" for each in job.children]
    held = tuple(wait for wait in waits if not job.wait_over(wait))
    if held:
        yield SuspendAttempt(attempt=attempt, waits=held)
        yield SuspendAttempt(attempt=attempt, waits=held[:1])
    yield StartMap(attempt=attempt, name=name, total=3)
    if name in job.maps:
        yield CompleteMap(attempt=attempt, name=name, digest="SHA-256=x")
    again = name in job.children
    yield StartChild(attempt=attempt, name=name, child_id=life.id(name), kind="other", round=int(again))
    for status in ("done", "failed", "cancelled"):
        yield EndChild(child_id=life.id(name), status=status, round=number % 2, error=error)
    yield ReportProgress(attempt=attempt, name=name, done=0.5, message=text, data=data)
    yield StoreArtifact(
        attempt=attempt, name=name, media_type="text/plain", size=number, digest=f"SHA-256={number}", object="o"
    )
    if number % 4 == 0:
        app = life.id("app") if number % 8 else None
        yield CompleteJob(attempt=attempt, app_id=app, app={"spec": data, "text": text}, result=raw)
        yield FailJob(attempt=attempt, error=error, step=name)
