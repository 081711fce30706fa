"""What a runner would make of a simulation, played by the plain reference."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from libs.blackjack.reference import play
from libs.events.objects import digest
from libs.jobs.events import ArtifactStored, JobCompleted, JobStarted
from libs.simulation.request import ComparisonOrder, SimulationOrder
from libs.simulation.result import compare, summarize
from tests.services.gateway.desk import Desk

ASKED = {
    "casino": "six_deck_s17",
    "num_rounds": 1000,
    "players": [{"betting_strategy": "spread_1_12", "counting_strategy": "hi_lo"}],
}


async def order_of(desk: Desk, job_id: UUID) -> Any:
    job = await desk.jobs.state(desk.ada.id, job_id)
    assert job is not None
    return msgspec.convert(job.request, SimulationOrder | ComparisonOrder)


async def result_of(desk: Desk, job_id: UUID, blocks: int) -> Any:
    """The result of exactly so many blocks."""
    order = await order_of(desk, job_id)
    if isinstance(order, ComparisonOrder):
        return compare(order, play((order.a, order.b), order.run.seed, 0, blocks), stopped="rounds", seconds=1.0)
    return summarize(order, play((order.configuration,), order.run.seed, 0, blocks), stopped="rounds", seconds=1.0)


async def simulation(desk: Desk, **changes: Any) -> UUID:
    """A simulation that waits for a runner."""
    answer = await desk.post("/api/simulations/", ASKED | changes)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["job_id"])


async def file(desk: Desk, job_id: UUID, name: str, content: bytes, media_type: str) -> None:
    stored = ArtifactStored(
        name=name,
        attempt=1,
        media_type=media_type,
        size=len(content),
        digest=digest(content),
        object=desk.objects.put(content),
    )
    await desk.happen(job_id, stored)


async def played(desk: Desk, job_id: UUID, blocks: int = 20) -> Any:
    """Play it, as a runner would; the result."""
    result = await result_of(desk, job_id, blocks)
    await desk.happen(job_id, JobStarted(attempt=1, worker="runner-1"))
    await desk.happen(job_id, JobCompleted(attempt=1, result=msgspec.Raw(msgspec.json.encode(result))))
    return result
