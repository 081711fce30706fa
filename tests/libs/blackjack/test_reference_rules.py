"""Each rule of the table, with cards laid out by hand: player's cards, dealer's cards, what is drawn then."""

from __future__ import annotations

import pytest

from libs.blackjack.configuration import Casino, IndexPlay
from tests.libs.blackjack.table import deal, player, seat_of, strategy

PEEK = Casino()
NO_HOLE = Casino(dealer_checks_for_blackjack=False)
INSURING = player(playing_strategy=strategy(insurance_index=-12))


# Naturals


def test_a_natural_is_paid_three_to_two() -> None:
    played = deal("A 10", dealer="9 9")
    assert seat_of(played).net == 1.5
    assert played.dealer_end == "not played"


@pytest.mark.parametrize(("payout", "net"), [(1.2, 1.2), (1.0, 1.0), (2.0, 2.0), (1.15, 1.15)])
def test_a_natural_is_paid_as_the_casino_pays(payout: float, net: float) -> None:
    assert seat_of(deal("10 A", dealer="9 9", casino=Casino(blackjack_payout=payout))).net == net


def test_two_naturals_are_a_push() -> None:
    played = deal("A 10", dealer="A 10")
    assert seat_of(played).net == 0
    assert seat_of(played).hands[0].outcome == "natural_push"


def test_a_split_ace_with_a_ten_is_no_natural_and_pushes_against_21() -> None:
    played = deal("A A", dealer="6 5", then="10 9 10")
    assert [hand.net for hand in seat_of(played).hands] == [0, -1]


def test_split_tens_with_an_ace_are_paid_even_money() -> None:
    player_ = player(playing_strategy=strategy({("pairs", "10,10", "6"): "P"}))
    played = deal("10 10", dealer="6 10", then="A A 10", players=[player_])
    assert [hand.net for hand in seat_of(played).hands] == [1, 1]


def test_three_cards_that_come_to_21_lose_to_a_blackjack_without_hole_card() -> None:
    played = deal("7 4", dealer="A", then="10 10", casino=NO_HOLE)
    assert seat_of(played).hands[0].decisions == ("H", "S")
    assert seat_of(played).net == -1


# The dealer looks for blackjack


@pytest.mark.parametrize("dealer", ["A 10", "10 A"])
def test_after_a_peek_at_blackjack_nobody_plays(dealer: str) -> None:
    played = deal("5 6", dealer=dealer)
    assert seat_of(played).hands[0].decisions == ()
    assert (seat_of(played).net, played.dealer_end) == (-1, "blackjack")


def test_with_a_peek_a_split_costs_no_more_than_was_bet() -> None:
    assert seat_of(deal("8 8", dealer="10 A")).net == -1


def test_without_a_hole_card_a_double_is_lost_to_blackjack() -> None:
    played = deal("5 6", dealer="10", then="9 A", casino=NO_HOLE)
    assert seat_of(played).hands[0].decisions == ("D",)
    assert seat_of(played).net == -2


def test_without_a_hole_card_every_split_hand_is_lost_to_blackjack() -> None:
    played = deal("8 8", dealer="10", then="10 3 10 A", casino=NO_HOLE)
    assert seat_of(played).net == -3


def test_without_a_hole_card_naturals_are_settled_by_one_card() -> None:
    played = deal("A 10", dealer="10", then="6", casino=NO_HOLE)
    assert (seat_of(played).net, played.dealer_end, played.dealer) == (1.5, "not played", ("10", "6"))


def test_without_a_hole_card_a_natural_against_a_nine_needs_no_card() -> None:
    assert deal("A 10", dealer="9", casino=NO_HOLE).dealer == ("9",)


def test_without_a_hole_card_the_dealer_draws_nothing_against_a_bust() -> None:
    played = deal("10 6", dealer="10", then="10", casino=NO_HOLE)
    assert (seat_of(played).net, played.dealer_end) == (-1, "not played")


def test_a_hole_card_is_turned_over_even_if_everybody_is_bust() -> None:
    assert deal("10 6", dealer="10 5", then="10").dealer == ("10", "5")


# Insurance


def test_insurance_pays_two_to_one_for_half_the_bet() -> None:
    hand = seat_of(deal("10 9", dealer="A 10", players=[INSURING])).hands[0]
    assert (hand.insurance, hand.net) == (0.5, 0)


def test_insurance_is_lost_where_there_is_no_blackjack() -> None:
    assert seat_of(deal("10 9", dealer="A 7", players=[INSURING])).net == 1 - 0.5


@pytest.mark.parametrize("hole", ["10", "9"])
def test_a_natural_that_is_insured_wins_even_money(hole: str) -> None:
    assert seat_of(deal("A 10", dealer=f"A {hole}", players=[INSURING])).net == 1


def test_insurance_is_offered_against_an_ace_only() -> None:
    assert seat_of(deal("10 9", dealer="10 A", players=[INSURING])).net == -1


def test_where_no_insurance_is_offered_none_is_taken() -> None:
    played = deal("10 9", dealer="A 10", players=[INSURING], casino=Casino(offer_insurance=False))
    assert seat_of(played).net == -1


def test_without_a_hole_card_an_open_insurance_makes_the_dealer_draw() -> None:
    played = deal("10 6", dealer="A", then="10 10", players=[INSURING], casino=NO_HOLE)
    assert (played.dealer_end, seat_of(played).net) == ("blackjack", -1 + 1)


# Surrender

LATE = Casino(allow_late_surrender=True)
EARLY = Casino(allow_early_surrender=True)


def test_late_surrender_loses_half() -> None:
    hand = seat_of(deal("10 6", dealer="10 7", casino=LATE)).hands[0]
    assert (hand.outcome, hand.net) == ("surrender", -0.5)


def test_late_surrender_comes_after_the_dealer_has_looked() -> None:
    assert seat_of(deal("10 6", dealer="10 A", casino=LATE)).net == -1


def test_early_surrender_loses_half_whatever_the_dealer_has() -> None:
    assert seat_of(deal("10 6", dealer="10 A", casino=EARLY)).net == -0.5


def test_where_both_surrenders_are_allowed_the_early_one_is_used() -> None:
    both = Casino(allow_late_surrender=True, allow_early_surrender=True)
    assert seat_of(deal("10 6", dealer="10 A", casino=both)).net == -0.5
    assert seat_of(deal("10 6", dealer="9 10", casino=both)).net == -0.5


def test_without_a_hole_card_late_surrender_loses_all_to_a_blackjack() -> None:
    casino = Casino(allow_late_surrender=True, dealer_checks_for_blackjack=False)
    hand = seat_of(deal("10 6", dealer="10", then="A", casino=casino)).hands[0]
    assert (hand.outcome, hand.net) == ("dealer_blackjack", -1)
    assert seat_of(deal("10 6", dealer="10", then="5", casino=casino)).net == -0.5


def test_without_a_hole_card_a_late_surrender_to_a_nine_needs_no_card() -> None:
    casino = Casino(allow_late_surrender=True, dealer_checks_for_blackjack=False)
    assert deal("10 6", dealer="9", casino=casino).dealer == ("9",)


def test_an_insured_hand_may_surrender_early() -> None:
    played = deal("10 6", dealer="A 10", casino=EARLY, players=[INSURING])
    assert seat_of(played).net == -0.5 + 1


def test_surrender_that_is_not_allowed_hits() -> None:
    assert seat_of(deal("10 6", dealer="10 7", then="5")).hands[0].decisions == ("H", "S")


def test_surrender_else_stand_stands_where_it_is_not_allowed() -> None:
    careful = player(playing_strategy=strategy({("hard", "16", "10"): "u"}))
    assert seat_of(deal("10 6", dealer="10 7", players=[careful])).hands[0].decisions == ("S",)


def test_no_surrender_on_three_cards() -> None:
    assert seat_of(deal("5 4", dealer="10 7", then="7 10", casino=LATE)).hands[0].decisions == ("H", "H")


def test_no_surrender_after_a_split() -> None:
    played = deal("8 8", dealer="10 7", then="7 2 10", casino=LATE)
    assert [hand.decisions for hand in seat_of(played).hands] == [("P", "H", "S"), ("S",)]


@pytest.mark.parametrize("surrender", ["R", "u"])
def test_a_pair_that_may_not_surrender_is_split(surrender: str) -> None:
    giving_up = player(playing_strategy=strategy({("pairs", "8,8", "10"): surrender}))  # type: ignore[dict-item]
    assert len(seat_of(deal("8 8", dealer="10 7", then="10 10", players=[giving_up])).hands) == 2
    assert seat_of(deal("8 8", dealer="10 7", casino=LATE, players=[giving_up])).net == -0.5


def test_a_pair_that_may_not_be_split_is_surrendered_as_its_total() -> None:
    casino = Casino(allow_late_surrender=True, allow_resplit_to_hands=1)
    assert seat_of(deal("8 8", dealer="10 7", casino=casino)).net == -0.5


# Splits


def test_split_eights_double_after_the_split_and_the_dealer_busts() -> None:
    played = deal("8 8", dealer="6 10", then="3 10 10 10")
    hands = seat_of(played).hands
    assert [hand.cards for hand in hands] == [("8", "3", "10"), ("8", "10")]
    assert [hand.decisions for hand in hands] == [("P", "D"), ("S",)]
    assert [hand.net for hand in hands] == [2, 1]
    assert played.dealer_end == "bust"


def test_without_doubling_after_a_split_eleven_is_hit() -> None:
    played = deal("8 8", dealer="6 10", then="3 10 10 10", casino=Casino(DAS=False))
    assert [hand.decisions for hand in seat_of(played).hands] == [("P", "H", "S"), ("S",)]


def test_hands_are_split_depth_first() -> None:
    played = deal("8 8", dealer="6 10", then="8 10 9 7 10")
    assert [hand.cards for hand in seat_of(played).hands] == [("8", "10"), ("8", "9"), ("8", "7")]


def test_a_pair_is_split_again_up_to_the_limit_of_hands() -> None:
    played = deal("8 8", dealer="6 10", then="8 8 8 10 10 10 10", casino=Casino(allow_resplit_to_hands=4))
    hands = seat_of(played).hands
    assert [hand.cards for hand in hands] == [("8", "8"), ("8", "10"), ("8", "10"), ("8", "10")]
    assert hands[0].decisions == ("P", "P", "P", "S")


def test_a_limit_of_two_hands_allows_no_second_split() -> None:
    played = deal("8 8", dealer="6 10", then="8 8 10", casino=Casino(allow_resplit_to_hands=2))
    assert [hand.cards for hand in seat_of(played).hands] == [("8", "8"), ("8", "8")]


def test_a_limit_of_one_hand_forbids_splitting() -> None:
    played = deal("8 8", dealer="6 10", then="10", casino=Casino(allow_resplit_to_hands=1))
    assert seat_of(played).hands[0].decisions == ("S",)


def test_split_aces_get_one_card_each() -> None:
    played = deal("A A", dealer="6 10", then="5 6 10")
    assert [hand.cards for hand in seat_of(played).hands] == [("A", "5"), ("A", "6")]


def test_split_aces_are_not_split_again() -> None:
    played = deal("A A", dealer="6 10", then="A 6 10")
    assert [hand.cards for hand in seat_of(played).hands] == [("A", "A"), ("A", "6")]


def test_split_aces_are_split_again_where_that_is_allowed() -> None:
    played = deal("A A", dealer="6 10", then="A 5 6 7 10", casino=Casino(allow_resplit_aces=True))
    assert [hand.cards for hand in seat_of(played).hands] == [("A", "5"), ("A", "6"), ("A", "7")]


def test_split_aces_are_played_where_hitting_them_is_allowed() -> None:
    played = deal("A A", dealer="6 10", then="5 4 2 10 10", casino=Casino(hit_split_aces=True))
    assert [hand.decisions for hand in seat_of(played).hands] == [("P", "D"), ("D",)]
    assert [hand.cards for hand in seat_of(played).hands] == [("A", "5", "4"), ("A", "2", "10")]


def test_a_pair_of_aces_that_may_not_be_split_is_hit() -> None:
    played = deal("A A", dealer="6 10", then="9 10", casino=Casino(allow_resplit_to_hands=1))
    assert seat_of(played).hands[0].decisions == ("H", "S")


def test_king_and_ten_are_a_pair() -> None:
    splitting = player(playing_strategy=strategy({("pairs", "10,10", "6"): "P"}))
    assert len(seat_of(deal("10 10", dealer="6 10", then="9 9 10", players=[splitting])).hands) == 2


def test_fours_that_may_not_be_split_are_hit_as_hard_eight() -> None:
    played = deal("4 4", dealer="6 10", then="10 10", casino=Casino(allow_resplit_to_hands=1))
    assert seat_of(played).hands[0].decisions == ("H", "S")


@pytest.mark.parametrize(("pair", "then"), [("2 2", "10 10"), ("3 3", "10 10")])
def test_a_total_below_eight_is_hit(pair: str, then: str) -> None:
    played = deal(pair, dealer="6 10", then=then, casino=Casino(allow_resplit_to_hands=1))
    assert seat_of(played).hands[0].decisions == ("H", "S")


# Doubling


def test_a_double_gets_exactly_one_card() -> None:
    hand = seat_of(deal("5 6", dealer="6 10", then="2 10")).hands[0]
    assert (hand.cards, hand.bet, hand.net) == (("5", "6", "2"), 2, 2)


def test_a_double_that_busts_loses_two_bets() -> None:
    reckless = player(playing_strategy=strategy({("hard", "16", "10"): "D"}))
    hand = seat_of(deal("10 6", dealer="10 5", then="6", players=[reckless])).hands[0]
    assert (hand.outcome, hand.net) == ("bust", -2)


def test_three_cards_are_not_doubled() -> None:
    assert seat_of(deal("2 3", dealer="6 10", then="6 10 10")).hands[0].decisions == ("H", "H", "S")


@pytest.mark.parametrize(
    ("restriction", "hand", "doubles"),
    [
        ("any_two_cards", "A 7", True),
        ("hard_8_to_11", "A 7", False),
        ("hard_9_to_11", "4 5", True),
        ("hard_10_to_11", "4 5", False),
        ("hard_10_to_11", "5 5", True),
        ("hard_10_to_11", "6 5", True),
        ("none", "6 5", False),
    ],
)
def test_doubling_is_restricted_to_some_totals(restriction: str, hand: str, doubles: bool) -> None:
    casino = Casino(double_down_restrictions=restriction)  # type: ignore[arg-type]
    stands = hand == "A 7"
    then = "10" if stands and not doubles else "10 10"
    played = seat_of(deal(hand, dealer="6 10", then=then, casino=casino)).hands[0]
    assert (played.decisions[0] == "D") is doubles


def test_eight_is_doubled_where_the_table_says_so_and_the_casino_allows_it() -> None:
    eager = player(playing_strategy=strategy({("hard", "8", "6"): "D"}))
    casino = Casino(double_down_restrictions="hard_8_to_11")
    assert seat_of(deal("5 3", dealer="6 10", then="10 10", casino=casino, players=[eager])).net == 2


def test_restrictions_count_after_a_split_too() -> None:
    casino = Casino(double_down_restrictions="hard_10_to_11")
    eager = player(playing_strategy=strategy({("hard", "9", "6"): "D"}))
    played = deal("6 6", dealer="6 10", then="3 10 5 10 10", casino=casino, players=[eager])
    assert [hand.decisions for hand in seat_of(played).hands] == [("P", "H", "S"), ("D",)]


@pytest.mark.parametrize(("hand", "decision"), [("A 6", "H"), ("A 7", "S"), ("A 8", "S")])
def test_soft_hands_that_may_not_be_doubled_are_hit_to_17_and_stood_from_18(hand: str, decision: str) -> None:
    eager = player(playing_strategy=strategy({("soft", "19", "6"): "D"}))
    casino = Casino(double_down_restrictions="hard_9_to_11")
    played = seat_of(
        deal(hand, dealer="6 10", then="10 10" if decision == "H" else "10", casino=casino, players=[eager])
    )
    assert played.hands[0].decisions[0] == decision


# The dealer


@pytest.mark.parametrize(("hits", "end"), [(False, "17"), (True, "20")])
def test_the_dealer_hits_soft_17_where_the_rules_say_so(hits: bool, end: str) -> None:
    played = deal("10 8", dealer="6 A", then="3" if hits else "", casino=Casino(hit_on_soft_17=hits))
    assert played.dealer_end == end


def test_the_dealer_hits_a_soft_17_of_three_cards_too() -> None:
    played = deal("10 8", dealer="2 A", then="4 10", casino=Casino(hit_on_soft_17=True))
    assert (played.dealer, played.dealer_end) == (("2", "A", "4", "10"), "17")


def test_the_dealer_stands_on_hard_17_with_an_ace() -> None:
    played = deal("10 8", dealer="6 10", then="A", casino=Casino(hit_on_soft_17=True))
    assert played.dealer_end == "17"


def test_equal_totals_are_a_push() -> None:
    assert seat_of(deal("10 8", dealer="9 9")).hands[0].outcome == "push"


# Index plays


def test_an_index_play_replaces_the_cell_from_its_count_on() -> None:
    standing = IndexPlay(table="hard", row="16", dealer="10", index=0, action="S")
    patient = player(playing_strategy=strategy(index_plays=(standing,)))
    assert seat_of(deal("10 6", dealer="10 7", players=[patient])).hands[0].decisions == ("S",)


def test_an_index_play_above_the_count_changes_nothing() -> None:
    standing = IndexPlay(table="hard", row="16", dealer="10", index=1, action="S")
    patient = player(playing_strategy=strategy(index_plays=(standing,)))
    assert seat_of(deal("10 6", dealer="10 7", then="5", players=[patient])).hands[0].decisions == ("H", "S")


def test_an_index_play_below_counts_under_its_index_only() -> None:
    hitting = IndexPlay(table="hard", row="13", dealer="2", index=0, action="H", below=True)
    bold = player(playing_strategy=strategy(index_plays=(hitting,)))
    assert seat_of(deal("10 3", dealer="2 10", then="10", players=[bold])).hands[0].decisions == ("S",)


def test_of_two_index_plays_that_apply_the_later_one_counts() -> None:
    plays = (
        IndexPlay(table="hard", row="16", dealer="10", index=-5, action="D"),
        IndexPlay(table="hard", row="16", dealer="10", index=-9, action="S"),
    )
    torn = player(playing_strategy=strategy(index_plays=plays))
    assert seat_of(deal("10 6", dealer="10 7", players=[torn])).hands[0].decisions == ("S",)
