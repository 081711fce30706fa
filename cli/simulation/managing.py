"""`simulate list`, `show`, `stop`, `rerun`, `reprice` and `defaults`: what can be done with simulations that exist."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import click

from cli.calling import END_STATES, call, job_argument, url_option
from cli.client import Client, Refused
from cli.simulation.api import ASK_AGAIN_SECONDS, Simulations
from cli.simulation.delivering import deliver, print_json, show_finished
from cli.simulation.editing import assign, named_or_file
from cli.simulation.following import detached
from cli.simulation.options import Output, output_options
from cli.simulation.tables import line_of, plain_table, result_console, show_hands, show_priced
from libs.jobs.state import Status

__all__ = ["defaults", "listing", "reprice", "rerun", "show", "stop"]

Json = dict[str, Any]

STOP_SECONDS = 10.0


@click.command("list")
@click.option(
    "--status", type=click.Choice([each.value for each in Status]), default=None, help="Only those in this status."
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--results", is_flag=True, help="Also how many rounds were played and the EVs; reads every result.")
@url_option
def listing(status: str | None, limit: int, results: bool, url: str | None) -> None:
    """List your simulations, the newest first: id, status, when it was ordered, what."""

    async def work(client: Client) -> None:
        found = await Simulations(client).list(status=status or "", limit=limit, results=results)
        for each in found:
            click.echo(line_of(each))
        if not found:
            click.echo("none", err=True)

    call(url, work)


@click.command()
@job_argument
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
@job_argument
@url_option
def stop(job_id: str, url: str | None) -> None:
    """End a running simulation with what it has: the result counts the rounds so far."""

    async def work(client: Client) -> None:
        if (ended := await _stopped(Simulations(client), job_id)) is not None:
            raise Refused(f"it has already ended: it is {ended}. See it:  jobstream simulate show {job_id}")
        click.echo(f"It ends with what it has. See it:  jobstream simulate show {job_id}", err=True)

    call(url, work)


async def _stopped(simulations: Simulations, job_id: str) -> str | None:
    """Stop a simulation, also one that was just created: until a runner has it, nobody listens. The status of one that had
    ended before. Raises `Refused`."""
    patience = time.monotonic() + STOP_SECONDS
    while True:
        try:
            await simulations.stop(job_id)
        except Refused as refusal:
            if refusal.code != "nobody_waits":
                raise
            status = str((await simulations.get(job_id))["status"])
            if status in END_STATES:
                return status
            if time.monotonic() > patience:
                hint = f"See how far it is:  jobstream watch {job_id}"
                raise Refused(f"it is being stopped already, or no runner has begun it yet. {hint}") from None
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        else:
            return None


@click.command()
@job_argument
@output_options
@url_option
def rerun(job_id: str, url: str | None, **options: Any) -> None:
    """Run a finished simulation again and compare the digests; exit status 1 where they differ."""
    output = Output.taken(options)
    made: list[str] = []

    async def work(client: Client) -> int:
        simulations = Simulations(client)
        before = await simulations.get(job_id)
        if not (digests := _digests(before.get("result_data") or {})):
            raise Refused(_why_not_again(before, job_id))
        created = await simulations.rerun(job_id)
        made.append(str(created["job_id"]))
        status = await deliver(client, created, output)
        if status or not output.watch:
            return status
        old, new = ((each.get("result_data") or {}) for each in (before, await simulations.get(made[0])))
        same = digests == _digests(new)
        engines = [str(each.get("engine_version")) for each in (old, new)]
        because = "" if engines[0] == engines[1] else f": it was engine {engines[0]} then, and is {engines[1]} now"
        click.echo("The digest is the same." if same else f"The digest differs{because}.", err=True)
        return 0 if same else 1

    sys.exit(call(url, work, interrupted=lambda: click.echo(detached(made[0]), err=True) if made else None))


def _why_not_again(simulation: Json, job_id: str) -> str:
    """What to do about a simulation without a result that a rerun could be compared with."""
    status = str(simulation.get("status"))
    ways = {
        "done": "order it anew:  jobstream simulate",
        "failed": f"try it once more:  jobstream retry {job_id}",
        "cancelled": f"go on with it:  jobstream retry {job_id}",
    }
    way = ways.get(status, f"wait for its end first:  jobstream watch {job_id}")
    return f"the simulation is {status} and has no result to compare with; {way}"


def _digests(result: Json) -> list[str]:
    """A result's own, or those of a sweep's cells."""
    found = [result.get("digest"), *(cell.get("digest") for cell in result.get("cells") or [])]
    return [str(digest) for digest in found if digest]


@click.command()
@job_argument
@click.option(
    "--betting", type=named_or_file, metavar="NAME|FILE", required=True, help="The betting strategy to price."
)
@click.option(
    "--player", type=click.IntRange(0), default=0, show_default=True, help="Whose rounds; 0 is the first player."
)
@click.option("--bankroll", type=float, help="For the risk of ruin; default: the player's.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="One value of the strategy, as min_bet=10.")
@click.option("--counts", is_flag=True, help="Also a table by count.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, and nothing else.")
@url_option
def reprice(
    job_id: str,
    betting: Any,
    player: int,
    bankroll: float | None,
    sets: tuple[str, ...],
    counts: bool,
    as_json: bool,
    url: str | None,
) -> None:
    """Price other bets from a result's rounds by count, without playing again."""
    body: Json = {"player": player, "betting_strategy": betting}
    if bankroll is not None:
        body["bankroll"] = bankroll
    for assignment in sets:
        assign(body, f"betting_strategy.{assignment}")

    async def work(client: Client) -> None:
        priced = await Simulations(client).reprice(job_id, body)
        if as_json:
            print_json(priced)
        else:
            show_priced(result_console(), priced, job_id, counts=counts)

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
    table = plain_table("default profiles", "type", "name", "")
    for profile in found.get("profiles") or []:
        table.add_row(profile["profile_type"], profile["name"], profile.get("description") or "")
    console.print(table)
    rules = found.get("rules") or []
    for profile_type in dict.fromkeys(str(rule.get("profile_type") or "") for rule in rules):
        table = plain_table(f"{profile_type}: what it may say", "name", "expects", "default", "meaning")
        for each in rules:
            if str(each.get("profile_type") or "") == profile_type:
                table.add_row(each["name"], _expected(each), _shown(each.get("default")), each["description"])
        console.print(table)


def _show_rule(found: Json, name: str) -> None:
    """A rule by its name or a synonym; a name that several types have is told for each."""
    rules = found.get("rules") or []
    hits = [each for each in rules if name == each["name"] or name in (each.get("synonyms") or [])]
    hits += [each for each in rules if name in (each.get("opposites") or [])]
    if not hits:
        raise Refused(
            f"there is no rule {name!r}; there are {', '.join(dict.fromkeys(each['name'] for each in rules))}"
        )
    for each in hits:
        kind = f" ({each['profile_type']})" if each.get("profile_type") else ""
        click.echo(f"{each['name']}{kind}: {_expected(each)}, default {_shown(each.get('default'))}")
        click.echo(each["description"])
        for label, field in (("also written", "synonyms"), ("its opposite", "opposites")):
            if each.get(field):
                click.echo(f"{label}: {', '.join(map(str, each[field]))}")


def _expected(rule: Json) -> str:
    bounds = [rule.get("minimum"), rule.get("maximum")]
    expected = [_shown(choice) for choice in rule.get("choices") or ()]
    if any(bound is not None for bound in bounds):
        expected = [f"{rule['type']}, {_shown(bounds[0])} to {_shown(bounds[1])}", *expected]
    return " | ".join(expected) or str(rule["type"])


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
