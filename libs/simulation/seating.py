"""A casino and the players at its table, from what a request says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from libs.blackjack.configuration import Casino, Configuration, Player
from libs.blackjack.defaults import DEFAULTS, ProfileType
from libs.blackjack.money import betting_unit
from libs.blackjack.profiles.fields import Field, choice, read_layer, said, text
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.resolve import Profiles, Resolved, casino_from, flattened, layer_of, player_from, resolve
from libs.blackjack.profiles.source import Found, Source, shown

__all__ = ["PLAYERS_MAX", "Seating", "Terms", "carried_profiles", "configuration_of", "seat", "template_of"]

PLAYERS_MAX = 7
HANDS_MAX = {1: 2, 2: 4}
"""Hands that so few decks can serve; seven from three decks on."""
BANKROLL_UNITS_MAX = 10_000_000
"""A session's bankroll in betting units, so that the engine's integers hold the squares of whatever becomes of it."""
DEFAULT_CASINO = "six_deck_s17"
DEFAULT_PLAYER = "default"


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the whole table besides its rules."""

    mode: Literal["ev", "sessions"] = "ev"
    session_rounds: int = 1000
    win_goal: Found[float] | None = None


@dataclass(frozen=True, slots=True)
class Seating:
    """Everything resolved, nothing checked against each other yet."""

    casino: Resolved | None
    players: tuple[Resolved | None, ...]
    at: str
    """Where what there is of it stands."""


def carried_profiles(source: Source, findings: Findings) -> dict[tuple[ProfileType, str], Source]:
    """Profiles that a request carries under names of its own."""
    carried: dict[tuple[ProfileType, str], Source] = {}
    if not isinstance(source.value, list):
        findings.problem(source.at, f"An array of {{profile_type, name, data}} is expected, not {shown(source.value)}.")
        return carried
    for item in source.items():
        layer = read_layer(item, _CARRIED, "A profile", findings)
        for field in _CARRIED:
            if field.name not in layer:
                findings.problem(item.at, f"`{field.name}` is missing; profile_type, name and data are expected.")
        key = (said(layer, "profile_type"), said(layer, "name"))
        if None in key or "data" not in layer:
            continue
        if key in carried:
            findings.problem(item.at, f"There are two profiles {shown(key[1])} of this type; one is expected.")
        carried[key] = layer["data"].value
    return carried


_profile_type = choice(get_args(ProfileType), {"counting_strategy": "counting_system"})
_CARRIED = (
    Field("profile_type", "choice", _profile_type, "The type."),
    Field("name", "text", text(100), "The name."),
    Field("data", "profile", lambda source, _: Found(source, source.at), "The profile."),
)


def seat(
    casino: Source | None,
    players: Source | None,
    at: str,
    known: Profiles,
    findings: Findings,
    *,
    like: Seating | None = None,
) -> Seating:
    """Resolve a casino and players; what is missing is as in `like`, or the default. An object that names no parent
    inherits from its counterpart there."""
    if casino is not None:
        rules = resolve("casino", casino, known, findings, inherits=like.casino if like else None)
    elif like is not None:
        rules = like.casino
    else:
        rules = resolve("casino", Source(DEFAULT_CASINO, at, named=True), known, findings)
    if players is None and like is not None:
        return Seating(rules, like.players, casino.at if casino is not None else at)
    entries = players or Source([DEFAULT_PLAYER], at, named=True)
    if not isinstance(entries.value, list) or not 1 <= len(entries.value) <= PLAYERS_MAX:
        findings.problem(entries.at, f"An array of 1 to {PLAYERS_MAX} players is expected, not {shown(entries.value)}.")
        return Seating(rules, (), entries.at)
    default = Source(DEFAULTS["player"][DEFAULT_PLAYER], entries.at, named=True)
    usual = Resolved(layer_of("player", default, findings), DEFAULT_PLAYER, entries.at)
    seated = []
    for place, entry in enumerate(entries.items()):
        below = like.players[place] if like is not None and place < len(like.players) else usual
        seated.append(resolve("player", entry, known, findings, inherits=below))
    return Seating(rules, tuple(seated), entries.at)


def template_of(seating: Seating, terms: Terms, known: Profiles) -> dict[str, Any]:
    """The same, where it has no problems, as a request that names no other profile."""
    assert seating.casino is not None
    players = [flattened("player", player, known) for player in seating.players if player is not None]
    template: dict[str, Any] = {"casino": flattened("casino", seating.casino, known), "players": players}
    if terms.mode == "sessions":
        template |= {"mode": "sessions", "session_rounds": terms.session_rounds}
        template |= {} if terms.win_goal is None else {"win_goal": terms.win_goal.value}
    return template


def configuration_of(seating: Seating, terms: Terms, known: Profiles, findings: Findings) -> Configuration | None:
    """The table with nothing left open; null where it has problems."""
    before = findings.count
    casino = casino_from(seating.casino) if seating.casino is not None else None
    players = []
    for resolved in seating.players:
        player = player_from(resolved, casino, known, findings) if resolved is not None else None
        if player is not None and resolved is not None:
            players.append(player)
            if terms.mode == "sessions":
                _check_session(player, resolved, terms, findings)
    if casino is None or not players or len(players) < len(seating.players):
        return None
    _check_hands(players, casino, seating, findings)
    if findings.count > before:
        return None
    return Configuration(
        casino=casino,
        players=_distinct(players),
        mode=terms.mode,
        session_rounds=terms.session_rounds if terms.mode == "sessions" else 1000,
        win_goal=terms.win_goal.value if terms.win_goal and terms.mode == "sessions" else None,
    )


def _check_hands(players: Sequence[Player], casino: Casino, seating: Seating, findings: Findings) -> None:
    hands = sum(player.betting_strategy.num_hands for player in players)
    most = PLAYERS_MAX if casino.deck_count == "infinite" else HANDS_MAX.get(casino.deck_count, PLAYERS_MAX)
    if hands > most:
        decks = "" if most == PLAYERS_MAX else f" with {casino.deck_count} deck{'s' if casino.deck_count == 2 else ''}"
        findings.problem(seating.at, f"At most {most} hands in all are expected at a table{decks}, not {hands}.")


def _check_session(player: Player, resolved: Resolved, terms: Terms, findings: Findings) -> None:
    bankroll = resolved.layer.get("bankroll")
    at = bankroll.at if isinstance(bankroll, Found) else resolved.at
    least = player.betting_strategy.min_bet * player.betting_strategy.num_hands
    most = float(betting_unit(player.betting_strategy) * BANKROLL_UNITS_MAX)
    if player.bankroll < least:
        findings.problem(at, f"A bankroll of at least {least:g} is expected, so that the first bet can be made.")
    if player.bankroll > most:
        findings.problem(at, f"A bankroll of at most {most:,.2f} is expected in sessions with these bets.")
    if terms.win_goal is not None and terms.win_goal.value <= player.bankroll:
        findings.problem(
            terms.win_goal.at, f"A goal above the bankroll of every player, {player.bankroll:g}, is expected."
        )


def _distinct(players: Sequence[Player]) -> tuple[Player, ...]:
    """Players of one name get a number each, from the second on."""
    taken: set[str] = set()
    distinct = []
    for player in players:
        name, number = player.name, 1
        while name in taken:
            number += 1
            name = f"{player.name[:90]} {number}"
        taken.add(name)
        distinct.append(msgspec.structs.replace(player, name=name))
    return tuple(distinct)
