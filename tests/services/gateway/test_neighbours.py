"""Jobs and profiles share the log, and the ids of one are none of the other: with the gateway's own rights on a real NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.events.commands import CommandLog
from libs.events.connection import connect
from libs.events.event import START
from libs.events.jetstream import JetStreamStore
from libs.events.memory import MemoryStore
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS as JOB_TYPES
from libs.jobs.events import JobEvent
from libs.jobs.testing import build_history
from libs.process.clock import SystemClock, new_id
from libs.profiles.commands import DeleteProfile, UpdateProfile
from libs.profiles.events import EVENTS as PROFILE_TYPES
from libs.profiles.events import ProfileEvent
from libs.profiles.repository import Profiles, profile_repository, read_profiles
from libs.profiles.testing import ProfileLife
from services.gateway.jetstream import folded_jobs
from services.gateway.jobs import JobReader
from services.gateway.live.nats_source import NatsSource
from tests.services.gateway.fakes import MemoryModels


class Neighbours:
    """A gateway's readers, and somebody who writes."""

    def __init__(self, gateway: Any, runner: Any) -> None:
        self.store, jobs = folded_jobs(gateway, SystemClock())
        self.jobs = JobReader(MemoryModels(MemoryStore(JOB_TYPES)), self.store, jobs, CommandLog(gateway))
        self.profiles: Profiles = read_profiles(gateway, others=(JOB_TYPES,))
        self.source = NatsSource(gateway, self.store)
        self.runner = runner

    async def profile(self, *, updates: int = 0, deleted: bool = False) -> StreamId:
        life = ProfileLife(new_id())
        life.create({"deck_count": 6})
        for number in range(updates):
            life.do(UpdateProfile(data=number))
        if deleted:
            life.do(DeleteProfile())
        store: JetStreamStore[ProfileEvent] = JetStreamStore(self.runner, PROFILE_TYPES)
        await store.append(life.stream, life.news(), after=START)
        return life.stream

    async def job(self) -> StreamId:
        life = build_history(StreamId(new_id(), new_id()))
        store: JetStreamStore[JobEvent] = JetStreamStore(self.runner, JOB_TYPES)
        await store.append(life.stream, life.news(), after=START)
        return life.stream


@pytest.fixture
async def neighbours(nats_server: Any) -> AsyncIterator[Neighbours]:
    gateway = await connect(nats_server.settings("gateway"), "tests gateway")
    runner = await connect(nats_server.settings("runner"), "tests runner")
    yield Neighbours(gateway, runner)
    await gateway.close()
    await runner.close()


@pytest.mark.parametrize(("updates", "deleted"), [(0, False), (3, False), (1, True)])
async def test_a_profile_is_no_job_of_its_owner(neighbours: Neighbours, updates: int, deleted: bool) -> None:
    owner, profile = await neighbours.profile(updates=updates, deleted=deleted)
    assert await neighbours.jobs.get(owner, profile) is None
    assert not await neighbours.jobs.exists(owner, profile)
    assert await neighbours.jobs.head(owner, profile) is None
    assert await neighbours.jobs.events(owner, profile, after=0, limit=10) == []
    assert await neighbours.jobs.get(owner, profile, at=1) is None
    assert await neighbours.jobs.app(owner, profile) is None
    assert await neighbours.source.head(StreamId(owner, profile)) == START


async def test_a_profile_with_a_snapshot_is_no_job_either(neighbours: Neighbours) -> None:
    stream = await neighbours.profile(updates=70)
    await profile_repository(neighbours.runner).load(stream)  # which writes one
    await neighbours.runner.flush()
    assert await neighbours.jobs.get(*stream) is None
    profile, _ = await neighbours.profiles.load(stream)
    assert profile is not None
    assert profile.data == 69


async def test_a_job_is_no_profile_of_its_owner(neighbours: Neighbours) -> None:
    stream = await neighbours.job()
    assert await neighbours.jobs.exists(*stream)
    assert await neighbours.profiles.load(stream) == (None, START)


async def test_another_owner_sees_neither(neighbours: Neighbours) -> None:
    stranger, job, profile = new_id(), await neighbours.job(), await neighbours.profile()
    assert not await neighbours.jobs.exists(stranger, job.id)
    assert await neighbours.profiles.load(StreamId(stranger, profile.id)) == (None, START)
