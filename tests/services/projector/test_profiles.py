"""Profiles beside jobs: the rows say what the fold says, and a job is never mistaken for a profile or the other way round."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.jobs.commands import CancelJob, CreateJob
from libs.jobs.testing import Life, build_history
from libs.profiles.commands import DeleteProfile, UpdateProfile
from libs.profiles.events import EVENTS
from libs.profiles.testing import ProfileLife, histories
from services.projector import entry as reading
from services.projector.draft import Draft
from services.projector.entry import Entry
from services.projector.model import DeletedProfileRow, ProfileRow
from services.projector.profiles import ProfileState
from services.projector.projection import Projection
from services.projector.rebuild import Differences, rebuild
from tests.services.projector.conftest import World, a_stream, until
from tests.services.projector.folding import text_of

DATA = {"deck_count": 6}


def projected(life: ProfileLife, batches: list[int]) -> ProfileState:
    """The row after the history, cut into batches of these sizes (the rest is one batch)."""
    rest = [Entry.of(recorded) for recorded in life.history]
    known: dict[str, ProfileState] = {}
    for size in (*batches, len(rest)):
        entries, rest = rest[:size], rest[size:]
        draft = Draft({}, (), known)
        for entry in entries:
            draft.add(entry)
        assert not draft.parked, draft.parked
        assert not draft.events
        known |= draft.profiles
    (row,) = known.values()
    return row


@settings(deadline=None)
@given(histories(), st.lists(st.integers(0, 5), max_size=6))
def test_the_row_of_any_history_says_what_its_fold_says(life: ProfileLife, batches: list[int]) -> None:
    row, profile = projected(life, batches), life.profile
    assert profile is not None
    assert (row.id, row.owner_id) == (str(profile.stream.id), str(profile.stream.owner))
    assert (row.version, row.sequence) == (profile.version, life.history[-1].sequence)
    if profile.deleted:
        assert isinstance(row, DeletedProfileRow)
        assert row.deleted_at == profile.changed_at.isoformat()
    else:
        assert isinstance(row, ProfileRow)
        assert (row.profile_type, row.name, row.data) == (profile.profile_type, profile.name, text_of(profile.data))
        assert (row.created_at, row.updated_at) == (profile.created_at.isoformat(), profile.changed_at.isoformat())


def a_profile(name: str = "Vegas") -> ProfileLife:
    life = ProfileLife(uuid4(), name=name)
    life.create(DATA)
    return life


async def names(world: World) -> list[str]:
    return [row["name"] for row in await world.fetch("SELECT name FROM read.profiles ORDER BY name")]


async def test_a_profile_in_the_log_is_in_the_tables(world: World) -> None:
    life = a_profile()
    async with world.projecting():
        await world.append_profile(life)
        await world.caught_up()
    (row,) = await world.fetch("SELECT * FROM read.profiles")
    assert (row["id"], row["owner_id"]) == (life.stream.id, life.stream.owner)
    assert (row["profile_type"], row["name"], msgspec.json.decode(row["data"])) == ("casino", "Vegas", DATA)
    assert (row["version"], row["created_at"], row["updated_at"]) == (1, life.now, life.now)


async def test_a_profile_is_not_among_the_jobs(world: World) -> None:
    async with world.projecting():
        await world.append_profile(a_profile())
        await world.caught_up()
    for table in ("jobs", "job_events", "simulation_jobs", "parked"):
        assert await world.value(f"SELECT count(*) FROM read.{table}") == 0


async def test_a_deleted_profile_is_gone_and_comes_back_when_it_is_made_again(world: World) -> None:
    life, other = a_profile(), a_profile("Reno")
    await world.append_profile(other)
    async with world.projecting():
        await world.append_profile(life)
        await world.caught_up()
        assert await names(world) == ["Reno", "Vegas"]
        life.do(DeleteProfile())
        await world.append_profile(life, after=1)
        await world.caught_up()
        assert await names(world) == ["Reno"]
        assert await world.value("SELECT version FROM read.deleted_profiles") == 2
    life.create({"deck_count": 2}, name="VEGAS")
    async with world.projecting():  # which knows of the deletion only from its table
        await world.append_profile(life, after=2)
        await world.caught_up()
    assert await names(world) == ["Reno", "VEGAS"]
    assert await world.value("SELECT count(*) FROM read.deleted_profiles") == 0
    assert await world.value("SELECT version FROM read.profiles WHERE name = 'VEGAS'") == 3


async def test_a_profile_made_and_deleted_in_one_batch_leaves_no_row(world: World) -> None:
    life = a_profile()
    life.do(DeleteProfile())
    await world.append_profile(life)
    async with world.projecting():
        await world.caught_up()
    assert await names(world) == []


async def test_data_too_large_for_a_message_are_fetched(world: World) -> None:
    life = ProfileLife(uuid4())
    life.create({"notes": "x" * 100_000})
    async with world.projecting():
        await world.append_profile(life)
        await world.caught_up()
    assert await world.value("SELECT length(data->>'notes') FROM read.profiles") == 100_000


def some_lives(count: int) -> list[ProfileLife]:
    lives: list[ProfileLife] = []

    @settings(max_examples=count, database=None, deadline=None)
    @given(histories())
    def collect(life: ProfileLife) -> None:
        lives.append(life)

    collect()
    return list({life.stream: life for life in lives}.values())


async def test_rebuilt_rows_equal_those_of_any_histories_beside_jobs(world: World) -> None:
    lives = some_lives(25)
    jobs = [build_history(a_stream(), steps=2) for _ in range(5)]
    async with world.projecting():
        for number, life in enumerate(lives):
            middle = 1 + len(life.history) // 2
            life.history, later = life.history[:middle], life.history
            await world.append_profile(life)
            if number < len(jobs):
                await world.append(jobs[number])
            await world.caught_up()
            life.history = later
        for life in lives:
            if len(life.history) > 1 + len(life.history) // 2:
                await world.append_profile(life, after=1 + len(life.history) // 2)
        await world.caught_up()
    rows = await world.dump()
    assert len(rows["profiles"]) + len(rows["deleted_profiles"]) == len(lives)
    assert await world.value("SELECT count(*) FROM read.parked") == 0
    url = world.database.url("projector")
    found = await rebuild(world.client, url, "read", _nothing, show=lambda _: None, verify=True)
    assert found == Differences({}, [])
    assert await world.dump() == rows


async def _nothing(name: str) -> bytes:
    raise AssertionError(f"no payload here is an object: {name}")


async def test_of_two_projectors_that_apply_the_same_batch_profiles_are_changed_once(world: World) -> None:
    life = a_profile()
    for number in range(30):
        life.do(UpdateProfile(data=number))
    async with world.projecting(), world.projecting():
        await world.append_profile(life)
        await world.caught_up()
    assert await world.value("SELECT version FROM read.profiles") == 31
    assert await world.value("SELECT count(*) FROM read.parked") == 0


# -- what does not belong ----------------------------------------------------------------------------------------------


async def test_an_unknown_event_parks_the_profile_and_no_other(world: World) -> None:
    life, other = a_profile(), a_profile("Reno")
    await world.append_profile(life)
    await world.publish(life, "profile_shared", 2, b"{}")
    async with world.projecting() as health:
        await world.append_profile(other)
        await world.caught_up()
        ready, report = await health.report()
    assert ready
    assert str(life.stream.id) in report["checks"]["parked"]["detail"]
    assert await world.value("SELECT job_id FROM read.parked") == life.stream.id
    assert await names(world) == ["Reno", "Vegas"]


async def test_once_the_event_is_known_the_profile_is_folded_on_from_the_log(world: World) -> None:
    life = a_profile()
    life.do(DeleteProfile())
    life.create({"deck_count": 1})
    hidden = EVENTS._decoders.pop(("profile_deleted", 1))
    try:
        async with world.projecting():
            await world.append_profile(life)
            await world.caught_up()
            assert await world.value("SELECT count(*) FROM read.parked") == 1
            assert await world.value("SELECT version FROM read.profiles") == 1
    finally:
        EVENTS._decoders[("profile_deleted", 1)] = hidden
    async with world.projecting():
        await until(lambda: world.value("SELECT count(*) = 0 FROM read.parked"))
    assert await world.value("SELECT version FROM read.profiles") == 3


async def test_a_deleted_profile_that_was_parked_goes_on_where_it_stood(world: World) -> None:
    life = a_profile()
    life.do(DeleteProfile())
    async with world.projecting():
        await world.append_profile(life)
        await world.caught_up()
    life.do(UpdateProfile(data=1))  # refused
    life.create({"deck_count": 1})
    hidden = EVENTS._decoders.pop(("profile_change_refused", 1))
    try:
        async with world.projecting():
            await world.append_profile(life, after=2)
            await world.caught_up()
    finally:
        EVENTS._decoders[("profile_change_refused", 1)] = hidden
    async with world.projecting():
        await until(lambda: world.value("SELECT count(*) = 0 FROM read.parked"))
    assert await world.value("SELECT version FROM read.profiles") == 4


@pytest.mark.parametrize(
    ("type_name", "version", "payload", "reason"),
    [
        ("profile_updated", 2, {"data": 1}, "a job's history"),
        ("profile_created", 1, {"profile_type": "casino", "name": "x", "data": 1}, "a job's history"),
    ],
)
async def test_a_profiles_event_in_a_jobs_history_parks_the_job(
    world: World, type_name: str, version: int, payload: Any, reason: str
) -> None:
    life = Life(a_stream())
    life.do(CreateJob(kind="other", prompt="x", talks=False))
    await world.append(life)
    async with world.projecting():
        await world.caught_up()
    await world.publish(life, type_name, version, msgspec.json.encode(payload))
    async with world.projecting():
        await world.caught_up()
    assert reason in await world.value("SELECT reason FROM read.parked")
    assert await names(world) == []
    assert await world.value("SELECT count(*) FROM read.jobs") == 1


async def test_a_jobs_event_in_a_profiles_history_parks_the_profile(world: World) -> None:
    life = a_profile()
    await world.append_profile(life)
    await world.publish(life, "job_cancelled", 2, b"{}")
    async with world.projecting():
        await world.caught_up()
    assert "job_cancelled" in await world.value("SELECT reason FROM read.parked")
    assert await names(world) == ["Vegas"]


async def test_a_version_that_does_not_follow_parks_the_profile(world: World) -> None:
    life = a_profile()
    life.do(DeleteProfile())
    await world.append_profile(life)
    await world.publish(life, "profile_created", 4, b'{"profile_type":"casino","name":"Vegas","data":1}')
    async with world.projecting():
        await world.caught_up()
    assert "version 4 follows version 2" in await world.value("SELECT reason FROM read.parked")
    assert await names(world) == []


async def test_what_postgres_will_not_have_of_a_profile_is_found_among_many_and_parked(world: World) -> None:
    bad, good = a_profile("bad"), [a_profile(f"good-{number}") for number in range(4)]
    await world.append_profile(good[0])
    await world.append_profile(bad)
    payload = msgspec.json.encode({"data": 2})
    await world.publish(bad, "profile_updated", 2, payload, **{"Event-Time": "2026-13-45T00:00:00+00:00"})
    for life in good[1:]:
        await world.append_profile(life)
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT array_agg(job_id) FROM read.parked") == [bad.stream.id]
    assert await names(world) == ["bad", "good-0", "good-1", "good-2", "good-3"]


async def test_many_profiles_do_not_stay_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.projector.projection._PROFILES_KEPT", 3)
    kept: list[int] = []
    adopt = Projection._adopt

    def adopted(self: Projection, draft: Draft) -> None:
        adopt(self, draft)
        kept.append(len(self._profiles))

    monkeypatch.setattr(Projection, "_adopt", adopted)
    lives = [a_profile(f"casino-{number}") for number in range(10)]
    async with world.projecting():
        for life in lives:
            await world.append_profile(life)
        await world.caught_up()
        for life in lives:
            life.do(UpdateProfile(data={}))
            await world.append_profile(life, after=1)
        await world.caught_up()
    assert max(kept) <= 3
    assert await world.value("SELECT count(*) FROM read.profiles WHERE version = 2") == 10


def test_no_type_of_events_is_claimed_by_two_sorts_of_aggregates() -> None:
    with pytest.raises(ValueError, match="in common"):
        reading._by_type(EVENTS, EVENTS)


async def test_an_ended_job_and_a_profile_share_a_batch(world: World) -> None:
    life, profile = Life(a_stream()), a_profile()
    life.do(CreateJob(kind="other", prompt="x", talks=False))
    life.do(CancelJob())
    await world.append(life)
    await world.append_profile(profile)
    async with world.projecting():
        await world.caught_up()
    assert (await world.value("SELECT status FROM read.jobs"), await names(world)) == ("cancelled", ["Vegas"])
