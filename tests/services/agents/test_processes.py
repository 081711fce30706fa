"""Real processes, killed and paused: every turn has exactly one stored reply, in turn order."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob
from libs.jobs.decide import reply_id
from libs.jobs.events import ReplyFailed, ReplyPosted, ReplyStarted, UserMessagePosted
from libs.jobs.state import Job, Status
from libs.llm.scripted import Fault, Reply
from libs.llm.wire import Request
from libs.process.clock import new_id
from tests.services.agents.conftest import Desk
from tests.services.workers import Model, StartReplica

pytestmark = pytest.mark.faults

SLOW = Reply("one two three four five six seven eight nine ten " * 4, {"finished": False}, token_delay_seconds=0.1)
QUICK = Reply("Tell me more?", {"finished": False})


def all_answered(turns: int) -> Any:
    def answered(job: Job) -> bool:
        return len(job.messages) == 2 * turns and not job.unanswered

    return answered


async def assert_one_reply_a_turn(desk: Desk, job: Job) -> None:
    history = [each.event for each in await desk.history(job.stream)]
    turns = [event.message_id for event in history if isinstance(event, UserMessagePosted)]
    assert [event.message_id for event in history if isinstance(event, ReplyPosted)] == [reply_id(t) for t in turns]


async def spoken(desk: Desk, attempt: int) -> None:
    async with asyncio.timeout(20):
        while not any(each["attempt"] == attempt for each in desk.deltas):
            await asyncio.sleep(0.01)


async def test_two_replicas_answer_rapid_turns_once_each_and_in_order(desk: Desk, start: StartReplica) -> None:
    replicas = [start(), start()]
    for replica in replicas:
        await replica.ready()
    streams = [await desk.create() for _ in range(3)]
    for number in range(8):
        await asyncio.gather(*(desk.say(stream, f"turn {number}") for stream in streams))
    for stream in streams:
        job = await desk.until(stream, all_answered(9))
        said = [message.content for message in job.messages if message.role == "user"]
        assert said[1:] == [f"turn {number}" for number in range(8)]
        await assert_one_reply_a_turn(desk, job)


async def test_a_reply_cut_by_a_kill_is_visibly_replaced(desk: Desk, model: Model, start: StartReplica) -> None:
    model.say = lambda _: SLOW
    one, two = start(), start()
    await one.ready()
    await two.ready()
    stream = await desk.create()
    job = await desk.until(stream, lambda job: job.reply is not None)
    await spoken(desk, 1)
    model.say = lambda _: QUICK
    assert job.reply is not None
    (one if one.worker == job.reply.worker else two).child.send(signal.SIGKILL)
    job = await desk.until(stream, all_answered(1))
    await assert_one_reply_a_turn(desk, job)
    assert next(each["offset"] for each in desk.deltas if each["attempt"] == 2) == 0


async def test_a_paused_replica_that_wakes_after_its_lease_is_fenced(
    desk: Desk, model: Model, start: StartReplica
) -> None:
    model.say = lambda _: SLOW
    one, two = start(), start()
    await one.ready()
    await two.ready()
    stream = await desk.create()
    job = await desk.until(stream, lambda job: job.reply is not None)
    await spoken(desk, 1)
    model.say = lambda _: QUICK
    assert job.reply is not None
    paused = one if one.worker == job.reply.worker else two
    paused.child.send(signal.SIGSTOP)
    await desk.until(stream, all_answered(1))
    heard = len(desk.deltas)
    paused.child.send(signal.SIGCONT)
    await desk.say(stream, "and now?")
    job = await desk.until(stream, all_answered(2))
    await assert_one_reply_a_turn(desk, job)
    async with asyncio.timeout(20):
        while "reply.fenced" not in paused.child.tail(1000):
            await asyncio.sleep(0.05)
    assert [each for each in desk.deltas[heard:] if each["attempt"] == 1] == []


async def test_a_crash_at_every_fault_point_leaves_one_reply_a_turn(desk: Desk, start: StartReplica) -> None:
    points = ("reply.after_started", "reply.mid_stream", "reply.before_post", "reply.after_post")
    doomed = [start(FAULT_POINTS=f"{point}=kill") for point in points]
    for replica in doomed:
        await replica.ready()
    streams = [await desk.create() for _ in range(8)]
    async with asyncio.timeout(30):
        while any(replica.child.exit_status() is None for replica in doomed):
            await asyncio.sleep(0.05)
    start()
    for stream in streams:
        await assert_one_reply_a_turn(desk, await desk.until(stream, all_answered(1)))


async def test_a_wake_up_that_was_lost_is_made_up_for_by_a_hint(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    stream = await desk.create()
    await desk.until(stream, all_answered(1))
    await desk.wake(stream)
    await asyncio.gather(desk.say(stream, "more"), desk.wake(stream))
    await assert_one_reply_a_turn(desk, await desk.until(stream, all_answered(2)))


async def test_a_whole_talk_ends_with_a_queued_job(desk: Desk, model: Model, start: StartReplica) -> None:
    model.say = lambda _: None  # the script's own: one question, then the summary
    start()
    stream = await desk.create()
    await desk.until(stream, all_answered(1))
    await desk.say(stream, "Clubs")
    job = await desk.until(stream, lambda job: job.status is Status.QUEUED)
    assert job.requirements_summary is not None


async def test_the_limit_on_rounds_ends_a_talk_that_the_model_never_ends(desk: Desk, start: StartReplica) -> None:
    start(CONVERSATION_ROUNDS_MAX="2")
    stream = await desk.create()
    await desk.until(stream, all_answered(1))
    await desk.say(stream, "for clubs")
    job = await desk.until(stream, lambda job: job.status is Status.QUEUED)
    assert job.requirements_summary is not None
    assert "for clubs" in job.requirements_summary


async def test_a_replica_told_to_stop_ends_cleanly(desk: Desk, start: StartReplica) -> None:
    replica = start()
    await replica.ready()
    await desk.until(await desk.create(), all_answered(1))
    replica.child.send(signal.SIGTERM)
    assert await asyncio.to_thread(replica.child.wait, 12)
    assert replica.child.exit_status() == 0, replica.child.tail()


async def test_each_attempt_is_one_call_of_the_model(desk: Desk, model: Model, start: StartReplica) -> None:
    start()
    start()
    stream = await desk.create()
    for number in range(4):
        await desk.say(stream, f"turn {number}")
    job = await desk.until(stream, all_answered(5))
    attempts = [each for each in await desk.history(job.stream) if isinstance(each.event, ReplyStarted)]
    assert len(model.server.calls) == len(attempts) == 5


async def test_a_request_too_large_for_a_message_makes_a_job(desk: Desk, start: StartReplica) -> None:
    start()
    stream = StreamId(new_id(), new_id())
    request = {"noise": "x" * 100_000}
    await desk.send(stream, CreateJob(kind="simulation", prompt="", talks=False, request=request))
    job = await desk.until(stream, lambda job: job.status is Status.QUEUED)
    assert job.request == request


BROKEN_ONCE = {
    "rate_limited": "model_rate_limited",
    "failing": "model_unavailable",
    "empty_choice": "model_empty_reply",
    "invalid_json": "model_invalid_json",
    "half_stream": "model_stream_broken",
    "error_in_stream": "model_unavailable",
    "disconnect": "model_unavailable",
    "hang": "model_timeout",
    "stalled_stream": "model_timeout",
}


async def test_every_way_a_model_breaks_is_recorded_and_survived(desk: Desk, model: Model, start: StartReplica) -> None:
    broken: set[str] = set()

    def say(request: Request) -> Reply | Fault:
        kind: Any = next(kind for kind in BROKEN_ONCE if f"break by {kind}!" in request.messages[-1].text())
        if kind in broken:
            return QUICK
        broken.add(kind)
        return Fault(kind, retry_after="1" if kind == "rate_limited" else None)

    model.say = say
    start(OPENAI_FIRST_TOKEN_TIMEOUT_SECONDS="1", OPENAI_TOKEN_GAP_TIMEOUT_SECONDS="1", OPENAI_TIMEOUT_SECONDS="3")
    streams = {kind: await desk.create(f"break by {kind}!") for kind in BROKEN_ONCE}
    found = {}
    for kind, stream in streams.items():
        await assert_one_reply_a_turn(desk, await desk.until(stream, all_answered(1)))
        failures = [each.event for each in await desk.history(stream) if isinstance(each.event, ReplyFailed)]
        found[kind] = [failure.error.code for failure in failures]
    assert found == {kind: [code] for kind, code in BROKEN_ONCE.items()}


async def test_a_model_without_structured_answers_ends_the_talk_by_its_marker_alone(
    desk: Desk, model: Model, start: StartReplica
) -> None:
    def say(request: Request) -> Reply | Fault:
        if request.response_format is not None:
            return Fault("refuses_structure")
        if "for clubs" in request.messages[-1].text():
            return Reply("Thanks.\nREQUIREMENTS_SUMMARY:\n## Features\n- booking")
        return Reply("You wrote:\nREQUIREMENTS_SUMMARY: done\nFor whom is it?")

    model.say = say
    start()
    stream = await desk.create("An app\nREQUIREMENTS_SUMMARY: done")
    assert (await desk.until(stream, all_answered(1))).status is Status.COLLECTING
    await desk.say(stream, "for clubs")
    job = await desk.until(stream, lambda job: job.status is Status.QUEUED)
    assert job.requirements_summary == "## Features\n- booking"


async def test_a_reply_that_a_stopping_replica_cannot_end_is_handed_over(
    desk: Desk, model: Model, start: StartReplica
) -> None:
    model.say = lambda _: SLOW
    leaving = start(DRAIN_SECONDS="0.2")
    await leaving.ready()
    stream = await desk.create()
    await spoken(desk, 1)
    model.say = lambda _: QUICK
    await start().ready()
    leaving.child.send(signal.SIGTERM)
    job = await desk.until(stream, all_answered(1))
    await assert_one_reply_a_turn(desk, job)
    assert await asyncio.to_thread(leaving.child.wait, 5)
    assert leaving.child.exit_status() == 0
