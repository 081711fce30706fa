"""The workflow's decisions: attempts and their fence, steps recorded once, waits that hold no worker."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from libs.jobs.commands import (
    AwaitSignal,
    CompleteJob,
    CompleteMap,
    FailJob,
    FailStep,
    FireTimer,
    JobCommand,
    RecordStep,
    ReportProgress,
    RequestApproval,
    SetTimer,
    StartAttempt,
    StartMap,
    StoreArtifact,
    SuspendAttempt,
)
from libs.jobs.events import (
    ApprovalRequested,
    AppStored,
    ArtifactStored,
    AttemptSuspended,
    Failure,
    JobCancelled,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobRetried,
    MapCompleted,
    MapStarted,
    ProgressReported,
    SignalAwaited,
    SignalReceived,
    StepFailed,
    TimerFired,
    TimerSet,
)
from libs.jobs.state import Status
from tests.libs.jobs.spec import (
    APP,
    ASKED,
    BOOM,
    BROKEN,
    DUE,
    FINISHED,
    GRANTED,
    LISTENING,
    RUNNING,
    SIMULATION,
    SLEEPING,
    SUSPENDED,
    TALKED,
    WAITING,
    folded,
    given,
    started,
    step,
)


def start(worker: str = "runner-b", **options: object) -> StartAttempt:
    return StartAttempt(worker=worker, **options)  # type: ignore[arg-type]


def record(name: str = "ceo-1", *, attempt: int = 1, order: int = 1) -> RecordStep:
    told = step(name, order=order, attempt=attempt)
    return RecordStep(
        attempt=attempt,
        step_id=told.step_id,
        name=name,
        agent=told.agent,
        message=told.message,
        result=told.result,
    )


def fail_step(tries: int = 1, retry_in_seconds: float | None = 1.0) -> FailStep:
    return FailStep(attempt=1, name="ceo-1", tries=tries, error=BOOM, retry_in_seconds=retry_in_seconds)


def step_failed(tries: int = 1, retry_in_seconds: float | None = 1.0) -> StepFailed:
    return StepFailed(name="ceo-1", attempt=1, tries=tries, error=BOOM, retry_in_seconds=retry_in_seconds)


REPORT = ReportProgress(attempt=1, name="p", done=1)
ARTIFACT = StoreArtifact(attempt=1, name="a.txt", media_type="text/plain", size=1, digest="SHA-256=x", object="o/a")
STORED = ArtifactStored(name="a.txt", attempt=1, media_type="text/plain", size=1, digest="SHA-256=x", object="o/a")

# Everything that a worker can want with its attempt.
OF_A_WORKER: list[JobCommand] = [
    record(),
    fail_step(),
    RequestApproval(attempt=1, name="plan", summary="?"),
    AwaitSignal(attempt=1, name="paid"),
    SetTimer(attempt=1, name="nap", due=DUE),
    SuspendAttempt(attempt=1, waits=()),
    StartMap(attempt=1, name="shards", total=3),
    CompleteMap(attempt=1, name="shards", digest="x"),
    REPORT,
    ARTIFACT,
    CompleteJob(attempt=1),
    FailJob(attempt=1, error=BOOM),
]


# -- the fence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", OF_A_WORKER, ids=lambda command: type(command).__name__)
def test_an_attempt_that_was_taken_over_writes_nothing(command: JobCommand) -> None:
    given(RUNNING, started(2, "runner-b")).when(command).loses_the_fence()


@pytest.mark.parametrize("command", OF_A_WORKER, ids=lambda command: type(command).__name__)
def test_an_attempt_of_a_cancelled_job_writes_nothing(command: JobCommand) -> None:
    given(RUNNING, JobCancelled()).when(command).loses_the_fence()


@pytest.mark.parametrize("command", OF_A_WORKER, ids=lambda command: type(command).__name__)
def test_a_suspended_attempt_writes_nothing(command: JobCommand) -> None:
    given(SUSPENDED).when(command).loses_the_fence()


@pytest.mark.parametrize("command", OF_A_WORKER, ids=lambda command: type(command).__name__)
def test_an_attempt_of_a_finished_job_writes_nothing(command: JobCommand) -> None:
    given(FINISHED).when(command).loses_the_fence()


# -- attempts ----------------------------------------------------------------------------------------------------------


def test_a_queued_job_is_started() -> None:
    job = given(WAITING).when(start()).then(started(1, "runner-b"))
    assert (job.status, job.attempt and job.attempt.number) == (Status.RUNNING, 1)


def test_a_job_without_a_talk_is_started() -> None:
    given(SIMULATION).when(start()).then(started(1, "runner-b"))


def test_a_job_in_other_hands_is_not_started() -> None:
    given(RUNNING).when(start()).then()


def test_a_job_is_taken_over_with_a_higher_token() -> None:
    with pytest.raises(AssertionError, match="second time"):
        given(RUNNING).when(start(takeover=True)).then(started(2, "runner-b"))


@pytest.mark.parametrize("history", [TALKED, FINISHED, BROKEN, [*RUNNING, JobCancelled()]])
def test_what_cannot_run_is_not_started_even_as_a_takeover(history: list[JobEvent]) -> None:
    given(history).when(start(takeover=True)).then()


@pytest.mark.parametrize("history", [SUSPENDED, SLEEPING, LISTENING])
def test_what_waits_is_not_started(history: list[JobEvent]) -> None:
    given(history).when(start(takeover=True)).then()


def test_what_was_waited_for_starts_the_job_again() -> None:
    given(GRANTED).when(start()).then(started(2, "runner-b"))


def test_attempts_that_finish_nothing_fail_the_job_in_the_end() -> None:
    history: list[JobEvent] = [*WAITING, *(started(number) for number in range(1, 11))]
    error = Failure(
        code="no_progress",
        message="10 attempts in a row ended without finishing anything; the workers that ran them died",
    )
    given(history).when(start(takeover=True)).then(JobFailed(error=error))


def test_any_progress_starts_the_count_anew() -> None:
    history: list[JobEvent] = [*WAITING, *(started(number) for number in range(1, 11)), step(attempt=10)]
    assert [type(event) for event in _decided(history, start(takeover=True))] == [type(started())]


def test_a_retry_starts_the_count_anew() -> None:
    history: list[JobEvent] = [*WAITING, *(started(number) for number in range(1, 11))]
    history += [JobFailed(error=BOOM), JobRetried(resumes="workflow")]
    given(history).when(start()).then(started(11, "runner-b"))


def _decided(history: list[JobEvent], command: JobCommand) -> list[JobEvent]:
    from libs.jobs.decide import decide

    return list(decide(folded(*history), command))


# -- steps -------------------------------------------------------------------------------------------------------------


def test_a_step_is_recorded() -> None:
    assert given(RUNNING).when(record()).then(step()).steps["ceo-1"].order == 1


def test_a_step_of_a_name_that_is_recorded_is_not_recorded_again() -> None:
    given(RUNNING, step(), started(2)).when(record(attempt=2)).then()


def test_steps_are_numbered_in_the_order_they_finish() -> None:
    given(RUNNING, step()).when(record("cto-1", order=2)).then(step("cto-1", order=2))


def test_a_failed_try_is_recorded_with_its_number() -> None:
    assert given(RUNNING).when(fail_step(1)).then(step_failed(1)).tries == {"ceo-1": 1}


def test_a_failed_try_is_recorded_once() -> None:
    given(RUNNING, step_failed(2)).when(fail_step(2)).then()


def test_a_recorded_step_forgets_its_failed_tries() -> None:
    assert folded(*RUNNING, step_failed(1), step()).tries == {}


# -- approvals, signals, timers ----------------------------------------------------------------------------------------


def test_an_approval_is_asked_for_once() -> None:
    asked = given(RUNNING).when(RequestApproval(attempt=1, name="plan", summary="?"))
    assert asked.then(ApprovalRequested(name="plan", summary="?")).status is Status.AWAITING_APPROVAL


def test_an_approval_carries_the_version_it_is_answered_with() -> None:
    assert folded(*ASKED).asked["plan"].version == len(ASKED)


def test_an_approval_that_was_granted_is_not_asked_for_again() -> None:
    given(GRANTED, started(2)).when(RequestApproval(attempt=2, name="plan", summary="?")).then()


def test_a_worker_that_died_while_asking_is_replaced() -> None:
    decided = _decided(ASKED, start(takeover=True))
    assert decided == [started(2, "runner-b")]


def test_a_signal_is_awaited_once() -> None:
    given(RUNNING).when(AwaitSignal(attempt=1, name="paid", due=DUE)).then(SignalAwaited(name="paid", due=DUE))


def test_a_due_time_is_set_once_and_for_all() -> None:
    later = SetTimer(attempt=1, name="nap", due=DUE + timedelta(days=1))
    given(RUNNING, TimerSet(name="nap", due=DUE)).when(later).then()


def test_a_suspended_attempt_holds_no_worker() -> None:
    waiting = SuspendAttempt(attempt=1, waits=("approval/plan",))
    job = given(ASKED).when(waiting).then(AttemptSuspended(attempt=1, waits=("approval/plan",)))
    assert (job.attempt, job.status) == (None, Status.AWAITING_APPROVAL)


def test_a_sleeping_job_is_still_running() -> None:
    assert folded(*SLEEPING).status is Status.RUNNING


def test_what_came_just_before_suspending_keeps_the_worker() -> None:
    history = [*RUNNING, SignalAwaited(name="paid"), SignalReceived(name="paid")]
    given(history).when(SuspendAttempt(attempt=1, waits=("signal/paid",))).then()


def test_a_timer_that_fired_just_before_suspending_keeps_the_worker() -> None:
    history = [*RUNNING, TimerSet(name="nap", due=DUE), TimerFired(name="nap")]
    given(history).when(SuspendAttempt(attempt=1, waits=("timer/nap",))).then()


def test_one_of_several_waits_being_over_keeps_the_worker() -> None:
    history = [*ASKED, TimerSet(name="nap", due=DUE), TimerFired(name="nap")]
    given(history).when(SuspendAttempt(attempt=1, waits=("approval/plan", "timer/nap"))).then()


def test_a_timer_that_is_due_fires_once() -> None:
    fired = given(SLEEPING).when(FireTimer(name="nap", now=DUE)).then(TimerFired(name="nap"))
    assert fired.wait_over("timer/nap")


def test_a_schedule_that_comes_early_fires_nothing() -> None:
    given(SLEEPING).when(FireTimer(name="nap", now=DUE - timedelta(seconds=1))).then()


def test_a_schedule_nobody_set_fires_nothing() -> None:
    given(RUNNING).when(FireTimer(name="nap", now=DUE)).then()


def test_a_timer_of_a_finished_job_fires_nothing() -> None:
    given(SLEEPING, JobCancelled()).when(FireTimer(name="nap", now=DUE)).then()


def test_a_wait_for_a_signal_runs_out() -> None:
    fired = given(LISTENING).when(FireTimer(name="signal-paid", now=DUE)).then(TimerFired(name="signal-paid"))
    assert fired.wait_over("signal/paid")


def test_a_signal_that_came_stops_its_timer() -> None:
    given(LISTENING, SignalReceived(name="paid")).when(FireTimer(name="signal-paid", now=DUE)).then()


def test_a_fired_timer_starts_the_job_again() -> None:
    given(SLEEPING, TimerFired(name="nap")).when(start()).then(started(2, "runner-b"))


# -- maps, progress, artifacts -----------------------------------------------------------------------------------------


def test_a_map_is_cut_once() -> None:
    other = StartMap(attempt=2, name="shards", total=99)
    given(RUNNING, MapStarted(name="shards", attempt=1, total=3), started(2)).when(other).then()


def test_a_map_is_completed_once() -> None:
    history = [*RUNNING, MapStarted(name="shards", attempt=1, total=3)]
    completed = given(history).when(CompleteMap(attempt=1, name="shards", digest="x"))
    assert completed.then(MapCompleted(name="shards", attempt=1, total=3, digest="x")).maps["shards"].digest == "x"


def test_an_artifact_is_stored_once() -> None:
    assert len(given(RUNNING).when(ARTIFACT).then(STORED).artifacts) == 1


def test_an_artifact_of_the_same_name_replaces_the_older() -> None:
    newer = msgspec.structs.replace(STORED, digest="SHA-256=y")
    assert [each.digest for each in folded(*RUNNING, STORED, newer).artifacts] == ["SHA-256=y"]


# -- the end -----------------------------------------------------------------------------------------------------------


def test_an_app_is_stored_before_the_job_is_done() -> None:
    complete = CompleteJob(attempt=1, app_id=APP, app={"summary": "x"})
    stored = AppStored(app_id=APP, attempt=1, spec={"summary": "x"})
    job = given(RUNNING).when(complete).then(stored, JobCompleted(attempt=1))
    assert (job.status, job.attempt, job.app is not None) == (Status.DONE, None, True)


def test_a_result_that_is_no_app_is_kept() -> None:
    complete = CompleteJob(attempt=1, result=msgspec.Raw(b'{"ev":-0.5}'))
    job = given(RUNNING).when(complete).then(JobCompleted(attempt=1, result=msgspec.Raw(b'{"ev":-0.5}')))
    assert (bytes(job.result), job.app) == (b'{"ev":-0.5}', None)


def test_a_failure_names_its_step() -> None:
    job = given(RUNNING).when(FailJob(attempt=1, error=BOOM, step="cto-1")).then(JobFailed(error=BOOM, step="cto-1"))
    assert (job.status, job.failed_step, job.attempt) == (Status.FAILED, "cto-1", None)


def test_an_app_that_is_stored_again_keeps_its_birthday() -> None:
    first = AppStored(app_id=UUID(int=1), attempt=1, spec={})
    app = folded(*RUNNING, first, AppStored(app_id=UUID(int=1), attempt=1, spec={"new": 1})).app
    assert app is not None
    assert app.created_at < app.updated_at


def test_a_report_that_says_nothing_new_changes_nothing() -> None:
    given(RUNNING).when(REPORT).then(ProgressReported(name="p", attempt=1, done=1))
