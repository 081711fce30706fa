"""Is the engine right? Expected values against published and exact ones, and every hand against the plain reference.

    python -m benchmarks.blackjack_agreement [--standard-error 0.005] [--processes 2] [--only TEXT]
    python -m benchmarks.blackjack_agreement --exact [--standard-error 0.02]
    python -m benchmarks.blackjack_agreement --hands 1000000

The first runs tables whose value is published until the standard error (in percent of a bet) is as small as asked, and says whether the value
lies where it has to, within three standard errors. The second does so for many rules whose value is computed exactly: endless decks, and
whole decks without splits. The third plays so many hands of each rule set with engine and reference and compares the tallies, integer by
integer. Seeds are 1, 2, 3 ..., so that every run gives the same figures. One JSON line a figure; exit status 1 where anything disagrees.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from benchmarks.blackjack_rules import ENDLESS, RULE_SETS, UNSPLIT, basic, flat_table
from benchmarks.figures import figure
from libs.blackjack.configuration import Casino, Configuration
from libs.blackjack.engine import rounds_per_block, simulate, warm_up
from libs.blackjack.exact import expected_value
from libs.blackjack.exact_shoe import value_by_total
from libs.blackjack.reference import play
from libs.blackjack.tally import Tally, decode, encode, merge
from libs.simulation.result import estimate

PART_ROUNDS = 8_000_000
PIECE_ROUNDS = 20_000
T = TypeVar("T")


class Known(NamedTuple):
    """A value in percent of a bet, and how far ours may lie from it: 0 where both are exact for the same play."""

    casino: Casino
    percent: float
    below: float = 0.0
    above: float = 0.0


class Measured(NamedTuple):
    percent: float
    standard_error: float
    rounds: int


def _fresh(**rules: Any) -> Casino:
    return Casino(shuffle="every_round", **rules)


def _combinatorial(percent: float, loss: float, **rules: Any) -> Known:
    """The published value of the best play by all cards of the hand: an upper bound.

    `loss` is what play by totals loses against it on hands that are not split, as `libs.blackjack.exact_shoe` computes it (and a test holds
    it to); split hands may lose a hundredth of a point more at the most.
    """
    return Known(_fresh(hit_on_soft_17=True, **rules), percent, below=loss + 0.01)


LOSS = {2: 0.01245, 5: 0.00427}
"""By decks, where the dealer hits soft 17."""

PUBLISHED: dict[str, Known] = {
    "endless decks, S17, DAS": Known(Casino(deck_count="infinite"), -0.51255),
    "endless decks, H17, DAS": Known(Casino(deck_count="infinite", hit_on_soft_17=True), -0.73173),
    "endless decks, S17, no DAS": Known(Casino(deck_count="infinite", DAS=False), -0.65329),
    "two decks, H17, DAS": _combinatorial(-0.3797, LOSS[2], deck_count=2),
    "two decks, H17, no DAS": _combinatorial(-0.5252, LOSS[2], deck_count=2, DAS=False),
    "five decks, H17, DAS": _combinatorial(-0.5918, LOSS[5], deck_count=5),
    "five decks, H17, no DAS": _combinatorial(-0.7366, LOSS[5], deck_count=5, DAS=False),
    # published with three decimals as "about"
    "six decks, S17, DAS": Known(_fresh(deck_count=6), -0.404, below=0.01, above=0.01),
    "six decks, H17, DAS": Known(_fresh(deck_count=6, hit_on_soft_17=True), -0.615, below=0.01, above=0.01),
    # play to a cut card costs 0.02 to 0.03 points more
    "six decks, S17, DAS, cut card": Known(Casino(deck_count=6), -0.404, below=0.04, above=-0.01),
    "six decks, H17, DAS, cut card": Known(Casino(deck_count=6, hit_on_soft_17=True), -0.615, below=0.04, above=-0.01),
}


def exact_values() -> dict[str, Known]:
    endless = {
        f"endless decks, {name}": Known(casino, 100 * float(expected_value(casino, basic(casino))))
        for name, casino in ENDLESS.items()
    }
    unsplit = {
        f"no splits, {name}": Known(casino, 100 * value_by_total(casino, basic(casino)))
        for name, casino in UNSPLIT.items()
    }
    return endless | unsplit


def _part(configuration: Configuration, seed: int, first_block: int, blocks: int) -> bytes:
    return encode(simulate([configuration], seed, first_block, blocks))


def _in_order(pool: ProcessPoolExecutor, processes: int, jobs: Iterator[Callable[[], Future[T]]]) -> Iterator[T]:
    """Results in the order of the jobs, with a few under way; those that nobody asks for any more are withdrawn."""
    waiting: list[Future[T]] = [start() for start in itertools.islice(jobs, processes + 1)]
    try:
        while waiting:
            yield waiting.pop(0).result()
            waiting += [start() for start in itertools.islice(jobs, 1)]
    finally:
        for future in waiting:
            future.cancel()


def _measure(pool: ProcessPoolExecutor, processes: int, casino: Casino, seed: int, standard_error: float) -> Measured:
    """Play until the standard error, in percent, is reached."""
    configuration = flat_table(casino)
    blocks = math.ceil(PART_ROUNDS / rounds_per_block(configuration))
    parts = (partial(pool.submit, _part, configuration, seed, first, blocks) for first in itertools.count(0, blocks))
    whole: Tally | None = None
    for part in _in_order(pool, processes, parts):
        tally = decode(part)
        whole = tally if whole is None else merge([whole, tally])
        found = estimate(whole)[0]
        if found.ev is not None and found.standard_error is not None and 100 * found.standard_error <= standard_error:
            return Measured(100 * found.ev, 100 * found.standard_error, found.rounds)
    raise AssertionError("there is no last part")


def compare_values(known: dict[str, Known], name: str, standard_error: float, only: str, processes: int) -> bool:
    """Whether every value lies within three standard errors of where it has to."""
    agreed = True
    with ProcessPoolExecutor(processes) as pool:
        for seed, (label, each) in enumerate(known.items(), 1):
            if only not in label:
                continue
            began = time.perf_counter()
            measured = _measure(pool, processes, each.casino, seed, standard_error)
            off = measured.percent - each.percent
            slack = 3 * measured.standard_error
            right = -each.below - slack <= off <= each.above + slack
            agreed = agreed and right
            figure(
                name,
                measured.percent,
                "%",
                table=label,
                standard_error=round(measured.standard_error, 5),
                known=round(each.percent, 5),
                off=round(off, 5),
                off_allowed=[round(-each.below - slack, 5), round(each.above + slack, 5)],
                agrees=right,
                seed=seed,
                rounds=measured.rounds,
                seconds=round(time.perf_counter() - began, 1),
            )
    return agreed


class Compared(NamedTuple):
    hands: int
    equal: bool
    reference_seconds: float


def _compare_piece(configuration: Configuration, seed: int, first_block: int, blocks: int) -> Compared:
    began = time.perf_counter()
    expected = play([configuration], seed, first_block, blocks)
    seconds = time.perf_counter() - began
    hands = sum(sum(player.outcomes) for player in expected.tables[0].players)
    return Compared(hands, simulate([configuration], seed, first_block, blocks) == expected, seconds)


def compare_hands(hands: int, only: str, processes: int) -> bool:
    """Whether engine and reference give the same tallies for so many hands of every rule set."""
    agreed = True
    with ProcessPoolExecutor(processes) as pool:
        for seed, (label, configuration) in enumerate(RULE_SETS.items(), 1):
            if only not in label:
                continue
            blocks = math.ceil(PIECE_ROUNDS / rounds_per_block(configuration))
            pieces = (
                partial(pool.submit, _compare_piece, configuration, seed, first, blocks)
                for first in itertools.count(0, blocks)
            )
            compared = unequal = 0
            seconds = 0.0
            for piece in _in_order(pool, processes, pieces):
                compared += piece.hands
                unequal += not piece.equal
                seconds += piece.reference_seconds
                if compared >= hands:
                    break
            agreed = agreed and not unequal
            figure(
                "blackjack_hands_equal",
                compared,
                "hands",
                table=label,
                agrees=not unequal,
                reference_hands_per_second=round(compared / seconds),
            )
    return agreed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--standard-error", type=float, default=None, help="in percent of a bet (0.005; --exact: 0.02)")
    parser.add_argument("--exact", action="store_true", help="against values that are computed exactly")
    parser.add_argument("--hands", type=int, default=None, help="compare so many hands of each rule set")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="tables whose name holds this text")
    options = parser.parse_args()
    warm_up()
    if options.hands is not None:
        agreed = compare_hands(options.hands, options.only, options.processes)
    else:
        known = exact_values() if options.exact else PUBLISHED
        name = "blackjack_exact_value" if options.exact else "blackjack_published_value"
        standard_error = options.standard_error or (0.02 if options.exact else 0.005)
        agreed = compare_values(known, name, standard_error, options.only, options.processes)
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    main()
