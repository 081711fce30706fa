"""Who is signed in where: tokens kept in the person's configuration folder, readable by that person only."""

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


@asynccontextmanager
async def session(url: str | None) -> AsyncIterator[Client]:
    """A client for `url` (or the last one used); tokens it gains or renews are kept for the next command."""
    path = _path()
    kept = msgspec.json.decode(path.read_bytes(), type=Session) if path.exists() else Session()
    address = (url or os.environ.get("JOBSTREAM_URL") or kept.url).rstrip("/")
    mine = kept if kept.url == address else Session(url=address)
    async with Client(address, access=mine.access, refresh=mine.refresh) as client:
        try:
            yield client
        finally:
            now = Session(url=address, access=client.access, refresh=client.refresh)
            if now != kept and now.access:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_private(path, msgspec.json.encode(now).decode())


def _path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "jobstream" / "session.json"
