"""Removing old commands: only by age, and only what every consumer of COMMANDS has handled, so that nothing unhandled ever expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import nats.errors
import structlog

from libs.events import wire
from libs.events.errors import LogUnavailable
from services.projector import gauges

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["handled_up_to", "trim_commands"]

log = structlog.get_logger(__name__)

STREAM = "COMMANDS"
_NO_MESSAGE = "404"


async def trim_commands(client: Client, *, keep: timedelta, now: datetime) -> int:
    """Remove handled commands stored longer than `keep` ago; answer how many. Raises `LogUnavailable`."""
    state = (await _request(client, f"STREAM.INFO.{STREAM}", {}))["state"]
    if state["messages"] == 0 or _time(state["first_ts"]) > now - keep:
        return 0
    # Asked after the stream: what came in between is above the end we know, and kept.
    consumers = await _consumers(client)
    floor = min((handled_up_to(consumer, state["last_seq"]) for consumer in consumers), default=0)
    young = await _first_since(client, now - keep)
    keep_from = min(floor + 1, state["last_seq"] + 1 if young is None else young)
    if keep_from <= state["first_seq"]:
        return 0
    purged = int((await _request(client, f"STREAM.PURGE.{STREAM}", {"seq": keep_from}))["purged"])
    gauges.trimmed.inc(purged)
    log.info("commands.trimmed", purged=purged, kept_from=keep_from)
    return purged


def handled_up_to(consumer: dict[str, Any], end: int) -> int:
    """The sequence up to which a consumer has nothing left to do, at most `end`, the stream's last."""
    if consumer["config"].get("ack_policy") == "none":
        return end  # somebody who looks on: it handles nothing
    if consumer["num_ack_pending"]:
        return min(end, int(consumer["ack_floor"]["stream_seq"]))
    if consumer["num_pending"]:
        return min(end, int(consumer["delivered"]["stream_seq"]))
    return end


async def _consumers(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await _request(client, f"CONSUMER.LIST.{STREAM}", {"offset": len(found)})
        found += page["consumers"] or []
        if not page["consumers"] or len(found) >= page["total"]:
            return found


async def _first_since(client: Client, moment: datetime) -> int | None:
    """The first command stored at or after a moment."""
    request = {"start_time": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"), "batch": 1}
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    try:
        await client.publish(f"$JS.API.DIRECT.GET.{STREAM}", msgspec.json.encode(request), reply=inbox)
        message = await subscription.next_msg(5)
        status = (message.headers or {}).get("Status")
        if status == _NO_MESSAGE:
            return None
        if status is not None:
            raise LogUnavailable(f"looking for commands by time: {message.headers}")
        return wire.Stored.of_direct(message).sequence
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise wire.unavailable("looking for commands by time", error) from error
    finally:
        await subscription.unsubscribe()


async def _request(client: Client, call: str, payload: dict[str, Any]) -> dict[str, Any]:
    try:
        reply = await client.request(f"$JS.API.{call}", msgspec.json.encode(payload), timeout=5)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise wire.unavailable(call, error) from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data)
    if (problem := answer.get("error")) is not None:
        raise LogUnavailable(f"{call}: {problem.get('description')}")
    return answer


def _time(text: str) -> datetime:
    # Nanoseconds are more than datetime can read.
    head, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}+00:00")
