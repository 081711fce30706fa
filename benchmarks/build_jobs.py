"""Whole build jobs a second: POST, socket, chat turn, model calls without think time, App; `--at-once` side by side, replies streamed."""

from __future__ import annotations

import asyncio
import secrets
import time

import click
import httpx2

from benchmarks.figures import figure, report_latency
from benchmarks.people import Person, Watch, register
from benchmarks.stack import KINDS, model_server, stack

_QUIET = {"LOG_LEVEL": "warning", "REQUESTS_PER_SECOND": "100000", "REQUESTS_BURST": "100000"}


@click.command()
@click.option("--jobs", default=400, show_default=True)
@click.option("--at-once", default=50, show_default=True)
@click.option("--agents", default=1, show_default=True, help="Replicas of agents.")
@click.option("--runners", default=1, show_default=True, help="Replicas of the runner.")
def main(jobs: int, at_once: int, agents: int, runners: int) -> None:
    """Measure whole build jobs a second over real processes, load generator and model server on the same machine."""
    asyncio.run(_measure(jobs, at_once, agents, runners))


async def _measure(jobs: int, at_once: int, agents: int, runners: int) -> None:
    async with model_server() as model:
        environ = {
            **_QUIET,
            "OPENAI_BASE_URL": f"{model}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "bench",
            "AGENTS_REPLICAS": str(agents),
            "RUNNER_REPLICAS": str(runners),
        }
        limits = httpx2.Limits(max_connections=at_once)
        async with stack(environ) as running, httpx2.AsyncClient(timeout=30, limits=limits) as client:
            # One person each, since requests are limited per person.
            people = [await register(running.url, client) for _ in range(at_once)]
            await asyncio.gather(*(_one(person) for person in people[:8]))  # warm
            whole: list[float] = []
            posts: list[float] = []
            replies: list[float] = []
            deltas = 0
            queue = iter(range(jobs))

            async def work(person: Person) -> None:
                nonlocal deltas
                for _ in queue:
                    post, total, watch = await _one(person)
                    posts.append(post)
                    whole.append(total)
                    replies.extend(watch.reply_seconds)
                    deltas += watch.deltas

            used = {kind: running.cpu_seconds(kind) for kind in KINDS}
            own = time.process_time()
            started = time.perf_counter()
            await asyncio.gather(*(work(person) for person in people))
            elapsed = time.perf_counter() - started
            own = time.process_time() - own
            context = {"jobs": jobs, "at_once": at_once, "agents": agents, "runners": runners}
            figure("build_jobs", jobs / elapsed, "jobs/s", rival="Django + Channels + Celery: 8.3 jobs/s", **context)
            report_latency("build_job_whole", whole, rival="p50 5600 ms", **context)
            report_latency("build_job_post", posts, rival="p99 1900 ms", **context)
            report_latency("build_job_reply", replies, rival="p99 3500 ms", **context)
            figure("build_job_deltas", deltas / jobs, "deltas/job", **context)
            for kind in KINDS:
                cpu = running.cpu_seconds(kind) - used[kind]
                figure(f"build_job_cpu_{kind}", 1000 * cpu / jobs, "ms/job", **context)
            figure("build_job_cpu_load_generator", 1000 * own / jobs, "ms/job", **context)
            for kind in ("gateway", "agents", "runner", "projector"):
                figure(f"memory_{kind}", max(running.memory(kind)) / 1e6, "MB", **context)


async def _one(person: Person) -> tuple[float, float, Watch]:
    started = time.perf_counter()
    job = await person.create(f"An app for token-{secrets.token_hex(6)}, for bakers, to sell bread.")
    posted = time.perf_counter() - started
    watch = Watch(person, job["id"])
    status = await watch.until_ended(["Bakers use it; they list bread and take orders; success is 100 orders a day."])
    if status != "done" or watch.violations:
        raise RuntimeError(f"job {job['id']} ended {status}: {watch.violations} {watch.frames[-1:]}")
    return posted, time.perf_counter() - started, watch


if __name__ == "__main__":
    main()
