"""Who may do what on NATS: one user per service, each with the rights it uses and no other.

A right is a subject one may publish to or subscribe to; JetStream's own calls are subjects too.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

__all__ = ["USERS", "User", "passwords", "render"]

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One NATS user. `forbidden` takes back a part of `publish`; `responds` allows answering requests it receives."""

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    responds: bool = False

    @property
    def inbox_prefix(self) -> str:
        """Replies to this user go below this prefix, where no other user may listen."""
        return f"_INBOX_{self.name}"


def _api(*calls: str) -> tuple[str, ...]:
    return tuple(f"$JS.API.{call}" for call in calls)


def _works_on(stream: str, consumer: str) -> tuple[str, ...]:
    """Pull from a durable consumer, acknowledge, and see its backlog."""
    calls = _api(f"CONSUMER.INFO.{stream}.{consumer}", f"CONSUMER.MSG.NEXT.{stream}.{consumer}")
    return (*calls, f"$JS.ACK.{stream}.{consumer}.>")


def _reads(*streams: str) -> tuple[str, ...]:
    """Read single messages, from any replica and from the leader."""
    return tuple(
        call
        for stream in streams
        for call in _api(
            f"STREAM.INFO.{stream}",
            f"STREAM.MSG.GET.{stream}",
            f"DIRECT.GET.{stream}",
            f"DIRECT.GET.{stream}.>",
        )
    )


def _follows(*streams: str) -> tuple[str, ...]:
    """Read in order through short-lived consumers; durable ones stay out of reach, since those are created by name."""
    return tuple(call for stream in streams for call in (*_api(f"CONSUMER.CREATE.{stream}"), f"$JS.FC.{stream}.>"))


_COMMON = _api("INFO", "STREAM.NAMES")
_SNAPSHOTS = "KV_SNAPSHOTS"
_IDEMPOTENCY = "KV_IDEMPOTENCY"
_ARTIFACTS = "OBJ_ARTIFACTS"
_WRITES_SNAPSHOTS = (*_reads(_SNAPSHOTS), "$KV.SNAPSHOTS.>")
_READS_ARTIFACTS = (*_reads(_ARTIFACTS), *_follows(_ARTIFACTS))
_WRITES_ARTIFACTS = (*_READS_ARTIFACTS, "$O.ARTIFACTS.>", *_api(f"STREAM.PURGE.{_ARTIFACTS}"))
_DECIDES = ("evt.*.*.*", "delta.*.*", "outcome.*", "worker.*", *_reads("EVENTS", "COMMANDS"), *_WRITES_SNAPSHOTS)


# The command-line tool reads streams through consumers that it names itself: any name but those of the services.
_VIEWS = _api("CONSUMER.CREATE.>", "CONSUMER.MSG.NEXT.*.*", "CONSUMER.DELETE.*.*")
_NOT_THE_SERVICES = tuple(
    call
    for consumer in ("agents", "runner")
    for call in _api(
        f"CONSUMER.CREATE.*.{consumer}",
        f"CONSUMER.CREATE.*.{consumer}.>",
        f"CONSUMER.MSG.NEXT.*.{consumer}",
        f"CONSUMER.DELETE.*.{consumer}",
    )
)


def _user(
    name: str,
    publish: tuple[str, ...],
    subscribe: tuple[str, ...] = (),
    *,
    forbidden: tuple[str, ...] = (),
    responds: bool = False,
) -> User:
    own = (f"_INBOX_{name}.>", *subscribe)
    return User(name=name, publish=(*_COMMON, *publish), subscribe=own, forbidden=forbidden, responds=responds)


USERS: dict[str, User] = {
    user.name: user
    for user in (
        _user(
            "gateway",
            (
                "cmd.*.*.*",
                "$KV.IDEMPOTENCY.>",
                *_reads("EVENTS", "COMMANDS", "DEADLETTERS", _SNAPSHOTS, _IDEMPOTENCY),
                *_READS_ARTIFACTS,
            ),
            ("live.>", "delta.>", "outcome.>"),
        ),
        _user(
            "agents",
            (
                *_DECIDES,
                *_WRITES_ARTIFACTS,
                "dead.*.*.agents",
                *_reads("DEADLETTERS"),
                *_works_on("EVENTS", "agents"),
                *_works_on("COMMANDS", "agents"),
                *_works_on("WAKEUPS", "agents"),
            ),
            ("worker.>",),
            responds=True,
        ),
        _user(
            "runner",
            (
                *_DECIDES,
                *_WRITES_ARTIFACTS,
                "dead.*.*.runner",
                "shard.*.*.*.*",
                "task.*.*.*.*",
                "timer.set.*.*.*",
                *_reads("SHARDS", "TASKS", "TIMERS", "DEADLETTERS"),
                *_follows("SHARDS"),
                *_api("STREAM.PURGE.TASKS", "STREAM.PURGE.TIMERS", "STREAM.PURGE.SHARDS"),
                *_works_on("EVENTS", "runner"),
                *_works_on("COMMANDS", "runner"),
                *_works_on("TASKS", "runner"),
                *_works_on("TIMERS", "runner"),
                *_works_on("WAKEUPS", "runner"),
            ),
            ("worker.>", "live.>", "result.*.*.*.*"),
            responds=True,
        ),
        _user(
            "projector",
            (
                "wake.*.*.*",
                *_reads("EVENTS", "COMMANDS", "WAKEUPS", _SNAPSHOTS),
                *_READS_ARTIFACTS,
                *_follows("EVENTS", "COMMANDS"),
                *_api("STREAM.PURGE.COMMANDS", "CONSUMER.LIST.COMMANDS"),
            ),
            ("live.>",),
        ),
        _user(
            "operator",
            (
                *_api("STREAM.LIST", "CONSUMER.LIST.*", "CONSUMER.NAMES.*", "CONSUMER.INFO.*.*", "STREAM.INFO.*"),
                *_api("STREAM.MSG.GET.*", "DIRECT.GET.*", "DIRECT.GET.*.>"),
                "$JS.FC.>",
                *_VIEWS,
            ),
            ("live.>", "delta.>", "_INBOX.>", "$JS.EVENT.ADVISORY.>"),
            forbidden=_NOT_THE_SERVICES,
        ),
        _user("admin", (">",), (">",), responds=True),
    )
}


def passwords() -> dict[str, str]:
    """A fresh password for every user, and for `sys`, the server's own account."""
    return {name: secrets.token_urlsafe(24) for name in (*USERS, "sys")}


def render(
    passwords: Mapping[str, str],
    *,
    store: Path | str,
    host: str = "127.0.0.1",
    port: int = 4222,
    monitor: str = "127.0.0.1:8222",
    server_name: str = "jobstream",
    sync_interval: str = "always",
    cluster: str | None = None,
    routes: Sequence[str] = (),
) -> str:
    """A complete nats.conf; with `cluster`, the address its servers find it at, it is one of those at `routes`.

    With `sync_interval` `always` an acknowledged message is on disk; a duration trades that for speed. The file holds
    passwords: keep it readable for its owner only.
    """
    users = ",\n".join(_render_user(user, passwords[user.name]) for user in USERS.values())
    return f"""\
# Rendered by infra/nats/accounts.py: change that, not this.
server_name: {_quoted(server_name)}
host: {_quoted(host)}
port: {port}
http: {_quoted(monitor)}
max_payload: {MAX_PAYLOAD_BYTES}
max_pending: 268435456
write_deadline: "10s"
ping_interval: "20s"

jetstream {{
  store_dir: {_quoted(str(store))}
  sync_interval: {_quoted(sync_interval)}
}}

accounts {{
  JOBSTREAM {{
    jetstream: enabled
    users: [
{users}
    ]
  }}
  SYS {{
    users: [ {{ user: "sys", password: {_quoted(passwords["sys"])} }} ]
  }}
}}
system_account: SYS
{_render_cluster(cluster, routes)}"""


def _render_cluster(listen: str | None, routes: Sequence[str]) -> str:
    if listen is None:
        return ""
    listed = _listed(tuple(f"nats://{route}" for route in routes))
    return f"cluster {{ name: jobstream, listen: {_quoted(listen)}, routes: [{listed}] }}\n"


def _render_user(user: User, password: str) -> str:
    forbidden = f", deny: [{_listed(user.forbidden)}]" if user.forbidden else ""
    responses = '\n          allow_responses: { max: 1, expires: "30s" }' if user.responds else ""
    return f"""\
      {{
        user: {_quoted(user.name)}, password: {_quoted(password)}
        permissions {{
          publish: {{ allow: [{_listed(user.publish)}]{forbidden} }}
          subscribe: {{ allow: [{_listed(user.subscribe)}] }}{responses}
        }}
      }}"""


def _listed(subjects: tuple[str, ...]) -> str:
    return ", ".join(_quoted(subject) for subject in dict.fromkeys(subjects))


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
