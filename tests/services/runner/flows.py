"""Workflows that the tests' runner processes run. Every side effect is a line in the file LEDGER."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from libs.workflow import ChildJob, JobContext, Retry, ShardContext, StepContext, shard


def note(line: str) -> None:
    with Path(os.environ["LEDGER"]).open("a") as ledger:
        ledger.write(line + "\n")


def ledger() -> list[str]:
    return Path(os.environ["LEDGER"]).read_text().splitlines()


async def work(name: str, seconds: float = 0.0) -> str:
    note(f"begin {name}")
    await asyncio.sleep(seconds)
    note(f"end {name}")
    return f"did {name}"


async def test_flow(job: JobContext) -> list[str]:
    return [await job.step(name, work, name) for name in ("a", "b", "c")]


async def slow_flow(job: JobContext) -> list[str]:
    """`request`: how long each of three steps takes."""
    return [await job.step(name, work, name, job.request) for name in ("a", "b", "c")]


async def waits_flow(job: JobContext) -> str:
    await job.step("a", work, "a")
    await job.sleep("nap", 0.5)
    approval = await job.approval("go", "Go on?")
    paid = await job.wait_for("paid", type=int)
    await job.step("b", work, "b")
    return f"{approval.comment} {paid}"


async def forever_flow(job: JobContext) -> None:
    async def endless(step: StepContext) -> None:
        note("begin endless")
        try:
            await step.delta("working")
            await asyncio.Event().wait()
        finally:
            note("tidied")

    await job.step("endless", endless)


async def flaky_flow(job: JobContext) -> str:
    async def flaky(step: StepContext) -> str:
        note(f"try {step.tries}")
        if step.tries < 3:
            raise ValueError("not yet")
        return "ok"

    await job.step("first", work, "first")
    return await job.step("flaky", flaky, retry=Retry(attempts=5, initial_seconds=0.3, jitter=0))


@shard("runner-test-square")
def square(number: int) -> int:
    note(f"shard {number} {os.getpid()}")
    time.sleep(float(os.environ.get("SHARD_SECONDS", "0.02")))
    return number * number


@shard("runner-test-big")
async def big(number: int) -> str:
    return "x" * 100_000


@shard("runner-test-broken", retry=Retry(attempts=2, initial_seconds=0.01))
async def broken(number: int) -> int:
    raise ValueError(f"shard {number} is broken")


async def map_flow(job: JobContext) -> int:
    """`request`: how many shards."""
    return sum(await job.map("squares", square, range(job.request)))


@shard("runner-test-long")
def long(number: int, context: ShardContext) -> int:
    note(f"begin long {number} of {context.kind}")
    while not context.cancelled:
        time.sleep(0.005)
    note(f"gave up {number}")
    return number


async def stream_flow(job: JobContext) -> list[int]:
    """`request`: how many shards, and how many results are enough."""
    total, enough = job.request
    stop = await job.listen("stop")
    taken: list[int] = []
    async for value in job.results("squares", square, range(total), window=int(os.environ.get("WINDOW", "8"))):
        taken.append(value)
        if len(taken) == enough or stop.received:
            break
    await job.step("after", work, "after")
    return taken


async def cell_flow(job: JobContext) -> int:
    """`request`: a number to square; a negative one fails, unless its file is there by now."""
    number, seconds = job.request
    await job.step("compute", work, f"cell {number}", seconds)
    if number < 0 and not Path(os.environ["LEDGER"]).with_name("mended").exists():
        raise ValueError(f"cell {number} is broken")
    return number * number


async def family_flow(job: JobContext) -> list[int | None]:
    """`request`: the cells, how many at once, and how long each takes."""
    numbers, at_once, seconds = job.request
    orders = [ChildJob(name=f"cell-{number}", kind="cell", request=[number, seconds]) for number in numbers]
    return [child.result for child in await job.children(orders, at_once=at_once, type=int)]


async def mixed_flow(job: JobContext) -> object:
    match job.request:
        case "big":
            return [len(text) for text in await job.map("big one", big, range(3))]
        case "broken":
            return await job.map("broken", broken, range(3))
        case "large-step":
            return len(await job.step("large", lambda: "y" * 300_000))
        case "first-big":
            async for text in job.results("big ones", big, range(1000), window=4):
                return len(text)
            return 0
        case "long":
            results = job.results("long", long, range(2))
            first = asyncio.ensure_future(anext(aiter(results)))
            while not any(line.startswith("begin long") for line in ledger()):
                await asyncio.sleep(0.02)
            first.cancel()
            await asyncio.wait((first,))
            await results.aclose()
            return results.taken
        case "long-map":
            return await job.map("long", long, range(1))
        case "large-result":
            return "z" * 3_000_000
        case "artifact":
            stored = await job.artifact("report.txt", "hello " * 50_000, "text/plain")
            return stored.size
        case "progress":
            for done in range(1001):
                await job.progress(done, 1000)
            return "ok"
        case _:
            return None
