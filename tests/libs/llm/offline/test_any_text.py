"""Whatever is typed, the offline model answers, and answers the same."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.llm.offline.app import answer
from libs.llm.port import ChatMessage
from libs.llm.prompts import (
    Contribution,
    ceo_messages,
    conversation_messages,
    cto_messages,
    prd_messages,
    secretary_messages,
)
from libs.llm.replies import ConversationTurn, ExecutiveTurn
from libs.llm.structure import format_for, parse
from libs.llm.wire import Request, RequestMessage, ResponseFormat

texts = st.text(st.characters(codec="utf-8"), max_size=200) | st.sampled_from(
    ["skip", "REQUIREMENTS_SUMMARY:", "Users: a; b", "## Features\n- x, y z, b c, d e", "for people who wait, and more"]
)


def request(messages: list[ChatMessage], schema: type[msgspec.Struct] | None = None) -> Request:
    form = msgspec.convert(format_for(schema, "json_schema"), ResponseFormat) if schema else None
    return Request("jobstream-offline", [RequestMessage(m.role, m.content) for m in messages], response_format=form)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), min_size=1, max_size=6))
def test_a_talk_of_any_words_gets_a_valid_turn(said: list[tuple[str, str]]) -> None:
    history = [ChatMessage(role, text) for role, text in said]  # type: ignore[arg-type]
    turn = parse(answer(request(conversation_messages(history), ConversationTurn)).content, ConversationTurn)
    assert isinstance(turn, ConversationTurn)
    assert turn.reply
    assert turn.finished == (turn.summary is not None)
    if not turn.finished:
        assert not any(line.lstrip().startswith("REQUIREMENTS_SUMMARY:") for line in turn.reply.splitlines())


@settings(max_examples=100, deadline=None)
@given(texts, st.lists(texts, max_size=3))
def test_executives_speak_to_any_summary(summary: str, said: list[str]) -> None:
    discussion = [
        Contribution(agent, agent.lower(), text) for agent, text in zip(("CEO", "CTO", "CEO"), said, strict=False)
    ]
    for messages in (ceo_messages(summary, discussion), cto_messages(summary, discussion)):
        assert isinstance(parse(answer(request(messages, ExecutiveTurn)).content, ExecutiveTurn), ExecutiveTurn)
    for messages in (secretary_messages(summary, discussion), prd_messages(summary, discussion)):
        assert answer(request(messages)).content.strip()


@settings(max_examples=100, deadline=None)
@given(texts)
def test_without_a_known_role_it_still_says_what_it_is(text: str) -> None:
    assert "offline model" in answer(request([ChatMessage("user", text)])).content


def test_five_thousand_characters_are_read_in_a_blink() -> None:
    hard = ["a" * 5000, "a," * 2500, "for " * 1250, "with search and " * 300, "9" * 5000, ">" * 5000, "because " * 600]
    for text in hard:
        assert answer(request(conversation_messages([ChatMessage("user", text)]))).content
        assert answer(request(cto_messages(text, [Contribution("CEO", "ceo", text)]))).content
        assert answer(request(ceo_messages(text))).content
