from __future__ import annotations

from libs.llm.port import ModelRateLimited, ModelTimeout, ModelUnauthorized
from services.agents.retries import RetryPolicy, failure

POLICY = RetryPolicy(tries_max=4, delay_seconds=1.0, delay_seconds_max=3.0)
SLOW = ModelTimeout("the model did not answer within 60 s")


def test_waits_double_up_to_a_limit() -> None:
    delays = [POLICY.delay(SLOW, tries=tries, jitter=1.0) for tries in (1, 2, 3)]
    assert delays == [1.0, 2.0, 3.0]


def test_jitter_takes_at_most_half() -> None:
    assert POLICY.delay(SLOW, tries=1, jitter=0.0) == 0.5


def test_the_last_try_is_the_last() -> None:
    assert POLICY.delay(SLOW, tries=4, jitter=0.0) is None


def test_an_error_that_will_not_pass_is_not_tried_again() -> None:
    assert POLICY.delay(ModelUnauthorized("the key was refused"), tries=1, jitter=0.0) is None


def test_retry_after_is_the_least_that_is_waited() -> None:
    delay = POLICY.delay(ModelRateLimited("too many calls", retry_after_seconds=7.0), tries=1, jitter=0.0)
    assert delay is not None
    assert delay >= 7.0


def test_a_wait_that_nobody_would_wait_for_is_left_to_a_person() -> None:
    assert POLICY.delay(ModelRateLimited("tomorrow", retry_after_seconds=86_400), tries=1, jitter=0.0) is None


def test_an_unknown_error_is_tried_again() -> None:
    assert POLICY.delay(RuntimeError("boom"), tries=1, jitter=0.0) is not None


def test_a_failure_tells_people_what_happened_and_how_often() -> None:
    told = failure(SLOW, tries=4)
    assert told.code == "model_timeout"
    assert told.message == "The agent could not answer after 4 tries. The model did not answer within 60 s."


def test_a_crash_tells_people_nothing_about_the_inside() -> None:
    assert "secret" not in failure(RuntimeError("secret"), tries=1).message
