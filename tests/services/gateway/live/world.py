"""A gateway's live half over the in-memory log, served by a real uvicorn; what comes live can be lost, repeated or shuffled at will."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import msgspec
import websockets
from litestar import Litestar

from libs.events.commands import Outcome
from libs.events.errors import LogUnavailable, UnknownEvent
from libs.events.event import Cause, NewEvent, Position, Recorded
from libs.events.memory import MemoryStore
from libs.events.subjects import StreamId
from libs.jobs.commands import WireCommand
from libs.jobs.decide import decide
from libs.jobs.events import EVENTS, JobCreated, JobEvent, UserMessagePosted
from libs.jobs.evolve import fold
from libs.process.clock import ManualClock, new_id
from libs.process.serving import serving
from services.gateway.live import SERVER_OPTIONS, Live, LiveSettings
from services.gateway.live.factory import assemble
from services.gateway.live.source import Sink
from services.gateway.ports import User
from services.gateway.principal import Principal
from services.gateway.tokens import AccessTokens

SECRET = "a secret of at least thirty-two bytes, for tests"
DEADLINE_SECONDS = 10.0
ORIGIN = "https://app.example.org"

Deliver = Callable[[Sink, Recorded[JobEvent]], None]


def faithfully(sink: Sink, recorded: Recorded[JobEvent]) -> None:
    sink.on_event(recorded)


class _Watch:
    def __init__(self, sinks: list[Sink], sink: Sink) -> None:
        self._sinks, self._sink = sinks, sink

    async def close(self) -> None:
        self._sinks.remove(self._sink)


class MemorySource:
    """A `Source` and a `Backfill` over a memory store."""

    def __init__(self) -> None:
        self.store: MemoryStore[JobEvent] = MemoryStore(EVENTS)
        self.sinks: defaultdict[StreamId, list[Sink]] = defaultdict(list)
        self.deliver: Deliver = faithfully
        self.unreachable = False
        self.unknown_versions: set[int] = set()
        self.pages: list[tuple[int, int]] = []  # after, limit
        self.wanted: set[StreamId] = set()  # jobs with a create command only
        self.store.on_append.append(self._appended)

    def _appended(self, recorded: Recorded[JobEvent]) -> None:
        for sink in list(self.sinks[recorded.stream]):
            if recorded.version in self.unknown_versions:
                sink.on_hint()
            else:
                self.deliver(sink, recorded)

    def _reach(self) -> None:
        if self.unreachable:
            raise LogUnavailable("the test cut the line")

    def _readable(self, found: list[Recorded[JobEvent]]) -> list[Recorded[JobEvent]]:
        for recorded in found:
            if recorded.version in self.unknown_versions:
                raise UnknownEvent("something_new", 1)
        return found

    async def watch(self, stream: StreamId, sink: Sink) -> _Watch:
        self._reach()
        self.sinks[stream].append(sink)
        return _Watch(self.sinks[stream], sink)

    async def head(self, stream: StreamId) -> Position:
        self._reach()
        return await self.store.head(stream)

    async def heads(self, streams: Iterable[StreamId]) -> Mapping[StreamId, int]:
        self._reach()
        return {stream: (await self.store.head(stream)).version for stream in streams}

    async def load(self, stream: StreamId, *, after: Position, limit: int) -> list[Recorded[JobEvent]]:
        await asyncio.sleep(0)
        self._reach()
        return self._readable(await self.store.load(stream, after=after, limit=limit))

    async def events(self, owner: UUID, job_id: UUID, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        await asyncio.sleep(0)
        self._reach()
        self.pages.append((after, limit))
        found = await self.store.load(StreamId(owner, job_id), after=Position(after, 0), limit=limit)
        return self._readable(found)

    async def job_head(self, owner: UUID, job_id: UUID) -> int | None:
        self._reach()
        stream = StreamId(owner, job_id)
        head = (await self.store.head(stream)).version
        return head or (0 if stream in self.wanted else None)


class Jobs:
    """The gateway's `Jobs`, as far as the live half uses it."""

    def __init__(self, source: MemorySource) -> None:
        self.head = source.job_head
        self.events = source.events


class Sent:
    def __init__(self, command_id: UUID, listeners: list[Callable[[Outcome], None]]) -> None:
        self.command_id = command_id
        self.repeated = False
        self._listeners = listeners

    async def outcome(self, *, timeout_seconds: float) -> Outcome | None:
        return None

    def when_decided(self, heard: Callable[[Outcome], None]) -> None:
        self._listeners.append(heard)

    def forget(self) -> None:
        pass


class Deciding:
    """`Commands` that decides what it accepted, a moment later, as the services would."""

    def __init__(self, store: MemoryStore[JobEvent]) -> None:
        self.store = store
        self.accepted: list[tuple[StreamId, WireCommand, UUID]] = []
        self.listeners: list[Callable[[Outcome], None]] = []  # of outcomes, oldest first
        self.unreachable = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, stream: StreamId, command: WireCommand, *, command_id: UUID, time: datetime) -> None:
        await self.send(stream, command, command_id=command_id)

    async def send(self, stream: StreamId, command: WireCommand, *, command_id: UUID) -> Sent:
        if self.unreachable:
            raise LogUnavailable("the test cut the line")
        self.accepted.append((stream, command, command_id))
        task = asyncio.create_task(self._decide(stream, command, command_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Sent(command_id, self.listeners)

    async def _decide(self, stream: StreamId, command: WireCommand, command_id: UUID) -> None:
        history = await self.store.load(stream)
        events = decide(fold(history), command, command_id=command_id)
        cause = Cause(causation_id=command_id, correlation_id=command_id, command_sequence=len(self.accepted))
        new = [NewEvent(id=new_id(), time=datetime.now(UTC), event=event, cause=cause) for event in events]
        after = history[-1].position if history else Position(0, 0)
        if new:
            await self.store.append(stream, new, after=after)


class Claims:
    def __init__(self) -> None:
        self.claimed: set[str] = set()

    async def claim(self, key: str) -> bool:
        if key in self.claimed:
            return False
        self.claimed.add(key)
        return True


class World:
    """Everything a test touches."""

    def __init__(self, *, settings: LiveSettings | None = None, token_query_allowed: bool = True) -> None:
        self.clock = ManualClock(datetime.now(UTC))
        self.source = MemorySource()
        self.jobs = Jobs(self.source)
        self.commands = Deciding(self.source.store)
        self.tokens = AccessTokens(SECRET, self.clock)
        self.claims = Claims()
        self.user = User(id=new_id(), email="ada@example.org", name="Ada")
        self.live: Live = assemble(
            source=self.source,
            jobs=self.jobs,
            commands=self.commands,
            claims=self.claims,
            tokens=self.tokens,
            secret=SECRET,
            origin_allowed=lambda origin: origin == ORIGIN,
            token_query_allowed=token_query_allowed,
            clock=self.clock,
            settings=settings or LiveSettings(live_check_seconds=0.2),
            auth_seconds=0.3,
        )
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        app = Litestar(route_handlers=self.live.handlers(), openapi_config=None)
        options = SERVER_OPTIONS | {"timeout_graceful_shutdown": 1}
        async with self.live.running(), serving(app, "127.0.0.1", 0, **options) as url:
            self.url = url.replace("http", "ws", 1)
            yield self

    def token(self, user: User | None = None) -> str:
        return self.tokens.issue(user or self.user)

    def principal(self, user: User | None = None) -> Principal:
        return self.tokens.verify(self.token(user))

    async def job(self, messages: int = 0) -> StreamId:
        """A job that was just created, and then talked to."""
        stream = StreamId(self.user.id, new_id())
        await self.happen(stream, JobCreated(kind="build", prompt="An idea", talks=True))
        await self.talk(stream, messages)
        return stream

    async def talk(self, stream: StreamId, messages: int) -> None:
        for number in range(messages):
            await self.happen(stream, UserMessagePosted(message_id=new_id(), content=f"word {number}"))

    async def happen(self, stream: StreamId, *events: JobEvent, cause: Cause = Cause()) -> Position:
        """Append events; their time is now, for the job's clock does not matter here."""
        after = await self.source.store.head(stream)
        now = datetime.now(UTC)
        new = [NewEvent(id=new_id(), time=now, event=event, cause=cause) for event in events]
        return await self.source.store.append(stream, new, after=after)

    @asynccontextmanager
    async def socket(
        self, stream: StreamId, *, after: int | None = None, query: str = "", bearer: str | None = "", **options: Any
    ) -> AsyncIterator[Client]:
        """A client's socket; by default it carries the owner's token in its header."""
        parts = [part for part in (query, "" if after is None else f"after={after}") if part]
        headers = dict(options.pop("headers", {}))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer or self.token()}"
        url = f"{self.url}/ws/jobs/{stream.id}/" + ("?" + "&".join(parts) if parts else "")
        settings: dict[str, Any] = {"additional_headers": headers, "ping_interval": None, "close_timeout": 1} | options
        async with websockets.connect(url, **settings) as socket:
            yield Client(socket)

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


class Client:
    """The far end of a socket."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            frame: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
            return frame

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """Frames up to the first of this kind, that one included."""
        frames = [await self.next()]
        while frames[-1]["kind"] != kind:
            frames.append(await self.next())
        return frames

    async def upto(self, seq: int) -> list[dict[str, Any]]:
        """Durable frames up to this version."""
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["seq"] < seq:
            frame = await self.next()
            if "seq" in frame and frame["kind"] != "ack":
                frames.append(frame)
        return frames

    async def live(self) -> list[dict[str, Any]]:
        return await self.until("live")

    async def say(self, **frame: Any) -> None:
        await self.socket.send(msgspec.json.encode(frame).decode())

    async def send(self, data: str | bytes) -> None:
        await self.socket.send(data)

    async def closed(self) -> int:
        """The code it was closed with; frames before that are thrown away."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self.socket.recv()
        code = self.socket.close_code
        assert code is not None
        return code
