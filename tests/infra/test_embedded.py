"""The pieces below the supervisor: guard, folder, environment, leftovers of killed servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.embedded.child import Child
from infra.embedded.folder import DataFolder, FolderInUse, FolderUnusable
from infra.embedded.nats import EmbeddedNats, ServerFailed
from infra.embedded.postgres import EmbeddedPostgres
from infra.embedded.settings import environment

SLEEP = ["/bin/sh", "-c", "echo up; exec sleep 60"]


def test_the_guard_kills_its_program_when_the_parents_pipe_ends() -> None:
    reading, writing = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", "infra.embedded.guard", str(reading), *SLEEP],
        pass_fds=(reading,),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(reading)
    assert guard.stdout is not None
    assert guard.stdout.readline() == "up\n"
    os.close(writing)
    assert guard.stdout.read() == ""  # ends when the program, the last holder, is gone
    assert guard.wait(10) == 128 + 9


def test_the_guard_passes_signals_and_the_exit_status_on() -> None:
    reading, writing = os.pipe()
    program = [
        sys.executable,
        "-c",
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()",
    ]
    guard = subprocess.Popen(
        [sys.executable, "-m", "infra.embedded.guard", str(reading), *program],
        pass_fds=(reading,),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert guard.stdout is not None
    assert guard.stdout.readline() == "up\n"
    guard.terminate()
    assert guard.wait(10) == 7
    os.close(reading)
    os.close(writing)


def test_a_paused_child_is_stopped_all_the_same(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, log=tmp_path / "log")
    child.send(signal.SIGSTOP)
    while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.005)
    assert child.stop(seconds=0.1) == "killed"


def test_a_locked_folder_names_its_holder(tmp_path: Path) -> None:
    second = DataFolder(tmp_path / "d").locked()
    with (
        DataFolder(tmp_path / "d").locked(),
        pytest.raises(FolderInUse, match=f"pid {os.getpid()}.*is still starting"),
        second,
    ):
        pass


def test_a_folder_is_free_again_after_its_holder_is_gone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "d").locked():
        pass
    with DataFolder(tmp_path / "d").locked():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(FolderUnusable, match=r"file/d cannot hold the data: .*; choose another folder"),
        DataFolder(tmp_path / "file" / "d").locked(),
    ):
        pass


def test_broken_secrets_are_named_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(FolderUnusable, match=r"secrets\.json cannot be read"):
        DataFolder(tmp_path).secrets()
    assert path.read_text() == "{"


def test_users_added_by_a_later_release_get_their_secrets(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    before = folder.secrets()
    path = tmp_path / "secrets.json"
    path.write_text(path.read_text().replace('"operator"', '"operator_of_old"'))
    after = folder.secrets()
    assert after.nats["operator"]
    assert after.jwt == before.jwt


def test_a_service_inherits_settings_but_no_other_ones_secrets() -> None:
    inherited = {
        "OPENAI_MODEL": "m",
        "JWT_SECRET": "j",
        "NATS_ADMIN_PASSWORD": "a",
        "GATEWAY_NATS_PASSWORD": "g",
        "AGENTS_NATS_PASSWORD": "own",
        "DATABASE_URL": "postgresql://x",
        "PORT": "1",
        "LEASE_SECONDS": "3",
    }
    assert environment(inherited, "agents", HEALTH_PORT="0", DATABASE_URL=None) == {
        "OPENAI_MODEL": "m",
        "NATS_PASSWORD": "own",
        "HEALTH_PORT": "0",
    }


def test_a_server_that_cannot_start_shows_its_own_words(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    second = EmbeddedNats(tmp_path / "nats", port=nats_server.port)
    with pytest.raises(ServerFailed, match="address already in use"):
        second.start()
    second.stop()


@pytest.mark.faults
@pytest.mark.parametrize("pid", ["999999999", str(os.getppid())], ids=["nobody's", "another program's"])
def test_a_lock_file_left_by_a_killed_postgres_does_not_block_the_next(server_folder: Path, pid: str) -> None:
    server = EmbeddedPostgres(server_folder / f"postgres-{time.monotonic_ns()}", durable=False)
    server.start()
    server.kill()
    (pid_file,) = server.folder.glob("**/postmaster.pid")
    pid_file.write_text("\n".join([pid, *pid_file.read_text().splitlines()[1:]]) + "\n")
    server.start()
    server.stop()


@pytest.mark.faults
async def test_clients_reconnect_to_a_restarted_nats_and_find_what_they_stored(fresh_nats: EmbeddedNats) -> None:
    import nats

    user, password = fresh_nats.user("admin")
    client = await nats.connect(
        fresh_nats.url, user=user, password=password, reconnect_time_wait=0.05, max_reconnect_attempts=-1
    )
    await client.jetstream().publish("evt.o.j.seen", b"kept")
    fresh_nats.kill()
    fresh_nats.restart()
    js = client.jetstream()
    deadline = time.monotonic() + 10
    while True:
        try:
            assert (await js.get_last_msg("EVENTS", "evt.o.j.seen")).data == b"kept"
            break
        except (TimeoutError, nats.errors.Error):
            assert time.monotonic() < deadline
    await client.close()
