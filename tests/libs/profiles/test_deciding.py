"""What may be done with a profile, each decision tried a second time, since a repeat changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from libs.profiles.commands import DATA_BYTES_MAX, CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.decide import NoSuchProfile, WrongProfile, decide
from libs.profiles.events import (
    ProfileChangeRefused,
    ProfileCreated,
    ProfileDeleted,
    ProfileEvent,
    ProfileUpdated,
)
from libs.profiles.identity import profile_stream
from libs.profiles.testing import ProfileLife

OWNER = UUID(int=1)
DATA = {"deck_count": 6}
OTHER = {"deck_count": 8}
COMMAND = UUID(int=900)


def created() -> ProfileLife:
    life = ProfileLife(OWNER, name="Vegas")
    life.create(DATA)
    return life


def deleted() -> ProfileLife:
    life = created()
    life.do(DeleteProfile())
    return life


def made(life: ProfileLife, command: ProfileCommand) -> list[ProfileEvent]:
    events = [recorded.event for recorded in life.do(command)]
    last = UUID(int=0) if life.profile is None or not life.profile.handled else life.profile.handled[-1]
    if events:
        assert decide(life.stream, life.profile, command, command_id=last) == [], (
            "decided a second time, it does something"
        )
    return events


def refusal(life: ProfileLife, command: ProfileCommand) -> ProfileChangeRefused:
    before = life.profile
    (event,) = made(life, command)
    assert isinstance(event, ProfileChangeRefused)
    assert before is not None
    assert life.profile is not None
    assert (life.profile.data, life.profile.name, life.profile.deleted) == (before.data, before.name, before.deleted)
    return event


def again(name: str = "Vegas", data: Any = DATA) -> CreateProfile:
    return CreateProfile(profile_type="casino", name=name, data=data)


def test_a_profile_is_created_with_its_data() -> None:
    life = ProfileLife(OWNER, name="Vegas")
    assert made(life, again()) == [ProfileCreated(profile_type="casino", name="Vegas", data=DATA)]


@pytest.mark.parametrize("name", ["Vegas", "VEGAS", "vegas"])
def test_a_second_one_of_the_same_name_is_refused(name: str) -> None:
    refused = refusal(created(), again(name, OTHER))
    assert (refused.code, refused.allowed) == ("profile_exists", ("profile_update", "profile_delete"))


def test_a_name_gives_the_same_id_however_it_is_spelt_and_another_for_each_owner_and_type() -> None:
    spellings = {profile_stream(OWNER, "casino", name).id for name in ("Café  Ünion", "CAFÉ ÜNION", "cafe\u0301 ünion")}
    assert len(spellings) == 1
    others = {profile_stream(owner, kind, "x").id for owner in (OWNER, UUID(int=2)) for kind in ("casino", "player")}
    assert len(others) == 4


def test_a_create_on_the_stream_of_another_name_is_nobodys() -> None:
    with pytest.raises(WrongProfile):
        decide(profile_stream(OWNER, "casino", "Reno"), None, again(), command_id=COMMAND)


def test_an_update_replaces_the_data() -> None:
    life = created()
    assert made(life, UpdateProfile(data=OTHER)) == [ProfileUpdated(data=OTHER)]
    assert life.profile is not None
    assert (life.profile.data, life.profile.name, life.profile.version) == (OTHER, "Vegas", 2)


def test_an_update_that_says_what_is_there_changes_nothing() -> None:
    assert made(created(), UpdateProfile(data=dict(DATA), name="Vegas")) == []


def test_one_one_point_zero_and_true_are_different_data() -> None:
    life = ProfileLife(OWNER)
    life.create({"DAS": 1})
    assert made(life, UpdateProfile(data={"DAS": True}))
    assert made(life, UpdateProfile(data={"DAS": 1.0}))


def test_a_name_may_be_spelt_anew_and_not_be_another() -> None:
    life = created()
    assert made(life, UpdateProfile(data=DATA, name="VEGAS")) == [ProfileUpdated(data=DATA, name="VEGAS")]
    assert refusal(life, UpdateProfile(data=DATA, name="Reno")).code == "profile_name_fixed"


def test_an_update_of_what_was_changed_since_is_refused() -> None:
    life = created()
    life.do(UpdateProfile(data=OTHER))
    assert refusal(life, UpdateProfile(data=DATA, expected_version=1)).code == "profile_changed"
    assert refusal(life, DeleteProfile(expected_version=1)).code == "profile_changed"


def test_a_refusal_makes_nobodys_copy_outdated() -> None:
    life = created()
    refusal(life, UpdateProfile(data=OTHER, expected_version=7))
    assert made(life, UpdateProfile(data=OTHER, expected_version=1)) == [ProfileUpdated(data=OTHER)]


def test_a_refusal_is_no_change() -> None:
    life = created()
    before = life.profile
    refusal(life, again())
    assert before is not None
    assert life.profile is not None
    assert (life.profile.revision, life.profile.changed_at) == (before.revision, before.changed_at)
    assert life.profile.version == before.version + 1


def test_a_version_that_does_not_exist_yet_is_refused() -> None:
    assert refusal(created(), UpdateProfile(data=OTHER, expected_version=2)).code == "profile_changed"


def test_deleting_takes_the_data_away_and_a_second_time_changes_nothing() -> None:
    life = created()
    assert made(life, DeleteProfile()) == [ProfileDeleted()]
    assert life.profile is not None
    assert (life.profile.deleted, life.profile.data) == (True, None)
    assert made(life, DeleteProfile(expected_version=1)) == []


def test_a_deleted_one_cannot_be_updated() -> None:
    refused = refusal(deleted(), UpdateProfile(data=OTHER))
    assert (refused.code, refused.allowed) == ("no_such_profile", ("profile_create",))


def test_a_deleted_one_can_be_created_again() -> None:
    life = deleted()
    assert made(life, again("VEGAS", OTHER)) == [ProfileCreated(profile_type="casino", name="VEGAS", data=OTHER)]
    assert life.profile is not None
    assert (life.profile.name, life.profile.version, life.profile.deleted) == ("VEGAS", 3, False)
    assert life.profile.created_at == life.profile.changed_at == life.now


def test_what_never_was_cannot_be_updated_and_need_not_be_deleted() -> None:
    life = ProfileLife(OWNER)
    with pytest.raises(NoSuchProfile):
        decide(life.stream, None, UpdateProfile(data=DATA), command_id=COMMAND)
    assert decide(life.stream, None, DeleteProfile(), command_id=COMMAND) == []


def test_a_command_delivered_again_after_a_later_one_changes_nothing() -> None:
    life = created()
    same = UpdateProfile(data=DATA)  # changes nothing, so that no event remembers it
    life.do(same)
    life.do(UpdateProfile(data=OTHER))
    assert decide(life.stream, life.profile, same, command_id=COMMAND, sequence=2) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "not empty"),
        ({"name": " "}, "not empty"),
        ({"name": " Vegas"}, "begin or end"),
        ({"name": "Ve\ngas"}, "control"),
        ({"name": "V" * 101}, "at most 100"),
        ({"profile_type": "Casino.x"}, "lower-case"),
        ({"data": "x" * DATA_BYTES_MAX}, "at most 256 KiB"),
        ({"data": {"x": object()}}, "are JSON"),
    ],
)
def test_a_command_that_cannot_be_obeyed_cannot_be_made(changes: dict[str, Any], sentence: str) -> None:
    fields = {"profile_type": "casino", "name": "Vegas", "data": DATA}
    with pytest.raises(ValueError, match=sentence):
        CreateProfile(**(fields | changes))
