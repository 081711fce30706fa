"""Thousands of sockets watch one job and none loses an event, those included that stop reading; with what a socket costs in memory."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import click
import uvloop

from benchmarks.figures import figure, quantile
from benchmarks.servers import Servers, servers
from benchmarks.watching import Gateway, Watcher, gateway, prepare, watch, writer

_CONNECTING_AT_ONCE = 100
_PACE_SECONDS = 0.05
_SLOW = 20
_PATIENCE_SECONDS = 30.0
_BIG = "x" * 2000


@click.command()
@click.option("--sockets", default=5000, show_default=True)
@click.option("--events", default=100, show_default=True)
@click.option("--idle-seconds", default=3.0, show_default=True, help="How long to let memory settle.")
def main(sockets: int, events: int, idle_seconds: float) -> None:
    """Measure many watchers."""
    prepare()
    uvloop.run(_measure(sockets, events, idle_seconds))


async def _measure(sockets: int, events: int, idle_seconds: float) -> None:
    async with servers() as running:
        await _many(running, sockets, events, idle_seconds)
        await _slow(running)


async def _connect(served: Gateway, path: str, count: int, seq: int) -> list[Watcher]:
    gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)

    async def one() -> Watcher:
        async with gate:
            watcher = await watch(served.url, path, served.token, seq=seq)
            await watcher.live
            return watcher

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def _many(running: Servers, sockets: int, events: int, idle_seconds: float) -> None:
    async with gateway(running) as served, writer(running, served.user) as new_job:
        job = new_job()
        await job.create()
        path = f"/ws/jobs/{job.stream.id}/"
        await _connect(served, path, 1, 1)  # what is loaded with the first socket is not counted
        empty = served.process.memory_info().rss
        figure("watchers_gateway_idle_memory", empty / 2**20, "MB", target=90)
        started = time.perf_counter()
        watchers = await _connect(served, path, sockets, 1)
        figure("watchers_connected", sockets / (time.perf_counter() - started), "sockets/s", sockets=sockets)
        await asyncio.sleep(idle_seconds)
        figure("watchers_socket_memory", (served.process.memory_info().rss - empty) / sockets / 1024, "KB", target=40)
        lasting = []
        for _ in range(events):
            began = time.perf_counter()
            await job.append(1)
            await _reach(watchers, job.position.version)
            lasting.append(time.perf_counter() - began)
            await asyncio.sleep(_PACE_SECONDS)
        complete = sum(watcher.seq == job.position.version and not watcher.faults for watcher in watchers)
        figure("watchers_complete", complete, "sockets", sockets=sockets, events=events, target=5000)
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            figure(f"watchers_last_socket_{label}", quantile(lasting, share) * 1000, "ms", sockets=sockets)
        figure("watchers_socket_memory_used", (served.process.memory_info().rss - empty) / sockets / 1024, "KB")


async def _reach(watchers: list[Watcher], version: int) -> None:
    """Wait until every watcher has come to a version. Raises `RuntimeError` with what is wrong where some do not."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    behind = watchers
    while behind := [watcher for watcher in behind if (watcher.seq or 0) < version]:
        if time.monotonic() > deadline:
            codes = Counter(watcher.closed.result() for watcher in behind if watcher.closed.done())
            raise RuntimeError(f"{len(behind)} of {len(watchers)} did not come to {version}; closed: {dict(codes)}")
        await asyncio.sleep(0.0005)


async def _slow(running: Servers) -> None:
    """Some stop reading altogether; they are closed with 4008, resume from their cursor, and have missed nothing. The others notice nothing."""
    async with gateway(running) as served, writer(running, served.user) as new_job:
        job = new_job()
        await job.create()
        path = f"/ws/jobs/{job.stream.id}/"
        quick = await _connect(served, path, 50, 1)
        slow = await _connect(served, path, _SLOW, 1)
        for watcher in slow:
            watcher.transport.pause_reading()
        before = served.process.memory_info().rss
        for _ in range(300):
            await job.append(20, content=_BIG)
            while job.position.version - min(watcher.seq or 0 for watcher in quick) > 200:
                await asyncio.sleep(0.001)
        head = job.position.version
        figure("slow_readers_memory", (served.process.memory_info().rss - before) / _SLOW / 2**20, "MB", readers=_SLOW)
        for watcher in slow:
            watcher.transport.resume_reading()
        codes = await asyncio.gather(*(watcher.closed for watcher in slow))
        figure("slow_readers_closed_4008", codes.count(4008), "sockets", readers=_SLOW)
        resumed = []
        for watcher in slow:
            again = await watch(served.url, f"{path}?after={watcher.seq}", served.token, seq=watcher.seq)
            await again.live
            resumed.append(again)
        await _reach([*quick, *resumed], head)
        faults = sum(watcher.faults for watcher in (*quick, *slow, *resumed))
        figure("slow_readers_events_lost_or_repeated", faults, "events", readers=_SLOW, events=head - 1)


if __name__ == "__main__":
    main()
