"""The rows follow from the log alone, and say what the fold of the job says."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.subjects import StreamId
from libs.jobs.commands import (
    ApproveStep,
    AwaitSignal,
    CreateChild,
    CreateJob,
    EndChild,
    RequestApproval,
    SetTimer,
    StartAttempt,
    StartChild,
    SuspendAttempt,
)
from libs.jobs.testing import Life, build_history, histories
from services.projector.model import ApprovalRow, AppRow, ArtifactRow, JobRow, MessageRow, StepRow, TimerRow
from tests.services.projector import folding

STREAM = StreamId(UUID(int=1), UUID(int=2))
LIVES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def started(kind: str = "other") -> Life:
    life = Life(STREAM)
    life.do(CreateJob(kind=kind, prompt="an idea", talks=False))
    life.do(StartAttempt(worker="runner-1"))
    return life


def waiting_of(life: Life) -> dict[str, object]:
    job, _ = folding.project(life.history)
    assert job.waiting is not None
    found: dict[str, object] = msgspec.json.decode(job.waiting)
    return found


@LIVES
@given(histories(), st.lists(st.integers(0, 9), max_size=8))
def test_the_rows_of_any_history_say_what_its_fold_says(life: Life, batches: list[int]) -> None:
    job, rows = folding.project(life.history, batches)
    fold = life.job
    assert fold is not None
    assert {name: getattr(job, name) for name in folding.shown(fold)} == folding.shown(fold)
    assert job.needs == folding.runnable(fold)
    assert (job.waiting is None) == fold.status.ended
    assert [
        (r.id, r.name, r.order, r.agent_name, r.message, r.usage, r.created_at) for r in rows[StepRow]
    ] == folding.steps(fold)
    assert [
        (r.id, r.role, r.sender, r.content, r.metadata, r.created_at) for r in rows[MessageRow]
    ] == folding.messages(fold)
    assert {
        (r.name, r.version, r.summary) for r in rows[ApprovalRow] if r.decision == "open"
    } == folding.open_approvals(fold)
    assert {(r.name, r.due) for r in rows[TimerRow] if r.open} == folding.open_timers(fold)
    assert {(r.name, r.digest, r.size) for r in rows[ArtifactRow]} == {
        (each.name, each.digest, each.size) for each in fold.artifacts
    }
    assert [(r.id, r.spec, r.created_at, r.updated_at) for r in rows[AppRow]] == (
        []
        if fold.app is None
        else [
            (
                str(fold.app.id),
                folding.text_of(fold.app.spec),
                fold.app.created_at.isoformat(),
                fold.app.updated_at.isoformat(),
            )
        ]
    )


@LIVES
@given(histories(), st.lists(st.integers(0, 5), max_size=20))
def test_how_a_history_is_cut_into_batches_changes_nothing(life: Life, batches: list[int]) -> None:
    assert folding.project(life.history, batches) == folding.project(life.history)


@LIVES
@given(histories())
def test_a_row_read_back_from_the_database_goes_on_like_the_one_in_memory(life: Life) -> None:
    job, _ = folding.project(life.history)
    copy = msgspec.json.decode(msgspec.json.encode(job), type=JobRow)
    assert copy == job


def test_a_build_job_ends_done_with_its_app() -> None:
    life = build_history(STREAM)
    job, rows = folding.project(life.history)
    assert (job.status, job.waiting, len(rows[AppRow]), len(rows[StepRow])) == ("done", None, 1, 12)


def test_tokens_of_all_model_calls_are_summed() -> None:
    job, _ = folding.project(build_history(STREAM, rounds=2, steps=3).history)
    assert (job.prompt_tokens, job.completion_tokens) == (5 * 210, 5 * 64)


def test_a_queued_job_waits_for_a_runner() -> None:
    life = Life(STREAM)
    life.do(CreateJob(kind="other", prompt="an idea", talks=False))
    assert waiting_of(life) == {"for": "runner", "since": life.now.isoformat()}


def test_a_talking_job_with_an_open_turn_waits_for_the_agent() -> None:
    life = Life(STREAM)
    life.do(CreateJob(kind="build", prompt="an idea", talks=True))
    assert waiting_of(life)["for"] == "agent"


def test_a_suspended_job_says_what_it_waits_for_and_needs_nobody() -> None:
    life = started()
    life.do(RequestApproval(attempt=1, name="plan", summary="Build it?"))
    asked_at = life.now.isoformat()
    life.do(SuspendAttempt(attempt=1, waits=("approval/plan",)))
    job, _ = folding.project(life.history)
    on = [{"wait": "approval/plan", "since": asked_at, "version": 3, "summary": "Build it?"}]
    assert waiting_of(life) == {"for": "approval", "since": life.now.isoformat(), "on": on}
    assert job.needs is None


def test_a_job_that_waits_for_a_child_says_for_which() -> None:
    life = started()
    life.do(StartChild(attempt=1, name="cell", child_id=UUID(int=9), kind="simulation"))
    noted_at = life.now.isoformat()
    life.do(SuspendAttempt(attempt=1, waits=("child/cell",)))
    on = [{"wait": "child/cell", "since": noted_at, "job_id": str(UUID(int=9))}]
    assert waiting_of(life) == {"for": "child", "since": life.now.isoformat(), "on": on}
    job, _ = folding.project(life.history)
    assert (job.needs, job.children_open) == (None, 1)
    life.do(EndChild(child_id=UUID(int=9), status="done", round=0))
    job, _ = folding.project(life.history)
    assert (job.needs, job.children_open) == ("runner", 0)


def test_a_child_names_its_parent() -> None:
    life = Life(STREAM)
    life.do(CreateChild(parent=UUID(int=8), kind="other", prompt=""))
    assert folding.project(life.history)[0].parent_id == str(UUID(int=8))


def test_a_granted_approval_makes_the_job_the_runners_again() -> None:
    life = started()
    life.do(RequestApproval(attempt=1, name="plan", summary="Build it?"))
    life.do(SuspendAttempt(attempt=1, waits=("approval/plan",)))
    life.do(ApproveStep(name="plan", approval_version=3))
    job, _ = folding.project(life.history)
    assert (job.needs, waiting_of(life)["for"]) == ("runner", "runner")


def test_a_wait_names_when_it_runs_out() -> None:
    life = started()
    due = datetime(2026, 3, 1, tzinfo=UTC)
    life.do(AwaitSignal(attempt=1, name="paid", due=due))
    life.do(SetTimer(attempt=1, name="nap", due=due))
    life.do(SuspendAttempt(attempt=1, waits=("signal/paid", "timer/nap")))
    on = waiting_of(life)["on"]
    assert isinstance(on, list)
    assert [(each["wait"], each["due"]) for each in on] == [
        ("signal/paid", due.isoformat()),
        ("timer/nap", due.isoformat()),
    ]
