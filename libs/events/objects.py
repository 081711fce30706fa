"""Bytes too large for a message: content-addressed files in the object store ARTIFACTS, written before the event that names them."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
from nats.js.object_store import ObjectStore

from libs.events import wire
from libs.events.errors import LogUnavailable

if TYPE_CHECKING:
    from nats.aio.client import Client

    from libs.events.subjects import StreamId

__all__ = ["Objects", "digest"]

BUCKET = "ARTIFACTS"
_AHEAD = 4  # pieces read at a time: half a megabyte


def digest(data: bytes) -> str:
    """`SHA-256=<base64url>`, as the object store itself writes digests."""
    return "SHA-256=" + urlsafe_b64encode(hashlib.sha256(data).digest()).decode()


class Objects:
    """The object store. Names begin with owner and aggregate, so that erasing either finds its files."""

    def __init__(self, nats_client: Client) -> None:
        self._nats = nats_client
        self._bucket: ObjectStore | None = None

    async def put(self, stream: StreamId, data: bytes) -> str:
        """Store the bytes and return their name; storing the same again writes nothing. Raises `LogUnavailable`."""
        name = f"{stream.owner}/{stream.id}/{hashlib.sha256(data).hexdigest()}"
        try:
            bucket = await self._open()
            try:
                await bucket.get_info(name)
            except nats.js.errors.NotFoundError:
                await bucket.put(name, data)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise wire.unavailable("storing an object", error) from error
        return name

    async def get(self, name: str) -> bytes:
        """The bytes stored under a name, their digest checked. Raises `LogUnavailable` where they cannot be had."""
        try:
            result = await (await self._open()).get(name)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise wire.unavailable(f"reading the object {name}", error) from error
        if result.data is None:
            raise LogUnavailable(f"the object {name} is empty")
        return result.data

    async def chunks(self, name: str) -> AsyncGenerator[bytes, None]:
        """The same piece by piece, a few of them in memory at a time. The last one comes only where the digest of the whole is right."""
        try:
            info = await (await self._open()).get_info(name)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise wire.unavailable(f"reading the object {name}", error) from error
        hashed, sequence, pieces = hashlib.sha256(), 0, info.chunks or 0
        while pieces > 0:
            found = await wire.read_range(
                self._nats,
                f"OBJ_{BUCKET}",
                f"$O.{BUCKET}.C.{info.nuid}",
                first_sequence=sequence + 1,
                limit=min(_AHEAD, pieces),
            )
            if not found:
                raise LogUnavailable(f"the object {name} is not whole where it was read")
            for piece in found:
                hashed.update(piece.data)
                sequence, pieces = piece.sequence, pieces - 1
                if not pieces and "SHA-256=" + urlsafe_b64encode(hashed.digest()).decode() != info.digest:
                    raise LogUnavailable(f"the object {name} is damaged")
                yield piece.data

    async def _open(self) -> ObjectStore:
        if self._bucket is None:
            self._bucket = await self._nats.jetstream().object_store(BUCKET)
        return self._bucket
