"""Answering: whatever woke it, the agent answers the oldest unanswered turn, and goes on until none is left."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge, Histogram

from libs.events.errors import LogUnavailable
from libs.events.event import Cause
from libs.events.subscription import Delivery, Done, Later, Outcome
from libs.jobs.commands import FailReply, StartReply
from libs.jobs.decide import FenceLost, decide, reply_id
from libs.jobs.events import JobEvent, JobFailed, ReplyStarted
from libs.jobs.liveness import Holder, still_held
from libs.jobs.state import Job, Reply, Status
from libs.llm.port import ModelError, ModelTimeout
from libs.llm.prompts import CLIENT_RELATIONS
from libs.llm.replies import ConversationTurn
from libs.process import faults, metrics
from services.agents.conversation import Answer, Turn, answer_from, due_turn, prompt
from services.agents.deltas import DeltaStream
from services.agents.retries import RetryPolicy, failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client

    from libs.events.subjects import StreamId
    from libs.jobs.repository import Jobs
    from libs.llm.port import ChatModel, Completion
    from libs.process.clock import Clock

__all__ = ["Replier"]

log = structlog.get_logger(__name__)

_REPLIES = Counter(
    "jobstream_replies_total",
    "Attempts to answer a turn by what became of them.",
    ["outcome"],
    registry=metrics.registry,
)
_TAKEOVERS = Counter(
    "jobstream_reply_takeovers_total", "Replies taken over from a worker that is gone.", registry=metrics.registry
)
_FIRST_DELTA = Histogram(
    "jobstream_reply_first_delta_seconds",
    "From the start of an attempt to its first words.",
    buckets=metrics.LATENCY_BUCKETS,
    registry=metrics.registry,
)
_DURATION = Histogram(
    "jobstream_reply_seconds",
    "From the start of an attempt to its stored reply.",
    buckets=metrics.LATENCY_BUCKETS,
    registry=metrics.registry,
)
_TALKING = Gauge("jobstream_replies_active", "Replies being written.", registry=metrics.registry)

_WAIT_IN_PLACE_SECONDS = 2.0  # longer waits are the server's: they hold no worker
_WATCH_SECONDS = 2.0
_GRACE_SECONDS = 5.0


class Replier:
    """The handler of wake-ups: of any number at once, at most `slots` replies are written by this process at a time."""

    def __init__(
        self,
        client: Client,
        jobs: Jobs,
        model: ChatModel,
        holder: Holder,
        clock: Clock,
        *,
        slots: int = 100,
        rounds_max: int = 8,
        timeout_seconds: float = 120.0,
        lease_seconds: float = 30.0,
        retries: RetryPolicy = RetryPolicy(),
    ) -> None:
        self._nats = client
        self._jobs = jobs
        self._model = model
        self._holder = holder
        self._clock = clock
        self._slots = asyncio.Semaphore(slots)
        self._rounds_max = rounds_max
        self._timeout_seconds = timeout_seconds
        self._lease_seconds = lease_seconds
        self._retries = retries

    async def __call__(self, delivery: Delivery) -> Outcome:
        stream = delivery.subject.stream
        # What is remembered is enough to begin: whether it is still so is checked by the guard of the append.
        job = self._jobs.peek(stream)
        if job is None or job.reply or job.reply_retry_at or due_turn(job, rounds_max=self._rounds_max) is None:
            job, _ = await self._jobs.load(stream)
        while not delivery.lease_lost:
            if job is None or due_turn(job, rounds_max=self._rounds_max) is None:
                return Done()
            stale: Reply | None = None
            if job.reply is not None:
                if await self._is_held(stream, job.reply):
                    # Whoever writes it goes on until no turn is left; only a hint that nobody else may follow up comes back.
                    return Done() if delivery.deliveries == 1 and not delivery.is_hint else Later(self._lease_seconds)
                stale = job.reply
            elif (wait := self._wait(job)) > _WAIT_IN_PLACE_SECONDS:
                return Later(wait)
            elif wait > 0:
                await asyncio.sleep(wait)
            async with self._slots:
                job = await self._attempt(stream, job, stale, delivery)
        return Done()

    def _wait(self, job: Job) -> float:
        """Seconds until the next try may begin."""
        if job.reply_retry_at is None:
            return 0.0
        return (job.reply_retry_at - self._clock.now()).total_seconds()

    async def _is_held(self, stream: StreamId, reply: Reply) -> bool:
        if reply.worker == self._holder.worker:
            return self._holder.holds(stream, reply.attempt)
        return await still_held(self._nats, reply.worker, stream, reply.attempt)

    async def _attempt(self, stream: StreamId, job: Job, stale: Reply | None, delivery: Delivery) -> Job | None:
        """Try once to answer the oldest unanswered turn; return the job as it then is."""

        def start(now: Job | None) -> Sequence[JobEvent]:
            # What was found stale may have been taken over by another since.
            takeover = stale is not None and now is not None and now.reply == stale
            return decide(now, StartReply(worker=self._holder.worker, takeover=takeover))

        cause = delivery.cause
        # Held before it is stored, so that nobody who sees it stored finds it not held.
        with self._holder.hold(stream, job.reply_attempts + 1):
            committed = await self._jobs.transact(stream, start, cause=cause)
            started = next((each.event for each in committed.events if isinstance(each.event, ReplyStarted)), None)
            if started is None or committed.state is None:
                if any(isinstance(each.event, JobFailed) for each in committed.events):
                    _REPLIES.labels("gave_up").inc()
                return committed.state
            if stale is not None:
                _TAKEOVERS.inc()
                log.warning("reply.taken_over", from_worker=stale.worker, attempt=started.attempt)
            with self._holder.hold(stream, started.attempt), _TALKING.track_inprogress():
                await faults.reach("reply.after_started")
                try:
                    return await self._answer(stream, committed.state, started, delivery, cause)
                except FenceLost:
                    _REPLIES.labels("fenced").inc()
                    log.info("reply.fenced", attempt=started.attempt)
        return (await self._jobs.load(stream))[0]

    async def _answer(
        self, stream: StreamId, job: Job, started: ReplyStarted, delivery: Delivery, cause: Cause
    ) -> Job | None:
        turn = due_turn(job, rounds_max=self._rounds_max)
        if turn is None or turn.id != started.turn_id:
            raise FenceLost
        began = time.monotonic()
        deltas = DeltaStream(self._nats, stream, started.stream, started.attempt, silent=lambda: delivery.lease_lost)
        try:
            completion = await self._ask(stream, turn, started, deltas, delivery)
            answer = answer_from(turn, completion, rounds_max=self._rounds_max)
        except (FenceLost, LogUnavailable, faults.FaultInjected):
            raise
        except Exception as error:  # the model is a stranger: whatever it did, the job says so
            if not isinstance(error, ModelError):
                log.exception("reply.crashed", attempt=started.attempt)
            return await self._fail(stream, started, error, delivery, cause)
        await deltas.close()
        await faults.reach("reply.before_post")
        job_after = await self._post(stream, started, answer, delivery, cause)
        await faults.reach("reply.after_post")
        _REPLIES.labels("posted").inc()
        _DURATION.observe(time.monotonic() - began)
        return job_after

    async def _ask(
        self, stream: StreamId, turn: Turn, started: ReplyStarted, deltas: DeltaStream, delivery: Delivery
    ) -> Completion:
        """The model's answer. Raises a `ModelError`, or `FenceLost` as soon as nobody waits for it any more."""
        began = time.monotonic()
        spoken = False

        async def said(piece: str) -> None:
            nonlocal spoken
            if not spoken:
                spoken = True
                _FIRST_DELTA.observe(time.monotonic() - began)
            await deltas.push(piece)
            await faults.reach("reply.mid_stream")

        asking = asyncio.create_task(
            self._model.complete(
                prompt(turn),
                role=CLIENT_RELATIONS,
                schema=ConversationTurn,
                stream_field="reply",
                on_delta=said,
                timeout_seconds=self._timeout_seconds,
            )
        )
        watching = asyncio.create_task(self._until_lost(stream, started, delivery))
        try:
            # The model keeps its own time; this is for one that does not.
            patience = self._timeout_seconds + _GRACE_SECONDS
            await asyncio.wait((asking, watching), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            if watching.done():
                raise FenceLost
            raise ModelTimeout(f"the model did not answer within {self._timeout_seconds:g} s")
        finally:
            for task in (asking, watching):
                task.cancel()
            await asyncio.wait((asking, watching), timeout=1.0)
            if asking.done() and not asking.cancelled():
                asking.exception()  # seen: what it ended with no longer matters

    async def _until_lost(self, stream: StreamId, started: ReplyStarted, delivery: Delivery) -> None:
        """Return once the attempt is nobody's business any more: cancelled, taken over, or its lease run out."""
        while not delivery.lease_lost:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                job, _ = await self._jobs.load(stream)
            except LogUnavailable:
                continue
            if job is None or job.reply is None or job.reply.attempt != started.attempt:
                return

    async def _post(
        self, stream: StreamId, started: ReplyStarted, answer: Answer, delivery: Delivery, cause: Cause
    ) -> Job | None:
        """Store the reply, however often NATS has to be asked: it has cost a model call."""

        def post(now: Job | None) -> Sequence[JobEvent]:
            if now is not None and any(message.id == reply_id(answer.turn_id) for message in now.messages):
                return []  # stored by a try whose acknowledgement was lost
            return decide(now, answer.command(now, attempt=started.attempt, stream=started.stream))

        while not delivery.lease_lost:
            try:
                return (await self._jobs.transact(stream, post, cause=cause)).state
            except LogUnavailable as error:
                log.warning("reply.not_stored_yet", error=str(error))
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311
        raise FenceLost

    async def _fail(
        self, stream: StreamId, started: ReplyStarted, error: Exception, delivery: Delivery, cause: Cause
    ) -> Job | None:
        if delivery.lease_lost:
            raise FenceLost
        jitter = random.random()  # noqa: S311

        def fail(now: Job | None) -> Sequence[JobEvent]:
            tries = 1 if now is None else now.reply_failures + 1
            command = FailReply(
                turn_id=started.turn_id,
                attempt=started.attempt,
                error=failure(error, tries=tries),
                retry_in_seconds=self._retries.delay(error, tries=tries, jitter=jitter),
            )
            return decide(now, command)

        job = (await self._jobs.transact(stream, fail, cause=cause)).state
        gave_up = job is not None and job.status is Status.FAILED
        _REPLIES.labels("gave_up" if gave_up else "failed").inc()
        log.warning("reply.failed", attempt=started.attempt, error=str(error), kind=type(error).__name__, last=gave_up)
        return job
