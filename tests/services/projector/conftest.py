"""A projector's surroundings: its users on real servers, a log to write to, and the tables to look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import nats
import pytest

from infra.embedded.nats import EmbeddedNats
from libs.events.connection import connect
from libs.events.event import START, Position, Recorded
from libs.events.jetstream import JetStreamStore
from libs.events.objects import Objects
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.testing import Life
from libs.process.clock import SystemClock
from libs.process.health import Health
from libs.process.settings import Secret
from libs.profiles.events import EVENTS as PROFILE_TYPES
from libs.profiles.events import ProfileEvent
from libs.profiles.testing import ProfileLife
from services.projector.leading import Leader
from services.projector.log import LogClient
from services.projector.model import JOB_EVENTS, JOBS, TABLES
from services.projector.service import _take_turns
from services.projector.settings import ProjectorSettings

DEADLINE_SECONDS = 30.0
ROW_TABLES = [table.name for table in (JOBS, JOB_EVENTS, *TABLES.values())]


class World:
    """A NATS server of the test's own, a database, and what tests do with them."""

    def __init__(self, server: EmbeddedNats, database: Any) -> None:
        self.server = server
        self.database = database
        self.settings = ProjectorSettings(
            database_url=Secret(database.url("projector")), reconcile_after_seconds=0.5, projection_takeover_seconds=1.0
        )
        self.admin: nats.NATS = None  # type: ignore[assignment]
        self.client: LogClient = None  # type: ignore[assignment]
        self.tables: asyncpg.Connection = None  # type: ignore[type-arg, assignment]
        self.leaders: list[Leader] = []

    async def append(self, life: Life, *, after: int = 0) -> None:
        """Append a life's events after the first `after` of them."""
        store: JetStreamStore[JobEvent] = JetStreamStore(self.admin, EVENTS)
        position = START if after == 0 else await store.head(life.stream)
        await store.append(life.stream, life.news()[after:], after=position)

    async def append_profile(self, life: ProfileLife, *, after: int = 0) -> None:
        """The same of a profile's life."""
        store: JetStreamStore[ProfileEvent] = JetStreamStore(self.admin, PROFILE_TYPES)
        position = START if after == 0 else await store.head(life.stream)
        await store.append(life.stream, life.news()[after:], after=position)

    async def publish(
        self, life: Life | ProfileLife, type_name: str, version: int, payload: bytes, **headers: str
    ) -> int:
        """Put any message into the log, as a newer release or a fool might."""
        base = {
            "Nats-Msg-Id": str(uuid4()),
            "Event-Version": str(version),
            "Event-Schema": "1",
            "Event-Time": life.now.isoformat(),
        }
        subject = f"evt.{life.stream.owner}.{life.stream.id}.{type_name}"
        reply = await self.admin.request(subject, payload, timeout=5, headers=base | headers)
        return int(reply.data.split(b'"seq":')[1].split(b"}")[0].split(b",")[0])

    async def head(self) -> int:
        info = await self.admin.jetstream().stream_info("EVENTS")
        return info.state.last_seq

    async def position(self, schema: str = "read") -> int:
        try:
            return await self.tables.fetchval(f"SELECT sequence FROM {schema}.position") or 0
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return 0

    async def caught_up(self) -> None:
        """Return once everything in the log is in the tables."""
        head = await self.head()
        await until(lambda: self._reached(head))

    async def leads(self, number: int) -> bool:
        """Whether the projector that was started as this one, counted from 0, applies events now."""
        return self.leaders[number].reader is not None

    async def _reached(self, head: int) -> bool:
        return await self.position() >= head

    async def reconnect(self) -> None:
        """After the database server was killed."""
        self.tables.terminate()
        self.tables = await asyncpg.connect(self.database.url("projector"))

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        return await self.tables.fetch(sql, *values)

    async def value(self, sql: str, *values: Any) -> Any:
        return await self.tables.fetchval(sql, *values)

    async def dump(self, schema: str = "read") -> dict[str, list[str]]:
        """Every row of every table as text, in a fixed order."""
        return {
            name: sorted(row[0] for row in await self.tables.fetch(f'SELECT t::text FROM {schema}."{name}" t'))
            for name in ROW_TABLES
        }

    @asynccontextmanager
    async def projecting(self, settings: ProjectorSettings | None = None) -> AsyncIterator[Health]:
        """A projector at work, on connections of its own; cancelled at the end as abruptly as a coroutine can be."""
        client = LogClient()
        leader: Leader | None = None

        async def reconnected() -> None:
            if leader is not None and leader.reader is not None:
                leader.reader.restart("reconnected")

        await connect(self.server.settings("projector"), "projector", using=client, on_reconnect=reconnected)
        health = Health("projector")
        health.started()
        chosen = settings or self.settings
        leader = Leader(client, Objects(client).get, chosen, health, SystemClock())
        self.leaders.append(leader)
        task = asyncio.create_task(_take_turns(leader, chosen, health))
        try:
            yield health
        finally:
            task.cancel()
            await asyncio.wait([task])
            await client.close()
        if not task.cancelled():
            task.result()


@pytest.fixture
async def world(fresh_nats: EmbeddedNats, database: Any) -> AsyncIterator[World]:
    made = World(fresh_nats, database)
    async with AsyncExitStack() as stack:
        made.admin = await connect(fresh_nats.settings("admin"), "tests")
        stack.push_async_callback(made.admin.close)
        made.client = LogClient()
        await connect(fresh_nats.settings("projector"), "tests", using=made.client)
        stack.push_async_callback(made.client.close)
        made.tables = await asyncpg.connect(database.url("projector"))
        yield made
        await made.tables.close()


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = DEADLINE_SECONDS) -> Any:
    """Ask until the answer is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)
    return answer


def a_stream() -> StreamId:
    return StreamId(uuid4(), uuid4())


def position_of(history: Sequence[Recorded[JobEvent]]) -> Position:
    return history[-1].position
