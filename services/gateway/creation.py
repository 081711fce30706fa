"""Wanting a job: the body becomes a create command, which is all that is stored before the answer."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

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

__all__ = ["SEED_END", "Created", "Creation", "Kinds", "Prepared", "RequestCheck"]

SEED_END = 2**53  # every seed below is exact wherever JSON is read


class Created(NamedTuple):
    """The job; whether an earlier request with the same idempotency key made it; if not, the command that was stored now."""

    job: JobView
    replayed: bool
    command: CreateJob | None = None


class Prepared(NamedTuple):
    """A request as the job is given it, with one line that says what it is about."""

    request: Any
    prompt: str


class RequestCheck(Protocol):
    """What makes sure that the requests of some kinds can be carried out, before there is a job."""

    @property
    def kinds(self) -> Collection[str]: ...

    async def prepare(self, owner: UUID, kind: str, request: Any, *, seed: int, pointer: str) -> Prepared:
        """Raises a `Problem` with every mistake's place, below `pointer`. `seed` is for requests that name none."""
        ...


class Kinds:
    """Which kinds of jobs there are, whether each talks first, and which approvals it knows (a kind without a list takes any)."""

    def __init__(self, kinds: Mapping[str, str], approvals: Mapping[str, str]) -> None:
        self._talks = {kind: first == "talk" for kind, first in kinds.items()}
        self._approvals = {kind: frozenset(filter(None, names.split("|"))) for kind, names in approvals.items()}

    def command(self, body: CreateJobBody, *, empty: bool = False) -> CreateJob:
        """The body as a command, its request as it came; `empty` where it needs no prompt. Raises `Problem`."""
        talks = self._talks.get(body.kind)
        if talks is None:
            detail = f"There is no such kind of job; there are: {', '.join(sorted(self._talks))}."
            raise Problem(Code.UNKNOWN_KIND, detail, errors=[Fault("/kind", detail)])
        check_text(body.prompt, "/prompt", "The prompt", empty=empty)
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

    def __init__(
        self,
        kinds: Kinds,
        commands: Commands,
        keys: IdempotencyKeys,
        jobs: JobReader,
        clock: Clock,
        check: RequestCheck | None = None,
    ) -> None:
        self._kinds = kinds
        self._commands = commands
        self._keys = keys
        self._jobs = jobs
        self._clock = clock
        self._check = check

    async def create(
        self,
        principal: Principal,
        body: CreateJobBody,
        *,
        key: str | None,
        traceparent: str | None,
        pointer: str = "/request",
        prepared: Prepared | None = None,
    ) -> Created:
        """The job, durably wanted. Raises `Problem`, `LogUnavailable` (then the same key may be tried again).

        `pointer` is where the request stands in what the client sent; one that is `prepared` already is not checked again.
        """
        checked = self._check is not None and body.kind in self._check.kinds
        command = self._kinds.command(body, empty=checked)

        async def complete(record: IdempotencyRecord) -> CreateJob:
            if not checked or self._check is None:
                return command
            ready = prepared or await self._check.prepare(
                principal.user_id, body.kind, body.request, seed=record.seed, pointer=pointer
            )
            prompt = command.prompt if command.prompt.strip() else ready.prompt
            return msgspec.structs.replace(command, request=ready.request, prompt=prompt)

        ours = self._record("" if key is None else _digest(body))
        if key is None:
            ready = await complete(ours)
            return Created(await self._publish(principal, ready, ours, traceparent), False, ready)
        # A key that is held is answered by its job, whatever became of the profiles that the request names; one that is free
        # is not claimed for a request that is refused.
        record = await self._keys.find(principal.user_id, key) if checked else None
        if record is None:
            ready = await complete(ours)
            record = await self._keys.claim(principal.user_id, key, ours)
            if record.command_id == ours.command_id:
                return Created(await self._publish(principal, ready, record, traceparent), False, ready)
        if record.digest != ours.digest:
            raise Problem(Code.IDEMPOTENCY_MISMATCH, "Use another Idempotency-Key for another body.")
        job_or_none = await self._jobs.get(principal.user_id, record.job_id)
        if job_or_none is None:
            # Whoever claimed the key is still publishing, or never came to it: the same command once more is the same job.
            job_or_none = await self._publish(principal, await complete(record), record, traceparent)
        return Created(job_or_none, True)

    def _record(self, digest: str) -> IdempotencyRecord:
        seed = secrets.randbelow(SEED_END)
        return IdempotencyRecord(job_id=new_id(), command_id=new_id(), digest=digest, time=self._clock.now(), seed=seed)

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
