"""Three servers as one: the same accounts and topology, with three copies of every stream."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from infra.embedded.binaries import nats_server as program
from infra.embedded.child import Child
from infra.embedded.ports import LOOPBACK, free_port
from infra.embedded.provision import apply_topology
from infra.nats import accounts, topology

pytestmark = pytest.mark.faults

SERVERS = 3
DEADLINE_SECONDS = 40.0


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.passwords = accounts.passwords()
        self.ports = [free_port() for _ in range(SERVERS)]
        routes = [f"{LOOPBACK}:{free_port()}" for _ in range(SERVERS)]
        self.children: list[Child] = []
        for number, (port, route) in enumerate(zip(self.ports, routes, strict=True)):
            conf = folder / f"{number}.conf"
            conf.write_text(
                accounts.render(
                    self.passwords,
                    store=folder / f"store-{number}",
                    port=port,
                    monitor=f"{LOOPBACK}:{free_port()}",
                    server_name=f"server-{number}",
                    cluster=route,
                    routes=routes,
                )
            )
            command = [str(program()), "-c", str(conf)]
            self.children.append(Child(f"server-{number}", command, log=folder / f"{number}.log"))

    @property
    def urls(self) -> list[str]:
        return [f"nats://{LOOPBACK}:{port}" for port in self.ports]

    async def apply(self) -> list[str]:
        """Apply the topology, once the servers have found each other."""
        wanted = topology.topology(replicas=3)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                return await apply_topology(
                    self.urls, user="admin", password=self.passwords["admin"], creds=None, wanted=wanted
                )
            except topology.TopologyError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    for child in made.children:
        child.stop(first=signal.SIGKILL)


async def test_every_stream_has_three_copies_and_survives_the_loss_of_its_leader(cluster: Cluster) -> None:
    await cluster.apply()
    assert await cluster.apply() == []
    client = await nats.connect(
        cluster.urls,
        user="admin",
        password=cluster.passwords["admin"],
        reconnect_time_wait=0.1,
        max_reconnect_attempts=-1,
    )
    js = client.jetstream()
    await js.publish("evt.o.j.seen", b"kept")
    info = await js.stream_info("EVENTS")
    assert info.cluster is not None
    assert info.cluster.leader is not None
    leader = int(info.cluster.leader.removeprefix("server-"))
    await asyncio.to_thread(cluster.children[leader].stop, first=signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            await js.publish("evt.o.j.seen", b"after", timeout=2)
            break
        except (TimeoutError, nats.errors.Error):
            assert time.monotonic() < deadline
    assert (await js.get_msg("EVENTS", 1)).data == b"kept"
    await client.close()
