"""What every event store promises, asked of the in-memory and of the real one."""

from __future__ import annotations

import asyncio

import pytest

from libs.events.errors import UnknownEvent, VersionConflict
from libs.events.event import START, Position
from libs.events.memory import MemoryStore
from libs.events.store import EventStore
from libs.events.subjects import StreamId
from libs.process.clock import new_id
from tests.libs.events.coins import REGISTRY, Coins, CoinsCounted, CoinsPaid, paid

Store = EventStore[Coins]


async def test_an_aggregate_without_events_is_at_the_start(store: Store, stream: StreamId) -> None:
    assert await store.load(stream) == []
    assert await store.head(stream) == START


async def test_events_are_numbered_from_one_without_gaps(store: Store, stream: StreamId) -> None:
    position = START
    for cents in range(5):
        position = await store.append(stream, [paid(cents)], after=position)
    assert [recorded.version for recorded in await store.load(stream)] == [1, 2, 3, 4, 5]


async def test_what_was_appended_is_read_back_whole(store: Store, stream: StreamId) -> None:
    new = paid(7, causation_id=new_id(), correlation_id=new_id(), command_sequence=42, traceparent="00-ab-cd-01")
    position = await store.append(stream, [new], after=START)
    [recorded] = await store.load(stream)
    assert (recorded.id, recorded.time, recorded.event, recorded.cause) == (new.id, new.time, new.event, new.cause)
    assert (recorded.type, recorded.schema, recorded.position) == ("coins_paid", 2, position)


async def test_several_events_of_a_decision_stand_together(store: Store, stream: StreamId) -> None:
    position = await store.append(stream, [paid(1), paid(2), paid(3)], after=START)
    history = await store.load(stream)
    assert [recorded.event for recorded in history] == [CoinsPaid(cents=1), CoinsPaid(cents=2), CoinsPaid(cents=3)]
    assert history[-1].position == position == await store.head(stream)


async def test_loading_goes_on_after_a_position(store: Store, stream: StreamId) -> None:
    first = await store.append(stream, [paid(1)], after=START)
    await store.append(stream, [paid(2), paid(3)], after=first)
    assert [recorded.version for recorded in await store.load(stream, after=first)] == [2, 3]
    assert [recorded.version for recorded in await store.load(stream, after=first, limit=1)] == [2]


async def test_an_outdated_position_is_a_conflict_that_brings_the_tail(store: Store, stream: StreamId) -> None:
    first = await store.append(stream, [paid(1)], after=START)
    winner = paid(2)
    await store.append(stream, [winner], after=first)
    with pytest.raises(VersionConflict) as conflict:
        await store.append(stream, [paid(3)], after=first)
    assert [recorded.id for recorded in conflict.value.tail] == [winner.id]


async def test_a_batch_with_an_outdated_position_leaves_nothing(store: Store, stream: StreamId) -> None:
    await store.append(stream, [paid(1)], after=START)
    with pytest.raises(VersionConflict):
        await store.append(stream, [paid(2), paid(3)], after=START)
    assert len(await store.load(stream)) == 1


async def test_appending_the_same_again_changes_nothing(store: Store, stream: StreamId) -> None:
    events = [paid(1), paid(2)]
    once = await store.append(stream, events, after=START)
    again = await store.append(stream, events, after=START)
    assert once == again
    assert len(await store.load(stream)) == 2


@pytest.mark.parametrize("racers", [2, 20])
async def test_of_many_racers_exactly_one_wins(store: Store, stream: StreamId, racers: int) -> None:
    async def race(cents: int) -> bool:
        try:
            await store.append(stream, [paid(cents)] * (1 + cents % 2), after=START)
        except VersionConflict:
            return False
        return True

    wins = await asyncio.gather(*(race(number) for number in range(0, 2 * racers, 2)))
    assert sum(wins) == 1
    assert [recorded.version for recorded in await store.load(stream)] == [1]


async def test_aggregates_do_not_disturb_each_other(store: Store) -> None:
    owner = new_id()
    streams = [StreamId(owner, new_id()) for _ in range(200)]
    await asyncio.gather(*(store.append(each, [paid(1), paid(2)], after=START) for each in streams[:50]))
    await asyncio.gather(*(store.append(each, [paid(1)], after=START) for each in streams[50:]))
    sizes = [len(await store.load(each)) for each in streams]
    assert sizes == [2] * 50 + [1] * 150


async def test_another_owner_with_the_same_id_sees_nothing(store: Store, stream: StreamId) -> None:
    await store.append(stream, [paid(1)], after=START)
    assert await store.load(StreamId(new_id(), stream.id)) == []


async def test_a_large_payload_comes_back_as_it_was(store: Store, stream: StreamId) -> None:
    note = "ü" * 100_000
    new = paid(0)
    new = type(new)(id=new.id, time=new.time, event=CoinsCounted(note=note))
    await store.append(stream, [new], after=START)
    [recorded] = await store.load(stream)
    assert recorded.event == CoinsCounted(note=note)


async def test_appending_nothing_is_where_it_was(store: Store, stream: StreamId) -> None:
    assert await store.append(stream, [], after=START) == START


async def test_a_forged_position_is_refused(store: Store, stream: StreamId) -> None:
    await store.append(stream, [paid(1)], after=START)
    with pytest.raises(VersionConflict):
        await store.append(stream, [paid(2)], after=Position(0, 0))


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(UnknownEvent, match="coins_burnt"):
        REGISTRY.decode("coins_burnt", 1, b"{}")


def test_an_unknown_schema_is_named() -> None:
    with pytest.raises(UnknownEvent, match="schema version 9"):
        REGISTRY.decode("coins_paid", 9, b"{}")


def test_a_payload_that_does_not_fit_is_an_unknown_event() -> None:
    with pytest.raises(UnknownEvent, match="cents"):
        REGISTRY.decode("coins_paid", 2, b'{"cents":"many"}')


def test_an_old_shape_is_read_as_todays() -> None:
    assert REGISTRY.decode("coins_paid", 1, b'{"amount":3}') == CoinsPaid(cents=300)


def test_a_field_added_by_a_newer_writer_is_ignored() -> None:
    assert REGISTRY.decode("coins_paid", 2, b'{"cents":3,"currency":"EUR"}') == CoinsPaid(cents=3)


async def test_the_memory_store_refuses_what_could_not_be_stored(stream: StreamId) -> None:
    with pytest.raises(UnknownEvent):
        await MemoryStore(REGISTRY).append(
            stream,
            [type(paid(1))(id=new_id(), time=paid(1).time, event=CoinsPaid(cents="x"))],
            after=START,  # type: ignore[arg-type]
        )
