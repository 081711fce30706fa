"""What people can want of a job in each of its states: every verb against every status."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from libs.jobs.commands import (
    ApproveStep,
    CancelJob,
    CreateJob,
    PostMessage,
    RejectStep,
    RetryJob,
    SendSignal,
    StartAttempt,
    WireCommand,
)
from libs.jobs.decide import NoSuchJob, allowed, decide, first_message_id
from libs.jobs.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    Failure,
    JobCancelled,
    JobCreated,
    JobEvent,
    JobFailed,
    JobRetried,
    SignalReceived,
    TimerFired,
    UserMessagePosted,
)
from libs.jobs.state import Decision, Status
from tests.libs.jobs.spec import (
    ASKED,
    ASKED_VERSION,
    BROKEN,
    BROKEN_TALK,
    BY_STATUS,
    CALLED_OFF,
    COMMAND,
    CREATED,
    GRANTED,
    LISTENING,
    REPLYING,
    SIMULATION,
    SUSPENDED,
    TALKED,
    TALKING,
    WAITING,
    flat,
    folded,
    given,
    started,
)

APPROVE = ApproveStep(name="plan", approval_version=ASKED_VERSION)
REJECT = RejectStep(name="plan", approval_version=ASKED_VERSION, comment="too dear")
CREATE = CreateJob(kind="build", prompt="An app", talks=True)
FOR_NOBODY = SendSignal(name="paid", data=1)

VERBS: dict[str, WireCommand] = {
    "create": CREATE,
    "chat": PostMessage(content="hello"),
    "cancel": CancelJob(reason="enough"),
    "retry": RetryJob(),
    "approve": APPROVE,
    "reject": REJECT,
    "signal": FOR_NOBODY,
}

# Verb by verb: what each status answers. A name is an event's, a word in brackets a refusal's code, "-" is nothing at all.
TABLE = """
           collecting           queued              running             awaiting_approval   done                failed              cancelled
create     -                    -                   -                   -                   -                   -                   -
chat       user_message_posted  (not_allowed_now)   (not_allowed_now)   (not_allowed_now)   (not_allowed_now)   (not_allowed_now)   (not_allowed_now)
cancel     job_cancelled        job_cancelled       job_cancelled       job_cancelled       (not_allowed_now)   (not_allowed_now)   -
retry      (not_allowed_now)    (not_allowed_now)   (not_allowed_now)   (not_allowed_now)   (not_allowed_now)   job_retried         job_retried
approve    (no_such_approval)   (no_such_approval)  (no_such_approval)  approval_granted    (no_such_approval)  (no_such_approval)  (no_such_approval)
reject     (no_such_approval)   (no_such_approval)  (no_such_approval)  approval_rejected   (no_such_approval)  (no_such_approval)  (no_such_approval)
signal     (nobody_waits)       (nobody_waits)      (nobody_waits)      (nobody_waits)      (nobody_waits)      (nobody_waits)      (nobody_waits)
"""


def cells() -> list[tuple[str, Status, str]]:
    heading, *rows = (line.split() for line in TABLE.strip("\n").splitlines())
    return [(row[0], Status(status), cell) for row in rows for status, cell in zip(heading, row[1:], strict=True)]


@pytest.mark.parametrize(("verb", "status", "answer"), cells())
def test_every_verb_has_its_answer_in_every_status(verb: str, status: Status, answer: str) -> None:
    history = BY_STATUS[status]
    assert folded(*history).status is status
    decision = given(history).when(VERBS[verb])
    if answer == "-":
        decision.then()
    elif answer.startswith("("):
        decision.refused(answer.strip("()"))
    else:
        made = decide(folded(*history), VERBS[verb], command_id=COMMAND)
        assert made[0].type_name() == answer
        decision.then(*made)


@pytest.mark.parametrize("status", list(BY_STATUS))
def test_what_is_said_to_be_allowed_is_not_refused(status: Status) -> None:
    job = folded(*BY_STATUS[status])
    for verb in allowed(job):
        made = decide(job, VERBS[verb], command_id=COMMAND)
        assert made[0].type_name() != "command_refused"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "create"])
def test_a_job_that_does_not_exist_yet_is_looked_for_later(verb: str) -> None:
    given().when(VERBS[verb]).raises(NoSuchJob)


def test_a_command_that_was_decided_is_not_decided_again_in_another_state() -> None:
    said = given(TALKED).when(PostMessage(content="hi")).then(UserMessagePosted(message_id=COMMAND, content="hi"))
    assert COMMAND in said.handled


def test_a_refused_command_stays_refused_after_the_state_allows_it() -> None:
    given(WAITING).when(RetryJob()).refused("not_allowed_now")  # `refused` decides it twice


def test_a_command_from_the_wire_needs_its_id() -> None:
    with pytest.raises(ValueError, match="id"):
        decide(folded(*TALKED), PostMessage(content="hi"))


# -- create ------------------------------------------------------------------------------------------------------------


def test_a_prompt_is_also_the_first_message() -> None:
    first = UserMessagePosted(message_id=first_message_id(COMMAND), content="An app")
    job = given().when(CREATE).then(CREATED, first)
    assert (job.status, job.unanswered) == (Status.COLLECTING, (first.message_id,))


def test_a_job_that_needs_no_talk_is_queued_by_being_created() -> None:
    create = CreateJob(kind="simulation", prompt="", talks=False, request={"rounds": 1}, approvals=("run",))
    created = JobCreated(kind="simulation", prompt="", talks=False, request={"rounds": 1}, approvals=("run",))
    assert given().when(create).then(created).status is Status.QUEUED


def test_another_create_for_the_same_job_changes_nothing() -> None:
    given(TALKED).when(CreateJob(kind="other", prompt="mine now", talks=False), command_id=UUID(int=5)).then()


# -- cancel and retry --------------------------------------------------------------------------------------------------


def test_a_cancelled_job_has_no_worker() -> None:
    job = given(SUSPENDED[:-1]).when(CancelJob(reason="enough")).then(JobCancelled(reason="enough"))
    assert (job.attempt, job.reply, job.waits) == (None, None, ())


def test_a_cancelled_talk_has_nobody_writing() -> None:
    assert given(REPLYING).when(CancelJob()).then(JobCancelled()).reply is None


def test_a_retry_takes_a_broken_talk_up_at_the_unanswered_turn() -> None:
    job = given(BROKEN_TALK).when(RetryJob()).then(JobRetried(resumes="conversation"))
    assert (job.status, len(job.unanswered)) == (Status.COLLECTING, 1)


def test_a_retry_takes_a_broken_workflow_up_with_its_steps() -> None:
    job = given(BROKEN).when(RetryJob()).then(JobRetried(resumes="workflow"))
    assert (job.status, list(job.steps), job.error, job.failed_step) == (Status.QUEUED, ["ceo-1"], None, None)


def test_a_retry_of_a_job_without_a_talk_resumes_its_workflow() -> None:
    failed: list[JobEvent] = [*SIMULATION, started(), JobFailed(error=Failure(code="x", message="x"))]
    given(failed).when(RetryJob()).then(JobRetried(resumes="workflow"))


def test_a_retry_never_reuses_a_fencing_token() -> None:
    job = given(BROKEN).when(RetryJob()).then(JobRetried(resumes="workflow"))
    assert job.attempts == 1


def test_a_cancelled_job_can_be_retried_with_its_open_approval() -> None:
    job = given([*SUSPENDED, JobCancelled()]).when(RetryJob()).then(JobRetried(resumes="workflow"))
    assert (job.status, job.asked["plan"].decision) == (Status.QUEUED, Decision.OPEN)


# -- approvals ---------------------------------------------------------------------------------------------------------


def test_an_approval_queues_a_job_that_waits_without_a_worker() -> None:
    granted = ApprovalGranted(name="plan", approval_version=ASKED_VERSION)
    assert given(SUSPENDED).when(APPROVE).then(granted).status is Status.QUEUED


def test_an_approval_lets_a_worker_that_still_holds_the_job_go_on() -> None:
    granted = ApprovalGranted(name="plan", approval_version=ASKED_VERSION)
    assert given(ASKED).when(APPROVE).then(granted).status is Status.RUNNING


def test_one_of_two_approvals_is_not_enough_for_the_status() -> None:
    both = [*ASKED, ApprovalRequested(name="budget", summary="Pay?")]
    granted = ApprovalGranted(name="plan", approval_version=ASKED_VERSION)
    assert given(both).when(APPROVE).then(granted).status is Status.AWAITING_APPROVAL


def test_an_answer_to_an_older_question_is_refused() -> None:
    given(SUSPENDED).when(ApproveStep(name="plan", approval_version=3)).refused("approval_outdated")


def test_granting_again_changes_nothing() -> None:
    given(GRANTED).when(APPROVE, command_id=UUID(int=77)).then()


def test_rejecting_what_was_granted_is_refused() -> None:
    given(GRANTED).when(REJECT).refused("not_allowed_now")


def test_a_rejection_fails_the_job_with_the_comment() -> None:
    rejected = ApprovalRejected(name="plan", approval_version=ASKED_VERSION, comment="too dear")
    error = Failure(code="approval_rejected", message="The approval 'plan' was rejected: too dear")
    job = given(SUSPENDED).when(REJECT).then(rejected, JobFailed(error=error, step="plan"))
    assert (job.status, job.error) == (Status.FAILED, error)


def test_a_retry_after_a_rejection_asks_again() -> None:
    rejected = flat(
        SUSPENDED,
        ApprovalRejected(name="plan", approval_version=ASKED_VERSION),
        JobFailed(error=Failure(code="approval_rejected", message="no"), step="plan"),
    )
    assert given(rejected).when(RetryJob()).then(JobRetried(resumes="workflow")).asked == {}


def test_an_approval_of_before_the_retry_is_outdated() -> None:
    asked_again = flat(
        SUSPENDED,
        ApprovalRejected(name="plan", approval_version=ASKED_VERSION),
        JobFailed(error=Failure(code="approval_rejected", message="no"), step="plan"),
        JobRetried(resumes="workflow"),
        started(2),
        ApprovalRequested(name="plan", summary="Now?"),
    )
    given(asked_again).when(APPROVE).refused("approval_outdated")


# -- signals -----------------------------------------------------------------------------------------------------------


def test_a_signal_reaches_the_workflow_that_waits_for_it() -> None:
    received = SignalReceived(name="paid", data=msgspec.Raw(b'{"euro":5}'))
    job = given(LISTENING).when(SendSignal(name="paid", data={"euro": 5})).then(received)
    assert job.wait_over("signal/paid")


def test_a_second_signal_is_refused() -> None:
    received = SignalReceived(name="paid", data=msgspec.Raw(b"1"))
    given(LISTENING, received).when(FOR_NOBODY).refused("nobody_waits")


def test_a_signal_after_its_time_is_refused() -> None:
    given(LISTENING, TimerFired(name="signal-paid")).when(FOR_NOBODY).refused("nobody_waits")


def test_a_signal_for_a_cancelled_job_is_refused() -> None:
    given(LISTENING, JobCancelled()).when(FOR_NOBODY).refused("nobody_waits")


def test_a_suspended_job_wakes_by_its_signal() -> None:
    received = SignalReceived(name="paid", data=msgspec.Raw(b"1"))
    given(LISTENING, received).when(StartAttempt(worker="runner-b")).then(started(2, "runner-b"))


def test_a_refusal_says_what_is_allowed_now() -> None:
    assert given(CALLED_OFF).when(PostMessage(content="hi")).refused("not_allowed_now").allowed == ("retry",)
    assert given(TALKING).when(RetryJob()).refused("not_allowed_now").allowed == ("chat", "cancel")
