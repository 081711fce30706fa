"""`./jobstream up` to ready, installed: with fresh data and on data that is there, beside the servers' own start."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
from pathlib import Path

import click

from benchmarks.figures import figure
from benchmarks.stack import stack


@click.command()
@click.option("--runs", default=5, show_default=True)
def main(runs: int) -> None:
    """Measure the time from the command to the line `ready`, and what the idle services hold in memory."""
    asyncio.run(_measure(runs))


async def _measure(runs: int) -> None:
    fresh: list[float] = []
    again: list[float] = []
    for _ in range(runs):
        folder = Path(tempfile.mkdtemp(prefix="jobstream-bench-"))
        try:
            async with stack(data=folder) as running:
                fresh.append(running.ready_seconds)
            async with stack(data=folder) as running:
                again.append(running.ready_seconds)
                memory = {kind: max(running.memory(kind)) for kind in ("gateway", "agents", "runner", "projector")}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    figure("ready_fresh", statistics.median(fresh), "s", runs=runs)
    figure("ready_again", statistics.median(again), "s", runs=runs)
    for kind, size in memory.items():
        figure(f"idle_memory_{kind}", size / 1e6, "MB")


if __name__ == "__main__":
    main()
