"""Wanting something of a job that exists: the command is stored, and its decision waited for, but not for long."""

from __future__ import annotations

import time
from uuid import UUID

import structlog
from prometheus_client import Histogram

from libs.events.commands import Refusal
from libs.events.subjects import StreamId
from libs.jobs.commands import PostMessage, WireCommand, keyed_command_id
from libs.process import metrics
from libs.process.clock import new_id
from services.gateway.ports import Commands, Jobs
from services.gateway.principal import Principal
from services.gateway.problems import Code, Problem
from services.gateway.resources import Accepted

__all__ = ["Actions", "refusal_problem"]

_waits = Histogram(
    "jobstream_gateway_outcome_wait_seconds",
    "How long a command's decision was waited for, by what came of it.",
    ["verb", "result"],
    buckets=metrics.LATENCY_BUCKETS,
    registry=metrics.registry,
)


class Actions:
    """Sends commands to jobs."""

    def __init__(self, jobs: Jobs, commands: Commands, *, wait_seconds: float) -> None:
        self._jobs = jobs
        self._commands = commands
        self._wait_seconds = wait_seconds

    async def send(
        self, principal: Principal, job_id: UUID, command: WireCommand, *, key: str | None, traceparent: str | None
    ) -> Accepted:
        """The command is durable; its decision, where it came in time, is in the answer.

        With a `key`, the same command sent again changes nothing. Raises `Problem`: no such job, or refused; `LogUnavailable`.
        """
        if not await self._jobs.exists(principal.user_id, job_id):
            raise Problem(Code.NO_SUCH_JOB)
        command_id = new_id() if key is None else keyed_command_id(job_id, command.verb, key)
        structlog.contextvars.bind_contextvars(correlation_id=str(command_id))
        stream = StreamId(principal.user_id, job_id)
        began = time.monotonic()
        sent = await self._commands.send(stream, command, command_id=command_id, traceparent=traceparent)
        try:
            if sent.repeated and (version := await self._said(stream, command, command_id)) is not None:
                return Accepted(command_id=command_id, version=version)
            outcome = await sent.outcome(timeout_seconds=self._wait_seconds)
        finally:
            sent.forget()
        result = "undecided" if outcome is None else "refused" if outcome.refused else "decided"
        _waits.labels(command.verb, result).observe(time.monotonic() - began)
        if outcome is None:
            return Accepted(command_id=command_id, version=None)
        if outcome.refused is not None:
            raise refusal_problem(outcome.refused)
        return Accepted(command_id=command_id, version=outcome.version)

    async def _said(self, stream: StreamId, command: WireCommand, command_id: UUID) -> int | None:
        """A version of the job that has the message in it, None where none is known (or it is no message)."""
        if not isinstance(command, PostMessage):
            return None
        view = await self._jobs.get(stream.owner, stream.id)
        found = view is not None and any(message.id == command_id for message in view.messages)
        return view.version if view is not None and found else None


def refusal_problem(refused: Refusal) -> Problem:
    """A refusal as clients are told it; a reason this gateway is too old to know is still a refusal."""
    try:
        code = Code(refused.code)
    except ValueError:
        code = Code.NOT_ALLOWED_NOW
    detail = refused.reason[:1].upper() + refused.reason[1:] + "."
    if code is Code.IDEMPOTENCY_MISMATCH:
        return Problem(code, detail)  # the request is wrong, whatever the job's state
    return Problem(code, detail, allowed=refused.allowed, status=409)
