"""One job, from whichever source can answer: the read models, the log itself, or the stored create command.

The read models are quick and indexed but may be behind or down; the log is the truth; and before a job's first event there is only the
command that wants it. Whoever reads here need not know which it was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec
from prometheus_client import Counter

from libs.events.commands import CommandEnvelope
from libs.events.errors import CursorBeyondHead
from libs.events.event import START, Position, Recorded
from libs.events.repository import Repository
from libs.events.store import EventStore
from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob
from libs.jobs.events import JobEvent
from libs.jobs.evolve import fold
from libs.jobs.state import Artifact, Job
from libs.process import metrics
from services.gateway import views
from services.gateway.ports import DatabaseUnavailable, ReadModels
from services.gateway.resources import AppView, JobView

__all__ = ["JobReader", "StoredCommands"]

T = TypeVar("T")

_answers = Counter(
    "jobstream_gateway_job_reads_total",
    "Single jobs read, by what answered.",
    ["source"],
    registry=metrics.registry,
)
_KNOWN_MAX = 20_000
_NEW_MAX = 1_000
_REMEMBERED_BYTES_MAX = 256 * 1024  # a job with a larger result is read from the log anew each time


class StoredCommands(Protocol):
    """`CommandLog`, as far as reading goes."""

    async def first(self, stream: StreamId, verb: str) -> CommandEnvelope | None: ...


class JobReader:
    """The port `Jobs`."""

    def __init__(
        self,
        models: ReadModels,
        store: EventStore[JobEvent],
        jobs: Repository[Job, JobEvent],
        commands: StoredCommands,
        *,
        resting: Callable[[], bool] = lambda: False,
    ) -> None:
        self._models = models
        self._store = store
        self._jobs = jobs
        self._commands = commands
        self._resting = resting  # whether the read models need not even be asked
        self._known: OrderedDict[StreamId, None] = OrderedDict()  # jobs do not vanish
        self._new: OrderedDict[StreamId, JobView] = OrderedDict()  # created here a moment ago

    def remember(self, stream: StreamId, view: JobView) -> None:
        """The job's create command was just stored here."""
        self._know(stream)
        self._new[stream] = view
        if len(self._new) > _NEW_MAX:
            self._new.popitem(last=False)

    async def get(
        self, owner: UUID, job_id: UUID, *, min_version: int | None = None, at: int | None = None
    ) -> JobView | None:
        stream = StreamId(owner, job_id)
        if at is not None:
            return await self._as_of(stream, at)
        view = await self._ask(lambda: self._models.job(owner, job_id))
        if view is not None and view.version >= (min_version or 0):
            _answers.labels("read_models").inc()
            return view
        job = await self._folded(stream)
        found = views.job_view(job) if job is not None else await self._wanted(stream)
        if found is not None:
            _answers.labels("log" if job is not None else "command").inc()
            if found.version < (min_version or 0):
                raise CursorBeyondHead
        return found

    async def exists(self, owner: UUID, job_id: UUID) -> bool:
        stream = StreamId(owner, job_id)
        return stream in self._known or await self.head(owner, job_id) is not None

    async def head(self, owner: UUID, job_id: UUID) -> int | None:
        stream = StreamId(owner, job_id)
        version = (await self._store.head(stream)).version
        if version or stream in self._known:
            self._know(stream)
            return version
        return None if await self._wanted(stream) is None else 0

    async def events(self, owner: UUID, job_id: UUID, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        stream = StreamId(owner, job_id)
        # The event at `after` itself is asked for as well: it tells where in the log to go on.
        first = max(after, 1)
        found = await self._ask(lambda: self._models.events(owner, job_id, first=first, limit=limit + 1)) or []
        position: Position | None = START if after == 0 else None
        page: list[Recorded[JobEvent]] = []
        for recorded in found:
            if position is None and recorded.version == after:
                position = recorded.position
            elif position is not None and recorded.version == position.version + 1:
                page.append(recorded)
                position = recorded.position
        if len(page) >= limit:
            return page[:limit]
        if position is None:
            history = await self._store.load(stream, limit=after + limit)
            return [recorded for recorded in history if recorded.version > after]
        return page + await self._store.load(stream, after=position, limit=limit - len(page))

    async def app(self, owner: UUID, job_id: UUID) -> AppView | None:
        view = await self._ask(lambda: self._models.app(owner, job_id))
        if view is not None:
            return view
        job = await self._folded(StreamId(owner, job_id))
        return None if job is None else views.app_view(job)

    async def artifact(self, owner: UUID, job_id: UUID, name: str) -> Artifact | None:
        return next((each for each in await self.artifacts(owner, job_id) if each.name == name), None)

    async def artifacts(self, owner: UUID, job_id: UUID) -> tuple[Artifact, ...]:
        job = await self._folded(StreamId(owner, job_id))
        return () if job is None else job.artifacts

    async def state(self, owner: UUID, job_id: UUID) -> Job | None:
        """The job as the log has it, None where it has no event there."""
        return await self._folded(StreamId(owner, job_id))

    async def wish(self, owner: UUID, job_id: UUID) -> tuple[CreateJob, CommandEnvelope] | None:
        """The create command as it is stored, None where there is none."""
        envelope = await self._commands.first(StreamId(owner, job_id), CreateJob.verb)
        return None if envelope is None else (msgspec.json.decode(envelope.payload, type=CreateJob), envelope)

    async def _folded(self, stream: StreamId) -> Job | None:
        job, _ = await self._jobs.load(stream)
        if job is not None and len(job.result) > _REMEMBERED_BYTES_MAX:
            self._jobs.forget(stream)
        return job

    async def _as_of(self, stream: StreamId, version: int) -> JobView | None:
        wanted = await self._wanted(stream) if version == 0 else None
        if wanted is not None:
            return wanted
        found = await self._ask(lambda: self._models.events(stream.owner, stream.id, first=1, limit=version)) or []
        complete = [recorded for place, recorded in enumerate(found, start=1) if recorded.version == place]
        if len(complete) < version:
            last = complete[-1].position if complete else START
            complete += await self._store.load(stream, after=last)
        if len(complete) < version:
            if complete or await self.exists(stream.owner, stream.id):
                raise CursorBeyondHead
            return None
        job = fold(complete[:version])
        return None if job is None else views.job_view(job)

    async def _wanted(self, stream: StreamId) -> JobView | None:
        """The job as its stored create command wants it."""
        if (view := self._new.get(stream)) is not None:
            return view
        envelope = await self._commands.first(stream, CreateJob.verb)
        if envelope is None:
            return None
        self._know(stream)
        return views.stored_job_view(envelope, msgspec.json.decode(envelope.payload, type=CreateJob))

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T | None:
        if self._resting():
            return None
        try:
            return await question()
        except DatabaseUnavailable:
            return None

    def _know(self, stream: StreamId) -> None:
        self._known[stream] = None
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)
