from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.gateway.decoding import check_depth, decode_body, decode_query, decode_uuid, pointer_of
from services.gateway.problems import Code, Problem
from services.gateway.requests import CancelBody, CreateJobBody, JobsQuery, MessageBody, MessagesQuery

JSON = "application/json"


def refused(body: bytes, content_type: str | None = JSON, model: Any = CreateJobBody) -> Problem:
    with pytest.raises(Problem) as caught:
        decode_body(body, content_type, model)
    return caught.value


def test_a_body_becomes_its_struct() -> None:
    assert decode_body(b'{"prompt":"x"}', JSON, CreateJobBody) == CreateJobBody(prompt="x")


def test_no_body_is_an_empty_object_where_nothing_is_required() -> None:
    assert decode_body(b"", None, CancelBody) == CancelBody()


def test_a_missing_field_is_pointed_at() -> None:
    problem = refused(b"{}", model=MessageBody)
    assert (problem.code, problem.errors[0].pointer) == (Code.INVALID_INPUT, "/content")


def test_an_unknown_field_is_pointed_at() -> None:
    problem = refused(b'{"prompt":"x","promptt":"y"}')
    assert (problem.code, problem.errors[0].pointer) == (Code.INVALID_INPUT, "/promptt")


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", "{}", "1.5"])
def test_a_prompt_that_is_no_string_is_pointed_at(value: str) -> None:
    problem = refused(b'{"prompt":%s}' % value.encode())
    assert (problem.code, problem.errors[0].pointer) == (Code.INVALID_INPUT, "/prompt")


def test_a_place_inside_an_array_is_pointed_at() -> None:
    assert refused(b'{"prompt":"x","approvals":["a",2]}').errors[0].pointer == "/approvals/1"


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_no_object_is_pointed_at_as_a_whole(body: bytes) -> None:
    problem = refused(body)
    assert (problem.code, problem.errors[0].pointer) == (Code.INVALID_INPUT, "")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"prompt":"x"}x',
        b"\xff\xfe",
        b'{"prompt":"\xff"}',
        b'{"prompt":"\\ud800"}',
        b"NaN",
        b'{"prompt":"\x00"}',
    ],
)
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    assert refused(body).code is Code.INVALID_JSON


@pytest.mark.parametrize("body", [b"[" * 10**6, b'{"request":' * 10**5, b'{"prompt":"x","request":' + b"[" * 10**6])
def test_json_a_million_deep_is_refused(body: bytes) -> None:
    assert refused(body).code in (Code.INVALID_JSON, Code.INVALID_INPUT)


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_refused(content_type: str | None) -> None:
    assert refused(b'{"prompt":"x"}', content_type).code is Code.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_json_in_other_words_is_json(content_type: str) -> None:
    assert decode_body(b'{"prompt":"x"}', content_type, CreateJobBody).prompt == "x"


def test_numbers_in_a_query_are_numbers() -> None:
    assert decode_query(b"limit=7&status=done&q=tea%20shop", JobsQuery) == JobsQuery(
        limit=7, status="done", q="tea shop"
    )


def test_an_empty_query_has_the_defaults() -> None:
    assert decode_query(b"", JobsQuery).limit == 50


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        (b"limit=-1", "?limit"),
        (b"limit=0", "?limit"),
        (b"limit=201", "?limit"),
        (b"limit=x", "?limit"),
        (b"limit=", "?limit"),
        (b"limit=1e9", "?limit"),
        (b"status=nope", "?status"),
        (b"colour=red", "?colour"),
        (b"q=" + b"x" * 201, "?q"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(query: bytes, pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_query(query, JobsQuery)
    assert (caught.value.code, caught.value.errors[0].pointer) == (Code.INVALID_PARAMETER, pointer)


@pytest.mark.parametrize("query", [b"limit=1&limit=2", b"q=%ff", b"q=%00", b"q=\xff", b"&".join([b"a=1"] * 99)])
def test_a_query_that_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        decode_query(query, JobsQuery)
    assert caught.value.code is Code.INVALID_PARAMETER


def test_a_required_parameter_is_asked_for() -> None:
    with pytest.raises(Problem) as caught:
        decode_query(b"", MessagesQuery)
    assert caught.value.errors[0].pointer == "?job_id"


@pytest.mark.parametrize("text", ["", "x", "*", "01234567", "{01234567-89ab-7cde-8f01-23456789abcd}", "0" * 32])
def test_a_uuid_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_uuid(text, "job_id")
    assert caught.value.code is Code.INVALID_PARAMETER


def test_a_uuid_in_capitals_is_the_same_uuid() -> None:
    text = "01234567-89ab-7cde-8f01-23456789abcd"
    assert decode_uuid(text.upper(), "job_id") == decode_uuid(text, "job_id")


def test_depth_is_limited_without_recursion() -> None:
    deep: Any = 1
    for _ in range(63):
        deep = [deep]
    check_depth(deep, "/request")
    with pytest.raises(Problem) as caught:
        check_depth([deep], "/request")
    assert caught.value.errors[0].pointer == "/request"


def test_a_pointer_escapes_what_means_something_in_it() -> None:
    class Odd(msgspec.Struct, forbid_unknown_fields=True):
        pass

    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"a/b~c":1}', type=Odd)
    assert pointer_of(str(caught.value))[0] == "/a~1b~0c"
