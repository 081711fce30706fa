"""Real runner processes on a NATS of the test's own, with a scripted model and workflows made for tests."""

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
from libs.jobs.commands import ApproveStep, CancelJob, CreateJob, RejectStep, RetryJob, SendSignal, WireCommand
from libs.jobs.decide import decide
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import fold
from libs.jobs.repository import job_repository
from libs.jobs.state import Decision, Job, Status
from libs.llm.scripted import Fault, Reply, ScriptedServer
from libs.llm.wire import Request
from libs.process.clock import SystemClock, new_id
from libs.process.serving import serving

LEASE_SECONDS = 2.0
KINDS = ("test", "slow", "map", "stream", "family", "cell", "waits", "forever", "flaky", "mixed")


class Replica:
    """One `python -m services.runner`."""

    def __init__(self, child: Child, runtime: Path) -> None:
        self.child = child
        self._runtime = runtime

    async def ready(self) -> Replica:
        async with asyncio.timeout(30):
            while not self._runtime.exists() or "runner.started" not in self.child.tail(1000):
                assert self.child.exit_status() is None, self.child.tail()
                await asyncio.sleep(0.02)
        return self

    @property
    def worker(self) -> str:
        return str(msgspec.json.decode(self._runtime.read_bytes())["worker"])


class Desk:
    """What a person does and sees, on NATS alone; jobs without a talk, so no agents are needed."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.deltas: list[Any] = []
        self._commands = CommandLog(client)
        self._store: JetStreamStore[JobEvent] = JetStreamStore(client, EVENTS)
        self._jobs = job_repository(client)

    async def listen(self) -> None:
        async def heard(message: Any) -> None:
            self.deltas.append(msgspec.json.decode(message.data))

        await self.client.subscribe("delta.>", cb=heard)

    async def create(
        self, kind: str, *, prompt: str = "An app for tennis", request: Any = None, approvals: tuple[str, ...] = ()
    ) -> StreamId:
        stream = StreamId(new_id(), new_id())
        command = CreateJob(kind=kind, prompt=prompt, talks=False, request=request, approvals=approvals)
        await self._jobs.transact(stream, lambda job: decide(job, command, command_id=new_id()))
        return stream

    async def send(self, stream: StreamId, command: WireCommand) -> None:
        envelope = CommandEnvelope(
            stream=stream,
            verb=command.verb,
            id=new_id(),
            time=SystemClock().now(),
            payload=msgspec.json.encode(command),
        )
        await self._commands.publish(envelope)

    async def approve(self, stream: StreamId, name: str, comment: str = "") -> None:
        job = await self.until(stream, lambda job: name in job.asked and job.asked[name].decision is Decision.OPEN)
        await self.send(stream, ApproveStep(name=name, approval_version=job.asked[name].version, comment=comment))

    async def reject(self, stream: StreamId, name: str, comment: str = "") -> None:
        job = await self.until(stream, lambda job: name in job.asked and job.asked[name].decision is Decision.OPEN)
        await self.send(stream, RejectStep(name=name, approval_version=job.asked[name].version, comment=comment))

    async def signal(self, stream: StreamId, name: str, data: Any = None) -> None:
        await self.send(stream, SendSignal(name=name, data=data))

    async def cancel(self, stream: StreamId) -> None:
        await self.send(stream, CancelJob(reason="never mind"))

    async def retry(self, stream: StreamId) -> None:
        await self.send(stream, RetryJob())

    async def wake(self, stream: StreamId) -> None:
        await self.client.publish(subjects.wakeup("runner", stream), b"")

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

    async def done(self, stream: StreamId, *, seconds: float = 30.0) -> Job:
        """The job once it has ended, which must be well."""
        job = await self.until(stream, lambda job: job.status.ended, seconds=seconds)
        assert job.status is Status.DONE, job.error
        return job


class Model:
    """The scripted server, and what it says now."""

    def __init__(self) -> None:
        self.url = ""
        self.say: Callable[[Request], Reply | Fault | None] = lambda _: None
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
def ledger(tmp_path: Path) -> Path:
    """Where the test workflows write down each side effect, one line each."""
    path = tmp_path / "ledger"
    path.touch()
    return path


@pytest.fixture
def start(fresh_nats: EmbeddedNats, model: Model, desk: Desk, tmp_path: Path, ledger: Path) -> Iterator[StartReplica]:
    """Start a replica; whatever still runs at the end is killed."""
    started: list[Child] = []

    def start(**environment: str) -> Replica:
        number = len(started)
        user, password = fresh_nats.user("runner")
        runtime = tmp_path / f"runner-{number}.json"
        env = dict(os.environ) | {
            "NATS_URL": fresh_nats.url,
            "NATS_USER": user,
            "NATS_PASSWORD": password,
            "OPENAI_BASE_URL": model.url,
            "OPENAI_MODEL": "scripted",
            "RUNTIME_FILE": str(runtime),
            "ORCHESTRATORS": ",".join(f"{kind}=tests.services.runner.flows:{kind}_flow" for kind in KINDS),
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "LEDGER": str(ledger),
            "CHECK_SECONDS": "0.5",
            "CLEANUP_SECONDS": "2",
            "MODEL_RETRY_DELAY_SECONDS": "0.1",
        }
        command = [sys.executable, "-m", "services.runner"]
        child = Child("runner", command, log=tmp_path / f"runner-{number}.log", env=env | environment)
        started.append(child)
        return Replica(child, runtime)

    yield start
    for child in started:
        child.stop(first=9)
    for log in sorted(tmp_path.glob("runner-*.log")):
        print(log.read_text())  # shown where the test failed


@pytest.fixture
def lines(ledger: Path) -> Callable[[], list[str]]:
    return lambda: ledger.read_text().splitlines()
