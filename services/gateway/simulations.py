"""Simulations that exist: reading them from whichever source can answer, running them again, pricing other ramps from their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from libs.blackjack.configuration import BettingStrategy, Configuration
from libs.events.errors import CursorBeyondHead
from libs.simulation.reprice import CannotReprice, PricedRamp, reprice
from libs.simulation.request import ComparisonOrder, Order, SimulationOrder, SweepOrder, describe
from services.gateway.creation import Prepared
from services.gateway.jobs import JobReader
from services.gateway.ports import DatabaseUnavailable, Simulations
from services.gateway.problems import Code, Fault, Problem
from services.gateway.resources import SimulationView
from services.gateway.simulation_views import KINDS, simulation_of_job, wanted_simulation

__all__ = ["Again", "SimulationReader", "again", "priced", "result_of"]


class SimulationReader:
    """One simulation at a time: works with the database down, and knows one from the moment its create command was stored."""

    def __init__(self, jobs: JobReader, models: Simulations, *, resting: Callable[[], bool] = lambda: False) -> None:
        self._jobs = jobs
        self._models = models
        self._resting = resting

    async def get(self, owner: UUID, job_id: UUID, *, min_version: int = 0) -> SimulationView:
        """Raises a `Problem` where this owner has no such simulation, `CursorBeyondHead`, `LogUnavailable`."""
        found = await self._from_models(owner, job_id)
        if found is None or found.version < min_version:
            found = await self._from_log(owner, job_id)
        if found is None or found.kind not in KINDS:
            raise Problem(Code.NO_SUCH_JOB, "You have no such simulation.")
        if found.version < min_version:
            raise CursorBeyondHead
        return found

    async def latest(self, owner: UUID, job_id: UUID) -> SimulationView:
        """As `get`; where the read models know no result, what the log knows: whoever was told of the end at once asks for it."""
        found = await self.get(owner, job_id)
        return found if found.result_data is not None else await self._from_log(owner, job_id) or found

    async def _from_models(self, owner: UUID, job_id: UUID) -> SimulationView | None:
        if self._resting():
            return None
        try:
            return await self._models.simulation(owner, job_id)
        except DatabaseUnavailable:
            return None

    async def _from_log(self, owner: UUID, job_id: UUID) -> SimulationView | None:
        job = await self._jobs.state(owner, job_id)
        if job is not None:
            return simulation_of_job(job)
        wish = await self._jobs.wish(owner, job_id)
        if wish is None:
            return None
        command, envelope = wish
        return wanted_simulation(owner, job_id, command, envelope.time)


def result_of(view: SimulationView) -> msgspec.Raw:
    """The result as JSON. Raises a `Problem` where there is none."""
    if view.result_data is None:
        raise Problem(Code.NO_RESULT, f"The simulation has no result: it is {view.status.replace('_', ' ')}.")
    return view.result_data if isinstance(view.result_data, msgspec.Raw) else msgspec.Raw(_encode(view.result_data))


_encode = msgspec.json.Encoder().encode


# -- again -------------------------------------------------------------------------------------------------------------


class Again(NamedTuple):
    """A job that does what another one did."""

    kind: str
    prepared: Prepared


class _Played(msgspec.Struct):
    """What a result says about how much was played."""

    blocks: int | None = None


def again(view: SimulationView) -> Again:
    """The same configuration and seed; where there is a result, exactly the blocks that it comes from, so that the digest is the same.

    Raises a `Problem` where the order is not one of today's.
    """
    rest = view.normalised if isinstance(view.normalised, Mapping) else {}
    stored = {"kind": view.kind, "given": view.request_data, "notes": view.notes, **rest}
    try:
        order = msgspec.json.decode(_encode(stored), type=Order)
        played = _Played() if view.result_data is None else msgspec.json.decode(result_of(view), type=_Played)
    except msgspec.MsgspecError:
        detail = "The simulation was asked for in a way that this server cannot read; ask anew."
        raise Problem(Code.INVALID_REQUEST, detail) from None
    if played.blocks is not None:
        run = msgspec.structs.replace(order.run, blocks=played.blocks, rounds_max=None, target_standard_error=None)
        order = msgspec.structs.replace(order, run=run)
    order = msgspec.structs.replace(order, given=_as_request(order), notes=())
    return Again(view.kind, Prepared(msgspec.to_builtins(order), describe(order)))


def _as_request(order: SimulationOrder | ComparisonOrder | SweepOrder) -> dict[str, Any]:
    """A request that can be sent, and comes to the same order without any profile's help."""
    if isinstance(order, SweepOrder):
        given = order.given if isinstance(order.given, dict) else {}
        return given | {"seed": order.run.seed}
    table = order.configuration if isinstance(order, SimulationOrder) else order.a
    run: dict[str, Any] = {
        "num_rounds": order.run.rounds_max,
        "target_standard_error": order.run.target_standard_error,
        "blocks": order.run.blocks,
        "seed": order.run.seed,
        "include_hand_history": order.run.include_hand_history,
        "mode": table.mode,
    }
    if table.mode == "sessions":
        run |= {"session_rounds": table.session_rounds, "win_goal": table.win_goal}
    known = {name: value for name, value in run.items() if value is not None}
    if isinstance(order, SimulationOrder):
        return _seated(order.configuration) | known
    return {"a": _seated(order.a), "b": _seated(order.b)} | known


def _seated(table: Configuration) -> dict[str, Any]:
    return {"casino": msgspec.to_builtins(table.casino), "players": msgspec.to_builtins(table.players)}


# -- another ramp ------------------------------------------------------------------------------------------------------


def priced(result: msgspec.Raw, betting: BettingStrategy, player: int, bankroll: float | None) -> PricedRamp:
    """What another ramp would have come to on the same rounds. Raises a `Problem` where the result does not tell."""
    try:
        return reprice(msgspec.json.decode(result), player, betting, bankroll=bankroll)
    except CannotReprice as error:
        detail = str(error)[:1].upper() + str(error)[1:] + "."
        raise Problem(Code.INVALID_REQUEST, detail, errors=[Fault("", detail)]) from None
