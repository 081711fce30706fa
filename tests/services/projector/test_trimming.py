"""Old commands go, but never one that somebody has yet to handle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nats.js.api import ConsumerConfig

from libs.events.commands import CommandEnvelope, CommandLog
from libs.process.clock import new_id
from services.projector.trimming import handled_up_to, trim_commands
from tests.services.projector.conftest import World, a_stream

LATER = datetime.now(UTC) + timedelta(days=30)
KEEP = timedelta(days=14)


async def send(world: World, *verbs: str) -> None:
    commands = CommandLog(world.admin)
    for verb in verbs:
        await commands.publish(
            CommandEnvelope(stream=a_stream(), verb=verb, id=new_id(), time=datetime.now(UTC), payload=b"{}")
        )


async def handle(world: World, service: str, count: int) -> None:
    subscription = await world.admin.jetstream().pull_subscribe_bind(service, "COMMANDS")
    for message in await subscription.fetch(count, timeout=5):
        await message.ack_sync()


async def left(world: World) -> list[int]:
    state = (await world.admin.jetstream().stream_info("COMMANDS")).state
    return list(range(state.first_seq, state.last_seq + 1))


async def test_handled_commands_past_their_age_are_removed(world: World) -> None:
    await send(world, "create", "cancel", "chat")
    await handle(world, "agents", 2)
    await handle(world, "runner", 1)
    assert await trim_commands(world.client, keep=KEEP, now=LATER) == 3


async def test_young_commands_stay(world: World) -> None:
    await send(world, "create")
    await handle(world, "agents", 1)
    assert await trim_commands(world.client, keep=KEEP, now=datetime.now(UTC)) == 0


async def test_nothing_goes_from_the_first_unhandled_command_on(world: World) -> None:
    await send(world, "create", "create", "cancel", "create")
    await handle(world, "agents", 3)
    await trim_commands(world.client, keep=KEEP, now=LATER)
    assert await left(world) == [1, 2, 3, 4]  # the runner has not seen the third, and was never past the start
    await handle(world, "runner", 1)
    assert await trim_commands(world.client, keep=KEEP, now=LATER) == 4


async def test_a_command_in_somebodys_hands_stays(world: World) -> None:
    await send(world, "create", "create")
    subscription = await world.admin.jetstream().pull_subscribe_bind("agents", "COMMANDS")
    first, _ = await subscription.fetch(2, timeout=5)
    await first.ack_sync()
    assert await trim_commands(world.client, keep=KEEP, now=LATER) == 1
    assert await left(world) == [2]


async def test_what_a_consumer_of_another_service_has_not_handled_stays(world: World) -> None:
    await send(world, "create")
    await handle(world, "agents", 1)
    await world.admin.jetstream().add_consumer("COMMANDS", ConsumerConfig(durable_name="audit"))
    assert await trim_commands(world.client, keep=KEEP, now=LATER) == 0


def consumer(**changes: Any) -> dict[str, Any]:
    base = {
        "config": {"ack_policy": "explicit"},
        "num_ack_pending": 0,
        "num_pending": 0,
        "ack_floor": {"stream_seq": 3},
        "delivered": {"stream_seq": 7},
    }
    return base | changes


def test_a_consumer_with_nothing_to_do_has_handled_all_there_is() -> None:
    assert handled_up_to(consumer(), 9) == 9


def test_a_consumer_with_something_in_hand_has_handled_up_to_its_floor() -> None:
    assert handled_up_to(consumer(num_ack_pending=1), 9) == 3


def test_a_consumer_with_something_to_fetch_has_handled_what_it_was_given() -> None:
    assert handled_up_to(consumer(num_pending=2), 9) == 7


def test_an_onlooker_holds_nothing_back() -> None:
    assert handled_up_to(consumer(config={"ack_policy": "none"}, num_pending=5), 9) == 9
