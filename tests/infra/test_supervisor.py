"""The supervisor over real NATS and Postgres and stand-in services, seen from outside and treated badly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import nats
import nats.errors
import psutil
import pytest

from infra.embedded.ports import free_port

pytestmark = pytest.mark.faults

SCRIPT = Path(__file__).with_name("installation.py")
ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0


def eventually(claim: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not claim():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
        time.sleep(0.02)


class Installation:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.pids: dict[str, int] = {}
        self.seen: set[int] = set()

    def launch(self, **env: str) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.data), str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        )
        return self.process

    def up(self, **env: str) -> None:
        process = self.launch(**env)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"it did not start: {process.stderr.read() if process.stderr else ''}")
        self.pids = json.loads(line)
        self.seen |= {process.pid, *self.pids.values()}
        self.seen |= {child.pid for pid in self.pids.values() for child in psutil.Process(pid).children(recursive=True)}

    def runtime(self, name: str) -> dict[str, object]:
        try:
            found: dict[str, object] = json.loads((self.data / "run" / f"{name}.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def serves(self, name: str) -> bool:
        url = self.runtime(name).get("health_url")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    def log(self) -> str:
        return (self.data / "logs" / "supervisor.log").read_text()

    def alive(self) -> list[int]:
        return [pid for pid in self.seen if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


@pytest.fixture
def installation(server_folder: Path) -> Iterator[Installation]:
    made = Installation(server_folder / f"data-{time.monotonic_ns()}")
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.communicate()
        eventually(lambda: not made.alive(), "the end of all processes")


def test_sigterm_stops_everything_with_status_0(installation: Installation) -> None:
    installation.up()
    assert installation.process is not None
    installation.process.send_signal(signal.SIGTERM)
    assert installation.process.wait(DEADLINE_SECONDS) == 0
    assert installation.alive() == []


def test_kill_9_of_the_supervisor_leaves_no_orphan_and_a_usable_folder(installation: Installation) -> None:
    installation.up()
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    eventually(lambda: not installation.alive(), "the end of all processes")
    installation.up()
    assert installation.serves("gateway")


def test_kill_9_of_everything_at_once_leaves_a_usable_folder(installation: Installation) -> None:
    installation.up()
    for pid in installation.alive():
        with contextlib.suppress(ProcessLookupError):  # gone with the supervisor, killed a moment before
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not installation.alive(), "the end of all processes")
    installation.up()
    assert installation.serves("gateway")


@pytest.mark.parametrize("name", ["gateway", "agents", "runner", "projector"])
def test_a_killed_service_is_started_again(installation: Installation, name: str) -> None:
    installation.up()
    before = installation.pids[name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: installation.runtime(name).get("pid", before) != before, f"a new {name}")
    eventually(lambda: installation.serves(name), f"{name} serves again")


@pytest.mark.parametrize("name", ["nats", "postgres"])
def test_a_killed_server_is_started_again_on_its_port(installation: Installation, name: str) -> None:
    installation.up()
    before = installation.pids[name]
    (address,) = {c.laddr for c in psutil.Process(before).net_connections() if c.status == "LISTEN"} - monitors(before)

    def listener() -> int | None:
        found = [c.pid for c in psutil.net_connections("tcp") if c.laddr == address and c.status == "LISTEN"]
        return found[0] if found else None

    os.kill(before, signal.SIGKILL)
    eventually(lambda: listener() not in (None, before), f"a new {name} on {address}")


@pytest.mark.skipif(
    sys.platform != "linux", reason="the disk of another process can be made to seem full on Linux only"
)
def test_nats_that_gave_up_writing_is_started_again(installation: Installation) -> None:
    import resource

    installation.up()
    before = installation.pids["nats"]
    limit = (1, resource.RLIM_INFINITY)
    resource.prlimit(before, resource.RLIMIT_FSIZE, limit)  # every write to a file fails, as on a full disk
    assert not asyncio.run(stored(installation))
    eventually(lambda: not psutil.pid_exists(before), "the end of the server that writes no more")
    eventually(lambda: asyncio.run(stored(installation)), "a server that stores again")


async def stored(installation: Installation) -> bool:
    """Whether NATS takes a command."""
    password = json.loads((installation.data / "secrets.json").read_text())["nats"]["gateway"]
    url = (installation.data / "run" / "nats-url").read_text()
    try:
        client = await nats.connect(
            url,
            user="gateway",
            password=password,
            inbox_prefix="_INBOX_gateway",
            allow_reconnect=False,
            connect_timeout=1,
        )
    except (OSError, nats.errors.Error, TimeoutError):
        return False
    try:
        answer = await client.request(f"cmd.{uuid4()}.{uuid4()}.chat", b"{}", timeout=2)
        return "error" not in json.loads(answer.data)
    except (OSError, nats.errors.Error, TimeoutError):
        return False
    finally:
        await client.close()


def monitors(pid: int) -> set[object]:
    """NATS listens on a second port, for monitoring."""
    listening = [c.laddr for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
    found = set()
    for address in listening:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{address.port}/healthz", timeout=1):
                found.add(address)
        except (OSError, ValueError):
            continue
        except Exception:  # the other port does not speak HTTP
            continue
    return found


def test_each_service_is_its_own_nats_user_and_only_two_reach_postgres(installation: Installation) -> None:
    installation.up()
    found = {
        name: (installation.runtime(name)["nats_user"], installation.runtime(name)["has_database"])
        for name in ("gateway", "agents", "runner", "projector")
    }
    assert found == {
        "gateway": ("gateway", True),
        "agents": ("agents", False),
        "runner": ("runner", False),
        "projector": ("projector", True),
    }


def test_replicas_run_side_by_side(installation: Installation) -> None:
    installation.up(AGENTS_REPLICAS="2", RUNNER_REPLICAS="2")
    assert {"agents-1", "agents-2", "runner-1", "runner-2"} <= installation.pids.keys()


def test_a_service_that_refuses_its_settings_ends_the_start(installation: Installation) -> None:
    before = set(psutil.Process().children(recursive=True))  # the session's own servers
    process = installation.launch(STAND_IN_REFUSES="runner")
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 1
    assert "STAND_IN is wrong" in err
    assert set(psutil.Process().children(recursive=True)) <= before


def test_sigterm_while_starting_stops_what_was_started(installation: Installation) -> None:
    process = installation.launch()
    eventually(lambda: psutil.Process(process.pid).children(), "a first child")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 0
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]


def test_a_second_up_on_the_same_folder_is_refused_in_one_sentence(installation: Installation) -> None:
    installation.up()
    assert installation.process is not None
    second = subprocess.run(
        [sys.executable, "-m", "cli", "up", "--data", str(installation.data)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        cwd=ROOT,
    )
    assert second.returncode == 3
    assert second.stdout == ""
    assert f"another jobstream (pid {installation.process.pid})" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_secrets_are_made_once_and_kept_private(installation: Installation) -> None:
    installation.up()
    path = installation.data / "secrets.json"
    before = path.read_bytes()
    assert installation.process is not None
    installation.process.send_signal(signal.SIGTERM)
    installation.process.wait(DEADLINE_SECONDS)
    installation.up()
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_unusable_settings_are_explained(installation: Installation) -> None:
    process = installation.launch(AGENTS_REPLICAS="many", NATS_REPLICAS="2")
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 2
    assert "AGENTS_REPLICAS is 'many'" in err
    assert "NATS_REPLICAS is '2'" in err
