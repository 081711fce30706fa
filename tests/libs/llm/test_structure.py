"""Structured output: strict schemas, fallbacks that are remembered, replies read back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from libs.llm.port import ChatMessage, ModelBadRequest, ModelInvalidJson
from libs.llm.replies import ConversationTurn, ExecutiveTurn
from libs.llm.scripted import Fault, Reply, ScriptedServer
from libs.llm.structure import parse, strict_schema
from libs.llm.wire import Request
from tests.libs.llm.conftest import Connections

ASK = [ChatMessage("system", "Role: CTO"), ChatMessage("user", "hello")]


class Inner(msgspec.Struct):
    label: str
    weight: float = 1.0


class Outer(msgspec.Struct):
    items: list[Inner]
    note: str | None = None


def objects_in(node: Any) -> list[dict[str, Any]]:
    found = [node] if isinstance(node, dict) and "properties" in node else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return found + [inner for child in children for inner in objects_in(child)]


@pytest.mark.parametrize("struct", [ConversationTurn, ExecutiveTurn, Outer])
def test_every_object_of_a_schema_is_strict(struct: type[msgspec.Struct]) -> None:
    schema = strict_schema(struct)
    assert schema["type"] == "object"
    assert "default" not in str(schema)
    for node in objects_in(schema):
        assert node["required"] == list(node["properties"])
        assert node["additionalProperties"] is False


def test_the_streamed_field_comes_first() -> None:
    assert next(iter(strict_schema(ConversationTurn)["properties"])) == "reply"
    assert next(iter(strict_schema(ExecutiveTurn)["properties"])) == "message"


def test_a_fenced_reply_is_read() -> None:
    assert parse('```json\n{"message": "x", "agrees": true}\n```', ExecutiveTurn) == ExecutiveTurn("x", True)


@pytest.mark.parametrize(
    "text", ['{"message": "x', '{"message": 1, "agrees": "yes"}', "{}", "{" * 100_000, '{"message": "\\ud800"}']
)
def test_json_that_is_not_the_schema_s_is_an_error(text: str) -> None:
    with pytest.raises(ModelInvalidJson):
        parse(text, ExecutiveTurn)


def test_plain_words_are_no_structure_and_no_error() -> None:
    assert parse("I agree.", ExecutiveTurn) is None


def refusing(*supported: str, usage: bool = True) -> ScriptedServer:
    """A server that offers only these response formats."""

    def respond(request: Request) -> Reply | Fault | None:
        if not usage and request.stream_options is not None:
            return Fault("refuses_usage", status=422)
        if request.response_format is not None and request.response_format.type not in supported:
            return Fault("refuses_structure", status=422)
        if request.response_format is not None and request.response_format.type == "json_object":
            return Reply('{"message": "in JSON", "agrees": true}')
        return None

    return ScriptedServer(respond=respond)


async def test_without_schemas_json_is_asked_for_in_words(in_process: Connections) -> None:
    server = refusing("json_object")
    model = await in_process.to(server)
    completion = await model.complete(ASK, role="cto", schema=ExecutiveTurn)
    assert completion.parsed == ExecutiveTurn("in JSON", True)
    assert "JSON Schema" in server.bodies[-1].messages[-1].text()


async def test_without_any_structure_the_words_remain(in_process: Connections) -> None:
    model = await in_process.to(refusing())
    completion = await model.complete(ASK, role="cto", schema=ExecutiveTurn)
    assert completion.parsed is None
    assert "VERDICT: agree" in completion.text


async def test_what_is_not_offered_is_asked_for_only_once(in_process: Connections) -> None:
    server = refusing(usage=False)
    model = await in_process.to(server)
    deltas: list[str] = []

    async def keep(text: str) -> None:
        deltas.append(text)

    for _ in range(3):
        await model.complete(ASK, role="cto", schema=ExecutiveTurn, stream_field="message", on_delta=keep)
    outcomes = [call.outcome for call in server.calls]
    assert outcomes == ["refuses_usage", "refuses_structure", "refuses_structure", "ok", "ok", "ok"]
    assert "VERDICT" in "".join(deltas)


async def test_a_server_that_ignores_the_schema_gives_words_and_streams_them(in_process: Connections) -> None:
    def respond(request: Request) -> Reply | Fault | None:
        return Reply("  Plain words.")

    server = ScriptedServer(respond=respond)
    model = await in_process.to(_ignoring_schemas(server))
    deltas: list[str] = []

    async def keep(text: str) -> None:
        deltas.append(text)

    completion = await model.complete(ASK, role="cto", schema=ExecutiveTurn, stream_field="message", on_delta=keep)
    assert completion.parsed is None
    assert "".join(deltas) == completion.text == "  Plain words."


def _ignoring_schemas(server: ScriptedServer) -> Any:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def rewritten() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                body = msgspec.json.decode(message["body"])
                body.pop("response_format", None)
                message["body"] = msgspec.json.encode(body)
            return message

        await server(scope, rewritten, send)

    return app


async def test_a_chosen_structure_that_is_refused_tells_the_setting(in_process: Connections) -> None:
    model = await in_process.to(refusing(), openai_structure="json_schema")
    with pytest.raises(ModelBadRequest, match="OPENAI_STRUCTURE"):
        await model.complete(ASK, role="cto", schema=ExecutiveTurn)
