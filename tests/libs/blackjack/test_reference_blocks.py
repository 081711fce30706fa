"""Several hands and players, bets, counts, shuffles and sessions, as the reference plays them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from libs.blackjack.configuration import BettingStrategy, Casino, Configuration, IndexPlay, RampStep
from libs.blackjack.reference import RoundRecord, history, play
from libs.blackjack.reference.blocks import play_block, take_seats
from libs.blackjack.reference.play import record
from tests.libs.blackjack.table import FLAT, HI_LO, configuration, deal, player, seat_of, strategy

TWO_HANDS = msgspec.structs.replace(FLAT, num_hands=2)


def ramp(*steps: tuple[int | None, float], min_bet: float = 1.0) -> BettingStrategy:
    return BettingStrategy(min_bet=min_bet, bet_ramp=tuple(RampStep(from_count=at, bet=bet) for at, bet in steps))


def rounds_of_block(played: Configuration, *, seed: int = 1, block: int = 0) -> list[RoundRecord]:
    return [
        record(each, block=block, number=number)
        for number, each in enumerate(play_block(played, take_seats(played), seed, block), 1)
    ]


# Several hands and players


def test_hands_are_dealt_and_played_in_the_order_of_players() -> None:
    first, second = player(name="first", betting_strategy=TWO_HANDS), player(name="second")
    played = deal("10 2", "10 3", "10 4", dealer="6 10", then="10", players=[first, second])
    assert [[hand.cards for hand in seat.hands] for seat in played.seats] == [
        [("10", "2"), ("10", "3")],
        [("10", "4")],
    ]
    assert [seat.net for seat in played.seats] == [2, 1]


def test_a_later_player_has_seen_the_cards_of_earlier_ones() -> None:
    standing = IndexPlay(table="hard", row="16", dealer="10", index=0, action="S")
    counting = strategy(index_plays=(standing,))
    first, second = (player(name=name, playing_strategy=counting, counting_strategy=HI_LO) for name in ("1", "2"))
    # 10 6, 10 6 against a 10: -3 and +2, so under 0; the first draws a 5, which makes it 0 for the second
    played = deal("10 6", "10 6", dealer="10 7", then="5", players=[first, second])
    assert [seat.hands[0].decisions for seat in played.seats] == [("H", "S"), ("S",)]


def test_the_hole_card_is_not_counted_before_it_is_turned_over() -> None:
    doing = strategy(index_plays=(IndexPlay(table="hard", row="12", dealer="10", index=0, action="S"),))
    counting = player(playing_strategy=doing, counting_strategy=HI_LO)
    # 8 4 against a 10 is a count of 0; with the ten in the hole it would be -1
    assert seat_of(deal("8 4", dealer="10 10", players=[counting])).hands[0].decisions == ("S",)


def test_the_dealer_plays_once_for_all() -> None:
    played = deal("10 10", "10 6", dealer="10 6", then="10 3", players=[player(betting_strategy=TWO_HANDS)])
    assert played.dealer_end == "19"
    assert [hand.net for hand in seat_of(played).hands] == [1, -1]


# Bets


def test_bets_follow_the_ramp_by_the_count_before_the_round() -> None:
    spreading = player(betting_strategy=ramp((None, 1), (1, 4), (2, 8)), counting_strategy=HI_LO)
    rounds = [each for block in range(40) for each in rounds_of_block(configuration(None, spreading), block=block)]
    bets = {(seat.count, seat.bet) for each in rounds for seat in each.seats}
    assert {count for count, _ in bets} >= {-1, 0, 1, 2, 3}
    assert all(bet == (8 if count >= 2 else 4 if count == 1 else 1) for count, bet in bets)


def test_a_bet_of_nothing_plays_the_hand_for_nothing() -> None:
    waiting = configuration(None, player(betting_strategy=ramp((None, 0), min_bet=5.0)))
    (table,) = play([waiting], 1, 0, 20).tables
    (sitting,) = table.players
    assert (sitting.initial, sitting.net, sitting.wagered) == (0, 0, 0)
    assert sum(row.rounds for row in sitting.rows) == table.rounds


def test_money_is_in_twentieths_of_the_greatest_common_bet() -> None:
    betting = configuration(None, player(betting_strategy=ramp((None, 7.5), min_bet=5.0)))
    (table,) = play([betting], 1, 0, 5).tables
    assert table.players[0].initial == table.rounds * 20 * 3


# Shuffles


def test_the_round_in_which_the_cut_card_is_passed_is_the_last() -> None:
    table = configuration(Casino(deck_count=1, reshuffle_penetration=0.5))
    for block in range(50):
        rounds = rounds_of_block(table, block=block)
        used = [sum(len(hand.cards) for hand in seat_of(each).hands) + len(each.dealer) for each in rounds]
        assert sum(used[:-1]) < 26 <= sum(used)


@pytest.mark.parametrize("shuffle", ["every_round", "continuous"])
def test_a_block_is_one_round_where_every_round_is_shuffled(shuffle: str) -> None:
    assert len(rounds_of_block(configuration(Casino(shuffle=shuffle)))) == 1  # type: ignore[arg-type]


def test_a_block_is_one_round_with_endless_decks() -> None:
    assert len(rounds_of_block(configuration(Casino(deck_count="infinite")))) == 1


def test_two_tables_are_dealt_the_same_cards() -> None:
    one, other = configuration(Casino()), configuration(Casino(hit_on_soft_17=True))
    both = play([one, other], 5, 100, 30)
    assert both.tables[0] == play([one], 5, 100, 30).tables[0]
    assert both.tables[1] == play([other], 5, 100, 30).tables[0]
    assert rounds_of_block(one)[0].seats[0].hands[0].cards == rounds_of_block(other)[0].seats[0].hands[0].cards


# Sessions


@pytest.fixture(scope="module")
def poor() -> list[list[RoundRecord]]:
    short = configuration(
        Casino(deck_count=2),
        player(bankroll=12.0, betting_strategy=ramp((None, 4), min_bet=2.0)),
        mode="sessions",
        session_rounds=60,
        win_goal=24.0,
    )
    return [rounds_of_block(short, block=block) for block in range(60)]


def bankrolls(rounds: list[RoundRecord]) -> Iterator[tuple[float, RoundRecord, float]]:
    before = 12.0
    for each in rounds:
        after = seat_of(each).bankroll
        assert after is not None
        yield before, each, after
        before = after


def test_a_bankroll_is_what_it_was_and_what_was_won(poor: list[list[RoundRecord]]) -> None:
    for rounds in poor:
        assert all(after == before + seat_of(each).net for before, each, after in bankrolls(rounds))


def test_nobody_puts_down_more_than_they_have(poor: list[list[RoundRecord]]) -> None:
    for rounds in poor:
        for before, each, _ in bankrolls(rounds):
            assert sum(hand.bet + hand.insurance for hand in seat_of(each).hands) <= before


def test_a_bet_that_is_not_covered_becomes_what_is(poor: list[list[RoundRecord]]) -> None:
    bets = {(before, seat_of(each).bet) for rounds in poor for before, each, _ in bankrolls(rounds)}
    assert (2.0, 2.0) in bets
    assert all(bet == (4 if before >= 4 else 2) for before, bet in bets)


def test_who_cannot_cover_the_least_bet_leaves_ruined(poor: list[list[RoundRecord]]) -> None:
    ends = [seat_of(rounds[-1]).bankroll for rounds in poor if len(rounds) < 60]
    assert {end for end in ends if end is not None and end < 24} == {0.0, 1.0}


def test_a_player_leaves_with_the_goal(poor: list[list[RoundRecord]]) -> None:
    assert any((seat_of(rounds[-1]).bankroll or 0) >= 24 for rounds in poor)
    assert all((seat_of(each).bankroll or 0) < 24 for rounds in poor for each in rounds[:-1])


def test_a_session_goes_on_with_the_next_shoe() -> None:
    long = configuration(None, player(bankroll=10_000.0), mode="sessions", session_rounds=120)
    rounds = rounds_of_block(long)
    assert len(rounds) == 120
    assert [each.shoe for each in rounds] == sorted(each.shoe for each in rounds)
    assert rounds[-1].shoe >= 2


def test_the_table_plays_on_without_who_has_left() -> None:
    leaving, staying = player(name="leaving", bankroll=1.0), player(name="staying", bankroll=1000.0)
    both = configuration(None, leaving, staying, mode="sessions", session_rounds=100)
    rounds = [each for block in range(5) for each in rounds_of_block(both, block=block)]
    assert {tuple(seat.player for seat in each.seats) for each in rounds} == {("leaving", "staying"), ("staying",)}
    assert len(rounds) == 500


def test_a_double_that_is_not_covered_is_a_hit() -> None:
    assert seat_of(deal("5 6", dealer="6 10", then="10 10", bankroll=1.99)).hands[0].decisions == ("H", "S")
    assert seat_of(deal("5 6", dealer="6 10", then="10 10", bankroll=2.0)).hands[0].decisions == ("D",)


def test_a_split_that_is_not_covered_is_played_as_its_total() -> None:
    assert seat_of(deal("8 8", dealer="6 10", then="10", bankroll=1.5)).hands[0].decisions == ("S",)


def test_insurance_that_is_not_covered_is_not_taken() -> None:
    insuring = player(playing_strategy=strategy(insurance_index=-12))
    assert seat_of(deal("10 9", dealer="A 10", players=[insuring], bankroll=1.49)).net == -1
    assert seat_of(deal("10 9", dealer="A 10", players=[insuring], bankroll=1.5)).net == 0


def test_sessions_are_counted_by_how_they_ended() -> None:
    table = configuration(None, player(bankroll=10.0), mode="sessions", session_rounds=200, win_goal=20.0)
    sessions = play([table], 1, 0, 60).tables[0].players[0].sessions
    assert sessions is not None
    assert sessions.sessions == 60
    assert sessions.ruined > 5
    assert sessions.goals > 5
    assert all(sum(path) == 60 for path in sessions.paths)


# Histories and ranges


def test_a_history_is_as_long_as_was_asked() -> None:
    records = history(configuration(), 1, 0, 100)
    assert len(records) == 100
    assert [each.round for each in records[:3]] == [1, 2, 3]
    assert records[-1].block == 2


def test_there_is_no_history_where_nobody_can_cover_a_bet() -> None:
    assert history(configuration(None, player(bankroll=0.5), mode="sessions"), 1, 0, 10) == []


def test_play_ends_after_the_block_in_which_there_are_enough_rounds() -> None:
    tally = play([configuration()], 1, 0, 1000, rounds_min=100)
    assert tally.tables[0].rounds >= 100
    assert tally.blocks == 3


def test_moments_are_products_of_the_vectors_of_blocks() -> None:
    tally = play([configuration()], 1, 3, 1)
    table = tally.tables[0]
    rounds, net, initial = table.rounds, table.players[0].net, table.players[0].initial
    assert tally.moments == (
        rounds**2,
        rounds * net,
        rounds * initial,
        net**2,
        net * initial,
        initial**2,
    )


def test_records_are_written_as_json() -> None:
    (round_,) = history(configuration(), 1, 0, 1)
    assert msgspec.json.decode(msgspec.json.encode(round_), type=RoundRecord) == round_
