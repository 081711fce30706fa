"""Reading a counting system."""

from __future__ import annotations

from typing import Any

from libs.blackjack.configuration import RANKS, Casino, CountingSystem, Rank
from libs.blackjack.profiles.fields import (
    DESCRIPTION,
    NAME,
    PARENT,
    UNREAD,
    Field,
    Layer,
    Members,
    choice,
    number,
    plain,
    read_layer,
    said,
)
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.playing import rank_of
from libs.blackjack.profiles.source import Found, Source, shown

__all__ = ["FIELDS", "counting_of", "layer_of"]

RUNNING_COUNT_MAX = 100
_value = number(-4, 4, "A card's value", step="0.25")
METHODS = ("floor", "truncate", "round")
ESTIMATIONS = ("exact", "half", "full")


def _values(source: Source, findings: Findings) -> Any:
    if not isinstance(source.value, dict):
        findings.problem(
            source.at, f'An object with a value for each of "2" to "10" and "A" is expected, not {shown(source.value)}.'
        )
        return UNREAD
    values: dict[str, Any] = {}
    for key, member in source.members():
        rank = rank_of(key)
        if rank is None:
            findings.problem(member.at, f'A rank from "2" to "10" or "A" is expected, not {shown(key)}.')
            continue
        value = _value(member, findings)
        if rank in values and UNREAD not in (value, values[rank]) and plain(values[rank]) != plain(value):
            findings.problem(
                member.at, f"{shown(key)} contradicts another value for {rank}; tens and pictures count the same."
            )
        else:
            values[rank] = value
            if rank != key:
                findings.note(member.at, f"{shown(key)} was read as {rank}.")
    return Members(values, source.at)


FIELDS: tuple[Field, ...] = (
    NAME,
    DESCRIPTION,
    PARENT,
    Field(
        "count_values",
        "table",
        _values,
        'What each card adds to the running count, "2" to "10" and "A".',
        minimum=-4,
        maximum=4,
        synonyms=("values", "card_values", "tags", "counts"),
    ),
    Field(
        "true_count_method",
        "choice",
        choice(
            METHODS,
            {"floored": "floor", "truncated": "truncate", "trunc": "truncate", "rounded": "round", "flooring": "floor"},
        ),
        "How a count becomes a whole number; `round` takes halves away from zero.",
        default="floor",
        choices=METHODS,
    ),
    Field(
        "deck_estimation",
        "choice",
        choice(
            ESTIMATIONS,
            {"half_deck": "half", "half_decks": "half", "full_deck": "full", "full_decks": "full", "card": "exact"},
        ),
        "What the running count is divided by: unseen decks to the card, or rounded to half or full decks.",
        default="exact",
        choices=ESTIMATIONS,
    ),
    Field(
        "decision_count_type",
        "choice",
        choice(("true", "running"), {"true_count": "true", "running_count": "running"}),
        "The count that bets and index plays go by.",
        default="true",
        choices=("true", "running"),
    ),
    Field(
        "initial_running_count",
        "number",
        number(-RUNNING_COUNT_MAX, RUNNING_COUNT_MAX, "A count", step="0.25"),
        "The running count of a full shoe.",
        default=0.0,
        minimum=-RUNNING_COUNT_MAX,
        maximum=RUNNING_COUNT_MAX,
        synonyms=("irc", "initial_count"),
    ),
    Field(
        "initial_running_count_per_deck",
        "number",
        number(-8, 8, "A count", step="0.25"),
        "Added to the running count of a full shoe for each deck; unbalanced systems start at a number of decks' own count.",
        default=0.0,
        minimum=-8,
        maximum=8,
        synonyms=("irc_per_deck",),
    ),
)


def layer_of(source: Source, what: str, findings: Findings) -> Layer:
    return read_layer(source, FIELDS, what, findings)


def counting_of(layer: Layer, name: str, at: str, casino: Casino | None, findings: Findings) -> CountingSystem | None:
    """The system that a merged layer says; null where it has problems."""
    values = layer.get("count_values")
    if values is None:
        findings.problem(at, 'A counting system with `count_values` for "2" to "10" and "A" is expected.')
    if not isinstance(values, Members):
        return None
    for rank in RANKS:
        if rank not in values:
            findings.problem(
                values.at, f"`count_values` says nothing of {rank}; 0 is expected where it does not count."
            )
    ranks: dict[Rank, float] = {rank: values[rank].value for rank in RANKS if isinstance(values.get(rank), Found)}
    if len(ranks) < len(RANKS) or UNREAD in layer.values():
        return None
    more = {field: plain(found) for field, found in layer.items() if field not in _APART}
    decks = (casino or Casino()).deck_count
    start = said(layer, "initial_running_count", default=0.0)
    start += said(layer, "initial_running_count_per_deck", default=0.0) * (0 if decks == "infinite" else decks)
    # With an endless shoe nothing is counted, so that there is nothing to start from either.
    return CountingSystem(
        name=name, count_values=ranks, initial_running_count=0.0 if decks == "infinite" else start, **more
    )


_APART = {"name", "description", "parent", "count_values", "initial_running_count", "initial_running_count_per_deck"}
