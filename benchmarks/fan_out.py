"""Frames per second out of one gateway process: many sockets watch one job, a writer appends; beside uvicorn sending ready frames."""

from __future__ import annotations

import asyncio
import os
import time

import click
import uvloop

from benchmarks.figures import figure
from benchmarks.servers import Servers, servers
from benchmarks.watching import Watcher, gateway, prepare, process, watch, writer

_WINDOW = 1000  # events the writer may be ahead of the slowest socket


@click.command()
@click.option("--sockets", default=200, show_default=True)
@click.option("--events", default=2000, show_default=True)
@click.option("--decision", default=[1, 20], show_default=True, multiple=True, help="Events appended in one decision.")
def main(sockets: int, events: int, decision: tuple[int, ...]) -> None:
    """Measure the fan-out."""
    prepare()
    uvloop.run(_measure(sockets, events, decision))


async def _measure(sockets: int, events: int, decisions: tuple[int, ...]) -> None:
    await _raw(sockets, events)
    async with servers() as running:
        for decision in decisions:
            await _fan_out(running, sockets, events, decision)


async def _raw(sockets: int, events: int) -> None:
    async with process("-m", "benchmarks.raw_uvicorn", environ=dict(os.environ)) as (url, running):
        watchers = [await watch(url, f"/{events}/240", "") for _ in range(sockets)]
        await asyncio.gather(*(watcher.live for watcher in watchers))
        before, started = sum(running.cpu_times()[:2]), time.perf_counter()
        for watcher in watchers:
            watcher.transport.write(b"\x81\x80\x00\x00\x00\x00")  # an empty masked text frame: go
        while sum(watcher.frames for watcher in watchers) < sockets * (events + 1):
            await asyncio.sleep(0.002)
        seconds, cpu = time.perf_counter() - started, sum(running.cpu_times()[:2]) - before
        total = sockets * events
        figure("fan_out_raw_uvicorn", total / seconds, "frames/s", sockets=sockets, cpu_us=round(cpu / total * 1e6, 2))


async def _fan_out(running: Servers, sockets: int, events: int, decision: int) -> None:
    async with gateway(running) as served, writer(running, served.user) as new_job:
        job = new_job()
        await job.create()
        path = f"/ws/jobs/{job.stream.id}/"
        watchers = [await watch(served.url, path, served.token, seq=1) for _ in range(sockets)]
        await asyncio.gather(*(watcher.live for watcher in watchers))
        before, started = served.cpu_seconds(), time.perf_counter()
        while job.position.version <= events:
            await job.append(decision)
            while job.position.version - _slowest(watchers) > _WINDOW:
                await asyncio.sleep(0.001)
        head = job.position.version
        while _slowest(watchers) < head:
            await asyncio.sleep(0.001)
        seconds, cpu = time.perf_counter() - started, served.cpu_seconds() - before
        total = sockets * (head - 1)
        figure(
            "fan_out",
            total / seconds,
            "frames/s",
            sockets=sockets,
            events_per_decision=decision,
            events_per_second=round((head - 1) / seconds),
            cpu_us=round(cpu / total * 1e6, 2),
            gateway_cpu_share=round(cpu / seconds, 2),
            faults=sum(watcher.faults for watcher in watchers),
            target=80_000,
        )


def _slowest(watchers: list[Watcher]) -> int:
    return min(watcher.seq or 0 for watcher in watchers)


if __name__ == "__main__":
    main()
