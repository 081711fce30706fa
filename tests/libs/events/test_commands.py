"""Commands on the wire, on a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from libs.events import subjects
from libs.events.commands import CommandEnvelope, CommandLog, Outcome, Refusal
from libs.events.subjects import StreamId
from libs.process.clock import new_id


def command(stream: StreamId, verb: str = "chat", **fields: Any) -> CommandEnvelope:
    fields.setdefault("id", new_id())
    return CommandEnvelope(stream=stream, verb=verb, time=datetime.now(UTC), payload=b'{"content":"hi"}', **fields)


@pytest.fixture
def log(client: Any) -> CommandLog:
    return CommandLog(client)


async def test_a_stored_command_is_read_back_whole(log: CommandLog, stream: StreamId) -> None:
    sent = command(stream, correlation_id=new_id(), traceparent="00-ab-cd-01", outcome_to="gateway-1")
    sequence = (await log.publish(sent)).sequence
    assert await log.first(stream, "chat") == msgspec.structs.replace(sent, sequence=sequence)


async def test_a_command_without_a_correlation_is_its_own(log: CommandLog, stream: StreamId) -> None:
    sent = command(stream)
    await log.publish(sent)
    stored = await log.first(stream, "chat")
    assert stored is not None
    assert stored.cause.correlation_id == stored.cause.causation_id == sent.id


async def test_a_repeat_is_stored_once(log: CommandLog, stream: StreamId) -> None:
    sent = command(stream)
    first, again = [await log.publish(sent) for _ in range(2)]
    assert (first.repeated, again) == (False, first._replace(repeated=True))
    assert len(await log.between(stream, after=0, upto=10**12)) == 1


async def test_the_oldest_of_a_verb_is_found_among_others(log: CommandLog, stream: StreamId) -> None:
    assert await log.first(stream, "create") is None
    first, second = command(stream, "create"), command(stream, "create")
    for each in (command(stream), first, second):
        await log.publish(each)
    found = await log.first(stream, "create")
    assert found is not None
    assert found.id == first.id


async def test_commands_between_two_places_come_in_order(log: CommandLog, stream: StreamId) -> None:
    sequences = [(await log.publish(command(stream))).sequence for _ in range(5)]
    await log.publish(command(StreamId(stream.owner, new_id())))
    found = await log.between(stream, after=sequences[0], upto=sequences[3])
    assert [each.sequence for each in found] == sequences[1:4]


async def test_whoever_sent_a_command_hears_its_outcome(log: CommandLog, stream: StreamId, client: Any) -> None:
    heard = asyncio.get_running_loop().create_future()
    listener = f"tests-{stream.id}"

    async def hear(message: Any) -> None:
        heard.set_result(msgspec.json.decode(message.data, type=Outcome))

    await client.subscribe(subjects.outcome(listener), cb=hear)
    await client.flush()
    sent = command(stream, outcome_to=listener)
    outcome = Outcome(command_id=sent.id, version=3, refused=Refusal(code="not_allowed_now", reason="over"))
    await log.answer(sent, outcome)
    assert await asyncio.wait_for(heard, 5) == outcome


async def test_the_first_sent_under_an_id_is_found_whatever_came_between(log: CommandLog, stream: StreamId) -> None:
    first = command(stream)
    place = await log.publish(first)
    for _ in range(40):
        last = await log.publish(command(stream))
    found = await log.sent_first(first, upto=last.sequence)
    assert found is not None
    assert (found.id, found.sequence) == (first.id, place.sequence)
    assert await log.sent_first(first, upto=place.sequence - 1) is None
    assert await log.sent_first(command(stream), upto=last.sequence) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"name":"paid","data":{"a":1,"b":[2]}}', '{"data":{"b":[2],"a":1},"name":"paid"}', True),
        ('{"content":"hi"}', '{"content":"ho"}', False),
        ('{"data":true}', '{"data":1}', False),
        ('{"content":"hi"}', '{"content":"hi","sender":"user"}', True),
        ("garbage", "garbage", True),
        ("garbage", "{}", False),
    ],
)
def test_two_commands_want_the_same_where_what_both_say_is_equal(
    stream: StreamId, one: str, other: str, same: bool
) -> None:
    first, second = (msgspec.structs.replace(command(stream), payload=text.encode()) for text in (one, other))
    assert first.wants_as(second) is same
    assert second.wants_as(first) is same
