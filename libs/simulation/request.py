"""From a user's request to an order: names looked up, synonyms understood and noted, every mistake found with its place.

The reading of profiles is `libs.blackjack.profiles`; here it is put together for the three kinds of jobs.
"""

from __future__ import annotations

from typing import Any

from libs.blackjack.defaults import ProfileType
from libs.blackjack.profiles.fields import Field, Layer, choice, profile_or_name, read_layer, said
from libs.blackjack.profiles.findings import Findings, InvalidRequest, Note, Problem, pointer
from libs.blackjack.profiles.resolve import Profiles, UserProfile
from libs.blackjack.profiles.source import Found, Source, shown, sound_json
from libs.simulation.catalogue import CheckedProfile, check_profile, defaults
from libs.simulation.orders import (
    Axis,
    AxisValue,
    ComparisonOrder,
    Order,
    Run,
    SimulationOrder,
    SweepOrder,
    configuration_hash,
    describe,
    request_of,
)
from libs.simulation.seating import Seating, carried_profiles, configuration_of, seat, template_of
from libs.simulation.sweep import read_axes
from libs.simulation.terms import RUN_FIELDS, TERMS_FIELDS, run_of, terms_of

__all__ = [
    "KINDS",
    "Axis",
    "AxisValue",
    "CheckedProfile",
    "ComparisonOrder",
    "InvalidRequest",
    "Note",
    "Order",
    "Problem",
    "ProfileType",
    "Profiles",
    "Run",
    "SimulationOrder",
    "SweepOrder",
    "UserProfile",
    "check_profile",
    "configuration_hash",
    "defaults",
    "describe",
    "prepare",
    "request_of",
]

KINDS = ("simulation", "comparison", "sweep")


def _kept(source: Source, _: Findings) -> Any:
    return Found(source, source.at)


_TABLE: tuple[Field, ...] = (
    Field("casino", "profile", profile_or_name, "The rules.", default="six_deck_s17"),
    Field("players", "profile", _kept, "Who sits at the table."),
)
_COMMON: tuple[Field, ...] = (
    *RUN_FIELDS,
    *TERMS_FIELDS,
    Field("kind", "choice", choice(KINDS), "The kind of job."),
    Field("profiles", "table", _kept, "Profiles under names of this request's own."),
)
_FIELDS: dict[str, tuple[Field, ...]] = {
    "simulation": (*_TABLE, *_COMMON),
    "comparison": (Field("a", "profile", _kept, "A table."), Field("b", "profile", _kept, "Another."), *_COMMON),
    "sweep": (Field("base", "profile", _kept, "A table."), Field("axes", "table", _kept, "What varies."), *_COMMON),
}


def prepare(kind: str, request: Any, known: Profiles, seed: int) -> Order:
    """What a request comes to; `seed` counts where it names none. Raises `InvalidRequest` with every problem, and nothing else."""
    findings = Findings()
    if kind not in KINDS:
        findings.problem("", f"A kind of job is expected, one of {', '.join(KINDS)}.")
    elif not isinstance(request, dict):
        findings.problem("", f"A {kind} as an object is expected, not {shown(request)}.")
    else:
        sound_json(request, "", findings)
    findings.raise_problems()
    layer = read_layer(Source(request), _FIELDS[kind], f"A {kind}", findings)
    said = layer.get("kind")
    if isinstance(said, Found) and said.value != kind:
        findings.problem(said.at, f"`{kind}` is expected here, or nothing.")
    if "profiles" in layer:
        known = known.with_job(carried_profiles(layer["profiles"].value, findings))
    run = run_of(layer, "", seed, findings)
    order = _ORDERS[kind](request, layer, run, known, findings)
    findings.raise_problems()
    assert order is not None
    return order


def _simulation(given: Any, layer: Layer, run: Run, known: Profiles, findings: Findings) -> SimulationOrder | None:
    seating = seat(*_parts(layer), "", known, findings)
    configuration = configuration_of(seating, terms_of(layer), known, findings)
    if configuration is None:
        return None
    return SimulationOrder(given=given, run=run, notes=findings.notes, configuration=configuration)


def _comparison(given: Any, layer: Layer, run: Run, known: Profiles, findings: Findings) -> ComparisonOrder | None:
    for name in ("a", "b"):
        if name not in layer:
            findings.problem("", f"`{name}` is missing; a table with `casino` and `players` is expected.")
    first = _table(said(layer, "a"), known, findings)
    second = _table(said(layer, "b"), known, findings, like=first)
    one = configuration_of(first, terms_of(layer), known, findings)
    other = configuration_of(second, terms_of(layer), known, findings)
    if len(first.players) != len(second.players):
        findings.problem(
            pointer("", "b"),
            f"As many players as in `a`, {len(first.players)}, are expected, not {len(second.players)}.",
        )
    if one is None or other is None:
        return None
    return ComparisonOrder(given=given, run=run, notes=findings.notes, a=one, b=other)


def _sweep(given: Any, layer: Layer, run: Run, known: Profiles, findings: Findings) -> SweepOrder | None:
    terms = terms_of(layer)
    before = findings.count
    seating = _table(said(layer, "base"), known, findings)
    base = configuration_of(seating, terms, known, findings)
    if base is None or findings.count > before:
        return None
    template = template_of(seating, terms, known)
    axes = read_axes(said(layer, "axes"), template, known, findings, blocks=run.blocks)
    return SweepOrder(given=given, run=run, notes=findings.notes, base=base, axes=axes, template=template)


_ORDERS = {"simulation": _simulation, "comparison": _comparison, "sweep": _sweep}


def _parts(layer: Layer) -> tuple[Source | None, Source | None]:
    return said(layer, "casino"), said(layer, "players")


def _table(source: Source | None, known: Profiles, findings: Findings, *, like: Seating | None = None) -> Seating:
    """A table that stands as a part of the request; all of it is as usual, or as in `like`, where it is not there."""
    if source is None:
        return seat(None, None, "", known, findings, like=like)
    layer = read_layer(source, _TABLE, "A table", findings)
    return seat(*_parts(layer), source.at, known, findings, like=like)
