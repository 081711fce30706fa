"""Profiles over HTTP: kept, changed, copied, deleted, and found by their names."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.events.subjects import StreamId
from libs.process.clock import new_id
from libs.profiles.commands import DATA_BYTES_MAX, DeleteProfile, UpdateProfile
from libs.profiles.identity import profile_id
from tests.services.gateway.desk import Desk, code_of

EIGHT = {"parent": "six_deck_s17", "deck_count": 8}
FIELDS = {"id", "profile_type", "name", "data", "created_at", "updated_at", "version", "default"}


async def casino(desk: Desk, name: str = "club", data: Any = None, user: Any = None) -> dict[str, Any]:
    body = {"profile_type": "casino", "name": name, "data": EIGHT if data is None else data}
    answer = await desk.post("/api/profiles/", body, user)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def default(desk: Desk, profile_type: str, name: str) -> dict[str, Any]:
    listed = (await desk.get(f"/api/profiles/?profile_type={profile_type}&default=true")).json()
    found: dict[str, Any] = next(each for each in listed if each["name"] == name)
    return found


# -- keeping one -------------------------------------------------------------------------------------------------------


async def test_a_profile_is_kept_as_it_is_written_and_shown_as_it_is_understood(desk: Desk) -> None:
    made = await casino(desk, data={"num_decks": 8, "reshuffle_penetration": 80})
    assert set(made) == FIELDS | {"normalised", "notes", "problems"}
    assert made["data"] == {"num_decks": 8, "reshuffle_penetration": 80}
    assert made["normalised"]["deck_count"] == 8
    assert {note["pointer"] for note in made["notes"]} == {"/data/num_decks", "/data/reshuffle_penetration"}
    assert (made["default"], made["version"]) == (False, 1)
    assert made["id"] == str(profile_id(desk.ada.id, "casino", "club"))


@pytest.mark.parametrize("models", ["follow", "behind", "down"])
async def test_a_profile_is_there_right_after(desk: Desk, models: str) -> None:
    desk.profiles.following, desk.profiles.up = models == "follow", models != "down"
    made = await casino(desk)
    assert (await desk.get(f"/api/profiles/{made['id']}/")).json() == made
    if models != "down":
        listed = (await desk.get("/api/profiles/?default=false")).json()
        assert [each["id"] for each in listed] == [made["id"]]
        assert set(listed[0]) == FIELDS


async def test_every_type_can_be_kept(desk: Desk) -> None:
    for profile_type, parent in (
        ("casino", "six_deck_s17"),
        ("player", "default"),
        ("playing_strategy", "basic"),
        ("betting_strategy", "flat"),
        ("counting_system", "hi_lo"),
    ):
        body = {"profile_type": profile_type, "name": "mine", "data": {"parent": parent}}
        answer = await desk.post("/api/profiles/", body)
        assert answer.status_code == 201, answer.text
        listed = (await desk.get(f"/api/profiles/?profile_type={profile_type}&default=false")).json()
        assert [each["profile_type"] for each in listed] == [profile_type]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/profile_type"),
        ({"profile_type": "horse", "name": "x", "data": {}}, 422, "/profile_type"),
        ({"profile_type": "casino", "data": {}}, 422, "/name"),
        ({"profile_type": "casino", "name": "", "data": {}}, 400, "/name"),
        ({"profile_type": "casino", "name": "x" * 101, "data": {}}, 400, "/name"),
        ({"profile_type": "casino", "name": "a\nb", "data": {}}, 400, "/name"),
        ({"profile_type": "casino", "name": "x"}, 400, "/data"),
        ({"profile_type": "casino", "name": "x", "data": [1]}, 400, "/data"),
        ({"profile_type": "casino", "name": "x", "data": {"deck_count": 9}}, 400, "/data/deck_count"),
        ({"profile_type": "casino", "name": "x", "data": {"decks/~": 1}}, 400, "/data/decks~1~0"),
        ({"profile_type": "casino", "name": "x", "data": {"parent": "nobody"}}, 400, "/data/parent"),
        ({"profile_type": "casino", "name": "x", "copy_of": "nobody"}, 400, "/copy_of"),
        ({"profile_type": "casino", "name": "x", "copy_of": "six_deck_s17", "data": {}}, 400, "/copy_of"),
        ({"profile_type": "casino", "name": "x", "data": {}, "owner": "eve"}, 422, "/owner"),
        ({"profile_type": "player", "name": "x", "data": {"betting_strategy": "nobody"}}, 400, "/data/betting_strategy"),
    ],
)  # fmt: skip
async def test_a_mistake_is_pointed_at_and_nothing_is_kept(desk: Desk, body: Any, status: int, pointer: str) -> None:
    answer = await desk.post("/api/profiles/", body)
    assert answer.status_code == status, answer.text
    assert code_of(answer) == ("invalid_request" if status == 400 else "invalid_input")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not desk.commands.stored


async def test_every_mistake_in_a_table_is_told(desk: Desk) -> None:
    data = {"parent": "basic", "strategy": {"hard": {"12": {"2": "X"}, "99": {}}, "soft": {"13": {"2": "Q"}}}}
    answer = await desk.post("/api/profiles/", {"profile_type": "playing_strategy", "name": "x", "data": data})
    assert code_of(answer) == "invalid_request"
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers >= {"/data/strategy/hard/12/2", "/data/strategy/soft/13/2"}


async def test_data_of_a_size_that_nobody_needs_are_refused(desk: Desk) -> None:
    made = await casino(desk)
    wide = {"data": EIGHT | {"description": "x" * DATA_BYTES_MAX}}
    for answer in (
        await desk.call("PUT", f"/api/profiles/{made['id']}/", json=wide),
        await desk.post("/api/profiles/", wide | {"profile_type": "casino", "name": "x"}),
    ):
        assert code_of(answer) == "invalid_request"
        assert answer.json()["errors"][0]["pointer"].startswith("/data")
    assert len(desk.commands.stored) == 1


async def test_a_second_one_of_the_name_is_refused_however_it_is_spelt(desk: Desk) -> None:
    await casino(desk, "My club")
    for name in ("My club", "MY CLUB", "my  club"):
        answer = await desk.post("/api/profiles/", {"profile_type": "casino", "name": name, "data": EIGHT})
        assert (answer.status_code, code_of(answer)) == (409, "profile_exists")
    other = {"profile_type": "betting_strategy", "name": "My club", "data": {"parent": "flat"}}
    assert (await desk.post("/api/profiles/", other)).status_code == 201


async def test_two_at_once_make_one(desk: Desk) -> None:
    body = {"profile_type": "casino", "name": "club", "data": EIGHT}
    answers = await asyncio.gather(*(desk.post("/api/profiles/", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_key_makes_a_repeat_the_same_profile(desk: Desk) -> None:
    body = {"profile_type": "casino", "name": "club", "data": EIGHT}
    answers = [await desk.post("/api/profiles/", body, headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len(desk.commands.stored) == 1


async def test_what_is_stored_but_not_decided_is_accepted_and_shown(desk: Desk) -> None:
    desk.commands.deciding = False
    answer = await desk.post("/api/profiles/", {"profile_type": "casino", "name": "club", "data": EIGHT})
    assert (answer.status_code, answer.json()["version"]) == (202, 0)
    read = await desk.get(f"/api/profiles/{answer.json()['id']}/")
    assert read.json() == answer.json()
    await desk.commands.decide(*desk.commands.stored[0])
    assert (await desk.get(f"/api/profiles/{answer.json()['id']}/")).json()["version"] == 1


async def test_there_is_an_end_to_how_many_one_may_keep() -> None:
    async with Desk(profiles_per_user=2).open() as desk:
        await casino(desk, "a")
        await casino(desk, "b")
        answer = await desk.post("/api/profiles/", {"profile_type": "casino", "name": "c", "data": EIGHT})
        assert (answer.status_code, code_of(answer)) == (409, "too_many_profiles")
        await casino(desk, "a", user=desk.eve)
        desk.profiles.up = False
        await casino(desk, "c")


# -- changing one ------------------------------------------------------------------------------------------------------


async def test_put_replaces_and_patch_merges(desk: Desk) -> None:
    path = f"/api/profiles/{(await casino(desk))['id']}/"
    put = await desk.call("PUT", path, json={"data": {"parent": "six_deck_s17", "DAS": False}})
    assert (put.status_code, put.json()["data"]) == (200, {"parent": "six_deck_s17", "DAS": False})
    patched = await desk.call("PATCH", path, json={"data": {"deck_count": 2, "DAS": None}})
    assert (patched.status_code, patched.json()["data"]) == (200, {"parent": "six_deck_s17", "deck_count": 2})
    assert patched.json()["version"] == 3
    assert (await desk.get(path)).json() == patched.json()


async def test_a_patch_reaches_into_tables(desk: Desk) -> None:
    body = {"profile_type": "playing_strategy", "name": "mine", "copy_of": "basic_i18"}
    made = (await desk.post("/api/profiles/", body)).json()
    changed = await desk.call("PATCH", f"/api/profiles/{made['id']}/", json={"data": {"insurance_index": 5}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["data"] == made["data"] | {"insurance_index": 5}


async def test_what_does_not_check_changes_nothing(desk: Desk) -> None:
    made = await casino(desk)
    path = f"/api/profiles/{made['id']}/"
    for method in ("PUT", "PATCH"):
        answer = await desk.call(method, path, json={"data": {"deck_count": 99}})
        assert code_of(answer) == "invalid_request"
        assert answer.json()["errors"][0]["pointer"] == "/data/deck_count"
    assert (await desk.get(path)).json() == made


async def test_a_change_of_what_changed_meanwhile_is_refused_where_asked(desk: Desk) -> None:
    path = f"/api/profiles/{(await casino(desk))['id']}/"
    await desk.call("PATCH", path, json={"data": {"deck_count": 2}})
    for method, body in (
        ("PUT", {"data": EIGHT, "expected_version": 1}),
        ("PATCH", {"data": {"deck_count": 4}, "expected_version": 1}),
    ):
        answer = await desk.call(method, path, json=body)
        assert (answer.status_code, code_of(answer)) == (409, "profile_changed")
    assert code_of(await desk.call("DELETE", f"{path}?expected_version=1")) == "profile_changed"
    version = (await desk.get(path)).json()["version"]
    body = {"data": {"deck_count": 4}, "expected_version": version}
    assert (await desk.call("PATCH", path, json=body)).status_code == 200


async def test_patches_at_once_are_all_merged(desk: Desk) -> None:
    path = f"/api/profiles/{(await casino(desk))['id']}/"
    changes = [{"DAS": False}, {"hit_on_soft_17": True}, {"allow_late_surrender": True}, {"deck_count": 2}]
    answers = await asyncio.gather(*(desk.call("PATCH", path, json={"data": change}) for change in changes))
    assert [answer.status_code for answer in answers] == [200] * 4
    data = (await desk.get(path)).json()["data"]
    assert data == {"parent": "six_deck_s17"} | {name: value for change in changes for name, value in change.items()}


async def test_a_profile_keeps_its_name_and_type(desk: Desk) -> None:
    path = f"/api/profiles/{(await casino(desk))['id']}/"
    for body in ({"data": EIGHT, "name": "other"}, {"data": EIGHT, "profile_type": "player"}):
        answer = await desk.call("PUT", path, json=body)
        assert (answer.status_code, code_of(answer)) == (409, "profile_name_fixed")
    spelt = await desk.call("PUT", path, json={"data": EIGHT, "name": "CLUB", "profile_type": "casino"})
    assert (spelt.status_code, spelt.json()["name"]) == (200, "CLUB")


async def test_what_is_deleted_is_gone_and_may_be_made_again(desk: Desk) -> None:
    made = await casino(desk)
    path = f"/api/profiles/{made['id']}/"
    desk.profiles.following = False
    assert (await desk.call("DELETE", path)).status_code == 204
    assert code_of(await desk.get(path)) == "no_such_profile"
    assert (await desk.get("/api/profiles/?default=false")).json() == []
    for method, body in (("PUT", {"data": EIGHT}), ("PATCH", {"data": {}}), ("DELETE", None)):
        assert code_of(await desk.call(method, path, json=body)) == "no_such_profile"
    again = await casino(desk, data={"parent": "six_deck_h17"})
    assert (again["id"], again["data"]) == (made["id"], {"parent": "six_deck_h17"})


async def test_a_parent_may_be_ones_own_and_never_oneself_in_a_circle(desk: Desk) -> None:
    first = await casino(desk, "a")
    await casino(desk, "b", {"parent": "a", "DAS": False})
    answer = await desk.call("PUT", f"/api/profiles/{first['id']}/", json={"data": {"parent": "b"}})
    assert code_of(answer) == "invalid_request"
    assert "circle" in answer.json()["errors"][0]["detail"]


async def test_a_default_can_be_hidden_by_ones_own_of_the_name(desk: Desk) -> None:
    made = await casino(desk, "six_deck_s17", {"parent": "six_deck_s17", "deck_count": 4})
    again = await desk.call("PATCH", f"/api/profiles/{made['id']}/", json={"data": {"DAS": False}})
    assert again.status_code == 200, again.text
    ran = (await desk.post("/api/simulations/", {"casino": "six_deck_s17", "num_rounds": 10})).json()
    assert ran["normalised"]["configuration"]["casino"]["deck_count"] == 4
    assert ran["normalised"]["configuration"]["casino"]["DAS"] is False


async def test_what_a_profile_lost_with_its_parent_is_told(desk: Desk) -> None:
    parent = await casino(desk, "a")
    child = await casino(desk, "b", {"parent": "a", "DAS": False})
    await desk.call("DELETE", f"/api/profiles/{parent['id']}/")
    shown = (await desk.get(f"/api/profiles/{child['id']}/")).json()
    assert (shown["data"], shown["normalised"]) == ({"parent": "a", "DAS": False}, None)
    assert shown["problems"][0]["pointer"] == "/data/parent"


# -- defaults ----------------------------------------------------------------------------------------------------------


async def test_defaults_are_listed_last_with_ids_that_stay(desk: Desk) -> None:
    mine = await casino(desk)
    listed = (await desk.get("/api/profiles/?profile_type=casino")).json()
    assert listed[0]["id"] == mine["id"]
    assert {each["name"] for each in listed[1:]} >= {"six_deck_s17", "infinite_s17"}
    assert all(each["default"] for each in listed[1:])
    assert (await desk.get("/api/profiles/?profile_type=casino", desk.eve)).json() == listed[1:]
    [found] = [each for each in listed if each["name"] == "six_deck_s17"]
    assert found["id"] == "a2db908b-5c88-535e-9694-04d773090ccf"
    read = (await desk.get(f"/api/profiles/{found['id']}/")).json()
    assert read["data"] == found["data"]
    assert read["normalised"]["deck_count"] == 6


async def test_lists_go_on_in_pages_from_ones_own_to_the_defaults(desk: Desk) -> None:
    for number in range(5):
        await casino(desk, f"club {number}")
    everything = (await desk.get("/api/profiles/?limit=200")).json()
    seen, path = [], "/api/profiles/?limit=3"
    while path:
        page = await desk.get(path)
        seen += page.json()
        path = page.headers["link"].partition(">")[0][1:] if "link" in page.headers else ""
    assert seen == everything
    assert len({each["id"] for each in seen}) == len(seen) > 15


async def test_a_default_cannot_be_changed_but_copied(desk: Desk) -> None:
    found = await default(desk, "counting_system", "hi_lo")
    path = f"/api/profiles/{found['id']}/"
    for method, body in (("PUT", {"data": {}}), ("PATCH", {"data": {}}), ("DELETE", None)):
        answer = await desk.call(method, path, json=body)
        assert (answer.status_code, code_of(answer)) == (403, "profile_read_only")
        assert "copy it first" in answer.json()["detail"]
    copied = await desk.post(f"{path}copy/", {"name": "hi_lo of mine"})
    assert copied.status_code == 201, copied.text
    assert (copied.json()["data"], copied.json()["default"]) == (found["data"], False)
    changed = await desk.call("PATCH", copied.headers["location"], json={"data": {"true_count_method": "truncate"}})
    assert changed.status_code == 200, changed.text


async def test_a_default_is_copied_by_its_name_too(desk: Desk) -> None:
    for number, name in enumerate(("hi_lo", "Hi_Lo")):
        body = {"profile_type": "counting_system", "name": f"copy {number}", "copy_of": name}
        assert (await desk.post("/api/profiles/", body)).status_code == 201


async def test_ones_own_is_copied_under_another_name(desk: Desk) -> None:
    made = await casino(desk)
    copied = (await desk.post(f"/api/profiles/{made['id']}/copy/", {"name": "club 2"})).json()
    assert (copied["data"], copied["name"]) == (made["data"], "club 2")
    assert code_of(await desk.post(f"/api/profiles/{made['id']}/copy/", {"name": "Club"})) == "profile_exists"


# -- whose it is -------------------------------------------------------------------------------------------------------


async def test_another_users_profile_is_not_there(desk: Desk) -> None:
    made = await casino(desk)
    path = f"/api/profiles/{made['id']}/"
    for method, body in (("GET", None), ("PUT", {"data": EIGHT}), ("PATCH", {"data": {}}), ("DELETE", None)):
        assert code_of(await desk.call(method, path, desk.eve, json=body)) == "no_such_profile"
    assert code_of(await desk.post(f"{path}copy/", {"name": "x"}, desk.eve)) == "no_such_profile"
    assert (await desk.get("/api/profiles/?default=false", desk.eve)).json() == []
    refused = await desk.post("/api/simulations/", {"casino": "club", "num_rounds": 10}, desk.eve)
    assert code_of(refused) == "invalid_request"
    assert len(desk.commands.stored) == 1


async def test_no_token_no_profile(desk: Desk) -> None:
    made = await casino(desk)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert code_of(await desk.http.request(method, f"/api/profiles/{made['id']}/")) == "token_missing"


# -- found by name -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("models_up", [True, False])
async def test_a_simulation_finds_ones_own_profiles_right_after_they_are_kept(desk: Desk, models_up: bool) -> None:
    desk.profiles.following, desk.profiles.up = False, models_up
    await casino(desk, "My Club")
    ramp = {"parent": "spread_1_12", "min_bet": 10}
    await desk.post("/api/profiles/", {"profile_type": "betting_strategy", "name": "mine", "data": ramp})
    me = {"parent": "default", "betting_strategy": "mine", "counting_strategy": "hi_lo"}
    await desk.post("/api/profiles/", {"profile_type": "player", "name": "me", "data": me})
    answer = await desk.post("/api/simulations/", {"casino": "my club", "players": ["me"], "num_rounds": 10})
    assert answer.status_code == 201, answer.text
    configuration = answer.json()["normalised"]["configuration"]
    assert (configuration["casino"]["name"], configuration["casino"]["deck_count"]) == ("My Club", 8)
    assert configuration["players"][0]["betting_strategy"]["min_bet"] == 10


async def test_the_nearest_of_ones_own_names_is_suggested(desk: Desk) -> None:
    await casino(desk, "harbour lights")
    refused = await desk.post("/api/simulations/", {"casino": "harbor lights", "num_rounds": 10})
    assert "harbour lights" in refused.json()["errors"][0]["detail"]


async def test_a_request_that_names_a_thousand_profiles_is_refused_before_they_are_looked_up(desk: Desk) -> None:
    axes = [{"path": "/casino", "values": [f"club {number}" for number in range(400)]}]
    body = {"kind": "sweep", "base": {"casino": "six_deck_s17"}, "axes": axes, "num_rounds": 10}
    answer = await desk.post("/api/simulations/", body)
    assert code_of(answer) == "invalid_request"


async def test_with_the_log_away_nothing_is_kept(desk: Desk) -> None:
    desk.commands.reachable = False
    body = {"profile_type": "casino", "name": "club", "data": EIGHT}
    answer = await desk.post("/api/profiles/", body)
    assert (answer.status_code, code_of(answer)) == (503, "log_unavailable")


async def test_lists_need_the_read_models_and_say_so(desk: Desk) -> None:
    desk.profiles.up = False
    assert code_of(await desk.get("/api/profiles/")) == "database_unavailable"
    assert (await desk.get("/api/profiles/?default=true")).status_code == 200


async def test_only_what_changes_something_is_wanted(desk: Desk) -> None:
    made = await casino(desk)
    await desk.call("PUT", f"/api/profiles/{made['id']}/", json={"data": EIGHT})
    await desk.call("DELETE", f"/api/profiles/{made['id']}/")
    commands = [command for _, command in desk.commands.stored[1:]]
    assert isinstance(commands[0], UpdateProfile)
    assert isinstance(commands[1], DeleteProfile)
    assert {envelope.stream for envelope, _ in desk.commands.stored} == {StreamId(desk.ada.id, UUID(made["id"]))}


async def test_an_id_of_nothing_is_no_profile(desk: Desk) -> None:
    assert code_of(await desk.get(f"/api/profiles/{new_id()}/")) == "no_such_profile"
    assert code_of(await desk.get("/api/profiles/x/")) == "invalid_parameter"
