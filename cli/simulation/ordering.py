"""`simulate`, `simulate compare`, `simulate sweep`: from what was typed to a job and its result."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click

from cli.calling import call, url_option
from cli.client import Client
from cli.simulation.api import Simulations
from cli.simulation.delivering import deliver
from cli.simulation.editing import Json, assign, axis, named_or_file, read_document
from cli.simulation.following import detached
from cli.simulation.options import Output, Table, output_options, run_options, table_options, with_run

__all__ = ["compare", "order", "run", "sweep"]

_SIDE = ("casino", "players")


@click.command()
@click.argument("request", required=False)
@table_options
@run_options
@output_options
@url_option
def run(request: str | None, url: str | None, **options: Any) -> None:
    """Simulate blackjack, watch it, and show the result.

    REQUEST is a JSON file, or - for standard input; options add to it. Ctrl-C stops watching, not the simulation.
    """
    given = _request(request)
    kind = str(given.pop("kind", "") or _kind_of(given))
    if kind != "simulation":
        names = {
            name: options[name] for name in ("casino", "player", "playing", "betting", "counting", "bankroll", "set")
        }
        if any(value not in (None, ()) for value in names.values()):
            raise click.UsageError(f"{request} is a {kind}: use `simulate {kind.replace('comparison', 'compare')}`")
    output, table = Output.taken(options), Table.taken(options)
    wanted = table.applied(given) if kind == "simulation" else given
    order(url, with_run(wanted, options), kind, output)


@click.command()
@click.argument("a", type=named_or_file, required=False)
@click.argument("b", type=named_or_file, required=False)
@click.option("--set-b", multiple=True, metavar="PATH=VALUE", help="One value of B alone; repeatable.")
@table_options
@run_options
@output_options
@url_option
def compare(a: Any, b: Any, set_b: tuple[str, ...], url: str | None, **options: Any) -> None:
    """Play A and B with the same cards and show the difference.

    Each is a casino's name or a file: a request, of which B need only say what differs from A. A file may also hold a
    whole comparison. Without B, --set-b says what differs.
    """
    output, table = Output.taken(options), Table.taken(options)
    whole = isinstance(a, dict) and "a" in a
    if whole and b is not None:
        raise click.UsageError("the first file is a whole comparison; there is nothing to compare it with")
    if whole:
        common = {name: part for name, part in a.items() if name not in ("a", "b", "kind")}
        side_a, side_b = _object(a["a"], "a"), _object(a.get("b", {}), "b")
    else:
        side_a, common = _side(a if a is not None else {})
        side_b, others = _side(b if b is not None else {})
        if clash := [name for name in others if name in common and common[name] != others[name]]:
            raise click.UsageError(f"the two files differ in {', '.join(clash)}, which holds for both sides")
        common |= others
    if b is None and not whole and not set_b:
        raise click.UsageError("there is no B: name one, or say with --set-b what differs")
    common |= _common_sets(table)
    if table.casino is not None:
        side_a.setdefault("casino", table.casino)
    table = table._replace(casino=None, sets=[each for each in table.sets if _is_of_side(each)])
    side_a, side_b = table.applied(side_a), table.applied(side_a | side_b)
    for assignment in set_b:
        assign(side_b, assignment)
    order(url, {"a": side_a, "b": side_b} | with_run(common, options), "comparison", output)


@click.command()
@click.argument("request", required=False)
@click.option(
    "--axis",
    "axes",
    multiple=True,
    metavar="PATH=VALUES",
    help="What varies: PATH=A,B,C, PATH=FROM:TO:STEP or PATH=[JSON, ...]. Once or twice.",
)
@table_options
@run_options
@output_options
@url_option
def sweep(request: str | None, axes: tuple[str, ...], url: str | None, **options: Any) -> None:
    """Simulate a grid of rules, penetrations or ramps, each cell a job of its own with the same seed."""
    given = _request(request)
    given.pop("kind", None)
    output, table = Output.taken(options), Table.taken(options)
    if "base" in given:
        base = _object(given.pop("base"), "base")
    else:
        base, given = _side(given)
    given |= _common_sets(table)
    base = table._replace(sets=[each for each in table.sets if _is_of_side(each)]).applied(base)
    varied = [*given.pop("axes", []), *(axis(each) for each in axes)]
    if not varied:
        raise click.UsageError(
            "nothing varies: give one --axis or two, as --axis casino.reshuffle_penetration=0.5:0.9:0.1"
        )
    order(url, {"base": base, "axes": varied} | with_run(given, options), "sweep", output)


def order(url: str | None, request: Json, kind: str, output: Output) -> None:
    """Create the job and see it through to its result, as far as wanted. Ends the process with the job's exit status."""
    follow_job(url, lambda simulations: simulations.create(request, kind), output)


def follow_job(url: str | None, create: Callable[[Simulations], Awaitable[Json]], output: Output) -> None:
    """The same for a job however made."""
    made: list[str] = []

    async def work(client: Client) -> int:
        created = await create(Simulations(client))
        made.append(str(created["job_id"]))
        return await deliver(client, created, output)

    sys.exit(call(url, work, interrupted=lambda: click.echo(detached(made[0]), err=True) if made else None))


def _request(path: str | None) -> Json:
    return {} if path is None else dict(_object(read_document(path), path))


def _object(found: Any, where: str) -> Json:
    if not isinstance(found, dict):
        raise click.UsageError(f"{where} holds no JSON object")
    return found


def _kind_of(request: Json) -> str:
    if "axes" in request or "base" in request:
        return "sweep"
    return "comparison" if "a" in request and "b" in request else "simulation"


def _side(given: Any) -> tuple[Json, Json]:
    """One side of a comparison, and what its file says for both."""
    if isinstance(given, str):
        return {"casino": given}, {}
    found = _object(given, "the file")
    return (
        {name: part for name, part in found.items() if name in _SIDE},
        {name: part for name, part in found.items() if name not in _SIDE and name != "kind"},
    )


def _is_of_side(assignment: str) -> bool:
    return assignment.lstrip("/").startswith(_SIDE)


def _common_sets(table: Table) -> Json:
    common: Json = {}
    for assignment in table.sets:
        if not _is_of_side(assignment):
            assign(common, assignment)
    return common
