"""The decide loop: conflicts are decided again, repeats change nothing, remembered states are not trusted with refusals."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from libs.events.errors import LogUnavailable
from libs.events.event import START, Position, Recorded
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.store import EventStore
from libs.events.subjects import StreamId
from libs.process.clock import ManualClock
from tests.libs.events.coins import REGISTRY, Coins, CoinsPaid, paid, total


class Snapshots:
    def __init__(self) -> None:
        self.kept: dict[StreamId, tuple[int, Position]] = {}

    async def get(self, stream: StreamId) -> tuple[int, Position] | None:
        return self.kept.get(stream)

    async def put(self, stream: StreamId, state: int, position: Position) -> None:
        self.kept[stream] = (state, position)


def repository(store: EventStore[Coins], **options: object) -> Repository[int, Coins]:
    return Repository(store, total, clock=ManualClock(), **options)  # type: ignore[arg-type]


def pay_up_to(limit: int):  # type: ignore[no-untyped-def]
    return lambda state: [CoinsPaid(cents=1)] if (state or 0) < limit else []


async def test_a_decision_is_appended_and_folded(store: EventStore[Coins], stream: StreamId) -> None:
    committed = await repository(store).transact(stream, pay_up_to(1))
    assert (committed.state, committed.position.version, len(committed.events)) == (1, 1, 1)


async def test_the_events_it_answers_are_those_the_log_has(store: EventStore[Coins], stream: StreamId) -> None:
    committed = await repository(store).transact(stream, lambda _: [CoinsPaid(cents=1), CoinsPaid(cents=2)])
    assert list(committed.events) == await store.load(stream)


async def test_a_decision_that_changes_nothing_appends_nothing(store: EventStore[Coins], stream: StreamId) -> None:
    coins = repository(store)
    await coins.transact(stream, pay_up_to(1))
    committed = await coins.transact(stream, pay_up_to(1))
    assert (committed.position.version, committed.events) == (1, ())


async def test_many_writers_lose_no_decision(store: EventStore[Coins], stream: StreamId) -> None:
    writers = [repository(store) for _ in range(4)]
    pay = lambda _: [CoinsPaid(cents=1)]  # noqa: E731
    await asyncio.gather(*(writer.transact(stream, pay) for writer in writers for _ in range(10)))
    history = await store.load(stream)
    assert [recorded.version for recorded in history] == list(range(1, 41))
    assert (await writers[0].load(stream))[0] == 40


async def test_a_limit_holds_however_many_race_for_it(store: EventStore[Coins], stream: StreamId) -> None:
    writers = [repository(store) for _ in range(4)]
    await asyncio.gather(*(writer.transact(stream, pay_up_to(7)) for writer in writers for _ in range(10)))
    assert len(await store.load(stream)) == 7


async def test_a_remembered_state_is_not_trusted_with_changing_nothing(stream: StreamId) -> None:
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)
    here, elsewhere = repository(store), repository(store)
    await here.transact(stream, pay_up_to(1))
    await elsewhere.transact(stream, lambda _: [CoinsPaid(cents=-1)])
    committed = await here.transact(stream, pay_up_to(1))
    assert (committed.state, committed.position.version) == (1, 3)


async def test_a_remembered_state_is_not_trusted_with_a_refusal(stream: StreamId) -> None:
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)
    here, elsewhere = repository(store), repository(store)
    await here.transact(stream, pay_up_to(1))
    await elsewhere.transact(stream, lambda _: [CoinsPaid(cents=-1)])

    def refuse_when_paid(state: int | None) -> list[Coins]:
        if state:
            raise ValueError("paid already")
        return [CoinsPaid(cents=5)]

    assert (await here.transact(stream, refuse_when_paid)).state == 5


async def test_what_decide_raises_is_passed_on_and_appends_nothing(stream: StreamId) -> None:
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)

    def refuse(_: int | None) -> list[Coins]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await repository(store).transact(stream, refuse)
    assert await store.load(stream) == []


async def test_event_time_never_runs_backwards(stream: StreamId) -> None:
    class State(int):
        updated_at = None

    def evolve(state: State | None, recorded: Recorded[Coins]) -> State:
        new = State(total(state, recorded))
        new.updated_at = recorded.time  # type: ignore[assignment]
        return new

    clock = ManualClock()
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)
    coins: Repository[State, Coins] = Repository(store, evolve, clock=clock)
    for _ in range(3):
        await coins.transact(stream, lambda _: [CoinsPaid(cents=1)])
        clock.advance(timedelta(seconds=-5))
    times = [recorded.time for recorded in await store.load(stream)]
    assert times == sorted(times)


async def test_a_snapshot_spares_the_history(stream: StreamId) -> None:
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)
    snapshots = Snapshots()
    coins = repository(store, snapshots=snapshots)
    for _ in range(70):
        await coins.transact(stream, lambda _: [CoinsPaid(cents=1)])
    assert snapshots.kept[stream][1].version == 64

    loaded: list[Position] = []
    load = store.load

    async def watched(stream: StreamId, *, after: Position = START, limit: int | None = None):  # type: ignore[no-untyped-def]
        loaded.append(after)
        return await load(stream, after=after, limit=limit)

    store.load = watched  # type: ignore[method-assign]
    state, position = await repository(store, snapshots=snapshots).load(stream)
    assert (state, position.version, loaded[0].version) == (70, 70, 64)


async def test_only_aggregates_that_nobody_uses_are_forgotten(stream: StreamId) -> None:
    store: MemoryStore[Coins] = MemoryStore(REGISTRY)
    coins = repository(store, cache_size=4)
    streams = [StreamId(stream.owner, paid(1).id) for _ in range(20)]
    for each in streams:
        await coins.transact(each, pay_up_to(1))
    assert sum(coins.peek(each) is not None for each in streams) <= 5


async def test_an_unavailable_log_is_said_to_be_so(stream: StreamId) -> None:
    class Gone(MemoryStore[Coins]):
        async def append(self, *_: object, **__: object) -> Position:
            raise LogUnavailable("gone")

    with pytest.raises(LogUnavailable):
        await repository(Gone(REGISTRY)).transact(stream, pay_up_to(1))
