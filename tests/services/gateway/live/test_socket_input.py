"""What clients say on a socket, and what is said to them about it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.events.commands import Outcome, Refusal
from libs.events.event import Cause
from libs.events.subjects import StreamId
from libs.jobs.commands import ApproveStep, CancelJob, PostMessage, RejectStep, RetryJob, SendSignal, WireCommand
from libs.jobs.events import CommandRefused
from libs.process.clock import new_id
from services.gateway.live import LiveSettings
from services.gateway.problems import Code, Problem
from tests.services.gateway.live.world import Sent, World


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        ({"kind": "chat", "content": "It is for bakers."}, PostMessage(content="It is for bakers.")),
        ({"kind": "cancel", "reason": "changed my mind"}, CancelJob(reason="changed my mind")),
        ({"kind": "retry"}, RetryJob()),
        ({"kind": "approve", "name": "plan", "approval_version": 4}, ApproveStep(name="plan", approval_version=4)),
        (
            {"kind": "reject", "name": "plan", "approval_version": 4, "comment": "no"},
            RejectStep(name="plan", approval_version=4, comment="no"),
        ),
        ({"kind": "signal", "name": "paid", "data": {"sum": 3}}, SendSignal(name="paid", data={"sum": 3})),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
async def test_a_frame_becomes_a_command_and_is_acknowledged(world: World, frame: dict[str, Any], command: Any) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.say(**frame, ref="r1")
        ack = (await client.until("ack"))[-1]
    assert (ack["ref"], [sent[1] for sent in world.commands.accepted]) == ("r1", [command])
    assert ack["command_id"] == str(world.commands.accepted[0][2])


async def test_the_same_key_is_the_same_command(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        for _ in range(2):
            await client.say(kind="chat", content="once", key="k1")
            await client.until("ack")
    assert len({command_id for _, _, command_id in world.commands.accepted}) == 1


async def test_the_ack_of_a_repeat_names_the_version_it_had(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="chat", content="once", key="k1")
        await client.until("chat")
        await client.say(kind="chat", content="once", key="k1")
        acks = await client.until("ack")
    assert acks[-1]["seq"] == 2


async def test_a_refusal_is_an_error_with_the_frames_ref_after_its_ack(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="approve", name="plan", approval_version=1, ref="r1")
        frames = await client.until("error")
    assert [frame["kind"] for frame in frames] == ["ack", "event", "error"]
    assert (frames[-1]["ref"], frames[-1]["code"]) == ("r1", "no_such_approval")


async def test_a_refusal_that_comes_before_the_ack_is_told_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await world.job()
    send = world.commands.send

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        sent = await send(*args, **kwargs)
        await asyncio.sleep(0.05)
        return sent

    monkeypatch.setattr(world.commands, "send", slowly)
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="retry", ref="r1")
        frames = await client.until("error")
    assert [frame["kind"] for frame in frames] == ["event", "ack", "error"]


async def test_a_refusal_of_another_sockets_command_is_no_error_here(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as one, world.socket(job) as two:
        await one.live()
        await two.live()
        await one.say(kind="retry", ref="r1")
        await one.until("error")
        await world.talk(job, 1)
        assert [frame["kind"] for frame in await two.until("chat")] == ["event", "chat"]


async def test_a_frame_that_misused_a_key_is_not_told_what_becomes_of_the_first_under_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await world.job()
    sent: list[UUID] = []

    async def send(stream: StreamId, command: WireCommand, *, command_id: UUID) -> Any:
        sent.append(command_id)
        if len(sent) > 1:
            raise Problem(Code.IDEMPOTENCY_MISMATCH)
        return Sent(command_id, [])

    monkeypatch.setattr(world.commands, "send", send)
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="chat", content="tea", key="k1", ref="r1")
        await client.until("ack")
        await client.say(kind="chat", content="coffee", key="k1", ref="r2")
        errors = [(await client.until("error"))[-1]]
        refused = CommandRefused(verb="chat", code="not_allowed_now", reason="the conversation is over")
        await world.happen(job, refused, cause=Cause(causation_id=sent[0]))
        errors.append((await client.until("error"))[-1])
    assert [(error["ref"], error["code"]) for error in errors] == [
        ("r2", "idempotency_mismatch"),
        ("r1", "not_allowed_now"),
    ]


async def test_a_log_that_does_not_answer_is_told_and_may_be_tried_again(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        world.commands.unreachable = True
        await client.say(kind="chat", content="hi", ref="r1")
        error = await client.next()
    assert (error["code"], error["ref"], error["retryable"]) == ("log_unavailable", "r1", True)


BAD_FRAMES: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("{", "invalid_json"),
    "nothing": ("", "invalid_json"),
    "a list": ("[]", "invalid_input"),
    "a number": ("1", "invalid_input"),
    "null": ("null", "invalid_input"),
    "no kind": ("{}", "unknown_kind"),
    "an unknown kind": ('{"kind":"dance"}', "unknown_kind"),
    "a kind that is no text": ('{"kind":["chat"]}', "unknown_kind"),
    "a kind of the server's": ('{"kind":"status"}', "unknown_kind"),
    "a missing field": ('{"kind":"chat"}', "invalid_input"),
    "an unknown field": ('{"kind":"chat","content":"x","colour":"red"}', "invalid_input"),
    "a wrong type": ('{"kind":"chat","content":5}', "invalid_input"),
    "empty content": ('{"kind":"chat","content":"  "}', "invalid_input"),
    "control characters": ('{"kind":"chat","content":"a\\u0000b"}', "invalid_input"),
    "a lone surrogate": ('{"kind":"chat","content":"\\ud800"}', "invalid_json"),
    "long content": ('{"kind":"chat","content":"' + "x" * 5001 + '"}', "invalid_input"),
    "a negative version": ('{"kind":"approve","name":"plan","approval_version":-1}', "invalid_input"),
    "a name with a dot": ('{"kind":"signal","name":"a.b"}', "invalid_input"),
    "bytes that are no text": (b"\xff\xfe", "invalid_json"),
    "deep JSON": ("[" * 60_000, "invalid_json"),
    "deep data": ('{"kind":"signal","name":"x","data":' + "[" * 9000 + "]" * 9000 + "}", "invalid_"),
    "million-deep JSON": ("[" * 1_000_000, "too_large"),
    "ten megabytes": ('{"kind":"chat","content":"' + "x" * 10_000_000 + '"}', "too_large"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_a_bad_frame_is_answered_and_disturbs_nothing(world: World, name: str) -> None:
    data, code = BAD_FRAMES[name]
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.send(data)
        error = await client.next()
        await client.say(kind="chat", content="still here")
        assert (await client.until("chat"))[-1]["content"] == "still here"
    assert error["kind"] == "error"
    assert error["code"].startswith(code)


async def test_text_that_is_not_utf_8_is_answered_and_disturbs_nothing(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.socket.send(b"\xff\xfe", text=True)
        assert (await client.next())["code"] == "invalid_json"


async def test_bad_frames_without_end_close_with_4400(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        for _ in range(25):
            await client.send("{")
        assert await client.closed() == 4400


async def test_too_many_frames_close_with_4429() -> None:
    settings = LiveSettings(live_frames_per_second=1, live_frames_burst=5)
    async with World(settings=settings).running() as world:
        job = await world.job()
        async with world.socket(job) as client:
            await client.live()
            for _ in range(8):
                await client.say(kind="pong")
            assert await client.closed() == 4429


async def test_a_message_beyond_all_bounds_closes_with_1009(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        with pytest.raises(Exception):  # noqa: B017  # closed while sending
            await client.send("x" * 20_000_000)
            await client.closed()
            raise ConnectionError
        assert client.socket.close_code in (1009, 1006)


async def test_bad_input_leaves_no_trace_in_the_servers_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    job = await world.job()
    async with world.socket(job, query="ticket=secret") as client:
        await client.live()
        for data, _ in list(BAD_FRAMES.values())[:15]:
            await client.send(data)
            await client.next()
    errors = [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    assert (errors, "secret" in caplog.text) == ([], False)


async def test_another_body_under_a_key_that_was_used_is_an_error_with_the_frames_ref(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="chat", content="tea", key="k1")
        await client.until("ack")
        await client.say(kind="chat", content="coffee", key="k1", ref="r2")
        await client.until("ack")
        refused = Refusal(code="idempotency_mismatch", reason="the key was used with another body")
        world.commands.listeners[-1](Outcome(command_id=new_id(), version=2, refused=refused))
        error = (await client.until("error"))[-1]
    assert (error["ref"], error["code"], error["retryable"]) == ("r2", "idempotency_mismatch", False)
