"""What simulations may say: the fields of requests and of every type of profile, and the profiles that everybody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from docs.generating.markdown import code, page, table
from libs.simulation.request import defaults
from libs.simulation.terms import RUN_FIELDS, TERMS_FIELDS

__all__ = ["simulation_page"]

_HEADS = ("Field", "Expects", "Default", "Meaning", "Also written", "As its opposite")
_TITLES = {
    "casino": "Casino",
    "player": "Player",
    "playing_strategy": "Playing strategy",
    "betting_strategy": "Betting strategy",
    "counting_system": "Counting system",
}


def simulation_page() -> str:
    """docs/reference/simulation.md"""
    found = defaults()
    sections: list[str] = []
    for kind, title in _TITLES.items():
        rules = [rule for rule in found["rules"] if rule["profile_type"] == kind]
        profiles = [profile for profile in found["profiles"] if profile["profile_type"] == kind]
        sections += [
            f"## {title}",
            table(_HEADS, _rows(rules)),
            table(("Default profile", ""), ((code(each["name"]), each["description"]) for each in profiles)),
        ]
    return page(
        "Simulation requests and profiles",
        "What they mean at the table is told in [How simulations work](../explanation/simulation.md), what results mean in "
        "[The numbers](../explanation/simulation-numbers.md). Names of fields are read in any case, with spaces or dashes for "
        "underscores. `GET /api/simulations/defaults/` gives the same as JSON.",
        "## Request",
        "A simulation has `casino` and `players`; a comparison `a` and `b`, each with those two; a sweep `base` with those two, and "
        "`axes`. `casino` and each of a player's strategies is a name or a whole profile. `profiles` is an array of "
        "`{profile_type, name, data}`: profiles under names of this request's own. Besides:",
        table(_HEADS[:5], _request_rows()),
        *sections,
    )


def _request_rows() -> Iterator[tuple[str, ...]]:
    for field in (*RUN_FIELDS, *TERMS_FIELDS):
        yield next(_rows([asdict(field)]))[:5]


def _rows(rules: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for rule in rules:
        yield (
            code(rule["name"]),
            _expected(rule),
            "" if rule.get("default") is None else code(_shown(rule["default"])),
            rule["description"],
            ", ".join(map(code, rule.get("synonyms") or ())),
            ", ".join(map(code, rule.get("opposites") or ())),
        )


def _expected(rule: Mapping[str, Any]) -> str:
    bounds = (rule.get("minimum"), rule.get("maximum"))
    span = f", {_shown(bounds[0])} to {_shown(bounds[1])}" if None not in bounds else ""
    choices = [code(_shown(each)) for each in rule.get("choices") or ()]
    if choices and not span:
        return ", ".join(choices)
    return ", ".join([f"{rule['type']}{span}", *choices])


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return f"{int(value):,}"
        case int() | float():
            return f"{value:,}"
        case _:
            return str(value)
