"""Commands, outcomes, keys and folded jobs over a real NATS, with the gateway's own rights."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from libs.events.commands import CommandLog, Outcome, Refusal
from libs.events.connection import connect
from libs.events.errors import LogUnavailable
from libs.events.event import START
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.commands import CancelJob, CompleteJob, CreateJob, PostMessage, StartAttempt
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.testing import Life, build_history
from libs.process.clock import SystemClock, new_id
from services.gateway.jetstream import JetStreamCommands, JetStreamIdempotencyKeys, folded_jobs, listening
from services.gateway.jobs import JobReader
from services.gateway.ports import IdempotencyRecord
from services.gateway.problems import Code, Problem
from services.gateway.views import job_view
from tests.services.gateway.fakes import CuttableStore, MemoryModels

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@asynccontextmanager
async def user(server: Any, name: str) -> AsyncIterator[Any]:
    client = await connect(server.settings(name), f"tests {name}")
    try:
        yield client
    finally:
        with contextlib.suppress(OSError):
            await client.close()


@pytest.fixture
async def gateway(nats_server: Any) -> AsyncIterator[Any]:
    async with user(nats_server, "gateway") as client:
        yield client


@pytest.fixture
async def agents(nats_server: Any) -> AsyncIterator[Any]:
    async with user(nats_server, "agents") as client:
        yield client


def a_stream() -> StreamId:
    return StreamId(new_id(), new_id())


def a_record(**changes: Any) -> IdempotencyRecord:
    return msgspec.structs.replace(
        IdempotencyRecord(job_id=new_id(), command_id=new_id(), digest="d", time=NOW), **changes
    )


@pytest.fixture
async def commands(gateway: Any) -> AsyncIterator[JetStreamCommands]:
    listener = f"gateway-{uuid4().hex[:8]}"
    commands = JetStreamCommands(CommandLog(gateway), SystemClock(), listener)
    async with listening(gateway, commands, listener):
        yield commands


async def test_a_create_command_is_stored_with_its_time(gateway: Any, commands: JetStreamCommands) -> None:
    stream, command_id = a_stream(), new_id()
    command = CreateJob(kind="build", prompt="tea ☕", talks=True)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await commands.create(stream, command, command_id=command_id, time=NOW, traceparent=trace)
    stored = await CommandLog(gateway).first(stream, "create")
    assert stored is not None
    assert (stored.id, stored.time, stored.traceparent, stored.outcome_to) == (command_id, NOW, trace, None)
    assert msgspec.json.decode(stored.payload, type=CreateJob) == command


async def test_an_outcome_finds_whoever_waits_for_it(agents: Any, commands: JetStreamCommands) -> None:
    stream, command_id = a_stream(), new_id()
    first, second = [await commands.send(stream, CancelJob(), command_id=command_id) for _ in range(2)]
    stored = await CommandLog(agents).first(stream, "cancel")
    assert stored is not None
    refused = Refusal(code="not_allowed_now", reason="done", allowed=("retry",))
    outcome = Outcome(command_id=command_id, version=7, refused=refused)
    await CommandLog(agents).answer(stored, outcome)
    assert await first.outcome(timeout_seconds=5) == outcome
    assert await second.outcome(timeout_seconds=5) == outcome
    first.forget()
    second.forget()
    second.forget()
    assert not commands._pending


async def test_an_outcome_that_does_not_come_is_waited_for_no_longer_than_asked(commands: JetStreamCommands) -> None:
    sent = await commands.send(a_stream(), CancelJob(), command_id=new_id())
    async with asyncio.timeout(2):
        assert await sent.outcome(timeout_seconds=0.05) is None
    sent.forget()
    assert not commands._pending


async def test_a_message_that_is_no_outcome_disturbs_nothing(agents: Any, commands: JetStreamCommands) -> None:
    sent = await commands.send(a_stream(), CancelJob(), command_id=new_id())
    await agents.publish(f"outcome.{commands._listener}", b"garbage")
    await agents.publish(f"outcome.{commands._listener}", msgspec.json.encode(Outcome(command_id=new_id(), version=1)))
    good = Outcome(command_id=sent.command_id, version=1)
    await agents.publish(f"outcome.{commands._listener}", msgspec.json.encode(good))
    assert await sent.outcome(timeout_seconds=5) == good
    sent.forget()


async def test_what_is_too_large_for_the_log_is_said_to_be(commands: JetStreamCommands) -> None:
    huge = CreateJob(kind="build", prompt="x" * 9_000_000, talks=True)
    with pytest.raises(Problem) as caught:
        await commands.create(a_stream(), huge, command_id=new_id(), time=NOW)
    assert caught.value.code is Code.TOO_LARGE


async def test_a_key_is_claimed_once(gateway: Any) -> None:
    keys, owner = JetStreamIdempotencyKeys(gateway), new_id()
    first, second = a_record(), a_record()
    assert await keys.claim(owner, "k", first) == first
    assert await keys.claim(owner, "k", second) == first
    assert await keys.claim(owner, "K", second) == second
    assert await keys.claim(new_id(), "k", second) == second


async def test_who_holds_a_key_is_found_without_claiming_it(gateway: Any) -> None:
    keys, owner, record = JetStreamIdempotencyKeys(gateway), new_id(), a_record(seed=7)
    assert await keys.find(owner, "k") is None
    await keys.claim(owner, "k", record)
    assert await keys.find(owner, "k") == record
    assert await keys.find(new_id(), "k") is None


async def test_a_race_for_a_key_has_one_winner(gateway: Any, nats_server: Any) -> None:
    owner, records = new_id(), [a_record() for _ in range(20)]
    async with user(nats_server, "gateway") as other:
        holders = await asyncio.gather(
            *(
                JetStreamIdempotencyKeys(client).claim(owner, "k", record)
                for client, record in zip([gateway, other] * 10, records, strict=True)
            )
        )
    assert len({holder.job_id for holder in holders}) == 1


@pytest.mark.parametrize("key", ["a.b.c", "*", ">", "$JS.API", "é" * 255, " ", "a\r\nb"])
async def test_a_key_may_hold_anything(gateway: Any, key: str) -> None:
    keys, owner, record = JetStreamIdempotencyKeys(gateway), new_id(), a_record()
    assert await keys.claim(owner, key, record) == record
    assert await keys.claim(owner, key, a_record()) == record


async def test_a_job_is_folded_from_the_log_without_writing_a_snapshot(gateway: Any, agents: Any) -> None:
    life = build_history(a_stream(), rounds=20, steps=40)
    await JetStreamStore[JobEvent](agents, EVENTS).append(life.stream, life.news(), after=START)
    store, jobs = folded_jobs(gateway, SystemClock())
    models = MemoryModels(CuttableStore())
    models.up = False
    reader = JobReader(models, store, jobs, CommandLog(gateway))
    assert life.job is not None
    view = job_view(life.job)
    assert await reader.get(*life.stream) == view
    assert await reader.head(*life.stream) == view.version
    assert await reader.get(new_id(), life.stream.id) is None
    for after in (0, 1, 50, view.version):
        page = await reader.events(*life.stream, after=after, limit=10)
        assert [each.version for each in page] == list(range(after + 1, view.version + 1))[:10]
    at = await reader.get(*life.stream, at=10)
    assert at is not None
    assert at.version == 10
    assert await jobs._snapshots.get(life.stream) is None  # type: ignore[union-attr]


async def test_megabytes_of_result_are_folded_from_the_log_and_not_kept(gateway: Any, agents: Any) -> None:
    life = Life(a_stream())
    large = msgspec.json.encode({"padding": ["x" * 1000] * 6000})
    life.do(CreateJob(kind="simulation", prompt="x", talks=False, request={"given": 1}))
    life.do(StartAttempt(worker="runner-1"))
    life.do(CompleteJob(attempt=1, result=msgspec.Raw(large)))
    await JetStreamStore[JobEvent](agents, EVENTS).append(life.stream, life.news(), after=START)
    store, jobs = folded_jobs(gateway, SystemClock())
    reader = JobReader(MemoryModels(CuttableStore()), store, jobs, CommandLog(gateway))
    job = await reader.state(*life.stream)
    assert job is not None
    assert bytes(job.result) == large
    assert jobs.peek(life.stream) is None


async def test_a_job_is_known_from_its_stored_command_on(gateway: Any, commands: JetStreamCommands) -> None:
    stream, command_id = a_stream(), new_id()
    store, jobs = folded_jobs(gateway, SystemClock())
    reader = JobReader(MemoryModels(CuttableStore()), store, jobs, CommandLog(gateway))
    assert await reader.get(*stream) is None
    assert await reader.head(*stream) is None
    assert not await reader.exists(*stream)
    command = CreateJob(kind="build", prompt="tea", talks=True)
    await commands.create(stream, command, command_id=command_id, time=NOW)
    view = await reader.get(*stream)
    assert view is not None
    assert (view.version, view.prompt, view.created_at) == (0, "tea", NOW)
    assert await reader.head(*stream) == 0
    assert await reader.exists(*stream)
    assert await reader.events(*stream, after=0, limit=10) == []


async def test_a_server_that_is_gone_is_the_log_that_is_unavailable(fresh_nats: Any) -> None:
    async with user(fresh_nats, "gateway") as client:
        fresh_nats.kill()
        commands = JetStreamCommands(CommandLog(client, timeout_seconds=0.3), SystemClock(), "gateway-x")
        with pytest.raises(LogUnavailable):
            await commands.send(a_stream(), CancelJob(), command_id=new_id())
        assert not commands._pending
        with pytest.raises(LogUnavailable):
            await JetStreamIdempotencyKeys(client, timeout_seconds=0.3).claim(new_id(), "k", a_record())


async def test_a_key_that_comes_again_with_another_body_is_refused(commands: JetStreamCommands) -> None:
    stream, command_id = a_stream(), new_id()
    (await commands.send(stream, PostMessage(content="tea"), command_id=command_id)).forget()
    with pytest.raises(Problem) as caught:
        await commands.send(stream, PostMessage(content="coffee"), command_id=command_id)
    assert caught.value.code is Code.IDEMPOTENCY_MISMATCH
    (await commands.send(stream, PostMessage(content="tea"), command_id=command_id)).forget()
    assert not commands._pending


async def test_a_repeat_is_not_blamed_for_what_another_sent_under_its_key(commands: JetStreamCommands) -> None:
    stream, command_id = a_stream(), new_id()
    first, again = [await commands.send(stream, CancelJob(), command_id=command_id) for _ in range(2)]
    told: list[Outcome] = []
    for sent in (first, again):
        sent.when_decided(told.append)
    mismatch = Outcome(command_id=command_id, version=3, refused=Refusal(code="idempotency_mismatch", reason="used"))
    commands.heard(mismatch)
    assert await first.outcome(timeout_seconds=1) == mismatch
    assert await again.outcome(timeout_seconds=1) is None
    assert told == [mismatch]
    first.forget()
    again.forget()
