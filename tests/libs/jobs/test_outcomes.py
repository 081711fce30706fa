"""What whoever sent a command hears of it, and whose command it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from libs.events import subjects, wire
from libs.events.commands import CommandEnvelope, CommandLog, Outcome
from libs.events.connection import connect
from libs.events.handling import CommandHandler
from libs.events.subjects import StreamId
from libs.jobs.commands import CancelJob, CreateJob, PostMessage, RetryJob, WireCommand
from libs.jobs.handling import JobDecider
from libs.jobs.repository import job_repository
from libs.jobs.state import Job
from libs.process.clock import SystemClock, new_id


class Desk:
    """Commands of one job, stored, and delivered when and to whom a test likes."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.stream = StreamId(new_id(), new_id())
        self.log = CommandLog(client)
        self.jobs = job_repository(client)

    def replica(self, service: str = "agents") -> CommandHandler:
        return CommandHandler(self.log, JobDecider(service, job_repository(self.client)))

    async def send(self, command: WireCommand, *, command_id: UUID | None = None, listener: str | None = None) -> Any:
        return await self.send_raw(command.verb, msgspec.json.encode(command), command_id, listener)

    async def send_raw(
        self, verb: str, payload: bytes, command_id: UUID | None = None, listener: str | None = None
    ) -> Any:
        envelope = CommandEnvelope(
            stream=self.stream,
            verb=verb,
            id=command_id or new_id(),
            time=SystemClock().now(),
            payload=payload,
            outcome_to=listener,
        )
        sequence = (await self.log.publish(envelope)).sequence
        subject = subjects.command(self.stream, verb)
        stored = await wire.read_range(self.client, "COMMANDS", subject, first_sequence=sequence, limit=1)
        return SimpleNamespace(message=stored[0], subject=subjects.parse(subject), stream=self.stream, deliveries=1)

    async def job(self) -> Job:
        job, _ = await self.jobs.load(self.stream)
        assert job is not None
        return job

    async def said(self) -> list[str]:
        return [message.content for message in (await self.job()).messages]


@pytest.fixture
async def desk(client: Any) -> Desk:
    return Desk(client)


CREATE = CreateJob(kind="build", prompt="first", talks=True)


async def test_a_service_leaves_other_services_commands_alone(desk: Desk) -> None:
    await desk.replica()(await desk.send(CREATE))
    await desk.send(CancelJob())
    await desk.replica()(await desk.send(PostMessage(content="second")))
    assert await desk.said() == ["first", "second"]


async def test_whoever_sent_a_command_hears_what_became_of_it(desk: Desk) -> None:
    heard = await desk.client.subscribe(subjects.outcome("gateway-test"))
    command_id = new_id()
    await desk.replica()(await desk.send(CREATE, command_id=command_id, listener="gateway-test"))
    outcome = msgspec.json.decode((await heard.next_msg(2)).data, type=Outcome)
    assert (outcome.command_id, outcome.version, outcome.refused) == (command_id, 2, None)


async def test_a_refusal_is_told_with_what_is_allowed(desk: Desk) -> None:
    await desk.replica()(await desk.send(CREATE))
    heard = await desk.client.subscribe(subjects.outcome("gateway-refused"))
    await desk.replica("runner")(await desk.send(RetryJob(), listener="gateway-refused"))
    outcome = msgspec.json.decode((await heard.next_msg(2)).data, type=Outcome)
    assert outcome.refused is not None
    assert (outcome.refused.code, outcome.refused.allowed) == ("not_allowed_now", ("chat", "cancel"))


@pytest.fixture
async def forgetful(fresh_nats: Any) -> AsyncIterator[Desk]:
    """On a server whose log takes the same id again after a tenth of a second instead of two minutes."""
    client = await connect(fresh_nats.settings("admin"), "tests")
    config = (await client.jetstream().stream_info("COMMANDS")).config
    await client.jetstream().update_stream(config.evolve(duplicate_window=0.1))
    yield Desk(client)
    await client.close()


async def test_a_key_that_comes_again_with_another_body_is_refused_and_changes_nothing(forgetful: Desk) -> None:
    desk = forgetful
    await desk.replica()(await desk.send(CREATE))
    heard = await desk.client.subscribe(subjects.outcome("gateway-test"))
    command_id, places, codes = new_id(), set(), []
    for content in ("tea", "coffee", "tea"):
        async with asyncio.timeout(5):
            say = partial(desk.send, PostMessage(content=content), command_id=command_id, listener="gateway-test")
            while (delivery := await say()).message.sequence in places:
                await asyncio.sleep(0.02)
        places.add(delivery.message.sequence)
        await desk.replica()(delivery)
        outcome = msgspec.json.decode((await heard.next_msg(2)).data, type=Outcome)
        codes.append(outcome.refused and outcome.refused.code)
    assert codes == [None, "idempotency_mismatch", None]
    assert (await desk.said(), (await desk.job()).version) == (["first", "tea"], 3)
