"""Steps: run once to a stored result, tried again by policy, returned from the log ever after.

Fault points, in the order a step passes them: `step.before_call`, `step.before_record` (its side effect is done, the
log does not know), `step.after_record`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from libs.jobs.commands import FailStep, RecordStep, SetTimer
from libs.jobs.events import Failure, Usage
from libs.process import faults
from libs.process.clock import new_id
from libs.workflow import metrics, timers
from libs.workflow.errors import StepFailed, StepTimedOut, describe
from libs.workflow.ports import Delta
from libs.workflow.results import Signature, described, signature_of

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt
    from libs.workflow.retry import Retry

__all__ = ["StepContext", "current_step", "run_step"]

log = structlog.get_logger(__name__)

_MESSAGE_CHARACTERS_MAX = 100_000
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # what no database takes
_COALESCE_SECONDS = 0.015

_recorded = metrics.steps.labels("recorded")
_replayed = metrics.steps.labels("replayed")
_failed = metrics.steps.labels("failed")


class StepContext:
    """What a step may know of itself, for a function with a parameter of this type (or through `current_step()`)."""

    __slots__ = ("_attempt", "_pending", "_sending", "_sent_at", "_timer", "name", "streamed", "tries", "usage")

    def __init__(self, attempt: Attempt, name: str, tries: int) -> None:
        self._attempt = attempt
        self._pending: list[str] = []
        self._sending: asyncio.Future[None] | None = None
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.streamed = 0  # code points sent so far
        self.name = name
        self.tries = tries  # this try's number, from 1
        self.usage: Usage | None = None  # what a model call cost, kept with the step

    @property
    def job_id(self) -> UUID:
        return self._attempt.stream.id

    @property
    def attempt(self) -> int:
        """The job's attempt, which rises whenever a worker takes the job."""
        return self._attempt.number

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this step of this job: give it to whatever the step changes elsewhere."""
        return f"{self.job_id}/{self.name}"

    @property
    def stream(self) -> str:
        """The name under which watchers see this step being written."""
        return f"step-{self.name}"

    async def delta(self, text: str) -> None:
        """Show the next piece of what the step is writing to whoever watches. Nothing of it is stored.

        The first piece is sent at once, later ones together every few milliseconds.
        """
        self._attempt.check()
        self._pending.append(text)
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._sent_at + _COALESCE_SECONDS - loop.time()
        if wait <= 0:
            await self.flush()
        else:
            self._timer = loop.call_later(wait, self._due)

    async def flush(self) -> None:
        """Send what is still held back; the engine does so before it stores the step."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._pending)
        self._pending.clear()
        if not text:
            return
        delta = Delta(stream=self.stream, attempt=self.attempt, offset=self.streamed, text=text)
        self.streamed += len(text)
        self._sent_at = asyncio.get_running_loop().time()
        await self._attempt.host.send_delta(self._attempt.stream, delta)

    def silence(self) -> None:
        """Send nothing more: the try is over."""
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._sending = asyncio.ensure_future(self.flush())


_current: ContextVar[StepContext | None] = ContextVar("jobstream_step", default=None)


def current_step() -> StepContext | None:
    """The step that is running here, if any."""
    return _current.get()


async def run_step(
    attempt: Attempt,
    name: str,
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    agent: str,
    message: str | Callable[[Any], str] | None,
    retry: Retry,
    timeout_seconds: float | None,
) -> Any:
    """The step's result, from the log or from running it now. Raises `StepFailed` once its policy gives up."""
    attempt.claim("step", name, described(fn))
    signature = signature_of(fn, StepContext)
    recorded = attempt.job.steps.get(name)
    if recorded is not None:
        _replayed.inc()
        return signature.read(f"the step {name!r}", recorded.result)
    if (failure := attempt.job.given_up.get(name)) is not None:
        raise StepFailed(name, failure, attempt.job.tries.get(name, 1))
    tries = attempt.job.tries.get(name, 0)
    if tries and (pause := _pause(name, tries)) in attempt.job.timers:
        await timers.wait_for(attempt, pause)
    while True:
        tries += 1
        await attempt.begin(step=True)
        context = StepContext(attempt, name, tries)
        try:
            await faults.reach("step.before_call")
            started = time.monotonic()
            try:
                value = await _call(fn, signature, args, kwargs, context, timeout_seconds)
                await context.flush()
                raw, result = signature.store(f"the step {name!r}", value)
                said = _said(name, message, result)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                attempt.check()
                seconds = await _fail(attempt, name, tries, RuntimeError("it cancelled itself"), retry, error)
            except Exception as error:
                seconds = await _fail(attempt, name, tries, error, retry, error)
            else:
                duration = time.monotonic() - started
                command = RecordStep(
                    attempt=attempt.number,
                    step_id=new_id(),
                    name=name,
                    agent=agent,
                    message=said,
                    result=msgspec.Raw(raw),
                    tries=tries,
                    duration_seconds=round(duration, 6),
                    usage=context.usage,
                    stream=context.stream if context.streamed else None,
                )
                await _record(attempt, command)
                metrics.step_seconds.observe(duration)
                return result
            if seconds <= attempt.host.limits.durable_delay_seconds:
                await asyncio.sleep(seconds)
                continue
            due = attempt.host.clock.now() + timedelta(seconds=seconds)
            await attempt.commit(SetTimer(attempt=attempt.number, name=_pause(name, tries), due=due))
        finally:
            context.silence()
            attempt.end(step=True)
        await timers.wait_for(attempt, _pause(name, tries))


async def _call(
    fn: Callable[..., Any],
    signature: Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    context: StepContext,
    timeout_seconds: float | None,
) -> Any:
    if signature.context_parameter is not None:
        kwargs = {**kwargs, signature.context_parameter: context}
    token = _current.set(context)
    try:
        if timeout_seconds is None:
            return await _invoke(fn, signature, args, kwargs)
        try:
            async with asyncio.timeout(timeout_seconds) as scope:
                return await _invoke(fn, signature, args, kwargs)
        except TimeoutError:
            if scope.expired():
                raise StepTimedOut(f"It took longer than the {timeout_seconds:g} seconds allowed") from None
            raise
    finally:
        _current.reset(token)


async def _invoke(fn: Callable[..., Any], signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if signature.is_async:
        return await fn(*args, **kwargs)
    # A plain function must not hold up heartbeats. One that made a coroutine (a lambda does) has it awaited here.
    value = await asyncio.to_thread(fn, *args, **kwargs)
    return await value if asyncio.iscoroutine(value) else value


async def _record(attempt: Attempt, command: RecordStep) -> None:
    await faults.reach("step.before_record")
    try:
        await attempt.commit(command)
    except asyncio.CancelledError:
        # Whatever ended the wait: a finished step is stored, while the fence holds.
        late = asyncio.ensure_future(attempt.commit(command))
        await asyncio.wait((late,), timeout=attempt.host.limits.cleanup_seconds)
        late.cancel()
        raise
    _recorded.inc()
    await faults.reach("step.after_record")


async def _fail(attempt: Attempt, name: str, tries: int, error: Exception, retry: Retry, cause: BaseException) -> float:
    """Record the failed try; return the pause before the next. Raises `StepFailed` where there is none."""
    seconds = retry.delay_seconds(error, tries, attempt.host.random())
    code, message, retryable = describe(error)
    failure = Failure(code=code, message=message, retryable=retryable)
    seconds = None if seconds is None else round(seconds, 3)
    log.warning("step.failed", step=name, tries=tries, code=code, error=message, retry_in_seconds=seconds)
    command = FailStep(attempt=attempt.number, name=name, tries=tries, error=failure, retry_in_seconds=seconds)
    await attempt.commit(command)
    if seconds is None:
        _failed.inc()
        raise StepFailed(name, failure, tries) from cause
    metrics.retries.inc()
    return seconds


def _pause(name: str, tries: int) -> str:
    return f"retry-{tries}-{name}"


def _said(name: str, message: str | Callable[[Any], str] | None, result: Any) -> str:
    """What people read about the step: what its author says, else a result that is text."""
    if callable(message):
        message = message(result)
    if message is None:
        message = result if isinstance(result, str) else f"{name} is done"
    return _UNSTORABLE.sub("", message)[:_MESSAGE_CHARACTERS_MAX]
