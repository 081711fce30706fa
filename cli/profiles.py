"""`profiles`: casinos, players, strategies and counting systems of one's own, and the default ones to start from."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from cli.calling import call, url_option
from cli.client import Client, Refused
from cli.simulation.api import Profiles
from cli.simulation.delivering import print_json
from cli.simulation.editing import assign, named_or_file

__all__ = ["profiles"]

Json = dict[str, Any]

TYPES = ("casino", "player", "playing_strategy", "betting_strategy", "counting_system")

_type_option = click.option("--type", "profile_type", type=click.Choice(TYPES), help="Where a name stands for several.")
_sets_option = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="One value, as DAS=false; repeatable."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")


@click.group()
def profiles() -> None:
    """Casinos, players, strategies and counting systems of your own.

    A profile is called by its name or its id. Default profiles can be shown and copied, not changed.
    """


@profiles.command("list")
@click.option("--type", "profile_type", type=click.Choice(TYPES), help="Only these.")
@_json_option
@url_option
def listing(profile_type: str | None, as_json: bool, url: str | None) -> None:
    """List your profiles."""

    async def work(client: Client) -> None:
        _print(await Profiles(client).list(profile_type), as_json, default=False)

    call(url, work)


@profiles.command()
@click.option("--type", "profile_type", type=click.Choice(TYPES), help="Only these.")
@_json_option
@url_option
def defaults(profile_type: str | None, as_json: bool, url: str | None) -> None:
    """List the default profiles, which everybody has."""

    async def work(client: Client) -> None:
        _print(await Profiles(client).list(profile_type), as_json, default=True)

    call(url, work)


@profiles.command()
@click.argument("profile")
@_type_option
@url_option
def show(profile: str, profile_type: str | None, url: str | None) -> None:
    """Print a profile's data as JSON, ready for `create` and for request files."""

    async def work(client: Client) -> None:
        print_json((await _found(client, profile, profile_type))["data"])

    call(url, work)


@profiles.command()
@click.argument("profile_type", metavar="TYPE", type=click.Choice(TYPES))
@click.argument("name")
@click.argument("data", type=named_or_file, required=False)
@_sets_option
@_json_option
@url_option
def create(profile_type: str, name: str, data: Any, sets: tuple[str, ...], as_json: bool, url: str | None) -> None:
    """Create a profile from a JSON file, from - for standard input, or as a child of the profile called DATA.

    TYPE is casino, player, playing_strategy, betting_strategy or counting_system.
    """
    body = {"profile_type": profile_type, "name": name, "data": _edited(_document(data), sets)}

    async def work(client: Client) -> None:
        with _places_in_data():
            _made(await Profiles(client).create(body), as_json)

    call(url, work)


@profiles.command()
@click.argument("profile")
@click.argument("data", type=named_or_file, required=False)
@_sets_option
@click.option("--replace", is_flag=True, help="Put DATA in the place of everything, instead of merging it.")
@_type_option
@_json_option
@url_option
def update(
    profile: str,
    data: Any,
    sets: tuple[str, ...],
    replace: bool,
    profile_type: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Change a profile of yours by a JSON file, by single values, or both."""
    if data is None and not sets:
        raise click.UsageError("nothing changes: give a file, or --set PATH=VALUE")
    if replace and data is None:
        raise click.UsageError("--replace needs a file")
    changes = _edited(_document(data), () if replace else sets)

    async def work(client: Client) -> None:
        found = await _found(client, profile, profile_type)
        whole = _edited(changes, sets) if replace else changes
        with _places_in_data():
            _made(await Profiles(client).update(str(found["id"]), whole, replace=replace), as_json)

    call(url, work)


@profiles.command()
@click.argument("profile")
@click.argument("name")
@_type_option
@_sets_option
@_json_option
@url_option
def copy(
    profile: str, name: str, profile_type: str | None, sets: tuple[str, ...], as_json: bool, url: str | None
) -> None:
    """Copy a profile, a default one or yours, under a NAME of its own."""

    async def work(client: Client) -> None:
        found = await _found(client, profile, profile_type)
        body = {"profile_type": found["profile_type"], "name": name, "data": _edited(dict(found["data"]), sets)}
        with _places_in_data():
            _made(await Profiles(client).create(body), as_json)

    call(url, work)


@profiles.command()
@click.argument("profile")
@_type_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@url_option
def delete(profile: str, profile_type: str | None, yes: bool, url: str | None) -> None:
    """Delete a profile of yours. Results that were made with it keep their copy."""

    async def work(client: Client) -> Json:
        return await _found(client, profile, profile_type)

    found = call(url, work)
    if not yes and not click.confirm(f"Delete the {found['profile_type']} {found['name']}?", err=True):
        sys.exit(1)

    async def end(client: Client) -> None:
        await Profiles(client).delete(str(found["id"]))
        click.echo(f"deleted {found['name']}", err=True)

    call(url, end)


async def _found(client: Client, profile: str, profile_type: str | None) -> Json:
    """The one profile of that name or id; one's own comes before a default one of the same type. Raises `Refused`."""
    every = await Profiles(client).list(profile_type)
    if same_id := [each for each in every if each["id"] == profile]:
        return same_id[0]
    by_type: dict[str, Json] = {}
    for each in every:
        if each["name"] == profile and (each["profile_type"] not in by_type or not _is_default(each)):
            by_type[each["profile_type"]] = each
    if not by_type:
        raise Refused(
            f"there is no profile called {profile!r}; see `jobstream profiles list` and `jobstream profiles defaults`"
        )
    if len(by_type) > 1:
        raise Refused(f"{profile!r} is the name of a {' and of a '.join(by_type)}: say which with --type")
    return next(iter(by_type.values()))


def _is_default(profile: Json) -> bool:
    return bool(profile.get("default"))


def _document(data: Any) -> Json:
    if isinstance(data, str):
        return {"parent": data}
    if data is not None and not isinstance(data, dict):
        raise click.UsageError("a profile is a JSON object")
    return dict(data or {})


def _edited(data: Json, sets: Iterable[str]) -> Json:
    for assignment in sets:
        assign(data, assignment)
    return data


@contextmanager
def _places_in_data() -> Iterator[None]:
    """Let a refusal name places in what the person wrote, which a request holds as its `data`."""
    try:
        yield
    except Refused as refusal:
        faults = tuple((_place_in_data(place), reason) for place, reason in refusal.faults)
        raise Refused(refusal.detail, refusal.code, refusal.status, faults) from None


def _place_in_data(place: str) -> str:
    return (place.removeprefix("/data") or "/") if place == "/data" or place.startswith("/data/") else place or "/"


def _print(found: list[Json], as_json: bool, *, default: bool) -> None:
    chosen = [each for each in found if _is_default(each) == default]
    chosen.sort(key=lambda each: (TYPES.index(each["profile_type"]), each["name"]))
    if as_json:
        print_json(chosen)
        return
    for each in chosen:
        about = str((each.get("data") or {}).get("description") or "")
        click.echo(f"{each['name']:<24} {each['profile_type']:<17} {each['id']}  {about}".rstrip())


def _made(profile: Json, as_json: bool) -> None:
    for note in profile.get("notes") or []:
        click.echo(f"{_place_in_data(note.get('pointer') or '')}: {note.get('detail')}", err=True)
    if as_json:
        print_json(profile)
    else:
        click.echo(profile["id"])
