"""Simulation jobs as people run them: how soon they begin, how they scale over runners, what kill -9 does to a result, how long runs behave.

The raw limit in the same run is the engine alone, in threads of one process, with nothing stored and nobody watching.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click
import httpx2
import msgspec
import websockets
from websockets.asyncio.client import connect

from benchmarks.figures import figure
from benchmarks.people import Person, register
from benchmarks.stack import Stack, stack

_SEED = 20_251_121
_PARTS = ("start", "scaling", "crashes", "long")


@click.command()
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Default: all.")
@click.option("--rounds", default=1_000_000_000, show_default=True, help="Of each job that is timed.")
@click.option("--long-rounds", default=10_000_000_000, show_default=True)
@click.option("--every", default=4.0, show_default=True, help="Seconds between kills.")
def main(only: tuple[str, ...], rounds: int, long_rounds: int, every: float) -> None:
    """Run simulation jobs on the whole platform; exits with 1 where a digest differs."""
    chosen = only or _PARTS
    problems: list[str] = []
    if "start" in chosen:
        asyncio.run(_start())
    if "scaling" in chosen:
        asyncio.run(_scaling(rounds))
    if "crashes" in chosen:
        problems += asyncio.run(_crashes(rounds, every))
    if "long" in chosen:
        problems += asyncio.run(_long(long_rounds))
    for problem in problems:
        sys.stderr.write(problem + "\n")
    sys.exit(1 if problems else 0)


def _request(rounds: int) -> dict[str, Any]:
    return {"casino": "six_deck_s17", "players": [{"profile": "default"}], "num_rounds": rounds, "seed": _SEED}


class _Run:
    """A simulation job from its creation to its end, as a socket shows it."""

    def __init__(self) -> None:
        self.job_id = ""
        self.first_progress_seconds: float | None = None
        self.progress: list[tuple[float, float]] = []  # seconds since creation, rounds done
        self.seconds = 0.0
        self.result: dict[str, Any] = {}

    @property
    def steady_rate(self) -> float:
        """Rounds a second between the first and the last report, the start left out."""
        (first_at, first), (last_at, last) = self.progress[0], self.progress[-1]
        return (last - first) / max(last_at - first_at, 1e-9)


async def _simulate(person: Person, rounds: int) -> _Run:
    run = _Run()
    started = time.perf_counter()
    answer = await person.call("POST", "/api/simulations/", json=_request(rounds))
    if answer.status_code != 201:
        raise RuntimeError(f"{answer.status_code} {answer.text[:300]}")
    run.job_id = answer.json()["job_id"]
    url = person.url.replace("http", "ws", 1) + f"/ws/jobs/{run.job_id}/"
    seq = 0
    while not run.seconds:
        try:
            async with connect(f"{url}?after={seq}", additional_headers=person.headers, compression=None) as socket:
                async for text in socket:
                    frame = msgspec.json.decode(text)
                    seq = frame.get("seq") or seq
                    now = time.perf_counter() - started
                    if frame["kind"] == "ping":
                        await socket.send('{"kind":"pong"}')
                    elif frame["kind"] == "progress" and frame["name"] == "rounds":
                        run.first_progress_seconds = run.first_progress_seconds or now
                        run.progress.append((now, frame["done"]))
                    elif frame["kind"] == "status" and frame["status"] in ("done", "failed", "cancelled"):
                        run.seconds = now
                        break
        except (OSError, websockets.WebSocketException):
            await asyncio.sleep(0.1)
    run.result = (await person.call("GET", f"/api/simulations/{run.job_id}/?min_version={seq}")).json()
    if run.result["status"] != "done":
        raise RuntimeError(f"the simulation ended as {run.result['status']}")
    return run


async def _start() -> None:
    async with stack() as running, httpx2.AsyncClient(timeout=15) as client:
        person = await register(running.url, client)
        cold = await _simulate(person, 1_000_000)
        figure(
            "simulation_first_progress_cold", cold.first_progress_seconds or 0, "s", note="the first of a runner's life"
        )
        warm = [(await _simulate(person, 10_000_000)).first_progress_seconds or 0 for _ in range(9)]
        figure("simulation_first_progress_warm", statistics.median(warm), "s", most=round(max(warm), 3), n=len(warm))


async def _scaling(rounds: int) -> None:
    rates: dict[int, float] = {}
    for replicas in (1, 2):
        environ = {"RUNNER_REPLICAS": str(replicas), "SHARD_SLOTS": "1"}
        async with stack(environ) as running, httpx2.AsyncClient(timeout=15) as client:
            person = await register(running.url, client)
            await _simulate(person, 20_000_000)  # warm
            rates[replicas] = statistics.median([(await _simulate(person, rounds)).steady_rate for _ in range(3)])
        raw = await asyncio.to_thread(_raw, rounds // 4, replicas)
        figure(f"simulation_rounds_{replicas}_runners", rates[replicas], "rounds/s", engine_alone=round(raw))
    figure("simulation_scaling_1_to_2_runners", rates[2] / rates[1], "x")


def _raw(rounds: int, threads: int) -> float:
    """Rounds a second of the engine alone."""
    from libs.blackjack import engine
    from libs.simulation.request import Profiles, SimulationOrder, prepare

    order = prepare("simulation", _request(rounds), Profiles(()), _SEED)
    if not isinstance(order, SimulationOrder):
        raise TypeError("a simulation was asked for")
    blocks = int(rounds / engine.rounds_per_block(order.configuration)) // threads
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        tallies = list(
            pool.map(lambda n: engine.simulate((order.configuration,), _SEED, n * blocks, blocks), range(threads))
        )
    return sum(each.tables[0].rounds for each in tallies) / (time.perf_counter() - started)


async def _crashes(rounds: int, every: float) -> list[str]:
    environ = {
        "RUNNER_REPLICAS": "2",
        "SHARD_SLOTS": "1",
        "LEASE_SECONDS": "3",
        "RECONCILE_INTERVAL_SECONDS": "2",
        "RECONCILE_AFTER_SECONDS": "5",
    }
    async with stack(environ) as running, httpx2.AsyncClient(timeout=15) as client:
        person = await register(running.url, client)
        quiet = await _simulate(person, rounds)
        kills = 0
        killing = asyncio.create_task(_kill_runners(running, every))
        try:
            crashed = await _simulate(person, rounds)
        finally:
            killing.cancel()
            kills = await _count(killing)
        same = quiet.result["result_data"]["digest"] == crashed.result["result_data"]["digest"]
        figure(
            "simulation_kills_survived",
            kills,
            "kill -9",
            same_digest=same,
            seconds=round(crashed.seconds, 1),
            seconds_without=round(quiet.seconds, 1),
        )
        return [] if same else [f"the digest of {crashed.job_id} is not that of {quiet.job_id}"]


async def _kill_runners(running: Stack, every: float) -> int:
    kills = 0
    try:
        while True:
            await asyncio.sleep(every)
            kills += running.kill("runner", kills) is not None
    except asyncio.CancelledError:
        return kills


async def _count(killing: asyncio.Task[int]) -> int:
    try:
        return await killing
    except asyncio.CancelledError:
        return 0


async def _long(rounds: int) -> list[str]:
    async with stack() as running, httpx2.AsyncClient(timeout=15) as client:
        person = await register(running.url, client)
        await _simulate(person, 20_000_000)
        memory: list[dict[str, int]] = []
        watching = asyncio.create_task(_watch_memory(running, memory))
        run = await _simulate(person, rounds)
        watching.cancel()
        gaps = [later[0] - earlier[0] for earlier, later in zip(run.progress, run.progress[1:], strict=False)]
        figure("simulation_long_rounds", run.steady_rate, "rounds/s", rounds=rounds, seconds=round(run.seconds, 1))
        figure(
            "simulation_long_reports",
            len(run.progress),
            "reports",
            gap_median=round(statistics.median(gaps), 2),
            gap_most=round(max(gaps), 2),
        )
        quarter = max(1, len(memory) // 4)
        for kind in ("runner", "gateway", "projector", "nats"):
            early = statistics.median(each[kind] for each in memory[quarter : 2 * quarter] or memory)
            late = statistics.median(each[kind] for each in memory[-quarter:])
            figure(f"simulation_long_memory_{kind}", late / 2**20, "MiB", second_quarter=round(early / 2**20, 1))
        return []


async def _watch_memory(running: Stack, found: list[dict[str, int]]) -> None:
    while True:
        found.append({kind: sum(running.memory(kind)) for kind in ("runner", "gateway", "projector", "nats")})
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    main()
