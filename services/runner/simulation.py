"""Simulation jobs: a run is cut into parts that any runner plays; their tallies merge in order, exactly.

What starts the work is only the job's id: everything else is read from the job's own log, by the parts too, so that a task in the
queue is a few numbers. The engine and the plots are imported when first needed: an idle runner stays small.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec

from libs.blackjack.configuration import Configuration
from libs.blackjack.tally import Tally, decode, encode, merge
from libs.simulation.documents import Stopped
from libs.simulation.plan import Part, plan, top_up
from libs.simulation.request import ComparisonOrder, Order, SimulationOrder, SweepOrder, describe
from libs.simulation.result import (
    CellOutcome,
    ComparisonResult,
    Convergence,
    Estimate,
    SimulationResult,
    SweepResult,
    compare,
    estimate,
    estimate_difference,
    summarize,
    sweep_table,
)
from libs.workflow import ChildJob, JobContext, ShardContext, shard
from libs.workflow.registry import WorkflowFunction

__all__ = ["WORKFLOWS", "play_part", "run_comparison_from_log", "run_simulation_from_log", "run_sweep_from_log"]

STOP = "stop"  # the signal that ends a run where it is, with a result
ROUNDS = "rounds"  # the parts, and how far they are
CELLS = "cells"  # how many jobs of a sweep are over

_HISTORY_ROUNDS = 100
_CHECK_ROUNDS = 1 << 22  # what a part plays between looks at whether it is still wanted
_SPEED_SECONDS = 15.0
_POINTS = 100
_CELLS_AT_ONCE = 8
_BLOCKS_MIN = 100  # a standard error from fewer is too rough to stop by


class Planned(msgspec.Struct, frozen=True):
    """What is found out once, before the first part."""

    rounds_per_block: float
    started_at: datetime


class Played(msgspec.Struct, frozen=True):
    """What a run came to."""

    tally: Tally
    stopped: Stopped
    seconds: float
    convergence: tuple[Convergence, ...]


# -- the workflows -----------------------------------------------------------------------------------------------------


async def run_simulation_from_log(job: JobContext) -> SimulationResult:
    """Load the job's request, play it and return the result."""
    order = msgspec.convert(job.request, SimulationOrder)
    played = await _play(job, order, (order.configuration,))
    history = await asyncio.to_thread(_history, order) if order.run.include_hand_history else None
    return summarize(
        order,
        played.tally,
        stopped=played.stopped,
        seconds=played.seconds,
        convergence=played.convergence,
        history=history,
    )


async def run_comparison_from_log(job: JobContext) -> ComparisonResult:
    """The same for two tables that are dealt the same cards."""
    order = msgspec.convert(job.request, ComparisonOrder)
    played = await _play(job, order, (order.a, order.b))
    return compare(order, played.tally, stopped=played.stopped, seconds=played.seconds, convergence=played.convergence)


async def run_sweep_from_log(job: JobContext) -> SweepResult:
    """A simulation job of its own for every cell of the grid, and one table of them all. A cell that failed stays in it and says why."""
    order = msgspec.convert(job.request, SweepOrder)
    await _approved(job, order)
    orders = await asyncio.to_thread(order.orders)
    started_at = await job.step("plan", _now, agent="simulation", message=f"{describe(order)}: {len(orders)} jobs.")
    cells = [
        ChildJob(name=f"cell-{number}", kind="simulation", prompt=describe(cell), request=msgspec.to_builtins(cell))
        for number, (_, cell) in enumerate(orders)
    ]
    children = await job.children(cells, at_once=_CELLS_AT_ONCE, check=False, name=CELLS)
    outcomes = [
        CellOutcome(
            labels=labels,
            job_id=str(child.id),
            status=child.status,
            result=child.result,
            error=child.error.message if child.error else None,
        )
        for (labels, _), child in zip(orders, children, strict=True)
    ]
    return sweep_table(order, outcomes, seconds=_seconds_since(started_at))


async def _approved(job: JobContext, order: Order) -> None:
    for name in job.approvals:
        await job.approval(name, summary=f"Run this?\n\n{describe(order)}")


async def _play(job: JobContext, order: SimulationOrder | ComparisonOrder, tables: Sequence[Configuration]) -> Played:
    await _approved(job, order)
    stop = await job.listen(STOP)
    planned = await job.step(
        "plan",
        _plan,
        tables[0],
        agent="simulation",
        message=lambda found: f"{describe(order)}: about {found.rounds_per_block:,.1f} rounds a block.",
    )
    run = order.run
    course = _Course(job, order, planned.rounds_per_block)
    stopped: Stopped = "rounds" if run.blocks is None else "blocks"
    parts = plan(rounds_max=run.rounds_max, blocks=run.blocks, rounds_per_block=planned.rounds_per_block)
    async with aclosing(job.results(ROUNDS, play_part, parts)) as found:
        async for tally in found:
            await course.add(decode(bytes(tally)))
            if course.on_target:
                stopped = "target"
                break
            if stop.received:
                stopped = "by_hand"
                break
    if stopped == "rounds" and run.rounds_max is not None:
        rest = top_up(blocks=course.blocks, rounds=course.rounds, rounds_max=run.rounds_max)
        if rest is not None:
            async for tally in job.results("top-up", play_part, [rest]):
                await course.add(decode(bytes(tally)))
    await course.finish()
    return Played(course.tally, stopped, _seconds_since(planned.started_at), course.points)


class _Course:
    """A run under way: what was played so far, how far the estimates have come, and how fast it goes.

    The estimates are the players' EVs; where tables are compared, the differences between them.
    """

    def __init__(self, job: JobContext, order: SimulationOrder | ComparisonOrder, rounds_per_block: float) -> None:
        self._job = job
        self._run = order.run
        self._blocks_rounds = None if order.run.blocks is None else order.run.blocks * rounds_per_block
        self._tally: Tally | None = None
        self._estimates: tuple[Estimate, ...] = ()
        self._points: list[Convergence] = []
        self._parts_per_point = 1
        self._parts = 0
        self._speeds: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    @property
    def tally(self) -> Tally:
        assert self._tally is not None, "a run has at least one block"
        return self._tally

    @property
    def blocks(self) -> int:
        return self._tally.blocks if self._tally else 0

    @property
    def rounds(self) -> int:
        return self._tally.tables[0].rounds if self._tally else 0

    @property
    def on_target(self) -> bool:
        """Whether every player's standard error is as small as was asked for."""
        target = self._run.target_standard_error
        if target is None or self.blocks < _BLOCKS_MIN:
            return False
        return all(each.standard_error is not None and each.standard_error <= target for each in self._estimates)

    @property
    def points(self) -> tuple[Convergence, ...]:
        """How the estimates came to be what they are; the last point is where the run is now."""
        here = Convergence(rounds=self.rounds, players=self._estimates)
        return (*(point for point in self._points if point.rounds < here.rounds), here)

    async def add(self, tally: Tally) -> None:
        """Take in the part that follows, and tell whoever watches."""
        self._tally = tally if self._tally is None else merge((self._tally, tally))
        compared = len(self._tally.tables) > 1
        self._estimates = tuple(estimate_difference(self._tally) if compared else estimate(self._tally))
        self._note_point()
        now = time.monotonic()
        self._speeds.append((now, self.rounds))
        while len(self._speeds) > 2 and now - self._speeds[0][0] > _SPEED_SECONDS:
            self._speeds.popleft()
        await self._report(self._expected())

    async def finish(self) -> None:
        """The last report, at its total."""
        await self._report(self.rounds)

    def _note_point(self) -> None:
        """Keep the estimates after every so many parts: twice as many from then on whenever there are too many points."""
        self._parts += 1
        if self._parts % self._parts_per_point:
            return
        self._points.append(Convergence(rounds=self.rounds, players=self._estimates))
        if len(self._points) > _POINTS:
            self._points = self._points[1::2]
            self._parts_per_point *= 2

    def _expected(self) -> float:
        """The rounds at the end, as far as can be told."""
        if self._blocks_rounds is not None:
            return max(self._blocks_rounds, self.rounds)
        assert self._run.rounds_max is not None
        expected = float(self._run.rounds_max)
        if (target := self._run.target_standard_error) is not None:
            widest = max((each.standard_error or 0.0 for each in self._estimates), default=0.0)
            if widest:
                expected = min(expected, self.rounds * (widest / target) ** 2)
        return max(expected, self.rounds)

    async def _report(self, expected: float) -> None:
        (before, rounds_before), (now, rounds) = self._speeds[0], self._speeds[-1]
        speed = (rounds - rounds_before) / max(now - before, 1e-9)
        await self._job.progress(
            self.rounds,
            expected,
            name=ROUNDS,
            data={
                "rounds": self.rounds,
                "rounds_per_second": round(speed),
                "seconds_left": round((expected - self.rounds) / speed, 1) if speed else None,
                "players": self._estimates,
            },
        )


# -- what computes, in threads -----------------------------------------------------------------------------------------


@shard("blackjack-part")
def play_part(part: Part, context: ShardContext) -> msgspec.Raw:
    """The tally of a part, as `libs.blackjack.tally.encode` writes it."""
    from libs.blackjack import engine

    tables, seed = _tables(context)
    if part.rounds_min is not None:
        return msgspec.Raw(encode(_play_rounds(tables, seed, part, part.rounds_min, context)))
    at_once = max(1, part.blocks * _CHECK_ROUNDS // max(part.rounds, 1))
    end = part.first_block + part.blocks
    tally = engine.simulate(tables, seed, part.first_block, min(at_once, part.blocks))
    for first in range(part.first_block + at_once, end, at_once):
        context.check()
        tally = merge((tally, engine.simulate(tables, seed, first, min(at_once, end - first))))
    return msgspec.Raw(encode(tally))


def _play_rounds(tables: Sequence[Configuration], seed: int, part: Part, rounds: int, context: ShardContext) -> Tally:
    """Blocks until the first table has that many rounds, `part.blocks` at most; a piece at a time, each of whole blocks."""
    from libs.blackjack import engine

    tally: Tally | None = None
    played = blocks = 0
    while tally is None or (played < rounds and blocks < part.blocks):
        context.check()
        piece = engine.simulate(
            tables,
            seed,
            part.first_block + blocks,
            part.blocks - blocks,
            rounds_min=min(rounds - played, _CHECK_ROUNDS),
        )
        tally = piece if tally is None else merge((tally, piece))
        played, blocks = tally.tables[0].rounds, tally.blocks
    return tally


def _tables(context: ShardContext) -> tuple[tuple[Configuration, ...], int]:
    if context.kind == "comparison":
        compared = msgspec.convert(context.request, ComparisonOrder)
        return (compared.a, compared.b), compared.run.seed
    order = msgspec.convert(context.request, SimulationOrder)
    return (order.configuration,), order.run.seed


def _plan(configuration: Configuration) -> Planned:
    from libs.blackjack import engine

    engine.warm_up()
    return Planned(rounds_per_block=engine.rounds_per_block(configuration), started_at=_now())


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_since(start: datetime) -> float:
    return max((_now() - start).total_seconds(), 1e-6)


def _history(order: SimulationOrder) -> Sequence[Any]:
    from libs.blackjack import reference

    return reference.history(order.configuration, order.run.seed, 0, _HISTORY_ROUNDS)


WORKFLOWS: dict[str, WorkflowFunction] = {
    "simulation": run_simulation_from_log,
    "comparison": run_comparison_from_log,
    "sweep": run_sweep_from_log,
}
