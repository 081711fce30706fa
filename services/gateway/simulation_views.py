"""What is true of a simulation, as clients are shown it: from a job, from the command that wants one, or from a row. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from libs.jobs.commands import CreateJob
from libs.jobs.state import Job, Status
from services.gateway.resources import SimulationView

__all__ = ["KINDS", "Parts", "order_parts", "simulation_of_job", "wanted_simulation"]

KINDS = ("simulation", "comparison", "sweep")


class Parts(NamedTuple):
    """A stored order taken apart."""

    given: Any
    normalised: Any
    notes: Any


def order_parts(stored: Any) -> Parts:
    """What was sent, what is run, and how the one was understood as the other."""
    if not isinstance(stored, Mapping) or "given" not in stored:
        return Parts(stored, None, ())  # made by something else than this gateway
    rest = {name: value for name, value in stored.items() if name not in ("kind", "given", "notes")}
    return Parts(stored["given"], rest, stored.get("notes", ()))


def simulation_of_job(job: Job) -> SimulationView:
    """A simulation as its job's events leave it."""
    parts = order_parts(job.request)
    return SimulationView(
        job_id=job.stream.id,
        kind=job.kind,
        user_id=job.stream.owner,
        status=job.status.value,
        request_data=parts.given,
        result_data=job.result if job.status is Status.DONE else None,
        description=job.prompt,
        error_message=job.error.message if job.error else None,
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
        parent_id=job.parent,
        normalised=parts.normalised,
        notes=parts.notes,
    )


def wanted_simulation(owner: UUID, job_id: UUID, command: CreateJob, time: datetime) -> SimulationView:
    """One that has no event yet: what its first one will say, as version 0."""
    parts = order_parts(command.request)
    return SimulationView(
        job_id=job_id,
        kind=command.kind,
        user_id=owner,
        status=(Status.COLLECTING if command.talks else Status.QUEUED).value,
        request_data=parts.given,
        result_data=None,
        description=command.prompt,
        error_message=None,
        version=0,
        created_at=time,
        updated_at=time,
        normalised=parts.normalised,
        notes=parts.notes,
    )
