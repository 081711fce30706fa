"""Reading a betting strategy: what a ramp's numbers mean is said, or noted, and never guessed."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from libs.blackjack.configuration import BettingStrategy, RampStep
from libs.blackjack.money import COUNT_MAX, betting_unit
from libs.blackjack.profiles.fields import (
    DESCRIPTION,
    NAME,
    PARENT,
    UNREAD,
    Field,
    Layer,
    choice,
    integer,
    number,
    read_layer,
    said,
    spelling,
    whole,
)
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.source import Found, Source, shown

__all__ = ["BET_MAX", "FIELDS", "betting_of", "layer_of", "ramp_json"]

BET_MAX = 1_000_000
UNITS_MAX = 10_000
"""The highest bet in betting units: integers of the engine hold the sums of everything below."""

_RAMP_NAMES = ("bet_ramp", "ramp", "bets")
_LOWEST = {"-infinity", "_infinity", "-inf", "_inf", "-∞", "_∞"}
_Step = tuple[int | None, float, str]
"""Count, bet, and where the step was written."""
_COUNT_NAMES = ("from_count", "count_threshold", "threshold", "true_count", "count")
_UNIT_NAMES = ("bet_multiplier", "multiplier", "units")
_MONEY_NAMES = ("bet", "amount", "money")


def _count(source: Source, findings: Findings) -> Any:
    value = source.value
    if value is None or (isinstance(value, str) and spelling(value) in _LOWEST):
        return Found(None, source.at)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,4}\s*", value):
        value = int(value)
    count = whole(value)
    if count is None or not -COUNT_MAX <= count <= COUNT_MAX:
        findings.problem(
            source.at,
            f'A whole count from -{COUNT_MAX} to {COUNT_MAX}, or "-Infinity" for all below, is expected, not {shown(value)}.',
        )
        return UNREAD
    return Found(count, source.at)


_amount = number(0, BET_MAX, "A bet")
_STEP_FIELDS = (
    Field("from_count", "integer", _count, "From this count upwards.", synonyms=_COUNT_NAMES[1:]),
    Field("bet", "number", _amount, "In money.", synonyms=_MONEY_NAMES[1:]),
    Field("bet_multiplier", "number", _amount, "In units of `min_bet`.", synonyms=_UNIT_NAMES[1:]),
)


def _ramp(source: Source, findings: Findings) -> Any:
    """Steps as a tuple of (count, bet, place); every problem of the ramp itself is found here."""
    if isinstance(source.value, dict):
        steps = [
            (_count(Source(key, step.at), findings), _amount(step, findings), step.at) for key, step in source.members()
        ]
    elif isinstance(source.value, list):
        steps = [step for item in source.items() if (step := _step(item, findings)) is not None]
    else:
        findings.problem(
            source.at,
            "Bets by count are expected, as an object of count and bet or an array of {count_threshold, bet_multiplier}, "
            f"not {shown(source.value)}.",
        )
        return UNREAD
    found: dict[int | None, tuple[Any, str]] = {}
    sound = len(steps) == len(source.value)
    for count, bet, at in steps:
        if count is UNREAD or bet is UNREAD:
            sound = False
        elif count.value in found:
            findings.problem(
                at, f"The count {_named(count.value)} has a bet already; one step for each count is expected."
            )
            sound = False
        else:
            found[count.value] = (bet.value, at)
    if sound and None not in found:
        findings.problem(
            source.at,
            'The ramp does not cover all counts; a step "-Infinity" for everything below the others is expected.',
        )
        sound = False
    if not sound:
        return UNREAD
    ordered = sorted(found.items(), key=lambda step: -math.inf if step[0] is None else step[0])
    return Found(tuple((count, bet, at) for count, (bet, at) in ordered), source.at)


def _step(source: Source, findings: Findings) -> tuple[Any, Any, str] | None:
    before = findings.count
    layer = read_layer(source, _STEP_FIELDS, "A step of the ramp", findings.without_notes())
    if findings.count > before:
        return None
    bet = layer.get("bet", layer.get("bet_multiplier"))
    if "from_count" not in layer or bet is None or ("bet" in layer and "bet_multiplier" in layer):
        findings.problem(
            source.at, "A step of the ramp with `from_count` and one of `bet` and `bet_multiplier` is expected."
        )
        return None
    return layer["from_count"], bet, source.at


def _named(count: int | None) -> str:
    return "-Infinity" if count is None else str(count)


def _spread(source: Source, findings: Findings) -> Any:
    value = source.value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*1\s*(?:-|:|to)\s*(\d{1,5}(?:\.\d+)?)\s*", value)
        value = float(match[1]) if match else value
    return number(1, UNITS_MAX, "A spread, the highest bet over the lowest,")(
        Source(value, source.at, source.named), findings
    )


FIELDS: tuple[Field, ...] = (
    NAME,
    DESCRIPTION,
    PARENT,
    Field(
        "min_bet",
        "number",
        number(0.01, BET_MAX, "An amount of money", step="0.01"),
        "The table's minimum in money, and the unit of bets that are given in units.",
        default=1.0,
        minimum=0.01,
        maximum=BET_MAX,
        synonyms=("minimum_bet", "base_bet"),
    ),
    Field(
        "bet_unit",
        "choice",
        choice(("units", "money"), {"unit": "units", "multiplier": "units", "amount": "money", "cash": "money"}),
        "What the ramp's numbers mean: multiples of `min_bet`, or money.",
        default="units",
        choices=("units", "money"),
    ),
    Field(
        "bet_ramp",
        "table",
        _ramp,
        'Bets by count: {"-Infinity": 1, "2": 4}, or an array of {count_threshold, bet_multiplier}; a bet of 0 sits out. '
        "Without a ramp the bet is always `min_bet`.",
        synonyms=_RAMP_NAMES[1:],
    ),
    Field(
        "bet_spread",
        "number",
        _spread,
        "The highest bet over the lowest, for people; a ramp that goes beyond it is refused.",
        minimum=1,
        maximum=UNITS_MAX,
        synonyms=("spread",),
    ),
    Field(
        "num_hands",
        "integer",
        integer(1, 3, "A number of hands"),
        "Hands played at once, each with the bet of the count.",
        default=1,
        minimum=1,
        maximum=3,
        synonyms=("hands", "number_of_hands", "spots"),
    ),
)


def layer_of(source: Source, what: str, findings: Findings) -> Layer:
    """A layer in which the names of a ramp's numbers have become its `bet_unit`, where it says none."""
    layer = read_layer(source, FIELDS, what, findings)
    members = source.members() if isinstance(source.value, dict) else ()
    ramp = next((member for key, member in members if spelling(key) in _RAMP_NAMES), None)
    if ramp is not None and isinstance(ramp.value, list) and said(layer, "bet_ramp") is not None:
        named = {spelling(key) for step in ramp.value for key in step}
        units, money = bool(named & set(_UNIT_NAMES)), bool(named & set(_MONEY_NAMES))
        if units and money:
            findings.problem(ramp.at, "Bets of one ramp in money and in units are mixed; one of them is expected.")
        elif "bet_unit" not in layer:
            layer["bet_unit"] = Found("money" if money else "units", ramp.at)
        elif said(layer, "bet_unit") == ("money" if units else "units"):
            findings.problem(
                layer["bet_unit"].at,
                f"`bet_unit` contradicts the ramp, whose steps say {'`bet_multiplier`, in units' if units else '`bet`, in money'}.",
            )
    return layer


def betting_of(layer: Layer, name: str, at: str, findings: Findings) -> BettingStrategy | None:
    """The strategy that a merged layer says, all in money; null where it has problems."""
    if UNREAD in (layer.get("min_bet"), layer.get("bet_unit"), layer.get("bet_ramp")):
        return None
    before = findings.count
    ramp: tuple[_Step, ...] | None = said(layer, "bet_ramp")
    where = layer["bet_ramp"].at if ramp is not None else at
    in_money = said(layer, "bet_unit", "units") == "money"
    min_bet = _least(layer, ramp, where, in_money=in_money, findings=findings)
    if ramp is None:
        ramp = ((None, min_bet if in_money else 1.0, at),)
        findings.note(at, f"There is no `bet_ramp`: {min_bet:g} is bet at every count.")
    elif "bet_unit" not in layer and min_bet != 1:
        findings.note(
            where,
            f"The ramp's numbers were read as units of `min_bet`, {min_bet:g}; `bet_unit` with `money` would mean otherwise.",
        )
    unit = Decimal(1) if in_money else Decimal(str(min_bet))
    steps = [_priced(step, unit, Decimal(str(min_bet)), findings) for step in ramp]
    bets = [step.bet for step in steps if step.bet]
    if not bets:
        findings.problem(where, "A ramp with at least one bet above 0 is expected.")
    if findings.count > before:
        return None
    strategy = BettingStrategy(
        name=name, min_bet=min_bet, bet_ramp=tuple(steps), num_hands=said(layer, "num_hands", default=1)
    )
    highest, lowest, spread = max(bets), min(bets), said(layer, "bet_spread")
    if spread is not None and Decimal(str(highest)) > Decimal(str(spread)) * Decimal(str(lowest)):
        findings.problem(
            layer["bet_spread"].at,
            f"The ramp goes from {lowest:g} to {highest:g}, beyond the spread of {spread:g}; a wider spread is expected.",
        )
    divisor = betting_unit(strategy)
    if Decimal(str(highest)) > UNITS_MAX * Decimal(str(float(divisor))):
        findings.problem(
            where,
            f"The highest bet is more than {UNITS_MAX:,} times {float(divisor):g}, the greatest amount that all bets "
            "are multiples of; rounder or closer bets are expected.",
        )
    return strategy if findings.count == before else None


def _least(layer: Layer, ramp: tuple[_Step, ...] | None, where: str, *, in_money: bool, findings: Findings) -> float:
    """The minimum; where nothing says it, the lowest bet of a ramp in money, or 1."""
    positive = [bet for _, bet, _ in ramp or () if bet > 0]
    if "min_bet" in layer or not in_money or not positive:
        least: float = said(layer, "min_bet", default=1.0)
        return least
    lowest = min(positive)
    findings.note(where, f"`min_bet` is not given: the ramp's lowest bet, {lowest:g}, was taken.")
    return lowest


def _priced(step: _Step, unit: Decimal, min_bet: Decimal, findings: Findings) -> RampStep:
    count, number_of_units, where = step
    bet = Decimal(str(number_of_units)) * unit
    if bet and bet < min_bet:
        findings.problem(where, f"The bet {bet:f} is below `min_bet`, {min_bet:f}; 0 or at least that is expected.")
    elif bet > BET_MAX:
        findings.problem(where, f"The bet {bet:f} is above {BET_MAX:,}; less is expected.")
    elif bet % Decimal("0.01"):
        findings.problem(where, f"The bet {bet:f} is no whole number of cents; at most two decimals are expected.")
    return RampStep(from_count=count, bet=float(bet))


def ramp_json(steps: tuple[_Step, ...]) -> dict[str, float]:
    """A ramp as an object of count and bet, which says nothing of their unit."""
    return {_named(count): bet for count, bet, _ in steps}
