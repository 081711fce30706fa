"""The requests in examples/simulations: each is valid, says what it is, and can be played."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from libs.blackjack.reference import play
from libs.simulation.request import ComparisonOrder, Order, Profiles, SweepOrder, prepare

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "simulations"
FILES = sorted(FOLDER.glob("*.json"))


def order_of(path: Path) -> Order:
    request = json.loads(path.read_text())
    return prepare(request.get("kind", "simulation"), request, Profiles(), seed=1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_can_be_played(path: Path) -> None:
    order = order_of(path)
    match order:
        case ComparisonOrder():
            tables = [(order.a, order.b)]
        case SweepOrder():
            tables = [(configuration,) for _, configuration in order.cells()]
        case _:
            tables = [(order.configuration,)]
    for each in tables:
        tally = play(each, order.run.seed, 0, 1)
        assert all(table.rounds > 0 for table in tally.tables)


def test_only_the_example_in_a_persons_own_words_leaves_something_to_be_understood() -> None:
    assert [path.stem for path in FILES if order_of(path).notes] == ["comparison", "own_profiles"]
