"""What every `ChatModel` promises, held against the offline and the scripted server, in process and over a socket."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from libs.llm.offline import MODEL_ID, offline_app
from libs.llm.openai_adapter import OpenAIChatModel
from libs.llm.port import ChatMessage, Completion
from libs.llm.prompts import (
    CEO,
    CLIENT_RELATIONS,
    CTO,
    SECRETARY,
    ceo_messages,
    conversation_messages,
    cto_messages,
    prd_messages,
)
from libs.llm.replies import ConversationTurn, ExecutiveTurn
from libs.llm.scripted import ScriptedServer
from tests.libs.llm.conftest import Connections

IDEA = conversation_messages([ChatMessage("user", "An app for dog walkers in Lisbon")])
SUMMARY = "## Features\n- check in by QR code\n- send a photo"
STRUCTURED = [
    (CLIENT_RELATIONS, IDEA, ConversationTurn),
    (CEO, ceo_messages(SUMMARY), ExecutiveTurn),
    (CTO, cto_messages(SUMMARY, []), ExecutiveTurn),
]


@pytest.fixture(params=["offline", "scripted"])
async def model(request: pytest.FixtureRequest, connections: Connections) -> OpenAIChatModel:
    if request.param == "offline":
        return await connections.to(offline_app(), openai_model=MODEL_ID)
    return await connections.to(ScriptedServer())


async def streamed(model: OpenAIChatModel, **call: object) -> tuple[Completion, list[str]]:
    deltas: list[str] = []

    async def keep(text: str) -> None:
        deltas.append(text)

    return await model.complete(on_delta=keep, **call), deltas  # type: ignore[arg-type]


async def test_a_reply_is_whole_and_says_what_it_took(model: OpenAIChatModel) -> None:
    completion = await model.complete(IDEA, role=CLIENT_RELATIONS)
    assert completion.text
    assert completion.parsed is None
    assert completion.usage.finish_reason == "stop"
    assert completion.usage.prompt_tokens > 100
    assert 0 < completion.usage.completion_tokens <= len(completion.text)
    assert completion.usage.latency_seconds > 0


async def test_streamed_pieces_joined_are_the_reply(model: OpenAIChatModel) -> None:
    completion, deltas = await streamed(model, messages=prd_messages(SUMMARY, []), role=SECRETARY)
    assert "".join(deltas) == completion.text


async def test_streaming_changes_neither_reply_nor_counts(model: OpenAIChatModel) -> None:
    whole = await model.complete(IDEA, role=CLIENT_RELATIONS)
    piecewise, _ = await streamed(model, messages=IDEA, role=CLIENT_RELATIONS)
    assert piecewise.text == whole.text
    assert piecewise.usage.prompt_tokens == whole.usage.prompt_tokens
    assert piecewise.usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize(("role", "messages", "schema"), STRUCTURED)
async def test_a_structured_reply_is_an_instance_of_its_schema(
    model: OpenAIChatModel, role: str, messages: list[ChatMessage], schema: type[msgspec.Struct]
) -> None:
    completion = await model.complete(messages, role=role, schema=schema)
    assert isinstance(completion.parsed, schema)


async def test_of_a_structured_reply_only_the_field_is_streamed(model: OpenAIChatModel) -> None:
    completion, deltas = await streamed(
        model, messages=IDEA, role=CLIENT_RELATIONS, schema=ConversationTurn, stream_field="reply"
    )
    assert isinstance(completion.parsed, ConversationTurn)
    assert "".join(deltas) == completion.parsed.reply


async def test_many_calls_at_once_do_not_mix(model: OpenAIChatModel) -> None:
    async def one(number: int) -> None:
        completion, deltas = await streamed(
            model,
            messages=ceo_messages(f"## Features\n- feature number {number}"),
            role=CEO,
            schema=ExecutiveTurn,
            stream_field="message",
        )
        assert isinstance(completion.parsed, ExecutiveTurn)
        assert "".join(deltas) == completion.parsed.message

    await asyncio.gather(*(one(number) for number in range(20)))


async def test_what_the_listener_raises_goes_through_unchanged(model: OpenAIChatModel) -> None:
    async def refuse(_: str) -> None:
        raise TimeoutError("the listener's own")

    with pytest.raises(TimeoutError, match="the listener's own"):
        await model.complete(IDEA, role=CLIENT_RELATIONS, on_delta=refuse)


async def test_after_a_cancelled_call_the_next_one_works(model: OpenAIChatModel) -> None:
    began = asyncio.Event()

    async def hold(_: str) -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(model.complete(IDEA, role=CLIENT_RELATIONS, on_delta=hold))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await model.complete(IDEA, role=CLIENT_RELATIONS)).text
