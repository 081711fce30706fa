from __future__ import annotations

from uuid import UUID

from libs.jobs.children import child_id
from libs.jobs.commands import CancelJob, CreateChild, EndChild, RetryJob, StartChild, SuspendAttempt
from libs.jobs.events import ChildEnded, ChildStarted, Failure, JobCancelled, JobCreated, JobFailed, JobRetried
from libs.jobs.state import Status
from tests.libs.jobs.spec import BOOM, RUNNING, STREAM, flat, folded, given

CHILD = child_id(STREAM.id, "cell")
STARTED = ChildStarted(name="cell", attempt=1, child_id=CHILD, kind="simulation")
START = StartChild(attempt=1, name="cell", child_id=CHILD, kind="simulation")
WAITING = [*RUNNING, STARTED]


def end(status: str = "done", round_: int = 0, error: Failure | None = None) -> EndChild:
    return EndChild(child_id=CHILD, status=status, round=round_, error=error)  # type: ignore[arg-type]


def ended(status: str = "done", round_: int = 0, error: Failure | None = None) -> ChildEnded:
    return ChildEnded(name="cell", child_id=CHILD, status=status, round=round_, error=error)  # type: ignore[arg-type]


def test_a_child_is_created_queued_and_knows_its_parent() -> None:
    command = CreateChild(parent=UUID(int=5), kind="simulation", prompt="p", request={"n": 1}, approvals=("run",))
    created = JobCreated(
        kind="simulation", prompt="p", talks=False, request={"n": 1}, approvals=("run",), parent=UUID(int=5)
    )
    job = given().when(command).then(created)
    assert (job.status, job.parent) == (Status.QUEUED, UUID(int=5))


def test_a_child_has_one_id_for_a_name() -> None:
    assert child_id(STREAM.id, "cell") == CHILD
    assert len({CHILD, child_id(STREAM.id, "other"), child_id(UUID(int=9), "cell")}) == 3


def test_a_child_is_noted_once() -> None:
    job = given(RUNNING).when(START).then(STARTED)
    assert list(job.children_open) == ["cell"]


def test_only_the_current_attempt_has_children() -> None:
    given(RUNNING).when(StartChild(attempt=7, name="cell", child_id=CHILD, kind="x")).loses_the_fence()


def test_a_parent_waits_until_its_child_has_ended() -> None:
    assert not folded(*WAITING).wait_over("child/cell")
    job = given(WAITING).when(end()).then(ended())
    assert job.wait_over("child/cell")
    assert job.children["cell"].status is Status.DONE
    given(WAITING, ended()).when(SuspendAttempt(attempt=1, waits=("child/cell",))).then()


def test_a_parent_that_has_ended_still_learns_what_became_of_its_child() -> None:
    job = given(WAITING, JobCancelled()).when(end("cancelled")).then(ended("cancelled"))
    assert job.status is Status.CANCELLED
    assert not job.children_open


def test_the_end_of_a_stranger_changes_nothing() -> None:
    given(WAITING).when(EndChild(child_id=UUID(int=8), status="done", round=0)).then()


def test_a_child_that_failed_its_parent_is_retried_with_it() -> None:
    history = flat(WAITING, ended("failed", error=BOOM), JobFailed(error=BOOM, step="cell"))
    job = given(history).when(RetryJob()).then(JobRetried(resumes="workflow"))
    assert job.children["cell"].again
    again = ChildStarted(name="cell", attempt=1, child_id=CHILD, kind="simulation", round=1)
    command = StartChild(attempt=1, name="cell", child_id=CHILD, kind="simulation", round=1)
    retried = flat(history, JobRetried(resumes="workflow"), RUNNING[-1])
    given(retried).when(command).then(again)
    assert list(folded(*retried, again).children_open) == ["cell"]


def test_a_late_word_of_an_end_before_the_retry_changes_nothing() -> None:
    history = flat(WAITING, ended("failed"), JobFailed(error=BOOM, step="cell"), JobRetried(resumes="workflow"))
    given(history).when(end("failed")).then()
    again = ChildStarted(name="cell", attempt=2, child_id=CHILD, kind="simulation", round=1)
    given(history, again).when(end("failed")).then()
    given(history, again).when(end("done", 1)).then(ended("done", 1))


def test_a_failed_child_that_did_not_stop_its_parent_is_left_as_it_is() -> None:
    history = flat(WAITING, ended("failed"), JobFailed(error=BOOM, step="another"), JobRetried(resumes="workflow"))
    assert not folded(*history).children["cell"].again


def test_children_called_off_with_their_parent_are_taken_up_with_it() -> None:
    history = flat(WAITING, JobCancelled(), ended("cancelled"), JobRetried(resumes="workflow"))
    assert folded(*history).children["cell"].again


def test_a_child_called_off_for_an_end_that_its_parent_was_retried_after_is_taken_up_again() -> None:
    history = flat(WAITING, JobCancelled(), JobRetried(resumes="workflow"))
    job = given(history).when(end("cancelled")).then(ended("cancelled"))
    assert job.children["cell"].again
    started = ChildStarted(name="cell", attempt=2, child_id=CHILD, kind="simulation", round=1)
    job = given(history, ended("cancelled"), started).when(end("cancelled", 1)).then(ended("cancelled", 1))
    assert not job.children["cell"].again


def test_a_child_that_is_done_is_never_done_again() -> None:
    history = flat(WAITING, ended(), JobCancelled(), JobRetried(resumes="workflow"))
    assert not folded(*history).children["cell"].again
    given(history, RUNNING[-1]).when(START).then()


def test_a_child_is_cancelled_as_any_job_is() -> None:
    child = JobCreated(kind="simulation", prompt="", talks=False, parent=STREAM.id)
    given(child).when(CancelJob()).then(JobCancelled())
