"""How the rules of a table are read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.libs.simulation.asking import casino, notes, problems, simulation

SPELLED = [
    ({"hit_on_soft_17": True}, "hit_on_soft_17", True),
    ({"dealer_hits_on_soft_17": True}, "hit_on_soft_17", True),
    ({"dealer_stands_on_soft_17": True}, "hit_on_soft_17", False),
    ({"dealer_stands_on_soft_17": False}, "hit_on_soft_17", True),
    ({"H17": True}, "hit_on_soft_17", True),
    ({"DAS": False}, "DAS", False),
    ({"das": False}, "DAS", False),
    ({"allow_double_after_split": False}, "DAS", False),
    ({"num_decks": 2}, "deck_count", 2),
    ({"deck_count": 2.0}, "deck_count", 2),
    ({"deck_count": "Infinite"}, "deck_count", "infinite"),
    ({"penetration": 75}, "reshuffle_penetration", 0.75),
    ({"reshuffle_penetration": 66.7}, "reshuffle_penetration", 0.667),
    ({"reshuffle_penetration": 0.5}, "reshuffle_penetration", 0.5),
    ({"blackjack_payout": "3:2"}, "blackjack_payout", 1.5),
    ({"blackjack_payout": "6:5"}, "blackjack_payout", 1.2),
    ({"blackjack_payout": "7/5"}, "blackjack_payout", 1.4),
    ({"blackjack_payout": 1}, "blackjack_payout", 1.0),
    ({"double_down_restrictions": "9-11"}, "double_down_restrictions", "hard_9_to_11"),
    ({"double_down_restrictions": "Any two cards"}, "double_down_restrictions", "any_two_cards"),
    ({"no_hole_card": True}, "dealer_checks_for_blackjack", False),
    ({"late-surrender": True}, "allow_late_surrender", True),
    ({"shuffle": "CSM"}, "shuffle", "continuous"),
]


@pytest.mark.parametrize(("written", "rule", "value"), SPELLED)
def test_a_rule_is_understood(written: dict[str, Any], rule: str, value: Any) -> None:
    assert getattr(casino(**written), rule) == value


@pytest.mark.parametrize("written", [rule for rule, name, _ in SPELLED if name not in rule])
def test_another_spelling_is_noted(written: dict[str, Any]) -> None:
    (key,) = written
    assert notes(casino=written).keys() == {f"/casino/{key}"}


def test_a_percentage_is_noted() -> None:
    assert notes(casino={"reshuffle_penetration": 75}) == {
        "/casino/reshuffle_penetration": "75 was read as a percentage: 0.75."
    }


IN_TEXT: list[tuple[dict[str, Any], str]] = [
    ({"decks": "8"}, '"8" was read as 8.'),
    ({"reshuffle_penetration": "80%"}, '"80%" was read as 0.8.'),
    ({"reshuffle_penetration": "75 %"}, '"75 %" was read as 0.75.'),
    ({"reshuffle_penetration": "0.75"}, '"0.75" was read as 0.75.'),
    ({"late surrender": "Yes"}, '"Yes" was read as true.'),
    ({"blackjack_payout": "1.2"}, '"1.2" was read as 1.2.'),
]


@pytest.mark.parametrize(("written", "note"), IN_TEXT)
def test_what_can_only_mean_one_thing_is_understood_in_text_and_noted(written: dict[str, Any], note: str) -> None:
    (key,) = written
    found = simulation(casino=written).notes
    assert note in [one.detail for one in found if one.pointer == f"/casino/{key}"]


def test_a_contrary_in_text_is_turned_round() -> None:
    assert casino(s17="no").hit_on_soft_17 is True


REFUSED = [
    {"reshuffle_penetration": 0},
    {"reshuffle_penetration": 1},
    {"reshuffle_penetration": 101},
    {"reshuffle_penetration": -0.5},
    {"reshuffle_penetration": "0,75"},
    {"reshuffle_penetration": "3/4"},
    {"reshuffle_penetration": True},
    {"deck_count": 0},
    {"deck_count": 9},
    {"deck_count": 10**400},
    {"deck_count": 6.5},
    {"deck_count": True},
    {"deck_count": "six"},
    {"blackjack_payout": "double"},
    {"blackjack_payout": "3:0"},
    {"blackjack_payout": 1.51},
    {"blackjack_payout": 0.5},
    {"blackjack_payout": float("inf")},
    {"blackjack_payout": float("nan")},
    {"DAS": 1},
    {"DAS": "perhaps"},
    {"DAS": "1"},
    {"deck_count": "80%"},
    {"deck_count": ""},
    {"DAS": None},
    {"allow_resplit_to_hands": 0},
    {"allow_resplit_to_hands": 5},
    {"double_down_restrictions": None},
    {"double_down_restrictions": "hard_7_to_11"},
    {"shuffle": "never"},
    {"house_rules": {}},
    {"name": "a\nb"},
    {"name": "x" * 101},
    {"parent": "nowhere"},
    {"parent": 6},
]


@pytest.mark.parametrize("written", REFUSED)
def test_a_wrong_rule_is_a_problem_where_it_stands(written: dict[str, Any]) -> None:
    (key,) = written
    assert problems(casino=written).keys() == {f"/casino/{key}"}


def test_contradicting_synonyms_are_a_problem() -> None:
    found = problems(casino={"hit_on_soft_17": True, "dealer_stands_on_soft_17": True})
    assert found.keys() == {"/casino/dealer_stands_on_soft_17"}
    assert "contradicts `hit_on_soft_17`" in found["/casino/dealer_stands_on_soft_17"]


def test_synonyms_that_agree_are_no_problem() -> None:
    assert casino(hit_on_soft_17=True, dealer_stands_on_soft_17=False).hit_on_soft_17


def test_an_unknown_casino_is_answered_with_the_nearest_names() -> None:
    detail = problems(casino="six_deck_17")["/casino"]
    assert detail.startswith('There is no casino "six_deck_17"; did you mean `six_deck_s17` or `six_deck_h17`')


def test_a_misspelled_rule_is_answered_with_the_nearest() -> None:
    assert (
        "did you mean `reshuffle_penetration`"
        in problems(casino={"resuffle_penetration": 0.75})["/casino/resuffle_penetration"]
    )


def test_a_casino_that_is_neither_name_nor_object_is_a_problem() -> None:
    assert problems(casino=17).keys() == {"/casino"}


def test_what_is_not_said_is_as_in_the_default_table() -> None:
    assert casino() == casino(deck_count=6, reshuffle_penetration=0.75, blackjack_payout=1.5, DAS=True)
