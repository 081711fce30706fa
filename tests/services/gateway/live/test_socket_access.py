"""Who is let in to a socket, and with what."""

from __future__ import annotations

import pytest

from libs.events.subjects import StreamId
from libs.process.clock import new_id
from services.gateway.live import LiveSettings
from services.gateway.ports import User
from tests.services.gateway.live.world import ORIGIN, World

OTHER = User(id=new_id(), email="eve@example.org", name="Eve")


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
