"""A simulation from its order to its end, on standard error: standard output is for its result."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Console

from cli.calling import END_STATES
from cli.client import Client
from cli.progress import ProgressView, estimated_of

__all__ = ["Ending", "detached", "follow"]

Json = dict[str, Any]


class Ending(NamedTuple):
    """How a job ended: its status, and the sentence that came with it."""

    status: str
    message: str


async def follow(client: Client, job_id: str, console: Console, *, kind: str = "simulation") -> Ending:
    """Show how far the job is until it has ended; reconnects on the way."""
    view = ProgressView(console, estimated=estimated_of(kind))
    view.wait("waiting for a runner")
    live, ending = False, None
    try:
        async for frame in client.watch(job_id):
            match frame.get("kind"):
                case "progress":
                    view.show(frame)
                case "live":
                    live = True
                case "status":
                    # In a replay, a retry may follow the end.
                    status = str(frame.get("status"))
                    ending = Ending(status, str(frame.get("message") or "")) if status in END_STATES else None
                    if status == "running":
                        view.wait("under way; the first rounds are still to come")
            if live and ending is not None:
                return ending
    finally:
        view.end()
    raise AssertionError("the stream of frames never ends by itself")


def detached(job_id: str) -> str:
    """What to tell a person who stops watching: the simulation goes on without them."""
    return (
        f"\nThe simulation goes on without you. Watch it again:  jobstream watch {job_id}\n"
        f"End it with what it has:  jobstream simulate stop {job_id}\n"
        f"End it without a result:  jobstream cancel {job_id}"
    )
