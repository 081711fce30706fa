from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import nats
import pytest
from nats.aio.client import Client

from infra.embedded.nats import EmbeddedNats
from infra.nats import topology
from infra.nats.topology import TopologyError

EXPORTED = Path(topology.__file__).with_name("streams")


@pytest.fixture
async def admin(fresh_nats: EmbeddedNats) -> AsyncIterator[Client]:
    user, password = fresh_nats.user("admin")
    client = await nats.connect(fresh_nats.url, user=user, password=password, inbox_prefix=b"_INBOX_admin")
    yield client
    await client.close()


async def test_applying_it_again_changes_nothing(admin: Client) -> None:
    assert await topology.apply(admin) == []


async def test_a_changed_lease_updates_the_consumers_in_place(admin: Client) -> None:
    done = await topology.apply(admin, topology.topology(lease_seconds=3))
    assert done
    assert all(line.startswith("updated consumer") for line in done)
    assert (await admin.jetstream().consumer_info("TASKS", "runner")).config.ack_wait == 3


async def test_what_cannot_be_changed_is_named(admin: Client) -> None:
    wanted = {
        msgspec.structs.replace(stream, retention="workqueue") if stream.name == "EVENTS" else stream: consumers
        for stream, consumers in topology.topology().items()
    }
    with pytest.raises(TopologyError, match=r"stream EVENTS .*retention is 'limits', wanted 'workqueue'"):
        await topology.apply(admin, wanted)


async def test_a_stored_result_is_announced_by_its_headers_alone(admin: Client) -> None:
    heard = await admin.subscribe("result.>")
    acknowledged = await admin.jetstream().publish("shard.o.j.m.7", b"the result")
    message = await heard.next_msg(timeout=5)
    assert (message.subject, message.data) == ("result.o.j.m.7", b"")
    assert message.headers is not None
    assert message.headers["Nats-Sequence"] == str(acknowledged.seq)


async def test_an_older_stream_of_results_learns_to_announce_them(admin: Client) -> None:
    older = {
        msgspec.structs.replace(stream, republish=None): consumers
        for stream, consumers in topology.topology().items()
        if stream.name == "SHARDS"
    }
    await admin.jetstream().delete_stream("SHARDS")
    await topology.apply(admin, older)
    (done,) = await topology.apply(admin)
    assert done.startswith("updated stream SHARDS: republish")


async def test_a_repeated_hint_replaces_the_older_one(admin: Client) -> None:
    js = admin.jetstream()
    for _ in range(3):
        await js.publish("wake.agents.o.j", b"")
    assert (await js.stream_info("WAKEUPS")).state.messages == 1


async def test_a_schedule_fires_once_into_its_due_subject(admin: Client) -> None:
    js = admin.jetstream()
    due = await js.pull_subscribe_bind("runner", "TIMERS")
    headers = {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "timer.due.o.j.t"}
    await js.publish("timer.set.o.j.t", b"", headers=headers)
    (message,) = await due.fetch(1, timeout=5)
    assert message.subject == "timer.due.o.j.t"


async def test_buckets_and_the_object_store_open_with_the_client_library(admin: Client) -> None:
    js = admin.jetstream()
    bucket = await js.key_value("SNAPSHOTS")
    await bucket.put("a", b"1")
    store = await js.object_store("ARTIFACTS")
    await store.put("x", b"y" * 100_000)
    assert ((await bucket.get("a")).value, len((await store.get("x")).data or b"")) == (b"1", 100_000)


def test_the_exported_files_match_the_data() -> None:
    assert {path.name: path.read_bytes() for path in EXPORTED.glob("*.json")} == dict(topology.export())


def test_exported_files_are_plain_json() -> None:
    assert json.loads((EXPORTED / "EVENTS.json").read_text())["republish"] == {"src": "evt.>", "dest": "live.>"}
