"""Who is signed in where: tokens kept in the person's configuration folder, readable by that person only.

Several commands may run at once, some for hours: what one of them renews is stored at once, and taken over by the others.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from cli.client import Client
from infra.embedded.private import write_private

__all__ = ["Session", "session"]

DEFAULT_URL = "http://127.0.0.1:8080"


class Session(msgspec.Struct):
    """The last sign-in."""

    url: str = DEFAULT_URL
    access: str | None = None
    refresh: str | None = None


class _Keeper:
    """The tokens of one gateway in the session file; another gateway's are none."""

    def __init__(self, url: str) -> None:
        self._url = url

    def load(self) -> tuple[str | None, str | None]:
        kept = _read()
        return (kept.access, kept.refresh) if kept.url == self._url else (None, None)

    def store(self, access: str, refresh: str) -> None:
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, msgspec.json.encode(Session(url=self._url, access=access, refresh=refresh)).decode())


@asynccontextmanager
async def session(url: str | None) -> AsyncIterator[Client]:
    """A client for `url` (or the last one used); tokens it gains or renews are kept for the next command."""
    address = (url or os.environ.get("JOBSTREAM_URL") or _read().url).rstrip("/")
    keeper = _Keeper(address)
    access, refresh = keeper.load()
    async with Client(address, access=access, refresh=refresh, keeper=keeper) as client:
        yield client


def _read() -> Session:
    path = _path()
    return msgspec.json.decode(path.read_bytes(), type=Session) if path.exists() else Session()


def _path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "jobstream" / "session.json"
