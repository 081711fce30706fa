"""Every fact typed appears in the summary, nothing untyped does, and different ideas give different documents."""

from __future__ import annotations

import re

import pytest

from libs.llm.offline.brief import read_brief
from libs.llm.offline.executives import ceo_turn, cto_turn
from libs.llm.offline.secretary import prd
from libs.llm.offline.statements import Kind, kind_of, statements_of
from libs.llm.prompts import Contribution, ceo_messages, cto_messages, prd_messages
from libs.llm.replies import conversation_message
from libs.llm.requirements import OPEN, number_requirements, split_marker
from libs.llm.wire import RequestMessage
from tests.libs.llm.offline.ideas import IDEAS
from tests.libs.llm.offline.talking import hold

STOPWORDS = {"and", "und", "et", "y"}
TALK = {name: hold(answers) for name, answers in IDEAS.items()}
named = pytest.mark.parametrize("name", IDEAS)


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w%€$£°]+(?:[.,:/=-]\w+)*", text.casefold())) - STOPWORDS


def typed(name: str) -> str:
    """Everything the person said that is about the app."""
    said = [statement.text for answer in TALK[name].used for statement in statements_of(answer)]
    return "\n".join(statement for statement in said if kind_of(statement) is Kind.CONTENT)


def body(summary: str) -> str:
    """The summary without its headings and its notes of open areas."""
    return "\n".join(line for line in summary.splitlines() if not line.startswith("## ") and line != OPEN)


@named
def test_every_word_and_number_typed_is_in_the_summary(name: str) -> None:
    assert words(typed(name)) - words(TALK[name].summary) == set()


@named
def test_no_word_is_in_the_summary_that_was_not_typed(name: str) -> None:
    assert words(body(TALK[name].summary)) - words("\n".join(TALK[name].used)) == set()


@named
def test_the_summary_has_the_four_areas(name: str) -> None:
    for title in ("Problem", "Audience", "Features", "Success measures"):
        assert f"## {title}\n" in TALK[name].summary


def test_twenty_ideas_give_twenty_summaries() -> None:
    assert len({talk.summary for talk in TALK.values()}) == len(IDEAS) == 20


@named
def test_no_question_is_asked_twice(name: str) -> None:
    asked = [q for turn in TALK[name].turns for q in re.findall(r"[^.!?\n“”]+\?", turn.reply) if len(q) > 15]
    assert len(asked) == len(set(asked))


@named
def test_only_the_agent_s_own_marker_starts_a_line(name: str) -> None:
    for turn in TALK[name].turns:
        message = conversation_message(turn)
        assert message.count("\nREQUIREMENTS_SUMMARY:") == (1 if turn.finished else 0)
        before, summary = split_marker(message)
        assert summary == turn.summary
        assert split_marker(before)[1] is None


def documents(name: str) -> tuple[str, str, str]:
    summary = TALK[name].summary
    discussion: list[Contribution] = []
    proposal = ceo_turn(read_brief([RequestMessage(m.role, m.content) for m in ceo_messages(summary)])).message
    discussion.append(Contribution("CEO", "ceo", proposal))
    messages = cto_messages(summary, discussion)
    plan = cto_turn(read_brief([RequestMessage(m.role, m.content) for m in messages])).message
    discussion.append(Contribution("CTO", "cto", plan))
    messages = prd_messages(summary, discussion)
    return proposal, plan, prd(read_brief([RequestMessage(m.role, m.content) for m in messages]))


@named
def test_the_documents_trace_every_requirement(name: str) -> None:
    numbers = {item.id for item in number_requirements(TALK[name].summary)}
    assert numbers
    for document in documents(name):
        assert numbers <= set(re.findall(r"\bR\d+\b", document))


def test_twenty_ideas_give_twenty_prds() -> None:
    assert len({documents(name)[2] for name in IDEAS}) == 20


def test_some_plans_meet_an_objection_and_some_do_not() -> None:
    objected = {name for name in IDEAS if "Objection on" in documents(name)[1]}
    assert objected
    assert objected != set(IDEAS)
