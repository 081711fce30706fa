"""`up` and `demo` as a person runs them: the whole installation as processes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from cli import serve
from cli.__main__ import main
from infra.embedded.nats import EmbeddedNats
from infra.embedded.ports import free_port
from infra.embedded.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(server_folder: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **env: str) -> subprocess.Popen[str]:
        data = server_folder / f"cli-{time.monotonic_ns()}"
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments, "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | env,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """The lines of standard output up to the one that holds `text`; pytest's time limit is the deadline."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    assert process.stderr is not None
    raise AssertionError(f"it ended without {text!r}: {lines[-5:]} {process.stderr.read()[-2000:]}")


def test_up_prints_one_line_when_everything_serves_and_leaves_nothing_behind(start: Start) -> None:
    port = free_port()
    process = start("up", "--port", str(port))
    assert read_until(process, "ready") == [f"ready http://127.0.0.1:{port}"]
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert [child for child in children if child.is_running() and child.status() != "zombie"] == []


def test_the_demo_goes_from_an_idea_to_an_app(start: Start) -> None:
    process = start("demo", "--port", str(free_port()))
    text = "\n".join(read_until(process, "keeps serving at"))
    assert "[CEO" in text
    assert "[CTO" in text
    assert "[App]" in text
    assert "--- the job is done" in text
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_a_taken_port_that_was_asked_for_is_explained(start: Start, nats_server: object) -> None:
    port = nats_server.port  # type: ignore[attr-defined]
    process = start("up", "--port", str(port))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"--port {port} is taken" in err


def test_a_wrong_setting_is_explained(start: Start) -> None:
    process = start("up", "--port", "0", LEASE_SECONDS="soon")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "LEASE_SECONDS is 'soon'; expected a number" in err


def test_an_absent_outside_nats_is_explained(start: Start) -> None:
    process = start("up", "--port", "0", NATS_URL="nats://127.0.0.1:9")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "NATS at nats://127.0.0.1:9 cannot be reached" in err


def test_an_absent_outside_postgres_is_explained_without_its_password(start: Start) -> None:
    process = start("up", "--port", "0", DATABASE_URL="postgresql://u:hush@127.0.0.1:9/x")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "DATABASE_URL leads to no usable Postgres" in err
    assert "hush" not in err


def test_outside_servers_take_the_place_of_the_embedded_ones(
    start: Start, fresh_nats: EmbeddedNats, fresh_postgres: EmbeddedPostgres
) -> None:
    user, password = fresh_nats.user("admin")
    process = start(
        "up",
        "--port",
        "0",
        NATS_URL=fresh_nats.url,
        NATS_USER=user,
        NATS_PASSWORD=password,
        DATABASE_URL=fresh_postgres.superuser_url(),
    )
    read_until(process, "ready")
    names = {child.name() for child in psutil.Process(process.pid).children()}
    assert names.isdisjoint({"nats-server", "postgres"})


def test_without_a_port_the_next_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [serve.DEFAULT_PORT, serve.DEFAULT_PORT + 1]
    monkeypatch.setattr(serve, "is_free", lambda port, _host: port not in taken)
    assert serve._choose_port(None, "127.0.0.1") == serve.DEFAULT_PORT + 2


def test_an_empty_data_folder_is_not_the_working_directory() -> None:
    result = CliRunner().invoke(main, ["up", "--data", ""])
    assert result.exit_code == 2
    assert "a folder is wanted" in result.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_what_runs_goes_on_when_nobody_hears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(full, write_through=True))
        serve._say("nats ended unexpectedly")
