"""A socket, from its handshake to its end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from libs.events.event import Cause
from libs.events.subjects import StreamId
from libs.jobs.commands import ApproveStep, CancelJob, PostMessage, RejectStep, RetryJob, SendSignal
from libs.jobs.events import JobCancelled, UserMessagePosted
from libs.process.clock import new_id
from services.gateway.live import LiveSettings
from services.gateway.live import session as session_module
from services.gateway.ports import User
from tests.services.gateway.live.world import ORIGIN, World

OTHER = User(id=new_id(), email="eve@example.org", name="Eve")

# -- what is told ------------------------------------------------------------------------------------------------------


async def test_the_first_frame_tells_where_the_job_stands(world: World) -> None:
    job = await world.job(messages=2)
    async with world.socket(job) as client:
        hello = await client.next()
    assert (hello["kind"], hello["head"], hello["after"], hello["ping_seconds"]) == ("hello", 3, 3, 20)


async def test_a_cursor_replays_everything_later_and_then_goes_live(world: World) -> None:
    job = await world.job(messages=3)
    async with world.socket(job, after=1) as client:
        frames = await client.live()
        await world.talk(job, 2)
        later = await client.upto(6)
    assert [frame["kind"] for frame in frames] == ["hello", "chat", "chat", "chat", "live"]
    assert [frame["seq"] for frame in [*frames[1:-1], *later]] == [2, 3, 4, 5, 6]


async def test_without_a_cursor_only_what_happens_from_now_on_is_told(world: World) -> None:
    job = await world.job(messages=3)
    async with world.socket(job) as client:
        frames = await client.live()
        await world.talk(job, 1)
        later = await client.upto(5)
    assert [frame["kind"] for frame in frames] == ["hello", "live"]
    assert [frame["seq"] for frame in later] == [5]


async def test_a_job_that_is_only_wanted_yet_can_be_watched(world: World) -> None:
    job = StreamId(world.user.id, new_id())
    world.source.wanted.add(job)
    async with world.socket(job, after=0) as client:
        frames = await client.live()
        await world.happen(job, JobCancelled())
        assert (await client.next())["seq"] == 1
    assert frames[0]["head"] == 0


async def test_a_cursor_beyond_the_head_is_reset_and_closed(world: World) -> None:
    job = await world.job()
    async with world.socket(job, after=9) as client:
        frames = await client.until("reset")
        assert (frames[-1]["head"], await client.closed()) == (1, 4409)


async def test_a_cursor_the_live_events_have_not_reached_yet_is_valid(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as first:
        await first.live()
        world.source.deliver = lambda sink, recorded: None  # lost
        await world.talk(job, 2)
        async with world.socket(job, after=3) as client:
            assert (await client.live())[-1]["kind"] == "live"


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "", "9" * 40, "%00"])
async def test_a_malformed_cursor_is_told_and_closed(world: World, cursor: str) -> None:
    job = await world.job()
    async with world.socket(job, query=f"after={cursor}") as client:
        error = await client.next()
        assert (error["code"], await client.closed()) == ("invalid_parameter", 4400)


async def test_deltas_are_passed_on_to_everybody_who_watches(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as one, world.socket(job) as two:
        await one.live()
        await two.live()
        for sink in world.source.sinks[job]:
            sink.on_delta(b'{"stream":"reply-1","attempt":1,"offset":0,"text":"Hel"}')
        told = [await one.next(), await two.next()]
    assert told == [{"kind": "delta", "stream": "reply-1", "attempt": 1, "offset": 0, "text": "Hel"}] * 2


async def test_a_malformed_delta_harms_nobody(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        for sink in world.source.sinks[job]:
            sink.on_delta(b"\xff{")
        await world.talk(job, 1)
        assert (await client.next())["seq"] == 2


async def test_the_socket_stays_open_after_the_job_has_ended(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await world.happen(job, JobCancelled())
        await client.upto(2)
        await client.say(kind="retry", ref="again")
        assert {(await client.next())["kind"] for _ in range(2)} == {"ack", "status"}


async def test_an_unreadable_event_is_told_and_other_jobs_go_on(world: World) -> None:
    sick, well = await world.job(), await world.job()
    async with world.socket(sick) as client, world.socket(well) as other:
        await client.live()
        await other.live()
        world.source.unknown_versions = {2}
        await world.talk(sick, 1)
        error = await client.next()
        world.source.unknown_versions = set()
        await world.talk(well, 1)
        assert (error["kind"], error["code"], (await other.next())["seq"]) == ("error", "unreadable_event", 2)


# -- who is let in -----------------------------------------------------------------------------------------------------


async def test_the_first_frame_can_prove_who_it_is(world: World) -> None:
    job = await world.job()
    async with world.socket(job, bearer=None) as client:
        await client.say(kind="auth", token=world.token())
        assert (await client.next())["kind"] == "hello"


async def test_no_credentials_in_time_close_with_4408(world: World) -> None:
    job = await world.job()
    async with world.socket(job, bearer=None) as client:
        assert ((await client.next())["code"], await client.closed()) == ("auth_timeout", 4408)


async def test_anything_but_auth_before_auth_is_answered_with_an_error(world: World) -> None:
    job = await world.job()
    async with world.socket(job, bearer=None) as client:
        await client.say(kind="chat", content="hi", ref="r")
        error = await client.next()
        await client.say(kind="auth", token=world.token())
        assert (error["code"], error["ref"], (await client.next())["kind"]) == ("token_missing", "r", "hello")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."])
async def test_a_forged_token_closes_with_4401(world: World, token: str) -> None:
    job = await world.job()
    async with world.socket(job, bearer=token) as client:
        assert ((await client.next())["code"], await client.closed()) == ("token_invalid", 4401)


async def test_an_expired_token_closes_with_4401(world: World) -> None:
    job = await world.job()
    token = world.token()
    world.advance(3600)
    async with world.socket(job, bearer=token) as client:
        assert ((await client.next())["code"], await client.closed()) == ("token_expired", 4401)


async def test_a_token_in_the_url_lets_in_where_that_is_allowed(world: World) -> None:
    job = await world.job()
    async with world.socket(job, bearer=None, query=f"token={world.token()}") as client:
        assert (await client.next())["kind"] == "hello"


async def test_a_token_in_the_url_lets_nobody_in_elsewhere() -> None:
    async with World(token_query_allowed=False).running() as world:
        job = await world.job()
        async with world.socket(job, bearer=None, query=f"token={world.token()}") as client:
            assert ((await client.next())["code"], await client.closed()) == ("token_missing", 4408)


async def test_another_users_job_closes_with_4404(world: World) -> None:
    job = await world.job()
    async with world.socket(job, bearer=world.token(OTHER)) as client:
        assert ((await client.next())["code"], await client.closed()) == ("no_such_job", 4404)


@pytest.mark.parametrize("name", ["no-uuid", "00000000-0000-0000-0000-00000000000g", "{x}", "*", "a.b"])
async def test_a_malformed_job_id_closes_with_4404(world: World, name: str) -> None:
    async with world.socket(StreamId(world.user.id, name)) as client:  # type: ignore[arg-type]
        assert await client.closed() == 4404


async def test_a_foreign_origin_closes_with_4403(world: World) -> None:
    job = await world.job()
    async with world.socket(job, origin="https://evil.example") as client:
        assert ((await client.next())["code"], await client.closed()) == ("origin_forbidden", 4403)


async def test_an_allowed_origin_is_let_in(world: World) -> None:
    job = await world.job()
    async with world.socket(job, origin=ORIGIN) as client:
        assert (await client.next())["kind"] == "hello"


async def test_a_ticket_lets_in_once(world: World) -> None:
    job = await world.job()
    ticket = (await world.live.ticket(world.principal(), job.id)).ticket
    async with world.socket(job, bearer=None, query=f"ticket={ticket}") as client:
        first = await client.next()
    async with world.socket(job, bearer=None, query=f"ticket={ticket}") as client:
        assert (first["kind"], (await client.next())["code"], await client.closed()) == (
            "hello",
            "ticket_invalid",
            4401,
        )


async def test_a_ticket_opens_no_other_job(world: World) -> None:
    job, other = await world.job(), await world.job()
    ticket = (await world.live.ticket(world.principal(), other.id)).ticket
    async with world.socket(job, bearer=None, query=f"ticket={ticket}") as client:
        assert await client.closed() == 4401


async def test_a_ticket_is_good_for_half_a_minute(world: World) -> None:
    job = await world.job()
    ticket = (await world.live.ticket(world.principal(), job.id)).ticket
    world.advance(31)
    async with world.socket(job, bearer=None, query=f"ticket={ticket}") as client:
        assert await client.closed() == 4401


async def test_an_access_token_is_no_ticket_and_a_ticket_no_token(world: World) -> None:
    job = await world.job()
    ticket = (await world.live.ticket(world.principal(), job.id)).ticket
    async with world.socket(job, bearer=None, query=f"ticket={world.token()}") as client:
        as_ticket = await client.closed()
    async with world.socket(job, bearer=ticket) as client:
        assert (as_ticket, await client.closed()) == (4401, 4401)


async def test_more_sockets_than_a_user_may_have_close_with_4429() -> None:
    async with World(settings=LiveSettings(live_connections_per_user=1)).running() as world:
        job = await world.job()
        async with world.socket(job) as first, world.socket(job) as second:
            await first.live()
            assert await second.closed() == 4429


# -- how long ----------------------------------------------------------------------------------------------------------


async def test_an_open_socket_ends_with_its_token(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        world.advance(3600)
        assert ((await client.next())["code"], await client.closed()) == ("token_expired", 4401)


async def test_a_new_auth_frame_extends_the_socket(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        hello = (await client.live())[0]
        world.advance(600)
        await client.say(kind="auth", token=world.token(), ref="more")
        ack = await client.next()
    assert (ack["kind"], ack["ref"]) == ("ack", "more")
    assert ack["token_expires_at"] > hello["token_expires_at"]


async def test_another_users_token_ends_the_socket(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await client.say(kind="auth", token=world.token(OTHER))
        assert await client.closed() == 4401


async def test_a_client_that_never_answers_pings_is_closed_with_4408(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "PING_SECONDS", 0.5)
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        ping = await client.next()
        assert (ping["kind"], ping["head"], await client.closed()) == ("ping", 1, 4408)


async def test_a_client_that_answers_pings_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "PING_SECONDS", 0.5)
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        for _ in range(3):
            assert (await client.next())["kind"] == "ping"
            await client.say(kind="pong")


async def test_a_drain_says_goodbye_and_closes_with_1012(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        draining = asyncio.create_task(world.live.drain(1.0))
        assert ((await client.next())["kind"], await client.closed()) == ("closing", 1012)
        await draining


async def test_everything_told_before_a_drain_arrives(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await world.talk(job, 100)
        draining = asyncio.create_task(world.live.drain(0.1))
        frames = await client.until("closing")
        await draining
    assert [frame["seq"] for frame in frames[:-1]] == list(range(2, 102))


async def test_whoever_connects_during_a_drain_is_sent_elsewhere(world: World) -> None:
    job = await world.job()
    await world.live.drain(0.1)
    async with world.socket(job) as client:
        assert ((await client.next())["kind"], await client.closed()) == ("closing", 1012)


# -- what clients say --------------------------------------------------------------------------------------------------


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


# -- readers that do not keep up ---------------------------------------------------------------------------------------


async def test_a_client_that_never_reads_is_closed_with_4008_and_resumes_without_loss(world: World) -> None:
    job = await world.job()
    big = "x" * 4000
    async with world.socket(job, after=0, max_queue=1) as slow, world.socket(job) as quick:
        await slow.until("status")
        await quick.live()
        for _ in range(30):
            for _ in range(100):
                await world.happen(job, *[_message(big)])
            await asyncio.sleep(0)
            await quick.upto((await world.source.store.head(job)).version)
        seen = 1
        code = None
        try:
            while True:
                frame = await slow.next()
                if "seq" in frame:
                    assert frame["seq"] == seen + 1
                    seen = frame["seq"]
        except Exception:
            code = slow.socket.close_code
    head = (await world.source.store.head(job)).version
    assert code == 4008
    async with world.socket(job, after=seen) as again:
        assert [frame["seq"] for frame in await again.upto(head)] == list(range(seen + 1, head + 1))


async def test_a_client_that_does_not_read_its_history_is_closed_with_4008(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_STALL_SECONDS", 0.5)
    job = await world.job()
    for _ in range(100):
        await world.happen(job, *[_message("x" * 4000) for _ in range(50)])
    async with world.socket(job, after=0, max_queue=1) as client:
        await asyncio.sleep(2.5)  # what the client does: nothing
        assert await client.closed() == 4008


def _message(content: str) -> UserMessagePosted:
    return UserMessagePosted(message_id=uuid4(), content=content)


async def test_the_cause_of_an_event_is_told(world: World) -> None:
    job = await world.job()
    command_id = uuid4()
    async with world.socket(job) as client:
        await client.live()
        await world.happen(job, JobCancelled(), cause=Cause(causation_id=command_id))
        assert (await client.next())["causation_id"] == str(command_id)
