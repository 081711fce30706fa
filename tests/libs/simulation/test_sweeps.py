"""How a sweep's axes are read, and what its cells are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from libs.simulation.request import Profiles, SweepOrder, UserProfile, configuration_hash
from tests.libs.simulation.asking import problems, simulation, sweep

MINE = Profiles(
    [
        UserProfile("casino", "corner", {"parent": "double_deck_h17", "penetration": 60}),
        UserProfile("playing_strategy", "timid", {"parent": "basic", "hard": {"11": {"2": "H"}}}),
    ]
)


def axis(path: str, *values: Any) -> dict[str, Any]:
    return {"path": path, "values": list(values)}


def test_cells_go_over_the_last_axis_first() -> None:
    order = sweep(axes=[axis("/casino/deck_count", 2, 6), axis("/casino/DAS", True, False)])
    assert [labels for labels, _ in order.cells()] == [("2", "true"), ("2", "false"), ("6", "true"), ("6", "false")]


def test_a_cell_differs_from_the_base_only_where_the_axis_says() -> None:
    (_, cell), *_ = sweep(axes=[axis("/casino/penetration", 50)]).cells()
    assert (
        cell == simulation(casino={"parent": "six_deck_s17", "name": "six_deck_s17", "penetration": 50}).configuration
    )


def test_a_synonym_of_the_contrary_takes_the_place_of_the_rule() -> None:
    cells = sweep(axes=[axis("/casino/dealer_stands_on_soft_17", True, False)]).cells()
    assert [cell.casino.hit_on_soft_17 for _, cell in cells] == [False, True]


def test_basic_is_the_right_one_for_each_cell() -> None:
    cells = sweep(axes=[axis("/casino/hit_on_soft_17", False, True)]).cells()
    assert [cell.players[0].playing_strategy.hard["11"]["A"] for _, cell in cells] == ["H", "D"]


def test_values_may_be_names_or_whole_profiles() -> None:
    cells = sweep(axes=[axis("/casino", "infinite_s17", {"name": "mine", "num_decks": 1}, {"num_decks": 2})]).cells()
    assert [labels for labels, _ in cells] == [("infinite_s17",), ("mine",), ("value 3",)]
    assert [cell.casino.deck_count for _, cell in cells] == ["infinite", 1, 2]


def test_a_step_of_a_ramp_may_vary() -> None:
    base = {"players": [{"betting_strategy": "spread_1_12"}]}
    cells = sweep(base=base, axes=[axis("/players/0/betting_strategy/bet_ramp/5", 6, 12)]).cells()
    assert [cell.players[0].betting_strategy.bet_ramp[-1].bet for _, cell in cells] == [6, 12]


def test_a_cell_of_a_table_may_vary_also_over_basic() -> None:
    cells = sweep(axes=[axis("/players/0/playing_strategy/strategy/hard/16/10", "S", "H")]).cells()
    assert [cell.players[0].playing_strategy.hard["16"]["10"] for _, cell in cells] == ["S", "H"]


def test_the_minimum_may_vary_below_a_ramp_in_units() -> None:
    base = {"players": [{"betting_strategy": "spread_1_12"}]}
    cells = sweep(base=base, axes=[axis("/players/0/betting_strategy/min_bet", 5, 10)]).cells()
    assert [cell.players[0].betting_strategy.bet_ramp[-1].bet for _, cell in cells] == [60, 120]


def test_players_and_bankrolls_may_vary() -> None:
    order = sweep(
        base={"players": ["default", "default"]},
        mode="sessions",
        axes=[axis("/players/1", "default", {"bankroll": 5}), axis("/session_rounds", 10, 20)],
    )
    cells = [cell for _, cell in order.cells()]
    assert [cell.session_rounds for cell in cells] == [10, 20, 10, 20]
    assert [cell.players[1].bankroll for cell in cells] == [1000, 1000, 5, 5]


def test_cells_need_no_profiles_of_the_users_any_more() -> None:
    order = sweep(
        MINE,
        base={"casino": "corner", "players": [{"playing_strategy": "timid"}]},
        axes=[axis("/casino", "corner", "six_deck_s17"), axis("/players/0/playing_strategy", "timid", "basic")],
    )
    stored = msgspec.json.decode(msgspec.json.encode(order), type=SweepOrder)
    cells = [cell for _, cell in stored.cells()]
    assert cells == [cell for _, cell in order.cells()]
    assert [cell.casino.name for cell in cells] == ["corner", "corner", "six_deck_s17", "six_deck_s17"]
    assert [cell.players[0].playing_strategy.hard["11"]["2"] for cell in cells] == ["H", "D", "H", "D"]


def test_every_cell_is_an_order_with_the_sweeps_seed() -> None:
    order = sweep(axes=[axis("/casino/deck_count", 2, 6)], seed=11)
    orders = order.orders()
    assert [cell.run.seed for _, cell in orders] == [11, 11]
    hashes = {configuration_hash(cell.configuration) for _, cell in orders}
    assert len(hashes) == 2
    given = orders[0][1].given
    assert simulation(**given).configuration == orders[0][1].configuration


REFUSED: list[tuple[Any, set[str]]] = [
    (None, {"/axes"}),
    ([], {"/axes"}),
    ([axis("/casino/DAS", True)] * 3, {"/axes"}),
    ([5], {"/axes/0"}),
    ([{"path": "/casino/DAS"}], {"/axes/0"}),
    ([axis("/casino/DAS")], {"/axes/0/values"}),
    ([axis("/casino/DAS", *([True] * 401))], {"/axes/0/values"}),
    ([axis("/casino/penetration", *range(2, 52)), axis("/players/0/bankroll", *range(1, 10))], {"/axes"}),
    ([axis("casino", "infinite_s17")], {"/axes/0/path"}),
    ([axis("/casino/luck", 1)], {"/axes/0/path"}),
    ([axis("/casino/parent", "infinite_s17")], {"/axes/0/path"}),
    ([axis("/casino/DAS/deep", 1)], {"/axes/0/path"}),
    ([axis("/players", [])], {"/axes/0/path"}),
    ([axis("/players/1/bankroll", 5)], {"/axes/0/path"}),
    ([axis("/players/x/bankroll", 5)], {"/axes/0/path"}),
    ([axis("/session_rounds", 5)], {"/axes/0/path"}),
    ([axis("/seed", 5)], {"/axes/0/path"}),
    ([axis("/~2", 5)], {"/axes/0/path"}),
    ([axis("", 5)], {"/axes/0/path"}),
    ([axis("/casino/deck_count", 1, 9)], {"/axes/0/values/1"}),
    ([axis("/casino", "six_deck_17", "infinite_s17")], {"/axes/0/values/0"}),
    ([axis("/casino", {"num_decks": 9})], {"/axes/0/values/0/num_decks"}),
    ([axis("/casino", 5)], {"/axes/0/values/0"}),
    (
        [axis("/players/0", {"betting_strategy": {"bet_ramp": {"1": 1}}})],
        {"/axes/0/values/0/betting_strategy/bet_ramp"},
    ),
    ([axis("/players/0/betting_strategy/bet_ramp", {"1": 1})], {"/axes/0/values/0"}),
    ([axis("/casino/DAS", True), axis("/casino", "infinite_s17")], {"/axes/1/path"}),
    ([axis("/casino/deck_count", 1, 6), axis("/players/0/betting_strategy/num_hands", 1, 3)], {"/axes/1/values/1"}),
]


@pytest.mark.parametrize(("axes", "places"), REFUSED)
def test_a_wrong_axis_is_a_problem_where_it_is_wrong(axes: Any, places: set[str]) -> None:
    assert problems("sweep", axes=axes).keys() == places


def test_axes_are_needed() -> None:
    assert problems("sweep").keys() == {""}


def test_two_values_that_do_not_go_together_are_named() -> None:
    axes = [axis("/casino/deck_count", 1, 6), axis("/players/0/betting_strategy/num_hands", 1, 3)]
    assert "With 1 for deck_count and 3 for num_hands" in problems("sweep", axes=axes)["/axes/1/values/1"]


def test_problems_of_the_base_are_found_in_it() -> None:
    found = problems("sweep", base={"casino": {"num_decks": 9}}, axes=[axis("/casino/DAS", True)])
    assert found.keys() == {"/base/casino/num_decks"}


def test_a_strategy_that_doubles_where_a_value_forbids_it_is_a_problem_of_the_value() -> None:
    base = {"players": [{"playing_strategy": {"parent": "basic", "hard": {"11": {"6": "D"}}}}]}
    found = problems("sweep", base=base, axes=[axis("/casino/double_down_restrictions", "any_two_cards", "none")])
    assert found.keys() == {"/axes/0/values/1"}


def test_every_length_of_sessions_counts_towards_the_most_rounds_of_blocks() -> None:
    found = problems(
        "sweep",
        num_rounds=None,
        blocks=10**11,
        mode="sessions",
        session_rounds=10,
        axes=[axis("/session_rounds", 1000, "1001", 100_000)],
    )
    assert found.keys() == {"/axes/0/values/1", "/axes/0/values/2"}
    assert found["/axes/0/values/2"].endswith("not 100,000,000,000 sessions of 100,000.")


NEAR = [
    ("/casino/hit_soft17", "did you mean `hit_on_soft_17`"),
    ("/players/0/betting_strategy/min_bett", "did you mean `min_bet`"),
    ("/players/0/bankrol", "did you mean `bankroll`"),
    ("/casno/DAS", "did you mean `casino`"),
    ("/players/1/bankroll", "since there is one"),
    ("/session_rounds", "`mode` is `sessions`"),
    ("casino", "/casino/reshuffle_penetration"),
    ("/players", "/players/0/betting_strategy"),
    ("/casino/DAS/deep", "/casino/reshuffle_penetration"),
]


@pytest.mark.parametrize(("path", "said"), NEAR)
def test_a_path_that_leads_nowhere_is_answered_with_what_is_near(path: str, said: str) -> None:
    detail = problems("sweep", axes=[axis(path, 1)])["/axes/0/path"]
    assert said in detail
    assert "pointer" not in detail


def test_how_a_value_in_text_was_read_is_noted_at_the_value() -> None:
    notes = sweep(axes=[axis("/casino/reshuffle_penetration", 0.5, "80%")]).notes
    assert [(note.pointer, note.detail) for note in notes] == [("/axes/0/values/1", '"80%" was read as 0.8.')]
