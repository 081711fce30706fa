"""Names, parents, and which of several profiles of one name counts."""

from __future__ import annotations

from typing import Any

import pytest

from libs.simulation.request import InvalidRequest, Profiles, ProfileType, UserProfile, check_profile
from tests.libs.simulation.asking import NOBODY, player, problems, simulation

MINE = Profiles(
    [
        UserProfile("casino", "Corner", {"parent": "six_deck_h17", "penetration": 80}),
        UserProfile("casino", "corner late", {"parent": "corner", "allow_late_surrender": True}),
        UserProfile("casino", "six_deck_s17", {"parent": "six_deck_s17", "DAS": False}),
        UserProfile("casino", "a", {"parent": "b"}),
        UserProfile("casino", "b", {"parent": "c"}),
        UserProfile("casino", "c", {"parent": "a"}),
        UserProfile("casino", "lost", {"parent": "nowhere"}),
        UserProfile("betting_strategy", "high", {"parent": "flat", "min_bet": 100}),
        UserProfile("player", "ann", {"bankroll": 5000, "betting_strategy": "high", "counting_strategy": "hi_lo"}),
        UserProfile("betting_strategy", "broken", {"bet_ramp": {"1": 5}}),
    ]
)


def casino_of(name: Any, known: Profiles = MINE, **more: Any) -> Any:
    return simulation(known, casino=name, **more).configuration.casino


def test_what_a_child_does_not_say_is_its_parents() -> None:
    late = casino_of("corner late")
    assert (late.hit_on_soft_17, late.reshuffle_penetration, late.allow_late_surrender) == (True, 0.8, True)


def test_names_are_found_in_any_case_and_shown_as_they_are_kept() -> None:
    assert casino_of("CORNER").name == "Corner"


def test_ones_own_profile_goes_before_a_default_and_may_inherit_from_it() -> None:
    mine = casino_of("six_deck_s17")
    assert (mine.DAS, mine.hit_on_soft_17) == (False, False)


def test_a_jobs_profile_goes_before_ones_own() -> None:
    carried = [{"profile_type": "casino", "name": "Corner", "data": {"deck_count": 1}}]
    assert casino_of("corner", profiles=carried).deck_count == 1


def test_a_jobs_profile_may_inherit_from_ones_own_of_its_name() -> None:
    carried = [{"profile_type": "casino", "name": "Corner", "data": {"parent": "Corner", "deck_count": 2}}]
    mine = casino_of("corner", profiles=carried)
    assert (mine.deck_count, mine.hit_on_soft_17) == (2, True)


def test_a_mistake_in_a_jobs_profile_is_found_inside_it() -> None:
    carried = [{"profile_type": "casino", "name": "x", "data": {"num_decks": 9}}]
    assert problems(casino="x", profiles=carried).keys() == {"/profiles/0/data/num_decks"}


@pytest.mark.parametrize("carried", [5, [5], [{"name": "x"}], [{"profile_type": "shoe", "name": "x", "data": {}}]])
def test_carried_profiles_that_are_none_are_problems(carried: Any) -> None:
    assert all(pointer.startswith("/profiles") for pointer in problems(profiles=carried))


def test_a_circle_of_parents_is_a_problem_where_the_name_stands() -> None:
    found = problems(known=MINE, casino="a")
    assert found.keys() == {"/casino"}
    assert "a -> b -> c -> a" in found["/casino"]


def test_a_parent_that_is_not_there_is_a_problem_where_the_childs_name_stands() -> None:
    found = problems(known=MINE, casino="lost")
    assert found.keys() == {"/casino"}
    assert found["/casino"].startswith('In "lost": There is no casino "nowhere"')


def test_a_mistake_in_a_named_profile_stands_where_the_name_stands() -> None:
    found = problems(known=MINE, players=[{"betting_strategy": "broken"}])
    assert found.keys() == {"/players/0/betting_strategy"}
    assert found["/players/0/betting_strategy"].startswith('In "broken": The ramp does not cover all counts')


def test_a_player_is_named_with_all_parts() -> None:
    ann = player(MINE, profile="ann")
    assert (ann.name, ann.bankroll, ann.betting_strategy.min_bet, ann.counting_strategy.name) == (
        "ann",
        5000,
        100,
        "hi_lo",
    )


def test_an_entry_changes_a_named_player() -> None:
    ann = player(MINE, profile="ann", bankroll=7, counting_strategy="none")
    assert (ann.bankroll, ann.betting_strategy.name, ann.counting_strategy.name) == (7, "high", "none")


def test_an_entry_may_be_a_name() -> None:
    assert simulation(MINE, players=["ann", "default"]).configuration.players[0].name == "ann"


def test_players_of_one_name_get_numbers() -> None:
    players = simulation(players=["default", "default", {}]).configuration.players
    assert [player.name for player in players] == ["default", "default 2", "default 3"]


def test_a_changed_profile_says_so_in_its_name() -> None:
    assert casino_of({"parent": "six_deck_h17", "num_decks": 8}, NOBODY).name == "six_deck_h17 (changed)"


def test_an_unchanged_profile_keeps_its_name() -> None:
    assert casino_of({"parent": "six_deck_h17"}, NOBODY).name == "six_deck_h17"


def test_an_object_of_nothing_but_a_known_name_is_that_profile() -> None:
    assert casino_of({"name": "infinite_s17"}).deck_count == "infinite"
    assert casino_of({"name": "mine"}).deck_count == 6


def test_a_profile_of_nothing_but_its_own_name_is_no_circle() -> None:
    assert casino_of("me", Profiles([UserProfile("casino", "me", {"name": "me"})])).deck_count == 6


def test_an_unknown_name_is_answered_with_ones_own_names_too() -> None:
    assert "`Corner`" in problems(known=MINE, casino="corne")["/casino"]


# Keeping profiles


def refused(profile_type: ProfileType, data: Any, known: Profiles = MINE, name: str | None = None) -> set[str]:
    with pytest.raises(InvalidRequest) as caught:
        check_profile(profile_type, data, known, name)
    return {problem.pointer for problem in caught.value.problems}


def test_a_kept_profile_says_what_it_said_under_the_fields_own_names() -> None:
    checked = check_profile("casino", {"parent": "Corner", "dealer_stands_on_soft_17": True}, MINE)
    assert checked.normalised == {"parent": "Corner", "hit_on_soft_17": False}
    assert checked.notes[0].pointer == "/dealer_stands_on_soft_17"


@pytest.mark.parametrize(
    ("profile_type", "data"),
    [
        ("casino", {"parent": "Corner", "penetration": 60, "blackjack_payout": "6:5"}),
        ("betting_strategy", {"parent": "flat", "bet_ramp": {"-Infinity": 1, "3": 2}}),
        (
            "betting_strategy",
            {"min_bet": 5, "bet_ramp": [{"from_count": None, "bet": 5}, {"from_count": 1, "bet": 10}]},
        ),
        ("counting_system", {"parent": "ko", "count_values": {"t": -2}}),
        ("playing_strategy", {"parent": "basic", "hard": {"16": {"t": "s"}}, "index_plays": []}),
        ("player", {"bankroll": 5, "betting": {"min_bet": 1, "ramp": {"-inf": 1}}, "playing_strategy": "basic"}),
    ],
)
def test_a_kept_profile_read_again_is_the_same(profile_type: ProfileType, data: Any) -> None:
    once = check_profile(profile_type, data, MINE).normalised
    assert check_profile(profile_type, once, MINE).normalised == once


def test_money_stays_money_in_a_kept_profile() -> None:
    data = {"bet_ramp": [{"from_count": None, "bet": 5}, {"from_count": 1, "bet": 10}]}
    assert check_profile("betting_strategy", data, NOBODY).normalised["bet_unit"] == "money"


def test_a_partial_profile_is_kept_where_its_parent_completes_it() -> None:
    check_profile("playing_strategy", {"parent": "basic", "soft": {"18": {"2": "D"}}}, NOBODY)
    assert refused("playing_strategy", {"soft": {"18": {"2": "D"}}}) == {"", "/soft", "/soft/18"}


def test_a_profile_that_would_close_a_circle_is_refused() -> None:
    known = Profiles([UserProfile("casino", "child", {"parent": "me"}), UserProfile("casino", "me", {})])
    assert refused("casino", {"parent": "child"}, known, "me") == {"/parent"}


@pytest.mark.parametrize("data", [None, 5, [], "six_deck_s17"])
def test_a_profile_is_an_object(data: Any) -> None:
    assert refused("casino", data) == {""}


def test_a_players_parts_are_checked_with_it() -> None:
    assert refused("player", {"betting_strategy": {"min_bet": 0}, "playing_strategy": "gone"}) == {
        "/betting_strategy/min_bet",
        "/playing_strategy",
    }
