"""kill -9 at random moments while jobs are built, and the proof that nothing was lost, repeated or shown twice.

While people build jobs with two replicas of agents and runner, a process of a random kind is killed every `--every` seconds: agents, runner,
projector, gateway, NATS, Postgres. At the end each accepted job must be `done`, its versions gapless, its read models equal to its events, no
model call made for a reply or step whose result was stored by then, and every socket must have seen each event exactly once.
"""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import sys
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import click
import httpx2

from benchmarks.cluster import Cluster, cluster
from benchmarks.figures import figure, report_latency
from benchmarks.people import Person, Watch, register
from benchmarks.stack import Stack, model_server, stack

_KINDS = ("agents", "runner", "projector", "gateway", "nats", "postgres")
_CALL = re.compile(r"\[call ([0-9a-f]{16})\]")


@click.command()
@click.option("--jobs", default=200, show_default=True)
@click.option("--at-once", default=20, show_default=True)
@click.option("--every", default=1.5, show_default=True, help="Seconds between kills, on average.")
@click.option("--kinds", default=",".join(_KINDS), show_default=True)
@click.option("--think", default=0.3, show_default=True, help="Seconds the model takes before each answer.")
@click.option(
    "--cluster", "clustered", is_flag=True, help="NATS as three servers, of which one is lost and comes back at a time."
)
@click.option("--seed", default=None, type=int)
def main(jobs: int, at_once: int, every: float, kinds: str, think: float, clustered: bool, seed: int | None) -> None:
    """Kill processes at random while jobs are built; exits with 1 and the list where any promise was broken."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    problems = asyncio.run(_run(jobs, at_once, every, kinds.split(","), think, clustered, random.Random(seed), seed))
    for problem in problems:
        sys.stderr.write(problem + "\n")
    sys.exit(1 if problems else 0)


async def _run(
    jobs: int,
    at_once: int,
    every: float,
    kinds: list[str],
    think: float,
    clustered: bool,
    chance: random.Random,
    seed: int,
) -> list[str]:
    async with AsyncExitStack() as parts:
        model = await parts.enter_async_context(model_server(think_seconds=think, token_delay_seconds=0.02))
        servers = await parts.enter_async_context(cluster()) if clustered else None
        environ = {
            "OPENAI_BASE_URL": f"{model}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "bench",
            "AGENTS_REPLICAS": "2",
            "RUNNER_REPLICAS": "2",
            "LEASE_SECONDS": "3",
            "RECONCILE_INTERVAL_SECONDS": "2",
            "RECONCILE_AFTER_SECONDS": "5",
            "REQUESTS_PER_SECOND": "100000",
            "REQUESTS_BURST": "100000",
            **(servers.environ() if servers else {}),
        }
        async with stack(environ) as running, httpx2.AsyncClient(timeout=15) as client:
            people = [await register(running.url, client) for _ in range(min(at_once, 10))]
            kills: Counter[str] = Counter()
            killing = asyncio.create_task(_kill(running, kinds, every, chance, kills, servers))
            watches: list[Watch] = []
            problems: list[str] = []
            seconds: list[float] = []
            queue = iter(range(jobs))

            async def work(person: Person) -> None:
                for number in queue:
                    started = time.perf_counter()
                    approvals = ["build"] if number % 3 == 0 else []
                    prompt = f"An app for token-{secrets.token_hex(6)}, for bakers, to sell bread."
                    job = await person.create(prompt, approvals=approvals)
                    watch = Watch(person, job["id"])
                    watches.append(watch)
                    status = await watch.until_ended(["Bakers; listing bread; success is 100 orders a day."])
                    seconds.append(time.perf_counter() - started)
                    if status != "done":
                        problems.append(f"{job['id']} ended {status}: {watch.frames[-1:]}")

            try:
                await asyncio.gather(*(work(people[number % len(people)]) for number in range(at_once)))
            finally:
                killing.cancel()
            calls = (await client.get(f"{model}/calls")).json()["calls"]
            for watch in watches:
                problems += watch.violations
                problems += await _check(watch, calls_by_digest(calls))
            figure("chaos_jobs", len(watches), "jobs", seed=seed, problems=len(problems), kills=dict(kills))
            figure("chaos_reconnects", sum(watch.connections - 1 for watch in watches), "connections")
            figure("chaos_model_calls", len(calls) / max(1, len(watches)), "calls/job")
            report_latency("chaos_job", seconds)
            return problems


async def _kill(
    running: Stack,
    kinds: list[str],
    every: float,
    chance: random.Random,
    kills: Counter[str],
    servers: Cluster | None,
) -> None:
    losing: asyncio.Task[None] | None = None
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * every)
        kind = chance.choice(kinds)
        if kind == "nats" and servers is not None:
            if losing is None or losing.done():  # two of three lost at once are a cluster lost
                losing = asyncio.create_task(servers.lose(chance.randrange(len(servers.children))))
                kills[kind] += 1
        elif running.kill(kind, chance.randrange(2)) is not None:
            kills[kind] += 1


def calls_by_digest(calls: list[dict[str, Any]]) -> dict[str, list[float]]:
    """When each distinct question was put to the model."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        found[call["digest"]].append(call["started_at"])
    return found


async def _check(watch: Watch, calls: dict[str, list[float]]) -> list[str]:
    """Hold what is stored of a job against what its socket saw and what the model was asked."""
    problems = []
    job_id = watch.job_id
    events: list[dict[str, Any]] = []
    while page := (
        await watch.person.call("GET", f"/api/jobs/{job_id}/events/", params={"after": len(events), "limit": 500})
    ).json():
        events += page
    versions = [event["version"] for event in events]
    if versions != list(range(1, len(events) + 1)):
        problems.append(f"{job_id}: versions {versions}")
    if [frame["seq"] for frame in watch.frames] != versions[: len(watch.frames)]:
        problems.append(f"{job_id}: the socket saw {len(watch.frames)} of {len(events)} events")
    replies = [event["data"]["turn_id"] for event in events if event["type"] == "reply_posted"]
    steps = [event["data"]["name"] for event in events if event["type"] == "step_recorded"]
    for what, names in (("turn answered", replies), ("step recorded", steps)):
        problems += [f"{job_id}: {what} twice: {name}" for name, count in Counter(names).items() if count > 1]
    turns = sum(event["type"] == "user_message_posted" for event in events)
    if len(replies) != turns:
        problems.append(f"{job_id}: {turns} turns and {len(replies)} replies")
    for event in events:
        if event["type"] in ("reply_posted", "step_recorded"):
            stored_at = datetime.fromisoformat(event["time"]).timestamp()
            said = event["data"].get("content") or event["data"].get("message")
            asked = [digest for digest in _CALL.findall(said) if digest in calls]
            if not asked:
                problems.append(f"{job_id}: {event['type']} {event['version']} names no call of the model")
            for digest in asked[-1:]:
                late = [at for at in calls.get(digest, ()) if at > stored_at]
                if late:
                    problems.append(
                        f"{job_id}: {event['type']} {event['version']} was stored, and asked again {len(late)} times"
                    )
    shown = (await watch.person.call("GET", f"/api/jobs/{job_id}/", params={"min_version": len(events)})).json()
    if (shown["status"], len(shown["steps"]), len(shown["messages"])) != ("done", len(steps), len(replies) + turns):
        problems.append(
            f"{job_id}: the job shows {shown['status']}, {len(shown['steps'])} steps, {len(shown['messages'])} messages"
        )
    return problems


if __name__ == "__main__":
    main()
