"""The data folder of one installation: its lock, its secrets, and where everything lies in it."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from infra.embedded.private import write_private
from infra.nats import accounts
from infra.postgres import roles

__all__ = ["DataFolder", "FolderInUse", "FolderUnusable", "Secrets", "make_secrets"]


class FolderInUse(Exception):
    """Another supervisor serves this folder; the text says which one and where."""


class FolderUnusable(Exception):
    """Nothing can be kept in this folder; the text says why."""


class Secrets(msgspec.Struct, frozen=True):
    """What this installation's parts prove themselves with, made once."""

    nats: dict[str, str]
    postgres: dict[str, str]
    postgres_superuser: str
    jwt: str


def make_secrets() -> Secrets:
    """Fresh secrets for everything."""
    return Secrets(
        nats=accounts.passwords(),
        postgres=roles.passwords(),
        postgres_superuser=secrets.token_urlsafe(24),
        jwt=secrets.token_urlsafe(48),
    )


class DataFolder:
    """The folder given as `--data`. All writing to it needs the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.nats = self.path / "nats"
        self.postgres = self.path / "postgres"
        self._lock_file: IO[str] | None = None

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone; the kernel frees it whatever ends us. Raises `FolderInUse`, `FolderUnusable`."""
        with self._open_lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise FolderInUse(self._holder(file)) from None
            self._lock_file = file
            self.note()
            try:
                yield
            finally:
                self._lock_file = None
                file.truncate(0)

    def note(self, url: str | None = None) -> None:
        """Write down, for whoever finds the folder locked, who we are and where we serve."""
        assert self._lock_file is not None
        self._lock_file.truncate(0)
        self._lock_file.write(msgspec.json.encode({"pid": os.getpid(), "url": url}).decode())
        self._lock_file.flush()

    def note_server(self, name: str, url: str) -> None:
        """Write down where an embedded server is, for people with its command-line tool."""
        (self.run / f"{name}-url").write_text(url)

    def server_url(self, name: str) -> str | None:
        """Where that server was at its last start; None if there was none."""
        path = self.run / f"{name}-url"
        return path.read_text() if path.exists() else None

    def secrets(self) -> Secrets:
        """The secrets of this installation, made at the first call; users and roles added by a later release get theirs.

        Raises `FolderUnusable`.
        """
        path = self.path / "secrets.json"
        fresh = make_secrets()
        if path.exists():
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=Secrets)
            except msgspec.DecodeError as error:
                raise FolderUnusable(f"{path} cannot be read ({error}); restore it from a backup.") from None
            known = Secrets(fresh.nats | kept.nats, fresh.postgres | kept.postgres, kept.postgres_superuser, kept.jwt)
            if known == kept:
                return kept
            fresh = known
        write_private(path, msgspec.json.format(msgspec.json.encode(fresh), indent=2).decode() + "\n")
        return fresh

    def _open_lock(self) -> IO[str]:
        try:
            self._make()
            return (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            reason = error.strerror or str(error)
            raise FolderUnusable(
                f"{self.path} cannot hold the data: {reason}; choose another folder with --data."
            ) from None

    def _make(self) -> None:
        # As root, Postgres runs as nobody and must be able to pass; what is secret has its own mode.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        new = not self.path.exists()
        for folder in (self.path, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True, mode=mode)
        if new:
            self.path.chmod(mode)

    def _holder(self, file: IO[str]) -> str:
        file.seek(0)
        facts: dict[str, Any] = {}
        with suppress(msgspec.DecodeError):
            facts = msgspec.json.decode(file.read())
        pid, url = facts.get("pid"), facts.get("url")
        who = f"another jobstream (pid {pid})" if pid else "another jobstream"
        where = f" and serves at {url}" if url else " and is still starting"
        return f"{self.path} is in use: {who} runs on it{where}; stop that one or choose another folder with --data."
