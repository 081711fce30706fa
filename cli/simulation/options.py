"""The options that orders of simulations share, and what they make of a request."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from cli.simulation.editing import Json, assign, named_or_file, rounds, share
from libs.blackjack.profiles.fields import spelling
from libs.simulation.terms import RUN_FIELDS, TERMS_FIELDS

__all__ = ["Output", "Table", "output_options", "run_options", "table_options", "with_run"]

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_ROUNDS = 100_000_000
_ENDS = ("num_rounds", "target_standard_error", "blocks")


class Table(NamedTuple):
    """Who plays by which rules, as far as options say; applied to what a file says."""

    casino: Any
    players: Sequence[Any]
    parts: Json
    sets: Sequence[str]

    @classmethod
    def taken(cls, options: Json) -> Table:
        """Out of what `table_options` parsed."""
        parts = {f"{part}_strategy": options.pop(part) for part in ("playing", "betting", "counting")}
        parts["bankroll"] = options.pop("bankroll")
        return cls(options.pop("casino"), options.pop("player"), parts, options.pop("set"))

    def applied(self, request: Json) -> Json:
        """A copy of the request with everything that options say in its place."""
        changed = copy.deepcopy(request)
        if self.casino is not None:
            changed["casino"] = self.casino
        if self.players:
            changed["players"] = [
                copy.deepcopy(player) if isinstance(player, dict) else {"parent": player} for player in self.players
            ]
        for name, part in self.parts.items():
            if part is not None:
                for player in _players(changed):
                    player[name] = copy.deepcopy(part)
        for assignment in self.sets:
            assign(changed, assignment)
        return changed


class Output(NamedTuple):
    """What is wanted of the result."""

    watch: bool
    json: bool
    html: Path | None
    csv: Path | None
    counts: bool
    outcomes: bool

    @classmethod
    def taken(cls, options: Json) -> Output:
        """Out of what `output_options` parsed."""
        output = cls(**{name: options.pop(name) for name in cls._fields})
        if not output.watch and (output.html or output.csv):
            raise click.UsageError("there is nothing to write yet: leave out --no-watch, or use `simulate show` later")
        return output


def table_options(command: Command) -> Command:
    """--casino, --player, ..., --set"""
    return _with(
        command,
        click.option("--casino", type=named_or_file, metavar="NAME|FILE", help="Default six_deck_s17."),
        click.option(
            "--player",
            type=named_or_file,
            metavar="NAME|FILE",
            multiple=True,
            help="Who plays; repeated: several at one table.",
        ),
        click.option(
            "--playing",
            type=named_or_file,
            metavar="NAME|FILE",
            help="The playing strategy of every player, as `basic`.",
        ),
        click.option(
            "--betting",
            type=named_or_file,
            metavar="NAME|FILE",
            help="The betting strategy of every player, as `spread_1_12`.",
        ),
        click.option(
            "--counting",
            type=named_or_file,
            metavar="NAME|FILE",
            help="The counting system of every player, as `hi_lo`.",
        ),
        click.option("--bankroll", type=float, help="What every player starts with."),
        click.option(
            "--set", multiple=True, metavar="PATH=VALUE", help="One value, as casino.hit_on_soft_17=true; repeatable."
        ),
    )


def run_options(command: Command) -> Command:
    """--rounds, --target-se, --seed, ...: how long and how."""
    return _with(
        command,
        click.option(
            "--rounds", type=rounds, metavar="COUNT", help="As 1e9 or 500M. Default 100M where nothing else ends it."
        ),
        click.option(
            "--target-se", type=share, metavar="SHARE", help="End at this standard error of the EV, as 1e-4 or 0.01%."
        ),
        click.option("--seed", type=click.IntRange(0, 2**53 - 1), help="The same seed deals the same cards."),
        click.option(
            "--mode", type=click.Choice(["ev", "sessions"]), help="Endless money, or sessions to ruin or goal."
        ),
        click.option("--session-rounds", type=rounds, metavar="COUNT", help="The length of a session."),
        click.option("--win-goal", type=float, help="Leave a session with this bankroll."),
        click.option("--history/--no-history", default=None, help="Keep the first hands in the result."),
    )


def output_options(command: Command) -> Command:
    """--watch, --json, --html, --csv, ...: what to show and to write."""
    return _with(
        command,
        click.option("--watch/--no-watch", default=True, help="Wait for the result, or print the job's id and leave."),
        click.option("--json", is_flag=True, help="Print the result as JSON, and nothing else."),
        click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report with plots."),
        click.option(
            "--csv", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables for a spreadsheet."
        ),
        click.option("--counts", is_flag=True, help="Also a table by count."),
        click.option("--outcomes", is_flag=True, help="Also how hands ended."),
    )


def with_run(request: Json, options: Json) -> Json:
    """A copy of the request with what `run_options` parsed, in whichever spelling it was there before; a length that is left
    open is filled in."""
    names = {
        "rounds": "num_rounds",
        "target_se": "target_standard_error",
        "seed": "seed",
        "mode": "mode",
        "session_rounds": "session_rounds",
        "win_goal": "win_goal",
        "history": "include_hand_history",
    }
    fields = {field: options.pop(option) for option, field in names.items()}
    fields = {field: given for field, given in fields.items() if given is not None}
    given = {_field_of(name) for name, part in request.items() if part is not None}
    if not any(name in fields or name in given for name in _ENDS):
        fields["num_rounds"] = DEFAULT_ROUNDS
    return {name: part for name, part in request.items() if _field_of(name) not in fields} | fields


def _field_of(name: str) -> str:
    """The field that a request's member is read as, the gateway's own synonyms included."""
    meant = spelling(name)
    for field in (*RUN_FIELDS, *TERMS_FIELDS):
        if meant in {spelling(one) for one in (field.name, *field.synonyms)}:
            return field.name
    return name


def _players(request: Json) -> list[Json]:
    """The request's players as objects; the default one where there is none."""
    found = request.setdefault("players", [{}])
    if not isinstance(found, list):
        raise click.UsageError("/players is no array")
    found[:] = [{"parent": player} if isinstance(player, str) else player for player in found]
    return [player for player in found if isinstance(player, dict)]


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
