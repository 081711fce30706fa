"""Messages from a durable consumer: every outcome, lost leases, poison, restarts of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from libs.events import subjects, wire
from libs.events.errors import LogUnavailable
from libs.events.subjects import StreamId
from libs.events.subscription import Delivery, Done, Handler, Later, Outcome, Refused, Subscription
from libs.process import faults
from libs.process.clock import new_id

LEASE_SECONDS = 1.0


class Inbox:
    """A consumer of its own, so that tests do not take each other's messages."""

    def __init__(self, client: Any, stream: StreamId) -> None:
        self.client = client
        self.stream = stream
        self.name = f"test-{stream.id}"
        self.latest = 0  # stream sequence of what was sent

    async def create(self) -> None:
        from nats.js.api import AckPolicy, ConsumerConfig

        await self.client.jetstream().add_consumer(
            "COMMANDS",
            ConsumerConfig(
                durable_name=self.name,
                filter_subject=f"cmd.{self.stream.owner}.*.*",
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=LEASE_SECONDS,
                max_deliver=-1,
            ),
        )

    async def send(self, verb: str = "chat", payload: bytes = b"{}", stream: StreamId | None = None) -> None:
        headers = {wire.MESSAGE_ID: str(new_id())}
        subject = subjects.command(stream or self.stream, verb)
        ack = await wire.publish(self.client, subject, payload, headers, timeout=5)
        self.latest = max(self.latest, ack.seq)

    async def outstanding(self) -> int:
        info = await self.client.jetstream().consumer_info("COMMANDS", self.name)
        return int(info.num_pending + info.num_ack_pending)

    async def settled(self) -> None:
        """Return when everything sent is handled. The consumer may not have noticed yet what the stream has acknowledged."""
        async with asyncio.timeout(20):
            while True:
                info = await self.client.jetstream().consumer_info("COMMANDS", self.name)
                if info.ack_floor.stream_seq >= self.latest and not info.num_ack_pending:
                    return
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def working(self, handler: Handler, **options: Any) -> AsyncIterator[Subscription]:
        stopping = asyncio.Event()
        subscription = Subscription(
            self.client,
            "COMMANDS",
            self.name,
            handler,
            service="agents",
            concurrency=options.pop("concurrency", 10),
            lease_seconds=LEASE_SECONDS,
            **options,
        )
        task = asyncio.create_task(subscription.run(stopping, drain_seconds=2))
        try:
            yield subscription
        finally:
            stopping.set()
            await task


@pytest.fixture
async def inbox(client: Any, stream: StreamId) -> Inbox:
    inbox = Inbox(client, stream)
    await inbox.create()
    return inbox


def answering(*outcomes: Outcome | Exception) -> tuple[Handler, list[Delivery]]:
    """A handler that answers with the outcomes in turn, the last one for ever."""
    seen: list[Delivery] = []

    async def handle(delivery: Delivery) -> Outcome:
        outcome = outcomes[min(len(seen), len(outcomes) - 1)]
        seen.append(delivery)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return handle, seen


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_handled_message_is_gone(inbox: Inbox) -> None:
    handle, seen = answering(Done())
    await inbox.send()
    async with inbox.working(handle):
        await inbox.settled()
    assert len(seen) == 1


async def test_a_postponed_message_comes_again(inbox: Inbox) -> None:
    handle, seen = answering(Later(0.05), Done())
    await inbox.send()
    async with inbox.working(handle):
        await inbox.settled()
    assert [each.deliveries for each in seen] == [1, 2]


async def test_a_failing_handler_is_tried_again(inbox: Inbox) -> None:
    handle, seen = answering(RuntimeError("once"), LogUnavailable("twice"), Done())
    await inbox.send()
    async with inbox.working(handle):
        await inbox.settled()
    assert len(seen) == 3


async def dead_letters(inbox: Inbox) -> list[wire.Stored]:
    return await wire.read_range(inbox.client, "DEADLETTERS", f"dead.{inbox.stream.owner}.*.*")


async def test_a_refused_message_is_a_dead_letter_with_its_reason(inbox: Inbox) -> None:
    handle, _ = answering(Refused("makes no\nsense"))
    await inbox.send(payload=b'{"content":"hi"}')
    async with inbox.working(handle):
        await inbox.settled()
    [letter] = await dead_letters(inbox)
    assert letter.data == b'{"content":"hi"}'
    assert letter.headers["Dead-Reason"] == "makes no sense"
    assert letter.headers["Dead-Subject"] == subjects.command(inbox.stream, "chat")


async def test_a_poison_message_is_a_dead_letter_after_its_last_try_and_others_go_on(inbox: Inbox) -> None:
    handled = []

    async def handle(delivery: Delivery) -> Outcome:
        if delivery.message.data == b"poison":
            raise RuntimeError("bad taste")
        handled.append(delivery)
        return Done()

    await inbox.send(payload=b"poison")
    await inbox.send()
    async with inbox.working(handle, deliveries_max=2):
        await inbox.settled()
    [letter] = await dead_letters(inbox)
    assert letter.headers["Dead-Reason"] == "RuntimeError: bad taste"
    assert len(handled) == 1


async def test_long_work_keeps_its_message(inbox: Inbox) -> None:
    seen = []

    async def handle(delivery: Delivery) -> Outcome:
        seen.append(delivery)
        await asyncio.sleep(2.5 * LEASE_SECONDS)
        return Done()

    await inbox.send()
    async with inbox.working(handle):
        await inbox.settled()
    assert len(seen) == 1


async def test_a_lost_lease_sends_nothing_more(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale ack would take the message from its new owner."""
    faults.arm("subscription.stale_ack", "hang", at=1000)
    slow_may_end = asyncio.Event()
    takeover_may_end = asyncio.Event()
    seen: list[Delivery] = []

    async def handle(delivery: Delivery) -> Outcome:
        seen.append(delivery)
        if len(seen) == 1:
            monkeypatch.setattr(delivery, "renew", lambda _: None)
            delivery._lease_until = 0.0  # as after a pause longer than the lease
            await slow_may_end.wait()
        else:
            await takeover_may_end.wait()
        return Done()

    await inbox.send()
    async with inbox.working(handle):
        await until(lambda: len(seen) == 2)
        slow_may_end.set()
        await until(lambda: faults.reached["subscription.stale_ack"] == 1)
        assert await inbox.outstanding() == 1
        takeover_may_end.set()
        await inbox.settled()


async def test_no_more_than_the_allowed_are_handled_at_once(inbox: Inbox) -> None:
    active = most = 0

    async def handle(_: Delivery) -> Outcome:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.01)
        active -= 1
        return Done()

    for _ in range(30):
        await inbox.send()
    async with inbox.working(handle, concurrency=3):
        await inbox.settled()
    assert most == 3


async def test_what_is_being_handled_at_a_stop_is_handed_back(inbox: Inbox) -> None:
    started = asyncio.Event()

    async def hang(_: Delivery) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        return Done()

    await inbox.send()
    async with inbox.working(hang):
        await started.wait()
    handle, seen = answering(Done())
    async with inbox.working(handle):
        await inbox.settled()
    assert len(seen) == 1


async def test_a_foreign_message_harms_nobody(inbox: Inbox) -> None:
    handle, seen = answering(Done())
    await wire.publish(inbox.client, f"cmd.{inbox.stream.owner}.not-a-uuid.chat", b"", {}, timeout=5)
    await inbox.send()
    async with inbox.working(handle):
        await inbox.settled()
    assert len(seen) == 1


async def test_many_messages_are_each_handled_once(inbox: Inbox) -> None:
    seen: list[int] = []

    async def handle(delivery: Delivery) -> Outcome:
        seen.append(delivery.message.sequence)
        return Done()

    await asyncio.gather(*(inbox.send(stream=StreamId(inbox.stream.owner, new_id())) for _ in range(300)))
    async with inbox.working(handle), inbox.working(handle):
        await inbox.settled()
    assert len(seen) == len(set(seen)) == 300


async def test_a_stopped_worker_leaves_nothing_waiting_for_its_lease(inbox: Inbox) -> None:
    async def hang(_: Delivery) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    handle, seen = answering(Done())
    async with inbox.working(hang, concurrency=5) as gone:
        await inbox.send()
        await until(lambda: gone.active)
    async with asyncio.timeout(LEASE_SECONDS / 2):
        await inbox.send()
        async with inbox.working(handle):
            await until(lambda: len(seen) == 2)
