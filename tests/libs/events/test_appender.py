"""Coalesced appends on a real server: every fault that can be named, caused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from libs.events import appender, wire
from libs.events.errors import LogUnavailable, VersionConflict
from libs.events.event import START, NewEvent, Position
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.process import faults
from libs.process.clock import new_id
from tests.libs.events.coins import REGISTRY, Coins, paid

Store = JetStreamStore[Coins]


@pytest.fixture
def store(client: Any) -> Store:
    return JetStreamStore(client, REGISTRY, timeout_seconds=2)


async def versions(store: Store, stream: StreamId) -> list[int]:
    return [recorded.version for recorded in await store.load(stream)]


def lose(
    monkeypatch: pytest.MonkeyPatch, *, when: Callable[[dict[str, str]], bool], before: bool = False, times: int = 1
) -> list[str]:
    """Lose the acknowledgement (or, `before`, the message itself) of the next publishes that `when` picks."""
    publish, lost = wire.publish, []

    async def losing(client: Any, subject: str, payload: bytes, headers: dict[str, str], *, timeout: float) -> Any:
        if len(lost) < times and when(headers):
            lost.append(subject)
            if not before:
                await publish(client, subject, payload, headers, timeout=timeout)
            raise LogUnavailable("the network ate it")
        return await publish(client, subject, payload, headers, timeout=timeout)

    monkeypatch.setattr(wire, "publish", losing)
    return lost


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("before", [True, False])
async def test_a_lost_acknowledgement_or_message_is_noticed_and_stored_once(
    store: Store, stream: StreamId, monkeypatch: pytest.MonkeyPatch, count: int, before: bool
) -> None:
    lost = lose(monkeypatch, when=lambda _: True, before=before)
    position = await store.append(stream, [paid(cents) for cents in range(count)], after=START)
    assert lost
    assert position.version == count
    assert await versions(store, stream) == list(range(1, count + 1))


async def test_a_lost_acknowledgement_of_a_loser_is_still_a_conflict(
    store: Store, stream: StreamId, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append(stream, [paid(1)], after=START)
    lose(monkeypatch, when=lambda _: True, before=True)
    with pytest.raises(VersionConflict):
        await store.append(stream, [paid(2)], after=START)


async def test_one_conflict_in_a_batch_harms_no_other_decision(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [StreamId(new_id(), new_id()) for _ in range(30)]
    loser = streams[13]
    await store.append(loser, [paid(0)], after=START)
    outcomes = await asyncio.gather(
        *(store.append(each, [paid(1), paid(2)], after=START) for each in streams), return_exceptions=True
    )
    assert [type(each) for each in outcomes].count(VersionConflict) == 1
    assert isinstance(outcomes[13], VersionConflict)
    assert [await versions(store, each) for each in streams] == [[1] if each == loser else [1, 2] for each in streams]


async def test_many_decisions_travel_in_few_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = []
    publish = wire.publish

    async def counting(client: Any, subject: str, payload: bytes, headers: dict[str, str], *, timeout: float) -> Any:
        commits.append(headers.get("Nats-Batch-Sequence"))
        return await publish(client, subject, payload, headers, timeout=timeout)

    monkeypatch.setattr(wire, "publish", counting)
    streams = [StreamId(new_id(), new_id()) for _ in range(100)]
    await asyncio.gather(*(store.append(each, [paid(1), paid(2)], after=START) for each in streams))
    assert len(commits) < 20
    assert all([await versions(store, each) == [1, 2] for each in streams])


async def test_two_decisions_of_one_aggregate_never_share_a_batch(
    store: Store, stream: StreamId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would both commit, since a batch's guards are checked against the stream only."""
    others = [StreamId(new_id(), new_id()) for _ in range(20)]
    racing = [store.append(stream, [paid(cents), paid(cents)], after=START) for cents in range(5)]
    filling = [store.append(each, [paid(1), paid(2)], after=START) for each in others]
    outcomes = await asyncio.gather(*racing, *filling, return_exceptions=True)
    assert [isinstance(each, Position) for each in outcomes[:5]].count(True) == 1
    assert await versions(store, stream) == [1, 2]


async def test_without_the_guard_racers_break_the_numbering(
    store: Store, stream: StreamId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above would notice: with the guard broken on purpose both racers commit."""
    monkeypatch.setattr(appender, "_guard", lambda _: {})
    await asyncio.gather(
        *(store.append(stream, [paid(cents)], after=START) for cents in range(2)), return_exceptions=True
    )
    messages = await wire.read_range(store._nats, "EVENTS", f"evt.{stream.owner}.{stream.id}.>")
    assert [message.headers[wire.VERSION] for message in messages] == ["1", "1"]


async def test_a_crash_between_the_messages_of_a_batch_leaves_nothing(store: Store, stream: StreamId) -> None:
    faults.arm("append.mid_batch", "raise")
    with pytest.raises(faults.FaultInjected):
        await store.append(stream, [paid(1), paid(2)], after=START)
    assert faults.reached["append.mid_batch"] == 1
    faults.disarm_all()
    assert await versions(store, stream) == []
    await store.append(stream, [paid(1), paid(2)], after=START)
    assert await versions(store, stream) == [1, 2]


async def test_a_crash_between_append_and_acknowledgement_is_found_out_on_repeating(
    store: Store, stream: StreamId
) -> None:
    new: list[NewEvent[Coins]] = [paid(1)]
    faults.arm("append.before_ack", "raise")
    with pytest.raises(faults.FaultInjected):
        await store.append(stream, new, after=START)
    assert faults.reached["append.before_ack"] == 1
    faults.disarm_all()
    assert (await store.append(stream, new, after=START)).version == 1
    assert await versions(store, stream) == [1]


async def test_a_cancelled_append_blocks_nobody(store: Store) -> None:
    streams = [StreamId(new_id(), new_id()) for _ in range(50)]
    tasks = [asyncio.create_task(store.append(each, [paid(1)], after=START)) for each in streams]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, Position) for each in outcomes[1::2])
    assert all([len(await versions(store, each)) <= 1 for each in streams])


async def test_without_a_server_it_says_so(nats_server: Any, stream: StreamId) -> None:
    from libs.events.connection import NatsSettings, connect
    from libs.process.settings import Secret

    user, password = nats_server.user("admin")
    client = await connect(
        NatsSettings(nats_url=[nats_server.url], nats_user=user, nats_password=Secret(password)), "tests"
    )
    store = JetStreamStore(client, REGISTRY, timeout_seconds=0.2)
    await client.close()
    with pytest.raises(LogUnavailable):
        await store.append(stream, [paid(1)], after=START)
    with pytest.raises(LogUnavailable):
        await store.load(stream)
