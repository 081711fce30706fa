"""From an event's time to the commit of its rows, at a steady rate: Postgres itself says when each row was committed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import islice

import asyncpg
import click
import psutil
import uvloop
from msgspec.structs import replace

from benchmarks.figures import figure, report_latency
from benchmarks.log_filler import append, interleaved
from benchmarks.servers import Servers, projector, servers
from libs.events.connection import connect

_TICK_SECONDS = 0.01
_WARM_SECONDS = 1.0


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
            began = await _write(admin, rate, seconds)
            used = sum(psutil.Process(process.pid).cpu_times()[:2])
            lags = await _lags(running, began)
        await admin.close()
        report_latency("projection_lag", lags, rate=rate, target="p99 50 ms at 2,000 events/s")
        figure("projection_cpu", used / (seconds + _WARM_SECONDS), "cores", rate=rate)


async def _keep_commit_times(running: Servers) -> None:
    superuser = await asyncpg.connect(running.postgres.superuser_url())
    await superuser.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await superuser.close()
    await asyncio.to_thread(running.postgres.stop)
    running.postgres.start()


async def _write(admin: object, rate: int, seconds: int) -> datetime:
    """Append at the rate; answer when the measured part began."""
    total = int(rate * (seconds + _WARM_SECONDS))
    source = interleaved(total // 20)
    began = time.perf_counter()
    sent = 0
    while sent < total:
        due = int((time.perf_counter() - began) * rate) - sent
        if due > 0:
            now = datetime.now(UTC)
            batch = [replace(recorded, time=now) for recorded in islice(source, min(due, 500))]
            await append(admin, batch)  # type: ignore[arg-type]
            sent += len(batch)
        await asyncio.sleep(_TICK_SECONDS)
    return datetime.fromtimestamp(time.time() - seconds, UTC)


async def _lags(running: Servers, began: datetime) -> list[float]:
    connection = await asyncpg.connect(running.postgres.superuser_url("jobstream"))
    seen = -1
    while (count := await connection.fetchval("SELECT count(*) FROM read.job_events")) != seen:
        seen = count
        await asyncio.sleep(1)
    rows = await connection.fetch(
        "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - time)::float8 AS lag FROM read.job_events WHERE time >= $1",
        began,
    )
    await connection.close()
    return [row["lag"] for row in rows]


if __name__ == "__main__":
    main()
