"""A feed: whatever happens to what comes live, each watcher sees each version once, in order."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.errors import UnknownEvent
from libs.events.event import Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import JobEvent
from services.gateway.live import feed as feed_module
from services.gateway.live.feed import Feed
from services.gateway.live.frames import Frame
from services.gateway.live.source import Sink
from tests.services.gateway.live.world import MemorySource, World

PATIENCE_SECONDS = 5.0


class Seen:
    """A watcher that writes down what it is offered."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.notices: list[UnknownEvent] = []
        self._changed = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        if frame.seq:
            self.versions.append(frame.seq)
            self._changed.set()

    def notice(self, error: UnknownEvent) -> None:
        self.notices.append(error)
        self._changed.set()

    async def follow(self, feed: Feed, after: int) -> None:
        async for page in feed.replay(self, after):
            self.versions.extend(frame.seq for frame in page)
            self._changed.set()
            await asyncio.sleep(0)  # sending takes its time, and more happens meanwhile

    async def reaches(self, version: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.versions or self.versions[-1] < version:
                self._changed.clear()
                await self._changed.wait()

    async def noticed(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.notices:
                self._changed.clear()
                await self._changed.wait()


class Unruly:
    """Loses, repeats and holds back what comes live, as told."""

    def __init__(self, what: list[str]) -> None:
        self._what = iter(what)
        self._held: list[Recorded[JobEvent]] = []

    def __call__(self, sink: Sink, recorded: Recorded[JobEvent]) -> None:
        match next(self._what, "pass"):
            case "lose":
                return
            case "repeat":
                sink.on_event(recorded)
                sink.on_event(recorded)
            case "hold":
                self._held.append(recorded)
            case "hint":
                sink.on_hint()
            case _:
                sink.on_event(recorded)
                for held in reversed(self._held):
                    sink.on_event(held)
                self._held.clear()


def feed_of(source: MemorySource, stream: StreamId) -> Feed:
    world_jobs = type("Jobs", (), {"events": source.events, "head": source.job_head})
    return Feed(stream, source, world_jobs, recent_frames_max=8)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    what=st.lists(st.sampled_from(["pass", "lose", "repeat", "hold", "hint"]), max_size=30),
    joins=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4),
)
def test_each_watcher_sees_each_version_once_in_order(what: list[str], joins: list[tuple[int, int]]) -> None:
    async def scenario() -> None:
        world = World()
        stream = await world.job()
        world.source.deliver = Unruly(what)
        feed = feed_of(world.source, stream)
        await feed.start()
        watchers: list[tuple[int, Seen]] = []
        following: list[asyncio.Task[None]] = []
        for number in range(30):
            for at, after in joins:
                if at == number:
                    seen, cursor = Seen(), min(after, feed.head)
                    watchers.append((cursor, seen))
                    following.append(asyncio.create_task(seen.follow(feed, cursor)))
            await world.talk(stream, 1)
            if number % 3 == 0:
                await asyncio.sleep(0)
        feed.check(31)  # as every few seconds
        for cursor, seen in watchers:
            if cursor < 31:
                await seen.reaches(31)
        await asyncio.gather(*following)
        for cursor, seen in watchers:
            assert seen.versions == list(range(cursor + 1, 32))
        await feed.close()

    asyncio.run(scenario())


async def test_a_page_that_is_ahead_of_the_live_events_is_not_repeated_by_them() -> None:
    world = World()
    stream = await world.job(messages=2)
    feed = feed_of(world.source, stream)
    await feed.start()
    held: list[Recorded[JobEvent]] = []
    world.source.deliver = lambda sink, recorded: held.append(recorded)
    await world.talk(stream, 2)
    seen = Seen()
    await seen.follow(feed, 0)  # reads up to version 5, of which 4 and 5 are still on their way
    for recorded in held:
        feed.on_event(recorded)
    assert seen.versions == [1, 2, 3, 4, 5]
    await feed.close()


async def test_a_lost_last_event_arrives_after_a_check() -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    await seen.follow(feed, 1)
    world.source.deliver = Unruly(["lose"])
    await world.talk(stream, 1)
    feed.check(2)
    await seen.reaches(2)
    assert seen.versions == [2]
    await feed.close()


async def test_a_check_leaves_what_is_on_its_way_alone() -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    held: list[Recorded[JobEvent]] = []
    world.source.deliver = lambda sink, recorded: held.append(recorded)
    await world.talk(stream, 1)
    feed.check(2)
    feed.on_event(held[0])
    assert feed.head == 2
    await feed.close()


async def test_an_unreachable_log_is_asked_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    await seen.follow(feed, 1)
    world.source.deliver = Unruly(["lose", "pass"])
    world.source.unreachable = True
    await world.talk(stream, 2)
    asyncio.get_running_loop().call_later(0.1, setattr, world.source, "unreachable", False)
    await seen.reaches(3)
    assert seen.versions == [2, 3]
    await feed.close()


async def test_an_event_that_cannot_be_read_parks_the_feed_and_is_not_skipped() -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    await seen.follow(feed, 1)
    world.source.unknown_versions = {3}
    await world.talk(stream, 3)
    await seen.noticed()
    assert seen.versions == [2]
    await feed.close()


async def test_a_parked_feed_goes_on_once_the_event_can_be_read() -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    await seen.follow(feed, 1)
    world.source.unknown_versions = {3}
    await world.talk(stream, 3)
    await seen.noticed()
    world.source.unknown_versions = set()
    feed.check(4)
    await seen.reaches(4)
    assert seen.versions == [2, 3, 4]
    await feed.close()


async def test_a_replay_gives_what_comes_before_an_unreadable_event() -> None:
    world = World()
    stream = await world.job(messages=20)
    world.source.unknown_versions = {15}
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    with pytest.raises(UnknownEvent):
        await seen.follow(feed, 0)
    assert seen.versions == list(range(1, 15))
    await feed.close()


async def test_many_who_come_back_with_one_cursor_share_one_read() -> None:
    world = World()
    stream = await world.job(messages=20)
    feed = feed_of(world.source, stream)
    await feed.start()
    crowd = [Seen() for _ in range(50)]
    await asyncio.gather(*(seen.follow(feed, 0) for seen in crowd))
    assert [len(world.source.pages), *{tuple(seen.versions) for seen in crowd}] == [1, tuple(range(1, 22))]
    await feed.close()


async def test_who_comes_back_to_recent_events_costs_no_read() -> None:
    world = World()
    stream = await world.job()
    feed = feed_of(world.source, stream)
    await feed.start()
    await world.talk(stream, 5)
    seen = Seen()
    await seen.follow(feed, 2)
    assert (seen.versions, world.source.pages) == ([3, 4, 5, 6], [])
    await feed.close()


async def test_history_is_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PAGE", 10)
    world = World()
    stream = await world.job(messages=34)
    feed = feed_of(world.source, stream)
    await feed.start()
    seen = Seen()
    await seen.follow(feed, 0)
    assert seen.versions == list(range(1, 36))
    await feed.close()


async def test_read_models_that_lag_behind_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    stream = await world.job(messages=4)
    feed = feed_of(world.source, stream)
    await feed.start()
    events, lagging = world.source.events, random.Random(1)

    async def behind(owner: object, job_id: object, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        found = await events(stream.owner, stream.id, after=after, limit=limit)
        return found[: lagging.randrange(3)]

    feed._backfill = type("Jobs", (), {"events": staticmethod(behind)})()
    seen = Seen()
    await seen.follow(feed, 0)
    assert seen.versions == [1, 2, 3, 4, 5]
    await feed.close()
