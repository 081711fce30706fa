"""From an event's append to its frame at a socket, at a steady rate over many jobs; beside a raw NATS hop in the same run.

The writer and the sockets are one process, so one clock measures. `stored` is the append's own time, fsync included;
`after_store` is how much later than the writer's own acknowledgement the frame came: what the gateway adds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import click
import uvloop

from benchmarks.figures import figure, report_latency
from benchmarks.servers import Servers, servers
from benchmarks.watching import Writer, gateway, prepare, watch, writer
from libs.events.connection import connect


@click.command()
@click.option("--rate", default=500, show_default=True, help="Events per second over all jobs.")
@click.option("--jobs", default=50, show_default=True, help="Each with one socket.")
@click.option("--seconds", default=10.0, show_default=True)
def main(rate: int, jobs: int, seconds: float) -> None:
    """Measure live latency."""
    prepare()
    uvloop.run(_measure(rate, jobs, seconds))


async def _measure(rate: int, jobs: int, seconds: float) -> None:
    async with servers() as running:
        await _raw(running, rate, min(seconds, 3.0))
        async with gateway(running) as served, writer(running, served.user) as new_job:
            written = [_Measured(new_job()) for _ in range(jobs)]
            for each in written:
                await each.job.create()
                path = f"/ws/jobs/{each.job.stream.id}/"
                each.watcher = await watch(served.url, path, served.token, each.arrived, seq=1)
                await each.watcher.live
            before, started = served.cpu_seconds(), time.perf_counter()
            await _steadily(rate, seconds, [each.write for each in written])
            share = (served.cpu_seconds() - before) / (time.perf_counter() - started)
            await asyncio.sleep(0.5)
            latencies = [latency for each in written for latency in each.latencies]
            lost = sum(each.job.position.version - (each.watcher.seq or 0) for each in written)
            rounded = round(share, 2)
            report_latency("live_latency", latencies, rate=rate, jobs=jobs, lost=lost, gateway_cpu_share=rounded)
            report_latency("live_latency_stored", [time for each in written for time in each.stored], rate=rate)
            report_latency("live_latency_after_store", [time for each in written for time in each.after], rate=rate)
            figure("live_latency_reached_rate", len(latencies) / seconds, "events/s", rate=rate, target_p99_ms=10)


class _Measured:
    """A job whose events are timed."""

    def __init__(self, job: Writer) -> None:
        self.job = job
        self.latencies: list[float] = []
        self.stored: list[float] = []
        self.after: list[float] = []
        self._sent: dict[int, float] = {}
        self._acknowledged: dict[int, float] = {}
        self._busy = asyncio.Lock()

    async def write(self) -> None:
        async with self._busy:
            began = self._sent[self.job.position.version + 1] = time.perf_counter()
            await self.job.append(1)
            self.stored.append(time.perf_counter() - began)
            self._acknowledged[self.job.position.version] = time.perf_counter()

    def arrived(self, seq: int) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._sent.pop(seq))
        acknowledged = self._acknowledged.pop(seq, None)
        self.after.append(0.0 if acknowledged is None else now - acknowledged)


async def _steadily(rate: int, seconds: float, doings: list[Callable[[], object]]) -> None:
    """Do one thing after another at a rate, without waiting for any to end."""
    tasks = set()
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        wait = started + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(doings[number % len(doings)]())  # type: ignore[arg-type]
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def _raw(running: Servers, rate: int, seconds: float) -> None:
    """Core NATS alone: published by one connection, received by another."""
    one = await connect(running.nats.settings("admin"), "benchmark-one")
    two = await connect(running.nats.settings("admin"), "benchmark-two")
    latencies: list[float] = []

    async def received(message: object) -> None:
        latencies.append(time.perf_counter() - float(message.data))  # type: ignore[attr-defined]

    await two.subscribe("raw.hop", cb=received)
    await two.flush()

    async def publish() -> None:
        await one.publish("raw.hop", repr(time.perf_counter()).encode())
        await one._flush_pending()  # as a request does: at once

    await _steadily(rate, seconds, [publish])
    await asyncio.sleep(0.2)
    report_latency("live_latency_raw_hop", latencies, rate=rate)
    await one.close()
    await two.close()


if __name__ == "__main__":
    main()
