"""What each NATS user can and cannot do, asked of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import nats
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from infra.embedded.nats import EmbeddedNats
from libs.process.clock import new_id

OWNER, JOB = "0199a0de-7e0c-7a30-8f7c-3f6f6f6f6f01", "0199a0de-7e0c-7a30-8f7c-3f6f6f6f6f02"


class Session:
    """A connection that remembers what the server denied it."""

    def __init__(self) -> None:
        self.client = Client()
        self.denials: list[str] = []

    async def error(self, error: Exception) -> None:
        self.denials.append(str(error).lower())

    async def attempt(self, work: Awaitable[object]) -> list[str]:
        """Do it, and answer the denials; a denied request looks like one that nobody answers."""
        with suppress(TimeoutError, NoRespondersError):
            await asyncio.wait_for(work, 0.5)
        await self.client.flush()
        await asyncio.sleep(0)
        return [denial for denial in self.denials if "permissions violation" in denial]


@pytest.fixture
async def login(nats_server: EmbeddedNats) -> AsyncIterator[Callable[[str], Awaitable[Session]]]:
    sessions: list[Session] = []

    async def connect(name: str) -> Session:
        session = Session()
        user, password = nats_server.user(name)
        await session.client.connect(
            nats_server.url, user=user, password=password, inbox_prefix=f"_INBOX_{name}", error_cb=session.error
        )
        sessions.append(session)
        return session

    yield connect
    for session in sessions:
        await session.client.close()


Login = Callable[[str], Awaitable[Session]]

FORBIDDEN = [
    ("gateway", f"evt.{OWNER}.{JOB}.job_created"),
    ("gateway", f"$KV.SNAPSHOTS.{JOB}"),
    ("gateway", f"live.{OWNER}.{JOB}.job_created"),
    ("gateway", "$JS.API.STREAM.PURGE.EVENTS"),
    ("gateway", "$JS.API.CONSUMER.MSG.NEXT.COMMANDS.agents"),
    ("agents", f"cmd.{OWNER}.{JOB}.cancel"),
    ("agents", f"shard.{OWNER}.{JOB}.m.1"),
    ("agents", f"dead.{OWNER}.{JOB}.runner"),
    ("agents", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.runner"),
    ("agents", "$JS.ACK.EVENTS.runner.1.1.1.1.1"),
    ("runner", f"cmd.{OWNER}.{JOB}.cancel"),
    ("runner", f"timer.due.{OWNER}.{JOB}.t"),
    ("runner", "$JS.API.STREAM.DELETE.EVENTS"),
    ("runner", "$JS.API.STREAM.PURGE.EVENTS"),
    ("projector", f"cmd.{OWNER}.{JOB}.cancel"),
    ("projector", f"evt.{OWNER}.{JOB}.job_created"),
    ("projector", "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.agents"),
    ("projector", "$JS.API.CONSUMER.CREATE.EVENTS.agents"),
    ("projector", "$JS.API.CONSUMER.DELETE.EVENTS.agents"),
    ("projector", f"$KV.SNAPSHOTS.{JOB}"),
    ("operator", f"evt.{OWNER}.{JOB}.job_created"),
    ("operator", "$JS.API.STREAM.PURGE.EVENTS"),
    ("operator", "$JS.API.CONSUMER.CREATE.EVENTS.agents"),
    ("operator", "$JS.API.CONSUMER.CREATE.COMMANDS.runner.cmd.>"),
    ("operator", "$JS.API.CONSUMER.MSG.NEXT.TASKS.runner"),
    ("operator", "$JS.API.CONSUMER.DELETE.EVENTS.runner"),
    ("operator", "$JS.ACK.EVENTS.runner.1.1.1.1.1"),
]


@pytest.mark.parametrize(("user", "subject"), FORBIDDEN)
async def test_it_may_not_publish(login: Login, user: str, subject: str) -> None:
    session = await login(user)
    assert await session.attempt(session.client.publish(subject, b"{}"))


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", "evt.>"),
        ("gateway", "cmd.>"),
        ("agents", "live.>"),
        ("runner", "_INBOX_agents.>"),
        ("operator", ">"),
    ],
)
async def test_it_may_not_subscribe(login: Login, user: str, subject: str) -> None:
    session = await login(user)
    assert await session.attempt(session.client.subscribe(subject))


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", f"cmd.{OWNER}.{JOB}.create"),
        ("agents", f"evt.{OWNER}.{JOB}.message"),
        ("agents", f"delta.{OWNER}.{JOB}"),
        ("agents", "outcome.gateway-1"),
        ("agents", f"dead.{OWNER}.{JOB}.agents"),
        ("runner", f"evt.{OWNER}.{JOB}.message"),
        ("runner", f"shard.{OWNER}.{JOB}.m.1"),
        ("runner", f"task.{OWNER}.{JOB}.m.1"),
        ("runner", f"delta.{OWNER}.{JOB}"),
        ("projector", f"wake.runner.{OWNER}.{JOB}"),
    ],
)
async def test_it_may_publish(login: Login, user: str, subject: str) -> None:
    session = await login(user)
    assert await session.attempt(session.client.publish(subject, b"{}")) == []


@pytest.mark.parametrize(("user", "stream"), [("agents", "COMMANDS"), ("runner", "TASKS"), ("agents", "WAKEUPS")])
async def test_a_service_pulls_and_acknowledges_its_own_work(login: Login, user: str, stream: str) -> None:
    subject = {"COMMANDS": "cmd.{}.{}.chat", "TASKS": "task.{}.{}.m.1", "WAKEUPS": "wake.agents.{}.{}"}[stream]
    sender = await login({"COMMANDS": "gateway", "TASKS": "runner", "WAKEUPS": "projector"}[stream])
    await sender.client.jetstream().publish(subject.format(new_id(), new_id()), b"{}")
    session = await login(user)
    pull = await session.client.jetstream().pull_subscribe_bind(user, stream)
    for message in await pull.fetch(10, timeout=2):
        await message.ack_sync()
    assert session.denials == []


async def test_the_gateway_sees_live_what_the_agents_stored(login: Login) -> None:
    gateway, agents = await login("gateway"), await login("agents")
    job = str(new_id())
    live = await gateway.client.subscribe(f"live.{OWNER}.{job}.>")
    await gateway.client.flush()
    await agents.client.jetstream().publish(f"evt.{OWNER}.{job}.seen", b"{}")
    assert (await live.next_msg(2)).subject == f"live.{OWNER}.{job}.seen"


@pytest.mark.parametrize("user", ["gateway", "agents", "runner", "projector"])
async def test_every_service_reads_the_log_and_the_snapshots(login: Login, user: str) -> None:
    admin = await login("admin")
    await admin.client.jetstream().publish(f"evt.{OWNER}.{JOB}.seen", b"{}")
    await (await admin.client.jetstream().key_value("SNAPSHOTS")).put("k", b"v")
    session = await login(user)
    js = session.client.jetstream()
    await js.get_last_msg("EVENTS", f"evt.{OWNER}.{JOB}.>", direct=True)
    await js.get_last_msg("EVENTS", f"evt.{OWNER}.{JOB}.seen")
    assert (await (await js.key_value("SNAPSHOTS")).get("k")).value == b"v"
    assert session.denials == []


async def test_agents_and_runner_write_snapshots(login: Login) -> None:
    for user in ("agents", "runner"):
        session = await login(user)
        await (await session.client.jetstream().key_value("SNAPSHOTS")).put(user, b"v")


async def test_the_gateway_claims_idempotency_keys(login: Login) -> None:
    session = await login("gateway")
    bucket = await session.client.jetstream().key_value("IDEMPOTENCY")
    await bucket.create(str(new_id()), b"v")
    with pytest.raises(nats.js.errors.KeyWrongLastSequenceError):
        key = str(new_id())
        await bucket.create(key, b"v")
        await bucket.create(key, b"v")


async def test_the_projector_follows_the_log_in_order(login: Login) -> None:
    admin, session = await login("admin"), await login("projector")
    await admin.client.jetstream().publish(f"evt.{OWNER}.{JOB}.seen", b"{}")
    subscription = await session.client.jetstream().subscribe("evt.>", stream="EVENTS", ordered_consumer=True)
    assert (await subscription.next_msg(2)).metadata.sequence.stream >= 1
    await subscription.unsubscribe()
    await session.client.flush()
    assert session.denials == []


async def test_the_projector_trims_handled_commands(login: Login) -> None:
    session = await login("projector")
    assert await session.client.jetstream().purge_stream("COMMANDS", seq=1)


async def test_artifacts_are_written_by_the_runner_and_read_by_the_gateway(login: Login) -> None:
    runner, gateway = await login("runner"), await login("gateway")
    name = str(new_id())
    await (await runner.client.jetstream().object_store("ARTIFACTS")).put(name, b"x" * 200_000)
    found = await (await gateway.client.jetstream().object_store("ARTIFACTS")).get(name)
    await gateway.client.flush()
    assert (len(found.data or b""), runner.denials, gateway.denials) == (200_000, [], [])


async def test_an_operator_reads_any_stream_through_a_consumer_of_a_name_of_its_own(login: Login) -> None:
    admin, session = await login("admin"), await login("operator")
    job = str(new_id())
    await admin.client.jetstream().publish(f"evt.{OWNER}.{job}.job_failed", b"{}")
    config = nats.js.api.ConsumerConfig(
        name="view-1", filter_subject=f"evt.*.{job}.job_failed", ack_policy=nats.js.api.AckPolicy.NONE
    )
    await session.client.jetstream().add_consumer("EVENTS", config)
    pull = await session.client.jetstream().pull_subscribe_bind("view-1", "EVENTS")
    (found,) = await pull.fetch(1, timeout=2)
    await session.client.jetstream().delete_consumer("EVENTS", "view-1")
    assert (found.subject, session.denials) == (f"evt.{OWNER}.{job}.job_failed", [])


async def test_replicas_ask_each_other_whether_they_live(login: Login) -> None:
    runner, agents = await login("runner"), await login("agents")

    async def answer(message: nats.aio.msg.Msg) -> None:
        await message.respond(b"alive")

    await runner.client.subscribe("worker.runner-1", cb=answer)
    await runner.client.flush()
    assert (await agents.client.request("worker.runner-1", b"", timeout=2)).data == b"alive"


async def test_a_wrong_password_is_refused(nats_server: EmbeddedNats) -> None:
    with pytest.raises(nats.errors.Error):
        await nats.connect(nats_server.url, user="gateway", password="guess", allow_reconnect=False)
