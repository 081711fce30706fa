"""How many rounds a second? The compiled engine, what each rule costs, two threads, the plain reference, and other simulators.

    python -m benchmarks.blackjack_speed [--seconds 1.0] [--only TEXT] [--start]

Every figure is the best of five runs of about `--seconds` together, on one core unless it says otherwise; `per_cpu_second` leaves out what
other processes took. `of_plain` is the speed as a multiple of that of six decks with one player who counts and bets flat, per second of
the processor, but for two threads, where it is by the clock. Other simulators are those of the `bench` extra, each with its own default
rules and player; one that is not installed is reported as absent. `--start` measures instead how long a process needs until it can play,
with an empty cache and with a full one. One JSON line a figure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import NamedTuple

import msgspec

from benchmarks.blackjack_rules import HI_LO, RULE_SETS, SPREAD, basic, flat_table
from benchmarks.figures import figure
from libs.blackjack.configuration import Casino, Configuration, Player, RampStep
from libs.blackjack.engine import simulate, warm_up
from libs.blackjack.reference import play

RUNS = 5
FIRST_GUESS = 200_000
MANY_BLOCKS = 2**40

Rounds = Callable[[int], int]
"""Plays about so many rounds and says how many it were."""


def _plain() -> Configuration:
    table = flat_table(Casino())
    return _with(table, counting_strategy=HI_LO)


def _with(table: Configuration, **changes: object) -> Configuration:
    """The table with other things about its player."""
    (player,) = table.players
    return msgspec.structs.replace(table, players=(msgspec.structs.replace(player, **changes),))


def _tables() -> Iterator[tuple[str, list[Configuration]]]:
    plain = _plain()
    (player,) = plain.players
    ramp = msgspec.structs.replace(
        player.betting_strategy, bet_ramp=tuple(RampStep(from_count=at, bet=bet) for at, bet in SPREAD)
    )
    indices = basic(Casino(), indices=True)
    crowd: tuple[Player, ...] = (player,) * 7
    yield "plain", [plain]
    yield "not counting", [flat_table(Casino())]
    yield "ramp", [_with(plain, betting_strategy=ramp)]
    yield "ramp, index plays and insurance", [_with(plain, betting_strategy=ramp, playing_strategy=indices)]
    yield "seven hands of seven players", [msgspec.structs.replace(plain, players=crowd)]
    yield "every round", [msgspec.structs.replace(plain, casino=Casino(shuffle="every_round"))]
    yield "sessions of 1000 rounds", [msgspec.structs.replace(plain, mode="sessions")]
    yield (
        "two tables compared",
        [plain, msgspec.structs.replace(plain, casino=Casino(hit_on_soft_17=True))],
    )
    for name, table in RULE_SETS.items():
        yield name, [table]


def _engine(tables: list[Configuration]) -> Rounds:
    def rounds(wanted: int) -> int:
        return simulate(tables, 1, 0, MANY_BLOCKS, rounds_min=wanted).tables[0].rounds

    return rounds


def _two_threads(tables: list[Configuration]) -> Rounds:
    def rounds(wanted: int) -> int:
        with ThreadPoolExecutor(2) as threads:
            parts = threads.map(
                lambda first: simulate(tables, 1, first, MANY_BLOCKS, rounds_min=wanted // 2), (0, MANY_BLOCKS)
            )
            return sum(part.tables[0].rounds for part in parts)

    return rounds


def _reference(table: Configuration) -> Rounds:
    def rounds(wanted: int) -> int:
        return play([table], 1, 0, MANY_BLOCKS, rounds_min=wanted).tables[0].rounds

    return rounds


def _py21() -> Rounds:
    py21 = importlib.import_module("py21")
    game = py21.Game([py21.Player(10**9)], seed=1)

    def rounds(wanted: int) -> int:
        for _ in range(wanted):
            game.play_round()
        return wanted

    return rounds


def _jackblack() -> Rounds:
    jackblack = importlib.import_module("jackblack")
    player = jackblack.Player("one", chips=10**9, strategy=jackblack.Simple())
    simulation = jackblack.Simulation([player])

    def rounds(wanted: int) -> int:
        simulation.run(wanted)
        return wanted

    return rounds


OTHERS: dict[str, tuple[Callable[[], Rounds], str]] = {
    "py21": (_py21, "basic strategy, counting"),
    "jackblack": (_jackblack, "a simple strategy, no splits, no counting"),
}
"""With what they play; both are plain Python."""


class Speed(NamedTuple):
    """Rounds a second."""

    best: float
    median: float
    cpu: float
    """Of the processor's time: what it would be with nobody else on the machine. The best run."""


def speed(rounds: Rounds, seconds: float, guess: int = FIRST_GUESS) -> Speed:
    start = time.perf_counter()
    played = rounds(guess)
    wanted = max(1, int(played / (time.perf_counter() - start) * seconds / RUNS))
    speeds, cpu = [], []
    for _ in range(RUNS):
        start, busy = time.perf_counter(), time.process_time()
        played = rounds(wanted)
        speeds.append(played / (time.perf_counter() - start))
        cpu.append(played / (time.process_time() - busy))
    return Speed(max(speeds), statistics.median(speeds), max(cpu))


def start_up() -> None:
    """With an empty cache the kernel is compiled, with a full one it is loaded."""
    code = (
        "import time; start = time.perf_counter()\n"
        "from libs.blackjack.engine import warm_up\n"
        "imported = time.perf_counter(); warm_up()\n"
        "print(imported - start, time.perf_counter() - imported)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for cache in ("empty", "full"):
            found = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "XDG_CACHE_HOME": folder, "NUMBA_CACHE_DIR": ""},
                check=True,
                capture_output=True,
                text=True,
            )
            imported, ready = map(float, found.stdout.split())
            figure("blackjack_import", imported, "s", cache=cache)
            figure("blackjack_warm_up", ready, "s", cache=cache)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", default="", help="only figures that have this in their name")
    parser.add_argument("--start", action="store_true", help="how long it takes to begin, instead")
    given = parser.parse_args()
    if given.start:
        start_up()
        return
    warm_up()
    plain = speed(_engine([_plain()]), given.seconds)

    def tell(what: str, found: Speed, of_plain: float, **context: object) -> None:
        rest = {"median": round(found.median), "per_cpu_second": round(found.cpu), "of_plain": round(of_plain, 5)}
        figure("blackjack_rounds_per_second", found.best, "rounds/s", what=what, **rest, **context)

    def report(what: str, rounds: Rounds, guess: int = FIRST_GUESS, **context: object) -> None:
        found = speed(rounds, given.seconds, guess)
        tell(what, found, found.cpu / plain.cpu, **context)

    tell("plain", plain, 1.0)

    for what, tables in _tables():
        if given.only in what and what != "plain":
            report(what, _engine(tables))
    if given.only in "two threads":
        found = speed(_two_threads([_plain()]), given.seconds)
        tell("two threads", found, found.best / plain.best, cores=os.cpu_count())
    if given.only in "plain reference":
        report("plain reference", _reference(_plain()), 500)
    for name, (prepare, plays) in OTHERS.items():
        if given.only not in name:
            continue
        try:
            rounds = prepare()
        except ImportError as missing:
            sys.stdout.write(json.dumps({"absent": name, "why": str(missing)}) + "\n")
            continue
        report(name, rounds, 500, version=metadata.version(name), plays=plays)


if __name__ == "__main__":
    main()
