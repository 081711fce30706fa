from __future__ import annotations

import pytest

from libs.workflow import Retry


class Temporary(Exception):
    retryable = True


class Permanent(Exception):
    retryable = False


class Throttled(Exception):
    retry_after_seconds = 7.0


def delays(policy: Retry, error: BaseException, tries: int) -> list[float | None]:
    return [policy.delay_seconds(error, number, 0.5) for number in range(1, tries + 1)]


def test_pauses_grow_by_the_factor_up_to_the_limit() -> None:
    policy = Retry(attempts=5, initial_seconds=1, factor=3, max_seconds=10)
    assert delays(policy, Temporary(), 5) == [1, 3, 9, 10, None]


@pytest.mark.parametrize(("random", "pause"), [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5)])
def test_jitter_changes_a_pause_by_its_share_at_most(random: float, pause: float) -> None:
    assert Retry(jitter=0.5).delay_seconds(Temporary(), 1, random) == pause


def test_an_error_that_is_not_retryable_is_the_last() -> None:
    assert delays(Retry(), Permanent(), 1) == [None]


def test_retry_on_overrules_the_errors_own_word() -> None:
    assert delays(Retry(retry_on=(Permanent,)), Permanent(), 1) == [1.0]
    assert delays(Retry(retry_on=(Permanent,)), Temporary(), 1) == [None]


def test_retry_on_may_be_a_function() -> None:
    policy = Retry(retry_on=lambda error: "again" in str(error))
    assert (delays(policy, ValueError("again"), 1), delays(policy, ValueError("no"), 1)) == ([1.0], [None])


def test_give_up_on_wins() -> None:
    assert delays(Retry(retry_on=(Exception,), give_up_on=(KeyError,)), KeyError(), 1) == [None]


def test_retry_after_is_the_least_pause() -> None:
    assert delays(Retry(attempts=6, jitter=0), Throttled(), 5) == [7.0, 7.0, 7.0, 8.0, 16.0]


def test_an_absurd_retry_after_is_a_day_at_most() -> None:
    error = Throttled()
    error.retry_after_seconds = 1e300
    assert delays(Retry(), error, 1) == [86400.0]


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"factor": 0.5}, {"initial_seconds": -1}, {"jitter": 2}])
def test_a_senseless_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"policy|share"):
        Retry(**wrong)  # type: ignore[arg-type]
