"""Coming back with 1,000 missed events: from connecting to the frame `live`, out of the gateway's memory, the read models and the log."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import click
import uvloop

from benchmarks.figures import figure, quantile
from benchmarks.servers import Servers, projector, servers
from benchmarks.watching import Gateway, Writer, gateway, prepare, watch, writer
from infra.postgres import roles
from libs.events import subjects, wire
from libs.events.connection import connect

_TARGET_MS = 50
_HISTORY = 4000  # events of a job before the ones that are missed


@click.command()
@click.option("--missed", default=1000, show_default=True)
@click.option("--jobs", default=10, show_default=True, help="Jobs resumed one after another, each cold once.")
def main(missed: int, jobs: int) -> None:
    """Measure resuming."""
    prepare()
    uvloop.run(_measure(missed, jobs))


async def _measure(missed: int, jobs: int) -> None:
    async with servers() as running, gateway(running) as served, writer(running, served.user) as new_job:
        written = [await _history(new_job(), missed) for _ in range(jobs)]
        await _raw_log(running, written, missed)
        await _resume("resume_from_log", served, written[: jobs // 2], missed)
        async with projector(running):
            await _projected(running, written)
            await _raw_rows(running, written, missed)
            cold = written[jobs // 2 :]
            await _resume("resume_from_read_models", served, cold, missed)
            await _resume("resume_remembered", served, cold, missed)


async def _history(job: Writer, missed: int) -> Writer:
    await job.create()
    while job.position.version < _HISTORY + missed:
        await job.append(min(100, _HISTORY + missed - job.position.version))
    return job


async def _resume(name: str, served: Gateway, jobs: list[Writer], missed: int) -> None:
    lasting = []
    for job in jobs:
        after = job.position.version - missed
        began = time.perf_counter()
        watcher = await watch(served.url, f"/ws/jobs/{job.stream.id}/?after={after}", served.token, seq=after)
        async with asyncio.timeout(30):
            await watcher.live
        lasting.append(watcher.live_at - began)
        if watcher.seq != job.position.version or watcher.faults:
            raise RuntimeError(f"came to {watcher.seq} of {job.position.version} with {watcher.faults} faults")
        watcher.transport.close()
    figure(f"{name}_p50", quantile(lasting, 0.5) * 1000, "ms", missed=missed, jobs=len(jobs), target=_TARGET_MS)
    figure(f"{name}_max", max(lasting) * 1000, "ms", missed=missed, jobs=len(jobs), target=_TARGET_MS)


async def _raw_log(running: Servers, jobs: list[Writer], missed: int) -> None:
    client = await connect(running.nats.settings("gateway"), "benchmark-raw")
    lasting = []
    for job in jobs:
        filter_subject = subjects.events_of(job.stream)
        first = job.position.sequence - missed + 1
        began = time.perf_counter()
        await wire.read_range(client, "EVENTS", filter_subject, first_sequence=first, limit=missed)
        lasting.append(time.perf_counter() - began)
    figure("resume_raw_log_read_p50", quantile(lasting, 0.5) * 1000, "ms", missed=missed)
    await client.close()


async def _raw_rows(running: Servers, jobs: list[Writer], missed: int) -> None:
    connection = await asyncpg.connect(running.database_url(roles.GATEWAY))
    lasting = []
    for job in jobs:
        began = time.perf_counter()
        rows = await connection.fetch(
            "SELECT * FROM read.job_events WHERE job_id = $1 AND version > $2 ORDER BY version",
            job.stream.id,
            job.position.version - missed,
        )
        lasting.append(time.perf_counter() - began)
        assert len(rows) == missed
    figure("resume_raw_rows_p50", quantile(lasting, 0.5) * 1000, "ms", missed=missed)
    await connection.close()


async def _projected(running: Servers, jobs: list[Writer]) -> None:
    """Wait until the read models hold everything."""
    last = max(job.position.sequence for job in jobs)
    connection = await asyncpg.connect(running.database_url())
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await connection.fetchval("SELECT sequence FROM read.position") or 0) >= last:
                        return
                except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
                    pass  # not made yet
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
