"""`simulate list`, `show`, `stop`, `rerun`, `reprice` and `defaults`: what can be done with simulations that exist."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.text import Text

from cli.calling import END_STATES, call, url_option
from cli.client import Client, Refused
from cli.figures import count
from cli.simulation.api import Simulations
from cli.simulation.delivering import deliver, print_json, show_finished
from cli.simulation.editing import assign, named_or_file
from cli.simulation.following import detached
from cli.simulation.options import Output, output_options
from cli.simulation.tables import plain_table, result_console, show_hands, show_priced
from libs.jobs.state import Status

__all__ = ["defaults", "listing", "reprice", "rerun", "show", "stop"]

Json = dict[str, Any]


@click.command("list")
@click.option(
    "--status", type=click.Choice([each.value for each in Status]), default=None, help="Only those in this status."
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@url_option
def listing(status: str | None, limit: int, url: str | None) -> None:
    """List your simulations, the newest first."""

    async def work(client: Client) -> None:
        for each in await Simulations(client).list(status=status or "", limit=limit):
            click.echo(f"{each['job_id']}  {each['status']:<10} {_ordered(each)}")

    call(url, work)


@click.command()
@click.argument("job_id")
@output_options
@click.option("--hands", is_flag=True, help="Also the hands that were kept with --history.")
@url_option
def show(job_id: str, hands: bool, url: str | None, **options: Any) -> None:
    """Show the result of a simulation; exit status 1 while there is none."""
    output = Output.taken(options)

    async def work(client: Client) -> int:
        found = await Simulations(client).get(job_id)
        if found["status"] not in END_STATES:
            click.echo(f"The simulation is {found['status']}. Watch it:  jobstream watch {job_id}", err=True)
            return 1
        status = await show_finished(client, found, output)
        if hands and not output.json:
            show_hands(result_console(), found["result_data"])
        return status

    sys.exit(call(url, work))


@click.command()
@click.argument("job_id")
@url_option
def stop(job_id: str, url: str | None) -> None:
    """End a running simulation with what it has: the result counts the rounds so far."""

    async def work(client: Client) -> None:
        await Simulations(client).stop(job_id)
        click.echo(f"It ends with what it has. See it:  jobstream simulate show {job_id}", err=True)

    call(url, work)


@click.command()
@click.argument("job_id")
@output_options
@url_option
def rerun(job_id: str, url: str | None, **options: Any) -> None:
    """Run a finished simulation again and compare the digests; exit status 1 where they differ."""
    output = Output.taken(options)
    made: list[str] = []

    async def work(client: Client) -> int:
        simulations = Simulations(client)
        before = await simulations.get(job_id)
        created = await simulations.rerun(job_id)
        made.append(str(created["job_id"]))
        status = await deliver(client, created, output)
        if status or not output.watch:
            return status
        old, new = ((each.get("result_data") or {}) for each in (before, await simulations.get(made[0])))
        if (mine := old.get("digest")) is None:
            return 0
        same = mine == new.get("digest")
        verdict = "The digest is the same" if same else f"The digest differs ({mine} before, {new.get('digest')} now)"
        engines = {str(each.get("engine_version")) for each in (old, new)}
        because = "" if same or len(engines) == 1 else f": engine {old.get('engine_version')} before"
        click.echo(f"{verdict}{because}.", err=True)
        return 0 if same else 1

    sys.exit(call(url, work, interrupted=lambda: click.echo(detached(made[0]), err=True) if made else None))


@click.command()
@click.argument("job_id")
@click.option(
    "--betting", type=named_or_file, metavar="NAME|FILE", required=True, help="The betting strategy to price."
)
@click.option(
    "--player", type=click.IntRange(0), default=0, show_default=True, help="Whose rounds; 0 is the first player."
)
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="One value of the strategy, as num_hands=2.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, and nothing else.")
@url_option
def reprice(job_id: str, betting: Any, player: int, sets: tuple[str, ...], as_json: bool, url: str | None) -> None:
    """Price other bets from a result's rounds by count, without playing again."""
    body: Json = {"player": player, "betting_strategy": betting}
    for assignment in sets:
        assign(body, f"betting_strategy.{assignment}")

    async def work(client: Client) -> None:
        priced = await Simulations(client).reprice(job_id, body)
        if as_json:
            print_json(priced)
        else:
            show_priced(result_console(), priced)

    call(url, work)


@click.command()
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@url_option
def defaults(rule: str | None, as_json: bool, url: str | None) -> None:
    """Show what a request may say: the default profiles and every rule, or one RULE with its synonyms."""

    async def work(client: Client) -> None:
        found = await Simulations(client).defaults()
        if as_json:
            print_json(found)
        elif rule is not None:
            _show_rule(found, rule)
        else:
            _show_defaults(found)

    call(url, work)


def _show_defaults(found: Json) -> None:
    console = result_console()
    table = plain_table("default profiles", "type", "names")
    for profile_type, names in _names_by_type(found).items():
        table.add_row(profile_type, ", ".join(names))
    console.print(table)
    table = plain_table("rules", "name", "expects", "default", "meaning")
    for each in found.get("rules") or []:
        table.add_row(
            *(Text(text) for text in (each["name"], _expected(each), _shown(each.get("default")), each["description"]))
        )
    console.print(table)


def _show_rule(found: Json, name: str) -> None:
    rules = {each["name"]: each for each in found.get("rules") or []}
    each = rules.get(name) or next((r for r in rules.values() if name in (r.get("synonyms") or [])), None)
    if each is None:
        raise Refused(f"there is no rule {name!r}; there are {', '.join(rules)}")
    click.echo(f"{each['name']}: {_expected(each)}, default {_shown(each.get('default'))}\n{each['description']}")
    if each.get("synonyms"):
        click.echo(f"also written: {', '.join(map(str, each['synonyms']))}")


def _names_by_type(found: Json) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for profile in found.get("profiles") or []:
        names.setdefault(str(profile["profile_type"]), []).append(str(profile["name"]))
    return names


def _expected(rule: Json) -> str:
    if choices := rule.get("choices"):
        return " | ".join(map(_shown, choices))
    bounds = [rule.get("minimum"), rule.get("maximum")]
    if any(bound is not None for bound in bounds):
        return f"{rule['type']}, {_shown(bounds[0])} to {_shown(bounds[1])}"
    return str(rule["type"])


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _ordered(simulation: Json) -> str:
    """What was ordered, in a few words."""
    request = simulation.get("request_data") or {}
    kind = str(simulation.get("kind") or "simulation")
    parts = [kind] if kind != "simulation" else []
    casino = request.get("casino", "six_deck_s17") if kind == "simulation" else None
    if casino is not None:
        parts.append(casino if isinstance(casino, str) else str(casino.get("name") or casino.get("parent") or "casino"))
    if request.get("num_rounds") is not None:
        parts.append(f"{count(request['num_rounds'])} rounds")
    if request.get("target_standard_error") is not None:
        parts.append(f"to a standard error of {request['target_standard_error']}")
    return " · ".join(parts)
