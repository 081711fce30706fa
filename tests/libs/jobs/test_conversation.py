"""The conversation's decisions: one reply per turn, fenced, in order, and an end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.jobs.commands import CancelJob, FailReply, PostMessage, PostReply, StartReply
from libs.jobs.decide import NoSuchJob, reply_id
from libs.jobs.events import (
    Failure,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobQueued,
    JobRetried,
    ReplyFailed,
    ReplyStarted,
    RequirementsSummarized,
    Usage,
)
from libs.jobs.state import Status
from tests.libs.jobs.spec import (
    BOOM,
    COMMAND,
    OTHER_TURN,
    REPLYING,
    SAID_MORE,
    START,
    SUMMARIZED,
    TALKED,
    TALKING,
    TURN,
    WAITING,
    UserMessagePosted,
    folded,
    given,
    reply_posted,
    reply_started,
)

SUMMARY = SUMMARIZED.summary


def post(attempt: int = 1, **changes: object) -> PostReply:
    posted = reply_posted(attempt)
    fields = {
        "turn_id": TURN,
        "attempt": attempt,
        "message_id": posted.message_id,
        "sender": posted.sender,
        "content": posted.content,
        "stream": posted.stream,
    }
    return PostReply(**(fields | changes))  # type: ignore[arg-type]


def fail(attempt: int = 1, retry_in_seconds: float | None = None) -> FailReply:
    return FailReply(turn_id=TURN, attempt=attempt, error=BOOM, retry_in_seconds=retry_in_seconds)


def failed(attempt: int = 1, retry_in_seconds: float | None = None) -> ReplyFailed:
    return ReplyFailed(turn_id=TURN, attempt=attempt, error=BOOM, retry_in_seconds=retry_in_seconds)


# -- starting ----------------------------------------------------------------------------------------------------------


def test_the_oldest_unanswered_turn_is_answered_first() -> None:
    given(TALKING, SAID_MORE).when(StartReply(worker="agents-a")).then(reply_started())


def test_the_next_turn_is_answered_after_it() -> None:
    both = [*TALKING, SAID_MORE, reply_started(), reply_posted()]
    given(both).when(StartReply(worker="agents-a")).then(reply_started(2, turn=OTHER_TURN))


def test_nothing_is_started_where_all_is_answered() -> None:
    given(TALKED).when(StartReply(worker="agents-a")).then()


def test_nothing_is_started_once_the_talk_is_over() -> None:
    given(WAITING).when(StartReply(worker="agents-a", takeover=True)).then()


def test_nothing_is_started_in_a_cancelled_talk() -> None:
    given(TALKING, JobCancelled()).when(StartReply(worker="agents-a")).then()


def test_a_reply_in_other_hands_is_not_started_again() -> None:
    given(REPLYING).when(StartReply(worker="agents-b")).then()


def test_a_reply_can_be_taken_over_with_a_higher_token() -> None:
    decision = given(REPLYING).when(StartReply(worker="agents-b", takeover=True))
    with pytest.raises(AssertionError, match="second time"):
        decision.then(reply_started(2, "agents-b"))  # a takeover is the one command that takes again, whoever asks


def test_the_stream_of_deltas_is_named_after_the_reply() -> None:
    assert reply_started().stream == f"reply-{reply_id(TURN)}"


def test_attempts_that_are_never_heard_of_again_fail_the_job_in_the_end() -> None:
    history: list[JobEvent] = [*TALKING, *(reply_started(number) for number in range(1, 11))]
    error = Failure(code="no_progress", message="10 attempts to answer in a row ended without a word")
    given(history).when(StartReply(worker="agents-b", takeover=True)).then(JobFailed(error=error))


def test_a_job_that_does_not_exist_yet_is_looked_for_later() -> None:
    given().when(StartReply(worker="agents-a")).raises(NoSuchJob)


# -- posting -----------------------------------------------------------------------------------------------------------


def test_a_reply_answers_its_turn() -> None:
    assert given(REPLYING).when(post()).then(reply_posted()).unanswered == ()


def test_what_a_reply_cost_is_kept_with_it() -> None:
    usage = Usage(model="m", prompt_tokens=1, completion_tokens=2, latency_seconds=0.5)
    posted = given(REPLYING).when(post(usage=usage, metadata={"turn": 1}))
    job = posted.then(type(reply_posted())(**_fields(usage=usage, metadata={"turn": 1})))
    assert job.messages[-1].metadata == {"turn": 1}


def _fields(**changes: object) -> dict[str, object]:
    posted = reply_posted()
    return {name: getattr(posted, name) for name in posted.__struct_fields__} | changes


def test_an_older_attempt_stores_nothing() -> None:
    given(REPLYING, reply_started(2, "agents-b")).when(post(1)).loses_the_fence()


def test_a_reply_to_a_turn_that_was_answered_is_not_stored() -> None:
    given(TALKED).when(post()).loses_the_fence()


def test_a_reply_to_a_cancelled_talk_is_not_stored() -> None:
    given(REPLYING, JobCancelled()).when(post()).loses_the_fence()


def test_a_reply_to_another_turn_is_not_stored() -> None:
    given(REPLYING).when(post(turn_id=OTHER_TURN)).loses_the_fence()


def test_a_summary_ends_the_talk() -> None:
    job = given(REPLYING).when(post(summary=SUMMARY)).then(reply_posted(), SUMMARIZED, JobQueued())
    assert (job.status, job.requirements_summary) == (Status.QUEUED, SUMMARY)


def test_who_said_more_meanwhile_is_heard_before_the_end() -> None:
    job = given(REPLYING, SAID_MORE).when(post(summary=SUMMARY)).then(reply_posted())
    assert (job.status, job.unanswered) == (Status.COLLECTING, (OTHER_TURN,))


def test_a_forced_summary_ends_the_talk_whatever_was_said_meanwhile() -> None:
    forced = RequirementsSummarized(summary=SUMMARY, agent="Client Relations", forced=True)
    decision = given(REPLYING, SAID_MORE).when(post(summary=SUMMARY, forced=True))
    assert decision.then(reply_posted(), forced, JobQueued()).unanswered == ()


def test_a_message_typed_while_the_agent_writes_waits_for_its_turn() -> None:
    job = given(REPLYING).when(PostMessage(content="also")).then(UserMessagePosted(message_id=COMMAND, content="also"))
    assert job.unanswered == (TURN, COMMAND)
    assert job.reply is not None


# -- failing -----------------------------------------------------------------------------------------------------------


def test_a_failed_try_leaves_the_turn_unanswered() -> None:
    job = given(REPLYING).when(fail(retry_in_seconds=5.0)).then(failed(retry_in_seconds=5.0))
    assert (job.status, job.reply, job.unanswered) == (Status.COLLECTING, None, (TURN,))


def test_a_failed_try_says_when_the_next_may_begin() -> None:
    job = given(REPLYING).when(fail(retry_in_seconds=5.0)).then(failed(retry_in_seconds=5.0))
    assert job.reply_retry_at == START + timedelta(seconds=len(REPLYING) + 1 + 5)


def test_failed_tries_of_a_turn_are_counted() -> None:
    job = folded(*REPLYING, failed(1, 1.0), reply_started(2), failed(2, 1.0))
    assert job.reply_failures == 2


def test_a_stored_reply_forgets_the_failures_before_it() -> None:
    job = folded(*REPLYING, failed(1, 1.0), reply_started(2), reply_posted(2))
    assert (job.reply_failures, job.reply_retry_at) == (0, None)


def test_a_failure_without_a_next_try_fails_the_job() -> None:
    job = given(REPLYING).when(fail()).then(failed(), JobFailed(error=BOOM))
    assert (job.status, job.error) == (Status.FAILED, BOOM)


def test_a_retry_forgets_the_failures_before_it() -> None:
    job = folded(
        *REPLYING,
        failed(1, 1.0),
        reply_started(2),
        failed(2),
        JobFailed(error=BOOM),
        JobRetried(resumes="conversation"),
    )
    assert (job.reply_failures, job.reply_retry_at) == (0, None)


def test_an_older_attempt_cannot_fail_the_reply() -> None:
    given(REPLYING, reply_started(2, "agents-b")).when(fail(1)).loses_the_fence()


def test_the_next_try_has_a_higher_token() -> None:
    next_try = given(REPLYING, failed(1, 1.0)).when(StartReply(worker="agents-a"))
    next_try.then(ReplyStarted(turn_id=TURN, attempt=2, worker="agents-a", stream=reply_started().stream))


def test_a_cancel_wins_against_a_reply_being_written() -> None:
    job = given(REPLYING).when(CancelJob()).then(JobCancelled())
    assert job.status is Status.CANCELLED
