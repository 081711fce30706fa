"""Reading the log in order, each message once, whatever gets lost on the way."""

from __future__ import annotations

import pytest

from libs.jobs.testing import build_history
from services.projector.entry import Entry
from services.projector.log import LogReader, PositionBeyondEnd, log_state, next_sequence
from tests.services.projector.conftest import World, a_stream


async def a_reader(world: World, after: int = 0) -> LogReader:
    return LogReader(world.client, after=after, incarnation=(await log_state(world.client)).incarnation)


async def read(reader: LogReader, upto: int, limit: int = 7) -> list[int]:
    found: list[int] = []
    while not found or found[-1] < upto:
        found += [entry.sequence for entry in await reader.next(limit)]
    return found


async def test_everything_comes_once_and_in_order(world: World) -> None:
    for _ in range(3):
        await world.append(build_history(a_stream()))
    reader = await a_reader(world)
    assert await read(reader, await world.head()) == list(range(1, await world.head() + 1))
    await reader.stop()


async def test_it_begins_after_the_position_given(world: World) -> None:
    await world.append(build_history(a_stream()))
    reader = await a_reader(world, after=10)
    assert (await reader.next(3))[0].sequence == 11
    await reader.stop()


async def test_a_message_lost_on_the_way_is_fetched_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.append(build_history(a_stream(), steps=20))
    reader = await a_reader(world)
    take, lost = reader._take, set()

    def lose_two(subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        sequence = reply.split(b".")[-4]
        if sequence in (b"5", b"20") and sequence not in lost:
            lost.add(sequence)
        else:
            take(subject, reply, data, headers)

    monkeypatch.setattr(reader, "_take", lose_two)
    assert await read(reader, await world.head()) == list(range(1, await world.head() + 1))
    assert lost == {b"5", b"20"}
    await reader.stop()


async def test_a_lost_last_message_is_noticed_by_the_heartbeat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.append(build_history(a_stream(), steps=2))
    head = await world.head()
    reader = await a_reader(world)
    take, lost = reader._take, []

    def lose_last(subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if reply.split(b".")[-4:-3] == [str(head).encode()] and not lost:
            lost.append(head)
        else:
            take(subject, reply, data, headers)

    monkeypatch.setattr(reader, "_take", lose_last)
    assert await read(reader, head) == list(range(1, head + 1))
    assert lost
    await reader.stop()


async def test_what_was_given_back_comes_first(world: World) -> None:
    await world.append(build_history(a_stream()))
    reader = await a_reader(world)
    taken = await reader.next(5)
    reader.give_back(taken[2:])
    assert [entry.sequence for entry in await reader.next(2)] == [3, 4]
    await reader.stop()


async def test_patience_runs_out_where_nothing_comes(world: World) -> None:
    reader = await a_reader(world)
    assert await reader.next(5, patience_seconds=0.1) == []
    await reader.stop()


async def test_a_position_beyond_the_end_is_refused(world: World) -> None:
    reader = await a_reader(world, after=1)
    with pytest.raises(PositionBeyondEnd, match="ends at 0"):
        await reader.open()


async def test_the_next_sequence_skips_what_was_erased(world: World) -> None:
    first, second = build_history(a_stream()), build_history(a_stream())
    await world.append(first)
    await world.append(second)
    await world.admin.jetstream().purge_stream("EVENTS", subject=f"evt.*.{first.stream.id}.>")
    assert await next_sequence(world.client, 0) == len(first.history) + 1
    assert await next_sequence(world.client, await world.head()) is None


SUBJECT = "evt.018f4a3e-0000-7000-8000-000000000001.018f4a3e-0000-7000-8000-000000000002.job_cancelled"
HEADERS = {
    "Nats-Msg-Id": "018f4a3e-0000-7000-8000-000000000003",
    "Event-Version": "3",
    "Event-Schema": "1",
    "Event-Time": "2026-01-01T00:00:00+00:00",
    "Correlation-Id": "018f4a3e-0000-7000-8000-000000000004",
    "Causation-Id": "018f4a3e-0000-7000-8000-000000000005",
}


def raw(headers: dict[str, str]) -> bytes:
    return ("NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()


def fields(entry: Entry) -> tuple[object, ...]:
    return entry.version, entry.schema, entry.id, entry.time, entry.correlation_id, entry.causation_id, entry.problem


def test_headers_mean_the_same_in_any_order() -> None:
    usual = Entry.read(SUBJECT, 1, raw(HEADERS), b"{}")
    shuffled = Entry.read(SUBJECT, 1, raw(dict(reversed(HEADERS.items()))), b"{}")
    assert fields(usual) == fields(shuffled)
    assert usual.problem is None


def test_other_headers_around_ours_change_nothing() -> None:
    around = {"Nats-Batch-Id": "x"} | HEADERS | {"Command-Sequence": "7", "traceparent": "00-1-1-01"}
    assert fields(Entry.read(SUBJECT, 1, raw(around), b"{}")) == fields(Entry.read(SUBJECT, 1, raw(HEADERS), b"{}"))


def test_causes_may_be_missing() -> None:
    bare = {name: value for name, value in HEADERS.items() if not name.endswith("-Id") or name == "Nats-Msg-Id"}
    entry = Entry.read(SUBJECT, 1, raw(bare), b"{}")
    assert (entry.correlation_id, entry.causation_id, entry.problem) == (None, None, None)


@pytest.mark.parametrize("name", ["Nats-Msg-Id", "Event-Version", "Event-Schema", "Event-Time"])
def test_a_missing_header_is_the_entrys_problem(name: str) -> None:
    entry = Entry.read(SUBJECT, 1, raw({each: value for each, value in HEADERS.items() if each != name}), b"{}")
    assert entry.problem is not None
    assert name in entry.problem


@pytest.mark.parametrize("value", ["1\t2", "1\\N", "eleven"])
def test_a_header_that_would_break_out_of_its_line_is_the_entrys_problem(value: str) -> None:
    assert Entry.read(SUBJECT, 1, raw(HEADERS | {"Event-Version": value}), b"{}").problem is not None


@pytest.mark.parametrize(
    "subject",
    ["evt.a.b.c", SUBJECT.replace("018f", "018F", 1), SUBJECT + ".more", SUBJECT[:77] + "x" + SUBJECT[78:], "evt"],
)
def test_a_malformed_subject_is_the_entrys_problem_and_name(subject: str) -> None:
    Entry.read(SUBJECT, 1, raw(HEADERS), b"{}")
    entry = Entry.read(subject, 1, raw(HEADERS), b"{}")
    assert (entry.stream, entry.problem is not None) == (subject, True)
