"""Commands of profiles decided by several replicas on a real server, and profiles beside jobs in one log."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from libs.events import subjects, wire
from libs.events.commands import CommandEnvelope, CommandLog, Outcome
from libs.events.errors import UnknownEvent
from libs.events.event import START, NewEvent
from libs.events.handling import CommandHandler
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.events.subscription import Done, Later, Refused
from libs.jobs.commands import CreateJob
from libs.jobs.events import EVENTS as JOB_TYPES
from libs.jobs.events import JobCancelled, JobCreated, JobEvent
from libs.jobs.handling import JobDecider
from libs.jobs.repository import job_repository
from libs.process.clock import SystemClock, new_id
from libs.profiles.commands import CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.events import EVENTS, ProfileEvent, ProfileUpdated
from libs.profiles.handling import ProfileDecider
from libs.profiles.identity import profile_stream
from libs.profiles.repository import profile_repository, read_profiles
from libs.profiles.state import Profile


class Delivered:
    """As a subscription would hand it over."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.deliveries = 1


class Desk:
    """Commands of one profile, stored, and delivered when and to whom a test likes."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.stream = profile_stream(new_id(), "casino", "Vegas")
        self.log = CommandLog(client)

    def replica(self) -> CommandHandler:
        """A runner's handler: it decides jobs, too."""
        profiles = ProfileDecider("runner", profile_repository(self.client))
        return CommandHandler(self.log, JobDecider("runner", job_repository(self.client)), profiles)

    async def send(self, command: ProfileCommand, *, listener: str | None = None) -> Any:
        return await self.send_raw(command.verb, msgspec.json.encode(command), listener)

    async def send_raw(self, verb: str, payload: bytes, listener: str | None = None) -> Any:
        now = SystemClock().now()
        envelope = CommandEnvelope(
            stream=self.stream, verb=verb, id=new_id(), time=now, payload=payload, outcome_to=listener
        )
        sequence = (await self.log.publish(envelope)).sequence
        [stored] = await wire.read_range(
            self.client, "COMMANDS", subjects.command(self.stream, verb), first_sequence=sequence, limit=1
        )
        return Delivered(stored)

    async def profile(self) -> Profile:
        profile, _ = await read_profiles(self.client).load(self.stream)
        assert profile is not None
        return profile

    async def outcome(self, handler: CommandHandler, command: ProfileCommand) -> Outcome:
        """What the sender hears."""
        listener = f"tests-{new_id()}"
        heard = await self.client.subscribe(subjects.outcome(listener))
        assert await handler(await self.send(command, listener=listener)) == Done()
        message = await heard.next_msg(5)
        await heard.unsubscribe()
        return msgspec.json.decode(message.data, type=Outcome)


@pytest.fixture
def desk(client: Any) -> Desk:
    return Desk(client)


CREATE = CreateProfile(profile_type="casino", name="Vegas", data={"deck_count": 6})


async def test_whoever_sends_a_command_hears_the_version_it_led_to(desk: Desk) -> None:
    handler = desk.replica()
    assert (await desk.outcome(handler, CREATE)).version == 1
    assert (await desk.outcome(handler, UpdateProfile(data={}))).version == 2
    assert (await desk.outcome(handler, DeleteProfile())).version == 3
    assert (await desk.outcome(handler, DeleteProfile())).version == 3


async def test_a_refusal_is_heard_with_its_code(desk: Desk) -> None:
    handler = desk.replica()
    await desk.outcome(handler, CREATE)
    refused = (await desk.outcome(handler, CREATE)).refused
    assert refused is not None
    assert (refused.code, refused.allowed) == ("profile_exists", ("profile_update", "profile_delete"))


async def test_a_refused_command_delivered_again_is_refused_with_the_same_words(desk: Desk) -> None:
    one, other = desk.replica(), desk.replica()
    listener = f"tests-{new_id()}"
    heard = await desk.client.subscribe(subjects.outcome(listener))
    await one(await desk.send(CREATE))
    delivery = await desk.send(CREATE, listener=listener)
    await one(delivery)
    await one(await desk.send(DeleteProfile()))
    await other(delivery)
    first, again = [msgspec.json.decode((await heard.next_msg(5)).data, type=Outcome) for _ in range(2)]
    assert first.refused is not None
    assert first.refused == again.refused
    assert (await desk.profile()).deleted


async def test_an_update_of_what_never_was_is_answered_and_leaves_nothing_behind(desk: Desk) -> None:
    outcome = await desk.outcome(desk.replica(), UpdateProfile(data={}))
    assert outcome.refused is not None
    assert (outcome.version, outcome.refused.code) == (0, "no_such_profile")
    assert await read_profiles(desk.client).load(desk.stream) == (None, START)


async def test_what_is_delivered_out_of_order_is_decided_in_order(desk: Desk) -> None:
    deliveries = [await desk.send(CREATE)]
    for number in range(5):
        deliveries.append(await desk.send(UpdateProfile(data=number)))
    deliveries += [
        await desk.send(DeleteProfile()),
        await desk.send(CREATE),
        await desk.send(UpdateProfile(data="last")),
    ]
    replicas = [desk.replica(), desk.replica()]
    order = (8, 3, 0, 7, 5, 1, 6, 2, 4)
    outcomes = await asyncio.gather(*(replicas[place % 2](deliveries[place]) for place in order))
    assert set(outcomes) == {Done()}
    profile = await desk.profile()
    assert (profile.data, profile.version) == ("last", 9)


async def test_every_command_delivered_twice_is_decided_once(desk: Desk) -> None:
    deliveries = [await desk.send(each) for each in (CREATE, UpdateProfile(data=1), UpdateProfile(data=1), CREATE)]
    deliveries += [await desk.send(UpdateProfile(data=2)), await desk.send(DeleteProfile())]
    one, other = desk.replica(), desk.replica()
    for delivery in deliveries * 2:
        await asyncio.gather(one(delivery), other(delivery))
    profile = await desk.profile()
    assert (profile.deleted, profile.version) == (True, 5)


async def test_of_two_creates_of_one_name_at_once_one_is_refused(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.outcome(desk.replica(), CREATE) for _ in range(2)))
    assert sorted(each.refused.code if each.refused else "" for each in outcomes) == ["", "profile_exists"]


@pytest.mark.parametrize(
    "payload", [b"{", b'{"profile_type":"casino","name":"Reno","data":1}', b'{"name":"","data":1}']
)
async def test_a_command_that_nobody_should_obey_is_refused_for_good(desk: Desk, payload: bytes) -> None:
    assert isinstance(await desk.replica()(await desk.send_raw("profile_create", payload)), Refused)
    assert await read_profiles(desk.client).load(desk.stream) == (None, START)


async def test_a_verb_that_nobody_here_knows_is_kept_for_an_upgrade_and_given_up_in_the_end(desk: Desk) -> None:
    delivery = await desk.send_raw("profile_share", b"{}")
    assert isinstance(await desk.replica()(delivery), Later)
    delivery.deliveries = 61
    assert isinstance(await desk.replica()(delivery), Refused)


async def test_data_too_large_for_a_message_are_read_back_whole(desk: Desk) -> None:
    data = {"notes": ["x" * 1000] * 200}
    await desk.replica()(await desk.send(CreateProfile(profile_type="casino", name="Vegas", data=data)))
    assert (await desk.profile()).data == data


async def test_a_profile_changed_often_is_loaded_from_its_snapshot(desk: Desk) -> None:
    handler = desk.replica()
    await handler(await desk.send(CREATE))
    for number in range(70):
        await handler(await desk.send(UpdateProfile(data=number)))
    kept = await desk.client.jetstream().get_last_msg(
        "KV_SNAPSHOTS", f"$KV.SNAPSHOTS.{desk.stream.owner}.{desk.stream.id}", direct=True
    )
    assert kept is not None
    assert ((await desk.profile()).data, (await desk.profile()).version) == (69, 71)


# -- jobs and profiles in one log --------------------------------------------------------------------------------------


def jobs(client: Any) -> JetStreamStore[JobEvent]:
    return JetStreamStore(client, JOB_TYPES, others=[EVENTS])


async def test_a_profile_is_no_job(desk: Desk) -> None:
    await desk.replica()(await desk.send(CREATE))
    assert await jobs(desk.client).load(desk.stream) == []
    assert await jobs(desk.client).head(desk.stream) == START


async def test_a_job_is_no_profile(client: Any) -> None:
    stream = StreamId(new_id(), new_id())
    event = JobCreated(kind="build", prompt="x", talks=True)
    await jobs(client).append(stream, [NewEvent(id=new_id(), time=SystemClock().now(), event=event)], after=START)
    assert (await jobs(client).head(stream)).version == 1
    assert await read_profiles(client, others=[JOB_TYPES]).load(stream) == (None, START)
    with pytest.raises(UnknownEvent):
        await read_profiles(client).load(stream)


async def test_a_profiles_event_within_a_jobs_history_is_never_passed_over(client: Any) -> None:
    stream, now = StreamId(new_id(), new_id()), SystemClock().now()
    store = jobs(client)
    first = JobCreated(kind="build", prompt="x", talks=True)
    after = await store.append(stream, [NewEvent(id=new_id(), time=now, event=first)], after=START)
    foreign: JetStreamStore[ProfileEvent] = JetStreamStore(client, EVENTS)
    after = await foreign.append(stream, [NewEvent(id=new_id(), time=now, event=ProfileUpdated(data=1))], after=after)
    assert (await store.head(stream)).version == 2
    await store.append(stream, [NewEvent(id=new_id(), time=now, event=JobCancelled())], after=after)
    with pytest.raises(UnknownEvent):
        await store.load(stream)


async def test_a_command_of_jobs_leaves_a_profile_alone(desk: Desk) -> None:
    handler = desk.replica()
    await handler(await desk.send(CREATE))
    with pytest.raises(UnknownEvent):
        await handler(await desk.send_raw("cancel", b"{}"))
    create = CreateJob(kind="build", prompt="x", talks=True)
    agents = CommandHandler(desk.log, JobDecider("agents", job_repository(desk.client)))
    with pytest.raises(UnknownEvent):
        await agents(await desk.send_raw(create.verb, msgspec.json.encode(create)))
    assert (await desk.profile()).version == 1
