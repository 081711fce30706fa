"""The row of `simulation_jobs`, which follows from the job's own row alone and so is never wrong without it."""

from __future__ import annotations

import re

import msgspec

from services.projector.model import JobRow, SimulationRow

__all__ = ["KINDS", "simulation"]

KINDS = frozenset({"simulation", "comparison", "sweep"})

_ZERO = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class _Order(msgspec.Struct):
    given: msgspec.Raw


_orders = msgspec.json.Decoder(_Order)


def simulation(job: JobRow) -> SimulationRow:
    """The row of a job of one of `KINDS`. `request_data` is what the user sent: the `given` of the order that the request became."""
    try:
        given = bytes(_orders.decode(job.request).given).decode()
    except msgspec.MsgspecError:
        given = job.request  # a job that was made without an order
    result = None if job.result == "null" else _storable(job.result)
    return SimulationRow(job.id, job.owner_id, job.status, _storable(given), result, job.created_at, job.updated_at)


def _storable(text: str) -> str:
    """JSON that jsonb takes: its strings cannot hold a zero character, which becomes what Unicode has for the unreadable."""
    return _ZERO.sub(r"\1\\ufffd", text) if "\\u0000" in text else text
