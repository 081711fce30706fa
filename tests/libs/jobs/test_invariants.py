"""Whatever people and workers want, in whatever order: what must always hold of a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from libs.events.event import Cause, Recorded
from libs.jobs import decide as deciding
from libs.jobs.commands import (
    ApproveStep,
    AwaitSignal,
    CancelJob,
    CompleteJob,
    CreateJob,
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
    StartReply,
    SuspendAttempt,
    WireCommand,
)
from libs.jobs.decide import FenceLost, NoSuchJob, allowed, decide, reply_id
from libs.jobs.events import (
    CommandRefused,
    JobEvent,
    JobRetried,
    JobStarted,
    ReplyPosted,
    ReplyStarted,
    RequirementsSummarized,
    StepRecorded,
    UserMessagePosted,
)
from libs.jobs.evolve import evolve, fold
from libs.jobs.state import Attempt, Decision, Job, Status
from tests.libs.jobs.spec import APP, BOOM, DUE, START, STREAM

NAMES = st.sampled_from(["plan", "budget", "nap"])
STEPS = st.sampled_from(["ceo-1", "cto-1", "ceo-2"])
WORKERS = st.sampled_from(["one", "two"])
STALENESS = st.sampled_from([0, 0, 0, 1])  # how far behind the current attempt a worker is


class AnyJob(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.history: list[Recorded[JobEvent]] = []
        self.job: Job | None = None
        self.sent: list[tuple[UUID, WireCommand]] = []

    # -- how a command is decided ---------------------------------------------------------------------------------

    def wire(self, command: WireCommand) -> None:
        command_id = UUID(int=1_000 + len(self.sent))
        self.sent.append((command_id, command))
        self._decide(command, command_id, len(self.sent))

    def worker(self, command: JobCommand) -> None:
        try:
            self._decide(command, None, None)
        except FenceLost:
            return

    def _decide(self, command: JobCommand, command_id: UUID | None, sequence: int | None) -> None:
        try:
            made = decide(self.job, command, command_id=command_id)
        except NoSuchJob:
            assert self.job is None
            return
        cause = Cause(causation_id=command_id, command_sequence=sequence)
        for event in made:
            if self.job is not None and self.job.status.ended:
                assert isinstance(event, JobRetried | CommandRefused), "an ended job is left by a retry only"
            version = len(self.history) + 1
            self.history.append(
                Recorded(
                    stream=STREAM,
                    version=version,
                    sequence=version,
                    id=UUID(int=version),
                    type=event.type_name(),
                    schema=1,
                    time=START + timedelta(seconds=version),
                    event=event,
                    cause=cause,
                )
            )
            self.job = evolve(self.job, self.history[-1])

    # -- people ---------------------------------------------------------------------------------------------------

    @rule(talks=st.booleans())
    def create(self, talks: bool) -> None:
        self.wire(CreateJob(kind="build", prompt="x", talks=talks))

    @rule(command=st.sampled_from([PostMessage(content="hi"), CancelJob(), RetryJob()]))
    def want(self, command: WireCommand) -> None:
        self.wire(command)

    @rule(name=NAMES, grant=st.booleans(), outdated=st.booleans())
    def answer_an_approval(self, name: str, grant: bool, outdated: bool) -> None:
        approval = self.job.asked.get(name) if self.job else None
        version = (approval.version if approval else 1) - outdated
        answer = ApproveStep if grant else RejectStep
        self.wire(answer(name=name, approval_version=version))

    @rule(name=NAMES)
    def signal(self, name: str) -> None:
        self.wire(SendSignal(name=name, data=1))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat_a_command(self, data: st.DataObject) -> None:
        command_id, command = data.draw(st.sampled_from(self.sent))
        if self.job is not None and command_id in self.job.handled:
            assert decide(self.job, command, command_id=command_id) == []

    # -- agents ---------------------------------------------------------------------------------------------------

    @rule(worker=WORKERS, takeover=st.booleans())
    def start_reply(self, worker: str, takeover: bool) -> None:
        self.worker(StartReply(worker=worker, takeover=takeover, stalls_max=3))

    @precondition(lambda self: self.job is not None and self.job.messages)
    @rule(data=st.data(), stale=STALENESS, summary=st.sampled_from([None, "## Features\n- x"]), forced=st.booleans())
    def post_reply(self, data: st.DataObject, stale: int, summary: str | None, forced: bool) -> None:
        assert self.job is not None
        turn = data.draw(self.turns())
        self.worker(
            PostReply(
                turn_id=turn,
                attempt=self.job.reply_attempts - stale,
                message_id=reply_id(turn),
                sender="CR",
                content="re",
                stream="s",
                summary=summary,
                forced=forced,
            )
        )

    @precondition(lambda self: self.job is not None and self.job.messages)
    @rule(data=st.data(), stale=STALENESS, wait=st.sampled_from([None, 1.0]))
    def fail_reply(self, data: st.DataObject, stale: int, wait: float | None) -> None:
        assert self.job is not None
        attempt = self.job.reply_attempts - stale
        turn = data.draw(self.turns())
        self.worker(FailReply(turn_id=turn, attempt=attempt, error=BOOM, retry_in_seconds=wait))

    def turns(self) -> st.SearchStrategy[UUID]:
        """Any turn, the one being answered above all."""
        assert self.job is not None
        every = [message.id for message in self.job.messages if message.role == "user"]
        return st.sampled_from([self.job.reply.turn_id, *every] if self.job.reply else every)

    # -- runners --------------------------------------------------------------------------------------------------

    @property
    def attempt(self) -> int:
        return self.job.attempts if self.job else 0

    @rule(worker=WORKERS, takeover=st.booleans())
    def start_attempt(self, worker: str, takeover: bool) -> None:
        self.worker(StartAttempt(worker=worker, takeover=takeover, stalls_max=3))

    @precondition(lambda self: self.attempt > 0)
    @rule(stale=STALENESS, name=STEPS, failing=st.booleans(), tries=st.integers(1, 3))
    def step(self, stale: int, name: str, failing: bool, tries: int) -> None:
        attempt = self.attempt - stale
        if failing:
            self.worker(FailStep(attempt=attempt, name=name, tries=tries, error=BOOM, retry_in_seconds=1.0))
            return
        result = msgspec.Raw(b"1")
        step_id = UUID(int=len(self.history))
        self.worker(RecordStep(attempt=attempt, step_id=step_id, name=name, agent="A", message="m", result=result))

    @precondition(lambda self: self.attempt > 0)
    @rule(stale=STALENESS, name=NAMES, what=st.sampled_from(["approval", "signal", "timer"]), suspends=st.booleans())
    def wait(self, stale: int, name: str, what: str, suspends: bool) -> None:
        attempt = self.attempt - stale
        match what:
            case "approval":
                self.worker(RequestApproval(attempt=attempt, name=name, summary="?"))
            case "signal":
                self.worker(AwaitSignal(attempt=attempt, name=name, due=DUE))
            case _:
                self.worker(SetTimer(attempt=attempt, name=name, due=DUE))
        known = {"approval": self.job.asked, "signal": self.job.signals, "timer": self.job.timers} if self.job else {}
        if suspends and name in known.get(what, {}):
            self.worker(SuspendAttempt(attempt=attempt, waits=(f"{what}/{name}",)))

    @rule(name=NAMES, of_signal=st.booleans(), early=st.booleans())
    def fire(self, name: str, of_signal: bool, early: bool) -> None:
        now = DUE - timedelta(seconds=1) if early else DUE
        self.worker(FireTimer(name=f"signal-{name}" if of_signal else name, now=now))

    @precondition(lambda self: self.attempt > 0)
    @rule(stale=STALENESS, how=st.sampled_from(["progress", "complete", "fail"]))
    def report_or_end(self, stale: int, how: str) -> None:
        attempt = self.attempt - stale
        match how:
            case "progress":
                self.worker(ReportProgress(attempt=attempt, name="p", done=len(self.history)))
            case "complete":
                self.worker(CompleteJob(attempt=attempt, app_id=APP, app={}))
            case _:
                self.worker(FailJob(attempt=attempt, error=BOOM))

    # -- a crash: the state is read anew --------------------------------------------------------------------------

    @precondition(lambda self: self.job is not None)
    @rule()
    def restore_from_a_snapshot(self) -> None:
        self.job = msgspec.json.decode(msgspec.json.encode(self.job), type=Job)

    # -- what must hold -------------------------------------------------------------------------------------------

    def events(self, kind: type[JobEvent]) -> list[JobEvent]:
        return [each.event for each in self.history if isinstance(each.event, kind)]

    @invariant()
    def versions_have_no_gap(self) -> None:
        assert (self.job.version if self.job else 0) == len(self.history)

    @invariant()
    def folding_the_history_gives_the_state(self) -> None:
        assert fold(self.history) == self.job

    @invariant()
    def every_turn_has_at_most_one_reply_in_turn_order(self) -> None:
        turns = [event.message_id for event in self.events(UserMessagePosted) if isinstance(event, UserMessagePosted)]
        answered = [event.turn_id for event in self.events(ReplyPosted) if isinstance(event, ReplyPosted)]
        assert answered == turns[: len(answered)]

    @invariant()
    def fencing_tokens_only_grow(self) -> None:
        runs = [event.attempt for event in self.events(JobStarted) if isinstance(event, JobStarted)]
        replies = [event.attempt for event in self.events(ReplyStarted) if isinstance(event, ReplyStarted)]
        assert runs == list(range(1, len(runs) + 1))
        assert replies == list(range(1, len(replies) + 1))

    @invariant()
    def what_an_attempt_writes_is_written_by_the_latest(self) -> None:
        run = reply = 0
        for each in self.history:
            match each.event:
                case JobStarted(attempt=attempt):
                    run = attempt
                case ReplyStarted(attempt=attempt):
                    reply = attempt
                case StepRecorded(attempt=attempt):
                    assert attempt == run
                case ReplyPosted(attempt=attempt):
                    assert attempt == reply

    @invariant()
    def a_step_is_recorded_once_and_numbered_without_gaps(self) -> None:
        steps = [event for event in self.events(StepRecorded) if isinstance(event, StepRecorded)]
        assert len({step.name for step in steps}) == len(steps)
        assert [step.order for step in steps] == list(range(1, len(steps) + 1))

    @invariant()
    def a_talk_ends_once(self) -> None:
        assert len(self.events(RequirementsSummarized)) <= 1

    @invariant()
    def the_status_agrees_with_the_rest(self) -> None:
        job = self.job
        if job is None:
            return
        is_open = any(each.decision is Decision.OPEN for each in job.asked.values())
        assert job.status is not Status.AWAITING_APPROVAL or is_open
        assert job.attempt is None or job.status in (Status.RUNNING, Status.AWAITING_APPROVAL)
        assert job.reply is None or job.status is Status.COLLECTING
        assert job.status is not Status.COLLECTING or (job.talks and job.requirements_summary is None)
        assert not job.waits or (job.attempt is None and not job.status.ended)
        assert not job.status.ended or (job.attempt is None and job.reply is None)
        assert (job.error is not None) == (job.status is Status.FAILED)

    @invariant()
    def there_is_always_a_way_on(self) -> None:
        assert self.job is None or self.job.status is Status.DONE or allowed(self.job)


TestAnyJob = AnyJob.TestCase
TestAnyJob.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


# -- the same with something broken on purpose: what is claimed above would be noticed ---------------------------------

BROKEN = settings(TestAnyJob.settings, max_examples=400, database=None, derandomize=True, phases=[Phase.generate])


def fails() -> bool:
    try:
        run_state_machine_as_test(AnyJob, settings=BROKEN)
    except (AssertionError, FlakyFailure):
        return True
    return False


def test_without_the_fence_of_replies_it_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_check_reply", lambda *_: None)
    assert fails()


def test_without_the_fence_of_attempts_it_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    decide_workflow = deciding._decide_workflow

    def unfenced(job: Job, command: Any) -> Any:
        if job.attempt is not None and hasattr(command, "attempt"):
            job = msgspec.structs.replace(job, attempt=Attempt(number=command.attempt, worker="any"))
        return decide_workflow(job, command)

    monkeypatch.setattr(deciding, "_decide_workflow", unfenced)
    assert fails()
