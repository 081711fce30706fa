"""Real agents processes on a NATS of the test's own, with a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.embedded.nats import EmbeddedNats
from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob, PostMessage
from libs.llm.scripted import Reply
from libs.process.clock import new_id
from tests.services.workers import Model, Person, StartReplica, at_the_desk, replicas, scripted


class Desk(Person):
    service = "agents"

    async def create(self, prompt: str = "An app for tennis") -> StreamId:
        stream = StreamId(new_id(), new_id())
        await self.send(stream, CreateJob(kind="build", prompt=prompt, talks=True))
        return stream

    async def say(self, stream: StreamId, content: str) -> None:
        await self.send(stream, PostMessage(content=content))


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with scripted(lambda _: Reply("Tell me more?", {"finished": False})) as model:
        yield model


@pytest.fixture
async def desk(fresh_nats: EmbeddedNats) -> AsyncIterator[Desk]:
    async with at_the_desk(fresh_nats, Desk) as desk:
        yield desk


@pytest.fixture
def start(fresh_nats: EmbeddedNats, model: Model, desk: Desk, tmp_path: Path) -> Iterator[StartReplica]:
    """Start a replica; whatever still runs at the end is killed."""
    with replicas("agents", fresh_nats, model, tmp_path, {"CONVERSATION_ROUNDS_MAX": "50"}) as start:
        yield start
