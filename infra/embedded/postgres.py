"""A Postgres server as a child process, run as `nobody` where we are root."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import structlog

from infra.embedded.binaries import Runner, postgres_runner, reaches
from infra.embedded.child import POLL_SECONDS, Child
from infra.embedded.nats import ServerFailed
from infra.embedded.ports import LOOPBACK, free_port
from infra.embedded.private import write_private

__all__ = ["DATABASE", "SUPERUSER", "EmbeddedPostgres"]

log = structlog.get_logger(__name__)

SUPERUSER = "postgres"
DATABASE = "jobstream"
READY_SECONDS = 60.0
REACHABLE_DATA = Path("/var/lib/jobstream")

_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_FAST_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server on the loopback interface. It keeps its port over restarts."""

    name = "postgres"

    def __init__(
        self,
        folder: Path,
        *,
        password: str | None = None,
        durable: bool = True,
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        """`durable=False` is for tests: a crash of the machine may lose data."""
        self.folder = folder
        self.password = password or secrets.token_urlsafe(24)
        self.durable = durable
        self.port = port or free_port()
        self.log = log or folder / "postgres.log"
        self.child: Child | None = None
        self._runner: Runner | None = None
        self._cluster: Path | None = None

    def url(self, user: str = SUPERUSER, password: str | None = None, database: str = DATABASE) -> str:
        """A connection URL; without a password the client takes it from PGPASSWORD."""
        credentials = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{credentials}@{LOOPBACK}:{self.port}/{database}"

    def superuser_url(self, database: str = SUPERUSER) -> str:
        return self.url(SUPERUSER, self.password, database)

    @property
    def placed_elsewhere(self) -> Path | None:
        """Where the data lies, if that is not in our folder; known after `prepare`."""
        outside = self._cluster is not None and self._cluster.parent != self.folder
        return self._cluster.parent if self._cluster and outside else None

    def prepare(self) -> None:
        """Find the programs and make the cluster if there is none; an interrupted attempt leaves nothing behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._runner = runner = postgres_runner()
        place = self._place(runner)
        self._cluster = cluster = place / "cluster"
        if cluster.exists():
            return
        aside = place / "cluster.new"
        shutil.rmtree(aside, ignore_errors=True)
        password_file = place / "password"
        write_private(password_file, self.password)
        if runner.uid is not None:
            os.chown(password_file, runner.uid, -1)
        command = [str(runner.programs / "initdb"), "-D", str(aside), "-U", SUPERUSER, "--encoding=UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--locale=C"] + ([] if self.durable else ["--no-sync"])
        try:
            done = subprocess.run(  # noqa: S603
                command,
                user=runner.uid,
                group=runner.gid,
                extra_groups=None if runner.uid is None else [],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                cwd=place,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise ServerFailed(f"Postgres' data could not be made in {place}:\n{done.stdout}{done.stderr}")
        aside.rename(cluster)

    def spawn(self) -> Child:
        """Start the process; from the main thread, see `Child`."""
        assert self._runner is not None
        assert self._cluster is not None
        self._remove_stale_lock(self._cluster)
        options = _OPTIONS | ({} if self.durable else _FAST_AND_FORGETFUL)
        command = [str(self._runner.programs / "postgres"), "-D", str(self._cluster), "-p", str(self.port)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self.child = Child(
            "postgres",
            command,
            log=self.log,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self._cluster.parent,
            user=self._runner.uid,
            group=self._runner.gid,
        )
        return self.child

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return once the server accepts connections. Raises `ServerFailed`."""
        assert self.child is not None
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self.child.exit_status() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"Postgres did not become ready:\n{self.child.tail()}")
            time.sleep(POLL_SECONDS)

    def start(self) -> None:
        """Prepare, start and await readiness; after a kill -9, wait for the old server's helpers to end first."""
        if self._cluster is None:
            self.prepare()
        deadline = time.monotonic() + 10
        while True:
            self.spawn()
            try:
                return self.await_ready()
            except ServerFailed as failure:
                if "shared memory block" not in str(failure) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """Roll back what is open, write a checkpoint, end."""
        if self.child is not None and self.child.exit_status() is None:
            self.child.send(signal.SIGINT)
            if not self.child.wait(10):
                self.child.stop(first=signal.SIGQUIT, seconds=3)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the server process is gone."""
        if self.child is not None:
            self.child.stop(first=signal.SIGKILL)

    def restart(self) -> None:
        """Stop it unless it is gone already, and start it on the same port and data."""
        self.stop()
        self.start()

    def _place(self, runner: Runner) -> Path:
        """The folder the cluster lies in: our own, or, where `nobody` cannot enter that, one it can."""
        if runner.uid is None:
            return self.folder
        pointer = self.folder / "location"
        if pointer.exists():
            return Path(pointer.read_text().strip())
        os.chown(self.folder, runner.uid, runner.gid or -1)
        self.folder.chmod(0o700)
        if reaches(self.folder, runner.uid):
            return self.folder
        place = REACHABLE_DATA / secrets.token_hex(8)
        place.mkdir(parents=True)
        REACHABLE_DATA.chmod(0o711)
        os.chown(place, runner.uid, runner.gid or -1)
        place.chmod(0o700)
        pointer.write_text(f"{place}\n")
        log.info("postgres.placed", reason=f"the user nobody cannot enter {self.folder}", place=str(place))
        return place

    def _remove_stale_lock(self, cluster: Path) -> None:
        """Remove postmaster.pid where its number now belongs to another program, or to a dead one nobody reaped.

        In every other case Postgres judges better: it also knows whether helpers of a killed server are still there.
        """
        pid_file = cluster / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            program = _program_of(pid)
            if program is None or "postgres" in program:
                return
            deadline = time.monotonic() + 5
            while _works_in(cluster) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            pid_file.unlink()

    def _answers(self) -> bool:
        assert self._cluster is not None
        assert self.child is not None
        with contextlib.suppress(OSError):
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"
        return False


def _program_of(pid: int) -> str | None:
    """What that process runs: None if there is no such process, empty if it is dead and was not reaped."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    with contextlib.suppress(OSError):
        command = ["/bin/ps", "-o", "stat=,args=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        if shown:
            return "" if shown.startswith("Z") else shown
    return None


def _works_in(cluster: Path) -> bool:
    """Whether any process has the cluster as its working folder, as every Postgres process has (told on Linux only)."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if link.readlink() == cluster:
                return True
    return False
