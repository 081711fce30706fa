"""Real runner processes on a NATS of the test's own, with a scripted model and workflows made for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.nats import EmbeddedNats
from libs.events.subjects import StreamId
from libs.jobs.commands import ApproveStep, CancelJob, CreateJob, RejectStep, RetryJob, SendSignal
from libs.jobs.decide import decide
from libs.jobs.repository import job_repository
from libs.jobs.state import Decision, Job, Status
from libs.process.clock import new_id
from tests.services.workers import Model, Person, StartReplica, at_the_desk, replicas, scripted

KINDS = ("test", "slow", "map", "stream", "family", "cell", "waits", "forever", "flaky", "mixed")


class Desk(Person):
    """Its jobs do not talk, so no agents are needed."""

    service = "runner"

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._jobs = job_repository(client)

    async def create(
        self, kind: str, *, prompt: str = "An app for tennis", request: Any = None, approvals: tuple[str, ...] = ()
    ) -> StreamId:
        stream = StreamId(new_id(), new_id())
        command = CreateJob(kind=kind, prompt=prompt, talks=False, request=request, approvals=approvals)
        await self._jobs.transact(stream, lambda job: decide(job, command, command_id=new_id()))
        return stream

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

    async def done(self, stream: StreamId, *, seconds: float = 30.0) -> Job:
        """The job once it has ended, which must be well."""
        job = await self.until(stream, lambda job: job.status.ended, seconds=seconds)
        assert job.status is Status.DONE, job.error
        return job


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with scripted(lambda _: None) as model:
        yield model


@pytest.fixture
async def desk(fresh_nats: EmbeddedNats) -> AsyncIterator[Desk]:
    async with at_the_desk(fresh_nats, Desk) as desk:
        yield desk


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Where the test workflows write down each side effect, one line each."""
    path = tmp_path / "ledger"
    path.touch()
    return path


@pytest.fixture
def start(fresh_nats: EmbeddedNats, model: Model, desk: Desk, tmp_path: Path, ledger: Path) -> Iterator[StartReplica]:
    """Start a replica; whatever still runs at the end is killed."""
    settings = {
        "ORCHESTRATORS": ",".join(f"{kind}=tests.services.runner.flows:{kind}_flow" for kind in KINDS),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "LEDGER": str(ledger),
        "CHECK_SECONDS": "0.5",
        "CLEANUP_SECONDS": "2",
        "MODEL_RETRY_DELAY_SECONDS": "0.1",
    }
    with replicas("runner", fresh_nats, model, tmp_path, settings) as start:
        yield start


@pytest.fixture
def lines(ledger: Path) -> Callable[[], list[str]]:
    return lambda: ledger.read_text().splitlines()
