"""A simulation's end, put where it is wanted: a table, JSON, files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from cli.client import Client, Refused
from cli.simulation.api import Simulations
from cli.simulation.following import follow
from cli.simulation.options import Output
from cli.simulation.tables import result_console, show_counts, show_outcomes, show_result

__all__ = ["deliver", "print_json", "show_finished"]

Json = dict[str, Any]


async def deliver(client: Client, created: Json, output: Output) -> int:
    """Watch a job that was just created, as far as wanted, and deliver its result; the exit status."""
    job_id = str(created["job_id"])
    for note in created.get("notes") or []:
        click.echo(f"{note.get('pointer') or '/'}: {note.get('detail')}", err=True)
    if not output.watch:
        if output.json:
            print_json(created)
        else:
            click.echo(job_id)
        return 0
    click.echo(f"job {job_id}", err=True)
    ending = await follow(client, job_id, Console(stderr=True, highlight=False), kind=str(created.get("kind")))
    if ending.status != "done":
        click.echo(f"{ending.status}: {ending.message}", err=True)
        return 1
    return await show_finished(client, await Simulations(client).ended(job_id), output, notes=False)


async def show_finished(client: Client, simulation: Json, output: Output, *, notes: bool = True) -> int:
    """Deliver the result of a simulation that is done; the exit status. `notes` on what was understood are left out of the
    table where they were told before. Raises `Refused` where there is no result."""
    job_id, result = str(simulation["job_id"]), simulation.get("result_data")
    if not isinstance(result, dict):
        raise Refused(f"the simulation is {simulation.get('status')} and has no result")
    for path, name in ((output.html, "report.html"), (output.csv, "result.csv")):
        if path is not None:
            _write(path, await Simulations(client).file(job_id, name))
    if output.json:
        print_json(result)
        return 0
    console = result_console()
    shown = result if notes else {name: part for name, part in result.items() if name != "notes"}
    show_result(console, str(result.get("kind") or simulation.get("kind") or "simulation"), shown)
    if output.counts:
        show_counts(console, result)
    if output.outcomes:
        show_outcomes(console, result)
    return 0


def print_json(document: Any) -> None:
    """A document on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _write(path: Path, content: bytes) -> None:
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}", err=True)
