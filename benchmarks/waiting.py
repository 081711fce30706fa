"""Jobs that wait cost no worker: 1,000 wait on approvals and timers while one runner with one slot finishes another.

    python -m benchmarks.waiting [--jobs 1000]

Half of them wait for a person, half for a time in the far future. One JSON line a figure; exit status 1 where the other
job did not end, or where a waiting job was lost once it was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from benchmarks.figures import figure
from infra.embedded.child import Child
from infra.embedded.nats import EmbeddedNats
from infra.nats import topology
from libs.events.commands import CommandEnvelope, CommandLog
from libs.events.connection import connect
from libs.events.subjects import StreamId
from libs.jobs.commands import ApproveStep, CreateJob
from libs.jobs.decide import decide
from libs.jobs.repository import Jobs, job_repository
from libs.jobs.state import Job, Status
from libs.process import logs
from libs.process.clock import SystemClock, new_id
from libs.workflow import JobContext

ROOT = Path(__file__).parents[1]


async def prepare() -> str:
    return "prepared"


async def patient(job: JobContext) -> str:
    await job.step("prepare", prepare)
    if job.request == "person":
        await job.approval("go", "Go on?")
    else:
        await job.sleep("long", 3600)
    return await job.step("finish", prepare)


async def quick(job: JobContext) -> str:
    for number in range(20):
        await job.step(f"step-{number}", prepare)
    return "done"


class Runner:
    """One runner process with one slot."""

    def __init__(self, server: EmbeddedNats, folder: Path) -> None:
        user, password = server.user("runner")
        env = dict(os.environ) | {
            "NATS_URL": server.url,
            "NATS_USER": user,
            "NATS_PASSWORD": password,
            "SLOTS": "1",
            "PYTHONPATH": str(ROOT),
            "ORCHESTRATORS": "patient=benchmarks.waiting:patient,quick=benchmarks.waiting:quick",
            "LOG_LEVEL": "warning",
        }
        self.child = Child(
            "runner", [sys.executable, "-m", "services.runner"], log=folder / "runner.log", env=env, cwd=ROOT
        )

    @property
    def megabytes(self) -> float:
        return float(psutil.Process(self.child.pid).memory_info().rss) / 1e6


async def create(jobs: Jobs, kind: str, request: str | None = None) -> StreamId:
    stream = StreamId(new_id(), new_id())
    command = CreateJob(kind=kind, prompt="", talks=False, request=request)
    await jobs.transact(stream, lambda job: decide(job, command, command_id=new_id()))
    return stream


async def until(jobs: Jobs, stream: StreamId, wanted: str, seconds: float) -> Job:
    """The job once it waits (`waiting`) or has ended (`ended`)."""
    async with asyncio.timeout(seconds):
        while True:
            job, _ = await jobs.load(stream)
            if job is not None and (job.status.ended or (wanted == "waiting" and job.waits and job.attempt is None)):
                return job
            await asyncio.sleep(0.01)


async def measure(server: EmbeddedNats, folder: Path, count: int) -> bool:
    client = await connect(server.settings("admin"), "waiting")
    await topology.apply(client)
    jobs, commands = job_repository(client), CommandLog(client)
    runner = Runner(server, folder)
    await until(jobs, await create(jobs, "quick"), "ended", 30)
    before = runner.megabytes

    started = time.perf_counter()
    streams = [await create(jobs, "patient", "person" if number % 2 else "time") for number in range(count)]
    waiting = [await until(jobs, stream, "waiting", 120) for stream in streams]
    figure("jobs_until_all_wait", time.perf_counter() - started, "s", jobs=count)
    figure("runner_memory_before", before, "MB")
    figure("runner_memory_with_all_waiting", runner.megabytes, "MB", jobs=count)

    started = time.perf_counter()
    other = await until(jobs, await create(jobs, "quick"), "ended", 30)
    figure("other_job_beside_waiting_ones", (time.perf_counter() - started) * 1000, "ms", jobs=count)

    runner.child.stop(first=9)
    runner = Runner(server, folder)  # none of what waits is known to this process, and nobody tells it
    asked = [job for job in waiting if job.asked]
    started = time.perf_counter()
    for job in asked:
        command = ApproveStep(name="go", approval_version=job.asked["go"].version)
        await commands.publish(
            CommandEnvelope(
                stream=job.stream,
                verb=command.verb,
                id=new_id(),
                time=SystemClock().now(),
                payload=msgspec.json.encode(command),
            )
        )
    ended = [await until(jobs, job.stream, "ended", 120) for job in asked]
    figure("approved_jobs_after_a_restart_until_done", time.perf_counter() - started, "s", jobs=len(asked))
    runner.child.stop()
    await client.close()
    return other.status is Status.DONE and all(job.status is Status.DONE for job in ended)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    options = parser.parse_args()
    logs.configure("benchmark", "error")
    with tempfile.TemporaryDirectory(prefix="jobstream-bench-") as folder:
        server = EmbeddedNats(Path(folder) / "nats")
        server.start()
        try:
            well = asyncio.run(measure(server, Path(folder), options.jobs))
        finally:
            server.stop()
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
