"""What a job that is done has made: its App, a simulation's result, or whatever its workflow returned."""

from __future__ import annotations

from typing import Any

from cli.client import Client, Refused
from cli.display import JobDisplay
from cli.simulation.api import Simulations
from cli.simulation.tables import result_console, show_result

__all__ = ["SIMULATION_KINDS", "show_outcome"]

Json = dict[str, Any]

SIMULATION_KINDS = {"simulation", "comparison", "sweep"}
_LATEST_EVENTS = 100


async def show_outcome(client: Client, job: Json, display: JobDisplay) -> None:
    """Show what a done job has made; a job without any of it is shown without it."""
    kind, job_id = str(job.get("kind")), str(job["id"])
    if kind in SIMULATION_KINDS:
        result = (await Simulations(client).ended(job_id)).get("result_data")
        if isinstance(result, dict):
            show_result(result_console(), kind, result)
        return
    try:
        display.app((await client.app_of(job_id)).get("spec") or {})
    except Refused as refusal:
        if refusal.code != "no_such_app":
            raise
        returned = await _returned(client, job_id, int(job.get("version") or 0))
        if returned is not None:
            display.result(returned)


async def _returned(client: Client, job_id: str, version: int) -> Any:
    """What the workflow returned, by the last event that says so. Hardly anything happens to a job after its end."""
    after = max(0, version - _LATEST_EVENTS)
    events = await client.call("GET", f"/api/jobs/{job_id}/events/?after={after}&limit={_LATEST_EVENTS}")
    completed = [event for event in events if event["type"] == "job_completed"]
    return (completed[-1].get("data") or {}).get("result") if completed else None
