"""From an event's time to the commit of its rows, at a steady rate: Postgres itself says when each row was committed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

import asyncpg
import click
import psutil
import uvloop
from msgspec.structs import replace
from nats.aio.client import Client

from benchmarks.figures import figure, report_latency
from benchmarks.log_filler import append, interleaved
from benchmarks.servers import Servers, projector, servers
from libs.events.connection import connect

_TICK_SECONDS = 0.01
_WARM_SECONDS = 1.0


class Appended(NamedTuple):
    """A batch: its first and last place in the log, and the clock before and after it was stored."""

    first: int
    last: int
    began: float
    ended: float


@click.command()
@click.option("--rate", default=2_000, show_default=True, help="Events a second.")
@click.option("--seconds", default=10, show_default=True)
def main(rate: int, seconds: int) -> None:
    """Measure how long an event takes to reach the read models."""
    uvloop.run(_measure(rate, seconds))


async def _measure(rate: int, seconds: int) -> None:
    async with servers() as running:
        await _keep_commit_times(running)
        admin = await connect(running.nats.settings("admin"), "benchmark")
        async with projector(running) as process:
            appended: list[Appended] = []
            await _write(admin, rate, seconds, appended)
            used = sum(psutil.Process(process.pid).cpu_times()[:2])
            committed = await _committed(running)
        await admin.close()
        measured = [each for each in appended if each.began > appended[0].began + _WARM_SECONDS]
        whole = [committed[at] - each.began for each in measured for at in range(each.first, each.last + 1)]
        after = [committed[at] - each.ended for each in measured for at in range(each.first, each.last + 1)]
        report_latency("append_alone", [each.ended - each.began for each in measured], rate=rate)
        report_latency("projection_lag_after_append", after, rate=rate)
        report_latency("projection_lag", whole, rate=rate, target="p99 50 ms at 2,000 events/s")
        figure("projection_cpu", used / (seconds + _WARM_SECONDS), "cores", rate=rate)


async def _keep_commit_times(running: Servers) -> None:
    superuser = await asyncpg.connect(running.postgres.superuser_url())
    await superuser.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await superuser.close()
    await asyncio.to_thread(running.postgres.stop)
    running.postgres.start()


async def _write(admin: Client, rate: int, seconds: int, appended: list[Appended]) -> None:
    """Append at the rate, noting when."""
    total = int(rate * (seconds + _WARM_SECONDS))
    source = interleaved(total // 20)
    began = time.perf_counter()
    sent = 0
    while sent < total:
        due = int((time.perf_counter() - began) * rate) - sent
        if due > 0:
            now = datetime.now(UTC)
            batch = [replace(recorded, time=now) for recorded in islice(source, min(due, 500))]
            await append(admin, batch)
            appended.append(Appended(sent + 1, sent + len(batch), now.timestamp(), time.time()))
            sent += len(batch)
        await asyncio.sleep(_TICK_SECONDS)


async def _committed(running: Servers) -> dict[int, float]:
    """When each event was committed, by its place in the log."""
    connection = await asyncpg.connect(running.postgres.superuser_url("jobstream"))
    seen = -1
    while (count := await connection.fetchval("SELECT count(*) FROM read.job_events")) != seen:
        seen = count
        await asyncio.sleep(1)
    rows = await connection.fetch(
        "SELECT sequence, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM read.job_events"
    )
    await connection.close()
    return {row["sequence"]: row["at"] for row in rows}


if __name__ == "__main__":
    main()
