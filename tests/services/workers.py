"""Real worker processes on a NATS of the test's own, what a person does and sees there, and the scripted model they speak with."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from infra.embedded.child import Child
from infra.embedded.nats import EmbeddedNats
from infra.nats import topology
from libs.events import subjects
from libs.events.commands import CommandEnvelope, CommandLog
from libs.events.connection import connect
from libs.events.event import Recorded
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.commands import WireCommand
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import fold
from libs.jobs.state import Job
from libs.llm.scripted import Fault, Reply, ScriptedServer
from libs.llm.wire import Request
from libs.process.clock import SystemClock, new_id
from libs.process.serving import serving

__all__ = ["LEASE_SECONDS", "Model", "Person", "Replica", "StartReplica", "at_the_desk", "replicas", "scripted"]

LEASE_SECONDS = 2.0


class Replica:
    """One `python -m services.<service>`."""

    def __init__(self, service: str, child: Child, runtime: Path) -> None:
        self.child = child
        self._service = service
        self._runtime = runtime

    async def ready(self) -> Self:
        async with asyncio.timeout(30):
            while not self._runtime.exists() or f"{self._service}.started" not in self.child.tail(1000):
                assert self.child.exit_status() is None, self.child.tail()
                await asyncio.sleep(0.02)
        return self

    @property
    def worker(self) -> str:
        return str(msgspec.json.decode(self._runtime.read_bytes())["worker"])


StartReplica = Callable[..., Replica]


class Person:
    """What a person does and sees, on NATS alone."""

    service = ""  # the one that is woken

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

    async def wake(self, stream: StreamId) -> None:
        await self.client.publish(subjects.wakeup(self.service, stream), b"")

    async def history(self, stream: StreamId) -> list[Recorded[JobEvent]]:
        return await self._store.load(stream)

    async def until(self, stream: StreamId, condition: Callable[[Job], Any], *, seconds: float = 30.0) -> Job:
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


PersonT = TypeVar("PersonT", bound=Person)


@asynccontextmanager
async def at_the_desk(server: EmbeddedNats, person: type[PersonT]) -> AsyncIterator[PersonT]:
    """Somebody who listens, on a server whose leases are short."""
    client = await connect(server.settings("admin"), "desk")
    await topology.apply(client, topology.topology(lease_seconds=LEASE_SECONDS))
    desk = person(client)
    await desk.listen()
    yield desk
    await client.close()


class Model:
    """The scripted server, and what it says now."""

    def __init__(self, say: Callable[[Request], Reply | Fault | None]) -> None:
        self.url = ""
        self.say = say
        self.server = ScriptedServer(respond=lambda request: self.say(request))


@asynccontextmanager
async def scripted(say: Callable[[Request], Reply | Fault | None]) -> AsyncIterator[Model]:
    model = Model(say)
    async with serving(model.server, "127.0.0.1", 0, timeout_graceful_shutdown=1) as url:
        model.url = f"{url}/v1"
        yield model


@contextmanager
def replicas(
    service: str, server: EmbeddedNats, model: Model, folder: Path, settings: Mapping[str, str]
) -> Iterator[StartReplica]:
    """Start replicas, each with environment variables of its own; whatever still runs at the end is killed."""
    started: list[Child] = []

    def start(**environment: str) -> Replica:
        number = len(started)
        user, password = server.user(service)
        runtime = folder / f"{service}-{number}.json"
        env = dict(os.environ) | {
            "NATS_URL": server.url,
            "NATS_USER": user,
            "NATS_PASSWORD": password,
            "OPENAI_BASE_URL": model.url,
            "OPENAI_MODEL": "scripted",
            "RUNTIME_FILE": str(runtime),
            **settings,
        }
        command = [sys.executable, "-m", f"services.{service}"]
        child = Child(service, command, log=folder / f"{service}-{number}.log", env=env | environment)
        started.append(child)
        return Replica(service, child, runtime)

    yield start
    for child in started:
        child.stop(first=9)
    for log in sorted(folder.glob(f"{service}-*.log")):
        print(log.read_text())  # shown where the test failed
