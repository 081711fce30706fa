"""The documents: what is in them, that equal work gives equal documents, and that they survive being stored."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from libs.blackjack.configuration import Casino
from libs.blackjack.reference import history
from libs.blackjack.tally import digest
from libs.simulation.orders import configuration_hash
from libs.simulation.result import (
    HISTORY_ROUNDS_MAX,
    CellOutcome,
    SimulationResult,
    casino_summary,
    estimate,
    estimate_difference,
    read,
    summarize,
    sweep_table,
)
from tests.libs.simulation import synthetic as made
from tests.libs.simulation.orders import compared, simulated, simulation_order, sweep_order

CONFIGURATION = made.configuration(made.SPREAD)
BLOCKS = made.deal(41, 12)


def test_a_result_names_all_it_takes_to_get_it_again() -> None:
    result = simulated(CONFIGURATION, BLOCKS)
    tally = made.tally(CONFIGURATION, BLOCKS)
    assert result.digest == digest(tally)
    assert result.configuration_hash == configuration_hash(CONFIGURATION)
    assert (result.seed, result.first_block, result.blocks) == (7, 0, 12)
    assert result.rounds == tally.tables[0].rounds
    assert result.rounds_per_second == pytest.approx(result.rounds / 1.5)
    assert result.engine_version
    assert result.notes[0].detail == "75 was read as 0.75"


def test_only_the_seconds_tell_two_runs_apart() -> None:
    order, tally = simulation_order(CONFIGURATION), made.tally(CONFIGURATION, BLOCKS)
    one, other = (summarize(order, tally, stopped="rounds", seconds=seconds) for seconds in (1.0, 2.0))
    assert msgspec.structs.replace(one, seconds=2.0, rounds_per_second=other.rounds_per_second) == other
    assert summarize(order, tally, stopped="rounds", seconds=0).rounds_per_second is None


@pytest.mark.parametrize("kind", ["simulation", "comparison", "sweep"])
def test_a_stored_result_is_read_back_as_it_was(kind: str) -> None:
    simulation = simulated(CONFIGURATION, BLOCKS)
    result = {
        "simulation": simulation,
        "comparison": compared(CONFIGURATION, CONFIGURATION, BLOCKS, BLOCKS),
        "sweep": sweep_table(
            sweep_order(CONFIGURATION, ("decks", ("6",))), [CellOutcome(labels=("6",), result=simulation)], seconds=1.0
        ),
    }[kind]
    assert read(msgspec.json.decode(msgspec.json.encode(result))) == result
    assert read(result) is result


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        read({"kind": "build"})


def test_estimates_are_those_of_the_result() -> None:
    result, tally = simulated(CONFIGURATION, BLOCKS), made.tally(CONFIGURATION, BLOCKS)
    (now,) = estimate(tally)
    player = result.players[0]
    assert (now.ev, now.standard_error, now.interval, now.rounds) == (
        player.ev,
        player.standard_error,
        player.interval,
        player.rounds,
    )


def test_estimated_differences_are_those_of_the_comparison() -> None:
    flat = made.configuration(made.FLAT)
    result = compared(CONFIGURATION, flat, BLOCKS, BLOCKS)
    (now,) = estimate_difference(made.tally((CONFIGURATION, flat), (BLOCKS, BLOCKS)))
    assert (now.ev, now.standard_error) == (result.difference[0].ev_difference, result.difference[0].standard_error)
    assert result.difference[0].ev_difference == pytest.approx((result.b[0].ev or 0) - (result.a[0].ev or 0))


def test_a_table_of_cells_keeps_those_that_failed() -> None:
    order = sweep_order(CONFIGURATION, ("decks", ("1", "6", "8")))
    better = simulated(CONFIGURATION, made.deal(42, 30, tilt=0.3))
    stored = msgspec.to_builtins(simulated(CONFIGURATION, made.deal(43, 30)))
    cells = [
        CellOutcome(labels=("1",), job_id="a", status="failed", error="out of memory"),
        CellOutcome(labels=("6",), job_id="b", result=stored),
        CellOutcome(labels=("8",), job_id="c", result=better),
    ]
    table = sweep_table(order, cells, seconds=2.0)
    assert [cell.error for cell in table.cells] == ["out of memory", None, None]
    assert table.cells[0].players is None
    assert table.best == 2
    assert table.rounds == sum(cell.rounds or 0 for cell in table.cells)
    assert table.cells[1].digest == stored["digest"]


def test_of_equal_cells_the_first_is_best() -> None:
    same = simulated(CONFIGURATION, BLOCKS)
    order = sweep_order(CONFIGURATION, ("decks", ("1", "2")))
    cells = [CellOutcome(labels=(label,), result=same) for label in ("1", "2")]
    assert sweep_table(order, cells, seconds=1.0).best == 0


def test_a_sweep_that_failed_altogether_has_no_best() -> None:
    order = sweep_order(CONFIGURATION, ("decks", ("1",)))
    assert sweep_table(order, [CellOutcome(labels=("1",), status="failed", error="no")], seconds=1.0).best is None


def test_each_player_is_shown_their_own_first_rounds() -> None:
    both = made.configuration(made.FLAT, made.SPREAD, names=("one", "two"))
    tally = made.tally(both, made.deal(44, 3, hands=(1, 1)))
    records = history(both, 7, 0, HISTORY_ROUNDS_MAX + 20)
    result = summarize(simulation_order(both), tally, stopped="rounds", seconds=1.0, history=records)
    for number, player in enumerate(result.players):
        assert player.hand_history is not None
        assert len(player.hand_history) == HISTORY_ROUNDS_MAX
        for shown, record in zip(player.hand_history, records, strict=False):
            assert shown.net == record.seats[number].net
            assert [hand.cards for hand in shown.hands] == [hand.cards for hand in record.seats[number].hands]
            assert shown.dealer == record.dealer
    assert isinstance(read(msgspec.json.decode(msgspec.json.encode(result))), SimulationResult)


def test_who_has_left_is_not_given_anothers_rounds() -> None:
    both = made.configuration(made.FLAT, made.SPREAD, names=("one", "two"))
    records = [
        msgspec.structs.replace(record, seats=record.seats[1:]) if number else record
        for number, record in enumerate(history(both, 7, 0, 5))
    ]
    tally = made.tally(both, made.deal(44, 3, hands=(1, 1)))
    one, two = summarize(simulation_order(both), tally, stopped="rounds", seconds=1.0, history=records).players
    assert len(one.hand_history or ()) == 1
    assert [each.net for each in two.hand_history or ()] == [record.seats[-1].net for record in records]


def test_history_that_nobody_asked_for_is_null() -> None:
    assert simulated(CONFIGURATION, BLOCKS).players[0].hand_history is None


@pytest.mark.parametrize(
    ("casino", "line"),
    [
        (Casino(), "6 decks, S17, DAS, split to 4 hands, no surrender, peek, blackjack 3:2, 75 % dealt"),
        (
            Casino(deck_count=1, hit_on_soft_17=True, DAS=False, blackjack_payout=1.2, allow_late_surrender=True),
            "1 deck, H17, no DAS, split to 4 hands, late surrender, peek, blackjack 6:5, 75 % dealt",
        ),
        (
            Casino(
                deck_count="infinite",
                allow_resplit_to_hands=1,
                dealer_checks_for_blackjack=False,
                offer_insurance=False,
                double_down_restrictions="hard_9_to_11",
                blackjack_payout=1.0,
            ),
            "infinite deck, S17, DAS, doubling on hard 9 to 11, no splitting, no surrender, no hole card, no insurance, blackjack 1:1",
        ),
        (
            Casino(shuffle="every_round", allow_resplit_aces=True, hit_split_aces=True, allow_early_surrender=True),
            "6 decks, S17, DAS, split to 4 hands, resplit aces, hit split aces, early surrender, peek, blackjack 3:2, shuffled every round",
        ),
    ],
)
def test_the_rules_are_said_in_one_line(casino: Casino, line: str) -> None:
    assert casino_summary(casino) == line


def test_reading_results_loads_neither_compiler_nor_plotter() -> None:
    code = (
        "import sys, libs.simulation.result, libs.simulation.reprice, libs.simulation.csv_export, libs.simulation.report\n"
        "print(sorted({'numba', 'numpy', 'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
