from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.simulation.conftest import Run
from tests.cli.simulation.fake_gateway import FakeGateway

LIST = ("GET", "/api/profiles/")
MINE = {"id": "1", "profile_type": "casino", "name": "corner", "data": {"deck_count": 2}}
H17 = {"id": "2", "profile_type": "casino", "name": "six_deck_h17", "data": {"deck_count": 6}, "default": True}
NONE = {"id": "3", "profile_type": "counting_system", "name": "none", "data": {}, "default": True}


@pytest.fixture(autouse=True)
def known(gateway: FakeGateway) -> None:
    gateway.answers[LIST] = (200, [MINE, H17, NONE])
    gateway.answers["POST", "/api/profiles/"] = (201, MINE | {"id": "9"})


def test_ones_own_and_the_default_ones_are_listed_apart(run: Run) -> None:
    own, default = run("profiles", "list").stdout, run("profiles", "defaults").stdout
    assert "corner" in own
    assert "six_deck_h17" not in own
    assert "six_deck_h17" in default
    assert "corner" not in default


def test_a_profile_is_shown_by_name_or_id(run: Run) -> None:
    for called in ("corner", "1"):
        assert json.loads(run("profiles", "show", called).stdout) == {"deck_count": 2}


def test_an_unknown_name_is_one_sentence(run: Run) -> None:
    result = run("profiles", "show", "moon")
    assert result.exit_code == 1
    assert "there is no profile called 'moon'" in result.stderr


def test_a_name_of_two_types_asks_which(gateway: FakeGateway, run: Run) -> None:
    gateway.answers[LIST] = (200, [NONE, MINE | {"name": "none"}])
    result = run("profiles", "show", "none")
    assert result.exit_code == 1
    assert "say which with --type" in result.stderr


def test_ones_own_comes_before_a_default_one_of_the_same_name(gateway: FakeGateway, run: Run) -> None:
    gateway.answers[LIST] = (200, [H17, MINE | {"name": "six_deck_h17"}])
    assert json.loads(run("profiles", "show", "six_deck_h17").stdout) == {"deck_count": 2}


def test_a_profile_is_created_from_a_file_with_changes(gateway: FakeGateway, run: Run, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text('{"deck_count": 4}')
    assert run("profiles", "create", "casino", "corner", "table.json", "--set", "DAS=false").stdout == "9\n"
    assert gateway.body_of("POST", "/api/profiles/") == {
        "profile_type": "casino",
        "name": "corner",
        "data": {"deck_count": 4, "DAS": False},
    }


def test_a_profile_is_created_as_the_child_of_another(gateway: FakeGateway, run: Run) -> None:
    run("profiles", "create", "casino", "corner", "six_deck_h17", "--set", "deck_count=4")
    assert gateway.body_of("POST", "/api/profiles/")["data"] == {"parent": "six_deck_h17", "deck_count": 4}


def test_a_default_one_is_copied_under_a_name_of_its_own(gateway: FakeGateway, run: Run) -> None:
    run("profiles", "copy", "six_deck_h17", "mine", "--set", "deck_count=8")
    assert gateway.body_of("POST", "/api/profiles/") == {
        "profile_type": "casino",
        "name": "mine",
        "data": {"deck_count": 8},
    }


def test_single_values_are_merged(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["PATCH", "/api/profiles/1/"] = (200, MINE)
    run("profiles", "update", "corner", "--set", "deck_count=1")
    assert gateway.body_of("PATCH", "/api/profiles/1/") == {"data": {"deck_count": 1}}


def test_a_whole_profile_takes_the_place_of_another(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["PUT", "/api/profiles/1/"] = (200, MINE)
    run("profiles", "update", "corner", "-", "--replace", typed='{"deck_count": 3}')
    assert gateway.body_of("PUT", "/api/profiles/1/")["data"] == {"deck_count": 3}


def test_a_mistake_in_a_profile_is_told_with_its_place(gateway: FakeGateway, run: Run) -> None:
    errors = [{"pointer": "/data/deck_count", "detail": "1 to 8 decks are expected, not 9."}]
    gateway.answers["POST", "/api/profiles/"] = (400, {"detail": "One mistake.", "code": "x", "errors": errors})
    result = run("profiles", "create", "casino", "corner", "--set", "deck_count=9")
    assert result.exit_code == 1
    assert "\n/deck_count: 1 to 8 decks are expected, not 9." in result.stderr


def test_default_ones_are_listed_by_type_and_name_with_the_name_first(gateway: FakeGateway, run: Run) -> None:
    flat = {"id": "4", "profile_type": "betting_strategy", "name": "flat", "data": {}, "default": True}
    gateway.answers[LIST] = (200, [NONE, flat, H17, H17 | {"name": "one_deck"}])
    names = [line.split()[0] for line in run("profiles", "defaults").stdout.splitlines()]
    assert names == ["one_deck", "six_deck_h17", "flat", "none"]


@pytest.mark.parametrize(("answer", "status", "calls"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_deleting_asks_first(gateway: FakeGateway, run: Run, answer: str, status: int, calls: int) -> None:
    gateway.answers["DELETE", "/api/profiles/1/"] = (204, b"")
    assert run("profiles", "delete", "corner", typed=answer).exit_code == status
    assert [method for method, _, _ in gateway.asked].count("DELETE") == calls
