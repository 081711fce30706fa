"""Live over a real NATS: what it stores is what sockets show, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest
from nats.aio.client import Client

from infra.embedded.nats import EmbeddedNats
from libs.events import subjects
from libs.events.commands import CommandLog
from libs.events.connection import connect
from libs.events.errors import LogUnavailable, VersionConflict
from libs.events.event import NewEvent, Position, Recorded
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobCreated, JobEvent, UserMessagePosted
from libs.process.clock import SystemClock, new_id
from libs.process.serving import serving
from services.gateway.jetstream import JetStreamCommands
from services.gateway.live import SERVER_OPTIONS, LiveSettings, create_live
from services.gateway.live.hub import Hub
from services.gateway.live.nats_source import NatsSource
from services.gateway.live.tickets import InvalidTicket, NatsClaims, Tickets
from services.gateway.ports import User
from services.gateway.principal import Principal
from services.gateway.tokens import AccessTokens
from tests.services.gateway.live.test_feed import Seen
from tests.services.gateway.live.world import SECRET
from tests.services.gateway.live.world import Client as SocketClient

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class LogJobs:
    """The gateway's `Jobs`, from the log alone."""

    def __init__(self, store: JetStreamStore[JobEvent]) -> None:
        self._store = store

    async def head(self, owner: UUID, job_id: UUID) -> int | None:
        return (await self._store.head(StreamId(owner, job_id))).version or None

    async def events(self, owner: UUID, job_id: UUID, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        found = await self._store.load(StreamId(owner, job_id), limit=after + limit)
        return [recorded for recorded in found if recorded.version > after]


class Writer:
    """Somebody else's process that writes a job's events."""

    def __init__(self, client: Client, stream: StreamId) -> None:
        self.client = client
        self.stream = stream
        self._store = JetStreamStore[JobEvent](client, EVENTS, timeout_seconds=2)
        self.position = Position(0, 0)

    async def create(self) -> None:
        await self._append(JobCreated(kind="build", prompt="An idea", talks=True))

    async def talk(self, messages: int, content: str = "word") -> None:
        for _ in range(messages):
            await self._append(UserMessagePosted(message_id=new_id(), content=content))

    async def _append(self, event: JobEvent) -> None:
        new = NewEvent(id=new_id(), time=SystemClock().now(), event=event)
        async with asyncio.timeout(60):
            while True:
                try:
                    self.position = await self._store.append(self.stream, [new], after=self.position)
                except (LogUnavailable, VersionConflict):
                    await asyncio.sleep(0.05)
                else:
                    return


@asynccontextmanager
async def writer(server: EmbeddedNats, stream: StreamId | None = None) -> AsyncIterator[Writer]:
    client = await connect(server.settings("runner"), "writer")
    try:
        writing = Writer(client, stream or StreamId(new_id(), new_id()))
        await writing.create()
        yield writing
    finally:
        await client.close()


@asynccontextmanager
async def hub(server: EmbeddedNats, *, check_seconds: float = 5.0) -> AsyncIterator[Hub]:
    async with AsyncExitStack() as stack:
        hubs: list[Hub] = []

        async def recheck() -> None:
            for each in hubs:
                each.recheck()

        client = await connect(server.settings("gateway"), "gateway", on_reconnect=recheck, on_slow_consumer=recheck)
        stack.push_async_callback(client.close)
        store = JetStreamStore[JobEvent](client, EVENTS, timeout_seconds=2)
        hubs.append(Hub(NatsSource(client, store), LogJobs(store), check_seconds=check_seconds))
        await stack.enter_async_context(hubs[0].running())
        yield hubs[0]


async def test_what_is_stored_is_seen_live(nats_server: EmbeddedNats) -> None:
    async with hub(nats_server) as live, writer(nats_server) as writing, live.feed(writing.stream) as feed:
        seen = Seen()
        await seen.follow(feed, 0)
        await writing.talk(20)
        await seen.reaches(21)
    assert seen.versions == list(range(1, 22))


async def test_a_payload_that_is_an_object_is_seen_live(nats_server: EmbeddedNats) -> None:
    async with hub(nats_server) as live, writer(nats_server) as writing, live.feed(writing.stream) as feed:
        seen = Seen()
        await seen.follow(feed, 0)
        await writing.talk(1, "x" * 100_000)
        await writing.talk(1)
        await seen.reaches(3)
    assert seen.versions == [1, 2, 3]


async def test_nothing_arrives_for_jobs_nobody_watches(nats_server: EmbeddedNats) -> None:
    async with (
        hub(nats_server) as live,
        writer(nats_server) as watched,
        writer(nats_server) as other,
        live.feed(watched.stream) as feed,
    ):
        seen = Seen()
        await seen.follow(feed, 0)
        await other.talk(5)
        await watched.talk(1)
        await seen.reaches(2)
    assert seen.versions == [1, 2]


async def test_deltas_arrive_as_they_are_sent(nats_server: EmbeddedNats) -> None:
    async with hub(nats_server) as live, writer(nats_server) as writing, live.feed(writing.stream) as feed:
        kinds: list[str] = []
        arrived = asyncio.Event()

        class Kinds(Seen):
            def offer(self, frame: object) -> None:
                kinds.append(frame.kind)  # type: ignore[attr-defined]
                arrived.set()

        await Kinds().follow(feed, 1)
        await writing.client.publish(
            subjects.delta(writing.stream), b'{"stream":"s","attempt":1,"offset":0,"text":"a"}'
        )
        await asyncio.wait_for(arrived.wait(), 5)
    assert kinds == ["delta"]


async def test_the_heads_of_many_jobs_are_known_at_once(nats_server: EmbeddedNats) -> None:
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(writer(nats_server)) for _ in range(5)]
        for number, each in enumerate(writers):
            await each.talk(number)
        client = await connect(nats_server.settings("gateway"), "gateway")
        stack.push_async_callback(client.close)
        unknown = StreamId(new_id(), new_id())
        source = NatsSource(client, JetStreamStore[JobEvent](client, EVENTS))
        heads = await source.heads([each.stream for each in writers] + [unknown])
    assert heads == {each.stream: number + 1 for number, each in enumerate(writers)} | {unknown: 0}


@pytest.mark.faults
async def test_killing_nats_mid_stream_loses_and_repeats_nothing(fresh_nats: EmbeddedNats) -> None:
    async with hub(fresh_nats) as live, writer(fresh_nats) as writing, live.feed(writing.stream) as feed:
        seen = Seen()
        await seen.follow(feed, 0)
        talking = asyncio.create_task(writing.talk(400))
        for reached in (60, 160, 260):
            await seen.reaches(reached)
            await asyncio.to_thread(fresh_nats.kill)
            await asyncio.to_thread(fresh_nats.start)
        await asyncio.wait_for(talking, 60)
        async with asyncio.timeout(30):
            await seen.reaches(401)
    assert seen.versions == list(range(1, 402))


@pytest.mark.faults
async def test_an_event_stored_while_the_gateway_was_cut_off_arrives_after_the_reconnect(
    fresh_nats: EmbeddedNats,
) -> None:
    async with (
        hub(fresh_nats, check_seconds=3600) as live,
        writer(fresh_nats) as writing,
        live.feed(writing.stream) as feed,
    ):
        seen = Seen()
        await seen.follow(feed, 0)
        client = live._source._nats  # type: ignore[attr-defined]
        client._transport._io_writer.transport.abort()  # the line breaks
        await writing.talk(3)
        await seen.reaches(4)
    assert seen.versions == [1, 2, 3, 4]


async def test_a_ticket_is_claimed_once_over_all_gateways(nats_server: EmbeddedNats) -> None:
    one = await connect(nats_server.settings("gateway"), "one")
    two = await connect(nats_server.settings("gateway"), "two")
    principal = Principal(user_id=new_id(), email="a@b.example", name="A", expires_at=SystemClock().now())
    job_id = new_id()
    try:
        issuing = Tickets(SECRET, NatsClaims(one), SystemClock())
        redeeming = Tickets(SECRET, NatsClaims(two), SystemClock())
        ticket = issuing.issue(principal, job_id)
        redeemed = await redeeming.redeem(ticket, job_id)
        with pytest.raises(InvalidTicket):
            await issuing.redeem(ticket, job_id)
    finally:
        await one.close()
        await two.close()
    assert redeemed.user_id == principal.user_id


async def test_a_socket_shows_what_another_process_stores(nats_server: EmbeddedNats) -> None:
    import websockets

    user = User(id=new_id(), email="ada@example.org", name="Ada")
    tokens = AccessTokens(SECRET, SystemClock())
    async with AsyncExitStack() as stack:
        writing = await stack.enter_async_context(writer(nats_server, StreamId(user.id, new_id())))
        client = await connect(nats_server.settings("gateway"), "gateway")
        stack.push_async_callback(client.close)
        live = create_live(
            client,
            jobs=LogJobs(JetStreamStore[JobEvent](client, EVENTS)),
            commands=JetStreamCommands(CommandLog(client), SystemClock(), "gateway-test"),
            tokens=tokens,
            secret=SECRET,
            origin_allowed=lambda origin: False,
            token_query_allowed=False,
            settings=LiveSettings(),
        )
        await stack.enter_async_context(live.running())
        url = await stack.enter_async_context(serving(live.websocket, "127.0.0.1", 0, **SERVER_OPTIONS))
        address = f"{url.replace('http', 'ws', 1)}/ws/jobs/{writing.stream.id}/?after=0"
        headers = {"Authorization": f"Bearer {tokens.issue(user)}"}
        async with websockets.connect(address, additional_headers=headers) as socket:
            watching = SocketClient(socket)
            await watching.live()
            await writing.talk(2)
            told = await watching.upto(3)
            await watching.say(kind="chat", content="hello", ref="r")
            ack = await watching.until("ack")
    assert ([frame["seq"] for frame in told], ack[-1]["ref"]) == ([2, 3], "r")


async def test_messages_that_nats_drops_for_a_slow_consumer_are_read_from_the_log(nats_server: EmbeddedNats) -> None:
    async with AsyncExitStack() as stack:
        hubs: list[Hub] = []
        dropped = asyncio.Event()

        async def recheck() -> None:
            dropped.set()
            hubs[0].recheck()

        client = await connect(nats_server.settings("gateway"), "gateway", on_slow_consumer=recheck)
        stack.push_async_callback(client.close)
        store = JetStreamStore[JobEvent](client, EVENTS)
        source = NatsSource(client, store, waiting_messages_max=1)
        hubs.append(Hub(source, LogJobs(store), check_seconds=3600))
        await stack.enter_async_context(hubs[0].running())
        writing = await stack.enter_async_context(writer(nats_server))
        feed = await stack.enter_async_context(hubs[0].feed(writing.stream))
        seen = Seen()
        await seen.follow(feed, 0)
        new = [
            NewEvent(id=new_id(), time=SystemClock().now(), event=UserMessagePosted(message_id=new_id(), content="x"))
            for _ in range(100)
        ]
        await writing._store.append(writing.stream, new, after=writing.position)
        await seen.reaches(101)
    assert (dropped.is_set(), seen.versions) == (True, list(range(1, 102)))
