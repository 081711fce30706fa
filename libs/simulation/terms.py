"""What a request says besides the table: how long to go on, from which seed, and in which mode."""

from __future__ import annotations

from libs.blackjack.profiles.fields import UNREAD, Field, Layer, boolean, choice, integer, number, said
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.player import BANKROLL_MAX
from libs.simulation.orders import Run
from libs.simulation.seating import Terms

__all__ = ["ROUNDS_MAX", "RUN_FIELDS", "SEED_MAX", "TERMS_FIELDS", "run_of", "terms_of", "too_long"]

ROUNDS_MAX = 10**12
ROUNDS_TO_A_TARGET = 10**10
"""The most rounds towards a standard error where the request names no number."""
BLOCKS_ROUNDS_MAX = 100 * ROUNDS_MAX
"""The most rounds that `blocks` sessions may have. A result may need more than it played: whoever leaves early ends a session."""
SEED_MAX = 2**53 - 1
SESSION_ROUNDS_MAX = 100_000
TARGET_MIN = 1e-7

TERMS_FIELDS: tuple[Field, ...] = (
    Field(
        "mode",
        "choice",
        choice(("ev", "sessions")),
        "Endless bankrolls, or sessions that end in ruin, goal or time.",
        default="ev",
        choices=("ev", "sessions"),
    ),
    Field(
        "session_rounds",
        "integer",
        integer(1, SESSION_ROUNDS_MAX, "A number of rounds"),
        "The length of a session; counts where `mode` is `sessions`.",
        default=1000,
        minimum=1,
        maximum=SESSION_ROUNDS_MAX,
    ),
    Field(
        "win_goal",
        "number",
        number(0, BANKROLL_MAX, "An amount of money", step="0.01", above=True, null=True),
        "With so much a player leaves the session; counts where `mode` is `sessions`.",
        minimum=0.01,
        maximum=BANKROLL_MAX,
    ),
)
RUN_FIELDS: tuple[Field, ...] = (
    Field(
        "num_rounds",
        "integer",
        integer(1, ROUNDS_MAX, "A number of rounds", null=True),
        f"Rounds to play; with a target the most, which is {ROUNDS_TO_A_TARGET:,} where it is not given.",
        minimum=1,
        maximum=ROUNDS_MAX,
        synonyms=("rounds", "number_of_rounds"),
    ),
    Field(
        "target_standard_error",
        "number",
        number(TARGET_MIN, 1, "A standard error of the EV, as a share of a bet,", null=True, percent=True),
        "Stop once the EV of every player is known so well, as a share of a bet: 0.0001 is 0.01 %.",
        minimum=TARGET_MIN,
        maximum=1,
        synonyms=("target_se", "standard_error_target"),
    ),
    Field(
        "blocks",
        "integer",
        integer(1, ROUNDS_MAX, "A number of blocks", null=True),
        "Play exactly these many blocks (shoes, rounds or sessions), as an earlier result did.",
        minimum=1,
        maximum=ROUNDS_MAX,
    ),
    Field(
        "seed",
        "integer",
        integer(0, SEED_MAX, "A seed", null=True),
        "Where the cards come from; drawn where it is not given.",
        minimum=0,
        maximum=SEED_MAX,
    ),
    Field(
        "include_hand_history", "boolean", boolean, "Keep the first rounds of the result card by card.", default=False
    ),
)
_LENGTHS = ("num_rounds", "target_standard_error", "blocks")


def terms_of(layer: Layer) -> Terms:
    return Terms(
        mode=said(layer, "mode", default="ev"),
        session_rounds=said(layer, "session_rounds", default=1000),
        win_goal=layer["win_goal"] if said(layer, "win_goal") is not None else None,
    )


def too_long(blocks: int | None, session_rounds: int) -> str | None:
    """What is wrong with so many sessions of so many rounds; null where nothing is."""
    if blocks is None or blocks * session_rounds <= BLOCKS_ROUNDS_MAX:
        return None
    return f"At most {BLOCKS_ROUNDS_MAX:,} rounds are expected, not {blocks:,} sessions of {session_rounds:,}."


def run_of(layer: Layer, at: str, seed: int, findings: Findings) -> Run:
    """How long to go on; `seed` counts where the request names none. Problems are found; what is returned counts without any."""
    rounds, target, blocks = (said(layer, name) for name in _LENGTHS)
    unread = any(layer.get(name) is UNREAD for name in _LENGTHS)
    for name in ("session_rounds", "win_goal"):
        if said(layer, name) is not None and terms_of(layer).mode == "ev":
            findings.note(layer[name].at, f"`{name}` counts only where `mode` is `sessions`; it was left out.")
    if blocks is not None and (rounds is not None or target is not None):
        findings.problem(
            layer["blocks"].at,
            "`blocks` is exact: neither `num_rounds` nor `target_standard_error` is expected beside it.",
        )
    elif blocks is None and rounds is None and target is None and not unread:
        findings.problem(
            at, "How long to play is missing: `num_rounds`, `target_standard_error` or `blocks` is expected."
        )
    elif target is not None and rounds is None and not unread:
        rounds = ROUNDS_TO_A_TARGET
        findings.note(
            layer["target_standard_error"].at,
            f"At most {rounds:,} rounds are played towards it, since `num_rounds` is not given.",
        )
    terms = terms_of(layer)
    if terms.mode == "sessions" and (excess := too_long(blocks, terms.session_rounds)) is not None:
        findings.problem(layer["blocks"].at, excess)
    chosen = said(layer, "seed")
    return Run(
        seed=seed if chosen is None else chosen,
        rounds_max=rounds,
        blocks=blocks,
        target_standard_error=target,
        include_hand_history=said(layer, "include_hand_history", default=False),
    )
