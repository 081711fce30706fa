"""Wanting a job: the body becomes a create command, which is all that is stored before the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import structlog

from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob
from libs.process.clock import Clock, new_id
from services.gateway import views
from services.gateway.decoding import check_depth
from services.gateway.jobs import JobReader
from services.gateway.ports import Commands, IdempotencyKeys, IdempotencyRecord
from services.gateway.principal import Principal
from services.gateway.problems import Code, Fault, Problem
from services.gateway.requests import CreateJobBody
from services.gateway.resources import JobView
from services.gateway.text import check_name, check_text, invalid

__all__ = ["Created", "Creation", "Kinds"]


class Created(NamedTuple):
    """The job, and whether an earlier request with the same idempotency key made it."""

    job: JobView
    replayed: bool


class Kinds:
    """Which kinds of jobs there are, whether each talks first, and which approvals it knows (a kind without a list takes any)."""

    def __init__(self, kinds: Mapping[str, str], approvals: Mapping[str, str]) -> None:
        self._talks = {kind: first == "talk" for kind, first in kinds.items()}
        self._approvals = {kind: frozenset(filter(None, names.split("|"))) for kind, names in approvals.items()}

    def command(self, body: CreateJobBody) -> CreateJob:
        """The body as a command. Raises `Problem`."""
        check_text(body.prompt, "/prompt", "The prompt")
        talks = self._talks.get(body.kind)
        if talks is None:
            detail = f"There is no such kind of job; there are: {', '.join(sorted(self._talks))}."
            raise Problem(Code.UNKNOWN_KIND, detail, errors=[Fault("/kind", detail)])
        known = self._approvals.get(body.kind)
        for place, name in enumerate(body.approvals):
            check_name(name, f"/approvals/{place}", "An approval's name")
            if known is not None and name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise invalid(f"/approvals/{place}", f"Jobs of this kind know these approvals: {names}.")
        check_depth(body.request, "/request")
        return CreateJob(
            kind=body.kind,
            prompt=body.prompt,
            talks=talks,
            request=body.request,
            approvals=tuple(dict.fromkeys(body.approvals)),
        )


class Creation:
    """Creates jobs: one publish, and one claim before it where a key is given."""

    def __init__(self, kinds: Kinds, commands: Commands, keys: IdempotencyKeys, jobs: JobReader, clock: Clock) -> None:
        self._kinds = kinds
        self._commands = commands
        self._keys = keys
        self._jobs = jobs
        self._clock = clock

    async def create(
        self, principal: Principal, body: CreateJobBody, *, key: str | None, traceparent: str | None
    ) -> Created:
        """The job, durably wanted. Raises `Problem`, `LogUnavailable` (then the same key may be tried again)."""
        command = self._kinds.command(body)
        if key is None:
            fresh = IdempotencyRecord(job_id=new_id(), command_id=new_id(), digest="", time=self._clock.now())
            return Created(await self._publish(principal, command, fresh, traceparent), False)
        ours = IdempotencyRecord(job_id=new_id(), command_id=new_id(), digest=_digest(body), time=self._clock.now())
        record = await self._keys.claim(principal.user_id, key, ours)
        if record.digest != ours.digest:
            raise Problem(Code.IDEMPOTENCY_MISMATCH, "Use another Idempotency-Key for another body.")
        if record.command_id == ours.command_id:
            job = await self._publish(principal, command, record, traceparent)
            return Created(job, False)
        job_or_none = await self._jobs.get(principal.user_id, record.job_id)
        if job_or_none is None:
            # Whoever claimed the key is still publishing, or never came to it: the same command once more is the same job.
            job_or_none = await self._publish(principal, command, record, traceparent)
        return Created(job_or_none, True)

    async def _publish(
        self, principal: Principal, command: CreateJob, ids: IdempotencyRecord, traceparent: str | None
    ) -> JobView:
        stream = StreamId(principal.user_id, ids.job_id)
        structlog.contextvars.bind_contextvars(job_id=str(ids.job_id), correlation_id=str(ids.command_id))
        await self._commands.create(stream, command, command_id=ids.command_id, time=ids.time, traceparent=traceparent)
        view = views.new_job_view(ids.job_id, command, ids.command_id, ids.time)
        self._jobs.remember(stream, view)
        return view


def _digest(body: CreateJobBody) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
