"""When a failed step is tried again: a policy of the author's, heeding what the error itself asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Retry"]

_DELAY_SECONDS_MAX = 24 * 3600.0  # whatever a server asks for in its Retry-After


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """At most `attempts` tries, `initial_seconds` apart, each pause `factor` times the one before, up to `max_seconds`.

    A pause is shortened or lengthened at random by up to the share `jitter`. `retry_on` names the errors (classes, or a
    function of the error) that are worth another try, by default all; `give_up_on` those that never are. An error with
    `retryable = False` is not tried again either, unless `retry_on` names it; its `retry_after_seconds` is the least pause.
    """

    attempts: int = 3
    initial_seconds: float = 1.0
    factor: float = 2.0
    max_seconds: float = 60.0
    jitter: float = 0.2
    retry_on: tuple[type[BaseException], ...] | Callable[[BaseException], bool] | None = None
    give_up_on: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.initial_seconds < 0 or self.max_seconds < 0 or self.factor < 1:
            raise ValueError("a policy needs attempts >= 1, pauses >= 0 and a factor >= 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a share between 0 and 1")

    def delay_seconds(self, error: BaseException, tries: int, random: float) -> float | None:
        """How long to wait after the `tries`-th try failed, None where that was the last. `random` lies in [0, 1)."""
        if tries >= self.attempts or isinstance(error, self.give_up_on) or not self._worth_it(error):
            return None
        exponent = min(tries - 1, 64)
        pause = min(self.initial_seconds * self.factor**exponent, self.max_seconds)
        pause *= 1 + self.jitter * (2 * random - 1)
        asked = getattr(error, "retry_after_seconds", None)
        if isinstance(asked, int | float):
            pause = max(pause, asked)
        return float(min(pause, _DELAY_SECONDS_MAX))

    def _worth_it(self, error: BaseException) -> bool:
        if self.retry_on is None:
            return bool(getattr(error, "retryable", True))
        if isinstance(self.retry_on, tuple):
            return isinstance(error, self.retry_on)
        return self.retry_on(error)
