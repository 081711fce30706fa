"""From names and partial profiles to whole ones: the job's own, then the user's, then the defaults; parents below children."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from libs.blackjack.configuration import BettingStrategy, Casino, CountingSystem, Player, PlayingStrategy
from libs.blackjack.defaults import DEFAULTS, ProfileType
from libs.blackjack.profiles import betting, casino, counting, player, playing
from libs.blackjack.profiles.fields import Field, Layer, Members, merge, read_layer, said
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.source import Found, Source, nearest, shown, sound_json

__all__ = [
    "FIELDS",
    "PROFILE_TYPES",
    "WORDS",
    "Profiles",
    "Resolved",
    "UserProfile",
    "canonical",
    "casino_from",
    "chain_of",
    "flattened",
    "layer_of",
    "player_from",
    "resolve",
]

PROFILE_TYPES: tuple[ProfileType, ...] = get_args(ProfileType)
UNNAMED = "as given"

FIELDS: dict[ProfileType, tuple[Field, ...]] = {
    "casino": casino.FIELDS,
    "player": player.FIELDS,
    "playing_strategy": playing.FIELDS,
    "betting_strategy": betting.FIELDS,
    "counting_system": counting.FIELDS,
}
WORDS: dict[ProfileType, str] = {
    "casino": "A casino",
    "player": "A player",
    "playing_strategy": "A playing strategy",
    "betting_strategy": "A betting strategy",
    "counting_system": "A counting system",
}
_READERS: dict[ProfileType, Callable[[Source, str, Findings], Layer]] = {
    "playing_strategy": playing.layer_of,
    "betting_strategy": betting.layer_of,
}


class UserProfile(msgspec.Struct, frozen=True):
    """A profile that somebody keeps, as they wrote it."""

    profile_type: ProfileType
    name: str
    data: Any


class Profiles:
    """The profiles that names stand for: the job's, the user's own and the defaults, the first that has the name."""

    def __init__(self, own: Iterable[UserProfile] = ()) -> None:
        kept = {(profile.profile_type, _key(profile.name)): (profile.name, profile.data) for profile in own}
        self._job: dict[tuple[ProfileType, str], Source] = {}
        self._kept = kept
        self._read: dict[tuple[ProfileType, int, str], tuple[Any, Layer]] | None = None

    @classmethod
    def of_one_grid(cls) -> Profiles:
        """The defaults alone, remembering what was read of values that many tables share and nobody changes."""
        profiles = cls()
        profiles._read = {}
        return profiles

    def layer(self, kind: ProfileType, source: Source, findings: Findings) -> Layer:
        """What one profile says itself, read once where it is remembered."""
        if self._read is None:
            return layer_of(kind, source, findings)
        key = (kind, id(source.value), source.at)
        if key not in self._read:
            found = findings.count, len(findings.notes)
            layer = layer_of(kind, source, findings)
            if found != (findings.count, len(findings.notes)):
                return layer
            self._read[key] = (source.value, layer)  # keeps the value alive, so that its id stays its own
        return self._read[key][1]

    def with_job(self, job: dict[tuple[ProfileType, str], Source]) -> Profiles:
        """The same with the profiles that a job carries itself."""
        profiles = copy.copy(self)
        profiles._job = {(kind, _key(name)): source for (kind, name), source in job.items()}
        return profiles

    def find(self, kind: ProfileType, name: str, at: str, below: int = 0) -> tuple[int, str, Source] | None:
        """Where a name is known, from the level `below` on: the level, the name as it is kept, and what it stands for."""
        key = (kind, _key(name))
        if below <= 0 and key in self._job:
            return 0, name.strip(), self._job[key]
        if below <= 1 and key in self._kept:
            kept, data = self._kept[key]
            return 1, kept, Source(data, at, named=True)
        if below <= 2 and key[1] in DEFAULTS[kind]:
            return 2, key[1], Source(DEFAULTS[kind][key[1]], at, named=True)
        return None

    def names(self, kind: ProfileType) -> list[str]:
        return [
            *(name for (one, name) in self._job if one == kind),
            *(name for (one, _), (name, _) in self._kept.items() if one == kind),
            *DEFAULTS[kind],
        ]


def chain_of(kind: ProfileType, name: str) -> _Chain:
    """As if a profile of the user's own, of this name, were being resolved."""
    return ((1, kind, _key(name)),)


def _key(name: str) -> str:
    return name.strip().lower()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A profile with everything that it inherits, and what to call it."""

    layer: Layer
    name: str
    at: str


_Chain = tuple[tuple[int, ProfileType, str], ...]
"""The named profiles that are being resolved: level, type and name."""


def layer_of(kind: ProfileType, source: Source, findings: Findings) -> Layer:
    """What one profile says itself."""
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(source, WORDS[kind], findings)
    return read_layer(source, FIELDS[kind], WORDS[kind], findings)


def resolve(
    kind: ProfileType,
    source: Source,
    known: Profiles,
    findings: Findings,
    *,
    inherits: Resolved | None = None,
    chain: _Chain = (),
) -> Resolved | None:
    """The whole profile that a name or an object stands for, as far as it could be read; null where nothing is known of it.
    An object without a parent inherits from `inherits`."""
    if isinstance(source.value, str):
        return _named(kind, source, known, findings, chain)
    layer = known.layer(kind, source, findings)
    if not isinstance(source.value, dict):
        return None
    parent = inherits
    if "parent" in layer:
        parent = resolve(kind, layer["parent"].value, known, findings, chain=chain) if said(layer, "parent") else None
        if parent is None:
            return None
    own = {name: found for name, found in layer.items() if name != "parent"}
    name: str | None = said(own, "name") or None
    if parent is None and kind != "player" and name is not None and own.keys() == {"name"}:
        at = own["name"].at
        if known.find(kind, name, at, _below(kind, name, chain)) is not None:
            findings.note(at, f"Nothing but a name is said: the profile {shown(name)} was taken.")
            return _named(kind, Source(name, source.at, source.named), known, findings, chain)
    if parent is None:
        return Resolved(own, name or UNNAMED, source.at)
    changed = own.keys() - {"name", "description"}
    if name is None:
        name = parent.name if not changed or kind == "player" else f"{parent.name} (changed)"
    below = parent.layer
    if "bet_ramp" in own:  # the spread of another ramp says nothing of this one
        below = {field: found for field, found in below.items() if field != "bet_spread"}
    return Resolved(merge(below, own), name[:100], source.at)


def _below(kind: ProfileType, name: str, chain: _Chain) -> int:
    """The level from which on a name is looked up: a profile that names one like itself means the one that it hides."""
    return max((level + 1 for level, one, hiding in chain[-1:] if (one, hiding) == (kind, _key(name))), default=0)


def _named(kind: ProfileType, source: Source, known: Profiles, findings: Findings, chain: _Chain) -> Resolved | None:
    hit = known.find(kind, source.value, source.at, _below(kind, source.value, chain))
    if hit is None:
        what = WORDS[kind].split(" ", 1)[1]
        findings.problem(
            source.at, f"There is no {what} {shown(source.value)}{nearest(source.value, known.names(kind))}"
        )
        return None
    level, name, held = hit
    link = (level, kind, _key(name))
    if link in chain:
        circle = " -> ".join(one for _, _, one in (*chain[chain.index(link) :], link))
        findings.problem(
            source.at, f"Parents go round in a circle: {circle}; one of them without a parent is expected."
        )
        return None
    inside = findings if level == 0 else findings.inside(name)
    if level == 1 and not sound_json(held.value, source.at, unsound := Findings()):
        for problem in unsound.problems:
            inside.problem(source.at, problem.detail)
        return None
    resolved = resolve(kind, held, known, inside, chain=(*chain, link))
    return None if resolved is None else Resolved(resolved.layer, name, source.at)


# Whole profiles --------------------------------------------------------------------------------------------------------


def casino_from(resolved: Resolved) -> Casino | None:
    """The rules of a table; null where some could not be read."""
    return casino.casino_of(resolved.layer, resolved.name)


def player_from(resolved: Resolved, rules: Casino | None, known: Profiles, findings: Findings) -> Player | None:
    """A player with everything said, what the layer leaves open as in the default player; null where something is missing."""
    layer = resolved.layer
    parts: dict[str, Resolved | None] = {}
    for field, kind in player.STRATEGIES.items():
        default = Source(DEFAULTS["player"]["default"][field], resolved.at, named=True)
        source = said(layer, field) if field in layer else default
        parts[field] = resolve(kind, source, known, findings) if source is not None else None
    plays, bets, counts = (parts[field] for field in player.STRATEGIES)
    before = findings.count
    playing_strategy = playing.playing_of(plays.layer, plays.name, plays.at, rules, findings) if plays else None
    betting_strategy = betting.betting_of(bets.layer, bets.name, bets.at, findings) if bets else None
    counting_strategy = counting.counting_of(counts.layer, counts.name, counts.at, rules, findings) if counts else None
    if findings.count > before or playing_strategy is None or betting_strategy is None or counting_strategy is None:
        return None
    assert plays is not None
    assert counts is not None
    _note_idle(playing_strategy, betting_strategy, counting_strategy, rules, plays.at, counts.at, findings)
    return Player(
        name=resolved.name,
        bankroll=said(layer, "bankroll", default=1000.0),
        playing_strategy=playing_strategy,
        betting_strategy=betting_strategy,
        counting_strategy=counting_strategy,
    )


def _note_idle(
    plays: PlayingStrategy,
    bets: BettingStrategy,
    counts: CountingSystem,
    rules: Casino | None,
    plays_at: str,
    counts_at: str,
    findings: Findings,
) -> None:
    """Note what is said and can never come to anything."""
    if not counts.counts and len({step.bet for step in bets.bet_ramp}) > 1:
        findings.note(counts_at, f"`{counts.name}` counts nothing: every bet is the ramp's at a count of 0.")
    if not counts.counts and plays.index_plays:
        findings.note(counts_at, f"`{counts.name}` counts nothing: index plays are those at a count of 0.")
    if rules is not None and not (rules.allow_late_surrender or rules.allow_early_surrender):
        actions = {
            action
            for table in (plays.hard, plays.soft, plays.pairs)
            for row in table.values()
            for action in row.values()
        }
        if actions & {"R", "u"}:
            findings.note(
                plays_at, "No surrender is allowed here: R is a hit, u a stand, and either a split in `pairs`."
            )


# Profiles as JSON ------------------------------------------------------------------------------------------------------


def canonical(kind: ProfileType, layer: Layer) -> dict[str, Any]:
    """What a sound layer says, under the fields' own names; reading it again gives the same layer."""
    written: dict[str, Any] = {}
    for name, found in layer.items():
        match found:
            case Found(value=Source() as source):
                part = kind if name == "parent" else player.STRATEGIES[name]
                written[name] = source.value if isinstance(source.value, str) else _reread(part, source)
            case Found(value=steps) if name == "bet_ramp":
                written[name] = betting.ramp_json(steps)
            case Found(value=plays) if name == "index_plays":
                written[name] = [msgspec.to_builtins(play.value) for play in plays]
            case Found(value=value):
                written[name] = value
            case Members():
                written[name] = _members(found)
    return written


def _members(members: Members) -> dict[str, Any]:
    return {key: _members(one) if isinstance(one, Members) else one.value for key, one in members.items()}


def _reread(kind: ProfileType, source: Source) -> dict[str, Any]:
    return canonical(kind, layer_of(kind, source, Findings()))


def flattened(kind: ProfileType, resolved: Resolved, known: Profiles) -> dict[str, Any]:
    """A profile without problems as JSON that names no other."""
    if kind != "player":
        return canonical(kind, resolved.layer) | {"name": resolved.name}
    written: dict[str, Any] = {"name": resolved.name}
    if "bankroll" in resolved.layer:
        written["bankroll"] = resolved.layer["bankroll"].value
    for field, part in player.STRATEGIES.items():
        if field in resolved.layer:
            whole = resolve(part, resolved.layer[field].value, known, Findings())
            assert whole is not None
            written[field] = flattened(part, whole, known)
    return written
