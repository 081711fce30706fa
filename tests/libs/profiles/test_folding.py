"""Whatever is wanted of a profile, in whatever order: what must always hold; and what stored histories meant."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given

from libs.events.event import Cause, Recorded
from libs.events.subjects import StreamId
from libs.profiles.commands import UpdateProfile
from libs.profiles.events import EVENTS, ProfileChangeRefused, ProfileCreated, ProfileDeleted, ProfileEvent
from libs.profiles.evolve import fold
from libs.profiles.identity import profile_id
from libs.profiles.state import HANDLED_MAX, REFUSED_MAX, Profile
from libs.profiles.testing import ProfileLife, histories

HISTORIES = Path(__file__).parents[2] / "histories" / "profiles"
FILES = sorted(HISTORIES.glob("*.jsonl"))


class Line(msgspec.Struct, kw_only=True):
    """An event as it was stored: `data` is the payload, byte for byte."""

    owner: UUID
    profile: UUID
    version: int
    sequence: int
    id: UUID
    type: str
    schema: int
    time: datetime
    data: msgspec.Raw
    causation_id: UUID | None = None
    command_sequence: int | None = None


def lines(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


def history(path: Path) -> list[Recorded[ProfileEvent]]:
    return [
        Recorded(
            stream=StreamId(line.owner, line.profile),
            version=line.version,
            sequence=line.sequence,
            id=line.id,
            type=line.type,
            schema=line.schema,
            time=line.time,
            event=EVENTS.decode(line.type, line.schema, bytes(line.data)),
            cause=Cause(causation_id=line.causation_id, command_sequence=line.command_sequence),
        )
        for line in lines(path)
    ]


@given(histories())
def test_a_profile_keeps_its_id_type_and_name_whatever_happens(life: ProfileLife) -> None:
    assert life.profile is not None
    assert life.profile.stream == life.stream
    assert profile_id(life.stream.owner, life.profile.profile_type, life.profile.name) == life.stream.id


@given(histories())
def test_creations_and_deletions_take_turns(life: ProfileLife) -> None:
    turns = [type(each.event) for each in life.history if isinstance(each.event, ProfileCreated | ProfileDeleted)]
    assert turns == [ProfileCreated, ProfileDeleted] * (len(turns) // 2) + [ProfileCreated] * (len(turns) % 2)
    assert life.profile is not None
    assert life.profile.deleted == (turns[-1] is ProfileDeleted)


@given(histories())
def test_the_revision_is_the_version_of_the_last_change(life: ProfileLife) -> None:
    changes = [each for each in life.history if not isinstance(each.event, ProfileChangeRefused)]
    assert life.profile is not None
    assert (life.profile.revision, life.profile.changed_at) == (changes[-1].version, changes[-1].time)
    assert (life.profile.version, life.profile.updated_at) == (len(life.history), life.history[-1].time)


@given(histories())
def test_a_snapshot_goes_on_like_the_whole_history(life: ProfileLife) -> None:
    middle = len(life.history) // 2 + 1
    half = fold(life.history[:middle])
    stored = msgspec.json.decode(msgspec.json.encode(half), type=Profile)
    assert fold(life.history[middle:], stored) == life.profile


@given(histories())
def test_an_event_reads_as_it_was_written(life: ProfileLife) -> None:
    for each in life.history:
        assert EVENTS.decode(each.type, each.schema, EVENTS.encode(each.event)) == each.event


def test_a_profile_changed_very_often_stays_small() -> None:
    life = ProfileLife(UUID(int=1))
    life.create(0)
    for number in range(1, HANDLED_MAX + 50):
        life.do(UpdateProfile(data=number))
    assert life.profile is not None
    assert len(life.profile.handled) == HANDLED_MAX


def test_refusals_are_remembered_and_not_for_ever() -> None:
    life = ProfileLife(UUID(int=1))
    life.create(0)
    for number in range(REFUSED_MAX + 5):
        life.do(UpdateProfile(data=number, expected_version=0))
    assert life.profile is not None
    assert tuple(life.profile.refused) == life.profile.handled[-REFUSED_MAX:]


def test_every_event_type_is_in_a_stored_history() -> None:
    stored = {(line.type, line.schema) for path in FILES for line in lines(path)}
    assert {(name, event.schema) for name, event in EVENTS.current.items()} <= stored


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_history_is_never_edited(path: Path) -> None:
    digests = dict(reversed(line.split("  ")) for line in (HISTORIES / "SHA256SUMS").read_text().splitlines())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[path.name]


def test_a_profile_that_lived_twice_means_what_it_meant() -> None:
    profile = fold(history(HISTORIES / "lives_twice.jsonl"))
    assert profile is not None
    assert (profile.profile_type, profile.name, profile.deleted) == ("casino", "VEGAS Strip", False)
    assert profile.data == {"deck_count": 2, "hit_on_soft_17": True}
    assert (profile.version, profile.revision, profile.commands_decided) == (7, 6, 37)
    assert profile.created_at < profile.changed_at < profile.updated_at
    assert profile_id(profile.stream.owner, profile.profile_type, profile.name) == profile.stream.id
