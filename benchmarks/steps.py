"""Durable steps per second: 20-step workflows, 1, 32 and 128 at once, each step fsynced, beside the raw limit of the same run.

    python -m benchmarks.steps [--workflows 400] [--sync always] [--rival]

One JSON line a figure. `raw_singles` are guardless JetStream publishes of the same size, one after another and side by
side. `--rival` also runs DBOS on Postgres, where it is installed (the extra `bench`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.figures import figure
from infra.embedded.nats import EmbeddedNats
from infra.embedded.postgres import EmbeddedPostgres
from infra.nats import topology
from libs.events import wire
from libs.events.connection import connect
from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob, StartAttempt
from libs.jobs.decide import decide
from libs.jobs.repository import Jobs, job_repository
from libs.process import logs
from libs.process.clock import SystemClock, new_id
from libs.workflow import JobContext
from libs.workflow.attempt import Attempt, Ended
from libs.workflow.ports import Limits
from services.runner.host import NatsHost

STEPS = 20
CONCURRENCIES = (1, 32, 128)


async def think(number: int) -> str:
    return f"the result of step {number}"


async def twenty_steps(job: JobContext) -> int:
    for number in range(STEPS):
        await job.step(f"step-{number}", think, number)
    return STEPS


async def side_by_side(concurrency: int, count: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Do the work `count` times, `concurrency` at once; return the seconds it took."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return time.perf_counter() - started


async def raw_singles(nats: Any, concurrency: int, count: int) -> None:
    owner = uuid4()
    payload = b"x" * 300

    async def publish(number: int) -> None:
        await wire.publish(nats, f"shard.{owner}.{owner}.raw.{number}", payload, {}, timeout=10)

    seconds = await side_by_side(concurrency, count, publish)
    figure("raw_singles", count / seconds, "messages/s", at_once=concurrency)


async def workflows(jobs: Jobs, host: NatsHost, concurrency: int, count: int) -> None:
    streams = [StreamId(new_id(), new_id()) for _ in range(count)]
    create = CreateJob(kind="bench", prompt="", talks=False)

    async def prepare(number: int) -> None:
        await jobs.transact(streams[number], lambda job: decide(job, create, command_id=new_id()))

    async def run(number: int) -> None:
        start = StartAttempt(worker="bench")
        committed = await jobs.transact(streams[number], lambda job: decide(job, start))
        assert committed.state is not None
        outcome = await Attempt(jobs, committed.state, host).run(twenty_steps)
        assert isinstance(outcome, Ended), outcome
        jobs.forget(streams[number])

    await side_by_side(64, count, prepare)
    cpu = time.process_time()
    seconds = await side_by_side(concurrency, count, run)
    cpu = time.process_time() - cpu
    context = {"at_once": concurrency, "workflows": count}
    figure("steps", count * STEPS / seconds, "steps/s", **context)
    figure("steps_cpu", cpu / (count * STEPS) * 1e6, "us/step", **context)


async def measure(options: argparse.Namespace, server: EmbeddedNats) -> None:
    admin = await connect(server.settings("admin"), "bench-admin")
    await topology.apply(admin)
    nats = await connect(server.settings("runner"), "bench")
    clock = SystemClock()
    host = NatsHost(nats, clock, Limits())
    for concurrency in CONCURRENCIES:
        count = options.workflows if concurrency > 1 else max(1, options.workflows // 8)
        await raw_singles(nats, concurrency, count * STEPS // 2)
        await workflows(job_repository(nats, clock), host, concurrency, count)
    await nats.close()
    await admin.close()


def rival(options: argparse.Namespace, folder: Path) -> None:
    """DBOS on an embedded Postgres with its defaults, which fsync each commit."""
    try:
        from dbos import DBOS, DBOSConfig  # type: ignore[import-not-found]
    except ImportError:
        sys.stderr.write("DBOS is not installed: the extra 'bench' brings it\n")
        return
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    url = postgres.superuser_url()
    config: Any = DBOSConfig(name="bench", system_database_url=url, run_admin_server=False, log_level="ERROR")
    DBOS(config=config)

    @DBOS.step()  # type: ignore[untyped-decorator]
    async def step(number: int) -> str:
        return await think(number)

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    async def twenty() -> int:
        for number in range(STEPS):
            await step(number)
        return STEPS

    async def run(_number: int) -> None:
        await twenty()

    try:
        DBOS.launch()
        for concurrency in CONCURRENCIES[:2]:
            count = max(2 * concurrency, options.workflows // 16)
            seconds = asyncio.run(side_by_side(concurrency, count, run))
            figure("steps_dbos", count * STEPS / seconds, "steps/s", at_once=concurrency, workflows=count)
        DBOS.destroy()
    finally:
        postgres.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workflows", type=int, default=400, help="how many at 32 and 128 at once; an eighth at 1")
    parser.add_argument("--sync", default="always", help="NATS sync_interval: `always` means fsynced")
    parser.add_argument("--rival", action="store_true", help="also run DBOS")
    options = parser.parse_args()
    logs.configure("benchmark", "error")
    with tempfile.TemporaryDirectory(prefix="jobstream-bench-") as folder:
        server = EmbeddedNats(Path(folder) / "nats", sync_interval=options.sync)
        server.start()
        try:
            run_in_loop(measure(options, server))
        finally:
            server.stop()
        if options.rival:
            rival(options, Path(folder))


def run_in_loop(work: Any) -> None:
    factory: Any = None
    with contextlib.suppress(ImportError):  # not every platform has it
        from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
