"""How playing strategies are read."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from libs.blackjack.basic_strategy import basic_tables
from libs.blackjack.configuration import RANKS, Casino, IndexPlay
from libs.simulation.request import InvalidRequest, prepare
from tests.libs.simulation.asking import NOBODY, player, playing, problems, simulation

TABLES: dict[str, Any] = {**basic_tables(Casino())}


def tables() -> dict[str, Any]:
    return copy.deepcopy(TABLES)


def refused(strategy: Any, **casino: Any) -> dict[str, str]:
    """Problems by pointer, inside the strategy."""
    place = "/players/0/playing_strategy"
    found = problems(casino=casino, players=[{"playing_strategy": strategy}])
    return {pointer.removeprefix(place): detail for pointer, detail in found.items()}


def test_whole_tables_are_taken_as_they_are() -> None:
    assert playing(tables()).hard == TABLES["hard"]


def test_tables_may_stand_under_strategy() -> None:
    assert playing({"strategy": tables()}).pairs == TABLES["pairs"]


def test_basic_is_the_right_one_for_the_rules() -> None:
    assert playing("basic", hit_on_soft_17=True).hard["11"]["A"] == "D"
    assert playing("basic", hit_on_soft_17=False).hard["11"]["A"] == "H"


def test_lower_case_and_other_names_of_cards_are_understood() -> None:
    written = tables()
    written["hard"]["16"] = {
        "2": "s",
        "3": "s",
        "4": "s",
        "5": "s",
        "6": "s",
        "7": "h",
        "8": "h",
        "9": "h",
        "t": "r",
        "11": "u",
    }
    row = playing(written).hard["16"]
    assert (row["10"], row["A"], row["2"], row["7"]) == ("R", "u", "S", "H")


def test_a_row_may_be_ten_actions_in_order() -> None:
    written = tables()
    written["hard"]["12"] = list("HHSSSHHHHH")
    written["hard"]["13"] = "SSSSSHHHHH"
    assert playing(written).hard == TABLES["hard"]


def test_other_names_of_rows_are_understood() -> None:
    written = tables()
    written["soft"] = {f"A,{int(row) - 11}": cells for row, cells in written["soft"].items()}
    written["pairs"] = {row.replace(",", ""): cells for row, cells in written["pairs"].items()}
    assert playing(written).soft == TABLES["soft"]
    assert playing(written).pairs == TABLES["pairs"]


def test_hits_below_8_may_be_written() -> None:
    written = tables()
    written["hard"]["7"] = dict.fromkeys(RANKS, "H")
    assert playing(written).hard == TABLES["hard"]


def test_anything_but_a_hit_below_8_is_a_problem() -> None:
    written = tables()
    written["hard"]["7"] = dict.fromkeys(RANKS, "H") | {"6": "D"}
    assert refused(written).keys() == {"/hard/7/6"}


def test_a_missing_table_is_a_problem() -> None:
    assert refused({table: rows for table, rows in tables().items() if table != "soft"}).keys() == {""}


def test_a_missing_row_is_a_problem() -> None:
    written = tables()
    del written["hard"]["16"]
    assert refused(written) == {"/hard": "The row 16 of the table `hard` is missing."}


def test_a_missing_cell_is_a_problem() -> None:
    written = tables()
    del written["pairs"]["8,8"]["A"]
    assert refused(written).keys() == {"/pairs/8,8"}


def test_cells_of_a_row_that_are_missing_are_named_together() -> None:
    written = tables()
    written["hard"]["16"] = {"2": "S", "5": "S"}
    assert refused(written) == {"/hard/16": "The row 16 of the table `hard` says nothing against 3 to 4; 6 to A."}


def test_rows_that_are_missing_are_named_together_and_the_way_to_write_changes_only_is_shown() -> None:
    written = tables()
    written["hard"] = {row: written["hard"][row] for row in ("12", "16")}
    found = refused(written)
    assert found.keys() == {"/hard", ""}
    assert found["/hard"] == "The rows 8 to 11; 13 to 15; 17 to 21 of the table `hard` are missing."
    assert '"parent": "basic"' in found[""]


def test_few_changes_alone_are_three_tables_and_one_hint() -> None:
    request = {"players": [{"playing_strategy": {"hard": {"16": dict.fromkeys(RANKS, "S")}}}], "num_rounds": 1}
    with pytest.raises(InvalidRequest) as refusal:
        prepare("simulation", request, NOBODY, 7)
    assert len(refusal.value.problems) == 4


def test_an_unknown_action_is_a_problem() -> None:
    written = tables()
    written["hard"]["16"]["10"] = "X"
    assert refused(written) == {"/hard/16/10": 'One of H, S, D, R, u is expected, not "X".'}


def test_a_split_outside_pairs_is_a_problem() -> None:
    written = tables()
    written["soft"]["18"]["9"] = "P"
    assert refused(written).keys() == {"/soft/18/9"}


def test_an_unknown_row_is_a_problem() -> None:
    written = tables()
    written["hard"]["22"] = written["hard"]["21"]
    assert refused(written).keys() == {"/hard/22"}


def test_rows_that_contradict_each_other_are_a_problem() -> None:
    written = tables()
    written["pairs"]["88"] = dict.fromkeys(RANKS, "S")
    assert refused(written).keys() == {"/pairs/88"}


def test_all_mistakes_of_a_table_are_found_at_once() -> None:
    written = tables()
    del written["hard"]["9"]
    written["hard"]["10"]["2"] = "X"
    written["soft"] = 5
    assert refused(written).keys() == {"/hard", "/hard/10/2", "/soft"}


def test_doubling_where_it_is_forbidden_is_a_problem_of_each_cell() -> None:
    found = refused(tables(), double_down_restrictions="none")
    assert "/hard/9/3" in found
    assert "/soft/18/4" in found
    assert "/pairs/5,5/2" in found
    assert "`none`" in found["/hard/9/3"]


def test_doubling_outside_a_restriction_is_a_problem() -> None:
    found = refused(tables(), double_down_restrictions="hard_9_to_11")
    assert {pointer.split("/")[1] for pointer in found} == {"soft"}


def test_basic_is_never_refused_for_doubling() -> None:
    assert playing("basic", double_down_restrictions="none").hard["11"]["6"] == "H"


def test_own_cells_over_basic_are_checked_and_its_own_are_not() -> None:
    changed = {"parent": "basic", "hard": {"11": {"6": "D"}}}
    assert refused(changed, double_down_restrictions="none").keys() == {"/hard/11/6"}


def test_cells_over_basic_change_only_themselves() -> None:
    changed = playing({"parent": "basic", "hard": {"16": {"10": "S"}}})
    assert changed.hard["16"] == TABLES["hard"]["16"] | {"10": "S"}
    assert changed.soft == TABLES["soft"]


def test_index_plays_are_read() -> None:
    play = {"table": "hard", "row": 16, "dealer": "T", "index": 0, "action": "s"}
    read = playing({"parent": "basic", "index_plays": [play]}).index_plays
    assert read == (IndexPlay(table="hard", row="16", dealer="10", index=0, action="S"),)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"table": "stiff"}, "/table"),
        ({"row": "22"}, "/row"),
        ({"dealer": "1 0"}, "/dealer"),
        ({"index": 13}, "/index"),
        ({"index": 0.5}, "/index"),
        ({"action": "P"}, "/action"),
        ({"why": 1}, "/why"),
    ],
)
def test_a_wrong_index_play_is_a_problem(change: dict[str, Any], place: str) -> None:
    play = {"table": "hard", "row": "16", "dealer": "10", "index": 0, "action": "S"} | change
    assert refused({"parent": "basic", "index_plays": [play]}).keys() == {f"/index_plays/0{place}"}


def test_insurance_is_bought_by_those_with_an_index_for_it() -> None:
    assert playing("basic").insurance_index is None
    assert playing("basic_i18").insurance_index == 3
    assert playing({"parent": "basic_i18", "insurance_index": None}).insurance_index is None


def test_the_known_set_stands_on_16_against_10_from_a_count_of_0() -> None:
    plays = playing("basic_i18").index_plays
    assert IndexPlay(table="hard", row="16", dealer="10", index=0, action="S") in plays


def test_the_known_set_goes_on_surrendering_where_that_is_allowed() -> None:
    plays = playing("basic_i18", allow_late_surrender=True).index_plays
    assert IndexPlay(table="hard", row="16", dealer="10", index=0, action="u") in plays


def test_the_known_set_never_doubles_what_cannot_be_doubled() -> None:
    plays = playing("basic_i18", double_down_restrictions="hard_10_to_11").index_plays
    assert not [play for play in plays if play.action == "D" and play.row == "9"]


def test_the_chosen_table_is_shown_in_the_configuration() -> None:
    strategy = player(NOBODY).playing_strategy
    assert strategy.name == "basic"
    assert strategy.hard == TABLES["hard"]


def test_a_strategy_is_shown_back_with_its_name() -> None:
    order = simulation(players=[{"playing_strategy": tables() | {"name": "mine"}}])
    assert order.configuration.players[0].playing_strategy.name == "mine"
