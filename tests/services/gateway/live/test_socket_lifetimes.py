"""How long a socket stays: tokens that expire, pings, a server that is about to stop."""

from __future__ import annotations

import asyncio

import pytest

from libs.process.clock import new_id
from services.gateway.live import session as session_module
from services.gateway.ports import User
from tests.services.gateway.live.world import World

OTHER = User(id=new_id(), email="eve@example.org", name="Eve")


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
