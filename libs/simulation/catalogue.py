"""What profiles there are by default, what their fields mean, and whether a profile can be kept."""

from __future__ import annotations

from typing import Any

import msgspec

from libs.blackjack.configuration import Casino
from libs.blackjack.defaults import DEFAULTS, ProfileType
from libs.blackjack.profiles import betting, counting, playing
from libs.blackjack.profiles.fields import Field
from libs.blackjack.profiles.findings import Findings, Note
from libs.blackjack.profiles.resolve import (
    FIELDS,
    PROFILE_TYPES,
    Profiles,
    Resolved,
    canonical,
    casino_from,
    chain_of,
    layer_of,
    player_from,
    resolve,
)
from libs.blackjack.profiles.source import Source, sound_json

__all__ = ["CheckedProfile", "check_profile", "defaults"]


class CheckedProfile(msgspec.Struct, frozen=True):
    """A profile that can be kept: what it says under the fields' own names, and how it was understood."""

    normalised: dict[str, Any]
    notes: tuple[Note, ...]


def check_profile(profile_type: ProfileType, data: Any, known: Profiles, name: str | None = None) -> CheckedProfile:
    """Check a profile with everything it inherits, to be kept under `name`. Raises `InvalidRequest` with every problem; places
    are inside `data`."""
    findings = Findings()
    if profile_type not in PROFILE_TYPES:
        findings.problem("", f"A profile type is expected, one of {', '.join(PROFILE_TYPES)}.")
    elif not isinstance(data, dict):
        findings.problem("", "A profile as an object is expected.")
    elif sound_json(data, "", findings):
        source = Source(data)
        chain = chain_of(profile_type, name) if name is not None else ()
        resolved = resolve(profile_type, source, known, findings, chain=chain)
        if resolved is not None:
            _whole(profile_type, resolved, None, known, findings)
    findings.raise_problems()
    return CheckedProfile(canonical(profile_type, layer_of(profile_type, source, Findings())), findings.notes)


def _whole(
    profile_type: ProfileType, resolved: Resolved, casino: Casino | None, known: Profiles, findings: Findings
) -> msgspec.Struct | None:
    match profile_type:
        case "casino":
            return casino_from(resolved)
        case "player":
            return player_from(resolved, casino, known, findings)
        case "playing_strategy":
            return playing.playing_of(resolved.layer, resolved.name, resolved.at, casino, findings)
        case "betting_strategy":
            return betting.betting_of(resolved.layer, resolved.name, resolved.at, findings)
        case "counting_system":
            return counting.counting_of(resolved.layer, resolved.name, resolved.at, casino, findings)


def defaults() -> dict[str, Any]:
    """`profiles`: every default with its data, and as it is played at a table of six decks. `rules`: every field of every
    type with what a form needs to offer it."""
    known = Profiles()
    profiles = []
    for profile_type, named in DEFAULTS.items():
        for name, data in named.items():
            findings = Findings()
            resolved = resolve(profile_type, Source(name), known, findings)
            whole = resolved and _whole(profile_type, resolved, Casino(), known, findings)
            findings.raise_problems()
            profiles.append(
                {
                    "profile_type": profile_type,
                    "name": name,
                    "description": data["description"],
                    "data": data,
                    "normalised": msgspec.json.decode(msgspec.json.encode(whole)),
                }
            )
    rules = [_rule(profile_type, field) for profile_type, fields in FIELDS.items() for field in fields]
    return {"profiles": profiles, "rules": rules}


def _rule(profile_type: ProfileType, field: Field) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "profile_type": profile_type,
        "name": field.name,
        "type": field.type,
        "default": field.default,
        "description": field.description,
    }
    if field.choices:
        rule["choices"] = list(field.choices)
    rule |= {
        name: value for name, value in (("minimum", field.minimum), ("maximum", field.maximum)) if value is not None
    }
    return rule | {"synonyms": list(field.synonyms), "opposites": list(field.opposites)}
