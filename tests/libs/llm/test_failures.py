"""Each way a model server fails becomes its own error, with the next step and without secrets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from libs.llm import metrics
from libs.llm.factory import create_model
from libs.llm.failures import retry_after, stated_failure
from libs.llm.openai_adapter import OpenAIChatModel
from libs.llm.port import (
    ChatMessage,
    ModelBadRequest,
    ModelContextTooLong,
    ModelEmptyReply,
    ModelError,
    ModelInvalidJson,
    ModelNotFound,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelRefused,
    ModelStreamBroken,
    ModelTimeout,
    ModelUnauthorized,
    ModelUnavailable,
)
from libs.llm.replies import ConversationTurn
from libs.llm.scripted import Fault, FaultKind, Script, ScriptedServer
from libs.llm.serving import read_body, send_json
from libs.llm.settings import ModelSettings
from libs.llm.wire import ErrorDetail
from libs.process.metrics import render
from libs.process.settings import Secret
from tests.libs.llm.conftest import KEY, QUICK, Connections

PROMPT = "the-person-s-secret-words"
ASK = [ChatMessage("system", "Role: Client Relations"), ChatMessage("user", PROMPT)]


async def ignore(_: str) -> None:
    return None


async def failure(model: OpenAIChatModel, *, streamed: bool, timeout_seconds: float = 2.0) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await model.complete(
            ASK,
            role="client_relations",
            schema=ConversationTurn,
            stream_field="reply",
            on_delta=ignore if streamed else None,
            timeout_seconds=timeout_seconds,
        )
    assert raised.value.__cause__ is None or KEY not in repr(raised.value.__cause__)
    return raised.value


EXPECTED: list[tuple[FaultKind, bool, type[ModelError]]] = [
    ("hang", False, ModelTimeout),
    ("hang", True, ModelTimeout),
    ("unauthorized", False, ModelUnauthorized),
    ("unauthorized", True, ModelUnauthorized),
    ("rate_limited", False, ModelRateLimited),
    ("rate_limited", True, ModelRateLimited),
    ("failing", False, ModelUnavailable),
    ("failing", True, ModelUnavailable),
    ("disconnect", True, ModelUnavailable),
    ("empty_choice", False, ModelEmptyReply),
    ("empty_choice", True, ModelEmptyReply),
    ("null_content", False, ModelEmptyReply),
    ("null_content", True, ModelEmptyReply),
    ("invalid_body", False, ModelInvalidJson),
    ("invalid_body", True, ModelInvalidJson),
    ("invalid_json", False, ModelInvalidJson),
    ("invalid_json", True, ModelInvalidJson),
    ("half_stream", True, ModelStreamBroken),
    ("stalled_stream", True, ModelTimeout),
    ("error_in_stream", True, ModelUnavailable),
]


@pytest.mark.parametrize(("kind", "streamed", "expected"), EXPECTED)
async def test_a_fault_has_its_own_error(
    connections: Connections, kind: FaultKind, streamed: bool, expected: type[ModelError]
) -> None:
    model = await connections.to(ScriptedServer(Script(always={"*": Fault(kind)})))
    error = await failure(model, streamed=streamed, timeout_seconds=0.5)
    assert type(error) is expected
    assert KEY not in str(error)
    assert PROMPT not in str(error)


async def test_the_next_call_after_a_fault_works(connections: Connections) -> None:
    faults = [Fault(kind) for kind in ("failing", "half_stream", "invalid_json", "rate_limited", "stalled_stream")]
    model = await connections.to(ScriptedServer(Script(faults={"client_relations": faults})))
    for _ in faults:
        await failure(model, streamed=True)
    completion = await model.complete(ASK, role="client_relations", schema=ConversationTurn)
    assert isinstance(completion.parsed, ConversationTurn)


async def test_there_are_no_retries_here(in_process: Connections, server: ScriptedServer) -> None:
    server.use(Script(always={"*": Fault("failing")}))
    await failure(await in_process.to(server), streamed=False)
    assert server.report()["total"] == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_tells_what_to_set(in_process: Connections, status: int) -> None:
    model = await in_process.to(ScriptedServer(Script(always={"*": Fault("unauthorized", status=status)})))
    error = await failure(model, streamed=False)
    assert str(error) == f"The model server at in-process refused the key ({status}). Check OPENAI_API_KEY."
    assert not error.retryable


async def test_a_wait_in_seconds_is_passed_on(in_process: Connections) -> None:
    model = await in_process.to(ScriptedServer(Script(always={"*": Fault("rate_limited", retry_after="7")})))
    error = await failure(model, streamed=True)
    assert (error.retryable, error.retry_after_seconds) == (True, 7.0)


async def test_a_failing_server_may_ask_to_wait_too(in_process: Connections) -> None:
    model = await in_process.to(ScriptedServer(Script(always={"*": Fault("failing", status=503, retry_after="3")})))
    assert (await failure(model, streamed=False)).retry_after_seconds == 3.0


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e300"}, 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (ErrorDetail(code="insufficient_quota"), ModelQuotaExhausted),
        (ErrorDetail(type="rate_limit_error"), ModelRateLimited),
        (ErrorDetail(code="context_length_exceeded"), ModelContextTooLong),
        (ErrorDetail(code="content_filter"), ModelRefused),
        (ErrorDetail(code=401), ModelUnauthorized),
        (ErrorDetail(type="invalid_request_error"), ModelBadRequest),
        (ErrorDetail(message="boom"), ModelUnavailable),
        ("boom", ModelUnavailable),
    ],
)
def test_an_error_stated_inside_an_answer_is_matched_by_its_codes(
    detail: ErrorDetail | str, expected: type[ModelError]
) -> None:
    assert type(stated_failure(detail, model="m", where="here")) is expected


def answering(status: int, body: object) -> object:
    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        await read_body(receive)
        await send_json(send, body, status=status)

    return app


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {"error": {"message": f"no such model {PROMPT}", "code": "model_not_found"}}, ModelNotFound),
        (400, {"error": {"message": f"maximum context length ... {PROMPT}"}}, ModelContextTooLong),
        (413, {"detail": PROMPT}, ModelBadRequest),
        (429, {"error": {"code": "insufficient_quota"}}, ModelQuotaExhausted),
        (504, "gateway", ModelTimeout),
        (502, [1, 2], ModelUnavailable),
        (200, {"error": {"message": PROMPT, "type": "server_error"}}, ModelUnavailable),
        (200, {"choices": [{"message": {"refusal": "no"}}]}, ModelRefused),
        (200, {"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}, ModelRefused),
        (200, {"choices": "nonsense"}, ModelInvalidJson),
        (200, [], ModelInvalidJson),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_odd_answer_has_its_error_and_is_not_quoted(
    in_process: Connections, status: int, body: object, expected: type[ModelError], streamed: bool
) -> None:
    error = await failure(await in_process.to(answering(status, body)), streamed=streamed)  # type: ignore[arg-type]
    assert type(error) is expected
    assert PROMPT not in str(error)


async def test_a_server_that_is_not_there_is_named_without_credentials() -> None:
    url = "http://someone:hunter2@127.0.0.1:9/v1"
    model = create_model(ModelSettings(openai_base_url=url, openai_model="m", openai_api_key=Secret(KEY), **QUICK))  # type: ignore[arg-type]
    error = await failure(model, streamed=True)
    await model.aclose()
    assert type(error) is ModelUnavailable
    assert "127.0.0.1:9" in str(error)
    assert "hunter2" not in str(error)
    assert KEY not in str(error)


async def test_text_that_is_no_text_is_a_bad_request(in_process: Connections, server: ScriptedServer) -> None:
    model = await in_process.to(server)
    with pytest.raises(ModelBadRequest):
        await model.complete([ChatMessage("user", "\ud800")], role="ceo")


async def test_a_late_call_says_in_which_phase(in_process: Connections) -> None:
    hanging = await in_process.to(ScriptedServer(Script(always={"*": Fault("hang")})))
    assert "did not begin to answer within 0.25 seconds" in str(await failure(hanging, streamed=True))
    stalled = await in_process.to(ScriptedServer(Script(always={"*": Fault("stalled_stream")})))
    assert "stopped in the middle of its reply for 0.25 seconds" in str(await failure(stalled, streamed=True))
    assert "did not finish" in str(await failure(hanging, streamed=False, timeout_seconds=0.1))


async def test_a_slow_listener_is_not_a_slow_model(in_process: Connections, server: ScriptedServer) -> None:
    async def dawdle(_: str) -> None:
        await asyncio.sleep(0.3)

    model = await in_process.to(server, openai_token_gap_timeout_seconds=0.1)
    assert (await model.complete(ASK, role="client_relations", on_delta=dawdle)).text


async def test_the_server_sees_that_a_timed_out_client_left(connections: Connections, server: ScriptedServer) -> None:
    server.use(Script(always={"*": Fault("hang")}))
    await failure(await connections.to(server), streamed=True)
    async with asyncio.timeout(5):
        while server.calls[0].ended_at is None:
            await asyncio.sleep(0.01)


async def test_calls_are_counted_by_role_and_outcome_with_bounded_labels(in_process: Connections) -> None:
    assert metrics._bounded("a made-up role") == "other"
    model = await in_process.to(ScriptedServer(Script(faults={"*": [Fault("rate_limited")]})))
    await failure(model, streamed=False)
    await model.complete(ASK, role="client_relations")
    exposed = render().decode()
    assert 'jobstream_model_calls_total{outcome="model_rate_limited",role="client_relations"}' in exposed
    assert 'jobstream_model_tokens_total{kind="completion",role="client_relations"}' in exposed
