"""The compiled engine: the same tally however it is run, and nothing that it cannot play exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.blackjack.configuration import BettingStrategy, Casino, Configuration, RampStep
from libs.blackjack.engine import BLOCK_MAX, SEED_MAX, rounds_per_block, simulate, warm_up
from libs.blackjack.outcomes import named_counts
from libs.blackjack.tally import Tally, digest, merge
from tests.libs.blackjack.table import HI_LO, configuration, player

RAMP = BettingStrategy(
    min_bet=5.0,
    bet_ramp=(RampStep(from_count=None, bet=5.0), RampStep(from_count=1, bet=20.0), RampStep(from_count=3, bet=60.0)),
)
COUNTER = player(betting_strategy=RAMP, counting_strategy=HI_LO, bankroll=500.0)
SHOES = configuration(None, COUNTER)
ROUNDS = configuration(Casino(shuffle="every_round"), COUNTER, player())
ENDLESS = configuration(Casino(deck_count="infinite"))
SESSIONS = configuration(None, COUNTER, player(), mode="sessions", session_rounds=60, win_goal=900.0)
FRESH_SESSIONS = configuration(Casino(shuffle="continuous"), COUNTER, mode="sessions", session_rounds=40)
TABLES = {"shoes": SHOES, "rounds": ROUNDS, "endless": ENDLESS, "sessions": SESSIONS, "fresh": FRESH_SESSIONS}


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_cutting_of_the_blocks_merges_to_the_same_tally(name: str, data: st.DataObject) -> None:
    blocks, first = 40, data.draw(st.sampled_from([0, 2**32 - 20, 2**52]))
    cuts = sorted(data.draw(st.sets(st.integers(1, blocks - 1), max_size=6)))
    parts = [
        simulate([TABLES[name]], 5, first + start, end - start)
        for start, end in zip([0, *cuts], [*cuts, blocks], strict=True)
    ]
    assert digest(merge(parts)) == digest(simulate([TABLES[name]], 5, first, blocks))


def test_threads_play_the_same_as_one() -> None:
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda first: simulate([SHOES, SESSIONS], 5, first, 25), range(0, 200, 25)))
    assert digest(merge(parts)) == digest(simulate([SHOES, SESSIONS], 5, 0, 200))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shoes", "255aa2ca6bb9d76c"),
        ("rounds", "411d363a55c76b5f"),
        ("endless", "d39deb7e8fcbf2c7"),
        ("sessions", "2746c1cea9740d87"),
        ("fresh", "57b8264015ee2796"),
    ],
)
def test_what_was_once_played_is_played_again(name: str, expected: str) -> None:
    """A change here breaks every stored digest: it needs another `ENGINE_VERSION`."""
    assert digest(simulate([TABLES[name]], 2026, 11, 300))[:16] == expected


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_same_alone_and_compared(name: str) -> None:
    alone = simulate([TABLES[name]], 5, 0, 50)
    compared = simulate([SHOES, TABLES[name]], 5, 0, 50)
    assert compared.tables[1] == alone.tables[0]


def test_it_ends_after_the_block_that_has_the_rounds() -> None:
    ended = simulate([SHOES, ROUNDS], 5, 3, 10**6, rounds_min=5_000)
    before = simulate([SHOES], 5, 3, ended.blocks - 1)
    assert before.tables[0].rounds < 5_000 <= ended.tables[0].rounds
    assert ended == simulate([SHOES, ROUNDS], 5, 3, ended.blocks)


def test_rounds_that_are_already_there_need_no_block() -> None:
    assert simulate([SHOES], 5, 3, 100, rounds_min=0).blocks == 0


def test_no_blocks_are_an_empty_tally_that_merges() -> None:
    some = simulate([SESSIONS], 5, 0, 10)
    assert merge([some, simulate([SESSIONS], 5, 10, 0)]) == some


@pytest.mark.parametrize("name", TABLES)
def test_moments_are_the_sums_over_single_blocks(name: str) -> None:
    tables = [TABLES[name], SHOES]
    blocks = [simulate(tables, 5, block, 1) for block in range(30)]
    expected = None
    for tally in blocks:
        vector = [
            entry
            for table in tally.tables
            for entry in [table.rounds, *(amount for each in table.players for amount in (each.net, each.initial))]
        ]
        products = [one * other for place, one in enumerate(vector) for other in vector[place:]]
        assert list(tally.moments) == products
        expected = products if expected is None else [sum(both) for both in zip(expected, products, strict=True)]
    assert list(simulate(tables, 5, 0, 30).moments) == expected


def test_moments_of_large_bets_are_exact() -> None:
    """A unit of a cent and bets of thousands: squares that no machine number holds."""
    large = BettingStrategy(
        min_bet=0.01, bet_ramp=(RampStep(from_count=None, bet=0.01), RampStep(from_count=-12, bet=100_000.0))
    )
    table = configuration(None, player(betting_strategy=large))
    blocks = [simulate([table], 5, block, 1) for block in range(20)]
    vectors = [
        (tally.tables[0].rounds, *(tally.tables[0].players[0].net, tally.tables[0].players[0].initial))
        for tally in blocks
    ]
    expected = [sum(vector[one] * vector[other] for vector in vectors) for one in range(3) for other in range(one, 3)]
    assert list(simulate([table], 5, 0, 20).moments) == expected
    assert max(expected) > 2**63


@pytest.mark.parametrize("name", TABLES)
def test_the_parts_of_a_tally_agree_with_each_other(name: str) -> None:
    tally = simulate([TABLES[name]], 9, 0, 400)
    table = tally.tables[0]
    assert sum(table.dealer) == table.rounds
    for seat, played in zip(TABLES[name].players, table.players, strict=True):
        counts = named_counts(played.outcomes)
        rounds = sum(row.rounds for row in played.rows)
        assert rounds <= table.rounds
        assert all(sum(row.results.values()) == row.rounds for row in played.rows)
        assert counts["hands"] >= rounds * seat.betting_strategy.num_hands
        if played.sessions is None:
            assert rounds == table.rounds
        else:
            assert all(sum(path) == played.sessions.sessions == tally.blocks for path in played.sessions.paths)
            assert played.sessions.final >= 0


def test_results_of_rows_are_the_net_of_a_flat_bet() -> None:
    flat = simulate([configuration(None, player(counting_strategy=HI_LO))], 9, 0, 500).tables[0].players[0]
    assert flat.net == sum(result * rounds for row in flat.rows for result, rounds in row.results.items())
    assert flat.wagered == sum(row.wagered for row in flat.rows)
    assert len(flat.rows) > 10


def test_basic_strategy_loses_half_a_percent() -> None:
    table = configuration(Casino(deck_count="infinite"))
    played = simulate([table], 1, 0, 2_000_000).tables[0].players[0]
    assert played.net / played.initial == pytest.approx(-0.0052, abs=4 * 1.155 / 2_000_000**0.5)


@pytest.mark.parametrize("name", ["rounds", "endless"])
def test_a_block_of_a_fresh_shoe_is_one_round(name: str) -> None:
    assert rounds_per_block(TABLES[name]) == 1.0


def test_rounds_per_block_is_about_right_and_always_the_same() -> None:
    tally = simulate([SHOES], 77, 0, 2_000)
    assert rounds_per_block(SHOES) == pytest.approx(tally.tables[0].rounds / tally.blocks, rel=0.02)
    assert rounds_per_block(SHOES) == rounds_per_block(SHOES)


def test_warming_up_twice_is_once_too_often_but_harmless() -> None:
    warm_up()
    warm_up()


LARGE = BettingStrategy(min_bet=0.01, bet_ramp=(RampStep(from_count=None, bet=200_000.0),))


def changed(**fields: Any) -> Configuration:
    return msgspec.structs.replace(SHOES, **fields)


@pytest.mark.parametrize(
    ("tables", "seed", "first", "blocks"),
    [
        ([], 0, 0, 1),
        ([SHOES] * 3, 0, 0, 1),
        ([SHOES], -1, 0, 1),
        ([SHOES], SEED_MAX + 1, 0, 1),
        ([SHOES], 0, -1, 1),
        ([SHOES], 0, 0, -1),
        ([SHOES], 0, BLOCK_MAX, 1),
        ([changed(players=(COUNTER,) * 8)], 0, 0, 1),
        ([changed(players=())], 0, 0, 1),
        ([changed(mode="sessions", session_rounds=10**13)], 0, 0, 1),
        ([changed(casino=Casino(allow_resplit_to_hands=0))], 0, 0, 1),
        ([changed(mode="sessions", session_rounds=1, players=(player(betting_strategy=LARGE),))], 0, 0, 1),
    ],
)
def test_what_cannot_be_played_exactly_is_refused(tables: Any, seed: int, first: int, blocks: int) -> None:
    with pytest.raises(ValueError, match=r"table|seed|blocks|large|sessions"):
        simulate(tables, seed, first, blocks)


def test_the_last_block_and_the_last_seed_are_played() -> None:
    played: Tally = simulate([SHOES], SEED_MAX, BLOCK_MAX - 1, 1)
    assert played.blocks == 1
