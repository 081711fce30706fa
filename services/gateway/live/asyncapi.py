"""The socket's description in AsyncAPI 3, made from the very structs that are encoded and decoded."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from services.gateway.live import inbound
from services.gateway.live.frames import ControlFrame, DurableFrame
from services.gateway.live.sockets import PATH
from services.gateway.live.transport import CloseCode

__all__ = ["document"]

_CLOSE_CODES = {
    CloseCode.DRAIN: "the server is about to stop: reconnect (4001 means the same)",
    CloseCode.TRY_AGAIN_LATER: "the log does not answer: reconnect later",
    CloseCode.SLOW: "the client reads too slowly: reconnect with `after`",
    CloseCode.BAD_FRAMES: "too many bad frames, or a malformed `after`",
    CloseCode.TOKEN: "the token or ticket is invalid or expired: refresh it, then reconnect",
    CloseCode.FORBIDDEN_ORIGIN: "pages of this origin may not connect",
    CloseCode.NO_SUCH_JOB: "no such job of yours",
    CloseCode.TIMEOUT: "no credentials or no `pong` came in time",
    CloseCode.CURSOR_BEYOND_HEAD: "the cursor is above the head (after `reset`): read the job over HTTP, connect with its version",
    CloseCode.TOO_MANY: "too many connections or frames",
}


def _summary(struct: type) -> str:
    return (struct.__doc__ or struct.__name__).strip()


@cache
def document() -> bytes:
    """The document as JSON."""
    outgoing = (*DurableFrame.__args__, *ControlFrame.__args__)
    incoming = inbound.ClientFrame.__args__
    _, schemas = msgspec.json.schema_components([*outgoing, *incoming], ref_template="#/components/schemas/{name}")
    messages: dict[str, Any] = {}
    for prefix, structs in (("server", outgoing), ("client", incoming)):
        for struct in structs:
            kind = str(struct.__struct_config__.tag)
            messages[f"{prefix}.{kind}"] = {
                "name": kind,
                "summary": _summary(struct),
                "contentType": "application/json",
                "payload": {"$ref": f"#/components/schemas/{struct.__name__}"},
            }
    described = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "jobstream: a job, live",
            "version": "1",
            "description": "Every event of a job is exactly one durable frame, whose `seq` is the job's version: it never skips and is valid as "
            "`after`. Close codes: " + "; ".join(f"{code} {why}" for code, why in sorted(_CLOSE_CODES.items())) + ".",
        },
        "defaultContentType": "application/json",
        "channels": {
            "job": {
                "address": PATH + "{job_id}/",
                "parameters": {"job_id": {"description": "The job, one of your own."}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {
                    "ws": {
                        "query": {
                            "type": "object",
                            "properties": {
                                "after": {
                                    "type": "integer",
                                    "minimum": 0,
                                    "description": "Replay everything later than this version first.",
                                },
                                "ticket": {"type": "string", "description": "From POST /api/ws-tickets/: single use."},
                            },
                        }
                    }
                },
            }
        },
        "operations": {
            "watch": _operation(
                "send", "What the server tells.", [name for name in messages if name.startswith("server.")]
            ),
            "talk": _operation(
                "receive", "What the client may say.", [name for name in messages if name.startswith("client.")]
            ),
        },
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return msgspec.json.encode(described)


def _operation(action: str, summary: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/job"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/job/messages/{name}"} for name in names],
    }
