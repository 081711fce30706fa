"""Streams, durable consumers, key-value buckets and the object store, as data in the server's own terms.

The same data is exported to `streams/*.json` for `nats stream add --config` and `nats consumer add --config`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import structlog
from nats.aio.client import Client

__all__ = ["Consumer", "Republish", "Stream", "TopologyError", "apply", "export", "topology"]

log = structlog.get_logger(__name__)

SECOND = 1_000_000_000
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
DEFAULT_LEASE_SECONDS = 10.0
REQUEST_TIMEOUT_SECONDS = 10.0


class TopologyError(Exception):
    """A stream or consumer that exists differs in a way the server will not change; the text names the difference."""


class Republish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the stream sends on, once it is stored; `headers_only` where the content is left out."""

    src: str
    dest: str
    headers_only: bool = False


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer that a service binds to. Times are nanoseconds."""

    durable_name: str
    description: str
    filter_subjects: tuple[str, ...]
    ack_wait: int = int(DEFAULT_LEASE_SECONDS * SECOND)
    deliver_policy: Literal["all"] = "all"
    ack_policy: Literal["explicit"] = "explicit"
    replay_policy: Literal["instant"] = "instant"
    max_deliver: int = -1
    max_ack_pending: int = 20_000
    max_waiting: int = 512
    num_replicas: int = 0  # as the stream


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's configuration; unset options keep the server's defaults. Times are nanoseconds."""

    name: str
    description: str
    subjects: tuple[str, ...]
    retention: Literal["limits", "workqueue"] = "limits"
    discard: Literal["old", "new"] = "old"
    storage: Literal["file"] = "file"
    num_replicas: int = 1
    max_consumers: int = -1
    max_msgs: int = -1
    max_bytes: int = -1
    max_age: int = 0
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    duplicate_window: int = 120 * SECOND
    allow_direct: bool = True
    allow_atomic: bool = False
    allow_msg_ttl: bool = False
    allow_msg_schedules: bool = False
    allow_rollup_hdrs: bool = False
    deny_delete: bool = False
    republish: Republish | None = None


Topology = dict[Stream, tuple[Consumer, ...]]


def topology(*, replicas: int = 1, lease_seconds: float = DEFAULT_LEASE_SECONDS) -> Topology:
    """Every stream with its consumers. `lease_seconds` is how long a delivered message stays with a silent worker."""
    ack_wait = int(lease_seconds * SECOND)

    def consumer(name: str, description: str, *filters: str) -> Consumer:
        return Consumer(durable_name=name, description=description, filter_subjects=filters, ack_wait=ack_wait)

    def events(*types: str) -> tuple[str, ...]:
        return tuple(f"evt.*.*.{name}" for name in types)

    def commands(*verbs: str) -> tuple[str, ...]:
        return tuple(f"cmd.*.*.{verb}" for verb in verbs)

    found: Topology = {
        Stream(
            name="EVENTS",
            description="Every fact: evt.<owner>.<id>.<type>",
            subjects=("evt.*.*.*",),
            allow_atomic=True,
            deny_delete=True,
            republish=Republish(src="evt.>", dest="live.>"),
        ): (
            consumer("agents", "Wakes Client Relations", *events("user_message_posted", "job_retried")),
            consumer(
                "runner",
                "Wakes the runner",
                *events(
                    "job_created",  # which queues a job of a kind that does not talk
                    "job_queued",
                    "job_retried",
                    "approval_granted",
                    "approval_rejected",
                    "signal_received",
                    "timer_fired",
                    "child_ended",
                ),
            ),
        ),
        Stream(
            name="COMMANDS",
            description="What people want: cmd.<owner>.<id>.<verb>; trimmed only below every consumer's ack floor",
            subjects=("cmd.*.*.*",),
        ): (
            consumer("agents", "Commands that Client Relations decides", *commands("create", "chat")),
            consumer(
                "runner",
                "Commands that the runner decides",
                *commands("cancel", "retry", "approve", "reject", "signal"),
                *commands("profile_create", "profile_update", "profile_delete"),
            ),
        ),
        Stream(
            name="SHARDS",
            description="Results of map: shard.<owner>.<id>.<map>.<n>, the first result wins",
            subjects=("shard.*.*.*.*",),
            republish=Republish(src="shard.>", dest="result.>", headers_only=True),
        ): (),
        Stream(
            name="TASKS",
            description="Shards of map waiting for a runner: task.<owner>.<id>.<map>.<n>",
            subjects=("task.*.*.*.*",),
            retention="workqueue",
        ): (consumer("runner", "Shards to compute", "task.>"),),
        Stream(
            name="TIMERS",
            description="Schedules timer.set.<owner>.<id>.<timer>, fired as timer.due.<owner>.<id>.<timer>",
            subjects=("timer.set.*.*.*", "timer.due.*.*.*"),
            max_msgs_per_subject=1,
            allow_msg_ttl=True,
            allow_msg_schedules=True,
            allow_rollup_hdrs=True,  # the server switches it on with schedules
        ): (consumer("runner", "Timers that are due", "timer.due.>"),),
        Stream(
            name="WAKEUPS",
            description="Hints to look at a job: wake.<service>.<owner>.<id>",
            subjects=("wake.*.*.*",),
            retention="workqueue",
            # The newer hint replaces the older, also one being handled: refusing it instead would lose a hint given
            # after the handler had read the job's state.
            max_msgs_per_subject=1,
            discard="old",
        ): (
            consumer("agents", "Hints for Client Relations", "wake.agents.>"),
            consumer("runner", "Hints for the runner", "wake.runner.>"),
        ),
        Stream(
            name="DEADLETTERS",
            description="Messages nobody could handle: dead.<owner>.<id>.<service>",
            subjects=("dead.*.*.*",),
        ): (),
        Stream(
            name="KV_SNAPSHOTS",
            description="Folded states: the bucket SNAPSHOTS",
            subjects=("$KV.SNAPSHOTS.>",),
            max_msgs_per_subject=1,
            discard="new",
            allow_rollup_hdrs=True,
            deny_delete=True,
        ): (),
        Stream(
            name="KV_IDEMPOTENCY",
            description="Idempotency keys of HTTP requests, for 24 hours: the bucket IDEMPOTENCY",
            subjects=("$KV.IDEMPOTENCY.>",),
            max_msgs_per_subject=1,
            max_age=24 * 3600 * SECOND,
            discard="new",
            allow_rollup_hdrs=True,
            deny_delete=True,
        ): (),
        Stream(
            name="OBJ_ARTIFACTS",
            description="Payloads above 64 KiB: the object store ARTIFACTS",
            subjects=("$O.ARTIFACTS.C.>", "$O.ARTIFACTS.M.>"),
            discard="new",
            allow_rollup_hdrs=True,
        ): (),
    }
    return {msgspec.structs.replace(stream, num_replicas=replicas): consumers for stream, consumers in found.items()}


async def apply(client: Client, wanted: Topology | None = None) -> list[str]:
    """Create what is missing and update what differs; answer what was done, nothing if nothing.

    Raises `TopologyError` where an existing object differs in a way that cannot be changed in place.
    """
    done: list[str] = []
    for stream, consumers in (topology() if wanted is None else wanted).items():
        config = msgspec.to_builtins(stream)
        done += await _apply(client, f"stream {stream.name}", _STREAM, stream.name, config, STREAM_NOT_FOUND)
        for consumer in consumers:
            place = f"{stream.name}.{consumer.durable_name}"
            config = msgspec.to_builtins(consumer)
            done += await _apply(client, f"consumer {place}", _CONSUMER, place, config, CONSUMER_NOT_FOUND)
    return done


class _Api(msgspec.Struct, frozen=True):
    """Where one kind of object is looked up, created and updated, and how its configuration is wrapped."""

    info: str
    create: str
    update: str

    def wrap(self, place: str, config: dict[str, Any], action: str) -> dict[str, Any]:
        if self is _STREAM:
            return config
        return {"stream_name": place.partition(".")[0], "config": config, "action": action}


_STREAM = _Api("STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE")
_CONSUMER = _Api("CONSUMER.INFO", "CONSUMER.CREATE", "CONSUMER.CREATE")


async def _apply(client: Client, what: str, api: _Api, place: str, config: dict[str, Any], not_found: int) -> list[str]:
    found = await _request(client, f"{api.info}.{place}", b"")
    error = found.get("error")
    if error is not None and error.get("err_code") != not_found:
        raise TopologyError(f"{what} cannot be looked up: {error.get('description')}")
    if error is not None:
        answer = await _request(client, f"{api.create}.{place}", msgspec.json.encode(api.wrap(place, config, "create")))
        _check(answer, f"{what} cannot be created")
        log.debug("topology.created", object=what)
        return [f"created {what}"]
    present = found["config"]
    differences = {
        name: (present.get(name), value) for name, value in config.items() if not _same(present.get(name), value)
    }
    if not differences:
        return []
    shown = ", ".join(f"{name} is {old!r}, wanted {new!r}" for name, (old, new) in differences.items())
    request = api.wrap(place, present | config, "update")
    answer = await _request(client, f"{api.update}.{place}", msgspec.json.encode(request))
    _check(answer, f"{what} exists and cannot be changed ({shown})")
    log.info("topology.updated", object=what, differences=shown)
    return [f"updated {what}: {shown}"]


def _same(present: Any, wanted: Any) -> bool:
    """Whether the server's answer means what was asked for: it leaves out zero values."""
    if not wanted and not present:
        return True
    if isinstance(wanted, tuple) and isinstance(present, list):
        return sorted(wanted) == sorted(present)
    if isinstance(wanted, dict) and isinstance(present, dict):
        return all(_same(present.get(name), value) for name, value in wanted.items())
    return bool(present == wanted)


async def _request(client: Client, subject: str, payload: bytes) -> dict[str, Any]:
    try:
        answer = await client.request(f"$JS.API.{subject}", payload, timeout=REQUEST_TIMEOUT_SECONDS)
    except TimeoutError:
        raise TopologyError(
            f"no answer to {subject}: JetStream is off, or this NATS user may not manage streams"
        ) from None
    decoded: dict[str, Any] = msgspec.json.decode(answer.data)
    return decoded


def _check(answer: dict[str, Any], problem: str) -> None:
    if "error" in answer:
        raise TopologyError(f"{problem}: {answer['error'].get('description')}")


def export(wanted: Topology | None = None) -> Iterator[tuple[str, bytes]]:
    """File name and JSON of each stream and consumer, as `nats stream add --config` reads them."""
    for stream, consumers in (topology() if wanted is None else wanted).items():
        yield f"{stream.name}.json", _document(stream)
        for consumer in consumers:
            yield f"{stream.name}.{consumer.durable_name}.consumer.json", _document(consumer)


def _document(value: Stream | Consumer) -> bytes:
    found = {name: item for name, item in msgspec.to_builtins(value).items() if item is not None}
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
