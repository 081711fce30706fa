"""Commands decided by several replicas on a real server: in order, once each, whoever is faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from libs.events.commands import CommandEnvelope, CommandLog
from libs.events.connection import NatsSettings, connect
from libs.events.handling import CommandHandler
from libs.events.subjects import StreamId
from libs.events.subscription import Done, Later, Refused, Subscription
from libs.jobs.commands import CancelJob, CreateJob, PostMessage, WireCommand
from libs.jobs.events import CommandRefused, JobCancelled, UserMessagePosted
from libs.jobs.handling import JobDecider
from libs.jobs.repository import Jobs, job_repository
from libs.process.clock import new_id
from libs.process.settings import Secret


@pytest.fixture
async def client(nats_server: Any) -> AsyncIterator[Any]:
    user, password = nats_server.user("admin")
    settings = NatsSettings(nats_url=[nats_server.url], nats_user=user, nats_password=Secret(password))
    client = await connect(settings, "tests")
    yield client
    await client.close()


@pytest.fixture
def stream() -> StreamId:
    return StreamId(new_id(), new_id())


class Replica:
    def __init__(self, client: Any) -> None:
        self.jobs: Jobs = job_repository(client)
        self.agents = CommandHandler(CommandLog(client), JobDecider("agents", self.jobs))
        self.runner = CommandHandler(CommandLog(client), JobDecider("runner", self.jobs))


class Delivered:
    """As a subscription would hand it over."""

    def __init__(self, message: Any, deliveries: int = 1) -> None:
        self.message = message
        self.deliveries = deliveries


async def send(client: Any, stream: StreamId, command: WireCommand) -> Any:
    from libs.events import subjects, wire

    envelope = CommandEnvelope(
        stream=stream,
        verb=command.verb,
        id=new_id(),
        time=datetime.now(UTC),
        payload=msgspec.json.encode(command),
    )
    sequence = (await CommandLog(client).publish(envelope)).sequence
    [stored] = await wire.read_range(
        client, "COMMANDS", subjects.command(stream, command.verb), first_sequence=sequence
    )
    return Delivered(stored)


CREATE = CreateJob(kind="build", prompt="A bakery's shop", talks=True)


async def said(replica: Replica, stream: StreamId) -> list[str]:
    job, _ = await replica.jobs.load(stream)
    assert job is not None
    return [message.content for message in job.messages]


async def test_messages_delivered_out_of_order_are_said_in_order(client: Any, stream: StreamId) -> None:
    one, other = Replica(client), Replica(client)
    await one.agents(await send(client, stream, CREATE))
    deliveries = [await send(client, stream, PostMessage(content=str(number))) for number in range(6)]
    outcomes = await asyncio.gather(
        *((one, other)[number % 2].agents(deliveries[number]) for number in (5, 3, 4, 0, 2, 1))
    )
    assert set(outcomes) == {Done()}
    assert await said(one, stream) == [CREATE.prompt, "0", "1", "2", "3", "4", "5"]


async def test_a_message_delivered_before_its_create_finds_it(client: Any, stream: StreamId) -> None:
    create = await send(client, stream, CREATE)
    message = await send(client, stream, PostMessage(content="hello"))
    replica = Replica(client)
    assert await replica.agents(message) == Done()
    assert await replica.agents(create) == Done()
    assert await said(replica, stream) == [CREATE.prompt, "hello"]


async def test_a_command_delivered_twice_is_decided_once(client: Any, stream: StreamId) -> None:
    one, other = Replica(client), Replica(client)
    create = await send(client, stream, CREATE)
    message = await send(client, stream, PostMessage(content="hello"))
    for delivery in (create, message) * 2:
        await asyncio.gather(one.agents(delivery), other.agents(delivery))
    assert await said(one, stream) == [CREATE.prompt, "hello"]


async def test_an_action_waits_for_its_job_to_be_created(client: Any, stream: StreamId) -> None:
    create = await send(client, stream, CREATE)
    cancel = await send(client, stream, CancelJob())
    replica = Replica(client)
    assert isinstance(await replica.runner(cancel), Later)
    await replica.agents(create)
    assert await replica.runner(cancel) == Done()
    job, _ = await replica.jobs.load(stream)
    assert job is not None
    assert job.status == "cancelled"


async def test_an_action_on_a_job_that_never_comes_is_given_up(client: Any, stream: StreamId) -> None:
    cancel = await send(client, stream, CancelJob())
    cancel.deliveries = 10_000
    assert isinstance(await Replica(client).runner(cancel), Refused)


async def test_a_malformed_command_is_refused_and_the_next_goes_on(client: Any, stream: StreamId) -> None:
    replica = Replica(client)
    await replica.agents(await send(client, stream, CREATE))
    bad = await send(client, stream, PostMessage(content=7))  # type: ignore[arg-type]
    good = await send(client, stream, PostMessage(content="fine"))
    assert isinstance(await replica.agents(bad), Refused)
    assert await replica.agents(good) == Done()
    assert await said(replica, stream) == [CREATE.prompt, "fine"]


async def test_a_refusal_is_in_the_log_with_the_command_as_its_cause(client: Any, stream: StreamId) -> None:
    replica = Replica(client)
    await replica.agents(await send(client, stream, CREATE))
    await replica.runner(await send(client, stream, CancelJob()))
    message = await send(client, stream, PostMessage(content="wait"))
    await replica.agents(message)
    history = await replica.jobs._store.load(stream)
    assert [type(recorded.event) for recorded in history[-3:]] == [UserMessagePosted, JobCancelled, CommandRefused]
    assert history[-1].cause.causation_id == CommandEnvelope.of(message.message).id


async def test_through_subscriptions_rapid_messages_keep_their_order(client: Any, stream: StreamId) -> None:
    replicas = [Replica(client), Replica(client)]
    stopping = asyncio.Event()
    running = [
        asyncio.create_task(
            Subscription(
                client, "COMMANDS", "agents", each.agents, service="agents", concurrency=50, lease_seconds=10
            ).run(stopping)
        )
        for each in replicas
    ]
    await send(client, stream, CREATE)
    for number in range(30):
        await send(client, stream, PostMessage(content=str(number)))
    async with asyncio.timeout(30):
        while (await replicas[0].jobs.load(stream))[1].version < 32:
            await asyncio.sleep(0.02)
    stopping.set()
    await asyncio.gather(*running)
    assert (await said(replicas[0], stream))[1:] == [str(number) for number in range(30)]
