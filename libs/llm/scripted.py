"""A model that says what a script tells it, counts every call, and breaks on demand: for tests and benchmarks.

As a process: `python -m libs.llm.scripted --port 9100 [--script FILE]`. Beside the protocol's own paths it answers
`GET /calls` (what was asked), `DELETE /calls` (forget it) and `PUT /script` (another script).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from libs.llm import serving
from libs.llm.prompts import CEO, CLIENT_RELATIONS, CTO, DISCUSSION_HEADING, ROLES, SECRETARY
from libs.llm.requirements import MARKER
from libs.llm.serving import Answer, ProtocolError, Receive, Send
from libs.llm.wire import Request, error_body

__all__ = ["Call", "Fault", "Reply", "Script", "ScriptedServer", "digest_of", "role_of", "turn_of"]

FaultKind = Literal[
    "hang",
    "unauthorized",
    "rate_limited",
    "failing",
    "empty_choice",
    "null_content",
    "invalid_body",
    "invalid_json",
    "half_stream",
    "stalled_stream",
    "error_in_stream",
    "disconnect",
    "refuses_structure",
    "refuses_usage",
]
_CALLS_KEPT = 100_000
_STATUS: Mapping[str, tuple[int, str, str | None]] = {
    "unauthorized": (401, "Incorrect API key provided.", "invalid_api_key"),
    "rate_limited": (429, "Rate limit reached.", "rate_limit_exceeded"),
    "failing": (500, "The server had an error.", None),
}


class Fault(msgspec.Struct, frozen=True):
    """One way to break one call. `retry_after` is sent as it stands; `status` replaces the usual one."""

    kind: FaultKind
    retry_after: str | None = None
    status: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """What to say: `text`, and where the request asks for a schema, an object with `fields` (and `text` in its first)."""

    text: str = ""
    fields: dict[str, Any] = {}
    think_seconds: float = 0.0
    token_delay_seconds: float = 0.0


class Script(msgspec.Struct, frozen=True):
    """Replies by role: the nth for a role's nth turn in the request it answers, the last one from then on; a role
    without replies speaks the built-in ones. `faults` by role (or `*`) break that role's next calls, one each;
    `always` breaks them all."""

    replies: dict[str, list[Reply]] = {}
    faults: dict[str, list[Fault]] = {}
    always: dict[str, Fault] = {}
    think_seconds: float = 0.0
    token_delay_seconds: float = 0.0


class Call(msgspec.Struct):
    """One call as the server saw it; `ended_at` is None while it runs, and times are Unix seconds."""

    role: str
    digest: str
    started_at: float
    ended_at: float | None = None
    outcome: str = "running"
    streamed: bool = False
    structured: bool = False
    model: str = ""


class ScriptedServer:
    """The ASGI application. `respond`, where given, is asked first: a `Reply`, a `Fault`, or None for the script's."""

    def __init__(
        self, script: Script | None = None, *, respond: Callable[[Request], Reply | Fault | None] | None = None
    ) -> None:
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self.bodies: deque[Request] = deque(maxlen=1000)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._respond = respond
        self.use(script or Script())

    def use(self, script: Script) -> None:
        """Follow this script from now on."""
        self._script = script
        self._faults = {role: deque(faults) for role, faults in script.faults.items()}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serving.survive_lifespan(receive, send)
            return
        try:
            await self._route(scope["method"], scope["path"], receive, send)
        except ProtocolError as error:
            await serving.send_error(send, error)
        except ConnectionResetError:
            return

    async def _route(self, method: str, path: str, receive: Receive, send: Send) -> None:
        match method, path.removeprefix("/v1"):
            case "POST", "/chat/completions":
                await self._chat(serving.read_chat_request(await serving.read_body(receive)), receive, send)
            case "GET", "/models":
                await serving.send_json(send, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
            case "GET", "/calls":
                await serving.send_json(send, self.report())
            case "DELETE", "/calls":
                self.calls.clear()
                self.counts.clear()
                await serving.send_json(send, {})
            case "PUT", "/script":
                try:
                    self.use(msgspec.json.decode(await serving.read_body(receive), type=Script))
                except msgspec.DecodeError as error:
                    raise ProtocolError(400, f"Not a script: {error}") from None
                await serving.send_json(send, {})
            case _:
                raise ProtocolError(404, f"Unknown request URL: {method} {path}.")

    def report(self) -> dict[str, Any]:
        """What was asked: totals, counts by role and by (role, digest), and every call in order."""
        by_role = Counter[str]()
        for (role, _), count in self.counts.items():
            by_role[role] += count
        counted = [{"role": role, "digest": digest, "count": count} for (role, digest), count in self.counts.items()]
        return {"total": by_role.total(), "by_role": by_role, "counts": counted, "calls": list(self.calls)}

    async def _chat(self, request: Request, receive: Receive, send: Send) -> None:
        role, digest = role_of(request), digest_of(request)
        form = request.response_format
        call = Call(
            role,
            digest,
            time.time(),
            streamed=bool(request.stream),
            structured=form is not None and form.type == "json_schema",
            model=request.model,
        )
        self.calls.append(call)
        self.bodies.append(request)
        self.counts[role, digest] += 1
        try:
            told = self._respond(request) if self._respond else None
            told = told or self._fault(role) or self._reply(request, role)
            if isinstance(told, Fault):
                call.outcome = told.kind
                await self._break(told, request, receive, send)
            else:
                await self._speak(told, request, send)
                call.outcome = "ok"
        finally:
            call.ended_at = time.time()

    def _fault(self, role: str) -> Fault | None:
        for name in (role, "*"):
            if queue := self._faults.get(name):
                return queue.popleft()
        return self._script.always.get(role) or self._script.always.get("*")

    def _reply(self, request: Request, role: str) -> Reply:
        replies = self._script.replies.get(role) or self._script.replies.get("*")
        return replies[min(turn_of(request, role), len(replies) - 1)] if replies else _built_in(request, role)

    async def _speak(self, reply: Reply, request: Request, send: Send) -> None:
        if think := reply.think_seconds or self._script.think_seconds:
            await asyncio.sleep(think)
        answer = answer_to(request, reply)
        if not request.stream:
            await serving.send_completion(send, answer)
            return
        delay = reply.token_delay_seconds or self._script.token_delay_seconds
        with_usage = request.stream_options is not None and request.stream_options.include_usage
        await serving.send_stream(send, answer, with_usage=with_usage, token_delay_seconds=delay)

    async def _break(self, fault: Fault, request: Request, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "hang":
                await _until_gone(receive)
            case "disconnect":
                raise RuntimeError("scripted: the connection is dropped without an answer")
            case "unauthorized" | "rate_limited" | "failing":
                status, message, code = _STATUS[fault.kind]
                headers = [(b"retry-after", fault.retry_after.encode())] if fault.retry_after is not None else []
                body = error_body(message, type="error", code=code)
                await serving.send_json(send, body, status=fault.status or status, headers=headers)
            case "refuses_structure":
                raise ProtocolError(fault.status or 400, "'response_format' is not supported", param="response_format")
            case "refuses_usage":
                raise ProtocolError(fault.status or 400, "Unknown field: stream_options")
            case "invalid_body":
                await serving.send_json(send, b"<html>not the protocol", headers=[])
            case "empty_choice":
                await _send_odd(send, request, {"choices": []})
            case "null_content":
                said = {"role": "assistant", "content": None}
                await _send_odd(
                    send, request, {"choices": [{"index": 0, "message": said, "delta": said, "finish_reason": "stop"}]}
                )
            case "invalid_json":
                await self._speak(Reply('{"reply": "half an obj'), _unstructured(request), send)
            case "half_stream" | "stalled_stream" | "error_in_stream":
                await self._half(fault, request, receive, send)

    async def _half(self, fault: Fault, request: Request, receive: Receive, send: Send) -> None:
        """The first half of a reply, and then nothing, an error, or the end of the connection."""
        answer = answer_to(request, self._reply(request, role_of(request)))
        events = list(serving.stream_events(answer, with_usage=False, tokens_a_piece=2))
        await send({"type": "http.response.start", "status": 200, "headers": serving.STREAM_HEADERS})
        for event in events[: max(2, len(events) // 2)]:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        if fault.kind == "stalled_stream":
            await _until_gone(receive)
            return
        if fault.kind == "error_in_stream":
            stated = msgspec.json.encode(error_body("The server had an error.", type="server_error"))
            await send({"type": "http.response.body", "body": b"data: " + stated + b"\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        raise RuntimeError("scripted: the connection is cut in the middle of the reply")


def role_of(request: Request) -> str:
    """Who is asked to speak: the `Role:` line of the system prompt, as the port's name of it."""
    for message in request.messages:
        if message.role in ("system", "developer") and (
            found := re.search(r"^Role: (.+)$", message.text(), re.MULTILINE)
        ):
            named = found[1].strip()
            return next((role for role, title in ROLES.items() if title == named), named)
    return "unknown"


def turn_of(request: Request, role: str) -> int:
    """How often the role has spoken before in what it is given to read."""
    own = sum(1 for message in request.messages if message.role == "assistant")
    heading = f"{DISCUSSION_HEADING}{ROLES.get(role, role)}:"
    return own + sum(message.text().count(heading) for message in request.messages if message.role == "user")


def digest_of(request: Request) -> str:
    """A short digest of everything the model is given to read."""
    return hashlib.sha256(msgspec.json.encode(request.messages)).hexdigest()[:16]


def answer_to(request: Request, reply: Reply) -> Answer:
    """The reply in the form the request asks for."""
    content = reply.text
    form = request.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is not None:
        properties: dict[str, Any] = form.json_schema.schema.get("properties", {})
        made = {name: _blank(schema) for name, schema in properties.items()}
        if properties and reply.text:
            made[next(iter(properties))] = reply.text
        made |= {name: value for name, value in reply.fields.items() if name in properties}
        content = msgspec.json.encode(made).decode()
    prompt = sum(serving.count_tokens(message.text()) for message in request.messages)
    return Answer(request.model, content, prompt, serving.count_tokens(content))


_SUMMARY = "## Problem\n- scripted problem\n\n## Audience\n- scripted people\n\n## Features\n- scripted feature one\n\
- scripted feature two\n\n## Success measures\n- scripted measure"


def _built_in(request: Request, role: str) -> Reply:
    """Enough for a whole build job: one question, then a summary; executives who agree; documents."""
    match role:
        case _ if role == CLIENT_RELATIONS and turn_of(request, role) == 0:
            return Reply("Who will use it, and what should it do for them?", {"finished": False})
        case _ if role == CLIENT_RELATIONS:
            form = request.response_format
            if form is not None and form.type == "json_schema":
                return Reply("Thank you, that is all I need.", {"finished": True, "summary": _SUMMARY})
            return Reply(f"Thank you, that is all I need.\n\n{MARKER}\n{_SUMMARY}")
        case _ if role == CEO:
            return Reply("We build R1 and R2, smallest useful version first.", {"agrees": True})
        case _ if role == CTO:
            return Reply("One service and one database serve R1 and R2.\n\nVERDICT: agree", {"agrees": True})
        case _ if role == SECRETARY:
            return Reply("# Scripted document\n\nR1 and R2 are built as discussed.")
        case _:
            return Reply("Scripted reply.")


def _blank(schema: Mapping[str, Any]) -> Any:
    """The simplest value of a schema's type."""
    options = [schema, *schema.get("anyOf", ())]
    kinds = {kind for option in options for kind in _kinds(option)}
    blanks: dict[str, Any] = {"null": None, "boolean": False, "string": "", "integer": 0, "number": 0}
    blanks |= {"array": [], "object": {}}
    return next((value for kind, value in blanks.items() if kind in kinds), None)


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _unstructured(request: Request) -> Request:
    return msgspec.structs.replace(request, response_format=None)


async def _send_odd(send: Send, request: Request, body: dict[str, Any]) -> None:
    """A body that follows the protocol's form and says nothing."""
    odd = {"id": "chatcmpl-odd", "object": "chat.completion", "created": 0, "model": request.model, **body}
    if not request.stream:
        await serving.send_json(send, odd)
        return
    await send({"type": "http.response.start", "status": 200, "headers": serving.STREAM_HEADERS})
    events = b"data: " + msgspec.json.encode(odd) + b"\n\ndata: [DONE]\n\n"
    await send({"type": "http.response.body", "body": events, "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9100, show_default=True, type=click.IntRange(0, 65535))
@click.option("--script", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A script as JSON.")
def main(host: str, port: int, script: Path | None) -> None:
    """Serve the scripted model until interrupted; prints `ready URL` once it serves."""
    from libs.llm.standalone import serve_until_stopped  # uvicorn only where something is served

    told = msgspec.json.decode(script.read_bytes(), type=Script) if script else None
    serve_until_stopped("scripted-model", ScriptedServer(told), host, port)


if __name__ == "__main__":
    main()
