"""Reading the rules of a table."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from libs.blackjack.configuration import Casino
from libs.blackjack.profiles.fields import (
    DESCRIPTION,
    NAME,
    PARENT,
    UNREAD,
    Field,
    Layer,
    boolean,
    choice,
    integer,
    plain,
    whole,
)
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.source import Found, Source, shown
from libs.blackjack.profiles.written import note_text, number_in

__all__ = ["FIELDS", "casino_of"]

SHUFFLES = ("cut_card", "every_round", "continuous")
DOUBLES = ("any_two_cards", "hard_8_to_11", "hard_9_to_11", "hard_10_to_11", "none")
HANDS_OF_A_SPLIT_MAX = 4


def _decks(source: Source, findings: Findings) -> Any:
    if isinstance(source.value, str) and source.value.strip().lower() in {"infinite", "infinity", "inf"}:
        if source.value != "infinite":
            findings.note(source.at, f"{shown(source.value)} was read as `infinite`.")
        return Found("infinite", source.at)
    decks = whole(number_in(source.value))
    if decks is None or not 1 <= decks <= 8:
        findings.problem(source.at, f'1 to 8 decks or "infinite" is expected, not {shown(source.value)}.')
        return UNREAD
    note_text(source, decks, findings)
    return Found(decks, source.at)


def _penetration(source: Source, findings: Findings) -> Any:
    value = number_in(source.value, percent=True)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value < 1:
            note_text(source, value, findings)
            return Found(float(value), source.at)
        if 1 < value < 100:
            share = float(Decimal(str(value)) / 100)
            findings.note(source.at, f"{shown(source.value)} was read as a percentage: {share}.")
            return Found(share, source.at)
    findings.problem(
        source.at,
        "The share of the shoe in front of the cut card is expected: above 0 and below 1, or in percent above 1 "
        f"and below 100, not {shown(source.value)}.",
    )
    return UNREAD


def _payout(source: Source, findings: Findings) -> Any:
    value = source.value
    ratio: Fraction | None = None
    alone = number_in(value)
    if isinstance(alone, int | float) and not isinstance(alone, bool) and 0 < alone < 100:
        ratio = Fraction(str(alone))
    elif isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?::|/|to)\s*(\d{1,3})\s*", value)
        if match and int(match[2]):
            ratio = Fraction(int(match[1]), int(match[2]))
    if ratio is None or not 1 <= ratio <= 3 or (ratio * 20).denominator != 1:
        findings.problem(
            source.at,
            'What a blackjack pays is expected: "3:2" or 1.5, "6:5" or 1.2, at least 1 and at most 3 '
            f"in steps of 0.05, not {shown(value)}.",
        )
        return UNREAD
    if isinstance(value, str):
        findings.note(source.at, f"{shown(value)} was read as {float(ratio):g}.")
    return Found(float(ratio), source.at)


def _doubling(source: Source, findings: Findings) -> Any:
    if source.value is None:
        findings.problem(
            source.at, "null says too little: `any_two_cards` is expected where nothing is forbidden, else `none`."
        )
        return UNREAD
    spans = {
        f"{form}{low}{dash}11": f"hard_{low}_to_11"
        for low in (8, 9, 10)
        for dash in ("-", "_to_")
        for form in ("", "hard_")
    }
    found = choice(DOUBLES, {"any": "any_two_cards", "any_two": "any_two_cards", **spans})(source, findings)
    if found is not UNREAD and found.value == "none":
        findings.note(source.at, "`none` was understood: doubling is allowed on no cards at all.")
    return found


FIELDS: tuple[Field, ...] = (
    NAME,
    DESCRIPTION,
    PARENT,
    Field(
        "deck_count",
        "integer",
        _decks,
        'Decks of 52 cards in the shoe; "infinite" draws every card from a full deck.',
        default=6,
        minimum=1,
        maximum=8,
        choices=("infinite",),
        synonyms=("num_decks", "number_of_decks", "decks", "deck_number"),
    ),
    Field(
        "shuffle",
        "choice",
        choice(SHUFFLES, {"cutcard": "cut_card", "each_round": "every_round", "csm": "continuous"}),
        "When the cards are shuffled: after the round in which the cut card shows, before every round, or by a machine "
        "that takes each round's cards back at once.",
        default="cut_card",
        choices=SHUFFLES,
        synonyms=("shuffle_method", "shuffling"),
    ),
    Field(
        "reshuffle_penetration",
        "number",
        _penetration,
        "Share of the shoe in front of the cut card; counts where `shuffle` is `cut_card`.",
        default=0.75,
        minimum=0,
        maximum=1,
        synonyms=("penetration", "deck_penetration", "shoe_penetration"),
    ),
    Field(
        "blackjack_payout",
        "number",
        _payout,
        "What a blackjack pays to a bet of 1: 1.5 is 3:2, 1.2 is 6:5.",
        default=1.5,
        minimum=1,
        maximum=3,
        synonyms=("blackjack_pays", "bj_payout", "natural_payout"),
    ),
    Field(
        "hit_on_soft_17",
        "boolean",
        boolean,
        "The dealer draws to a soft 17.",
        default=False,
        synonyms=("dealer_hits_on_soft_17", "dealer_hits_soft_17", "hits_soft_17", "hit_soft_17", "h17"),
        opposites=("dealer_stands_on_soft_17", "dealer_stands_soft_17", "stand_on_soft_17", "stands_on_soft_17", "s17"),
    ),
    Field(
        "dealer_checks_for_blackjack",
        "boolean",
        boolean,
        "The dealer looks for a blackjack under an ace or a ten before anyone plays; without, there is no hole card, "
        "and a blackjack takes doubles and splits too.",
        default=True,
        synonyms=("dealer_peeks", "dealer_peek", "peek", "dealer_peeks_for_blackjack", "hole_card"),
        opposites=("no_hole_card", "enhc", "european_no_hole_card"),
    ),
    Field(
        "DAS",
        "boolean",
        boolean,
        "Doubling is allowed after a split.",
        default=True,
        synonyms=("allow_double_after_split", "double_after_split", "double_after_split_allowed"),
    ),
    Field(
        "double_down_restrictions",
        "choice",
        _doubling,
        "On which two cards doubling is allowed, also after a split; `none` allows it on no cards.",
        default="any_two_cards",
        choices=DOUBLES,
        synonyms=("double_down_restriction", "double_restrictions", "doubling"),
    ),
    Field(
        "allow_resplit_to_hands",
        "integer",
        integer(1, HANDS_OF_A_SPLIT_MAX, "A number of hands"),
        "The most hands that splitting may make of one; 1 forbids splitting.",
        default=4,
        minimum=1,
        maximum=HANDS_OF_A_SPLIT_MAX,
        synonyms=("resplit_to_hands", "max_split_hands", "split_to_hands"),
    ),
    Field(
        "allow_resplit_aces",
        "boolean",
        boolean,
        "Split aces that get another ace may be split again.",
        default=False,
        synonyms=("resplit_aces", "rsa"),
    ),
    Field(
        "hit_split_aces",
        "boolean",
        boolean,
        "Split aces are played like other hands; else each gets one card.",
        default=False,
        synonyms=("allow_hit_split_aces", "hsa", "draw_to_split_aces"),
    ),
    Field(
        "allow_late_surrender",
        "boolean",
        boolean,
        "The first two cards may be given up for half the bet after the dealer has looked for blackjack.",
        default=False,
        synonyms=("late_surrender", "late_surrender_allowed"),
    ),
    Field(
        "allow_early_surrender",
        "boolean",
        boolean,
        "The first two cards may be given up for half the bet before the dealer looks, against any card.",
        default=False,
        synonyms=("early_surrender", "early_surrender_allowed"),
    ),
    Field(
        "offer_insurance",
        "boolean",
        boolean,
        "Insurance for half the bet is offered against an ace and pays 2:1.",
        default=True,
        synonyms=("insurance", "insurance_offered", "allow_insurance"),
    ),
)


def casino_of(layer: Layer, name: str) -> Casino | None:
    """The rules that a merged layer says, what it leaves open as in `FIELDS`; null where one could not be read."""
    if UNREAD in layer.values():
        return None
    said = {field: plain(found) for field, found in layer.items() if field not in {"name", "description", "parent"}}
    return msgspec.structs.replace(Casino(**said), name=name)
