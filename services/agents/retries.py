"""When a failed reply is tried again: a pure policy."""

from __future__ import annotations

import msgspec

from libs.jobs.events import Failure
from libs.llm.port import ModelError

__all__ = ["RetryPolicy", "failure"]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off with jitter; what the server asks for with Retry-After is the least it gets."""

    tries_max: int = 5
    delay_seconds: float = 0.5
    delay_seconds_max: float = 30.0
    retry_after_seconds_max: float = 600.0

    def delay(self, error: Exception, *, tries: int, jitter: float) -> float | None:
        """Seconds until the next try after `tries` failed ones, or None where a person must look. `jitter` is in [0, 1)."""
        asked = 0.0
        if isinstance(error, ModelError):
            asked = error.retry_after_seconds or 0.0
            if not error.retryable or asked > self.retry_after_seconds_max:
                return None
        if tries >= self.tries_max:
            return None
        backoff = min(self.delay_seconds * 2.0 ** (tries - 1), self.delay_seconds_max)
        return max(asked, 0.0) + backoff * (0.5 + jitter / 2)


def failure(error: Exception, *, tries: int) -> Failure:
    """What people and programs are told about an attempt that came to nothing."""
    times = "" if tries == 1 else f" after {tries} tries"
    if isinstance(error, ModelError):
        why = error.message[:1].upper() + error.message[1:].rstrip(".")
        return Failure(code=error.code, message=f"The agent could not answer{times}. {why}.", retryable=error.retryable)
    message = f"The agent could not answer{times}. Something went wrong inside it ({type(error).__name__})."
    return Failure(code="agent_failed", message=message)
