"""Rebuilding all read models from the log while the old ones serve, beside the raw ordered read and the raw COPY of the same events."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import asyncpg
import click
import uvloop

from benchmarks.figures import figure
from benchmarks.log_filler import fill
from benchmarks.servers import Servers, projector, servers
from libs.events.connection import connect
from libs.events.objects import Objects
from services.projector.copying import event_line
from services.projector.entry import Entry
from services.projector.log import LogClient, LogReader, log_state
from services.projector.model import JOB_EVENTS
from services.projector.projection import relax_collector
from services.projector.rebuild import Progress, rebuild


@click.command()
@click.option("--events", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
def main(events: int, runs: int) -> None:
    """Measure rebuilds of the read models, and compare the rebuilt rows with the live ones."""
    relax_collector()  # as the command that rebuilds does
    uvloop.run(_measure(events, runs))


async def _measure(events: int, runs: int) -> None:
    async with servers() as running:
        admin = await connect(running.nats.settings("admin"), "benchmark")
        started = time.perf_counter()
        filled = await fill(admin, events)
        figure("log_filled", filled / (time.perf_counter() - started), "events/s", events=filled)
        await admin.close()
        client = LogClient()
        await connect(running.nats.settings("projector"), "benchmark", using=client)
        async with projector(running):
            figure(
                "first_projection", filled / await _live(running, filled), "events/s", events=filled, while_serving=True
            )
            entries = await _read(client, filled)
            await _copy(running, entries)
            del entries
            rates = [await _rebuild(running, client, filled) for _ in range(runs)]
            figure(
                "rebuild", statistics.median(rates), "events/s", events=filled, best=round(max(rates)), target=60_000
            )
            await _verify(running, client, filled)
        await client.close()


async def _live(running: Servers, events: int) -> float:
    """Seconds from the projector's start until its tables hold everything."""
    started = time.perf_counter()
    connection = await asyncpg.connect(running.database_url())
    try:
        while True:
            try:
                if await connection.fetchval("SELECT sequence FROM read.position") == events:
                    return time.perf_counter() - started
            except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
                pass  # not made yet
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def _read(client: LogClient, events: int) -> list[Entry]:
    """The raw limit on one side: reading in order, headers taken apart, nothing done with it."""
    state = await log_state(client)
    reader = LogReader(client, after=0, incarnation=state.incarnation)
    started = time.perf_counter()
    entries: list[Entry] = []
    while len(entries) < events:
        entries += await reader.next(4_000)
    figure("raw_ordered_read", events / (time.perf_counter() - started), "events/s", events=events)
    await reader.stop()
    return entries


async def _copy(running: Servers, entries: list[Entry]) -> None:
    """The raw limit on the other: the same history copied into one table with its key, in one go."""
    connection = await asyncpg.connect(running.database_url(), server_settings={"synchronous_commit": "off"})
    lines = [event_line(entry) for entry in entries]

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(lines), 2_000):
            yield b"".join(lines[start : start + 2_000])

    await connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.job_events (LIKE read.job_events INCLUDING INDEXES)")
    started = time.perf_counter()
    await connection.copy_to_table(
        "job_events", source=chunks(), columns=list(JOB_EVENTS.columns), schema_name="raw", timeout=600
    )
    figure("raw_copy", len(lines) / (time.perf_counter() - started), "rows/s", rows=len(lines))
    await connection.execute("DROP SCHEMA raw CASCADE")
    await connection.close()


async def _rebuild(running: Servers, client: LogClient, events: int) -> float:
    filled = 0.0

    def show(progress: Progress) -> None:
        nonlocal filled
        if progress.phase == "filled" and not filled:
            filled = progress.events_per_second

    started = time.perf_counter()
    await rebuild(client, running.database_url(), "read", Objects(client).get, show=show)
    rate = events / (time.perf_counter() - started)
    figure("rebuild_run", rate, "events/s", events=events, filling_alone=round(filled), indices_and_swap_included=True)
    return rate


async def _verify(running: Servers, client: LogClient, events: int) -> None:
    differences = await rebuild(
        client, running.database_url(), "read", Objects(client).get, show=lambda _: None, verify=True
    )
    if differences is None:
        raise AssertionError("asked to compare")
    figure("rebuilt_rows_that_differ", sum(differences.counts.values()), "rows", events=events)
    for example in differences.examples:
        click.echo(example, err=True)


if __name__ == "__main__":
    main()
