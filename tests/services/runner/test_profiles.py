"""Commands of profiles on real runner processes, with the rights that a runner has."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from libs.events import subjects
from libs.events.commands import CommandEnvelope, CommandLog, Outcome
from libs.events.subjects import StreamId
from libs.process.clock import new_id
from libs.profiles.commands import CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.identity import profile_stream
from libs.profiles.repository import read_profiles
from libs.profiles.state import Profile
from tests.services.runner.conftest import Desk
from tests.services.workers import StartReplica

VEGAS = CreateProfile(profile_type="casino", name="Vegas", data={"deck_count": 6})


class Gateway:
    """Sends commands and hears outcomes as the gateway does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.stream = profile_stream(new_id(), "casino", "Vegas")

    async def send(self, command: ProfileCommand, *, listener: str | None = None) -> None:
        await CommandLog(self.client).publish(
            CommandEnvelope(
                stream=self.stream,
                verb=command.verb,
                id=new_id(),
                time=datetime.now(UTC),
                payload=msgspec.json.encode(command),
                outcome_to=listener,
            )
        )

    async def outcome(self, command: ProfileCommand) -> Outcome:
        listener = f"tests-{new_id()}"
        heard = await self.client.subscribe(subjects.outcome(listener))
        await self.send(command, listener=listener)
        return msgspec.json.decode((await heard.next_msg(20)).data, type=Outcome)

    async def until(self, stream: StreamId, version: int) -> Profile:
        profiles = read_profiles(self.client)
        async with asyncio.timeout(30):
            while True:
                profile, position = await profiles.load(stream)
                if profile is not None and position.version >= version:
                    return profile
                await asyncio.sleep(0.02)


async def test_a_runner_decides_profiles_and_answers(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    gateway = Gateway(desk.client)
    assert (await gateway.outcome(VEGAS)).version == 1
    large = {"notes": "x" * 100_000}  # an object, not a message
    assert (await gateway.outcome(UpdateProfile(data=large))).version == 2
    refused = (await gateway.outcome(UpdateProfile(data=1, expected_version=1))).refused
    assert refused is not None
    assert refused.code == "profile_changed"
    assert (await gateway.until(gateway.stream, 3)).data == large


async def test_killed_while_deciding_runners_lose_and_repeat_no_command(desk: Desk, start: StartReplica) -> None:
    gateway = Gateway(desk.client)
    await gateway.send(VEGAS)
    for number in range(20):
        await gateway.send(UpdateProfile(data=number))
    await gateway.send(DeleteProfile())
    await gateway.send(VEGAS)
    doomed = start(FAULT_POINTS="append.before=kill@7")
    async with asyncio.timeout(30):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    await start().ready()
    profile = await gateway.until(gateway.stream, 23)
    assert (profile.version, profile.data, profile.deleted) == (23, VEGAS.data, False)
