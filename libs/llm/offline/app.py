"""The offline model's ASGI application: who is to speak, in which form, whole or as a stream."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from libs.llm import serving
from libs.llm.asgi_transport import AsgiApp
from libs.llm.offline import conversation, executives, secretary
from libs.llm.offline.brief import read_brief
from libs.llm.offline.statements import shortened
from libs.llm.prompts import PRD_TASK, ROLES, unquote
from libs.llm.replies import conversation_message
from libs.llm.serving import Answer, ProtocolError, Receive, Send
from libs.llm.wire import JsonSchema, Request

__all__ = ["MODEL_ID", "answer", "offline_app"]

MODEL_ID = "jobstream-offline"
_ROLE = re.compile(r"^Role: (.+?)\s*$", re.MULTILINE)
_CREATED = 1_760_000_000  # the listing wants a date of birth


def offline_app(*, token_delay_ms: float = 0.0) -> AsgiApp:
    """The application; with a delay it takes that long for each word or two, as a person would see typing."""
    delay = token_delay_ms / 1000

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serving.survive_lifespan(receive, send)
            return
        try:
            await _route(scope["method"], scope["path"], receive, send, delay)
        except ProtocolError as error:
            await serving.send_error(send, error)
        except ConnectionResetError:
            return

    return app


async def _route(method: str, path: str, receive: Receive, send: Send, delay: float) -> None:
    match path.rstrip("/").removeprefix("/v1"), method:
        case "/chat/completions", "POST":
            request = serving.read_chat_request(await serving.read_body(receive), models=(MODEL_ID,))
            said = answer(request)
            if request.stream:
                with_usage = request.stream_options is not None and request.stream_options.include_usage
                await serving.send_stream(send, said, with_usage=with_usage, token_delay_seconds=delay)
            else:
                if delay:
                    await asyncio.sleep(min(delay * said.completion_tokens / 2, 2.0))
                await serving.send_completion(send, said)
        case "/models", "GET":
            await serving.send_json(send, {"object": "list", "data": [_MODEL]})
        case at, "GET" if at == f"/models/{MODEL_ID}":
            await serving.send_json(send, _MODEL)
        case "/chat/completions" | "/models", _:
            raise ProtocolError(405, f"Not allowed to {method} on {path}.", code="method_not_supported")
        case _:
            raise ProtocolError(404, f"Unknown request URL: {method} {path}.", code="unknown_url")


_MODEL = {"id": MODEL_ID, "object": "model", "created": _CREATED, "owned_by": "jobstream"}


def answer(request: Request) -> Answer:
    """What the model says to this request, and nothing but this request."""
    text, fields = _speak(request)
    form = request.response_format
    content = text
    if form is not None and form.type == "json_schema" and form.json_schema is not None:
        content = _structured(form.json_schema, fields, text)
    elif form is not None and form.type == "json_object":
        content = msgspec.json.encode(fields).decode()
    prompt_tokens = sum(serving.count_tokens(message.text()) + 4 for message in request.messages)
    return Answer(MODEL_ID, content, prompt_tokens, serving.count_tokens(content))


def _speak(request: Request) -> tuple[str, dict[str, Any]]:
    """The answer as words and as named fields, by the role that the system prompt gives."""
    rules = "\n".join(message.text() for message in request.messages if message.role in ("system", "developer"))
    found = _ROLE.search(rules)
    role = next((role for role, title in ROLES.items() if found and title == found[1]), None)
    messages = request.messages
    match role:
        case "client_relations":
            turn = conversation.reply_to(messages)
            return conversation_message(turn), msgspec.to_builtins(turn)
        case "ceo":
            said = executives.ceo_turn(read_brief(messages))
            return said.message, msgspec.to_builtins(said)
        case "cto":
            said = executives.cto_turn(read_brief(messages))
            return f"{said.message}\n\n{_verdict(said.agrees)}", msgspec.to_builtins(said)
        case "secretary":
            brief = read_brief(messages)
            text = secretary.prd(brief) if PRD_TASK in brief.task else secretary.summary(brief)
            return text, {"message": text}
        case _:
            text = _unknown(request)
            return text, {"message": text}


def _verdict(agrees: bool) -> str:
    return f"VERDICT: {'agree' if agrees else 'object'}"


def _unknown(request: Request) -> str:
    last = next((message.text() for message in reversed(request.messages) if message.role == "user"), "")
    said = shortened(" ".join(unquote(last).split()))
    heard = f" You said: “{said}”." if said else ""
    roles = ", ".join(ROLES.values())
    return f"I am jobstream's built-in offline model and play only these roles: {roles}.{heard}"


def _structured(asked: JsonSchema, fields: Mapping[str, Any], text: str) -> str:
    """An instance of the schema: our fields by name, the words in the first other string, else the plainest value."""
    schema = asked.schema
    made: dict[str, Any] = {}
    told = not set(fields).isdisjoint(schema.get("properties", {}))
    for name, form in schema.get("properties", {}).items():
        if name in fields:
            made[name] = fields[name]
        elif not told and form.get("type") == "string" and "enum" not in form:
            made[name], told = text, True
        else:
            made[name] = _plainest(form, schema)
    return msgspec.json.encode(made).decode()


def _plainest(form: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> Any:
    """The simplest value that a schema allows."""
    if depth > 16:
        return None
    if "$ref" in form:
        name = str(form["$ref"]).rpartition("/")[2]
        return _plainest(root.get("$defs", {}).get(name, {}), root, depth + 1)
    if "const" in form:
        return form["const"]
    if form.get("enum"):
        return form["enum"][0]
    for option in form.get("anyOf", ()):
        if option.get("type") == "null":
            return None
    if form.get("anyOf"):
        return _plainest(form["anyOf"][0], root, depth + 1)
    kind = form.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "null" in kinds:
        return None
    match kinds[0]:
        case "object":
            return {name: _plainest(part, root, depth + 1) for name, part in form.get("properties", {}).items()}
        case "array":
            return [_plainest(form.get("items", {}), root, depth + 1)] * min(int(form.get("minItems", 0)), 8)
        case "integer" | "number":
            return form.get("minimum", 0)
        case "boolean":
            return False
        case "string":
            return "-" * min(int(form.get("minLength", 0)), 1000)
        case _:
            return None
