"""Real agents processes on a NATS of the test's own, with a scripted model."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.embedded.child import Child
from infra.embedded.nats import EmbeddedNats
from infra.nats import topology
from libs.events import subjects
from libs.events.commands import CommandEnvelope, CommandLog
from libs.events.connection import connect
from libs.events.event import Recorded
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob, PostMessage, WireCommand
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import fold
from libs.jobs.state import Job
from libs.llm.scripted import Fault, Reply, ScriptedServer
from libs.llm.wire import Request
from libs.process.clock import SystemClock, new_id
from libs.process.serving import serving

LEASE_SECONDS = 2.0


class Replica:
    """One `python -m services.agents`."""

    def __init__(self, child: Child, runtime: Path) -> None:
        self.child = child
        self._runtime = runtime

    async def ready(self) -> None:
        async with asyncio.timeout(30):
            while not self._runtime.exists() or "agents.started" not in self.child.tail(1000):
                assert self.child.exit_status() is None, self.child.tail()
                await asyncio.sleep(0.02)

    @property
    def worker(self) -> str:
        return str(msgspec.json.decode(self._runtime.read_bytes())["worker"])


class Desk:
    """What a person does and sees, on NATS alone."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.deltas: list[Any] = []
        self._commands = CommandLog(client)
        self._store: JetStreamStore[JobEvent] = JetStreamStore(client, EVENTS)

    async def listen(self) -> None:
        async def heard(message: Any) -> None:
            self.deltas.append(msgspec.json.decode(message.data))

        await self.client.subscribe("delta.>", cb=heard)

    async def send(self, stream: StreamId, command: WireCommand) -> None:
        envelope = CommandEnvelope(
            stream=stream,
            verb=command.verb,
            id=new_id(),
            time=SystemClock().now(),
            payload=msgspec.json.encode(command),
        )
        await self._commands.publish(envelope)

    async def create(self, prompt: str = "An app for tennis") -> StreamId:
        stream = StreamId(new_id(), new_id())
        await self.send(stream, CreateJob(kind="build", prompt=prompt, talks=True))
        return stream

    async def say(self, stream: StreamId, content: str) -> None:
        await self.send(stream, PostMessage(content=content))

    async def wake(self, stream: StreamId) -> None:
        await self.client.publish(subjects.wakeup("agents", stream), b"")

    async def history(self, stream: StreamId) -> list[Recorded[JobEvent]]:
        return await self._store.load(stream)

    async def until(self, stream: StreamId, condition: Callable[[Job], bool], *, seconds: float = 30.0) -> Job:
        """The job once the condition holds."""
        job: Job | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    job = fold(await self.history(stream))
                    if job is not None and condition(job):
                        return job
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it never came to that: {job}") from None


class Model:
    """The scripted server, and what it says now."""

    def __init__(self) -> None:
        self.url = ""
        self.say: Callable[[Request], Reply | Fault | None] = lambda _: Reply("Tell me more?", {"finished": False})
        self.server = ScriptedServer(respond=lambda request: self.say(request))


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    model = Model()
    async with serving(model.server, "127.0.0.1", 0, timeout_graceful_shutdown=1) as url:
        model.url = f"{url}/v1"
        yield model


@pytest.fixture
async def desk(fresh_nats: EmbeddedNats) -> AsyncIterator[Desk]:
    client = await connect(fresh_nats.settings("admin"), "desk")
    await topology.apply(client, topology.topology(lease_seconds=LEASE_SECONDS))
    desk = Desk(client)
    await desk.listen()
    yield desk
    await client.close()


StartReplica = Callable[..., Replica]


@pytest.fixture
def start(fresh_nats: EmbeddedNats, model: Model, desk: Desk, tmp_path: Path) -> Iterator[StartReplica]:
    """Start a replica; whatever still runs at the end is killed."""
    started: list[Child] = []

    def start(**environment: str) -> Replica:
        number = len(started)
        user, password = fresh_nats.user("agents")
        runtime = tmp_path / f"agents-{number}.json"
        env = dict(os.environ) | {
            "NATS_URL": fresh_nats.url,
            "NATS_USER": user,
            "NATS_PASSWORD": password,
            "OPENAI_BASE_URL": model.url,
            "OPENAI_MODEL": "scripted",
            "RUNTIME_FILE": str(runtime),
            "CONVERSATION_ROUNDS_MAX": "50",
        }
        command = [sys.executable, "-m", "services.agents"]
        child = Child("agents", command, log=tmp_path / f"agents-{number}.log", env=env | environment)
        started.append(child)
        return Replica(child, runtime)

    yield start
    for child in started:
        child.stop(first=9)
    for log in sorted(tmp_path.glob("agents-*.log")):
        print(log.read_text())  # shown where the test failed
